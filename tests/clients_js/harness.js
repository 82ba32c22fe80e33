// Starts `interlock serve` on free ports, runs its command line, and serves an OpenAI-shaped embeddings endpoint.
// Called by the tests beside it; the same as tests/harness, as far as these need it.
'use strict';

const { spawn, execFile } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: delay } = require('node:timers/promises');

const START_MS = 60_000;

/** A port below those of outgoing connections that nothing listens on. */
async function freePort() {
  for (let attempt = 0; attempt < 1000; attempt += 1) {
    const port = 12_000 + Math.floor(Math.random() * 8_000);
    const server = net.createServer();
    const free = await new Promise((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (free) {
      await new Promise((resolve) => server.close(resolve));
      return port;
    }
  }
  throw new Error('no free port in 1000 attempts');
}

/** Polls `condition` until it is truthy, for at most `ms`. */
async function until(condition, what, ms = START_MS) {
  const deadline = Date.now() + ms;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`within ${ms} ms it was not true that ${what}`);
    await delay(50);
  }
}

class Interlock {
  /** `upstream`: {rest, grpc}, or undefined for the embedded engine. */
  static async start(upstream) {
    const made = new Interlock();
    made.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'interlock-js-'));
    const [http_, grpc, admin] = [await freePort(), await freePort(), await freePort()];
    made.rest = `http://127.0.0.1:${http_}`;
    made.admin = `http://127.0.0.1:${admin}`;
    const flags = ['--http', `127.0.0.1:${http_}`, '--grpc', `127.0.0.1:${grpc}`, '--admin', `127.0.0.1:${admin}`];
    if (upstream) flags.push('--upstream', upstream.grpc, '--upstream-rest', upstream.rest);
    const log = fs.openSync(path.join(made.folder, 'interlock.log'), 'a');
    const binary = process.env.INTERLOCK_BIN;
    if (!binary) throw new Error('set INTERLOCK_BIN to the built `interlock`, as tests/run does');
    made.process = spawn(binary, ['serve', ...flags, '--data', path.join(made.folder, 'data')], {
      cwd: made.folder,
      // `serve` refuses INTERLOCK_ variables that it does not know, such as those of the tests.
      env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('INTERLOCK_'))),
      stdio: ['ignore', log, log],
    });
    await until(() => made.isReady(), `interlock is ready (${made.folder})`);
    return made;
  }

  async isReady() {
    if (this.process.exitCode !== null) throw new Error(`interlock ended with ${this.process.exitCode}: ${this.log()}`);
    try {
      return (await fetch(`${this.admin}/readyz`)).ok;
    } catch {
      return false;
    }
  }

  log() {
    return fs.readFileSync(path.join(this.folder, 'interlock.log'), 'utf8').slice(-4000);
  }

  /** Runs a command of the CLI and returns its document. */
  cli(...args) {
    return new Promise((resolve, reject) => {
      execFile(process.env.INTERLOCK_BIN, [...args, '--admin', this.admin, '--json'], (error, stdout, stderr) => {
        if (error) reject(new Error(`interlock ${args.join(' ')}: ${stdout}${stderr}`));
        else resolve(JSON.parse(stdout));
      });
    });
  }

  async stop() {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await ended;
    fs.rmSync(this.folder, { recursive: true });
  }
}

/** A text's vector under a made-up model: letters counted by their place, scaled by the model's name. */
function vectorOf(model, dimension, text) {
  const vector = new Array(dimension).fill(0.01);
  for (let at = 0; at < text.length; at += 1) {
    vector[(text.charCodeAt(at) * model.length + at) % dimension] += 1 / (1 + at);
  }
  return vector;
}

/** `models`: name → dimension. */
async function embedder(models) {
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const { model, input } = JSON.parse(Buffer.concat(chunks));
      const data = input.map((text, index) => ({
        object: 'embedding',
        index,
        embedding: vectorOf(model, models[model], text),
      }));
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ object: 'list', model, data, usage: { prompt_tokens: 1, total_tokens: 1 } }));
    });
  });
  const port = await freePort();
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${port}/v1/embeddings`,
    stop: () => new Promise((resolve) => (server.close(resolve), server.closeAllConnections())),
  };
}

module.exports = { Interlock, embedder, until };

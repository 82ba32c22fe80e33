// The official JS client, unmodified: its main calls give through Interlock what they give without it.
'use strict';

const assert = require('node:assert/strict');
const { test, before, after } = require('node:test');
const { QdrantClient } = require('@qdrant/js-client-rest');
const { Interlock, embedder } = require('./harness.js');
const { run, policy, QDRANT_REFUSES } = require('./calls.js');

const { QDRANT_URL, QDRANT_GRPC_URL } = process.env;
const ENGINES = QDRANT_URL && QDRANT_GRPC_URL ? ['embedded', 'qdrant'] : ['embedded'];
const MODELS = { old: 4, new: 6 };
const MODES = ['unmanaged', 'managed', 'migrating', 'cut over'];
const NOT_EMBEDDED = 'the embedded engine does not do';

/** Without what differs from run to run; equal scores are put in the order of their ids. */
function plain(value) {
  if (Array.isArray(value)) {
    const items = value.map(plain);
    // A point with two cities heads two groups, which come in any order.
    if (items.some((item) => item?.hits)) return items.sort((a, b) => String(a.id).localeCompare(String(b.id)));
    const scored = items.length > 0 && items.every((item) => item && item.score !== undefined);
    return scored ? items.sort((a, b) => b.score - a.score || String(a.id).localeCompare(String(b.id))) : items;
  }
  if (typeof value === 'number') return Number(value.toFixed(5));
  if (value === null || typeof value !== 'object') return value;
  const ignored = ['time', 'operation_id', 'usage', 'version', 'segments_count', 'indexed_vectors_count', 'optimizer_status'];
  const kept = Object.entries(value).filter(([key, inner]) => !ignored.includes(key) && inner !== null);
  return Object.fromEntries(kept.filter(([, inner]) => inner !== 'green' && inner !== 'yellow').map(([key, inner]) => [key, plain(inner)]));
}

/** Each step's answer, refusals included. A step in `leftOut` is not called: the other run has it refused. */
async function transcript(client, name, vector, leftOut, hooks) {
  const steps = {};
  const say = async (label, call) => {
    assert.ok(!(label in steps), `two steps are called ${label}`);
    try {
      steps[label] = label in leftOut ? null : plain(await call());
    } catch (refused) {
      const reason = refused.headers?.get('interlock-reason') ?? null;
      steps[label] = { refused: refused.status ?? refused.message, said: refused.data?.status?.error, reason };
    }
  };
  await run(client, name, vector, say, hooks);
  return JSON.parse(JSON.stringify(steps).replaceAll(name, 'NAME'));
}

/** Steps without the reasons of refusals that Qdrant would have said in the same words. */
function comparable(steps) {
  const bare = ([label, answer]) => [label, answer?.refused ? { refused: answer.refused, said: answer.said } : answer];
  return Object.fromEntries(Object.entries(steps).map(bare));
}

function suite(engine) {
  const upstream = engine === 'qdrant' ? { rest: QDRANT_URL, grpc: QDRANT_GRPC_URL } : undefined;
  const running = {};
  const made = [];

  before(async () => {
    running.embedder = await embedder(MODELS);
    running.through = await Interlock.start(upstream);
    if (!upstream) running.plain = await Interlock.start();
    for (const [model, dimension] of Object.entries(MODELS)) {
      await running.through.cli('model', 'add', `${model}@1`, '--dim', `${dimension}`, '--embedder', 'openai', '--url', running.embedder.url, '--api-model', model);
    }
  });

  after(async () => {
    const direct = new QdrantClient({ url: upstream?.rest ?? running.plain.rest, checkCompatibility: false });
    if (upstream) for (const name of made) await direct.deleteCollection(name);
    await running.through?.stop();
    await running.plain?.stop();
    await running.embedder?.stop();
  });

  const transcriptOf = async (url, vector, mode, leftOut) => {
    const name = `js-${process.pid}-${made.length}`;
    made.push(name);
    const client = new QdrantClient({ url, checkCompatibility: false });
    const adopt = ['adopt', name, `--vector=${vector}`, '--opaque', 'words', '--model', 'old', '--source', '{text}'];
    const field = vector ? `${name}/${vector}` : name;
    const hooks = {
      afterCreate: async () => {
        if (!['direct', 'unmanaged'].includes(mode)) await running.through.cli(...adopt);
      },
      afterFirstWrite: async () => {
        if (['migrating', 'cut over'].includes(mode)) await running.through.cli('migrate', 'start', field, '--to', 'new');
        if (mode === 'cut over') await running.through.cli('migrate', 'cutover', field, '--to', 'new');
      },
    };
    return transcript(client, name, vector, leftOut, hooks);
  };

  for (const vector of ['', 'title']) {
    for (const mode of MODES) {
      test(`${engine}, ${mode}, ${vector || 'unnamed'}: every answer is what it is directly`, async () => {
        const refusals = policy(mode);
        const expected = await transcriptOf(upstream?.rest ?? running.plain.rest, vector, 'direct', refusals);
        if (mode === 'unmanaged') {
          const refused = Object.entries(expected).filter(([, answer]) => answer?.refused);
          const meant = refused.filter(([, answer]) => !(engine === 'embedded' && answer.said?.includes(NOT_EMBEDDED)));
          assert.deepEqual(meant.map(([label]) => label).sort(), [...QDRANT_REFUSES].sort(), JSON.stringify(refused));
        }
        const found = await transcriptOf(running.through.rest, vector, mode, {});
        for (const [label, reason] of Object.entries(refusals)) {
          assert.equal(found[label]?.reason, reason, `${label}: ${JSON.stringify(found[label])}`);
          found[label] = null;
        }
        assert.deepEqual(comparable(found), comparable(expected));
      });
    }
  }
}

for (const engine of ENGINES) suite(engine);
if (ENGINES.length === 1) console.log('real Qdrant: did not run (QDRANT_URL and QDRANT_GRPC_URL are not set); the embedded engine did');

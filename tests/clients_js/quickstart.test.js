// The official JS client, unmodified: the calls of its quickstart give through Interlock what they give without it.
'use strict';

const assert = require('node:assert/strict');
const { test, before, after } = require('node:test');
const { QdrantClient } = require('@qdrant/js-client-rest');
const { Interlock, embedder } = require('./harness.js');

const { QDRANT_URL, QDRANT_GRPC_URL } = process.env;
const ENGINES = QDRANT_URL && QDRANT_GRPC_URL ? ['embedded', 'qdrant'] : ['embedded'];
const MODELS = { old: 4, new: 6 };
const CITIES = [
  { id: 1, vector: [0.05, 0.61, 0.76, 0.74], payload: { city: 'Berlin', text: 'on the Spree' } },
  { id: 2, vector: [0.19, 0.81, 0.75, 0.11], payload: { city: ['Berlin', 'London'], text: 'on the Thames' } },
  { id: 3, vector: [0.36, 0.55, 0.47, 0.94], payload: { city: ['Berlin', 'Moscow'], text: 'on the Moskva' } },
  { id: 4, vector: [0.18, 0.01, 0.85, 0.8], payload: { city: ['London', 'Moscow'], text: 'between' } },
  { id: '98a9a4b1-4ef2-46fb-8315-a97d874fe1d7', vector: [0.24, 0.18, 0.22, 0.44], payload: { count: [0], text: 'zero' } },
  { id: 'f0e09527-b096-42a8-94e9-ea94d342b925', vector: [0.35, 0.08, 0.11, 0.44], payload: { text: 'nothing' } },
];
const QUERY = [0.2, 0.1, 0.9, 0.7];
const LONDON = { must: [{ key: 'city', match: { value: 'London' } }] };

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

/** Every call in order with its answer, refusals included. */
async function run(client, name, vector, { afterCreate, afterFirstWrite }) {
  const steps = [];
  const say = async (label, call) => {
    try {
      steps.push([label, plain(await call())]);
    } catch (refused) {
      steps.push([label, { refused: refused.status ?? refused.message, said: refused.data?.status?.error }]);
    }
  };
  const given = (values) => (vector ? { [vector]: values } : values);
  const points = CITIES.map((point) => ({ ...point, vector: given(point.vector) }));
  const using = vector ? { using: vector } : {};
  const params = { size: 4, distance: 'Cosine' };
  await client.createCollection(name, { vectors: vector ? { [vector]: params } : params });
  await afterCreate();
  await say('upsert', () => client.upsert(name, { wait: true, points: points.slice(0, 3) }));
  await afterFirstWrite();
  await say('upsert more', () => client.upsert(name, { wait: true, points: points.slice(3) }));
  await say('exists', () => client.collectionExists(name));
  await say('info', () => client.getCollection(name));
  await say('index', () => client.createPayloadIndex(name, { field_name: 'city', field_schema: 'keyword', wait: true }));
  await say('query', () => client.query(name, { query: QUERY, limit: 3, with_payload: true, ...using }));
  await say('query filtered', () => client.query(name, { query: QUERY, filter: LONDON, with_vector: true, ...using }));
  await say('query by id', () => client.query(name, { query: 1, ...using }));
  await say('batch', () => client.queryBatch(name, { searches: [{ query: QUERY, limit: 1, ...using }, { query: 2, limit: 2, ...using }] }));
  await say('groups', () => client.queryGroups(name, { query: QUERY, group_by: 'city', group_size: 1, limit: 3, ...using }));
  const recommend = { recommend: { positive: [1, QUERY], negative: [2] } };
  await say('recommend', () => client.query(name, { query: recommend, limit: 3, ...using }));
  const discover = { discover: { target: QUERY, context: [{ positive: 1, negative: 4 }] } };
  await say('discover', () => client.query(name, { query: discover, limit: 9, ...using }));
  const prefetch = [{ query: QUERY, limit: 9, ...using }, { query: 2, limit: 9, ...using }];
  await say('fusion', () => client.query(name, { prefetch, query: { fusion: 'rrf' }, limit: 9 }));
  await say('scroll', () => client.scroll(name, { limit: 3, with_vector: true }));
  await say('retrieve', () => client.retrieve(name, { ids: [1, CITIES[4].id], with_vector: true }));
  await say('count', () => client.count(name, { filter: LONDON, exact: true }));
  await say('facet', () => client.facet(name, { key: 'city', exact: true }));
  await say('set payload', () => client.setPayload(name, { wait: true, payload: { seen: true }, points: [1, 2] }));
  await say('overwrite payload', () => client.overwritePayload(name, { wait: true, payload: { text: 'other' }, points: [3] }));
  await say('delete payload', () => client.deletePayload(name, { wait: true, keys: ['seen'], points: [2] }));
  await say('clear payload', () => client.clearPayload(name, { wait: true, points: [4] }));
  await say('update vectors', () => client.updateVectors(name, { wait: true, points: [{ id: 1, vector: given(QUERY) }] }));
  if (vector) await say('delete vectors', () => client.deleteVectors(name, { wait: true, vector: [vector], points: [2] }));
  await say('batch update', () => client.batchUpdate(name, { wait: true, operations: [{ upsert: { points: [{ ...points[0], id: 9 }] } }, { delete: { points: [3] } }] }));
  await say('delete', () => client.delete(name, { wait: true, points: [1] }));
  await say('all', () => client.scroll(name, { limit: 20, with_vector: true }));
  await say('unknown vector', () => client.query(name, { query: QUERY, using: 'nowhere' }));
  return steps;
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

  const transcript = async (url, vector, mode) => {
    const name = `js-${process.pid}-${made.length}`;
    made.push(name);
    const client = new QdrantClient({ url, checkCompatibility: false });
    const adopt = ['adopt', name, '--model', 'old', '--source', '{text}'];
    const hooks = {
      afterCreate: async () => {
        if (mode === 'managed' || mode === 'migrating') await running.through.cli(...adopt);
      },
      afterFirstWrite: async () => {
        if (mode === 'migrating') await running.through.cli('migrate', 'start', vector ? `${name}/${vector}` : name, '--to', 'new');
      },
    };
    const steps = await run(client, name, vector, hooks);
    return JSON.parse(JSON.stringify(steps).replaceAll(name, 'NAME'));
  };

  for (const vector of ['', 'title']) {
    for (const mode of ['unmanaged', 'managed', 'migrating']) {
      test(`${engine}, ${mode}, ${vector || 'unnamed'}: every answer is what it is directly`, async () => {
        const expected = await transcript(upstream?.rest ?? running.plain.rest, vector, 'direct');
        const refused = expected.filter(([, answer]) => answer?.refused).map(([label]) => label);
        assert.deepEqual(refused, ['unknown vector'], JSON.stringify(expected));
        const found = await transcript(running.through.rest, vector, mode);
        assert.deepEqual(found, expected);
      });
    }
  }
}

for (const engine of ENGINES) suite(engine);
if (ENGINES.length === 1) console.log('real Qdrant: did not run (QDRANT_URL and QDRANT_GRPC_URL are not set); the embedded engine did');

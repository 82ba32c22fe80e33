// The main calls of the official JS client on one collection, in order, each with a label. Called by calls.test.js.
'use strict';

const QUERY = [0.2, 0.1, 0.9, 0.7];
const CITIES = [
  { id: 1, vector: [0.05, 0.61, 0.76, 0.74], payload: { city: 'Berlin', text: 'on the Spree', people: 3.7, rank: 5, at: { lat: 52.52, lon: 13.4 } } },
  { id: 2, vector: [0.19, 0.81, 0.75, 0.11], payload: { city: ['Berlin', 'London'], text: 'on the Thames', people: 8.9, rank: 3 } },
  { id: 3, vector: [0.36, 0.55, 0.47, 0.94], payload: { city: ['Berlin', 'Moscow'], text: 'on the Moskva', people: 13.1, rank: 2 } },
  { id: 4, vector: [0.18, 0.01, 0.85, 0.8], payload: { city: ['London', 'Moscow'], text: 'between', nested: [{ n: 1 }, { n: 2 }] } },
  { id: '98a9a4b1-4ef2-46fb-8315-a97d874fe1d7', vector: [0.24, 0.18, 0.22, 0.44], payload: { count: [0], text: 'zero' } },
  { id: 'f0e09527-b096-42a8-94e9-ea94d342b925', vector: [0.35, 0.08, 0.11, 0.44], payload: { text: 'nothing', rank: 9 } },
];
const UUID = CITIES[4].id;
const LONDON = { must: [{ key: 'city', match: { value: 'London' } }] };
const sparse = (indices) => ({ indices, values: indices.map((index) => 1 + index / 10) });

/** What all parts need: the client, the collection, its vector, and `say(label, call)`. */
function scene(client, name, vector, say) {
  const given = (values) => (vector ? { [vector]: values } : values);
  const points = CITIES.map((point) => ({ ...point, vector: given(point.vector) }));
  points[1].vector = { [vector]: CITIES[1].vector, words: sparse([1, 10]) };
  points[2].vector = { [vector]: CITIES[2].vector, words: { indices: [10, 30], values: [5, 4] } };
  return { client, name, vector, say, given, points, using: vector ? { using: vector } : {}, look: (label) => say(label, () => client.scroll(name, { limit: 200, with_vector: true })) };
}

async function schema({ client, name, say, vector }) {
  await say('exists', () => client.collectionExists(name));
  await say('info', () => client.getCollection(name));
  await say('listed', async () => (await client.getCollections()).collections.filter((found) => found.name === name));
  await say('version', async () => Object.keys(await client.versionInfo()).sort());
  await say('snapshots', () => client.listSnapshots(name));
  await say('optimizations', () => client.getOptimizations(name));
  const indexes = { city: 'keyword', people: 'float', rank: 'integer', at: 'geo', text: { type: 'text', tokenizer: 'word' } };
  for (const [field_name, field_schema] of Object.entries(indexes)) {
    await say(`index of ${field_name}`, () => client.createPayloadIndex(name, { field_name, field_schema, wait: true }));
  }
  await say('info with indexes', () => client.getCollection(name));
  await say('delete an index', () => client.deletePayloadIndex(name, 'at', { wait: true }));
  const other = `${name}-other`;
  await say('create another', () => client.createCollection(other, { vectors: { a: { size: 2, distance: 'Dot' } } }));
  await say('create it again', () => client.createCollection(other, { vectors: { a: { size: 2, distance: 'Dot' } } }));
  await say('fill it', () => client.upsert(other, { wait: true, points: [{ id: 1, vector: { a: [1, 2] }, payload: { a: 1 } }] }));
  await say('query it', () => client.query(other, { query: [1, 1], using: 'a', with_vector: true }));
  await say('update it', () => client.updateCollection(other, { metadata: { made: 'here' } }));
  await say('info of it', () => client.getCollection(other));
  await say('delete it', () => client.deleteCollection(other));
  await say('update collection', () => client.updateCollection(name, { optimizers_config: { indexing_threshold: 30000 } }));
  await say('create vector name', () => client.createVectorName(name, 'extra', { dense: { size: 3, distance: 'Dot' } }, { wait: true }));
  await say('delete vector name', () => client.deleteVectorName(name, 'extra', { wait: true }));
  const alias = `${name}-alias`;
  await say('create alias', () => client.updateCollectionAliases({ actions: [{ create_alias: { collection_name: name, alias_name: alias } }] }));
  await say('aliases', () => client.getCollectionAliases(name));
  await say('query by alias', () => client.query(alias, { query: QUERY, ...(vector ? { using: vector } : {}) }));
  await say('delete alias', () => client.updateCollectionAliases({ actions: [{ delete_alias: { alias_name: alias } }] }));
  await say('info after all that', () => client.getCollection(name));
}

async function queries({ client, name, say, using, vector }) {
  const query = (options) => client.query(name, { ...using, ...options });
  await say('query', () => query({ query: QUERY, limit: 3, with_payload: true }));
  await say('query filtered', () => query({ query: QUERY, filter: LONDON, with_vector: true }));
  await say('query with chosen payload', () => query({ query: QUERY, with_payload: { include: ['city'] } }));
  await say('query with excluded payload', () => query({ query: QUERY, with_payload: { exclude: ['text'] }, with_vector: [vector] }));
  await say('query offset, threshold, exact', () => query({ query: QUERY, offset: 1, score_threshold: 0.4, params: { exact: true } }));
  await say('query by id', () => query({ query: 1 }));
  await say('query by uuid', () => query({ query: UUID }));
  await say('query words', () => client.query(name, { query: sparse([10]), using: 'words', with_vector: ['words'] }));
  await say('query without a query', () => query({ limit: 9, with_vector: true }));
  await say('mmr', () => query({ query: { nearest: QUERY, mmr: { diversity: 0.6, candidates_limit: 9 } }, limit: 3 }));
  await say('recommend', () => query({ query: { recommend: { positive: [1, QUERY], negative: [2] } }, limit: 3 }));
  await say('recommend by best score', () => query({ query: { recommend: { positive: [1], strategy: 'best_score' } } }));
  const context = [{ positive: 1, negative: 4 }];
  await say('discover', () => query({ query: { discover: { target: QUERY, context } }, limit: 9 }));
  await say('context', () => query({ query: { context } }));
  const prefetch = [{ query: QUERY, limit: 9, ...using }, { query: 2, limit: 9, filter: LONDON, ...using }];
  const words = { query: sparse([10]), using: 'words', limit: 5 };
  await say('rrf', () => client.query(name, { prefetch, query: { fusion: 'rrf' }, limit: 9 }));
  await say('dbsf', () => client.query(name, { prefetch, query: { fusion: 'dbsf' }, limit: 9 }));
  await say('hybrid', () => client.query(name, { prefetch: [prefetch[0], words], query: { rrf: { k: 10, weights: [1, 2] } }, limit: 9, with_vector: true }));
  await say('nested', () => query({ prefetch: { prefetch: { prefetch, query: 3, ...using }, query: { fusion: 'rrf' } }, query: QUERY, limit: 4 }));
  await say('formula', () => client.query(name, { prefetch, query: { formula: { sum: ['$score', { mult: [0.1, 'rank'] }] }, defaults: { rank: 1 } } }));
  await say('order by', () => client.query(name, { query: { order_by: { key: 'people', direction: 'desc' } } }));
  await say('batch', () => client.queryBatch(name, { searches: [{ query: QUERY, limit: 1, ...using }, { query: 2, limit: 2, with_vector: true, ...using }] }));
  const groups = (options) => client.queryGroups(name, { query: QUERY, group_by: 'city', group_size: 1, limit: 3, ...using, ...options });
  await say('groups', () => groups({}));
  await say('groups with lookup', () => groups({ group_by: 'rank', with_lookup: name }));
  await say('groups with looked up vectors', () => groups({ group_by: 'rank', with_lookup: { collection: name, with_vectors: true } }));
  await say('matrix of pairs', async () => (await client.searchMatrixPairs(name, { sample: 20, limit: 2, ...using })).pairs.map((pair) => [...[pair.a, pair.b].map(String).sort(), pair.score.toFixed(4)].join(' ')).sort());
}

async function pages({ client, name, say, vector }) {
  await say('scroll', () => client.scroll(name, { limit: 3, with_vector: true }));
  await say('scroll on', () => client.scroll(name, { limit: 2, offset: 2, with_payload: false, with_vector: [vector] }));
  await say('scroll ordered', () => client.scroll(name, { order_by: { key: 'rank', direction: 'desc' } }));
  await say('scroll filtered', () => client.scroll(name, { filter: { should: [{ is_empty: { key: 'rank' } }, { has_id: [1] }], must: [{ has_vector: vector }] } }));
  await say('scroll nested', () => client.scroll(name, { filter: { must: [{ nested: { key: 'nested', filter: { must: [{ key: 'n', range: { gt: 1 } }] } } }] } }));
  await say('retrieve', () => client.retrieve(name, { ids: [1, UUID, 99], with_vector: true }));
  await say('count', () => client.count(name, { filter: LONDON, exact: true }));
  await say('count has words', () => client.count(name, { filter: { must: { has_vector: 'words' } } }));
  await say('facet', () => client.facet(name, { key: 'city', exact: true }));
}

async function writes({ client, name, say, look, given, points, vector }) {
  const columns = { ids: [20, 21], vectors: vector ? { [vector]: [QUERY, QUERY] } : [QUERY, QUERY], payloads: [{ text: 'twenty' }, { text: 'one more' }] };
  await say('upsert columns', () => client.upsert(name, { wait: true, batch: columns }));
  await say('set payload', () => client.setPayload(name, { wait: true, payload: { seen: true }, points: [1, 2] }));
  await say('set payload at a key', () => client.setPayload(name, { wait: true, payload: { b: 1 }, key: 'a', points: [1] }));
  await say('set payload by filter', () => client.setPayload(name, { wait: true, payload: { big: true }, filter: LONDON }));
  await say('overwrite payload', () => client.overwritePayload(name, { wait: true, payload: { text: 'other' }, points: [3] }));
  await say('delete payload', () => client.deletePayload(name, { wait: true, keys: ['seen'], points: [2] }));
  await say('clear payload', () => client.clearPayload(name, { wait: true, points: [4] }));
  await look('after payloads');
  await say('update vectors', () => client.updateVectors(name, { wait: true, points: [{ id: 1, vector: given(QUERY) }] }));
  await say('delete words', () => client.deleteVectors(name, { wait: true, vector: ['words'], points: [2] }));
  await say('delete vectors', () => client.deleteVectors(name, { wait: true, vector: [vector], filter: { must: [{ has_id: [20] }] } }));
  await look('after vectors');
  const operations = [
    { upsert: { points: [{ ...points[0], id: 9 }] } }, { set_payload: { payload: { a: 1 }, points: [9] } },
    { overwrite_payload: { payload: { text: 'b' }, points: [2] } }, { update_vectors: { points: [{ id: 2, vector: given(QUERY) }] } },
    { delete_payload: { keys: ['a'], points: [9] } }, { clear_payload: { points: [21] } }, { delete: { points: [3] } },
  ];
  await say('batch update', () => client.batchUpdate(name, { wait: true, operations }));
  await say('batch update without waiting', () => client.batchUpdate(name, { operations: operations.slice(0, 2) }));
  await say('delete', () => client.delete(name, { wait: true, points: [1] }));
  await say('delete by filter', () => client.delete(name, { wait: true, filter: LONDON }));
  await look('all');
}

async function errors({ client, name, say, given, using }) {
  await say('unknown vector', () => client.query(name, { query: QUERY, using: 'nowhere' }));
  await say('wrong dimension', () => client.query(name, { query: [1, 2], ...using }));
  await say('missing point', () => client.query(name, { query: 4711, ...using }));
  await say('query nowhere', () => client.query(`${name}-nowhere`, { query: QUERY }));
  await say('info of nowhere', () => client.getCollection(`${name}-nowhere`));
  await say('upsert nowhere', () => client.upsert(`${name}-nowhere`, { wait: true, points: [{ id: 1, vector: given(QUERY) }] }));
  await say('set payload of nobody', () => client.setPayload(name, { wait: true, payload: { a: 1 }, points: [4711] }));
}

/** Every call; the hooks are where the collection is adopted and where a migration is opened. */
async function run(client, name, vector, say, { afterCreate, afterFirstWrite }) {
  const params = { size: 4, distance: 'Cosine' };
  await client.createCollection(name, { vectors: vector ? { [vector]: params } : params, sparse_vectors: { words: {} } });
  await afterCreate();
  const scenery = scene(client, name, vector, say);
  await say('upsert', () => client.upsert(name, { wait: true, points: scenery.points.slice(0, 3) }));
  await afterFirstWrite();
  await say('upsert more', () => client.upsert(name, { wait: true, points: scenery.points.slice(3) }));
  for (const part of [schema, queries, pages, writes, errors]) await part(scenery);
}

// Steps that Qdrant refuses.
const QDRANT_REFUSES = ['create it again', 'unknown vector', 'wrong dimension', 'missing point', 'query nowhere', 'info of nowhere', 'upsert nowhere', 'set payload of nobody'];

// Steps that Interlock refuses on a managed collection, with the reasons that it gives.
const POLICY = {
  optimizations: 'closed_call', // segments of standby spaces would be shown
  'create vector name': 'unregistered_vector', // a vector name without a model
  'delete vector name': 'unknown_vector', // it was not made
};
/** Each step that is refused in a mode, with its reason. */
function policy(mode) {
  return mode === 'unmanaged' ? {} : POLICY;
}

module.exports = { run, policy, QDRANT_REFUSES };

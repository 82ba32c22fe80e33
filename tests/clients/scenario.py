"""The calls of the official client's quickstart and its guides, over one collection with an unnamed or a named vector."""

from qdrant_client import models

DIMENSION = 4
CITIES = {
    1: ([0.05, 0.61, 0.76, 0.74], {"city": "Berlin", "text": "a city on the Spree", "people": 3.7, "tags": ["a", "b"]}),
    2: ([0.19, 0.81, 0.75, 0.11], {"city": "London", "text": "a city on the Thames", "people": 8.9}),
    3: ([0.36, 0.55, 0.47, 0.94], {"city": "Moscow", "text": "a city on the Moskva", "people": 13.1}),
    4: ([0.18, 0.01, 0.85, 0.80], {"city": "New York", "text": "a city on the Hudson", "people": 8.3}),
    5: ([0.24, 0.18, 0.22, 0.44], {"city": "Beijing", "text": "a city near the Yongding", "people": 21.9}),
    6: ([0.35, 0.08, 0.11, 0.44], {"city": "Mumbai", "text": "a city by the Arabian Sea", "people": 12.5}),
}
UUID = "5c56c793-69f3-4fbf-87e6-c4bf54c28c26"
QUERY = [0.2, 0.1, 0.9, 0.7]


def matching(city):
    """A filter on the city."""
    return models.Filter(must=[models.FieldCondition(key="city", match=models.MatchValue(value=city))])


def create(client, name, vector):
    """The collection, before anybody manages it."""
    params = models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE)
    client.create_collection(name, vectors_config={vector: params} if vector else params)


def run(client, name, vector, transcript, after_first_write):
    """Every call; `after_first_write` is where a migration may be opened."""
    say = transcript.note
    vectors = lambda values: {vector: values} if vector else values
    points = [models.PointStruct(id=i, vector=vectors(v), payload=p) for i, (v, p) in CITIES.items()]
    say("upsert", lambda: client.upsert(name, points[:3], wait=True))
    after_first_write()
    say("upsert more", lambda: client.upsert(name, points[3:], wait=True))
    say("upsert uuid", lambda: client.upsert(name, [models.PointStruct(id=UUID, vector=vectors(QUERY), payload={"text": "x", "city": "none"})], wait=True))
    say("upsert again", lambda: client.upsert(name, [points[1]], wait=True))
    _reads(client, name, vector, say)
    _payloads(client, name, say)
    _vectors(client, name, vector, vectors, say)
    _batches(client, name, vectors, say)
    _deletions(client, name, vectors, say)


def _reads(client, name, vector, say):
    using = {"using": vector} if vector else {}
    query = lambda **options: client.query_points(name, **{**using, **options}).points
    say("exists", lambda: client.collection_exists(name))
    say("info", lambda: client.get_collection(name))
    say("index", lambda: client.create_payload_index(name, "city", models.PayloadSchemaType.KEYWORD, wait=True))
    say("index of numbers", lambda: client.create_payload_index(name, "people", models.PayloadSchemaType.FLOAT, wait=True))
    say("info with indexes", lambda: client.get_collection(name))
    say("query", lambda: query(query=QUERY, limit=3))
    say("query with payload", lambda: query(query=QUERY, limit=3, with_payload=True))
    say("query with chosen payload", lambda: query(query=QUERY, limit=3, with_payload=["city"]))
    say("query with excluded payload", lambda: query(query=QUERY, with_payload=models.PayloadSelectorExclude(exclude=["text"])))
    say("query with vectors", lambda: query(query=QUERY, limit=3, with_vectors=True))
    say("query filtered", lambda: query(query=QUERY, query_filter=matching("London"), with_payload=True))
    say("query offset, threshold, exact", lambda: query(query=QUERY, offset=1, score_threshold=0.5, search_params=models.SearchParams(exact=True)))
    say("query by id", lambda: query(query=1, limit=3))
    say("query without a query", lambda: query(limit=4))
    say("order by", lambda: query(query=models.OrderByQuery(order_by="people"), limit=3))
    say("recommend", lambda: query(query=models.RecommendQuery(recommend=models.RecommendInput(positive=[1, QUERY], negative=[2]))))
    say("recommend best score", lambda: query(query=models.RecommendQuery(recommend=models.RecommendInput(positive=[1], strategy=models.RecommendStrategy.BEST_SCORE))))
    say("discover", lambda: query(query=models.DiscoverQuery(discover=models.DiscoverInput(target=QUERY, context=[models.ContextPair(positive=1, negative=2)]))))
    say("context", lambda: query(query=models.ContextQuery(context=[models.ContextPair(positive=1, negative=2)])))
    prefetch = [models.Prefetch(query=QUERY, limit=9, **using), models.Prefetch(query=2, limit=9, **using)]
    say("fusion", lambda: client.query_points(name, prefetch=prefetch, query=models.FusionQuery(fusion=models.Fusion.RRF), limit=10).points)
    say("rescoring", lambda: query(prefetch=prefetch, query=QUERY, limit=4))
    say("batch", lambda: client.query_batch_points(name, [models.QueryRequest(query=QUERY, limit=2, **using), models.QueryRequest(query=3, limit=2, with_vector=True, **using)]))
    say("groups", lambda: client.query_points_groups(name, group_by="city", query=QUERY, limit=3, group_size=1, **using))
    say("retrieve", lambda: client.retrieve(name, [1, UUID, 99], with_vectors=True))
    say("retrieve named vectors", lambda: client.retrieve(name, [1], with_vectors=[vector]) if vector else None)
    say("scroll", lambda: client.scroll(name, limit=3, with_vectors=True))
    say("scroll on", lambda: client.scroll(name, limit=3, offset=4, with_payload=["city"]))
    say("scroll filtered, ordered", lambda: client.scroll(name, scroll_filter=models.Filter(must=[models.FieldCondition(key="people", range=models.Range(gte=8.5))]), order_by="people"))
    say("count", lambda: client.count(name, exact=True))
    say("count filtered", lambda: client.count(name, count_filter=matching("Berlin"), exact=True))
    say("facet", lambda: client.facet(name, "city", exact=True))
    say("has vector", lambda: client.count(name, count_filter=models.Filter(must=[models.HasVectorCondition(has_vector=vector)]), exact=True))
    say("wrong dimension", lambda: query(query=[0.1, 0.2]))


def _payloads(client, name, say):
    look = lambda label: say(label, lambda: client.scroll(name, limit=20))
    say("set payload", lambda: client.set_payload(name, {"river": "Spree"}, points=[1, 2], wait=True))
    say("set payload at a key", lambda: client.set_payload(name, {"deep": {"er": 1}}, points=[3], key="nested", wait=True))
    say("set payload by filter", lambda: client.set_payload(name, {"big": True}, points=matching("Moscow"), wait=True))
    look("after set")
    say("overwrite payload", lambda: client.overwrite_payload(name, {"city": "Delhi", "text": "a city on the Yamuna"}, points=[6], wait=True))
    look("after overwrite")
    say("delete payload", lambda: client.delete_payload(name, keys=["river", "nested.deep"], points=[1, 2, 3], wait=True))
    say("clear payload", lambda: client.clear_payload(name, points_selector=[5], wait=True))
    look("after clear")


def _vectors(client, name, vector, vectors, say):
    look = lambda label: say(label, lambda: client.scroll(name, limit=20, with_vectors=True))
    update = [models.PointVectors(id=1, vector=vectors([0.9, 0.1, 0.1, 0.2])), models.PointVectors(id=UUID, vector=vectors([0.1, 0.1, 0.1, 0.2]))]
    say("update vectors", lambda: client.update_vectors(name, update, wait=True))
    look("after update")
    say("update vectors of nobody", lambda: client.update_vectors(name, [models.PointVectors(id=4711, vector=vectors(QUERY))], wait=True))
    if vector:
        say("delete vectors", lambda: client.delete_vectors(name, vectors=[vector], points=[4], wait=True))
        look("after delete vectors")
        say("has vector then", lambda: client.count(name, count_filter=models.Filter(must=[models.HasVectorCondition(has_vector=vector)]), exact=True))


def _batches(client, name, vectors, say):
    upsert = models.UpsertOperation(upsert=models.PointsList(points=[models.PointStruct(id=10, vector=vectors(QUERY), payload={"text": "ten", "city": "x"})]))
    changes = [
        upsert,
        models.SetPayloadOperation(set_payload=models.SetPayload(payload={"a": 1}, points=[10, 2])),
        models.OverwritePayloadOperation(overwrite_payload=models.SetPayload(payload={"b": 2, "text": "new"}, points=[3])),
        models.UpdateVectorsOperation(update_vectors=models.UpdateVectors(points=[models.PointVectors(id=2, vector=vectors([0.3, 0.3, 0.3, 0.4]))])),
        models.DeletePayloadOperation(delete_payload=models.DeletePayload(keys=["a"], points=[2])),
        models.ClearPayloadOperation(clear_payload=models.PointIdsList(points=[6])),
        models.DeleteOperation(delete=models.PointIdsList(points=[1])),
    ]
    say("update batch", lambda: client.batch_update_points(name, changes, wait=True))
    say("after update batch", lambda: client.scroll(name, limit=20, with_vectors=True))


def _deletions(client, name, vectors, say):
    say("delete", lambda: client.delete(name, points_selector=[2], wait=True))
    say("delete by filter", lambda: client.delete(name, points_selector=matching("none"), wait=True))
    more = [models.PointStruct(id=i, vector=vectors([0.1, 0.2, 0.3, i / 200]), payload={"text": f"number {i}"}) for i in range(100, 140)]
    say("upload points", lambda: client.upload_points(name, more, batch_size=16, wait=True))
    say("delete index", lambda: client.delete_payload_index(name, "people", wait=True))
    say("left", lambda: client.scroll(name, limit=60, with_vectors=True))
    say("info at the end", lambda: client.get_collection(name))

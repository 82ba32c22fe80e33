"""`query_points` in every variant, batches and groups."""

from qdrant_client import models

from clients.calls.data import QUERY, UUID, field, match

FORMULA = models.SumExpression(sum=["$score", models.MultExpression(mult=[0.1, "rank"]), match("capital", True).must[0]])


def nearest(run):
    """One query over the vector."""
    query = lambda **options: run.client.query_points(run.name, **{**run.using, **options}).points
    say = run.say
    say("query", lambda: query(query=QUERY, limit=3))
    say("query with payload", lambda: query(query=QUERY, limit=3, with_payload=True))
    say("query without payload", lambda: query(query=QUERY, limit=3, with_payload=False))
    say("query with chosen payload", lambda: query(query=QUERY, limit=3, with_payload=["city"]))
    say("query with included payload", lambda: query(query=QUERY, limit=3, with_payload=models.PayloadSelectorInclude(include=["river.name", "tags"])))
    say("query with excluded payload", lambda: query(query=QUERY, with_payload=models.PayloadSelectorExclude(exclude=["text", "at"])))
    say("query with vectors", lambda: query(query=QUERY, limit=3, with_vectors=True))
    say("query with named vectors", lambda: query(query=QUERY, limit=3, with_vectors=["words"]))
    say("query with its own vector", lambda: query(query=QUERY, limit=3, with_vectors=[run.vector]))
    say("query with both vectors", lambda: query(query=QUERY, limit=9, with_vectors=[run.vector, "words"]))
    say("query filtered", lambda: query(query=QUERY, query_filter=match("city", "London"), with_payload=True))
    say("query offset, threshold, exact", lambda: query(query=QUERY, offset=1, score_threshold=0.5, search_params=models.SearchParams(exact=True, hnsw_ef=64)))
    say("query indexed only", lambda: query(query=QUERY, search_params=models.SearchParams(indexed_only=False)))
    say("query consistently", lambda: query(query=QUERY, limit=2, consistency=models.ReadConsistencyType.ALL, timeout=20))
    say("query by id", lambda: query(query=1, limit=3))
    say("query by uuid", lambda: query(query=UUID, limit=3))
    say("query as an object", lambda: query(query=models.NearestQuery(nearest=QUERY), limit=3))
    say("query words", lambda: run.client.query_points(run.name, query=models.SparseVector(indices=[10, 2], values=[1.0, 1.0]), using="words", with_vectors=True).points)
    say("mmr", lambda: query(query=models.NearestQuery(nearest=QUERY, mmr=models.Mmr(diversity=0.7, candidates_limit=10)), limit=4))
    say("query without a query", lambda: query(limit=4))
    say("query without a query, with vectors", lambda: query(limit=9, with_vectors=True))


def by_examples(run):
    """Queries by stored points."""
    query = lambda **options: run.client.query_points(run.name, **{**run.using, **options}).points
    say = run.say
    recommend = lambda **what: models.RecommendQuery(recommend=models.RecommendInput(**what))
    pair = models.ContextPair(positive=1, negative=2)
    say("recommend", lambda: query(query=recommend(positive=[1, QUERY], negative=[2])))
    for strategy in models.RecommendStrategy:
        say(f"recommend by {strategy.value}", lambda: query(query=recommend(positive=[1], negative=[QUERY], strategy=strategy)))
    say("recommend nobody", lambda: query(query=recommend(positive=[4711])))
    say("discover", lambda: query(query=models.DiscoverQuery(discover=models.DiscoverInput(target=QUERY, context=[pair]))))
    say("discover by id", lambda: query(query=models.DiscoverQuery(discover=models.DiscoverInput(target=3, context=[pair, models.ContextPair(positive=QUERY, negative=5)]))))
    say("context", lambda: query(query=models.ContextQuery(context=[pair])))
    feedback = models.RelevanceFeedbackQuery(relevance_feedback=models.RelevanceFeedbackInput(
        target=QUERY, feedback=[models.FeedbackItem(example=1, score=0.9), models.FeedbackItem(example=2, score=0.1)],
        strategy=models.NaiveFeedbackStrategy(naive=models.NaiveFeedbackStrategyParams(a=0.5, b=0.3, c=0.2)),
    ))
    say("relevance feedback", lambda: query(query=feedback, limit=5))
    say("lookup from itself", lambda: query(query=1, lookup_from=models.LookupLocation(collection=run.name, **({"vector": run.vector} if run.vector else {}))))
    say("query by a missing id", lambda: query(query=4711))


def combined(run):
    """Prefetches, fusion, formulas, orders and samples."""
    client, name, say = run.client, run.name, run.say
    query = lambda **options: client.query_points(name, **options).points
    words = models.Prefetch(query=models.SparseVector(indices=[10, 3], values=[1.0, 0.4]), using="words", limit=9)
    dense = [models.Prefetch(query=QUERY, limit=9, **run.using), models.Prefetch(query=2, limit=9, filter=match("capital", True), **run.using)]
    say("rrf", lambda: query(prefetch=dense, query=models.FusionQuery(fusion=models.Fusion.RRF)))
    say("dbsf", lambda: query(prefetch=dense, query=models.FusionQuery(fusion=models.Fusion.DBSF)))
    say("hybrid", lambda: query(prefetch=[dense[0], words], query=models.FusionQuery(fusion=models.Fusion.RRF), with_vectors=True))
    say("weighted rrf", lambda: query(prefetch=[dense[0], words], query=models.RrfQuery(rrf=models.Rrf(k=20, weights=[2.0, 1.0]))))
    say("rescoring", lambda: query(prefetch=dense, query=QUERY, limit=4, **run.using))
    say("rescoring words", lambda: query(prefetch=words, query=QUERY, limit=4, **run.using))
    nested = models.Prefetch(prefetch=[models.Prefetch(prefetch=dense, query=3, limit=8, **run.using), words], query=models.FusionQuery(fusion=models.Fusion.RRF), limit=7)
    say("nested", lambda: query(prefetch=nested, query=QUERY, score_threshold=0.1, **run.using))
    say("formula", lambda: query(prefetch=dense[0], query=models.FormulaQuery(formula=FORMULA, defaults={"rank": 1.0})))
    say("formula of two", lambda: query(prefetch=dense, query=models.FormulaQuery(formula=models.SumExpression(sum=["$score[0]", "$score[1]"]), defaults={"$score[1]": 0.0})))
    far = models.GeoDistance(geo_distance=models.GeoDistanceParams(origin=models.GeoPoint(lat=52.5, lon=13.4), to="at"))
    decay = models.GaussDecayExpression(gauss_decay=models.DecayParamsExpression(x=far, scale=500_000))
    say("formula of distance", lambda: query(prefetch=dense[0], query=models.FormulaQuery(formula=models.SumExpression(sum=["$score", decay]), defaults={"at": {"lat": 0.0, "lon": 0.0}})))
    say("order by", lambda: query(query=models.OrderByQuery(order_by="people"), limit=3))
    say("order by, backwards", lambda: query(query=models.OrderByQuery(order_by=models.OrderBy(key="people", direction=models.Direction.DESC)), limit=9, with_vectors=True))
    say("sample", lambda: sorted(query(query=models.SampleQuery(sample=models.Sample.RANDOM), limit=50, with_vectors=True), key=lambda point: str(point.id)))
    say("fusion without prefetches", lambda: query(query=models.FusionQuery(fusion=models.Fusion.RRF)))


def many(run):
    """Batches, groups and the matrix."""
    client, name, say = run.client, run.name, run.say
    requests = [
        models.QueryRequest(query=QUERY, limit=2, **run.using),
        models.QueryRequest(query=3, limit=2, with_vector=True, with_payload=True, **run.using),
        models.QueryRequest(limit=3, filter=match("city", "Berlin")),
        models.QueryRequest(query=models.SparseVector(indices=[10], values=[1.0]), using="words", limit=2),
    ]
    say("batch", lambda: client.query_batch_points(name, requests))
    say("batch with one that fails", lambda: client.query_batch_points(name, [requests[0], models.QueryRequest(query=4711, **run.using)]))
    groups = lambda **options: client.query_points_groups(name, **{"group_by": "city", **run.using, **options})
    say("groups", lambda: groups(query=QUERY, limit=3, group_size=1))
    say("groups by tags, with vectors", lambda: groups(group_by="tags", query=QUERY, limit=5, group_size=3, with_vectors=True, query_filter=match("capital", True)))
    say("groups with lookup", lambda: groups(group_by="rank", query=QUERY, limit=4, with_lookup=name))
    lookup = models.WithLookup(collection=name, with_payload=["city"], with_vectors=False)
    say("groups with chosen lookup", lambda: groups(group_by="rank", query=QUERY, limit=4, with_lookup=lookup))
    whole = models.WithLookup(collection=name, with_payload=False, with_vectors=True)
    say("groups with looked up vectors", lambda: groups(group_by="rank", query=QUERY, limit=4, with_lookup=whole))
    prefetch = [models.Prefetch(query=QUERY, limit=9, **run.using)]
    say("groups of a fusion", lambda: client.query_points_groups(name, group_by="city", prefetch=prefetch * 2, query=models.FusionQuery(fusion=models.Fusion.RRF), limit=3))
    say("matrix of pairs", lambda: _pairs(client.search_matrix_pairs(name, sample=20, limit=3, query_filter=match("capital", True), **run.using)))
    say("matrix of offsets", lambda: _offsets(client.search_matrix_offsets(name, sample=20, limit=3, **run.using)))
    above = models.Filter(must=[field("people", range=models.Range(gte=8.5))])
    say("matrix of nobody", lambda: client.search_matrix_pairs(name, sample=5, limit=2, query_filter=match("city", "nowhere"), **run.using))
    say("groups filtered", lambda: groups(query=QUERY, query_filter=above, limit=9))


def _pairs(matrix):
    """The sample comes in any order."""
    return sorted(([sorted([str(pair.a), str(pair.b)]), round(pair.score, 4)] for pair in matrix.pairs), key=str)


def _offsets(matrix):
    ids = matrix.ids
    rows = zip(matrix.offsets_row, matrix.offsets_col, matrix.scores)
    return sorted([sorted([str(ids[row]), str(ids[column])]), round(score, 4)] for row, column, score in rows)

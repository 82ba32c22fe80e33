"""A query is a tree: each node of it must be of one space, whatever its depth, and a batch is one request."""

import pytest
from qdrant_client import grpc as pb

from adversarial.asked import AS_NEW, AS_OLD, MIXED, nearest, nested, over, searched, searches_by
from adversarial.world import FILLING, FLIPPED, NEW, OLD, PLAIN, TEXTS, similarity

DEPTHS = [1, 2, 7, 30]


def test_the_world_tells_the_models_apart(case):
    """The instrument itself: undeclared is old, declared is new, and a standby that is being filled is not readable."""
    body = nearest(case, OLD)
    for state in (PLAIN, FILLING, FLIPPED):
        case.ranked_by(case.ask(case.collection(state), "query", body), OLD, "text 1", 5)
    body = nearest(case, NEW)
    case.ranked_by(case.ask(case.collection(FLIPPED), "query", body, AS_NEW), NEW, "text 1", 5)
    case.refused(case.ask(case.collection(FILLING), "query", body, AS_NEW), "space_not_ready", 409)
    case.refused(case.ask(case.collection(PLAIN), "query", body, AS_NEW), "wrong_space", 400)
    with pytest.raises(AssertionError):
        case.ranked_by(case.ask(case.collection(PLAIN), "query", body), NEW, "text 1")


@pytest.mark.parametrize("depth", DEPTHS)
def test_case_01_a_nested_prefetch_names_the_other_space(case, depth):
    around = nearest(case, OLD)
    for name in (case.at(NEW), case.standby(NEW)):
        body = nested(nearest(case, NEW, using=name), depth, around)
        case.refused(case.ask(case.collection(FLIPPED), "query", body), MIXED)
        case.refused(case.ask(case.collection(FILLING), "query", body), "space_not_ready", 409)
    body = nested(nearest(case, NEW, using="elsewhere"), depth, around)
    case.refused(case.ask(case.collection(FLIPPED), "query", body), "unknown_vector")
    body = nested(nearest(case, OLD, "text 2"), depth, around)
    case.ranked_by(case.ask(case.collection(FLIPPED), "query", body), OLD, "text 1", 5)


def test_case_01_a_prefetch_that_is_an_object_and_not_a_list(rest_case):
    case = rest_case
    body = {**nearest(case, OLD), "prefetch": nearest(case, NEW, using=case.at(NEW))}
    case.refused(case.ask(case.collection(FLIPPED), "query", body), MIXED)
    body = {**nearest(case, OLD), "prefetch": {**nearest(case, OLD), "prefetch": nearest(case, OLD)}}
    case.ranked_by(case.ask(case.collection(FLIPPED), "query", body), OLD, "text 1", 5)


def test_case_02_a_prefetch_leaves_using_out(case):
    """Absent means the unnamed vector, not the outer node's."""
    bare = {"query": OLD.vector("text 1"), "limit": 5}
    body = over(bare, query=OLD.vector("text 1"), **case.using)
    answer = case.ask(case.collection(FLIPPED), "query", body)
    if case.field:
        case.refused(answer, "unknown_vector")
        return
    case.ranked_by(answer, OLD, "text 1", 5)
    body = over(bare, query=NEW.vector("text 1"), using=case.at(NEW))
    case.refused(case.ask(case.collection(FLIPPED), "query", body), MIXED)
    body = over({**bare, "query": NEW.vector("text 2")}, query=NEW.vector("text 1"))
    case.ranked_by(case.ask(case.collection(FLIPPED), "query", body, AS_NEW), NEW, "text 1", 5)


@pytest.mark.parametrize("first,second", [(OLD, NEW), (NEW, OLD)], ids=["old-then-new", "new-then-old"])
def test_case_03_a_prefetch_in_one_space_rescored_in_the_other(case, first, second):
    prefetch = nearest(case, first, using=case.at(first))
    body = {**nearest(case, second, using=case.at(second)), "prefetch": [prefetch]}
    case.refused(case.ask(case.collection(FLIPPED), "query", body), MIXED)
    case.refused(case.ask(case.collection(FILLING), "query", body), {"space_not_ready"}, 409)
    case.refused(case.ask(case.collection(PLAIN), "query", body), "wrong_space")


@pytest.mark.parametrize("fusion", [{"fusion": "rrf"}, {"fusion": "dbsf"}, {"rrf": {"k": 10, "weights": [1.0, 2.0]}}], ids=str)
def test_case_04_fusion_over_old_and_new_space(case, fusion):
    mixed = over(nearest(case, OLD), nearest(case, NEW, using=case.at(NEW)), query=fusion)
    case.refused(case.ask(case.collection(FLIPPED), "query", mixed), MIXED)
    deeper = over(nearest(case, OLD), over(nearest(case, NEW, using=case.at(NEW))), query=fusion)
    case.refused(case.ask(case.collection(FLIPPED), "query", deeper), MIXED)
    case.refused(case.ask(case.collection(FILLING), "query", mixed), "space_not_ready", 409)
    one = over(nearest(case, OLD), nearest(case, OLD, "text 1"), query=fusion)
    answer = case.ask(case.collection(FLIPPED), "query", one)
    case.allowed(answer)
    assert [hit.id for hit in answer.hits] == best(OLD, "text 1")
    answer = case.ask(case.collection(FLIPPED), "query", over(*[nearest(case, NEW)] * 2, query=fusion), AS_NEW)
    case.allowed(answer)
    assert [hit.id for hit in answer.hits] == best(NEW, "text 1")


def best(model, text, count=5, without=()):
    """The ids that a model ranks first."""
    ids = [point for point in TEXTS if point not in without]
    return sorted(ids, key=lambda point: -similarity(model, text, point))[:count]


def test_case_05_a_formula_over_the_scores_of_two_spaces(case):
    formula = {"formula": {"sum": ["$score[0]", "$score[1]"]}}
    mixed = over(nearest(case, OLD), nearest(case, NEW, using=case.at(NEW)), query=formula)
    case.refused(case.ask(case.collection(FLIPPED), "query", mixed), MIXED)
    case.refused(case.ask(case.collection(FILLING), "query", mixed), "space_not_ready", 409)
    one = over(*[nearest(case, OLD, limit=12)] * 2, query=formula)
    answer = case.ask(case.collection(FLIPPED), "query", one)
    case.allowed(answer)
    for hit in answer.hits:
        assert abs(hit.score - 2 * similarity(OLD, "text 1", hit.id)) < 1e-3, hit


def test_case_06_one_bad_item_among_many(case):
    """The whole batch is refused, and none of its good items is forwarded."""
    good, bad = nearest(case, OLD), nearest(case, NEW, using=case.at(NEW))
    for position in range(3):
        items = [good, good]
        items.insert(position, bad)
        case.refused(case.ask(case.collection(FLIPPED), "query_batch", {"searches": items}), MIXED)
        case.refused(case.ask(case.collection(FILLING), "query_batch", {"searches": items}), "space_not_ready", 409)
    legacy = {"vector": searched(case, OLD), "limit": 5}
    for verb, good, bad in (
        ("search_batch", legacy, {"vector": searched(case, NEW, name=case.at(NEW)), "limit": 5}),
        ("recommend_batch", {"positive": [1], "limit": 5, **case.using}, {"positive": [1], "limit": 5, "using": case.at(NEW)}),
        ("discover_batch", {"target": 1, "limit": 5, **case.using}, {"target": 1, "limit": 5, "using": case.at(NEW)}),
    ):
        for items in ([good, bad], [bad, good], [good, good, bad, good]):
            case.refused(case.ask(case.collection(FLIPPED), verb, {"searches": items}), MIXED)
            case.refused(case.ask(case.collection(FILLING), verb, {"searches": items}), "space_not_ready", 409)
        case.allowed(case.ask(case.collection(FLIPPED), verb, {"searches": [good, good]}))


def test_case_07_a_batch_item_names_another_collection(grpc_case):
    """Qdrant ignores the inner name, so a check that believes it would look at the wrong fields."""
    case = grpc_case
    managed, bare = case.collection(FILLING), case.arena.unmanaged(case.field)
    vector = pb.Query(nearest=pb.VectorInput(dense=pb.DenseVector(data=OLD.vector("text 1"))))
    inner = lambda name: pb.QueryPoints(collection_name=name, query=vector, using=case.field or None, limit=5)
    batch = lambda outer, name: pb.QueryBatchPoints(collection_name=outer, query_points=[inner(name)])
    other = case.collection(FLIPPED)
    for name in (bare, other, "nowhere"):
        case.refused(case.grpc("qdrant.Points/QueryBatch", batch(managed, name)), {"ambiguous_body", "malformed"})
    case.ranked_by(case.grpc("qdrant.Points/QueryBatch", batch(managed, managed)), OLD, "text 1", 5)
    # Left out, it is for Qdrant to take or leave.
    answer = case.grpc("qdrant.Points/QueryBatch", batch(managed, ""))
    if answer.ok:
        case.ranked_by(answer, OLD, "text 1", 5)
    else:
        assert answer.reason is None and "collection_name" in answer.message, answer.said
    case.refused(case.grpc("qdrant.Points/QueryBatch", batch(bare, managed)), {"ambiguous_body", "malformed"})


def by_id(case, point=1):
    """Each way to rank by a stored vector whose scores are the similarity to it: verb → body."""
    rest = {**case.using, "limit": 5}
    return [
        ("query", {"query": point, **rest}),
        ("query", {"query": {"nearest": point}, **rest}),
        ("query", {"query": {"recommend": {"positive": [point]}}, **rest}),
        ("query_groups", {"query": point, **rest, "group_by": "group", "group_size": 2}),
        ("query_batch", {"searches": [{"query": point, **rest}]}),
        ("query", over({"query": point, **rest}, query=point, **case.using)),
        ("recommend", {"positive": [point], **rest}),
        ("recommend_batch", {"searches": [{"positive": [point], **rest}]}),
        ("recommend_groups", {"positive": [point], **rest, "group_by": "group", "group_size": 2}),
    ]


def other_by_id(case, point=1):
    """The ways whose scores are of another kind."""
    rest, pair = {**case.using, "limit": 5}, {"positive": 2, "negative": 3}
    feedback = {"target": point, "feedback": [{"example": 2, "score": 0.5}], "strategy": {"naive": {"a": 1.0, "b": 1.0, "c": 1.0}}}
    return [
        ("query", {"query": {"discover": {"target": point, "context": [pair]}}, **rest}),
        ("query", {"query": {"context": [{"positive": point, "negative": 3}]}, **rest}),
        ("query", {"query": {"relevance_feedback": feedback}, **rest}),
        ("discover", {"target": point, "context": [pair], **rest}),
        ("discover_batch", {"searches": [{"target": point, "context": [pair], **rest}]}),
    ]


def test_case_08_ranking_by_a_point_id_reads_one_models_vector(case):
    for verb, body in by_id(case):
        for headers, model in ((None, OLD), (AS_NEW, NEW)):
            answer = case.ask(case.collection(FLIPPED), verb, body, headers)
            case.ranked_by(answer, model, "text 1")
            assert 1 not in {hit.id for hit in answer.hits}, (verb, "the example is not among its own results")
    for verb, body in by_id(case) + other_by_id(case):
        case.refused(case.ask(case.collection(FILLING), verb, body, AS_NEW), "space_not_ready", 409)
    for verb, body in other_by_id(case):
        ids = {}
        for model, headers in ((OLD, AS_OLD), (NEW, AS_NEW)):
            answer = case.ask(case.collection(FLIPPED), verb, body, headers)
            case.allowed(answer)
            ids[model.name] = [(hit.id, round(hit.score, 4)) for hit in answer.hits]
        assert ids["old"] != ids["new"], (verb, ids)


def test_case_08_a_point_that_one_model_has_not_made(case):
    """A point that one model only has made is nobody's example in the other's space: an error, never a stale vector."""
    name = case.fresh(FLIPPED)
    point = {"id": 1, "vector": case.named(NEW.vector("text 1")), "payload": {"n": 1}}
    assert case.ask(name, "upsert", {"points": [point]}, AS_NEW).ok
    case.ranked_by(case.ask(name, "query", {"query": 1, "limit": 5, **case.using}, AS_NEW), NEW, "text 1")
    for verb, body in by_id(case):
        answer = case.ask(name, verb, body, AS_OLD)
        assert not answer.ok and not answer.hits, (verb, answer.said, answer.hits)
        case.leaks_nothing(answer)


def test_case_16_mmr_reads_the_space_again(case):
    mmr = lambda model: {"nearest": model.vector("text 1"), "mmr": {"diversity": 0.0, "candidates_limit": 12}}
    body = {"query": mmr(OLD), "limit": 5, **case.using}
    answer = case.ask(case.collection(FLIPPED), "query", body)
    case.allowed(answer)
    assert [hit.id for hit in answer.hits] == best(OLD, "text 1")
    body = {"query": mmr(NEW), "limit": 5, **case.using}
    answer = case.ask(case.collection(FLIPPED), "query", body, AS_NEW)
    case.allowed(answer)
    assert [hit.id for hit in answer.hits] == best(NEW, "text 1")
    case.refused(case.ask(case.collection(FILLING), "query", body, AS_NEW), "space_not_ready", 409)
    body = {"query": mmr(NEW), "limit": 5, "using": case.at(NEW), "prefetch": [nearest(case, OLD)]}
    case.refused(case.ask(case.collection(FLIPPED), "query", body), MIXED)


def test_case_27_the_legacy_endpoints_are_read_like_the_new_one(case):
    for verb, body in searches_by(case, NEW).items():
        case.ranked_by(case.ask(case.collection(FLIPPED), verb, body, AS_NEW), NEW, "text 1")
        case.refused(case.ask(case.collection(FILLING), verb, body, AS_NEW), "space_not_ready", 409)
        case.refused(case.ask(case.collection(PLAIN), verb, body, AS_NEW), "wrong_space", 400)
    for verb, body in searches_by(case, OLD).items():
        case.ranked_by(case.ask(case.collection(FLIPPED), verb, body), OLD, "text 1")
        case.ranked_by(case.ask(case.collection(FILLING), verb, body), OLD, "text 1")


def test_case_94_using_where_the_server_ignores_it(case):
    """No query, sample, order and formula rank by no vector: a `using` there is no claim, and reads nothing."""
    collection = case.collection(FLIPPED)
    for junk in (case.at(NEW), case.standby(NEW), "elsewhere"):
        for body in (
            {"using": junk, "limit": 5, "with_vector": True},
            {"using": junk, "limit": 5, "query": {"sample": "random"}, "with_vector": True},
            over(nearest(case, OLD), query={"formula": "$score"}, using=junk, with_vector=True),
        ):
            case.reads_back(case.ask(collection, "query", body), OLD)
    body = over(nearest(case, OLD), query={"formula": "$score"}, using=case.at(NEW))
    case.ranked_by(case.ask(collection, "query", body), OLD, "text 1", 5)

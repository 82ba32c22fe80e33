"""Reads around a cutover: what is not covered is not read, and nobody's space changes under its own threshold."""

import pytest

from adversarial.asked import AS_NEW, AS_OLD, document, examples, nearest, over, searches_by
from adversarial.world import FILLING, FLIPPED, NEW, OLD, PLAIN, TEXTS, WIDE, similarity
from harness.process import CliError


def test_case_24_a_threshold_that_was_tuned_to_one_space(case):
    """A client that declares nothing stays with its model over the flip, so its threshold means what it meant."""
    scores = sorted((similarity(OLD, "text 1", point) for point in TEXTS), reverse=True)
    threshold = (scores[3] + scores[4]) / 2
    legacy = {"vector": {"name": case.field, "vector": OLD.vector("text 1")} if case.field else OLD.vector("text 1")}
    name = case.fresh(FILLING)
    for is_flipped in (False, True):
        for verb, body in (
            ("query", nearest(case, OLD, limit=12)),
            ("search", {**legacy, "limit": 12}),
            ("recommend", {"positive": [OLD.vector("text 1")], "limit": 12, **case.using}),
        ):
            answer = case.ask(name, verb, {**body, "score_threshold": threshold})
            case.ranked_by(answer, OLD, "text 1", 4)
        body = over(nearest(case, OLD, limit=12, score_threshold=threshold), query=OLD.vector("text 1"), **case.using)
        case.ranked_by(case.ask(name, "query", body), OLD, "text 1", 4)
        if not is_flipped:
            case.arena.migrate("cutover", name, case.field, NEW)


def test_case_28_a_vector_of_the_other_spaces_dimension(case):
    """A dimension says nothing about identity: not where it differs, and not where it is the same."""
    name, vector = case.fresh(FLIPPED, to=WIDE), WIDE.vector("text 1")
    for verb, body in {**searches_by(case, WIDE), **examples(case, WIDE)}.items():
        case.refused(case.ask(name, verb, body), "wrong_dimension")
        case.ranked_by(case.ask(name, verb, body, {"embedding-model": "wide"}), WIDE, "text 1")
    case.refused(case.ask(name, "query", over({"query": vector, "limit": 5, **case.using})), "wrong_dimension")
    case.refused(case.ask(name, "query", nearest(case, OLD), {"embedding-model": "wide"}), "wrong_dimension")
    # Of equal dimension: NEW's vector, undeclared, is taken for what undeclared means, and ranks OLD's space.
    answer = case.ask(case.collection(FLIPPED), "query", nearest(case, NEW))
    case.allowed(answer)
    expected = lambda point: sum(a * b for a, b in zip(NEW.vector("text 1"), OLD.vector(TEXTS[point])))
    assert answer.hits and all(abs(hit.score - expected(hit.id)) < 1e-3 for hit in answer.hits), answer.hits


@pytest.fixture(scope="module")
def incomplete(arena):
    """Once a kind of field: a collection of whose points one cannot be embedded for the new model."""
    made = {}

    def make(field):
        if field not in made:
            name = arena.fresh(PLAIN, field, stem="incomplete")
            body = {"points": [12], "payload": {"group": "g0"}}
            assert arena.http.put(f"/collections/{name}/points/payload?wait=true", json=body).status_code == 200
            where = ["--vector", field] if field else []
            arena.interlock.cli("migrate", "start", name, *where, "--to", "new", "--detach")
            arena.interlock.await_migration(
                f"{name}/{field}" if field else name,
                lambda status: status["phase"] == "backfilling" and status["pending"] == 1,
                "one point is left",
            )
            made[field] = name
        return made[field]

    return make


def all_reads(case, model):
    """Each way to reach a model's space without naming it in the body: (verb, body)."""
    yield from searches_by(case, model).items()
    yield from examples(case, model).items()
    for params in ({"exact": True}, {"indexed_only": True}, {"hnsw_ef": 4}):
        yield "query", nearest(case, model, params=params)
        yield "search", {**searches_by(case, model)["search"], "params": params}
    yield "scroll", {"limit": 5, "with_vector": True}
    yield "get", {"ids": [1], "with_vector": True}
    yield "query", {"query": 1, "limit": 5, **case.using}
    yield "matrix_pairs", {"sample": 4, "limit": 2, **case.using}
    yield "discover", {"target": 1, "context": [], "limit": 5, **case.using}
    yield "count", {"filter": {"must": [{"has_vector": case.field}]}}


def test_case_29_exact_and_indexed_only_on_a_space_that_was_just_built(case):
    """Partial results must not pass for all there is: until the cutover, the space is not read at all."""
    for verb, body in all_reads(case, NEW):
        case.refused(case.ask(case.collection(FILLING), verb, body, AS_NEW), "space_not_ready", 409)
    for params in ({"exact": True}, {"indexed_only": True}):
        answer = case.ask(case.collection(FLIPPED), "query", nearest(case, NEW, limit=12, params=params), AS_NEW)
        case.ranked_by(answer, NEW, "text 1", 12)


def test_case_30_a_query_while_the_backfill_is_incomplete(case, incomplete):
    """Missing points would be missing without a word: refused, with what to do, and so is the cutover."""
    name = incomplete(case.field)
    for verb, body in all_reads(case, NEW):
        answer = case.ask(name, verb, body, AS_NEW)
        case.refused(answer, "space_not_ready", 409)
        assert "interlock status" in answer.message, answer.message
    for body in (
        nearest(case, NEW, using=case.at(NEW)),
        nearest(case, NEW, using=case.standby(NEW)),
        {"query": document("text 1", "new"), **case.using, "limit": 5},
        over({"query": document("text 1", "new"), **case.using, "limit": 5}),
    ):
        case.refused(case.ask(name, "query", body), "space_not_ready", 409)
    case.ranked_by(case.ask(name, "query", nearest(case, OLD, limit=12)), OLD, "text 1", 12)
    case.ranked_by(case.ask(name, "query", {"query": document("text 1", "auto"), **case.using, "limit": 12}, AS_OLD), OLD, "text 1", 12)
    with pytest.raises(CliError) as refused:
        case.arena.migrate("cutover", name, case.field, NEW)
    assert refused.value.code == 3, refused.value

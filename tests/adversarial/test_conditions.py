"""A vector update with a condition changes what the condition selects, and no tag says anything else; reads that bring
no vector of their own, and errors, stay in the client's space and its names."""

import pytest

from adversarial.world import FILLING, FLIPPED, NEW, OLD, PLAIN, TEXTS, similarity

G1 = {"must": [{"key": "group", "match": {"value": "g1"}}]}
IN_G1 = {point for point in TEXTS if point % 3 == 1}
STATES = [PLAIN, FILLING, FLIPPED]


def tag(stored, point, field):
    """A point's tag entry for a field."""
    return stored[point][0]["_embedding"].get(field)


@pytest.mark.parametrize("state", STATES)
def test_a_conditional_vector_update_changes_what_its_condition_selects(case, state):
    collection = case.fresh(state)
    claimed = {"points": [{"id": p, "vector": case.named(OLD.vector(TEXTS[p]))} for p in TEXTS]}
    case.allowed(case.ask(collection, "update_vectors", claimed))
    before = case.arena.stored(collection)
    anew = [{"id": p, "vector": case.named(OLD.vector("anew"))} for p in TEXTS]
    case.allowed(case.ask(collection, "update_vectors", {"points": anew, "update_filter": G1}))
    after = case.arena.stored(collection)
    space = case.standby(OLD) if case.standby(OLD) in after[1][1] else case.field
    for point in TEXTS:
        entry = tag(after, point, case.field)
        if point not in IN_G1:
            assert after[point] == before[point], point
            continue
        assert OLD.made(after[point][1][space], "anew"), point
        assert space in entry["models"], entry
        assert entry["write_id"] != tag(before, point, case.field)["write_id"]
        for named, vector in after[point][1].items():
            model = OLD if named == space else NEW
            assert model.made(vector, "anew" if model is OLD else TEXTS[point]), (point, named)
            assert named in entry["models"], (entry, named)


def test_a_condition_that_selects_nothing_changes_nothing(case):
    collection = case.fresh(PLAIN)
    anew = [{"id": p, "vector": case.named(OLD.vector("anew"))} for p in TEXTS]
    nothing = {"must": [{"key": "group", "match": {"value": "nowhere"}}]}
    with case.unchanged(collection):
        case.allowed(case.ask(collection, "update_vectors", {"points": anew, "update_filter": nothing}))


def test_a_conditional_update_of_a_missing_point_is_an_error_and_claims_nothing(case):
    collection = case.fresh(PLAIN)
    points = [{"id": p, "vector": case.named(OLD.vector("anew"))} for p in (1, 99)]
    answer = case.ask(collection, "update_vectors", {"points": points, "update_filter": G1})
    assert answer.is_status(404), answer.said
    stored = case.arena.stored(collection)
    assert 99 not in stored
    assert not tag(stored, 1, case.field)["models"], "a claim of a vector whose update failed"


@pytest.mark.parametrize("verb", ["matrix_pairs", "matrix_offsets"])
@pytest.mark.parametrize("model", [OLD, NEW])
def test_a_matrix_is_of_the_clients_space(case, verb, model):
    collection = case.collection(FLIPPED)
    headers = {} if model is OLD else {"embedding-model": model.name}
    answer = case.ask(collection, verb, {"sample": 12, "limit": 3} | case.using, headers)
    case.allowed(answer)
    seen = pairs(case, verb, answer)
    assert seen
    for a, b, score in seen:
        assert abs(score - similarity(model, TEXTS[a], b)) < 1e-3, (a, b, score)


def pairs(case, verb, answer):
    """Each pair with its score."""
    if case.is_rest:
        result = answer.document["result"]
        if verb == "matrix_pairs":
            return [(pair["a"], pair["b"], pair["score"]) for pair in result["pairs"]]
        ids = result["ids"]
        cells = zip(result["offsets_row"], result["offsets_col"], result["scores"], strict=True)
        return [(ids[row], ids[column], score) for row, column, score in cells]
    result = answer.document.result
    if verb == "matrix_pairs":
        return [(pair.a.num, pair.b.num, pair.score) for pair in result.pairs]
    ids = [one.num for one in result.ids]
    cells = zip(result.offsets_row, result.offsets_col, result.scores, strict=True)
    return [(ids[row], ids[column], score) for row, column, score in cells]


def test_a_matrix_of_a_space_that_is_being_filled_is_refused(case):
    body = {"sample": 12, "limit": 3} | case.using
    answer = case.ask(case.collection(FILLING), "matrix_pairs", body, {"embedding-model": NEW.name})
    case.refused(answer, "space_not_ready", status=409)


def test_an_error_of_a_read_without_vectors_names_no_space_of_ours(case):
    collection = case.fresh(FLIPPED)
    vectors = {"points": [7], "vector": [case.field]}
    case.allowed(case.ask(collection, "delete_vectors", vectors))
    answer = case.ask(collection, "query", {"query": 7, "limit": 3} | case.using, {"embedding-model": NEW.name})
    assert answer.is_status(404), answer.said
    case.leaks_nothing(answer)

"""Vectors and tags that come back: a client that reads them ranks by them, so they must be its own model's too."""

import json

import pytest

from adversarial.asked import AS_NEW, AS_OLD
from adversarial.world import FILLING, FLIPPED, LEAKS, NEW, OLD, PLAIN, TEXTS, similarity
from harness.models import SeededModel

SHAPES = {
    "scroll": {"limit": 12},
    "get": {"ids": [1, 2, 3]},
    "query without a query": {"limit": 12},
    "sample": {"query": {"sample": "random"}, "limit": 12},
}


def reading(shape, vectors):
    """A read that ranks by nothing: verb and body."""
    verb = shape.split(" ")[0] if shape.split(" ")[0] in ("scroll", "get") else "query"
    return verb, {**SHAPES[shape], "with_vector": vectors, "with_payload": True}


@pytest.mark.parametrize("shape", list(SHAPES))
def test_case_18_reads_without_a_query_bring_vectors(case, shape):
    """`true` means the client's own space, and another space's name is refused or answered as its own model's."""
    verb, body = reading(shape, True)
    for state in (PLAIN, FILLING, FLIPPED):
        case.reads_back(case.ask(case.collection(state), verb, body), OLD)
        case.reads_back(case.ask(case.collection(state), verb, {**body, "with_vector": [case.field]}), OLD)
    case.reads_back(case.ask(case.collection(FLIPPED), verb, body, AS_OLD), OLD)
    case.reads_back(case.ask(case.collection(FLIPPED), verb, body, AS_NEW), NEW)
    case.refused(case.ask(case.collection(FILLING), verb, body, AS_NEW), "space_not_ready", 409)
    for name in (case.at(NEW), case.standby(NEW)):
        asking = {**body, "with_vector": [name]}
        case.refused(case.ask(case.collection(FILLING), verb, asking), "space_not_ready", 409)
        case.refused(case.ask(case.collection(PLAIN), verb, asking), {"wrong_space", "unknown_vector"})
        both = {**body, "with_vector": [case.field, name]}
        case.refused(case.ask(case.collection(FLIPPED), verb, both), {"mixed_space", "contradicting_models"})
        case.refused(case.ask(case.collection(FLIPPED), verb, asking, AS_OLD), {"mixed_space", "contradicting_models"})
    case.refused(case.ask(case.collection(FLIPPED), verb, {**body, "with_vector": ["elsewhere"]}), "unknown_vector")


def test_case_18_vectors_of_one_space_ranked_by_the_other(case):
    """The query ranks by one model, and what comes back would be compared with another one's."""
    for using, vectors in ((case.at(NEW), [case.at(OLD)]), (case.at(OLD), [case.at(NEW)])):
        body = {"query": 1, "using": using, "limit": 5, "with_vector": vectors}
        case.refused(case.ask(case.collection(FLIPPED), "query", body), {"mixed_space", "contradicting_models"})
    body = {"query": NEW.vector("text 1"), "using": case.at(NEW), "limit": 5, "with_vector": True}
    case.reads_back(case.ask(case.collection(FLIPPED), "query", body), NEW)


@pytest.mark.parametrize("state", [PLAIN, FILLING, FLIPPED])
def test_case_19_the_point_route_always_brings_all_vectors(rest_case, state):
    case, path = rest_case, f"/collections/{rest_case.collection(state)}/points/3"
    answer = case.rest("GET", path)
    case.reads_back(answer, OLD)
    assert answer.document["result"]["payload"] == {"text": "text 3", "group": "g0", "n": 3}
    # The shape is that of a collection with one space: a bare list where the vector has no name.
    assert isinstance(answer.document["result"]["vector"], dict if case.field else list)
    for spelled in ("/points//3", "/points/3/", "/points/%33", "/%70oints/3", "/points/+3"):
        case.reads_back(case.rest("GET", f"/collections/{case.collection(state)}{spelled}"), OLD)
    answer = case.rest("GET", path, headers=AS_NEW)
    if state == FLIPPED:
        case.reads_back(answer, NEW)
    else:
        case.refused(answer, {"space_not_ready", "wrong_space"}, 409 if state == FILLING else 400)


def test_case_20_the_undocumented_reads_of_one_shard(rest_case):
    """They bring vectors like the documented ones. An upstream without them may say so, but never show another space."""
    case = rest_case
    for path, body in (
        ("points", {"ids": [1, 2], "with_vector": True}),
        ("points/scroll", {"limit": 5, "with_vector": True, "with_payload": True}),
        ("points/scroll", {"limit": 5, "with_vectors": True}),
    ):
        for state in (PLAIN, FILLING, FLIPPED):
            answer = case.rest("POST", f"/collections/{case.collection(state)}/shards/0/{path}", body)
            shard_read(case, answer, OLD)
        flipped = f"/collections/{case.collection(FLIPPED)}/shards/0/{path}"
        shard_read(case, case.rest("POST", flipped, body, AS_NEW), NEW)
        filling = f"/collections/{case.collection(FILLING)}/shards/0/{path}"
        case.refused(case.rest("POST", filling, body, AS_NEW), "space_not_ready", 409)
        names = {"with_vector": [case.at(NEW)]}
        asking = {**{key: value for key, value in body.items() if not key.startswith("with_v")}, **names}
        case.refused(case.rest("POST", filling, asking), "space_not_ready", 409)
    count = {"filter": {"must": [{"has_vector": case.at(NEW)}]}}
    path = f"/collections/{case.collection(FILLING)}/shards/0/points/count"
    case.refused(case.rest("POST", path, count), {"space_not_ready", "wrong_space"}, 409)


def shard_read(case, answer, model):
    """The model's vectors alone; or, from the embedded engine, which has no such route, its own word for that."""
    if case.arena.world.engine == "embedded" and answer.status in (404, 501):
        assert answer.reason is None and not answer.hits, answer.said
        assert case.forwarded(answer), answer.said
        return
    case.reads_back(answer, model)


def pairs(answer):
    """(a, b, score) of a matrix, in either of its forms."""
    if answer.protocol == "rest":
        result = answer.document["result"]
        if "pairs" in result:
            return [(pair["a"], pair["b"], pair["score"]) for pair in result["pairs"]]
        ids, rows, cols, scores = (result[key] for key in ("ids", "offsets_row", "offsets_col", "scores"))
        return [(ids[row], ids[col], score) for row, col, score in zip(rows, cols, scores)]
    result = answer.document.result
    if result.DESCRIPTOR.name == "SearchMatrixPairs":
        return [(pair.a.num, pair.b.num, pair.score) for pair in result.pairs]
    ids = [point.num for point in result.ids]
    return [(ids[r], ids[c], s) for r, c, s in zip(result.offsets_row, result.offsets_col, result.scores)]


@pytest.mark.parametrize("verb", ["matrix_pairs", "matrix_offsets"])
def test_case_17_a_matrix_names_no_model(case, verb):
    """No vector is sent and none comes back, but the scores are a space's: the client's."""
    body = {"sample": 12, "limit": 3, **case.using}
    for state, headers, model in ((PLAIN, None, OLD), (FILLING, None, OLD), (FLIPPED, None, OLD), (FLIPPED, AS_NEW, NEW)):
        answer = case.ask(case.collection(state), verb, body, headers)
        case.allowed(answer)
        found = pairs(answer)
        assert len(found) == 36, answer.said
        for a, b, score in found:
            assert abs(score - similarity(model, TEXTS[a], b)) < 1e-3, (a, b, score, model.name)
    answer = case.ask(case.collection(FLIPPED), verb, {**body, "using": case.at(NEW)})
    case.allowed(answer)
    assert all(abs(score - similarity(NEW, TEXTS[a], b)) < 1e-3 for a, b, score in pairs(answer))
    case.refused(case.ask(case.collection(FILLING), verb, body, AS_NEW), "space_not_ready", 409)
    for using in (case.at(NEW), case.standby(NEW)):
        case.refused(case.ask(case.collection(FILLING), verb, {**body, "using": using}), "space_not_ready", 409)
    case.refused(case.ask(case.collection(PLAIN), verb, {**body, "using": "elsewhere"}), "unknown_vector")
    if case.field:
        case.refused(case.ask(case.collection(FLIPPED), verb, {"sample": 12}), "unknown_vector")


@pytest.mark.parametrize("key", ["_embedding", '"_embedding"', "_embedding.text", '_embedding."".models', "_embedding[0]"])
def test_case_25_the_tag_as_a_pivot(case, key):
    """Nothing may be filtered, ordered, grouped or counted by the tag, however its path is spelled."""
    ranked = {"query": OLD.vector("text 1"), **case.using, "limit": 5}
    match = {"must": [{"key": key, "match": {"value": "old@1"}}]}
    attacks = [
        ("query_groups", {**ranked, "group_by": key, "group_size": 2}),
        ("facet", {"key": key}),
        ("scroll", {"limit": 5, "order_by": key}),
        ("query", {"query": {"order_by": key}, "limit": 5}),
        ("scroll", {"limit": 5, "filter": match}),
        ("count", {"filter": match}),
        ("query", {**ranked, "filter": {"should": [{"must_not": [{"is_empty": {"key": key}}]}]}}),
        ("query", {**ranked, "filter": {"must": [{"is_null": {"key": key}}]}}),
        ("query", {**ranked, "filter": {"min_should": {"conditions": match["must"], "min_count": 1}}}),
        ("query", {"prefetch": [{**ranked, "filter": match}], "query": {"fusion": "rrf"}, "limit": 5}),
        ("query", {"prefetch": [ranked], "query": {"formula": {"sum": ["$score", match["must"][0]]}}, "limit": 5}),
        ("query", {"prefetch": [ranked], "query": {"formula": {"sum": ["$score", key]}}, "limit": 5}),
    ]
    for verb, body in attacks:
        for state in (PLAIN, FLIPPED):
            case.refused(case.ask(case.collection(state), verb, body), {"reserved_key"})


def test_case_25_the_tag_inside_a_nested_filter(case):
    nested = {"nested": {"key": "_embedding", "filter": {"must": [{"key": "write_id", "match": {"value": "x"}}]}}}
    body = {"limit": 5, "filter": {"must": [nested]}}
    case.refused(case.ask(case.collection(PLAIN), "scroll", body), "reserved_key")


@pytest.mark.parametrize("payload", [True, ["_embedding"], ["_embedding.text", "n"], {"include": ['"_embedding"']}, {"exclude": ["n"]}])
def test_case_25_the_tag_in_a_payload_selector(case, payload):
    for verb, body in (("scroll", {"limit": 5}), ("get", {"ids": [1, 2]}), ("query", {"query": OLD.vector("text 1"), **case.using})):
        answer = case.ask(case.collection(FLIPPED), verb, {**body, "with_payload": payload})
        case.allowed(answer)
        assert answer.hits and not any("_embedding" in hit.payload for hit in answer.hits)


def test_case_83_nothing_of_ours_in_answers_and_errors(case):
    """Names of standby spaces must not come back in any answer: not as a vector, not in an error that lists the names."""
    name = case.collection(FLIPPED)
    for headers in (None, AS_OLD, AS_NEW):
        for verb, body in (
            ("scroll", {"limit": 2, "with_vector": True}),
            ("query", {"query": 9999, **case.using}),
            ("query", {"query": [0.1] * 5, **case.using}),
            ("query", {"query": OLD.vector("text 1"), "using": "elsewhere"}),
            ("search", {"vector": {"name": "elsewhere", "vector": OLD.vector("text 1")}, "limit": 3}),
            ("search", {"vector": OLD.vector("text 1"), "limit": 3}),
            ("scroll", {"limit": 2, "with_vector": ["elsewhere"]}),
            ("matrix_pairs", {"sample": 3, "limit": 2}),
            ("recommend", {"positive": [9999], "limit": 3, **case.using}),
            ("scroll", {"limit": 2, "order_by": "nothing"}),
        ):
            answer = case.ask(name, verb, body, headers)
            case.leaks_nothing(answer)
    case.leaks_nothing(case.about(name))


def test_case_83_collection_info_is_what_a_client_would_see_without_interlock(case):
    """One space has one shape: with a standby beside it, the parameters must not become a map of two."""
    for state in (PLAIN, FILLING, FLIPPED):
        answer = case.about(case.collection(state))
        case.allowed(answer)
        found = LEAKS.search(answer.text)
        assert not found and "interlock" not in answer.text, answer.text
        if case.is_rest:
            shown = answer.document["result"]["config"]["params"]["vectors"]
            expected = {"size": 8, "distance": "Cosine"}
            shown = shown[case.field] if case.field else shown
            assert {key: shown[key] for key in expected} == expected, shown
        else:
            config = answer.document.result.config.params.vectors_config
            one = config.params_map.map[case.field] if case.field else config.params
            assert one.size == 8 and config.HasField("params_map" if case.field else "params"), config


def test_case_97_an_answers_vectors_are_an_allow_list(case):
    """A space that the table does not know (a restored shard's, or one made past Interlock) is in no answer."""
    name = case.fresh(FLIPPED)
    stray = SeededModel("stray", 8)
    case.arena.add_stray_space(name, "stray", stray)
    for verb, body in (("scroll", {"limit": 12, "with_vector": True}), ("get", {"ids": [1, 2], "with_vector": True})):
        case.reads_back(case.ask(name, verb, body), OLD)
        case.reads_back(case.ask(name, verb, body, AS_NEW), NEW)
    if case.is_rest:
        case.reads_back(case.rest("GET", f"/collections/{name}/points/1"), OLD)
    for using in ("stray",):
        answer = case.ask(name, "query", {"query": stray.vector("text 1"), "using": using, "limit": 3})
        case.refused(answer, "unknown_vector")
        case.refused(case.ask(name, "scroll", {"limit": 3, "with_vector": [using]}), "unknown_vector")
    assert json.dumps("stray") not in case.about(name).text

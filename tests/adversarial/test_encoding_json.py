"""JSON that a server reads in one way and a checker in another: refused, or read exactly as the server does."""

import json

import pytest

from adversarial.asked import AS_NEW, nearest, searched
from adversarial.world import FILLING, FLIPPED, NEW, OLD, PLAIN, TEXTS

UNCLEAR = {"malformed_body", "unknown_field", "duplicate_key", "ambiguous_body"}


def query(case, state, body, headers=None):
    """A query whose body is given as text."""
    return case.rest("POST", f"/collections/{case.collection(state)}/points/query", body, headers)


def members(case):
    """The members of a good query, as text."""
    return {"query": json.dumps(OLD.vector("text 1")), "using": json.dumps(case.field), "limit": "5"}


def written(pairs):
    """An object of these members, in this order; a key may stand twice."""
    return "{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}"


def test_case_61_one_meaning_under_all_its_spellings(rest_case):
    """`with_vector` and `with_vectors`, `limit` and `top`, `vector` and `vectors`: the same read, the same narrowing."""
    case, name = rest_case, rest_case.collection(FLIPPED)
    for key in ("with_vector", "with_vectors"):
        for path, body in (
            ("points/scroll", {"limit": 5}),
            ("points", {"ids": [1, 2]}),
            ("points/search", {"vector": searched(case), "limit": 5}),
            ("points/recommend", {"positive": [1], "limit": 5, **case.using}),
        ):
            for headers, model in ((None, OLD), (AS_NEW, NEW)):
                case.reads_back(case.rest("POST", f"/collections/{name}/{path}", {**body, key: True}, headers), model)
            other = {**body, key: [case.standby(NEW)]}
            filling = f"/collections/{case.collection(FILLING)}/{path}"
            case.refused(case.rest("POST", filling, other), "space_not_ready", 409)
        both = {"limit": 5, "with_vector": False, "with_vectors": [case.standby(NEW)]}
        case.refused(case.rest("POST", f"/collections/{name}/points/scroll", both), UNCLEAR)
    top = {"vector": searched(case), "top": 3}
    case.ranked_by(case.rest("POST", f"/collections/{name}/points/search", top), OLD, "text 1", 3)
    case.refused(case.rest("POST", f"/collections/{name}/points/search", {**top, "limit": 4}), UNCLEAR)
    point = {"id": 1, "payload": {"text": "text 1"}}
    for key in ("vector", "vectors"):
        other = {"points": [{**point, key: {case.standby(NEW): NEW.vector("text 1"), "elsewhere": NEW.vector("text 1")}}]}
        case.refused(case.rest("PUT", f"/collections/{name}/points", other), "unknown_vector")
    both = {"points": [{**point, "vector": case.named(OLD.vector("text 1")), "vectors": {case.standby(NEW): NEW.vector("x")}}]}
    case.refused(case.rest("PUT", f"/collections/{name}/points", both), UNCLEAR)


def test_case_61_the_same_words_in_both_apis(case):
    """What gRPC calls `vector_name` and REST `using` or `name` is one thing to Interlock."""
    for verb, body in (("query", nearest(case)), ("search", {"vector": searched(case), "limit": 5})):
        case.ranked_by(case.ask(case.collection(FLIPPED), verb, body), OLD, "text 1", 5)
    named = {"vector": {"name": case.at(NEW), "vector": NEW.vector("text 1")}, "limit": 5}
    case.ranked_by(case.ask(case.collection(FLIPPED), "search", named), NEW, "text 1", 5)
    case.refused(case.ask(case.collection(FILLING), "search", named), "space_not_ready", 409)


def test_case_62_a_key_twice(rest_case):
    """Qdrant refuses some and takes the last of others. Nothing says which one a person meant."""
    case, good = rest_case, members(rest_case)
    other = {"using": json.dumps(case.standby(NEW)), "query": json.dumps(NEW.vector("text 1")), "limit": "6"}
    for key in good:
        for pairs in ([*good.items(), (key, other[key])], [(key, other[key]), *good.items()]):
            case.refused(query(case, FLIPPED, written(pairs)), UNCLEAR)
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in "using")
    case.refused(query(case, FLIPPED, written([*good.items(), (escaped, other["using"])])), UNCLEAR)
    for body in (
        '{"limit":3,"with_vector":["%s"],"with_vector":true}' % case.field,
        '{"limit":3,"filter":{"must":[],"must":[{"has_vector":"%s"}]}}' % case.standby(NEW),
        '{"limit":3,"filter":{"must":[{"has_vector":"%s","has_vector":"%s"}]}}' % (case.field, case.standby(NEW)),
    ):
        case.refused(case.rest("POST", f"/collections/{case.collection(FLIPPED)}/points/scroll", body), UNCLEAR)


def test_case_62_a_key_twice_in_a_write(rest_case):
    """Here Qdrant takes the last one without a word: of points, ids, vector names and payload keys."""
    case, name = rest_case, rest_case.collection(FLIPPED)
    old, new = json.dumps(OLD.vector("77")), json.dumps(NEW.vector("77"))
    vector = f'"{case.field}":{old}'
    for point in (
        '{"id":77,"id":1,"vector":{%s},"payload":{"text":"77"}}' % vector,
        '{"id":77,"vector":{%s,"%s":%s},"payload":{"text":"77"}}' % (vector, case.field, new),
        '{"id":77,"vector":{%s},"vector":{"%s":%s},"payload":{"text":"77"}}' % (vector, case.standby(NEW), new),
        '{"id":77,"vector":{%s},"payload":{"text":"77","text":"78"}}' % vector,
        '{"id":77,"vector":{%s},"payload":{"text":"77"},"payload":{"text":"78"}}' % vector,
        '{"id":77,"vector":{%s},"payload":{"text":"77","te\\u0078t":"78"}}' % vector,
    ):
        answer = case.rest("PUT", f"/collections/{name}/points?wait=true", '{"points":[%s]}' % point)
        case.refused(answer, UNCLEAR)
    for body in ('{"points":[],"points":[]}', '{"points":[],"batch":{"ids":[]}}'):
        case.refused(case.rest("PUT", f"/collections/{name}/points?wait=true", body), UNCLEAR | {"empty_batch"})


def test_case_62_a_key_twice_inside_a_payloads_value(rest_case):
    """That is the client's own data, and says nothing of spaces: it goes through, and the last one counts as ever."""
    case, name = rest_case, rest_case.fresh(PLAIN)
    point = '{"id":1,"vector":{"%s":%s},"payload":{"text":"77","a":{"b":1,"b":2}}}' % (case.field, json.dumps(OLD.vector("77")))
    case.allowed(case.rest("PUT", f"/collections/{name}/points?wait=true", '{"points":[%s]}' % point))
    assert case.arena.stored(name)[1][0]["a"] == {"b": 2}


def test_case_63_a_body_that_could_be_read_in_two_ways(rest_case):
    """Qdrant tries one reading after the other and ignores what is left over."""
    case, old, new = rest_case, OLD.vector("text 1"), NEW.vector("text 1")
    rest = {**case.using, "limit": 5}
    for node in (
        {"nearest": old, "recommend": {"positive": [1]}},
        {"recommend": {"positive": [1]}, "fusion": "rrf"},
        {"text": "text 1", "model": "new", "nearest": old},
        {"image": "x", "text": "text 1", "model": "new"},
        {"object": {}, "text": "text 1", "model": "new"},
        {"nearest": old, "indices": [1], "values": [1.0]},
        {"sample": "random", "nearest": new},
        {"order_by": "n", "nearest": new},
        {"formula": "$score", "nearest": new},
        {"nearest": {"text": "text 1", "model": "old", "indices": [1], "values": [0.5]}},
    ):
        case.refused(query(case, FLIPPED, {"query": node, **rest}), UNCLEAR)
        case.refused(query(case, FLIPPED, {"prefetch": [{"query": node, **rest}], "query": old, **rest}), UNCLEAR)
    for condition in (
        {"has_vector": case.field, "key": "n", "match": {"value": 1}},
        {"has_id": [1], "has_vector": case.standby(NEW)},
        {"is_empty": {"key": "n"}, "must": [{"has_vector": case.standby(NEW)}]},
    ):
        case.refused(query(case, FLIPPED, {"query": old, **rest, "filter": {"must": [condition]}}), UNCLEAR | {"space_not_ready"})


def test_case_63_a_point_whose_sparse_vector_is_really_two_names(rest_case):
    """At the top of a point, `indices` and `values` are vectors' names to Qdrant, and so are `text` and `model`."""
    case, name = rest_case, rest_case.collection(FLIPPED)
    with case.unchanged(name):
        for vector in (
            {"indices": [1, 2], "values": [0.5, 0.5]},
            {"text": [0.5] * 8, "model": [0.5] * 8},
            {"text": "text 1", "model": "old", "image": "x"},
        ):
            body = {"points": [{"id": 77, "vector": vector, "payload": {"text": "77"}}]}
            answer = case.rest("PUT", f"/collections/{name}/points?wait=true", body)
            case.refused(answer, UNCLEAR | {"unknown_vector", "wrong_kind", "unsupported_input"})


@pytest.mark.parametrize("key", ["usng", "Using", "using ", "vector_name", "with_vectors_", "prefetches", "lookupFrom"])
def test_case_64_a_misspelled_key(rest_case, key):
    """Qdrant ignores it and ranks by the unnamed vector."""
    case = rest_case
    body = {"query": NEW.vector("text 1"), "limit": 5, key: case.at(NEW)}
    for state in (PLAIN, FLIPPED):
        case.refused(query(case, state, body), UNCLEAR)
        case.refused(query(case, state, {"prefetch": [body], "query": OLD.vector("text 1"), **case.using}), UNCLEAR)
    answer = case.rest("POST", f"/collections/{case.collection(PLAIN)}/points/query/batch", {"searches": [body]})
    case.refused(answer, UNCLEAR)


@pytest.mark.parametrize("key", ["with_vectors"])
def test_case_61_a_spelling_that_grouped_queries_do_not_have(rest_case, key):
    """There Qdrant ignores `with_vectors`: taken or refused, it brings no other space's vectors."""
    case = rest_case
    body = {**nearest(case), "group_by": "group", "group_size": 2, key: True}
    answer = case.rest("POST", f"/collections/{case.collection(FLIPPED)}/points/query/groups", body)
    if answer.ok:
        case.ranked_by(answer, OLD, "text 1")
        assert all(set(hit.vectors) <= {case.field} for hit in answer.hits), answer.hits
    else:
        case.refused(answer, UNCLEAR)


UUID = "0123abcd-4567-89ab-cdef-0123456789ab"


@pytest.mark.parametrize(
    "spelled", [UUID, UUID.upper(), UUID.replace("-", ""), f"urn:uuid:{UUID}", "{" + UUID + "}"]
)
def test_case_78_a_uuid_under_each_of_its_spellings(rest_case, spelled):
    """All are one point, with one tag, whose vectors are written in both spaces."""
    case, name = rest_case, uuid_collection(rest_case)
    body = {"points": [{"id": spelled, "vector": case.named(OLD.vector("text 1")), "payload": {"text": "text 1"}}]}
    case.allowed(case.rest("PUT", f"/collections/{name}/points?wait=true", body))
    stored = case.arena.stored(name)
    assert [point for point in stored if isinstance(point, str)] == [UUID]
    payload, vectors = stored[UUID]
    assert OLD.made(vectors[case.field], "text 1") and NEW.made(vectors[case.standby(NEW)], "text 1")
    assert payload["_embedding"][case.field]["models"].keys() == {case.field, case.standby(NEW)}
    for headers, model in ((None, OLD), (AS_NEW, NEW)):
        answer = case.rest("POST", f"/collections/{name}/points", {"ids": [spelled], "with_vector": True}, headers)
        case.allowed(answer)
        assert [hit.id for hit in answer.hits] == [UUID] and model.made(answer.hits[0].vectors[case.field], "text 1")
        body = {"query": spelled, **case.using, "limit": 20}
        answer = case.rest("POST", f"/collections/{name}/points/query", body, headers)
        case.allowed(answer)
        assert answer.hits and UUID not in {hit.id for hit in answer.hits}
    twice = [{"id": one, "vector": case.named(OLD.vector(text)), "payload": {"text": text}} for one, text in ((UUID, "a"), (spelled, "b"))]
    case.allowed(case.rest("PUT", f"/collections/{name}/points?wait=true", {"points": twice}))
    payload, vectors = case.arena.stored(name)[UUID]
    assert payload["text"] == "b" and OLD.made(vectors[case.field], "b") and NEW.made(vectors[case.standby(NEW)], "b")


def uuid_collection(case):
    """One for all spellings."""
    shared, key = case.arena._shared, ("uuids", case.field)
    if key not in shared:
        shared[key] = case.fresh(FLIPPED)
    return shared[key]


@pytest.mark.parametrize("spelled", ["1.0", '"1"', "-1", "18446744073709551616", "1e3", "null", '"not-a-uuid"', "true", "[1]"])
def test_case_78_what_is_no_id(rest_case, spelled):
    case, name = rest_case, rest_case.collection(PLAIN)
    vector = json.dumps(case.named(OLD.vector("77")))
    with case.unchanged(name):
        body = '{"points":[{"id":%s,"vector":%s,"payload":{"text":"77"}}]}' % (spelled, vector)
        case.refused(case.rest("PUT", f"/collections/{name}/points?wait=true", body), UNCLEAR)
    answer = case.rest("POST", f"/collections/{name}/points", '{"ids":[%s],"with_vector":true}' % spelled)
    assert not answer.ok and not answer.hits, answer.said


@pytest.mark.parametrize("big", [2**53 + 1, 2**63 + 3, 2**64 - 1])
def test_case_79_ids_beyond_what_a_double_holds(case, big):
    """Each such id stays itself, to the last digit, in a point, in a payload and in an answer."""
    name = case.fresh(FLIPPED)
    point = {"id": big, "vector": case.named(OLD.vector("text 1")), "payload": {"text": "text 1"}}
    neighbour = {"id": big - 1, "vector": case.named(OLD.vector("text 2")), "payload": {"text": "text 2"}}
    case.allowed(case.ask(name, "upsert", {"points": [point, neighbour]}))
    stored = case.arena.stored(name)
    assert {big, big - 1} < set(stored)
    assert NEW.made(stored[big][1][case.standby(NEW)], "text 1") and NEW.made(stored[big - 1][1][case.standby(NEW)], "text 2")
    answer = case.ask(name, "get", {"ids": [big], "with_vector": True}, AS_NEW)
    assert [hit.id for hit in answer.hits] == [big] and NEW.made(answer.hits[0].vectors[case.field], "text 1")
    assert len(TEXTS) == 12


def test_case_79_numbers_go_through_digit_by_digit(rest_case):
    """A float's text is the client's: Interlock does not round it."""
    case, name = rest_case, rest_case.fresh(FLIPPED)
    digits = ["0.1000000000000000055511151231257827", "1e-7", "-0.0", "3.4028234e38", "5e-45", "0.30000001", "1E2", "16777217"]
    body = '{"points":[{"id":77,"vector":%s,"payload":{"text":"77","n":9007199254740993}}]}'
    vector = "[" + ",".join(digits) + "]"
    answer = case.rest("PUT", f"/collections/{name}/points?wait=true", body % (f'{{"{case.field}":{vector}}}'))
    case.allowed(answer)
    sent = b"".join(bytes(seen.body) for seen in case.forwarded(answer))
    assert vector.encode() in sent and b"9007199254740993" in sent, sent
    assert case.arena.stored(name)[77][0]["n"] == 9007199254740993

"""Values that break a reader: what is no number, what is nested without end, what is too large."""

import json
import struct

import pytest
from qdrant_client import grpc as pb

from adversarial import protobuf as wire
from adversarial.asked import nearest, nested
from adversarial.protobuf import field, number
from adversarial.world import FLIPPED, NEW, OLD, PLAIN

QUERY, UPSERT = "qdrant.Points/Query", "qdrant.Points/Upsert"
NOT_A_NUMBER = {"malformed_body", "malformed", "not_finite", "wrong_dimension", "ambiguous_body"}


@pytest.mark.parametrize("written", ["NaN", "Infinity", "-Infinity", "null", '"0.5"', "true", "[0.5]", "1e", "0x1", "+1", ".5", "01"])
def test_case_80_a_component_that_is_no_json_number(rest_case, written):
    case, name = rest_case, rest_case.collection(PLAIN)
    vector = f"[{written}," + ",".join(["0.5"] * 7) + "]"
    using = f',"using":"{case.field}"' if case.field else ""
    for path, body in (
        ("query", '{"query":%s,"limit":5%s}' % (vector, using)),
        ("query", '{"query":{"nearest":%s},"limit":5%s}' % (vector, using)),
    ):
        answer = case.rest("POST", f"/collections/{name}/points/{path}", body)
        case.refused(answer, NOT_A_NUMBER | {"unknown_field", "wrong_kind"})
    point = '{"id":77,"vector":{"%s":%s},"payload":{"text":"77"}}' % (case.field, vector)
    with case.unchanged(name):
        answer = case.rest("PUT", f"/collections/{name}/points?wait=true", '{"points":[%s]}' % point)
        case.refused(answer, NOT_A_NUMBER | {"unknown_field", "wrong_kind"})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")], ids=str)
def test_case_80_a_component_that_is_not_finite(grpc_case, value):
    """One way for all: written as the client said it, in its own space alone, and never into the other one."""
    case, name = grpc_case, grpc_case.fresh(FLIPPED)
    vectors = field(2, field(1, field(1, case.field) + field(2, wire.vector([value] + [0.5] * 7))))
    text = field(3, field(1, "text") + field(2, field(4, "text 1")))
    answer = case.grpc(UPSERT, wire.upsert(name, wire.point(1, vectors, text)))
    if answer.ok:
        _, stored = case.arena.stored(name)[1]
        assert NEW.made(stored[case.standby(NEW)], "text 1")
    else:
        assert answer.is_status(400), answer.said
        assert OLD.made(case.arena.stored(name)[1][1][case.field], "text 1")


def levels(case, depth):
    """A query of so many prefetches below the root."""
    return nested(nearest(case), depth, nearest(case))


@pytest.mark.parametrize("depth", [32, 33, 50, 52, 60, 64, 200])
def test_case_73_prefetches_that_would_abort_the_server(case, depth):
    """Qdrant 1.18 aborts on 52 over REST. 32 pass; what is deeper is refused before anything is sent."""
    name = case.collection(PLAIN)
    if depth <= 32:
        case.ranked_by(case.ask(name, "query", levels(case, depth)), OLD, "text 1")
        return
    if case.is_rest:
        answer = case.ask(name, "query", levels(case, depth))
    else:
        node = field(2, wire.nearest(OLD.vector("text 1"))) + (field(3, case.field) if case.field else b"")
        inner = field(2, wire.nested(node, depth - 1, (1, node)))
        answer = case.grpc(QUERY, wire.query_points(name, wire.nearest(OLD.vector("text 1")), case.field or None, inner))
    case.refused(answer, "too_deep")


@pytest.mark.parametrize("depth", [101, 500, 600, 5000, 100_000])
def test_case_73_messages_nested_without_end(grpc_case, depth):
    """Filters, payload values, formulas: Qdrant aborts at about 600."""
    case, name = grpc_case, grpc_case.collection(PLAIN)
    filters = wire.nested(b"", depth, (4, b""), (2, b""))
    values = wire.nested(number(4, 1), depth, (2, field(1, "a")), (1, b""), (6, b""))
    lists = wire.nested(number(4, 1), depth, (1, b""), (7, b""))
    expressions = wire.nested(field(2, "$score"), depth, (10, b""))
    query = wire.query_points(name, wire.nearest(OLD.vector("text 1")), case.field or None)
    case.refused(case.grpc(QUERY, query + field(5, filters)), "too_deep")
    formula = field(8, field(1, expressions))
    message = wire.query_points(name, formula, None, wire.prefetch(wire.nearest(OLD.vector("text 1")), case.field or None))
    case.refused(case.grpc(QUERY, message), "too_deep")
    vectors = field(2, field(1, field(1, case.field) + field(2, wire.vector(OLD.vector("77")))))
    for value in (values, lists):
        payload = field(3, field(1, "text") + field(2, field(4, "77"))) + field(3, field(1, "deep") + field(2, value))
        case.refused(case.grpc(UPSERT, wire.upsert(name, wire.point(77, vectors, payload))), "too_deep")


@pytest.mark.parametrize("depth", [130, 5000, 200_000])
def test_case_73_json_nested_without_end(rest_case, depth):
    case, name = rest_case, rest_case.collection(PLAIN)
    using = f'"using":"{case.field}",' if case.field else ""
    vector = json.dumps(OLD.vector("text 1"))
    filters = '{"must":[' * depth + '{"key":"n","match":{"value":1}}' + "]}" * depth
    body = '{"query":%s,%s"limit":5,"filter":%s}' % (vector, using, filters)
    case.refused(case.rest("POST", f"/collections/{name}/points/query", body), {"too_deep", "malformed_body"})
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        value = opening * depth + "1" + closing * depth
        point = '{"id":77,"vector":{"%s":%s},"payload":{"text":"77","deep":%s}}' % (case.field, vector, value)
        answer = case.rest("PUT", f"/collections/{name}/points", '{"points":[%s]}' % point)
        case.refused(answer, {"too_deep", "malformed_body"})
        body = '{"query":%s,%s"limit":5}' % (value, using)
        answer = case.rest("POST", f"/collections/{name}/points/query", body)
        case.refused(answer, {"too_deep", "malformed_body", "unknown_field"})
    unclosed = case.rest("POST", f"/collections/{name}/points/query", "[" * depth)
    case.refused(unclosed, {"too_deep", "malformed_body"})
    case.ranked_by(case.ask(name, "query", nearest(case)), OLD, "text 1", 5)


def test_case_81_batches_over_the_bounds(case):
    """A decision comes before the first byte goes up, so a body that cannot be held is refused."""
    name = case.collection(PLAIN)
    answer = case.ask(name, "query_batch", {"searches": [{"limit": 1}] * 1001})
    case.refused(answer, {"batch_too_large", "too_many_items"}, 413)
    padding = {"id": 77, "vector": case.named(OLD.vector("77")), "payload": {"text": "x" * (65 << 20)}}
    answer = case.ask(name, "upsert", {"points": [padding]})
    case.refused(answer, "body_too_large", 413)
    case.ranked_by(case.ask(name, "query", nearest(case)), OLD, "text 1", 5)


def test_case_81_a_large_batch_within_the_bounds(case):
    """2,000 points of one request: each is tagged and written in both spaces."""
    name = case.fresh(FLIPPED)
    text = {"text": "one text for all"}
    points = [{"id": 1000 + at, "vector": case.named(OLD.vector(text["text"])), "payload": text} for at in range(2000)]
    case.allowed(case.ask(name, "upsert", {"points": points}))
    stored = case.arena.stored(name)
    assert len(stored) == 2012
    for at in (1000, 1999, 2999):
        payload, vectors = stored[at]
        assert OLD.made(vectors[case.field], text["text"]) and NEW.made(vectors[case.standby(NEW)], text["text"])
        assert payload["_embedding"][case.field]["models"].keys() == {case.field, case.standby(NEW)}
    ids = {payload["_embedding"][case.field]["write_id"] for point, (payload, _) in stored.items() if point >= 1000}
    assert len(ids) == 2000, "a write id belongs to one point"


def test_case_80_the_bits_of_a_vector_are_the_clients(grpc_case):
    """No float is decoded on the way through: the bytes that go up are the bytes that came."""
    case, name = grpc_case, grpc_case.fresh(FLIPPED)
    odd = struct.pack("<8I", 0x7F7FFFFF, 0x00000001, 0x80000000, 0x3DCCCCCD, 0x3F800001, 0xBF7FFFFF, 0x33D6BF95, 0x4B800001)
    vectors = field(2, field(1, field(1, case.field) + field(2, field(101, field(1, odd)))))
    text = field(3, field(1, "text") + field(2, field(4, "text 1")))
    answer = case.grpc(UPSERT, wire.upsert(name, wire.point(1, vectors, text)))
    case.allowed(answer)
    sent = [pb.UpsertPoints.FromString(bytes(seen.body[5:])) for seen in case.forwarded(answer) if seen.line.endswith("/Upsert")]
    sent += [
        operation.upsert
        for seen in case.forwarded(answer) if seen.line.endswith("/UpdateBatch")
        for operation in pb.UpdateBatchPoints.FromString(bytes(seen.body[5:])).operations
        if operation.HasField("upsert")
    ]
    assert odd in sent[0].SerializeToString(), sent

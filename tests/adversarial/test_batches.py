"""Batches of writes: each operation counts, in order, also the deprecated ones and those that hide behind others."""

import json

import pytest
from qdrant_client import grpc as pb

from adversarial.ledger import Ledger, point
from adversarial.world import FILLING, FLIPPED, NEW, OLD, PLAIN, TEXTS

STATES = [PLAIN, FILLING, FLIPPED]
BATCH = "qdrant.Points/UpdateBatch"


def undeclared(case, id, text, payload=None):
    """A point of a client that says nothing of its model."""
    return point(id, case.named(OLD.vector(text)), {"text": text} if payload is None else payload)


def vector_of(case, id, text):
    """A point of a vector update."""
    return {"id": id, "vector": case.named(OLD.vector(text))}


@pytest.mark.parametrize("state", STATES)
def test_case_40_what_an_upsert_wrote_a_later_operation_changes(case, state):
    """Each as if it were a request of its own, one after the other."""
    ledger = Ledger(case, state)
    operations = [
        {"upsert": {"points": [undeclared(case, id, f"afresh {id}") for id in (1, 2, 3, 4, 50)]}},
        {"overwrite_payload": {"payload": {"text": "over"}, "points": [1]}},
        {"clear_payload": {"points": [2]}},
        {"delete_vectors": {"points": [3], "vector": [case.field]}},
        {"set_payload": {"payload": {"a": 1}, "points": [4]}},
        {"delete_payload": {"keys": ["a"], "points": [4]}},
        {"delete": {"points": [50]}},
    ]
    answer = ledger.done("batch", {"operations": operations})
    assert len(results(answer)) == len(operations), answer.text
    ledger.put(1, {"text": "over"}, "afresh 1")
    ledger.put(2, {}, "afresh 2")
    ledger.put(3, {"text": "afresh 3"}, "afresh 3")
    ledger.points[3].vectors, ledger.points[3].claims = {}, set()
    ledger.put(4, {"text": "afresh 4"}, "afresh 4")
    ledger.holds()


def results(answer):
    """The results of a batch's operations."""
    return answer.document["result"] if answer.protocol == "rest" else answer.document.result


@pytest.mark.parametrize("state", [FILLING, FLIPPED])
def test_case_40_a_vector_update_sees_the_text_that_came_before_it(case, state):
    """The other space is made from the stored text: the one that an earlier operation of the same batch put there."""
    ledger = Ledger(case, state)
    operations = [
        {"set_payload": {"payload": {"text": "set before"}, "points": [1]}},
        {"upsert": {"points": [undeclared(case, 60, "sixty")]}},
        {"update_vectors": {"points": [vector_of(case, 1, "set before"), vector_of(case, 60, "sixty")]}},
    ]
    ledger.done("batch", {"operations": operations})
    ledger.put(1, {**ledger.points[1].payload, "text": "set before"}, "set before")
    ledger.put(60, {"text": "sixty"}, "sixty")
    ledger.holds()


@pytest.mark.parametrize("state", STATES)
def test_case_40_an_upsert_after_a_vector_update(case, state):
    ledger = Ledger(case, state)
    operations = [
        {"update_vectors": {"points": [vector_of(case, 1, "moved")]}},
        {"upsert": {"points": [undeclared(case, 1, "last")]}},
        {"delete_vectors": {"points": [2], "vector": [case.field]}},
        {"upsert": {"points": [undeclared(case, 2, "back")]}},
        {"delete": {"points": [3]}},
        {"upsert": {"points": [undeclared(case, 3, "back")]}},
    ]
    ledger.done("batch", {"operations": operations})
    ledger.put(1, {"text": "last"}, "last")
    ledger.put(2, {"text": "back"}, "back")
    ledger.put(3, {"text": "back"}, "back")
    ledger.holds()


BAD = {
    "a forged tag": lambda case: {"set_payload": {"payload": {"_embedding": 1}, "points": [1]}},
    "a tag erased": lambda case: {"delete_payload": {"keys": ["_embedding"], "points": [1]}},
    "an unknown vector": lambda case: {"upsert": {"points": [point(1, {"nowhere": OLD.vector("x")}, {})]}},
    "one space alone": lambda case: {"delete_vectors": {"points": [1], "vector": [case.at(OLD)]}},
    "another model": lambda case: {"update_vectors": {"points": [{"id": 1, "vector": {f"{case.field}@wide": [0.1] * 12}}]}},
    "a filter on the tag": lambda case: {"delete": {"filter": {"must": [{"is_null": {"key": "_embedding"}}]}}},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_case_40_one_bad_operation_at_the_end(case, bad):
    """Nothing of the batch is forwarded, also where its operations cannot all be planned at once."""
    collection = case.collection(FILLING)
    good = [
        {"upsert": {"points": [undeclared(case, 1, "afresh")]}},
        {"overwrite_payload": {"payload": {"a": 1}, "points": [1]}},
        {"clear_payload": {"filter": {"must": [{"has_id": [2]}]}}},
        {"update_vectors": {"points": [vector_of(case, 2, "moved")]}},
    ]
    with case.unchanged(collection):
        answer = case.ask(collection, "batch", {"operations": [*good, bad(case)]})
        reasons = {"tag_tampering", "unknown_vector", "wrong_space", "unknown_model", "reserved_key"}
        case.refused(answer, reasons, 403 if answer.reason == "tag_tampering" else 400)


def test_case_40_an_operation_that_fails_stops_those_after_it_and_leaves_those_before(case):
    """As Qdrant does: a point that is not there."""
    ledger = Ledger(case, FILLING)
    operations = [
        {"upsert": {"points": [undeclared(case, 1, "before")]}},
        {"overwrite_payload": {"payload": {"a": 1}, "points": [9_999]}},
        {"upsert": {"points": [undeclared(case, 2, "after")]}},
    ]
    answer = ledger.ask("batch", {"operations": operations})
    assert answer.is_status(404), answer.said
    ledger.put(1, {"text": "before"}, "before")
    ledger.holds()


@pytest.mark.parametrize("state", STATES)
def test_case_40_the_deprecated_members_of_an_operation(grpc_case, state):
    """`delete_deprecated` and `clear_payload_deprecated` are selectors without a message around them."""
    ledger = Ledger(grpc_case, state)
    ledger.done("upsert", {"points": [undeclared(grpc_case, id, f"afresh {id}") for id in (1, 2)]})
    for id in (1, 2):
        ledger.put(id, {"text": f"afresh {id}"}, f"afresh {id}")
    before = ledger.tags()
    ids = lambda *ids: pb.PointsSelector(points=pb.PointsIdsList(ids=[pb.PointId(num=id) for id in ids]))
    low = pb.Filter(must=[pb.Condition(field=pb.FieldCondition(key="n", range=pb.Range(gte=11)))])
    kind = pb.PointsUpdateOperation
    operations = [
        kind(clear_payload_deprecated=ids(1)), kind(clear_payload_deprecated=pb.PointsSelector(filter=low)),
        kind(delete_deprecated=ids(4)),
    ]
    answer = grpc_case.grpc(BATCH, pb.UpdateBatchPoints(collection_name=ledger.name, wait=True, operations=operations))
    grpc_case.allowed(answer)
    assert len(answer.document.result) == 3
    for id in (1, 11, 12):
        ledger.points[id].payload = {}
    del ledger.points[4], before[4]
    ledger.holds()
    assert ledger.tags() == before


def test_case_40_a_deprecated_member_with_a_filter_on_the_tag(grpc_case):
    collection = grpc_case.collection(FILLING)
    on_tag = pb.Filter(must=[pb.Condition(is_empty=pb.IsEmptyCondition(key="_embedding.text"))])
    kind = pb.PointsUpdateOperation
    with grpc_case.unchanged(collection):
        for member in ("clear_payload_deprecated", "delete_deprecated"):
            operation = kind(**{member: pb.PointsSelector(filter=on_tag)})
            message = pb.UpdateBatchPoints(collection_name=collection, operations=[operation])
            grpc_case.refused(grpc_case.grpc(BATCH, message), "reserved_key")


def test_case_40_an_empty_operation(grpc_case):
    """The server would carry out those before it and then refuse."""
    collection = grpc_case.collection(PLAIN)
    first = pb.PointsUpdateOperation(delete_points=pb.PointsUpdateOperation.DeletePoints(points=selected(1)))
    message = pb.UpdateBatchPoints(collection_name=collection, operations=[first, pb.PointsUpdateOperation()])
    with grpc_case.unchanged(collection):
        grpc_case.refused(grpc_case.grpc(BATCH, message), "malformed")


def selected(*ids):
    """Points by id."""
    return pb.PointsSelector(points=pb.PointsIdsList(ids=[pb.PointId(num=id) for id in ids]))


def test_case_40_an_operation_that_holds_two_members(grpc_case):
    """The last member of a oneof wins on the server, whichever was looked at."""
    collection = grpc_case.collection(PLAIN)
    kind = pb.PointsUpdateOperation
    harmless = kind(delete_payload=kind.DeletePayload(keys=["n"], points_selector=selected(1))).SerializeToString()
    deleting = kind(delete_points=kind.DeletePoints(points=selected(1))).SerializeToString()
    with grpc_case.unchanged(collection):
        for both in (harmless + deleting, deleting + harmless):
            head = pb.UpdateBatchPoints(collection_name=collection).SerializeToString()
            message = head + bytes([3 << 3 | 2, len(both)]) + both
            answer = grpc_case.grpc(BATCH, message)
            assert answer.is_status(400), answer.said
            grpc_case.nothing_forwarded(answer)


def test_case_41_an_operation_with_two_keys(rest_case):
    """Qdrant runs the first that it knows, or the second where the first does not parse."""
    collection = rest_case.collection(PLAIN)
    upsert = {"points": [undeclared(rest_case, 1, "text 1")]}
    forged = {"payload": {"_embedding": 1}, "points": [1]}
    pairs = [
        {"upsert": upsert, "set_payload": forged},
        {"set_payload": forged, "upsert": upsert},
        {"upsert": {"points": "none"}, "delete": {"points": [1]}},
        {"delete": {"points": [1]}, "anything": 1},
        {"anything": 1},
        {},
    ]
    bodies = [json.dumps({"operations": [pair]}) for pair in pairs]
    twice = json.dumps({"delete": {"points": [1]}})[:-1] + ',"delete":{"points":[2]}}'
    bodies.append(f'{{"operations":[{twice}]}}')
    with rest_case.unchanged(collection):
        for body in bodies:
            answer = rest_case.rest("POST", f"/collections/{collection}/points/batch?wait=true", body)
            assert answer.is_status(400) and answer.reason, (body, answer.said)
            rest_case.nothing_forwarded(answer)


def test_case_41_a_selector_with_ids_and_a_filter(rest_case):
    """Operations differ in which of the two they take."""
    collection = rest_case.collection(PLAIN)
    both = {"points": [1], "filter": {"must": [{"has_id": [2]}]}}
    with rest_case.unchanged(collection):
        for verb, body in (
            ("delete", both), ("clear_payload", both), ("set_payload", {**both, "payload": {"a": 1}}),
            ("overwrite_payload", {**both, "payload": {"a": 1}}), ("delete_payload", {**both, "keys": ["a"]}),
            ("delete_vectors", {**both, "vector": [rest_case.field]}),
        ):
            for answer in (
                rest_case.ask(collection, verb, body),
                rest_case.ask(collection, "batch", {"operations": [{verb: body}]}),
            ):
                assert answer.is_status(400) and answer.reason, answer.said
                rest_case.nothing_forwarded(answer)


def test_case_40_each_point_of_a_long_batch_is_right(case):
    """Texts and vectors of one point never end in another's."""
    ledger = Ledger(case, FILLING)
    ids = range(100, 140)
    operations = [{"upsert": {"points": [undeclared(case, id, f"long {id}")]}} for id in ids]
    operations += [{"update_vectors": {"points": [vector_of(case, id, f"long {id}")]}} for id in TEXTS]
    ledger.done("batch", {"operations": operations})
    for id in ids:
        ledger.put(id, {"text": f"long {id}"}, f"long {id}")
    for id in TEXTS:
        ledger.points[id].vectors[case.field] = (OLD, f"long {id}")
        ledger.points[id].vectors[case.standby(NEW)] = (NEW, TEXTS[id])
    ledger.holds()

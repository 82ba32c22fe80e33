"""Upserts: what they drop, keep, skip or hold twice, and what the tag may then say."""

import pytest
from qdrant_client import grpc as pb

from adversarial.ledger import Ledger, point
from adversarial.spoken import VERBS, vectors
from adversarial.world import FILLING, FLIPPED, NEW, OLD, PLAIN
from harness.rawproto import text_field, varint_field

STATES = [PLAIN, FILLING, FLIPPED]
LOW = {"must": [{"key": "n", "range": {"lte": 2}}]}


def undeclared(case, id, text, payload=None):
    """A point of a client that says nothing of its model: it is pinned to the old one."""
    return point(id, case.named(OLD.vector(text)), {"text": text} if payload is None else payload)


@pytest.mark.parametrize("state", STATES)
def test_case_31_an_upsert_with_only_the_old_vector(case, state):
    """The same request twice: in place it would drop the other space, copied on write it would keep a stale vector."""
    ledger = Ledger(case, state)
    for _ in range(2):
        ledger.done("upsert", {"points": [undeclared(case, 1, "afresh"), undeclared(case, 50, "another")]})
        ledger.put(1, {"text": "afresh"}, "afresh")
        ledger.put(50, {"text": "another"}, "another")
        ledger.holds()


def test_case_31_an_upsert_with_only_the_new_vector(case):
    """Of a client that declares the new model, while the old one still serves."""
    ledger = Ledger(case, FILLING)
    body = {"points": [point(1, case.named(NEW.vector("afresh")), {"text": "afresh"})]}
    ledger.done("upsert", body, {"embedding-model": "new"})
    ledger.put(1, {"text": "afresh"}, "afresh")
    ledger.holds()


def test_case_31_an_upsert_with_both_vectors_needs_no_text(case):
    ledger = Ledger(case, FILLING)
    both = {case.at(OLD): OLD.vector("afresh"), case.at(NEW): NEW.vector("afresh")}
    ledger.done("upsert", {"points": [point(1, both, {"n": 1})]})
    ledger.put(1, {"n": 1}, "afresh")
    ledger.holds()


@pytest.mark.parametrize("state", [FILLING])
def test_case_31_where_the_other_vector_cannot_be_made_the_point_is_pending(case, state):
    """No text to embed: the standby keeps nothing of the point, and `status` counts it."""
    ledger = Ledger(case, state)
    for _ in range(2):
        ledger.done("upsert", {"points": [undeclared(case, 1, "no text", {"n": 1})]})
        ledger.put(1, {"n": 1}, "no text", [case.field])
        ledger.holds()


def test_case_31_where_the_serving_vector_cannot_be_made_nothing_is_written(case):
    """After the cutover the new model serves: a write that would leave it behind is refused."""
    collection = case.collection(FLIPPED)
    with case.unchanged(collection):
        body = {"points": [undeclared(case, 2, "text 2"), undeclared(case, 1, "no text", {"n": 1})]}
        case.refused(case.ask(collection, "upsert", body), "no_source_text")


@pytest.mark.parametrize("state", STATES)
def test_case_32_an_upsert_without_a_payload(case, state):
    """Qdrant clears or keeps the old payload, as it happens; here it is always the tag and nothing else."""
    ledger = Ledger(case, state)
    for payload in (None, {}):
        for id, model in ((1, "auto"), (60, "old")):
            text = {"text": f"document {id}", "model": model}
            ledger.done("upsert", {"points": [point(id, case.named(text), payload)]})
            ledger.put(id, {}, f"document {id}")
        ledger.holds()


def test_case_32_an_upsert_with_a_null_payload(rest_case):
    ledger = Ledger(rest_case, PLAIN)
    body = {"points": [{"id": 1, "vector": rest_case.named(OLD.vector("afresh")), "payload": None}]}
    ledger.done("upsert", body)
    ledger.put(1, {}, "afresh")
    ledger.holds()


def test_case_42_an_upsert_with_both_batch_and_points(rest_case):
    """Qdrant takes the batch: what stands under `points` would be checked in vain, or the other way round."""
    collection = rest_case.collection(PLAIN)
    vector = OLD.vector("text 1")
    columns = {"ids": [1], "vectors": {rest_case.field: [vector]} if rest_case.field else [vector]}
    points = [undeclared(rest_case, 1, "text 1")]
    with rest_case.unchanged(collection):
        for body in ({"batch": columns, "points": points}, {"points": points, "batch": columns}):
            refused = rest_case.ask(collection, "upsert", body)
            assert refused.is_status(400), refused.said
            rest_case.refused(refused, refused.reason)
            refused = rest_case.ask(collection, "batch", {"operations": [{"upsert": body}]})
            rest_case.refused(refused, refused.reason)


# What each way of writing conditionally writes, of points 1 (n = 1), 5 (n = 5) and 70 (not there yet).
CONDITIONS = {
    "insert only": ({"update_mode": "insert_only"}, {70}),
    "update only": ({"update_mode": "update_only"}, {1, 5}),
    "a filter": ({"update_filter": LOW}, {1, 70}),
    "update only, with a filter": ({"update_mode": "update_only", "update_filter": LOW}, {1}),
    "insert only, with a filter": ({"update_mode": "insert_only", "update_filter": LOW}, {70}),
    "nothing": ({"update_mode": "upsert"}, {1, 5, 70}),
}


@pytest.mark.parametrize("condition, written", CONDITIONS.values(), ids=CONDITIONS.keys())
@pytest.mark.parametrize("state", STATES)
def test_case_43_a_conditional_write_claims_only_what_it_wrote(case, state, condition, written):
    ledger = Ledger(case, state)
    before = ledger.tags()
    ledger.done("upsert", {"points": [undeclared(case, id, f"afresh {id}") for id in (1, 5, 70)], **condition})
    for id in written:
        ledger.put(id, {"text": f"afresh {id}"}, f"afresh {id}")
    ledger.holds()
    after = ledger.tags()
    for id in after.keys() & before.keys():
        assert (after[id] != before[id]) == (id in written), id


@pytest.mark.parametrize("condition", ["insert only", "update only, with a filter"])
def test_case_43_a_conditional_write_without_the_other_vector_spares_what_it_skips(case, condition):
    """The standby's vector of a point that was skipped stays, that of one that was written goes."""
    ledger = Ledger(case, FILLING)
    said, written = CONDITIONS[condition]
    ledger.done("upsert", {"points": [undeclared(case, id, f"afresh {id}", {"n": id}) for id in (1, 5, 70)], **said})
    for id in written:
        ledger.put(id, {"n": id}, f"afresh {id}", [case.field])
    ledger.holds()


def test_case_43_a_filter_on_the_tag_is_refused(case):
    collection = case.collection(FILLING)
    tagged = {"must_not": [{"is_empty": {"key": '"_embedding".x'}}]}
    with case.unchanged(collection):
        body = {"points": [undeclared(case, 1, "text 1")], "update_filter": tagged}
        case.refused(case.ask(collection, "upsert", body), "reserved_key")


@pytest.mark.parametrize("mode", [3, 7, 2**31 - 1])
def test_case_44_an_update_mode_that_is_not_known(grpc_case, mode):
    """The server would take it for a plain upsert."""
    collection = grpc_case.collection(PLAIN)
    body = {"points": [undeclared(grpc_case, 1, "text 1")]}
    message = VERBS["upsert"][3](collection, body)
    operation = pb.PointsUpdateOperation.PointStructList(points=message.points).SerializeToString() + varint_field(4, mode)
    batch = text_field(1, collection.encode()) + text_field(3, text_field(1, operation))
    with grpc_case.unchanged(collection):
        single = message.SerializeToString() + varint_field(8, mode)
        grpc_case.refused(grpc_case.grpc("qdrant.Points/Upsert", single), "unknown_field")
        grpc_case.refused(grpc_case.grpc("qdrant.Points/UpdateBatch", batch), "unknown_field")


def test_case_44_an_update_mode_of_another_name(rest_case):
    collection = rest_case.collection(PLAIN)
    with rest_case.unchanged(collection):
        for mode in ("replace", "Upsert", 1):
            body = {"points": [undeclared(rest_case, 1, "text 1")], "update_mode": mode}
            answer = rest_case.ask(collection, "upsert", body)
            assert answer.is_status(400), answer.said
            rest_case.nothing_forwarded(answer)


@pytest.mark.parametrize("state", STATES)
def test_case_45_one_id_twice_in_an_upsert(case, state):
    """The last one stands, with its own tag."""
    ledger = Ledger(case, state)
    twice = [undeclared(case, 1, "first"), undeclared(case, 80, "first"), undeclared(case, 1, "last"), undeclared(case, 80, "last")]
    ledger.done("upsert", {"points": twice})
    for id in (1, 80):
        ledger.put(id, {"text": "last"}, "last")
    ledger.holds()


def test_case_45_the_last_of_two_lacks_the_other_vector(case):
    """The first one's standby vector must not stay behind as if it were the last one's."""
    ledger = Ledger(case, FILLING)
    ledger.done("upsert", {"points": [undeclared(case, 1, "first"), undeclared(case, 1, "last", {"n": 0})]})
    ledger.put(1, {"n": 0}, "last", [case.field])
    ledger.done("upsert", {"points": [undeclared(case, 2, "first", {"n": 0}), undeclared(case, 2, "last")]})
    ledger.put(2, {"text": "last"}, "last")
    ledger.holds()


def test_case_45_the_first_of_two_is_forged(case):
    """Each is looked at, whichever would stand."""
    collection = case.collection(PLAIN)
    forged, honest = undeclared(case, 1, "x", {"_embedding": 1}), undeclared(case, 1, "x")
    with case.unchanged(collection):
        for points in ([forged, honest], [honest, forged]):
            case.refused(case.ask(collection, "upsert", {"points": points}), "tag_tampering", 403)


@pytest.mark.parametrize("name", ["nowhere", "Text", "text ", "@new@1", "text@nobody@1", "té"])
def test_case_47_an_unknown_vector_that_nobody_waits_for(case, name):
    """Qdrant acknowledges it with wait=false, and drops it."""
    collection = case.collection(PLAIN)
    body = {"points": [undeclared(case, 2, "text 2"), point(1, {name: OLD.vector("text 1")}, {"text": "text 1"})]}
    with case.unchanged(collection):
        if case.is_rest:
            answer = case.rest("PUT", f"/collections/{collection}/points?wait=false", body)
        else:
            message = VERBS["upsert"][3](collection, body)
            message.wait = False
            answer = case.grpc("qdrant.Points/Upsert", message)
        case.refused(answer, {"unknown_vector", "wrong_space", "unknown_model"})


def test_case_47_a_vector_of_another_dimension_that_nobody_waits_for(case):
    collection = case.collection(PLAIN)
    body = {"points": [{"id": 1, "vector": case.named([0.5] * 5)}]}
    with case.unchanged(collection):
        if case.is_rest:
            answer = case.rest("PUT", f"/collections/{collection}/points/vectors?wait=false", body)
        else:
            changed = pb.PointVectors(id=pb.PointId(num=1), vectors=vectors(body["points"][0]["vector"]))
            message = pb.UpdatePointVectors(collection_name=collection, wait=False, points=[changed])
            answer = case.grpc("qdrant.Points/UpdateVectors", message)
        case.refused(answer, "wrong_dimension")


@pytest.mark.parametrize("state", STATES)
def test_case_60_a_write_that_is_sent_again_changes_nothing_more(case, state):
    """As clients do after a lost answer: points, vectors, payloads, claims and source hashes are the same after each."""
    ledger = Ledger(case, state)
    upsert = {"points": [undeclared(case, id, f"afresh {id}") for id in (1, 90)]}
    update = {"points": [{"id": 2, "vector": case.named(OLD.vector("text 2"))}]}
    seen = []
    for _ in range(3):
        ledger.done("upsert", upsert)
        ledger.done("update_vectors", update)
        ledger.done("batch", {"operations": [{"upsert": upsert}, {"update_vectors": update}]})
        for id in (1, 90):
            ledger.put(id, {"text": f"afresh {id}"}, f"afresh {id}")
        ledger.points[2].claims = set(ledger.spaces)
        ledger.holds()
        tags = {id: ledger.tags()[id][case.field] for id in (1, 2, 90)}
        seen.append({id: (tag["source_hash"], tag["models"]) for id, tag in tags.items()})
    assert seen[0] == seen[1] == seen[2]

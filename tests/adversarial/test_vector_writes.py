"""Vector updates and deletions: writes that carry no payload, so that vectors and tag go in two operations."""

import threading

import pytest
from qdrant_client import grpc as pb

from adversarial.ledger import Ledger
from adversarial.world import FILLING, FLIPPED, NEW, OLD, PLAIN, TEXTS

STATES = [PLAIN, FILLING, FLIPPED]


def vector_of(case, id, text, model=OLD, name=None):
    """A point of a vector update."""
    return {"id": id, "vector": case.named(model.vector(text)) if name is None else {name: model.vector(text)}}


def updated(ledger, id, text):
    """The point's own vector is of `text`; the other space's is made from the text that is stored."""
    case, wanted = ledger.case, ledger.points[id]
    wanted.vectors = {space: (model, TEXTS[id]) for space, model in ledger.spaces.items()}
    wanted.vectors[case.field] = (OLD, text)
    wanted.claims = set(ledger.spaces)


@pytest.mark.parametrize("state", STATES)
def test_case_37_a_vector_update_of_the_old_space_alone(case, state):
    """The other space follows from the stored text, and the tag names both."""
    ledger = Ledger(case, state)
    ledger.done("update_vectors", {"points": [vector_of(case, 1, "moved"), vector_of(case, 2, "text 2")]})
    updated(ledger, 1, "moved")
    updated(ledger, 2, "text 2")
    ledger.holds()


def test_case_37_a_vector_update_of_the_new_space_alone(case):
    """The serving space is made from the stored text."""
    ledger = Ledger(case, FILLING)
    ledger.done("update_vectors", {"points": [vector_of(case, 1, "moved", NEW, case.at(NEW))]})
    ledger.points[1].vectors[case.standby(NEW)] = (NEW, "moved")
    ledger.holds()


def test_case_37_without_a_stored_text_the_other_space_is_pending(case):
    """Its stale vector goes, the tag stops claiming it, and `status` counts the point."""
    ledger = Ledger(case, FILLING)
    ledger.done("delete_payload", {"keys": ["text"], "points": [1]})
    ledger.done("update_vectors", {"points": [vector_of(case, 1, "moved")]})
    ledger.put(1, {"group": "g1", "n": 1}, "moved", [case.field])
    ledger.holds()


def test_case_37_without_a_stored_text_the_serving_space_is_not_left_behind(case):
    ledger = Ledger(case, FLIPPED)
    ledger.done("delete_payload", {"keys": ["text"], "points": [1]})
    del ledger.points[1].payload["text"]
    answer = ledger.ask("update_vectors", {"points": [vector_of(case, 2, "moved"), vector_of(case, 1, "moved")]})
    assert answer.is_status(400) and answer.reason == "no_source_text", answer.said
    ledger.holds()


@pytest.mark.parametrize("state", STATES)
def test_case_38_vectors_and_tag_go_in_one_request(case, state):
    """Between two requests another client could write, or Interlock could die."""
    ledger = Ledger(case, state)
    answer = ledger.done("update_vectors", {"points": [vector_of(case, 1, "moved")]})
    # The stored texts are looked up before.
    writes = [seen.line for seen in case.forwarded(answer) if not seen.line.endswith(("/Get", "/points"))]
    assert len(writes) == 1 and ("/points/batch" in writes[0] or "UpdateBatch" in writes[0]), writes


@pytest.mark.parametrize("state", STATES)
def test_case_38_an_update_that_stops_half_way_leaves_no_false_tag(case, state):
    """A missing point stops Qdrant in the midst of the batch: what was not written may not be claimed."""
    ledger = Ledger(case, state)
    points = [vector_of(case, 1, "moved"), vector_of(case, 9_999, "moved"), vector_of(case, 2, "moved")]
    answer = ledger.ask("update_vectors", {"points": points})
    assert answer.is_status(404) and "9999" in answer.message, answer.said
    case.leaks_nothing(answer)
    for id, (payload, vectors) in case.arena.stored(ledger.name).items():
        entry = payload.get("_embedding", {}).get(case.field, {})
        for space in entry.get("models", {}):
            assert ledger.spaces[space].made(vectors[space], TEXTS[id]) or ledger.spaces[space].made(vectors[space], "moved")
        if id not in (1, 2):
            assert entry.get("models", {}).keys() == (set() if state == PLAIN else set(ledger.spaces)), id


def test_case_38_many_clients_update_one_point(case):
    """Whoever is last: both spaces are of one request, or the point is pending; no claim without its vector."""
    ledger = Ledger(case, FILLING)
    wrong = []

    def write(me):
        for turn in range(6):
            text = f"by {me} in turn {turn}"
            both = {case.at(OLD): OLD.vector(text), case.at(NEW): NEW.vector(text)}
            answer = ledger.ask("update_vectors", {"points": [{"id": 1, "vector": both}]})
            wrong.extend([] if answer.ok else [answer.said])

    writers = [threading.Thread(target=write, args=(me,)) for me in range(4)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert not wrong, wrong
    payload, vectors = case.arena.stored(ledger.name)[1]
    texts = [f"by {me} in turn {turn}" for me in range(4) for turn in range(6)]
    (of_old,) = [text for text in texts if OLD.made(vectors[case.field], text)]
    (of_new,) = [text for text in texts if NEW.made(vectors[case.standby(NEW)], text)]
    assert of_old == of_new
    assert payload["_embedding"][case.field]["models"].keys() <= set(ledger.spaces)


def test_case_37_a_vector_update_of_one_field_keeps_the_claims_of_the_other(case):
    """One request updates one field of one point and another field of another."""
    arena = case.arena
    name = arena.world.name("two-fields")
    other = "other"
    parameters = {"size": OLD.dimension, "distance": "Cosine"}
    made = case.rest("PUT", f"/collections/{name}", {"vectors": {case.field or "text": parameters, other: parameters}})
    assert made.ok, made.said
    first = case.field or "text"
    arena.adopt(name, "--field", f"{first}=old", "--field", f"{other}=old")
    both = lambda id: {"id": id, "vector": {first: OLD.vector(f"text {id}"), other: OLD.vector(f"other {id}")}}
    case.allowed(case.ask(name, "upsert", {"points": [both(1), both(2)]}))
    moved = [{"id": 1, "vector": {first: OLD.vector("moved")}}, {"id": 2, "vector": {other: OLD.vector("moved")}}]
    case.allowed(case.ask(name, "update_vectors", {"points": moved}))
    wanted = {1: ("moved", "other 1"), 2: ("text 2", "moved")}
    for id, (payload, vectors) in arena.stored(name).items():
        for field, text in zip((first, other), wanted[id]):
            assert OLD.made(vectors[field], text), (id, field)
            assert payload["_embedding"][field]["models"][field].startswith("old@1#"), (id, field, payload)


@pytest.mark.parametrize("state", STATES)
def test_case_43_a_conditional_vector_update_claims_only_what_it_wrote(case, state):
    """The answer does not say which points it skipped: their vectors and tags stay to the letter."""
    ledger = Ledger(case, state)
    before = ledger.tags()
    low = {"must": [{"key": "n", "range": {"lte": 2}}]}
    points = [vector_of(case, id, f"moved {id}") for id in (1, 5, 2)]
    ledger.done("update_vectors", {"points": points, "update_filter": low})
    for id in (1, 2):
        updated(ledger, id, f"moved {id}")
    ledger.holds()
    after = ledger.tags()
    assert {id for id in after if after[id] != before[id]} == {1, 2}


@pytest.mark.parametrize("state", STATES)
def test_case_39_deleting_the_vector_of_a_field(case, state):
    """Every space of it goes, with the claims; the standby's name alone cannot be given."""
    ledger = Ledger(case, state)
    ledger.done("delete_vectors", {"points": [1, 2], "vector": [case.field]})
    by_filter = {"must": [{"key": "n", "range": {"gte": 11}}]}
    ledger.done("batch", {"operations": [{"delete_vectors": {"filter": by_filter, "vector": [case.field]}}]})
    for id in (1, 2, 11, 12):
        ledger.points[id].vectors, ledger.points[id].claims = {}, set()
    ledger.holds()


@pytest.mark.parametrize("state", [FILLING, FLIPPED])
def test_case_39_deleting_one_space_of_a_field(case, state):
    collection = case.collection(state)
    with case.unchanged(collection):
        for name in (case.at(NEW), case.at(OLD), case.standby(NEW)):
            answer = case.ask(collection, "delete_vectors", {"points": [1], "vector": [name]})
            case.refused(answer, {"wrong_space", "unknown_vector"})
            both = {"points": [1], "vector": [case.field, name]}
            case.refused(case.ask(collection, "delete_vectors", both), {"wrong_space", "unknown_vector"})


def test_case_39_a_deleted_vector_does_not_come_back_by_a_vector_update_of_another_point(case):
    ledger = Ledger(case, FILLING)
    ledger.done("delete_vectors", {"points": [1], "vector": [case.field]})
    ledger.points[1].vectors, ledger.points[1].claims = {}, set()
    ledger.done("update_vectors", {"points": [vector_of(case, 2, "moved")]})
    updated(ledger, 2, "moved")
    ledger.holds()


@pytest.mark.parametrize("state", STATES)
def test_case_46_one_id_twice_in_a_vector_update(case, state):
    """The server merges them, and of one name the last stands."""
    ledger = Ledger(case, state)
    ledger.done("update_vectors", {"points": [vector_of(case, 1, "first"), vector_of(case, 1, "last")]})
    updated(ledger, 1, "last")
    ledger.holds()


def test_case_46_both_models_vectors_of_one_id_apart(case):
    """Each alone would leave the other space behind; together they are one point."""
    ledger = Ledger(case, FILLING)
    apart = [
        vector_of(case, 1, "moved", OLD, case.at(OLD)),
        vector_of(case, 2, "text 2"),
        vector_of(case, 1, "moved", NEW, case.at(NEW)),
    ]
    ledger.done("update_vectors", {"points": apart})
    ledger.put(1, ledger.points[1].payload, "moved")
    ledger.holds()


def test_case_46_two_names_of_one_space_for_one_id(case):
    collection = case.collection(FILLING)
    points = [vector_of(case, 1, "first"), vector_of(case, 1, "last", OLD, case.at(OLD))]
    with case.unchanged(collection):
        case.refused(case.ask(collection, "update_vectors", {"points": points}), "contradicting_models")


def test_case_46_the_deprecated_fields_of_a_vector_are_its_model_too(grpc_case):
    """`data` and `vectors_count` beside the oneof: the oneof wins on the server, so it is what is measured."""
    collection = grpc_case.collection(PLAIN)
    vector = pb.Vector(data=[0.5] * 8, dense=pb.DenseVector(data=[0.5] * 5))
    named = pb.Vectors(vectors=pb.NamedVectors(vectors={grpc_case.field: vector}))
    changed = pb.PointVectors(id=pb.PointId(num=1), vectors=named)
    message = pb.UpdatePointVectors(collection_name=collection, points=[changed])
    with grpc_case.unchanged(collection):
        grpc_case.refused(grpc_case.grpc("qdrant.Points/UpdateVectors", message), "wrong_dimension")

"""Collections, vector names and aliases changed under the table: recreated, shadowed, retargeted, half-applied."""

import threading

import pytest
from qdrant_client import grpc as pb

from adversarial.ledger import Ledger, point
from adversarial.world import FILLING, FLIPPED, NEW, OLD, PLAIN


def refused(case, answer):
    """Refused with 400, 403 or 409 and a reason; nothing forwarded."""
    said = [status for status in (400, 403, 409) if answer.is_status(status)]
    assert said and answer.reason and answer.message, answer.said
    case.nothing_forwarded(answer)


def schema(case, name, rest, rpc, message):
    """One call that has no common form."""
    if case.is_rest:
        method, path, body = rest
        return case.rest(method, f"/collections/{name}{path}", body)
    return case.grpc(rpc, message)


def aliases(case, *actions):
    """A change of aliases: (create, alias, collection), (rename, old, new), (delete, alias)."""
    rest, proto = [], []
    for kind, first, *second in actions:
        if kind == "create":
            names = {"alias_name": first, "collection_name": second[0]}
            proto.append(pb.AliasOperations(create_alias=pb.CreateAlias(**names)))
        elif kind == "rename":
            names = {"old_alias_name": first, "new_alias_name": second[0]}
            proto.append(pb.AliasOperations(rename_alias=pb.RenameAlias(**names)))
        else:
            names = {"alias_name": first}
            proto.append(pb.AliasOperations(delete_alias=pb.DeleteAlias(**names)))
        rest.append({f"{kind}_alias": names})
    if case.is_rest:
        return case.rest("POST", "/collections/aliases", {"actions": rest})
    return case.grpc("qdrant.Collections/UpdateAliases", pb.ChangeAliases(actions=proto))


def upsert(case, name, id, text, payload=None):
    """A point of a client that says nothing of its model."""
    body = {"points": [point(id, case.named(OLD.vector(text)), {"text": text} if payload is None else payload)]}
    return case.ask(name, "upsert", body)


def free(case, stem):
    """A name that nothing has, and that is forgotten in the end."""
    return case.arena.world.name(stem)


def test_case_48_writes_through_an_alias_while_it_is_switched(case):
    """Another client switches it between two collections of the same models: whether that is allowed or refused, each
    write lands, whole and tagged, in one of the two."""
    alias = free(case, "switched")
    first, second = Ledger(case, PLAIN, alias=alias), Ledger(case, PLAIN)
    wrong, stop, written = [], threading.Event(), set()

    def write():
        id = 1_000
        while not stop.is_set():
            id += 1
            answer = upsert(case, alias, id, f"through {id}")
            wrong.extend([] if answer.ok else [answer.said])
            written.add(id)

    writer = threading.Thread(target=write)
    writer.start()
    for turn in range(6):
        answer = aliases(case, ("delete", alias), ("create", alias, (second, first)[turn % 2].name))
        if not answer.ok:
            refused(case, answer)
    stop.set()
    writer.join()
    assert not wrong and written, wrong
    found = set()
    for ledger in (first, second):
        for id in case.arena.stored(ledger.name).keys() - ledger.points.keys():
            ledger.put(id, {"text": f"through {id}"}, f"through {id}")
            found.add(id)
        ledger.holds()
    assert found == written


@pytest.mark.parametrize("other", ["unmanaged", "of another model"])
def test_case_48_an_alias_may_not_lead_to_another_model(case, other):
    """Its clients say nothing of their model: their vectors would rank, or be written, among another model's."""
    alias = free(case, "led")
    home, away = Ledger(case, PLAIN, alias=alias), case.arena.bare("away", case.field, NEW)
    if other == "of another model":
        case.arena.adopt(away, "--model", "new", "--source", "{text}")
    with case.unchanged(away):
        for actions in (
            [("create", alias, away)],
            [("delete", alias), ("create", alias, away)],
            [("create", f"{alias}-2", away), ("rename", f"{alias}-2", alias)],
        ):
            refused(case, aliases(case, *actions))
        case.allowed(upsert(case, alias, 1, "through the alias"))
    home.put(1, {"text": "through the alias"}, "through the alias")
    home.holds()


def test_case_49_a_collection_deleted_and_made_again_through_interlock(case):
    """The new one is another collection: unmanaged, or refused, but never read as the old model's."""
    name = case.fresh(PLAIN)
    gone = schema(case, name, ("DELETE", "", None), "qdrant.Collections/Delete", pb.DeleteCollection(collection_name=name))
    if not gone.ok:
        refused(case, gone)
        assert case.ask(name, "count", {}).ok
        return
    parameters = pb.VectorParams(size=NEW.dimension, distance=pb.Distance.Cosine)
    one = {"size": NEW.dimension, "distance": "Cosine"}
    config = pb.VectorsConfig(params=parameters)
    if case.field:
        config = pb.VectorsConfig(params_map=pb.VectorParamsMap(map={case.field: parameters}))
    body = {"vectors": {case.field: one} if case.field else one}
    message = pb.CreateCollection(collection_name=name, vectors_config=config)
    made = schema(case, name, ("PUT", "", body), "qdrant.Collections/Create", message)
    if made.ok:
        answer = upsert(case, name, 1, "after")
        payload = case.arena.stored(name)[1][0] if answer.ok else {}
        assert "_embedding" not in payload, "a tag of the collection that is gone"
    else:
        refused(case, made)


def test_case_50_an_alias_may_not_shadow_a_managed_collection(case):
    """Qdrant looks for aliases first: the collection's own name would lead elsewhere."""
    home, away = Ledger(case, PLAIN), case.arena.bare("away", case.field, NEW)
    alias = free(case, "shadow")
    assert aliases(case, ("create", alias, away)).ok
    with case.unchanged(home.name), case.unchanged(away):
        for actions in (
            [("rename", alias, home.name)],
            [("create", f"{alias}-2", away), ("rename", f"{alias}-2", home.name)],
        ):
            refused(case, aliases(case, *actions))
        # Qdrant itself refuses an alias of a collection's name.
        assert not aliases(case, ("create", home.name, away)).ok
    case.allowed(upsert(case, home.name, 1, "still here"))
    home.put(1, {"text": "still here"}, "still here")
    home.holds()
    assert aliases(case, ("delete", alias)).ok


def test_case_51_a_list_of_actions_that_would_stop_half_way(case):
    """Qdrant would keep the first and refuse the second: none is sent."""
    home = Ledger(case, PLAIN)
    alias = free(case, "half")
    refused(case, aliases(case, ("create", alias, home.name), ("create", f"{alias}-2", free(case, "nowhere"))))
    refused(case, aliases(case, ("create", alias, home.name), ("rename", free(case, "nobody"), f"{alias}-3")))
    assert not case.ask(alias, "count", {}).ok, "the first action was carried out"


def test_case_51_an_alias_action_with_two_keys(rest_case):
    """Qdrant would carry out one of them."""
    home, away = rest_case.collection(PLAIN), rest_case.arena.bare("away", rest_case.field, NEW)
    alias = free(rest_case, "two-keys")
    create = {"create_alias": {"collection_name": away, "alias_name": alias}}
    hidden = {"rename_alias": {"old_alias_name": alias, "new_alias_name": home}}
    refused(rest_case, rest_case.rest("POST", "/collections/aliases", {"actions": [{**create, **hidden}]}))


def create_vector(case, collection, name):
    """CreateVectorName."""
    config = pb.DenseVectorCreationConfig(size=8, distance=pb.Distance.Cosine)
    message = pb.CreateVectorNameRequest(collection_name=collection, vector_name=name, dense_config=config)
    body = {"dense": {"size": 8, "distance": "Cosine"}}
    return schema(case, collection, ("PUT", f"/vectors/{name}", body), "qdrant.Points/CreateVectorName", message)


@pytest.mark.parametrize("state", [PLAIN, FILLING, FLIPPED])
def test_case_55_a_vector_name_deleted_or_made_anew(case, state):
    """Whatever Interlock's spaces are called, and the unnamed one, which only gRPC can name."""
    collection = case.collection(state)
    names = [case.field, case.standby(NEW), case.at(NEW), f"{case.field}@wide@1"]
    with case.unchanged(collection):
        for name in names:
            if name or not case.is_rest:
                refused(case, create_vector(case, collection, name))
                message = pb.DeleteVectorNameRequest(collection_name=collection, vector_name=name)
                rest = ("DELETE", f"/vectors/{name}", None)
                refused(case, schema(case, collection, rest, "qdrant.Points/DeleteVectorName", message))


def test_case_56_metadata_of_interlocks_own(case):
    """Written, merged or removed with null: what the collection says of its models stays."""
    collection = case.collection(FILLING)
    for body in ({"interlock": {"models": {}}}, {"interlock": None}, {"mine": 1, "interlock": "x"}):
        message = pb.UpdateCollection(collection_name=collection)
        for key, value in body.items():
            message.metadata[key].CopyFrom(pb.Value(string_value="x") if value else pb.Value(null_value=0))
        refused(case, schema(case, collection, ("PATCH", "", {"metadata": body}), "qdrant.Collections/Update", message))


def test_case_57_a_collection_with_a_vector_of_a_spaces_name(case):
    """A migration could take such a name for its space's: no client can make one."""
    arena, field = case.arena, case.field or "text"
    parameters = {"size": OLD.dimension, "distance": "Cosine"}
    vectors = {field: parameters, f"{field}@new@1": parameters}
    refused(case, case.rest("PUT", f"/collections/{arena.world.name('taken')}", {"vectors": vectors}))

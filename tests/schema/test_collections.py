"""Collections and vector names: made, changed, dropped, made again, through Interlock and past it."""

from qdrant_client import grpc as pb
from qdrant_client import models

from harness.clients import official

SIX = {"size": 6, "distance": "Cosine"}


def test_names_of_ours_are_refused_in_a_new_collection(stage):
    stage.managed("known")
    name = stage.world.name("new")
    for body, status, reason in [
        ({"vectors": SIX, "metadata": {"interlock": {}}}, 403, "reserved_metadata"),
        ({"vectors": SIX, "metadata": {"interlock.mark": "x"}}, 403, "reserved_metadata"),
        ({"vectors": {"text@new@1": SIX}}, 400, "reserved_name"),
        ({"vectors": {"Text": SIX, "text": SIX}}, 400, "look_alike"),
        ({"vectors": {"text": SIX}, "sparse_vectors": {"text ": {}}}, 400, "look_alike"),
    ]:
        stage.refuses(stage.rest("PUT", f"/collections/{name}", body), status, reason)
    create = pb.CreateCollection(collection_name=name)
    create.metadata["interlock"].string_value = "x"
    answer = stage.grpc("/qdrant.Collections/Create", create)
    assert (answer.code, answer.reason) == (7, "reserved_metadata")
    answer = stage.rest("PUT", f"/collections/{name}", {"vectors": SIX, "metadata": {"team": "search"}})
    assert answer.status_code == 200, answer.text


def test_a_change_reaches_both_spaces_and_other_metadata_passes(stage):
    name = stage.managed("changed", migrating=True)
    stage.refuses(
        stage.rest("PATCH", f"/collections/{name}", {"metadata": {"interlock": None}}), 403, "reserved_metadata"
    )
    stage.refuses(
        stage.rest("PATCH", f"/collections/{name}", {"vectors": {"@new@1": {"on_disk": True}}}), 400, "unknown_vector"
    )
    body = {"vectors": {"": {"hnsw_config": {"m": 24}}}, "metadata": {"team": "search"}}
    answer = stage.rest("PATCH", f"/collections/{name}", body)
    assert answer.status_code == 200, answer.text
    real = stage.rest("GET", f"/collections/{name}", direct=True).json()["result"]["config"]
    spaces = real["params"]["vectors"]
    assert len(spaces) == 2 and all(space["hnsw_config"]["m"] == 24 for space in spaces.values()), spaces
    assert real["metadata"]["team"] == "search" and "interlock.mark" in real["metadata"]
    # The client sees its own collection: one unnamed vector, and its own metadata.
    seen = stage.rest("GET", f"/collections/{name}").json()["result"]["config"]
    assert seen["params"]["vectors"]["size"] == 6, seen
    assert seen["metadata"] == {"team": "search"}, seen
    client = official(stage.interlock.address, grpc=True)
    client.update_collection(name, vectors_config={"": models.VectorParamsDiff(on_disk=True)})
    assert client.get_collection(name).config.params.vectors.on_disk
    client.close()


def test_vector_names_of_a_managed_collection_are_registered_not_made(stage):
    name = stage.managed("vectors", migrating=True)
    dense = {"dense": {"size": 4, "distance": "Dot"}}
    for vector, status, reason in [
        ("new", 403, "unregistered_vector"), ("a@b", 400, "reserved_name"),
    ]:
        stage.refuses(stage.rest("PUT", f"/collections/{name}/vectors/{vector}", dense), status, reason)
    stage.refuses(stage.rest("DELETE", f"/collections/{name}/vectors/@new@1"), 403, "managed_vector")
    for vector, code, reason in [("", 7, "managed_vector"), ("@new@1", 7, "managed_vector"), ("x", 3, "unknown_vector")]:
        message = pb.DeleteVectorNameRequest(collection_name=name, vector_name=vector)
        answer = stage.grpc("/qdrant.Points/DeleteVectorName", message)
        assert (answer.code, answer.reason) == (code, reason), (vector, answer)
    assert stage.count(name).status_code == 200


def test_an_opaque_vector_is_dropped_and_forgotten(stage):
    name = stage.world.name("opaque")
    body = {"vectors": {"text": SIX, "clip": {"size": 2, "distance": "Dot"}}}
    assert stage.rest("PUT", f"/collections/{name}", body).status_code == 200
    stage.interlock.cli("adopt", name, "--field", "text=old", "--opaque", "clip")
    answer = stage.rest("DELETE", f"/collections/{name}/vectors/clip?wait=true")
    assert answer.status_code == 200, answer.text
    (status,) = stage.interlock.cli("status", name)["collections"]
    assert status["opaque"] == []


def test_dropped_and_made_again_is_another_one_until_it_is_adopted(stage):
    name = stage.managed("again")
    client = official(stage.interlock.address)
    stage.refuses(stage.rest("PUT", f"/collections/{name}", {"vectors": SIX}), 409, "already_managed")
    assert client.delete_collection(name)
    assert stage.quarantine(name)["cause"] == "dropped"
    client.create_collection(name, models.VectorParams(size=6, distance=models.Distance.COSINE))
    stage.refuses(stage.count(name), 409, "quarantined")
    assert client.get_collection(name).points_count == 0
    stage.interlock.cli("adopt", name, "--model", "old", "--source", "{text}")
    assert stage.quarantine(name) is None
    stage.fill(name, client)
    assert stage.count(name).json()["result"]["count"] == 3
    client.close()


def test_a_collection_is_not_dropped_while_its_migration_fills_a_space(stage):
    name = stage.managed("open", migrating=True)
    stage.refuses(stage.rest("DELETE", f"/collections/{name}"), 409, "migration_open")
    assert stage.count(name).status_code == 200


def test_what_is_made_again_past_interlock_is_found_out_and_stays_out_over_a_restart(stage):
    name = stage.managed("behind")
    assert stage.rest("DELETE", f"/collections/{name}", direct=True).status_code == 200
    assert stage.rest("PUT", f"/collections/{name}", {"vectors": SIX}, direct=True).status_code == 200
    stage.await_quarantine(name, "dropped")
    stage.interlock.kill()
    stage.interlock.start()
    stage.refuses(stage.count(name), 409, "quarantined")


def test_a_vector_that_is_dropped_past_interlock_is_found_out(stage):
    name = stage.world.name("reshaped")
    assert stage.rest("PUT", f"/collections/{name}", {"vectors": {"text": SIX, "b": SIX}}).status_code == 200
    stage.interlock.cli("adopt", name, "--field", "text=old", "--field", "b=old")
    answer = stage.rest("DELETE", f"/collections/{name}/vectors/b?wait=true", direct=True)
    assert answer.status_code == 200, answer.text
    stage.await_quarantine(name, "reshaped")

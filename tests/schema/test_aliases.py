"""Aliases of managed collections: what is legitimate is made, and none leads past the table."""

import threading

from qdrant_client import grpc as pb

from harness.clients import official
from harness.wait import until


def create(alias, collection):
    return {"create_alias": {"alias_name": alias, "collection_name": collection}}


def rename(old, new):
    return {"rename_alias": {"old_alias_name": old, "new_alias_name": new}}


def delete(alias):
    return {"delete_alias": {"alias_name": alias}}


def test_an_alias_of_a_managed_collection_is_made_renamed_and_removed(stage):
    name = stage.managed("spelled")
    alias, other = f"live-{name}", f"now-{name}"
    assert stage.aliases(create(alias, name)).status_code == 200
    assert stage.count(alias).json()["result"]["count"] == 3
    # Through the alias, the collection is as managed as by its name.
    stage.refuses(
        stage.rest("POST", f"/collections/{alias}/points/query", {"query": [0.1] * 6, "using": "nothing"}),
        400, "unknown_vector",
    )
    assert stage.aliases(rename(alias, other)).status_code == 200
    assert stage.count(other).json()["result"]["count"] == 3
    assert stage.count(alias).status_code == 404
    change = pb.ChangeAliases(actions=[pb.AliasOperations(delete_alias=pb.DeleteAlias(alias_name=other))])
    assert stage.grpc("/qdrant.Collections/UpdateAliases", change).code == 0
    assert stage.count(other).status_code == 404


def test_an_alias_moves_only_between_collections_of_the_same_models(stage):
    name, twin, plain = stage.managed("one"), stage.managed("twin"), stage.plain("plain")
    alias, free = f"live-{name}", f"free-{plain}"
    assert stage.aliases(create(alias, name), create(free, plain)).status_code == 200
    mark = len(stage.recorder.seen)
    for actions in [
        [create(alias, plain)],
        [delete(alias), create(alias, plain)],
        [create(free, name)],
        [rename(alias, free)],
        [rename(free, alias)],
    ]:
        stage.refuses(stage.aliases(*actions), 403, "alias_unlike")
    assert not [path for path in stage.recorder.seen[mark:] if path.endswith("/aliases") and "POST" in path]
    assert stage.aliases(create(alias, twin)).status_code == 200
    stage.rest("DELETE", f"/collections/{name}")
    assert stage.count(alias).json()["result"]["count"] == 3


def test_no_alias_hides_a_managed_collection(stage):
    name, plain = stage.managed("hidden"), stage.plain("hiding")
    alias = f"alias-{plain}"
    assert stage.aliases(create(alias, plain)).status_code == 200
    stage.refuses(stage.aliases(rename(alias, name)), 403, "alias_shadows")
    assert stage.count(name).json()["result"]["count"] == 3


def test_a_list_is_made_whole_or_not_at_all(stage):
    name = stage.managed("whole")
    alias = f"half-{name}"
    stage.refuses(stage.aliases(create(alias, name), rename(f"nothing-{name}", "x")), 400, "alias_list")
    stage.refuses(stage.aliases({**create(alias, name), **delete(alias)}), 400, "malformed")
    assert stage.count(alias).status_code == 404


def test_an_alias_made_past_interlock_is_known_soon(stage):
    name = stage.managed("past")
    alias = f"past-{name}"
    assert stage.aliases(create(alias, name), direct=True).status_code == 200
    read = lambda: stage.rest("POST", f"/collections/{alias}/points/query", {"query": [0.1] * 6, "using": "no"})
    until(lambda: read().headers.get("interlock-reason") == "unknown_vector", "the alias is known", 30, 0.2)


def test_no_write_reaches_a_collection_that_its_alias_no_longer_means(stage):
    """Writers say the alias while it moves between two managed collections of one model: each write is tagged."""
    name, twin = stage.managed("from"), stage.managed("to")
    alias = f"moving-{name}"
    assert stage.aliases(create(alias, name)).status_code == 200
    stop, failures = threading.Event(), []

    def write(worker):
        client = official(stage.interlock.address)
        point = 1000 * worker
        while not stop.is_set():
            point += 1
            body = {"points": [{"id": point, "vector": [0.1 * worker] * 6, "payload": {"text": "w"}}]}
            answer = stage.rest("PUT", f"/collections/{alias}/points?wait=true", body)
            if answer.status_code != 200:
                failures.append(answer.text)
        client.close()

    writers = [threading.Thread(target=write, args=(worker,)) for worker in (1, 2, 3)]
    for writer in writers:
        writer.start()
    for target in [twin, name] * 5:
        answer = stage.aliases(create(alias, target))
        assert answer.status_code == 200, answer.text
    stop.set()
    for writer in writers:
        writer.join()
    assert not failures, failures[:3]
    for collection in (name, twin):
        page = {"limit": 10000, "with_payload": True, "filter": {"must": [{"key": "text", "match": {"value": "w"}}]}}
        points = stage.rest("POST", f"/collections/{collection}/points/scroll", page, direct=True).json()["result"]
        assert all("_embedding" in point["payload"] for point in points["points"]), points

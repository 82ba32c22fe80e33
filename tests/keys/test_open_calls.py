"""Calls that go past Interlock: closed on managed collections, opened by the configuration to everybody or to a key."""

import pytest
from qdrant_client import grpc as pb

BACKUP = {"api-key": "key-of-backup"}
STRANGER = {"api-key": "key-of-nobody"}

# Of one collection: group, method, path below it.
OF_ONE = [
    ("snapshots", "POST", "/snapshots"),
    ("snapshots", "GET", "/snapshots/some.snapshot"),
    ("snapshots", "POST", "/shards/0/snapshots"),
    ("snapshots", "GET", "/shards/0/snapshots/some.snapshot"),
    ("snapshots", "GET", "/shards/0/snapshot"),
    ("snapshots", "POST", "/shards/0/snapshot/partial/create"),
    ("snapshots", "GET", "/shards/0/snapshot/partial/manifest"),
    ("restore", "POST", "/snapshots/upload"),
    ("restore", "POST", "/shards/0/snapshots/upload"),
    ("restore", "POST", "/shards/0/snapshot/partial/recover"),
    ("shards", "POST", "/cluster"),
    ("shards", "PUT", "/shards"),
    ("shards", "POST", "/shards/delete"),
    ("shards", "POST", "/shards/0/cleanup"),
    ("shards", "POST", "/truncate_unapplied_wal"),
    ("telemetry", "GET", "/optimizations"),
    ("telemetry", "GET", "/memory"),
]

# Of any: closed while there is a managed one.
OF_ANY = [
    ("snapshots", "POST", "/snapshots"),
    ("snapshots", "GET", "/snapshots/some.snapshot"),
    ("restore", "PUT", "/collections/{}/snapshots/recover"),
    ("restore", "PUT", "/collections/{}/shards/0/snapshots/recover"),
    ("restore", "POST", "/collections/{}/shards/0/snapshot/partial/recover_from"),
    ("cluster", "POST", "/cluster/recover"),
    ("cluster", "DELETE", "/cluster/peer/7"),
    ("cluster", "PUT", "/cluster/metadata/keys/k"),
    ("telemetry", "GET", "/telemetry"),
    ("telemetry", "GET", "/cluster/telemetry"),
    ("telemetry", "GET", "/metrics"),
    ("telemetry", "GET", "/issues"),
    ("debug", "GET", "/debugger"),
    ("debug", "GET", "/stacktrace"),
    ("debug", "GET", "/profiler/slow_requests"),
    ("debug", "POST", "/audit/logs"),
    ("debug", "GET", "/logger"),
]

# What shows and changes no vector.
PASSES = [
    ("GET", "/collections/{}/cluster"),
    ("GET", "/collections/{}/shards"),
    ("GET", "/collections/{}/aliases"),
    ("GET", "/collections/{}/snapshots"),
    ("DELETE", "/collections/{}/snapshots/some.snapshot"),
    ("GET", "/collections/{}/shards/0/snapshots"),
    ("GET", "/snapshots"),
    ("GET", "/cluster"),
    ("GET", "/quotas"),
]

# Not a call of any server's public port.
UNKNOWN = [
    ("POST", "/collections/{}/debug"),
    ("GET", "/collections/{}/shards/0/wal"),
    ("GET", "/collections/{}/shards/0/recovery_point"),
    ("POST", "/collections/{}/points/tomorrow"),
    ("HEAD", "/collections/{}"),
]


@pytest.fixture(scope="module")
def managed(stage):
    """A managed collection."""
    return stage.managed("managed")


@pytest.fixture(scope="module")
def plain(stage, managed):
    """An unmanaged one beside it."""
    return stage.plain("plain")


def sent(stage, mark, method, path, headers=None):
    """The answer, and the requests under this mark that reached the upstream."""
    answer = stage.rest(method, path, {} if method != "GET" else None, {**(headers or {}), "x-request-id": mark})
    return answer, [request for request, _ in stage.forwarded(mark)]


@pytest.mark.parametrize("group, method, below", OF_ONE)
def test_a_call_past_interlock_is_closed_on_a_managed_collection(stage, managed, plain, group, method, below):
    mark = f"of-one-{method}{below}"
    answer, reached = sent(stage, mark, method, f"/collections/{managed}{below}", STRANGER)
    assert (answer.status_code, answer.headers.get("interlock-reason")) == (403, "closed_call"), answer.text
    assert f"`{group}`" in answer.json()["status"]["error"]
    assert reached == []
    answer, reached = sent(stage, f"{mark}-plain", method, f"/collections/{plain}{below}", STRANGER)
    assert answer.headers.get("interlock-reason") is None
    assert reached == [f"{method} /collections/{plain}{below}"]


@pytest.mark.parametrize("group, method, below", [row for row in OF_ONE if row[0] != "restore"])
def test_a_scope_opens_a_call_on_a_managed_collection(stage, managed, group, method, below):
    answer, reached = sent(stage, f"scope-{method}{below}", method, f"/collections/{managed}{below}", BACKUP)
    assert answer.headers.get("interlock-reason") is None, answer.text
    assert reached == [f"{method} /collections/{managed}{below}"]


@pytest.mark.parametrize("group, method, path", OF_ANY)
def test_a_call_that_could_reach_any_collection_is_closed_while_one_is_managed(stage, plain, group, method, path):
    path = path.format(plain)
    mark = f"of-any-{method}{path}"
    answer, reached = sent(stage, mark, method, path, STRANGER)
    assert (answer.status_code, answer.headers.get("interlock-reason")) == (403, "guarded_call"), answer.text
    assert f"`{group}`" in answer.json()["status"]["error"]
    assert reached == []
    if group != "restore":
        answer, reached = sent(stage, f"{mark}-scope", method, path, BACKUP)
        assert answer.headers.get("interlock-reason") is None
        assert reached == [f"{method} {path}"]


@pytest.mark.parametrize("method, path", PASSES)
def test_what_shows_and_changes_no_vector_passes(stage, managed, method, path):
    path = path.format(managed)
    answer, reached = sent(stage, f"passes-{method}{path}", method, path)
    assert answer.headers.get("interlock-reason") is None
    assert reached == [f"{method} {path}"]


@pytest.mark.parametrize("method, path", UNKNOWN)
def test_what_no_table_names_is_nowhere(stage, managed, plain, method, path):
    for collection in (managed, plain):
        mark = f"unknown-{method}{path}-{collection}"
        answer, reached = sent(stage, mark, method, path.format(collection), BACKUP)
        assert (answer.status_code, answer.content) == (404, b"")
        assert reached == []


def test_the_same_over_grpc(stage, managed, plain):
    snapshot = "/qdrant.Snapshots/Create"
    for name, headers, reason in [
        (managed, STRANGER, "closed_call"), (managed, BACKUP, None), (plain, STRANGER, None),
    ]:
        mark = f"grpc-{name}-{reason}-{headers['api-key']}"
        answer = stage.grpc(snapshot, pb.CreateSnapshotRequest(collection_name=name), {**headers, "x-request-id": mark})
        assert answer.reason == reason, answer.message
        assert [request for request, _ in stage.forwarded(mark)] == ([] if reason else [snapshot])
        if reason:
            assert answer.code == 7, "PERMISSION_DENIED"
    read = "/qdrant.StorageRead/ReadWhole"
    request = pb.CreateSnapshotRequest(collection_name=managed)  # its field 1 is the collection, too
    for headers, reason in [(STRANGER, "closed_call"), (BACKUP, None)]:
        assert stage.grpc(read, request, headers).reason == reason


@pytest.mark.parametrize(
    "rpc",
    ["/qdrant.PointsInternal/Upsert", "/qdrant.Raft/Send", "/qdrant.serverless.CollectionsService/GetCollection",
     "/qdrant.Points/Tomorrow", "/qdrant.Points/Query/"],
)
def test_calls_between_peers_and_unknown_ones_are_unimplemented(stage, managed, plain, rpc):
    for name in (managed, plain):
        mark = f"peer-{rpc}-{name}"
        message = pb.CreateSnapshotRequest(collection_name=name)
        answer = stage.grpc(rpc, message, {**BACKUP, "x-request-id": mark})
        assert answer.code == 12, "UNIMPLEMENTED"
        assert stage.forwarded(mark) == []


def test_a_group_can_be_open_to_everybody(opened):
    name = opened.managed("opened")
    for method, path in [("GET", "/telemetry"), ("GET", f"/collections/{name}/memory")]:
        answer, reached = sent(opened, f"opened-{path}", method, path)
        assert answer.headers.get("interlock-reason") is None
        assert reached == [f"{method} {path}"]
    answer, reached = sent(opened, "opened-snapshots", "POST", "/snapshots")
    assert answer.headers.get("interlock-reason") == "guarded_call"
    assert reached == []


def test_an_alias_is_no_way_around_and_is_not_explained(stage, managed):
    alias = stage.alias(f"alias-of-{managed}", managed)
    answer, reached = sent(stage, "alias", "POST", f"/collections/{alias}/snapshots")
    assert (answer.status_code, reached) == (403, [])
    assert f"`{alias}`" in answer.text and f"`{managed}`" not in answer.text

"""Ways around the table that only an operator should have: snapshots, shards, raw files, other ports; and credentials."""

import pytest
from qdrant_client import grpc as pb

from adversarial.ledger import Ledger, point
from adversarial.world import FILLING, NEW, OLD, OWN_KEY, PLAIN
from harness.rawproto import text_field
from harness.recorder import MARK

CLOSED = {"closed_call", "guarded_call"}
# Case 52: data without a tag, or another model's with the same dimension, and the marker in `metadata` stays as it was.
RESTORING = [
    ("PUT", "/collections/{c}/snapshots/recover", {"location": "file:///nowhere.snapshot"}),
    ("POST", "/collections/{c}/snapshots/upload", b""),
    ("PUT", "/collections/{c}/shards/0/snapshots/recover", {"location": "file:///nowhere.snapshot"}),
    ("POST", "/collections/{c}/shards/0/snapshots/upload", b""),
    ("POST", "/collections/{c}/shards/0/snapshot/partial/recover", b""),
    ("POST", "/collections/{c}/shards/0/snapshot/partial/recover_from", {"peer_url": "http://127.0.0.1:1"}),
]
# Copies of the vectors of every space.
COPYING = [
    ("POST", "/collections/{c}/snapshots", None),
    ("GET", "/collections/{c}/snapshots/a.snapshot", None),
    ("GET", "/collections/{c}/shards/0/snapshot", None),
    ("POST", "/collections/{c}/shards/0/snapshots", None),
    ("GET", "/collections/{c}/shards/0/snapshots/a.snapshot", None),
    ("POST", "/collections/{c}/shards/0/snapshot/partial/create", {"manifest": {}}),
    ("GET", "/collections/{c}/shards/0/snapshot/partial/manifest", None),
    ("POST", "/snapshots", None),
    ("GET", "/snapshots/full.snapshot", None),
]
# Case 53: server-side copies keep tags, but a fallback shard key redirects writes. Case 54: half of a dual write.
MOVING = [
    ("POST", "/collections/{c}/cluster", {"replicate_points": {"from_shard_key": "a", "to_shard_key": "b"}}),
    ("POST", "/collections/{c}/cluster", {"create_sharding_key": {"shard_key": "a"}}),
    ("PUT", "/collections/{c}/shards", {"shard_key": "a"}),
    ("POST", "/collections/{c}/shards/delete", {"shard_key": "a"}),
    ("POST", "/collections/{c}/shards/0/cleanup", {}),
    ("POST", "/collections/{c}/truncate_unapplied_wal", None),
]


def refuses(case, collection, calls):
    """Each is closed, under the collection's own name and under an alias of an unmanaged spelling; nothing goes out."""
    with case.unchanged(collection):
        for method, path, body in calls:
            for spelled in (path, path.replace("/{c}/", "/{c}//"), path + "/"):
                answer = case.rest(method, spelled.replace("{c}", collection), body)
                case.refused(answer, CLOSED, 403)


@pytest.mark.parametrize("state", [PLAIN, FILLING])
def test_case_52_snapshots_that_bring_untagged_data(rest_case, state):
    refuses(rest_case, rest_case.collection(state), RESTORING)


def test_case_52_snapshots_that_carry_every_space_away(rest_case):
    refuses(rest_case, rest_case.collection(FILLING), COPYING)


def test_case_52_a_snapshot_of_another_collection_recovered_under_a_managed_name(rest_case):
    """The location may be any collection's snapshot: the name is what counts, escaped or not."""
    collection = rest_case.collection(PLAIN)
    escaped = f"/collections/%{ord(collection[0]):02X}{collection[1:]}"
    with rest_case.unchanged(collection):
        body = {"location": "file:///snapshots/other/other.snapshot", "priority": "snapshot"}
        rest_case.refused(rest_case.rest("PUT", f"{escaped}/snapshots/recover?wait=true", body), CLOSED, 403)
        rest_case.refused(rest_case.rest("POST", f"{escaped}/snapshots/upload?priority=snapshot", b""), CLOSED, 403)


def test_case_52_snapshots_over_grpc(grpc_case):
    collection = grpc_case.collection(FILLING)
    with grpc_case.unchanged(collection):
        message = pb.CreateSnapshotRequest(collection_name=collection)
        grpc_case.refused(grpc_case.grpc("qdrant.Snapshots/Create", message), CLOSED, 403)
        grpc_case.refused(grpc_case.grpc("qdrant.Snapshots/CreateFull", pb.CreateFullSnapshotRequest()), CLOSED, 403)


def test_case_53_operations_on_shards(rest_case):
    refuses(rest_case, rest_case.collection(FILLING), MOVING)


def test_case_53_operations_on_shards_over_grpc(grpc_case):
    collection = grpc_case.collection(FILLING)
    key = pb.ShardKey(keyword="a")
    calls = {
        "CreateShardKey": pb.CreateShardKeyRequest(collection_name=collection, request=pb.CreateShardKey(shard_key=key)),
        "DeleteShardKey": pb.DeleteShardKeyRequest(collection_name=collection, request=pb.DeleteShardKey(shard_key=key)),
        "UpdateCollectionClusterSetup": pb.UpdateCollectionClusterSetupRequest(
            collection_name=collection, create_shard_key=pb.CreateShardKey(shard_key=key)
        ),
    }
    with grpc_case.unchanged(collection):
        for method, message in calls.items():
            grpc_case.refused(grpc_case.grpc(f"qdrant.Collections/{method}", message), CLOSED, 403)


def test_case_54_truncating_the_log_by_any_spelling(rest_case):
    collection = rest_case.collection(FILLING)
    with rest_case.unchanged(collection):
        for path in ("truncate_unapplied_wal", "%74runcate_unapplied_wal", "/truncate_unapplied_wal/"):
            answer = rest_case.rest("POST", f"/collections/{collection}/{path}")
            rest_case.refused(answer, CLOSED, 403)


@pytest.mark.parametrize(
    "rpc",
    [
        "qdrant.PointsInternal/Upsert", "qdrant.PointsInternal/CoreSearchBatch", "qdrant.CollectionsInternal/Get",
        "qdrant.ShardSnapshots/Recover", "qdrant.Raft/Send", "qdrant.QdrantInternal/GetConsensusCommit",
        "qdrant.serverless.CollectionsService/CreateCollection", "qdrant.Points/TomorrowsUpsert",
        "qdrant.Snapshots/Recover", "qdrant.StorageRead/WriteBytes",
    ],
)
def test_case_58_services_of_the_internal_port(grpc_case, rpc):
    """Not even to the server, which may serve them: an unknown call is answered here."""
    collection = grpc_case.collection(PLAIN)
    with grpc_case.unchanged(collection):
        answer = grpc_case.grpc(rpc, text_field(1, collection.encode()))
        assert answer.status == 12, answer.said
        grpc_case.nothing_forwarded(answer)


@pytest.mark.parametrize("method", ["ListFiles", "ReadBytes", "ReadWhole", "ReadBatch", "ReadBytesStream", "FileExists"])
def test_case_58_raw_files_of_a_collection(grpc_case, method):
    collection = grpc_case.collection(FILLING)
    message = text_field(1, collection.encode()) + text_field(3, b"segments")
    grpc_case.refused(grpc_case.grpc(f"qdrant.StorageRead/{method}", message), CLOSED, 403)


CREDENTIALS = {"api-key": "clients-own", "authorization": "Bearer clients-token", "openai-api-key": "clients-provider"}


def sent_with(case, answer):
    """The headers of what an answer's request led to at the upstream."""
    return [fields for _, fields in list(case.arena.recorder.heads) if fields.get(MARK) == answer.mark]


@pytest.mark.parametrize("credentials", [CREDENTIALS, {"authorization": "Bearer clients-token"}, {}], ids=["all", "bearer", "none"])
def test_case_59_the_clients_credentials_go_with_the_clients_requests(case, credentials):
    """Also where a request becomes a batch of other operations, or something is looked up for it. Never Interlock's."""
    ledger = Ledger(case, FILLING)
    upsert = {"points": [point(1, case.named(OLD.vector("afresh")), {"text": "afresh"})]}
    calls = [
        ("query", {"query": OLD.vector("text 1"), **case.using}),
        ("upsert", upsert),
        ("update_vectors", {"points": [{"id": 2, "vector": case.named(OLD.vector("moved"))}]}),
        ("overwrite_payload", {"payload": {"text": "text 3"}, "filter": {"must": [{"has_id": [3]}]}}),
        ("clear_payload", {"points": [4]}),
        ("batch", {"operations": [{"clear_payload": {"points": [5]}}, {"upsert": upsert}]}),
        ("delete", {"points": [6]}),
    ]
    for verb, body in calls:
        answer = ledger.done(verb, body, credentials)
        sent = sent_with(case, answer)
        assert sent, verb
        for headers in sent:
            found = {name: headers[name] for name in CREDENTIALS if name in headers}
            assert found == credentials, (verb, found)
            assert OWN_KEY not in headers.values(), verb


def test_case_59_interlocks_key_serves_its_own_work_alone(case):
    """What carries it has no client's mark, and no client's credential beside it."""
    start = len(case.arena.recorder.heads)
    Ledger(case, FILLING)
    own = [fields for _, fields in case.arena.recorder.heads[start:] if OWN_KEY in fields.values()]
    assert own, "the migration's own calls carry it"
    for fields in own:
        assert MARK not in fields and fields.get("api-key") == OWN_KEY, fields
        assert "authorization" not in fields


def test_case_59_a_client_that_sends_interlocks_key_is_just_a_client(case):
    """It opens nothing."""
    collection = case.collection(FILLING)
    headers = {"api-key": OWN_KEY}
    body = {"points": [point(1, case.named(OLD.vector("text 1")), {"_embedding": 1})]}
    case.refused(case.ask(collection, "upsert", body, headers), "tag_tampering", 403)
    read = {"query": NEW.vector("text 1"), **case.using}
    answer = case.ask(collection, "query", read, {**headers, "embedding-model": "new"})
    case.refused(answer, "space_not_ready", 409)

"""Calls other than the documented reads: files, snapshots, telemetry, methods and paths that exist nowhere."""

import httpx
import pytest
from qdrant_client import grpc as pb

from adversarial.asked import nearest
from adversarial.protobuf import field, number
from adversarial.rawhttp import exchange, request
from adversarial.spoken import query
from adversarial.world import FILLING, FLIPPED, NEW, OLD, PLAIN, Frames, alias_of
from harness.rawgrpc import frame
from harness.recorder import MARK

CLOSED = {"closed_call", "guarded_call"}
STORAGE = ["ListFiles", "FileExists", "FileLength", "ReadBytes", "ReadBytesStream", "ReadWhole", "ReadBatch", "ReadMulti"]


@pytest.mark.parametrize("rpc", STORAGE)
def test_case_21_raw_files_of_a_collection(grpc_case, rpc):
    """They hold the vectors of every space, and no vector name is there to be checked."""
    case = grpc_case
    for name in (case.collection(FILLING), alias_of(case.collection(FLIPPED))):
        message = field(1, name) + number(2, 0) + field(3, "segments/x/vector_storage/vectors/chunk_0.mmap")
        case.refused(case.grpc(f"qdrant.StorageRead/{rpc}", message), CLOSED, 403)
        late = number(2, 0) + field(3, "x") + field(1, name)
        case.refused(case.grpc(f"qdrant.StorageRead/{rpc}", late), CLOSED | {"malformed"}, 403)


@pytest.mark.parametrize(
    "method,path",
    [
        ("POST", "snapshots"), ("GET", "snapshots/any.snapshot"), ("PUT", "snapshots/recover"), ("POST", "snapshots/upload"),
        ("POST", "shards/0/snapshots"), ("GET", "shards/0/snapshot"), ("GET", "shards/0/snapshots/any"),
        ("PUT", "shards/0/snapshots/recover"), ("POST", "shards/0/snapshots/upload"),
        ("POST", "shards/0/snapshot/partial/create"), ("POST", "shards/0/snapshot/partial/recover"),
        ("POST", "shards/0/snapshot/partial/recover_from"), ("GET", "shards/0/snapshot/partial/manifest"),
        ("POST", "truncate_unapplied_wal"), ("POST", "shards/0/cleanup"),
    ],
)
def test_case_21_snapshots_and_what_moves_vectors_about(rest_case, method, path):
    """A copy holds both spaces, and a restored one brings vectors that nobody tagged."""
    case = rest_case
    for name in (case.collection(FILLING), case.collection(FLIPPED), alias_of(case.collection(FLIPPED))):
        body = {"location": "file:///x"} if method != "GET" else None
        case.refused(case.rest(method, f"/collections/{name}/{path}?wait=true", body), CLOSED, 403)


@pytest.mark.parametrize("rpc", ["Create", "CreateFull"])
def test_case_21_snapshots_over_grpc(grpc_case, rpc):
    case = grpc_case
    message = field(1, case.collection(FLIPPED)) if rpc == "Create" else b""
    case.refused(case.grpc(f"qdrant.Snapshots/{rpc}", message), CLOSED, 403)


def test_case_21_snapshots_of_everything(rest_case):
    for method, path in (("POST", "/snapshots"), ("GET", "/snapshots/any.snapshot")):
        rest_case.refused(rest_case.rest(method, path), CLOSED, 403)


def test_case_85_the_same_path_under_another_method(rest_case):
    """Retrieve and upsert, set and overwrite, vectors and vector names: each pair differs in the method alone."""
    case, name = rest_case, rest_case.collection(FILLING)
    new = {"points": [{"id": 77, "vector": {case.standby(NEW): NEW.vector("77")}, "payload": {"text": "77"}}]}
    with case.unchanged(name):
        for method, path, body in (
            ("POST", "points", {"ids": [1], "with_vector": [case.standby(NEW)]}),
            ("PUT", "points", {"points": [{"id": 1, "vector": {"x": OLD.vector("x")}}]}),
            ("PUT", "points/vectors", {"points": [{"id": 1, "vector": {"x": OLD.vector("x")}}]}),
            ("PUT", "vectors/points", {"dense": {"size": 4, "distance": "Dot"}}),
            ("DELETE", f"vectors/{case.standby(NEW)}", None),
            ("POST", "points/payload", {"points": [1], "payload": {"_embedding": 1}}),
            ("PUT", "points/payload", {"points": [1], "payload": {"_embedding": 1}}),
        ):
            answer = case.rest(method, f"/collections/{name}/{path}", body)
            assert answer.reason and not answer.ok, (method, path, answer.said)
            case.nothing_forwarded(answer)
    for method, path in (
        ("GET", "points"), ("PATCH", "points"), ("DELETE", "points/1"), ("PUT", "points/query"), ("GET", "points/query/batch"),
        ("POST", "vectors/x"), ("PUT", "points/search"), ("POST", ""), ("GET", "vectors"),
    ):
        answer = case.rest(method, f"/collections/{name}/{path}", new if method != "GET" else None)
        assert answer.status == 404 and answer.text == "", (method, path, answer.said)
        case.nothing_forwarded(answer)


def test_case_85_names_that_look_like_routes(rest_case):
    """`GET …/points/query` asks for a point named so, and `/collections/aliases` is a call and not a collection."""
    case = rest_case
    for word in ("query", "search", "scroll", "count"):
        answer = case.rest("GET", f"/collections/{case.collection(FLIPPED)}/points/{word}")
        assert answer.status == 400 and not answer.hits, answer.said
        case.leaks_nothing(answer)
    answer = case.rest("PUT", f"/collections/{case.collection(PLAIN)}/index", {"field_name": "_embedding", "field_schema": "keyword"})
    case.refused(answer, {"tag_tampering", "reserved_key"}, 403 if answer.reason == "tag_tampering" else 400)
    for key in ("_embedding", '"_embedding"', "%5Fembedding", "_embedding.x"):
        answer = case.rest("DELETE", f"/collections/{case.collection(PLAIN)}/index/{key}")
        case.refused(answer, "tag_tampering", 403)


@pytest.mark.parametrize("method", ["HEAD", "TRACE", "PROPFIND", "get", "LINK", "QUERY", "POST "])
def test_case_86_methods_that_exist_nowhere(rest_case, method):
    """Qdrant says 404 with an empty body, never 405; so does Interlock, and nothing is forwarded."""
    case, mark = rest_case, f"method-{method.strip()}-{rest_case.field}"
    for path in (f"/collections/{case.collection(FLIPPED)}/points/1", f"/collections/{case.collection(FLIPPED)}/points/query"):
        target = case.arena.interlock.address.rest.split("://")[1]
        if method == "HEAD":
            answers = [(httpx.head(f"http://{target}{path}", headers={MARK: mark}).status_code, {}, b"")]
        else:
            answers = exchange(target, request(method, path, [(MARK, mark)]))
        assert all(status in (400, 404) for status, _, _ in answers), answers
        assert not any(b"vector" in body for _, _, body in answers), answers
        assert mark not in case.arena.recorder.marked, case.arena.recorder.marked[mark]


def test_case_86_preflights_pass(rest_case):
    """A browser asks before it calls: the answer is the server's, and shows nothing."""
    case = rest_case
    headers = {"origin": "http://127.0.0.1", "access-control-request-method": "POST"}
    answer = case.rest("OPTIONS", f"/collections/{case.collection(FLIPPED)}/points/query", None, headers)
    assert answer.status in (200, 204, 404) and not answer.hits, answer.said
    case.leaks_nothing(answer)


@pytest.mark.parametrize(
    "rpc",
    [
        "qdrant.Points/Query/", "qdrant.points/Query", "qdrant.Points/query", "/qdrant.Points/Query", "qdrant.Points//Query",
        "qdrant.Points/%51uery", "Points/Query", "qdrant.PointsInternal/Upsert",
        "qdrant.PointsInternal/QueryBatch", "qdrant.PointsInternal/Sync", "qdrant.CollectionsInternal/Get", "qdrant.Raft/Send",
        "qdrant.QdrantInternal/GetConsensusCommit", "qdrant.ShardSnapshots/Create", "qdrant.serverless.CollectionsService/GetCollection",
        "qdrant.Points/TomorrowsSearch", "grpc.health.v1.Health/Watch", "qdrant.StorageRead/Tomorrow",
    ],
)
def test_case_87_grpc_paths_in_another_spelling(grpc_case, rpc):
    """Paths are matched byte for byte; the services of other ports exist nowhere here."""
    case = grpc_case
    message = query(case.collection(FILLING), nearest(case, NEW, using=case.standby(NEW)))
    answer = case.grpc(rpc, message)
    assert answer.status == 12, answer.said
    case.nothing_forwarded(answer)


def test_case_87_a_grpc_path_with_a_query_string(grpc_case):
    """Qdrant would serve it as the call before the question mark, so that is what it is here."""
    case = grpc_case
    message = query(case.collection(FILLING), nearest(case, NEW, using=case.standby(NEW)))
    case.refused(case.grpc("qdrant.Points/Query?x=1", message), "space_not_ready", 409)


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_case_87_reflection_opens_nothing(grpc_case, version):
    """Whatever reflection lists, the calls that it shows stay closed."""
    case = grpc_case
    listing = Frames(frame(field(7, "")))
    answer = case.grpc(f"grpc.reflection.{version}.ServerReflection/ServerReflectionInfo", listing)
    assert answer.status in (0, 12), answer.said
    message = field(1, case.collection(PLAIN)) + number(2, 0) + field(3, "x")
    case.refused(case.grpc("qdrant.StorageRead/ReadWhole", message), CLOSED, 403)


def test_case_92_a_key_changes_nothing_about_what_a_call_reads(case):
    """Whatever credentials come with it, a read of the hidden space is one; and they go up as they came."""
    for headers in (
        {"api-key": "read-only"}, {"authorization": "Bearer a.b.c"}, {"api-key": "x", "authorization": "Bearer y"}, {"api-key": ""},
    ):
        body = {"limit": 5, "with_vector": [case.standby(NEW)]}
        case.refused(case.ask(case.collection(FILLING), "scroll", body, headers), "space_not_ready", 409)
        answer = case.ask(case.collection(FLIPPED), "scroll", {"limit": 5, "with_vector": True}, headers)
        for seen in case.forwarded(answer):
            assert {name: seen.fields.get(name) for name in headers} == headers, seen.fields
        if case.arena.world.engine == "embedded":
            case.reads_back(answer, OLD)


@pytest.mark.parametrize(
    "path",
    ["/telemetry?details_level=10", "/telemetry", "/metrics", "/cluster/telemetry", "/debugger", "/stacktrace",
     "/profiler/slow_requests", "/logger", "/issues"],
)
def test_case_93_pages_that_show_every_spaces_name(rest_case, path):
    rest_case.refused(rest_case.rest("GET", path), CLOSED, 403)


def test_case_93_the_dashboard_has_no_way_of_its_own(rest_case):
    """Its files are static; what it shows, it asks for through the same port."""
    case = rest_case
    for path in ("/dashboard", "/dashboard/index.html", "/dashboard/../telemetry", f"/dashboard/../collections/{case.collection(FILLING)}"):
        answer = case.rest("GET", path)
        assert not answer.hits, answer.said
        case.leaks_nothing(answer)


def test_case_93_lists_of_collections_and_aliases(case):
    """They name collections alone."""
    if case.is_rest:
        answers = [case.rest("GET", path) for path in ("/collections", "/aliases", f"/collections/{case.collection(FLIPPED)}/exists")]
    else:
        answers = [
            case.grpc("qdrant.Collections/List", pb.ListCollectionsRequest()),
            case.grpc("qdrant.Collections/ListAliases", pb.ListAliasesRequest()),
        ]
    for answer in answers:
        case.allowed(answer)

"""Heads, paths and bodies of HTTP and of gRPC's frames that a proxy and a server could read in two ways."""

import gzip
import json
import zlib
from urllib.parse import quote

import pytest

from adversarial import rawhttp
from adversarial.answers import of_rest
from adversarial.asked import nearest
from adversarial.spoken import query
from adversarial.world import FILLING, FLIPPED, NEW, OLD, PLAIN, Frames
from harness.rawgrpc import frame
from harness.recorder import MARK

MALFORMED = {"malformed", "malformed_body", "body_broken", "encoding"}
QUERY = "qdrant.Points/Query"


def good(case, name, using=None):
    """A right query as a gRPC message."""
    body = nearest(case) if using is None else nearest(case, NEW, using=using)
    return query(name, body).SerializeToString()


@pytest.mark.parametrize("kind", ["plain", "gzip", "gzip, flag 0", "deflate"])
def test_case_74_compressed_frames_are_read_before_they_are_sent(grpc_case, kind):
    case = grpc_case
    for state, using, reasons in ((FLIPPED, None, None), (FILLING, case.at(NEW), "space_not_ready")):
        message = good(case, case.collection(state), using)
        body, headers = {
            "plain": (frame(message), None),
            "gzip": (frame(gzip.compress(message), 1), {"grpc-encoding": "gzip"}),
            "gzip, flag 0": (frame(message), {"grpc-encoding": "gzip"}),
            "deflate": (frame(zlib.compress(message), 1), {"grpc-encoding": "deflate"}),
        }[kind]
        answer = case.grpc(QUERY, Frames(body), headers)
        if kind == "deflate":
            # Qdrant reads gzip alone.
            case.refused(answer, "encoding")
        elif reasons:
            case.refused(answer, reasons, 409)
        elif answer.ok:
            case.ranked_by(answer, OLD, "text 1", 5)
        else:
            case.refused(answer, MALFORMED)


def test_case_74_frames_that_are_not_one_whole_message(grpc_case):
    """Qdrant runs the first message and drops the rest: what Interlock looked at must be what it runs."""
    case, name = grpc_case, grpc_case.collection(FLIPPED)
    first, second = good(case, name), good(case, case.collection(FILLING), case.at(NEW))
    zipped = {"grpc-encoding": "gzip"}
    for body, headers in (
        (frame(first) + frame(second), None),
        (frame(second) + frame(first), None),
        (frame(first) + b"\0", None),
        (frame(first) + b"\0\0\0\0\0", None),
        (frame(first)[:-1], None),
        (frame(first)[:4], None),
        (b"", None),
        (frame(first, 1), None),
        (frame(first, 1), zipped),
        (frame(first, 2), zipped),
        (frame(gzip.compress(first)[:-4], 1), zipped),
        (frame(gzip.compress(first) + gzip.compress(second), 1), zipped),
        (b"\0\x40\0\0\0" + first, None),
        (b"\0\xff\xff\xff\xff" + first, None),
        (frame(first), {"grpc-encoding": "snappy"}),
    ):
        answer = case.grpc(QUERY, Frames(body), headers)
        if headers == {"grpc-encoding": "snappy"} and answer.ok:
            case.ranked_by(answer, OLD, "text 1", 5)
            continue
        case.refused(answer, MALFORMED | {"body_too_large", "unknown_field"}, 413 if answer.reason == "body_too_large" else 400)


def test_case_74_a_bomb(grpc_case):
    """A megabyte that would be a gigabyte: bounded while it is inflated."""
    case, name = grpc_case, grpc_case.collection(PLAIN)
    bomb = gzip.compress(good(case, name) + b"\x0a" + b"\0" * (128 << 20), 1)
    case.refused(case.grpc(QUERY, Frames(frame(bomb, 1)), {"grpc-encoding": "gzip"}), "body_too_large", 413)


ENCODERS = {"gzip": gzip.compress, "deflate": zlib.compress, "identity": bytes}


@pytest.mark.parametrize("encoding", list(ENCODERS))
def test_case_75_compressed_bodies_are_read_whatever_they_say_they_are(rest_case, encoding):
    case = rest_case
    for kind in ("application/json", "text/plain", "application/octet-stream", "", "multipart/form-data; boundary=x"):
        headers = {"content-encoding": encoding, "content-type": kind}
        mixed = {**nearest(case), "prefetch": [nearest(case, NEW, using=case.at(NEW))]}
        path = f"/collections/{case.collection(FLIPPED)}/points/query"
        answer = case.rest("POST", path, ENCODERS[encoding](json.dumps(mixed).encode()), headers)
        case.refused(answer, {"mixed_space", "contradicting_models"})
        answer = case.rest("POST", path, ENCODERS[encoding](json.dumps(nearest(case)).encode()), headers)
        case.ranked_by(answer, OLD, "text 1", 5)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "gzip;q=1", "GZIP", "x-gzip", "compress", "unknown"])
def test_case_75_encodings_that_interlock_does_not_read(rest_case, encoding):
    """Refused where a managed collection is asked, and never forwarded unread."""
    case = rest_case
    body = json.dumps(nearest(case, NEW, using=case.at(NEW))).encode()
    for content in (body, gzip.compress(body), b"\x1b\x00\x00"):
        path = f"/collections/{case.collection(FILLING)}/points/query"
        answer = case.rest("POST", path, content, {"content-encoding": encoding})
        assert answer.reason in MALFORMED | {"space_not_ready"}, answer.said
        case.nothing_forwarded(answer)


def raw(case, data, mark):
    """The answers to hand-written bytes, each judged like any other."""
    target = case.arena.interlock.address.rest.split("://")[1]
    return [of_rest(status, headers, body, mark) for status, headers, body in rawhttp.exchange(target, data)]


def test_case_75_a_body_in_chunks(rest_case):
    case, mark = rest_case, "raw-chunks-" + rest_case.field
    body, path = json.dumps(nearest(case)).encode(), f"/collections/{case.collection(FLIPPED)}/points/query"
    head = [("transfer-encoding", "chunked"), (MARK, mark), ("connection", "close")]
    pieces = rawhttp.chunked(body[:7], body[7:50], body[50:])
    (answer,) = raw(case, rawhttp.request("POST", path, head, pieces, length=False), mark)
    case.ranked_by(answer, OLD, "text 1", 5)


@pytest.mark.parametrize(
    "head",
    [
        [("content-length", "{n}"), ("transfer-encoding", "chunked")],
        [("transfer-encoding", "chunked"), ("content-length", "4")],
        [("content-length", "{n}"), ("content-length", "5")],
        [("content-length", "+{n}")],
        [("content-length", "{n}, 5")],
        [("transfer-encoding", "identity, chunked"), ("content-length", "{n}")],
        [("transfer-encoding", "xchunked")],
        [("transfer-encoding ", "chunked"), ("content-length", "{n}")],
        [("transfer-encoding", "chunked"), ("transfer-encoding", "identity")],
    ],
    ids=str,
)
def test_case_75_a_body_of_two_lengths(rest_case, head):
    """What one reader takes for the body's end is another one's next request: a read of the hidden space rides along."""
    case, mark = rest_case, f"raw-{hash(str(head))}-{rest_case.field}"
    hidden = json.dumps(nearest(case, NEW, using=case.standby(NEW))).encode()
    path = f"/collections/{case.collection(FILLING)}/points/query"
    rider = rawhttp.request("POST", path, [(MARK, mark + "-rider")], hidden)
    body = rawhttp.chunked(b"{}") + rider
    fields = [(name, value.replace("{n}", str(len(body)))) for name, value in head] + [(MARK, mark)]
    count = f"/collections/{case.collection(PLAIN)}/points/count"
    answers = raw(case, rawhttp.request("POST", count, fields, body, length=False), mark)
    for answer in answers:
        assert not answer.hits, answer.said
        case.leaks_nothing(answer)
    assert not case.arena.recorder.marked.get(mark + "-rider"), "the rider was forwarded"
    for seen in case.arena.recorder.marked.get(mark, []):
        assert case.standby(NEW).encode() not in bytes(seen.body), "the rider went up inside another body"


def paths(name):
    """The query route of a collection in spellings that Qdrant takes for it."""
    return [
        f"//collections//{name}///points/query", f"/collections/{name}/points/query/", f"/collections/{name}/points/query//",
        f"/collections/{name}/%70oints/query", f"/%63ollections/{name}/points/%71uery", f"/collections/%{ord(name[0]):02x}{name[1:]}/points/query",
        f"/collections/{name}/points/query?timeout=10", f"http://elsewhere.invalid/collections/{name}/points/query",
        f"http://127.0.0.1:1//collections/{name}/points/query/",
    ]


def test_case_76_a_path_in_another_spelling(rest_case):
    """Each is the managed collection to Qdrant, so it is to Interlock; one canonical path goes up."""
    case = rest_case
    mixed = json.dumps({**nearest(case), "prefetch": [nearest(case, NEW, using=case.at(NEW))]}).encode()
    right = json.dumps(nearest(case)).encode()
    for at, path in enumerate(paths(case.collection(FLIPPED))):
        mark = f"raw-path-{at}-{case.field}"
        (answer,) = raw(case, rawhttp.request("POST", path, [(MARK, mark)], mixed), mark)
        case.refused(answer, {"mixed_space", "contradicting_models"})
        mark += "-right"
        (answer,) = raw(case, rawhttp.request("POST", path, [(MARK, mark)], right), mark)
        case.ranked_by(answer, OLD, "text 1", 5)
        (seen,) = case.forwarded(answer)
        assert seen.line.split("?")[0] == f"POST /collections/{case.collection(FLIPPED)}/points/query", seen.line


@pytest.mark.parametrize(
    "path",
    [
        "/collections/x/../{name}/points/query", "/collections/./{name}/points/query", "/collections/x/%2e%2e/{name}/points/query",
        "/collections/{name}%2Fpoints/query", "/collections%2F{name}/points/query", "/collections/{name}/points%2fquery",
        "/collections/{name}/points/query%00", "/collections/{name}%/points/query", "/collections/{name}/points/%zzquery",
        "/collections/{name}/points/query%ff", "/Collections/{name}/points/query", "/collections/{name}/Points/query",
        "/collections/{name}/points/query;x=1", "/collections/{name}/points/%2571uery", "/collections/{name}/%2570oints/query",
        "/collections/{name}/points/query/x", "/collections/{name}/points/search/query", "/v1/../collections/{name}/points/query",
    ],
)
def test_case_76_a_path_that_two_readers_could_read_differently(rest_case, path):
    case, name = rest_case, rest_case.collection(FILLING)
    mark = f"raw-{path}-{case.field}"
    body = json.dumps(nearest(case, NEW, using=case.standby(NEW))).encode()
    (answer,) = raw(case, rawhttp.request("POST", path.format(name=name), [(MARK, mark)], body), mark)
    assert answer.status in (400, 404), answer.said
    case.nothing_forwarded(answer)


def test_case_76_a_collections_name_that_needs_escapes(rest_case):
    """A name with a blank, a percent sign and letters of other alphabets is one collection in each of its spellings."""
    case = rest_case
    name = case.fresh(FILLING, stem="ü %41é;+")
    body = json.dumps(nearest(case, NEW, using=case.standby(NEW))).encode()
    spelled = quote(name, safe="")
    for at, path in enumerate((spelled, spelled.replace("%3B", ";"), spelled.lower().replace(name.lower(), name), spelled.replace("%2B", "+"))):
        mark = f"raw-escaped-{at}-{case.field}"
        (answer,) = raw(case, rawhttp.request("POST", f"/collections/{path}/points/query", [(MARK, mark)], body), mark)
        assert answer.reason in ("space_not_ready", "bad_path"), answer.said
        case.nothing_forwarded(answer)
    case.ranked_by(case.rest("POST", f"/collections/{spelled}/points/query", nearest(case)), OLD, "text 1", 5)


@pytest.mark.parametrize("query", ["wait=true&wait=false", "wait=true&unknown=1", "timeout=30&ordering=strong", "wait=%74rue", "consistency=all&x=%20y"])
def test_case_82_the_query_string_goes_up_as_it_came(rest_case, query):
    case, name = rest_case, rest_case.fresh(PLAIN) if "wait" in query else rest_case.collection(PLAIN)
    if "wait" in query or "ordering" in query:
        body = {"points": [1], "payload": {"seen": 1}}
        answer = case.rest("POST", f"/collections/{case.fresh(PLAIN) if 'ordering' in query else name}/points/payload?{query}", body)
    else:
        answer = case.rest("POST", f"/collections/{name}/points/query?{query}", nearest(case))
    (seen,) = case.forwarded(answer)
    assert seen.line.endswith(f"?{query}"), seen.line


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/grpc-web", "application/grpc+json", "nothing at all"])
def test_case_96_content_types_say_nothing(case, kind):
    """Qdrant ignores them, so routing is by port and path: a read of the hidden space stays one under any of them."""
    headers = {"content-type": kind}
    mixed = {**nearest(case), "prefetch": [nearest(case, NEW, using=case.at(NEW))]}
    case.refused(case.ask(case.collection(FLIPPED), "query", mixed, headers), {"mixed_space", "contradicting_models"})
    case.ranked_by(case.ask(case.collection(FLIPPED), "query", nearest(case), headers), OLD, "text 1", 5)

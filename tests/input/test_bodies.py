"""Bodies that are not what they say: frames, compression, JSON. Refused before anything is forwarded."""

import gzip
import json

import pytest
from qdrant_client import grpc as pb

from harness.audit import everything
from harness.models import SeededModel
from harness.rawgrpc import frame

OLD = SeededModel("old", 6)
UPSERT = "/qdrant.Points/Upsert"
MALFORMED = {"malformed", "malformed_body", "ambiguous_body", "duplicate_key", "body_broken"}
GZIP = {"grpc-encoding": "gzip"}


@pytest.fixture(scope="module")
def name(stage):
    """A managed collection."""
    return stage.collection("bodies")


def frames(good):
    """Bodies of a unary call that are not one whole message, with the headers that they go with."""
    return {
        "nothing": (b"", None),
        "half of a prefix": (frame(good)[:3], None),
        "a truncated message": (frame(good)[:-4], None),
        "a prefix that says less": (frame(good)[:5] + good + b"\0\0", None),
        "two messages": (frame(good) * 2, None),
        "a good and a broken message": (frame(good) + b"\0\0\0\0\7abc", None),
        "flagged compressed, no encoding": (frame(good, 1), None),
        "flagged compressed, but plain": (frame(good, 1), GZIP),
        "an unknown flag": (frame(good, 2), GZIP),
        "a cut gzip stream": (frame(gzip.compress(good)[:-9], 1), GZIP),
        "a message cut inside a field": (frame(good[:-3]), None),
        "a field of an unknown wire type": (frame(good + b"\x3f"), None),
        "an over-long varint": (frame(good + b"\x10" + b"\xff" * 11), None),
        "an unknown field": (frame(good + b"\xfa\x3e\x01x"), None),
    }


@pytest.mark.parametrize("kind", list(frames(b"")))
def test_a_grpc_body_that_is_not_one_whole_known_message(stage, said, name, kind):
    good = said.upsert(name, OLD.vector("77")).SerializeToString()
    body, headers = frames(good)[kind]
    with stage.untouched(name):
        reasons = MALFORMED | {"unknown_field"}
        stage.refuses_grpc(stage.grpc(UPSERT, body, headers), "INVALID_ARGUMENT", reasons)


def test_gzip_frames_are_read_tagged_and_bounded(stage, said, name):
    message = said.upsert(name, OLD.vector("77")).SerializeToString()
    assert stage.grpc(UPSERT, frame(gzip.compress(message), 1), GZIP).code == 0
    payload, vectors = everything(stage.world.direct, name)[77]
    assert payload["text"] == "77" and OLD.made(vectors[""], "77")
    assert payload["_embedding"][""]["models"][""].startswith("old@1#")
    bomb = said.upsert(name, OLD.vector("77"), payload={"text": "x" * 10_000_000}).SerializeToString()
    with stage.untouched(name):
        answer = stage.grpc(UPSERT, frame(gzip.compress(bomb), 1), GZIP)
        stage.refuses_grpc(answer, "RESOURCE_EXHAUSTED", {"body_too_large"})


def test_gzip_bodies_over_rest_are_read_and_bounded(stage, name):
    body = {"points": [{"id": 78, "vector": OLD.vector("78"), "payload": {"text": "78"}}]}
    path, headers = f"/collections/{name}/points?wait=true", {"content-encoding": "gzip"}
    assert stage.rest("PUT", path, gzip.compress(json.dumps(body).encode()), headers).status_code == 200
    assert "_embedding" in everything(stage.world.direct, name)[78][0]
    body["points"][0]["payload"]["text"] = "x" * 10_000_000
    with stage.untouched(name):
        answer = stage.rest("PUT", path, gzip.compress(json.dumps(body).encode()), headers)
        stage.refuses_rest(answer, 413, {"body_too_large"})


VECTOR = json.dumps(OLD.vector("77"))
POINT = f'{{"id": 77, "vector": {VECTOR}, "payload": {{"text": "77"}}}}'
BROKEN_JSON = {
    "nothing": "",
    "cut": f'{{"points": [{POINT}]',
    "trailing": f'{{"points": [{POINT}]}} x',
    "two documents": f'{{"points": [{POINT}]}}{{"points": [{POINT}]}}',
    "not UTF-8": f'{{"points": [{POINT}]}}'.encode().replace(b'"77"', b'"\xff"'),
    "a lone number": "7",
    "NaN": f'{{"points": [{{"id": 77, "vector": [NaN, 1, 1, 1, 1, 1]}}]}}',
    "points twice": f'{{"points": [], "points": [{POINT}]}}',
    "vector twice": f'{{"points": [{{"id": 77, "vector": {VECTOR}, "vector": [1]}}]}}',
    "vector and its alias": f'{{"points": [{{"id": 77, "vector": {VECTOR}, "vectors": {VECTOR}}}]}}',
    "an escaped twin": f'{{"points": [], "po\\u0069nts": [{POINT}]}}',
    "batch and points": f'{{"points": [{POINT}], "batch": {{"ids": [77], "vectors": [{VECTOR}]}}}}',
    "an unknown key": f'{{"points": [{POINT}], "pionts": []}}',
    "a body too deep": '{"points": ' + "[" * 500 + "]" * 500 + "}",
}


@pytest.mark.parametrize("kind", list(BROKEN_JSON))
def test_a_json_body_that_says_no_one_thing(stage, name, kind):
    with stage.untouched(name):
        answer = stage.rest("PUT", f"/collections/{name}/points?wait=true", BROKEN_JSON[kind])
        stage.refuses_rest(answer, 400, MALFORMED | {"unknown_field", "too_deep", "unknown_key", "wrong_shape"})


@pytest.mark.parametrize("body", ['{"query": [1,1,1,1,1,1], "query": 1}', '{"query": 1, "usng": "x"}', '{"query": {"nearest": 1, "recommend": {"positive": [1]}}}'])
def test_a_query_with_a_key_twice_or_unknown(stage, name, body):
    with stage.untouched(name):
        answer = stage.rest("POST", f"/collections/{name}/points/query", body)
        stage.refuses_rest(answer, 400, MALFORMED | {"unknown_field", "wrong_shape"})


def test_a_grpc_query_with_more_prefetch_than_is_read(stage, name):
    query = pb.PrefetchQuery(query=pb.Query(nearest=pb.VectorInput(id=pb.PointId(num=1))))
    for _ in range(40):
        query = pb.PrefetchQuery(prefetch=[query])
    message = pb.QueryPoints(collection_name=name, prefetch=[query])
    with stage.untouched(name):
        answer = stage.grpc("/qdrant.Points/Query", message)
        stage.refuses_grpc(answer, "INVALID_ARGUMENT", {"too_deep"})

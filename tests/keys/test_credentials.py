"""A client's credentials go upstream with its own operation and with what it takes; Interlock's key serves its own work."""

import pytest
from qdrant_client import grpc as pb

from harness.audit import everything
from harness.models import SeededModel

OLD, NEW = SeededModel("old", 6), SeededModel("new", 8)
OWN_KEY = "the-key-of-interlock-itself"
CREDENTIALS = {
    "api-key": "key-of-legacy",
    "authorization": "Bearer some.jwt.token",
    "x-qdrant-routing-token": "7",
    "openai-api-key": "sk-of-the-client",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "x-forwarded-for": "192.0.2.7",
}


@pytest.fixture(scope="module")
def managed(stage):
    """A managed collection."""
    return stage.managed("managed")


def check(forwarded, count):
    """Each request carries all of the client's credentials and none of Interlock's."""
    assert len(forwarded) == count, forwarded
    for request, fields in forwarded:
        carried = {name: fields.get(name) for name in CREDENTIALS}
        # A trace goes on under its id; each hop is a span of its own.
        assert carried.pop("traceparent").split("-")[1] == CREDENTIALS["traceparent"].split("-")[1], request
        assert carried == {name: value for name, value in CREDENTIALS.items() if name != "traceparent"}, request
        assert OWN_KEY not in fields.values()


def test_they_go_with_reads_and_writes(stage, managed):
    vector = OLD.vector("two")
    for number, (method, path, body) in enumerate(
        [
            ("POST", "points/query", {"query": vector}),
            ("PUT", "points?wait=true", {"points": [{"id": 5, "vector": vector, "payload": {"text": "two"}}]}),
            ("POST", "points/scroll", {"with_vector": True}),
            ("GET", "points/1", None),
        ]
    ):
        mark = f"credentials-{number}"
        answer = stage.rest(method, f"/collections/{managed}/{path}", body, {**CREDENTIALS, "x-request-id": mark})
        assert answer.status_code == 200, answer.text
        check(stage.forwarded(mark), 1)


def test_they_go_with_grpc(stage, managed):
    query = pb.QueryPoints(
        collection_name=managed,
        query=pb.Query(nearest=pb.VectorInput(dense=pb.DenseVector(data=OLD.vector("two")))),
    )
    answer = stage.grpc("/qdrant.Points/Query", query, {**CREDENTIALS, "x-request-id": "credentials-grpc"})
    assert answer.code == 0, answer.message
    check(stage.forwarded("credentials-grpc"), 1)


def test_they_go_with_what_a_write_has_to_look_up(stage, managed):
    body = {"payload": {"text": "two"}, "filter": {"must": [{"has_id": [1, 2]}]}}
    alias = stage.alias(f"looked-up-{managed}", managed)
    for number, spelled in enumerate([managed, alias]):
        mark = f"credentials-looking-{number}"
        path = f"/collections/{spelled}/points/payload?wait=true"
        answer = stage.rest("PUT", path, body, {**CREDENTIALS, "x-request-id": mark})
        assert answer.status_code == 200, answer.text
        forwarded = stage.forwarded(mark)
        assert len(forwarded) > 1, "an overwrite looks up what is there"
        check(forwarded, len(forwarded))
        assert all(f"/collections/{spelled}/" in request for request, _ in forwarded), forwarded


def test_they_go_with_the_stored_texts_that_an_update_of_vectors_needs(stage):
    flipped = stage.flipped("updated")
    alias = stage.alias(f"updated-by-{flipped}", flipped)
    vector = OLD.vector("two")
    for number, spelled in enumerate([flipped, alias]):
        mark = f"credentials-update-{number}"
        body = {"points": [{"id": 2, "vector": vector}]}
        path = f"/collections/{spelled}/points/vectors?wait=true"
        answer = stage.rest("PUT", path, body, {**CREDENTIALS, "x-request-id": mark})
        assert answer.status_code == 200, answer.text
        forwarded = stage.forwarded(mark)
        check(forwarded, 2)
        assert all(f"/collections/{spelled}/" in request for request, _ in forwarded), forwarded
        update = pb.UpdatePointVectors(
            collection_name=spelled, wait=True,
            points=[
                pb.PointVectors(
                    id=pb.PointId(num=2), vectors=pb.Vectors(vector=pb.Vector(dense=pb.DenseVector(data=vector)))
                )
            ],
        )
        grpc = stage.grpc("/qdrant.Points/UpdateVectors", update, {**CREDENTIALS, "x-request-id": f"{mark}-grpc"})
        assert grpc.code == 0, grpc.message
        check(stage.forwarded(f"{mark}-grpc"), 2)
    payload, vectors = everything(stage.world.direct, flipped)[2]
    assert OLD.made(vectors[""], "two") and NEW.made(vectors["@new@1"], "two"), payload


def test_they_go_with_unmanaged_collections(stage, managed):
    plain = stage.plain("plain")
    answer = stage.rest(
        "POST", f"/collections/{plain}/points/query", {"query": OLD.vector("two")},
        {**CREDENTIALS, "x-request-id": "credentials-plain"},
    )
    assert answer.status_code == 200
    check(stage.forwarded("credentials-plain"), 1)


def test_interlocks_own_work_has_its_own_key(stage, managed):
    client_keys = {CREDENTIALS["api-key"], CREDENTIALS["authorization"]}
    own = [(request, fields) for request, fields in stage.recorder.heads if fields.get("api-key") == OWN_KEY]
    assert any("ListAliases" in request for request, _ in own), "aliases are read with Interlock's key"
    for request, fields in own:
        assert not client_keys & set(fields.values()), request


def test_the_clients_spelling_goes_upstream(stage, managed):
    # Scopes of JWTs name the spelling; a canonical name would widen or narrow them.
    alias = stage.alias(f"read-by-{managed}", managed)
    for mark, said, expected in [
        ("spelled", managed, managed), ("escaped", managed.replace("-", "%2D", 1), managed), ("aliased", alias, alias),
    ]:
        path = f"/collections/{said}/points/query"
        answer = stage.rest("POST", path, {"query": OLD.vector("two")}, {"x-request-id": mark})
        assert answer.status_code == 200
        assert [request for request, _ in stage.forwarded(mark)] == [f"POST /collections/{expected}/points/query"]

"""What a client can get wrong: refused in the contract's terms over both protocols, and nothing of it is forwarded."""

import pytest
from qdrant_client import grpc as pb

from harness.models import SeededModel

OLD, NEW = SeededModel("old", 6), SeededModel("new", 8)
QUERY, UPSERT = "/qdrant.Points/Query", "/qdrant.Points/Upsert"


@pytest.fixture(scope="module")
def plain(stage):
    """Managed, no migration, undeclared requests pinned."""
    return stage.collection("plain")


@pytest.fixture(scope="module")
def strict(stage):
    """Managed, undeclared requests refused."""
    return stage.collection("strict", "--undeclared", "reject")


@pytest.fixture(scope="module")
def filling(stage):
    """A migration is open, and its space is not readable."""
    return stage.collection("filling", migrating=True)


def both(stage, name, rest, grpc, status, code, reasons, headers=None):
    """Refused over both protocols, without a trace."""
    method, path, body = rest
    with stage.untouched(name):
        stage.refuses_rest(stage.rest(method, f"/collections/{name}{path}", body, headers), status, reasons)
        rpc, message = grpc
        stage.refuses_grpc(stage.grpc(rpc, message, headers), code, reasons)


def query(body):
    """A REST query."""
    return ("POST", "/points/query", body)


def upsert(vector, payload=None, wait="true"):
    """A REST upsert of one point."""
    point = {"id": 77, "vector": vector, "payload": payload or {"text": "77"}}
    return ("PUT", f"/points?wait={wait}", {"points": [point]})


UNKNOWN_MODEL = {"unknown_model", "wrong_space"}


def test_a_text_for_an_unknown_model(stage, said, plain):
    rest, grpc = query({"query": {"text": "one", "model": "nobody"}}), (QUERY, said.query_text(plain, "nobody"))
    both(stage, plain, rest, grpc, 400, "INVALID_ARGUMENT", UNKNOWN_MODEL)


def test_a_write_of_a_text_for_an_unknown_model(stage, said, plain):
    rest = upsert({"text": "77", "model": "nobody"})
    both(stage, plain, rest, (UPSERT, said.upsert(plain, ("77", "nobody"))), 400, "INVALID_ARGUMENT", UNKNOWN_MODEL)


def test_an_unknown_model_in_the_header(stage, said, plain):
    vector = OLD.vector("one")
    rest, grpc = query({"query": vector}), (QUERY, said.query(plain, vector))
    both(stage, plain, rest, grpc, 400, "INVALID_ARGUMENT", UNKNOWN_MODEL, {"embedding-model": "nobody@3"})


def test_an_unknown_model_in_a_vector_name(stage, said, plain):
    vector = OLD.vector("one")
    rest, grpc = query({"query": vector, "using": "@nobody@1"}), (QUERY, said.query(plain, vector, "@nobody@1"))
    both(stage, plain, rest, grpc, 400, "INVALID_ARGUMENT", UNKNOWN_MODEL)


def test_two_models_that_contradict_each_other(stage, said, filling):
    vector = OLD.vector("one")
    rest, grpc = query({"query": vector, "using": "@old@1"}), (QUERY, said.query(filling, vector, "@old@1"))
    both(stage, filling, rest, grpc, 400, "INVALID_ARGUMENT", {"contradicting_models"}, {"embedding-model": "new"})


def test_undeclared_vectors_where_they_are_refused(stage, said, strict):
    vector = OLD.vector("one")
    rest, grpc = query({"query": vector}), (QUERY, said.query(strict, vector))
    both(stage, strict, rest, grpc, 400, "INVALID_ARGUMENT", {"undeclared_model"})
    both(stage, strict, upsert(vector), (UPSERT, said.upsert(strict, vector)), 400, "INVALID_ARGUMENT", {"undeclared_model"})


def test_declared_vectors_pass_where_undeclared_ones_are_refused(stage, said, strict):
    vector, headers = OLD.vector("one"), {"embedding-model": "old"}
    assert stage.rest("POST", f"/collections/{strict}/points/query", {"query": vector}, headers).status_code == 200
    assert stage.grpc(QUERY, said.query(strict, vector), headers).code == 0


@pytest.mark.parametrize("size", [1, 5, 7, 8])
def test_a_query_of_another_dimension(stage, said, plain, size):
    vector = [0.5] * size
    rest, grpc = query({"query": vector}), (QUERY, said.query(plain, vector))
    both(stage, plain, rest, grpc, 400, "INVALID_ARGUMENT", {"wrong_dimension"})


@pytest.mark.parametrize("wait", ["true", "false"])
def test_a_write_of_another_dimension(stage, said, plain, wait):
    vector = [0.5] * 5
    grpc = (UPSERT, said.upsert(plain, vector, wait=wait == "true"))
    both(stage, plain, upsert(vector, wait=wait), grpc, 400, "INVALID_ARGUMENT", {"wrong_dimension"})


@pytest.mark.parametrize("wait", ["true", "false"])
def test_a_vector_update_of_another_dimension(stage, plain, wait):
    """Qdrant acknowledges it with wait=false, and loses it."""
    changed = pb.PointVectors(id=pb.PointId(num=1), vectors=pb.Vectors(vector=pb.Vector(dense=pb.DenseVector(data=[0.5]))))
    message = pb.UpdatePointVectors(collection_name=plain, wait=wait == "true", points=[changed])
    rest = ("PUT", f"/points/vectors?wait={wait}", {"points": [{"id": 1, "vector": [0.5]}]})
    both(stage, plain, rest, ("/qdrant.Points/UpdateVectors", message), 400, "INVALID_ARGUMENT", {"wrong_dimension"})


@pytest.mark.parametrize("wait", ["true", "false"])
def test_an_unknown_vector_name(stage, said, plain, wait):
    """Qdrant acknowledges it with wait=false, and loses it."""
    vector = OLD.vector("77")
    grpc = (UPSERT, said.upsert(plain, vector, "nowhere", wait=wait == "true"))
    both(stage, plain, upsert({"nowhere": vector}, wait=wait), grpc, 400, "INVALID_ARGUMENT", {"unknown_vector"})


def test_a_space_that_is_not_readable_yet(stage, said, filling):
    vector, headers = NEW.vector("one"), {"embedding-model": "new@1"}
    rest, grpc = query({"query": vector}), (QUERY, said.query(filling, vector))
    both(stage, filling, rest, grpc, 409, "FAILED_PRECONDITION", {"space_not_ready"}, headers)


def test_a_forged_tag(stage, said, plain):
    vector, payload = OLD.vector("77"), {"text": "77", "_embedding": "mine"}
    grpc = (UPSERT, said.upsert(plain, vector, payload=payload))
    both(stage, plain, upsert(vector, payload), grpc, 403, "PERMISSION_DENIED", {"tag_tampering"})


@pytest.mark.parametrize("key", ["_embedding", '"_embedding"', '_embedding.""', "_embedding[]", "_embedding.x.models"])
def test_an_erased_tag(stage, plain, key):
    selector = pb.PointsSelector(points=pb.PointsIdsList(ids=[pb.PointId(num=1)]))
    message = pb.DeletePayloadPoints(collection_name=plain, wait=True, keys=[key], points_selector=selector)
    rest = ("POST", "/points/payload/delete?wait=true", {"keys": [key], "points": [1]})
    both(stage, plain, rest, ("/qdrant.Points/DeletePayload", message), 403, "PERMISSION_DENIED", {"tag_tampering"})


def test_a_body_over_the_bound(stage, said, plain):
    text = "x" * 70_000
    rest, message = upsert(OLD.vector("77"), {"text": text}), said.upsert(plain, OLD.vector("77"), payload={"text": text})
    both(stage, plain, rest, (UPSERT, message), 413, "RESOURCE_EXHAUSTED", {"body_too_large"})

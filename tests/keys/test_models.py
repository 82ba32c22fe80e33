"""A client says nothing of its model; its API key does."""

import pytest
from qdrant_client import grpc as pb

from harness.audit import everything
from harness.models import SeededModel

OLD, NEW = SeededModel("old", 6), SeededModel("new", 8)
QUERY, UPSERT = "/qdrant.Points/Query", "/qdrant.Points/Upsert"


@pytest.fixture(scope="module")
def flipped(stage):
    """The new model serves; undeclared clients are pinned to the old one."""
    return stage.flipped("flipped")


def as_key(key):
    """The two ways to send a key."""
    return [{"api-key": key}, {"authorization": f"Bearer {key}"}]


def key_of(name):
    """The key of a client of the configuration."""
    return f"key-of-{name}"


def asked(stage, collection, vector, headers):
    """The same query over both protocols: of each the outcome, the model that answered and the nearest point."""
    rest = stage.rest("POST", f"/collections/{collection}/points/query", {"query": vector, "limit": 1}, headers)
    found = rest.json()["result"]["points"][0]["id"] if rest.status_code == 200 else None
    yield rest.headers.get("interlock-reason"), rest.headers.get("embedding-model"), found
    message = pb.QueryPoints(
        collection_name=collection, limit=1,
        query=pb.Query(nearest=pb.VectorInput(dense=pb.DenseVector(data=vector))),
    )
    grpc = stage.grpc(QUERY, message, headers)
    found = pb.QueryResponse.FromString(grpc.body[5:]).result[0].id.num if grpc.code == 0 else None
    yield grpc.reason, grpc.headers.get("embedding-model"), found


@pytest.mark.parametrize("name, model", [("legacy", OLD), ("fresh", NEW), ("nobody", OLD)])
def test_each_client_reads_the_space_of_its_key(stage, flipped, name, model):
    for headers in as_key(key_of(name)):
        for outcome in asked(stage, flipped, model.vector("two"), headers):
            assert outcome == (None, f"{model.name}@1", 2), headers


def test_a_key_that_is_not_in_the_header_read_first_says_nothing(stage, flipped):
    headers = {"api-key": key_of("nobody"), "authorization": f"Bearer {key_of('fresh')}"}
    for outcome in asked(stage, flipped, OLD.vector("two"), headers):
        assert outcome == (None, "old@1", 2)


@pytest.mark.parametrize(
    "name, vector, header, reason",
    [
        ("legacy", OLD, "new", "contradicting_models"),
        ("fresh", NEW, "old@1", "contradicting_models"),
        ("both", OLD, None, "contradicting_models"),
        ("elsewhere", OLD, None, "wrong_space"),
        ("legacy", NEW, None, "wrong_dimension"),
    ],
)
def test_what_contradicts_the_key_is_refused(stage, flipped, name, vector, header, reason):
    declared = {"embedding-model": header} if header else {}
    for number, headers in enumerate(as_key(key_of(name))):
        mark = f"contradiction-{name}-{reason}-{number}"
        sent = {**headers, **declared, "x-request-id": mark}
        for outcome in asked(stage, flipped, vector.vector("two"), sent):
            assert outcome[0] == reason, headers
        assert stage.forwarded(mark) == []


def test_a_document_of_another_model_contradicts_the_key(stage, flipped):
    for query in ({"text": "two", "model": "old"}, {"nearest": {"text": "two", "model": "old"}}):
        answer = stage.rest(
            "POST", f"/collections/{flipped}/points/query", {"query": query}, {"api-key": key_of("fresh")}
        )
        assert answer.headers.get("interlock-reason") == "contradicting_models", answer.text


def test_a_header_chooses_where_the_key_leaves_a_choice(stage, flipped):
    for model in (OLD, NEW):
        headers = {"api-key": key_of("both"), "embedding-model": model.name}
        for outcome in asked(stage, flipped, model.vector("three"), headers):
            assert outcome == (None, f"{model.name}@1", 3)


def test_a_text_without_a_model_is_embedded_by_the_model_of_the_key(stage, flipped):
    for name, model in (("legacy", "old@1"), ("fresh", "new@1")):
        answer = stage.rest(
            "POST", f"/collections/{flipped}/points/query",
            {"query": {"text": "two", "model": ""}, "limit": 1}, {"api-key": key_of(name)},
        )
        assert answer.status_code == 200, answer.text
        assert answer.headers["embedding-model"] == model
        assert answer.json()["result"]["points"][0]["id"] == 2


def test_each_client_writes_the_space_of_its_key(stage, flipped):
    points = {11: ("legacy", OLD, "eleven"), 12: ("fresh", NEW, "twelve")}
    for point, (name, model, text) in points.items():
        body = {"points": [{"id": point, "vector": model.vector(text), "payload": {"text": text}}]}
        written = stage.rest(
            "PUT", f"/collections/{flipped}/points?wait=true", body, {"api-key": key_of(name)}
        )
        assert written.status_code == 200, written.text
        message = pb.UpsertPoints(
            collection_name=flipped, wait=True,
            points=[
                pb.PointStruct(
                    id=pb.PointId(num=point + 10), payload={"text": pb.Value(string_value=text)},
                    vectors=pb.Vectors(vector=pb.Vector(dense=pb.DenseVector(data=model.vector(text)))),
                )
            ],
        )
        assert stage.grpc(UPSERT, message, {"api-key": key_of(name)}).code == 0
    stored = everything(stage.world.direct, flipped)
    for point, (_, _, text) in points.items():
        for number in (point, point + 10):
            payload, vectors = stored[number]
            assert OLD.made(vectors[""], text), (number, payload)
            assert NEW.made(vectors["@new@1"], text), (number, payload)

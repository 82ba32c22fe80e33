"""The embedder or the upstream is down, slow or wrong: a clear error, nothing half done, and all well afterwards."""

import contextlib

import pytest

from harness.audit import everything
from harness.models import SeededModel
from harness.wait import until

OLD, NEW = SeededModel("old", 6), SeededModel("new", 8)
QUERY, UPSERT = "/qdrant.Points/Query", "/qdrant.Points/Upsert"
EMBEDDER = {"embedder_down", "embedder_unreachable", "bad_embedding", "embedder_busy", "embedder_failed"}


@contextlib.contextmanager
def faulty(stage, model, fault):
    """The model's endpoint is broken in this way meanwhile."""
    faults = stage.embedder.faults[model]
    if fault == "down":
        stage.embedder.stop()
    elif fault == "wrong dimension":
        faults.extra_components = 1
    elif fault == "slow":
        faults.gate.hold()
    else:
        faults.status, faults.retry_after = int(fault), 1 if fault == "429" else None
    try:
        yield
    finally:
        if fault == "down":
            stage.embedder.start()
        faults.extra_components, faults.status, faults.retry_after = 0, None, None
        faults.gate.open()


FAULTS = ["down", "500", "429", "wrong dimension", "slow"]


@pytest.fixture(scope="module")
def plain(stage):
    """Managed, no migration."""
    return stage.collection("outage")


@pytest.fixture(scope="module")
def failing(stage):
    """A migration is open, and writes fail with their embedder."""
    return stage.collection("fail", "--on-embed-failure", "fail", migrating=True)


@pytest.fixture(scope="module")
def deferring(stage):
    """A migration is open, and writes defer what cannot be embedded."""
    return stage.collection("defer", "--on-embed-failure", "defer", migrating=True)


def is_down_rest(answer):
    """503, or 429 where the endpoint said so, with a reason."""
    said = (answer.status_code, answer.headers.get("interlock-reason"), answer.text)
    assert answer.status_code in (503, 429) and said[1] in EMBEDDER, said
    assert answer.json()["status"]["error"]


def is_down_grpc(answer):
    """UNAVAILABLE, or RESOURCE_EXHAUSTED, with a reason."""
    assert answer.code in (14, 8) and answer.reason in EMBEDDER, (answer.code, answer.reason, answer.message)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_text_cannot_be_embedded(stage, said, plain, fault):
    with stage.untouched(plain), faulty(stage, "old", fault):
        document = {"text": "one", "model": "auto"}
        is_down_rest(stage.rest("POST", f"/collections/{plain}/points/query", {"query": document}))
        is_down_grpc(stage.grpc(QUERY, said.query_text(plain, "auto")))
        body = {"points": [{"id": 77, "vector": document}]}
        is_down_rest(stage.rest("PUT", f"/collections/{plain}/points?wait=true", body))
        is_down_grpc(stage.grpc(UPSERT, said.upsert(plain, ("77", "auto"))))
    assert stage.grpc(QUERY, said.query_text(plain, "auto")).code == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_a_dual_write_fails_whole_where_it_is_told_to_fail(stage, said, failing, fault):
    with stage.untouched(failing), faulty(stage, "new", fault):
        body = {"points": [{"id": 77, "vector": OLD.vector("77"), "payload": {"text": "77"}}]}
        is_down_rest(stage.rest("PUT", f"/collections/{failing}/points?wait=true", body))
        is_down_grpc(stage.grpc(UPSERT, said.upsert(failing, OLD.vector("77"))))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_dual_write_is_made_and_filled_in_later_where_it_is_told_to_defer(stage, deferring, fault):
    point, text = 100 + FAULTS.index(fault), f"deferred by {fault}"
    new_space = "@new@1"
    with faulty(stage, "new", fault):
        for number in (1, 2):  # the second overwrites a point that may hold a vector: it must not go stale
            body = {"points": [{"id": point, "vector": OLD.vector(text + str(number)), "payload": {"text": text + str(number)}}]}
            answer = stage.rest("PUT", f"/collections/{deferring}/points?wait=true", body)
            assert answer.status_code == 200, answer.text
        payload, vectors = everything(stage.world.direct, deferring)[point]
        assert OLD.made(vectors[""], text + "2") and new_space not in vectors, vectors.keys()
        assert new_space not in payload["_embedding"][""]["models"]
        assert stage.interlock.migration(deferring)["pending"] >= 1
    stage.interlock.await_migration(deferring, lambda state: state["pending"] == 0, "the deferred point is filled in")
    payload, vectors = everything(stage.world.direct, deferring)[point]
    assert NEW.made(vectors[new_space], text + "2")
    assert payload["_embedding"][""]["models"][new_space].startswith("new@1#")


def test_the_upstream_is_down_and_comes_back(stage, said, plain):
    path, vector = f"/collections/{plain}/points/query", OLD.vector("one")
    stage.recorder.cut()
    try:
        for body in ({"query": vector}, {"query": {"text": "one", "model": "auto"}}):
            answer = stage.rest("POST", path, body)
            assert answer.status_code == 503 and answer.headers.get("interlock-reason"), answer.text
            assert answer.json()["status"]["error"]
        answer = stage.grpc(QUERY, said.query(plain, vector))
        assert answer.code == 14 and answer.reason, (answer.code, answer.message)
        answer = stage.rest("PUT", f"/collections/{plain}/points?wait=true", {"points": [{"id": 9, "vector": vector}]})
        assert answer.status_code == 503, answer.text
        answer = stage.grpc(UPSERT, said.upsert(plain, vector))
        assert answer.code == 14, (answer.code, answer.message)
    finally:
        stage.recorder.open()
    until(lambda: stage.rest("POST", path, {"query": vector}).status_code == 200, "REST answers again", 20)
    until(lambda: stage.grpc(QUERY, said.query(plain, vector)).code == 0, "gRPC answers again", 20)
    assert set(everything(stage.world.direct, plain)) == {1, 2, 3}, "a refused write was made"

"""A managed collection behind a recording line to the upstream: what is refused must leave no trace there."""

import contextlib
import json
import struct
from types import SimpleNamespace

import httpx
import pytest
from qdrant_client import grpc as pb
from qdrant_client import models

from harness.audit import everything
from harness.clients import official
from harness.embedder import Embedder
from harness.models import SeededModel
from harness.rawgrpc import call, frame
from harness.recorder import Recorder
from harness.world import World

OLD, NEW = SeededModel("old", 6), SeededModel("new", 8)
BODY_BYTES_MAX = 65_536
TEXTS = {1: "one", 2: "two", 3: "three"}
CODES = {3: "INVALID_ARGUMENT", 7: "PERMISSION_DENIED", 8: "RESOURCE_EXHAUSTED", 9: "FAILED_PRECONDITION", 14: "UNAVAILABLE", 12: "UNIMPLEMENTED", 5: "NOT_FOUND", 0: "OK"}


class Stage:
    """Interlock between a client and a recorder in front of the upstream, with collections in several states."""

    def __init__(self, world, embedder):
        self.world, self.embedder = world, embedder
        self.recorder = Recorder(world.direct).open()
        config = {
            "limits": {"body_bytes_max": BODY_BYTES_MAX, "points_max": 1000},
            "upstream": {"connect_timeout_ms": 1000},
        }
        self.interlock = world.interlock(upstream=self.recorder.address, config=config).start()
        for model in (OLD, NEW):
            flags = embedder.model_flags(model.name, model.dimension, timeout_ms=2000, retries_max=1)
            self.interlock.cli(*flags)

    def collection(self, stem, *adopt_flags, migrating=False):
        """A managed collection with three points, perhaps with an open migration to the new model."""
        name = self.world.name(stem)
        client = official(self.interlock.address)
        client.create_collection(name, models.VectorParams(size=OLD.dimension, distance=models.Distance.COSINE))
        points = [models.PointStruct(id=i, vector=OLD.vector(t), payload={"text": t}) for i, t in TEXTS.items()]
        client.upsert(name, points, wait=True)
        client.close()
        self.interlock.cli("adopt", name, "--model", "old", "--source", "{text}", *adopt_flags)
        if migrating:
            self.interlock.cli("migrate", "start", name, "--to", "new")
        return name

    def rest(self, method, path, body, headers=None):
        """One HTTP/1.1 call; `body` is sent as it is where it is not a document."""
        content = body if isinstance(body, (bytes, str)) else json.dumps(body)
        fields = {"content-type": "application/json", **(headers or {})}
        return httpx.request(method, self.interlock.address.rest + path, content=content, headers=fields, timeout=30)

    def grpc(self, rpc, message, headers=None):
        """One unary call; `message` is a message, or the body's bytes as they shall be."""
        body = message if isinstance(message, bytes) else frame(message.SerializeToString())
        return call(self.interlock.address.grpc_target, rpc, body, headers)

    @contextlib.contextmanager
    def untouched(self, name):
        """Nothing of what happens inside reaches the upstream, and the collection stays as it is."""
        before, mark = everything(self.world.direct, name), len(self.recorder.seen)
        yield
        forwarded = self.recorder.data_calls(mark)
        assert not forwarded, f"something was forwarded: {forwarded}"
        assert everything(self.world.direct, name) == before, "the collection has changed"

    def refuses_rest(self, answer, status, reasons):
        """The answer is a refusal of Qdrant's shape with one of these reasons."""
        said = (answer.status_code, answer.headers.get("interlock-reason"), answer.text)
        assert answer.status_code == status and answer.headers.get("interlock-reason") in reasons, said
        error = answer.json()["status"]["error"]
        assert isinstance(error, str) and error, said

    def refuses_grpc(self, answer, code, reasons):
        """The same over gRPC."""
        said = (CODES.get(answer.code, answer.code), answer.reason, answer.message)
        assert answer.http_status == 200 and said[0] == code and answer.reason in reasons, said
        assert answer.message, said


@pytest.fixture(scope="module")
def stage(engine, direct, tmp_path_factory):
    """One for all tests of a file."""
    world = World(engine, tmp_path_factory.mktemp("input"), direct)
    with Embedder({model.name: model.vector for model in (OLD, NEW)}) as embedder:
        made = Stage(world, embedder)
        yield made
        made.interlock.kill()
        made.recorder.cut()
        world.close()


@pytest.fixture
def said():
    """Builders of requests, so that a test names only what is wrong with it."""
    return SimpleNamespace(
        query=lambda name, vector, using=None: pb.QueryPoints(
            collection_name=name, using=using, limit=3,
            query=pb.Query(nearest=pb.VectorInput(dense=pb.DenseVector(data=vector))),
        ),
        query_text=lambda name, model: pb.QueryPoints(
            collection_name=name, limit=3,
            query=pb.Query(nearest=pb.VectorInput(document=pb.Document(text="one", model=model))),
        ),
        upsert=lambda name, vector, vector_name=None, payload=None, wait=True: pb.UpsertPoints(
            collection_name=name, wait=wait,
            points=[
                pb.PointStruct(
                    id=pb.PointId(num=77), vectors=vectors(vector, vector_name),
                    payload={key: pb.Value(string_value=value) for key, value in (payload or {"text": "77"}).items()},
                )
            ],
        ),
    )


def vectors(given, name=None):
    """A vector, a text for a model as (text, model), perhaps under a name."""
    if isinstance(given, tuple):
        made = pb.Vector(document=pb.Document(text=given[0], model=given[1]))
    else:
        made = pb.Vector(dense=pb.DenseVector(data=given))
    return pb.Vectors(vectors=pb.NamedVectors(vectors={name: made})) if name else pb.Vectors(vector=made)


def packed(values):
    """Floats as protobuf packs them."""
    return struct.pack(f"<{len(values)}f", *values)

"""A managed collection behind Interlock, and the upstream itself, where somebody can change things past it."""

import json

import httpx
import pytest
from qdrant_client import grpc as pb
from qdrant_client import models

from harness.clients import official
from harness.embedder import Embedder
from harness.models import SeededModel
from harness.rawgrpc import call, frame
from harness.recorder import Recorder
from harness.wait import until
from harness.world import World

OLD, NEW = SeededModel("old", 6), SeededModel("new", 8)
TEXTS = {1: "one", 2: "two", 3: "three"}
# A look every five seconds, with room for a loaded machine.
LOOK_SECONDS = 30


class Stage:
    """Interlock between a client and a recorder in front of the upstream."""

    def __init__(self, world, embedder):
        self.world = world
        self.recorder = Recorder(world.direct).open()
        self.interlock = world.interlock(
            upstream=self.recorder.address, environment={"INTERLOCK_CALLS_OPEN": "restore"}
        ).start()
        for model in (OLD, NEW):
            self.interlock.cli(*embedder.model_flags(model.name, model.dimension, timeout_ms=2000, retries_max=1))

    def plain(self, stem, client=None):
        """An unmanaged collection with three points of the old model."""
        name = self.world.name(stem)
        client = client or official(self.interlock.address)
        client.create_collection(name, models.VectorParams(size=OLD.dimension, distance=models.Distance.COSINE))
        self.fill(name, client)
        client.close()
        return name

    def fill(self, name, client):
        """The three points."""
        points = [models.PointStruct(id=i, vector=OLD.vector(t), payload={"text": t}) for i, t in TEXTS.items()]
        client.upsert(name, points, wait=True)

    def managed(self, stem, migrating=False):
        """The same, adopted, perhaps with a second space."""
        name = self.plain(stem)
        self.interlock.cli("adopt", name, "--model", "old", "--source", "{text}")
        if migrating:
            self.interlock.cli("migrate", "start", name, "--to", "new")
            self.interlock.await_migration(name, lambda state: state["phase"] == "ready", "the new space is ready")
        return name

    def rest(self, method, path, body=None, direct=False):
        """One HTTP/1.1 call, through Interlock or past it."""
        address = self.world.direct if direct else self.interlock.address
        content = None if body is None else json.dumps(body)
        headers = {"content-type": "application/json"}
        return httpx.request(method, address.rest + path, content=content, headers=headers, timeout=60)

    def grpc(self, rpc, message):
        """One unary call."""
        return call(self.interlock.address.grpc_target, rpc, frame(message.SerializeToString()))

    def aliases(self, *actions, direct=False):
        """A change of aliases."""
        return self.rest("POST", "/collections/aliases", {"actions": list(actions)}, direct)

    def count(self, spelled):
        """A data call."""
        return self.rest("POST", f"/collections/{spelled}/points/count", {"exact": True})

    def refuses(self, answer, status, reason):
        """The answer is a refusal with this reason."""
        said = (answer.status_code, answer.headers.get("interlock-reason"), answer.text)
        assert said[:2] == (status, reason), said
        return answer

    def is_quarantined(self, name):
        """The cause, once data calls are refused."""
        answer = self.count(name)
        return answer.status_code == 409 and answer.headers.get("interlock-reason") == "quarantined"

    def quarantine(self, name):
        """What `status` says."""
        (found,) = self.interlock.cli("status", name)["collections"]
        return found["quarantine"]

    def await_quarantine(self, name, cause):
        """Interlock finds out by itself."""
        until(lambda: self.is_quarantined(name), f"{name} is quarantined", LOOK_SECONDS, 0.2)
        assert self.quarantine(name)["cause"] == cause


@pytest.fixture(scope="module")
def stage(engine, direct, tmp_path_factory):
    """One Interlock for the tests of a file."""
    world = World(engine, tmp_path_factory.mktemp("schema"), direct)
    with Embedder({model.name: model.vector for model in (OLD, NEW)}) as embedder:
        made = Stage(world, embedder)
        yield made
        made.interlock.kill()
        made.recorder.cut()
        world.close()

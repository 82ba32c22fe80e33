"""A collection with a space of each of two models, and Interlocks that know clients by their keys."""

import hashlib
import json

import httpx
import pytest
from qdrant_client import models

from harness.clients import official
from harness.embedder import Embedder
from harness.models import SeededModel
from harness.rawgrpc import call, frame
from harness.recorder import MARK, Recorder
from harness.world import World

OLD, NEW = SeededModel("old", 6), SeededModel("new", 8)
TEXTS = {1: "one", 2: "two", 3: "three"}
OWN_KEY = "the-key-of-interlock-itself"


def known(name, key, models=(), scopes=()):
    """A client of the configuration, as TOML writes it."""
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f'{{ name = "{name}", sha256 = "{digest}", models = {json.dumps(models)}, scopes = {json.dumps(scopes)} }}'


KEYS = {"legacy": "key-of-legacy", "fresh": "key-of-fresh", "both": "key-of-both", "stranger": "key-of-nobody",
        "elsewhere": "key-of-elsewhere", "backup": "key-of-backup"}
CLIENTS = [
    known("legacy", KEYS["legacy"], ["old@1"]),
    known("fresh", KEYS["fresh"], ["new@1", "image-model@1"]),
    known("both", KEYS["both"], ["old@1", "new@1"]),
    known("elsewhere", KEYS["elsewhere"], ["image-model@1"]),
    known("backup", KEYS["backup"], scopes=["snapshots", "storage-read", "telemetry", "debug", "shards", "cluster"]),
]


class Stage:
    """Interlock between a client and a recorder in front of the upstream."""

    def __init__(self, world, embedder, environment=None):
        self.world = world
        self.recorder = Recorder(world.direct).open()
        environment = {"INTERLOCK_CLIENTS_KEYS": f"[{', '.join(CLIENTS)}]", **(environment or {})}
        self.interlock = world.interlock(upstream=self.recorder.address, environment=environment).start()
        for model in (OLD, NEW):
            self.interlock.cli(*embedder.model_flags(model.name, model.dimension, timeout_ms=2000, retries_max=1))

    def plain(self, stem):
        """An unmanaged collection with three points of the old model."""
        name = self.world.name(stem)
        client = official(self.interlock.address)
        client.create_collection(name, models.VectorParams(size=OLD.dimension, distance=models.Distance.COSINE))
        points = [models.PointStruct(id=i, vector=OLD.vector(t), payload={"text": t}) for i, t in TEXTS.items()]
        client.upsert(name, points, wait=True)
        client.close()
        return name

    def managed(self, stem):
        """The same, adopted."""
        name = self.plain(stem)
        self.interlock.cli("adopt", name, "--model", "old", "--source", "{text}")
        return name

    def flipped(self, stem):
        """The same, with the new model serving and the old one's space kept: clients that say nothing are of the old."""
        name = self.managed(stem)
        self.interlock.cli("migrate", "start", name, "--to", "new")
        self.interlock.await_migration(name, lambda state: state["phase"] == "ready", "the new space is ready")
        self.interlock.cli("migrate", "cutover", name, "--to", "new")
        return name

    def alias(self, alias, collection):
        """An alias, made past Interlock, which reads aliases anew after any change that goes through it."""
        actions = lambda name, of: {"actions": [{"create_alias": {"collection_name": of, "alias_name": name}}]}
        url = f"{self.world.direct.rest}/collections/aliases"
        httpx.post(url, json=actions(alias, collection), timeout=30).raise_for_status()
        other = self.plain("aliased")
        answer = self.rest("POST", "/collections/aliases", actions(f"alias-of-{other}", other))
        assert answer.status_code == 200, answer.text
        return alias

    def rest(self, method, path, body=None, headers=None):
        """One HTTP/1.1 call."""
        content = None if body is None else json.dumps(body)
        fields = {"content-type": "application/json", **(headers or {})}
        return httpx.request(method, self.interlock.address.rest + path, content=content, headers=fields, timeout=30)

    def grpc(self, rpc, message, headers=None):
        """One unary call."""
        return call(self.interlock.address.grpc_target, rpc, frame(message.SerializeToString()), headers)

    def forwarded(self, mark):
        """The requests, with their headers, that reached the upstream under a request id."""
        return [(request, fields) for request, fields in self.recorder.heads if fields.get(MARK) == mark]


def staged(engine, direct, folder, environment=None):
    """A stage, for a fixture."""
    world = World(engine, folder, direct)
    with Embedder({model.name: model.vector for model in (OLD, NEW)}) as embedder:
        made = Stage(world, embedder, environment)
        yield made
        made.interlock.kill()
        made.recorder.cut()
        world.close()


@pytest.fixture(scope="module")
def stage(engine, direct, tmp_path_factory):
    """Nothing is open to everybody."""
    yield from staged(engine, direct, tmp_path_factory.mktemp("keys"), {"INTERLOCK_UPSTREAM_API_KEY": OWN_KEY})


@pytest.fixture(scope="module")
def opened(engine, direct, tmp_path_factory):
    """Telemetry is open to everybody."""
    yield from staged(engine, direct, tmp_path_factory.mktemp("opened"), {"INTERLOCK_CALLS_OPEN": "telemetry"})

"""One Interlock behind which collections stand in each state of a migration, and in front of which a test plays the
attacker: over REST or gRPC, on an unnamed or a named vector.

The models `OLD` and `NEW` have the same dimension: nothing but the table can tell their vectors apart. Every request
carries a mark that follows it to the upstream, so that the recorder there says whether anything of it was forwarded.
"""

import contextlib
import itertools
import json
import re
import struct

import httpx
import numpy as np
from qdrant_client import grpc as pb
from qdrant_client import models

from adversarial.answers import of_grpc, of_rest
from adversarial.spoken import VERBS, answer_type
from harness.audit import everything
from harness.clients import official
from harness.embedder import Embedder
from harness.models import SeededModel
from harness.rawgrpc import call, frame
from harness.recorder import MARK, Recorder

OLD, NEW, WIDE = SeededModel("old", 8), SeededModel("new", 8), SeededModel("wide", 12)
MODELS = {model.name: model for model in (OLD, NEW, WIDE)}
TEXTS = {point: f"text {point}" for point in range(1, 13)}
# The states of a collection. In "filling" the standby holds every point and may not be read yet; in "flipped" the new
# model serves, the old one's space is kept, and clients that declare no model are still pinned to the old one.
PLAIN, FILLING, FLIPPED = "plain", "filling", "flipped"
# Nothing of these may be seen in an answer: names of standby spaces, and tags.
LEAKS = re.compile(r"@(old|new)@1|_embedding|write_id")
# Interlock's own credential, which no client's request may carry to the upstream.
OWN_KEY = "interlocks-own-key"
_marks = itertools.count(1)


def payload_of(point):
    """What each point carries."""
    return {"text": TEXTS[point], "group": f"g{point % 3}", "n": point}


def alias_of(name):
    """The alias that each collection gets before it is managed."""
    return f"{name}-alias"


class Arena:
    """Interlock, the recorder before its upstream, and the collections that stay as they are."""

    def __init__(self, world, embedder):
        self.world, self.embedder = world, embedder
        self.recorder = Recorder(world.direct).open()
        config = {"migrate": {"look_every_ms": 600_000}, "upstream": {"api_key": OWN_KEY}}
        self.interlock = world.interlock(upstream=self.recorder.address, config=config).start()
        self.http = httpx.Client(base_url=self.interlock.address.rest, timeout=60)
        self.refused_marks = set()
        self._shared = {}
        for model in MODELS.values():
            self.interlock.cli(*embedder.model_flags(model.name, model.dimension, timeout_ms=5000, retries_max=1))

    def shared(self, state, field):
        """A collection that tests only read, and that no test may change."""
        key = (state, field)
        if key not in self._shared:
            self._shared[key] = self.fresh(state, field)
        return self._shared[key]

    def fresh(self, state, field, *adopt_flags, model=OLD, to=NEW, stem=None):
        """A managed collection of its own for one test, in the state that is named."""
        name = self.bare(stem or state, field, model)
        self.adopt(name, "--model", model.name, "--source", "{text}", *adopt_flags)
        if state in (FILLING, FLIPPED):
            self.migrate("start", name, field, to)
        if state == FLIPPED:
            self.migrate("cutover", name, field, to)
        return name

    def unmanaged(self, field):
        """A collection that is not managed, for all tests. Its ids start at 101."""
        key = ("unmanaged", field)
        if key not in self._shared:
            self._shared[key] = self.bare("unmanaged", field, shift=100)
        return self._shared[key]

    def bare(self, stem, field, model=OLD, shift=0):
        """A collection with a model's vectors of the texts, not managed."""
        name = self.world.name(stem)
        parameters = models.VectorParams(size=model.dimension, distance=models.Distance.COSINE)
        client = official(self.interlock.address)
        client.create_collection(name, {field: parameters} if field else parameters)
        points = [
            models.PointStruct(id=point + shift, vector=named(field, model.vector(text)), payload=payload_of(point))
            for point, text in TEXTS.items()
        ]
        client.upsert(name, points, wait=True)
        client.create_payload_index(name, "group", models.PayloadSchemaType.KEYWORD, wait=True)
        made = models.CreateAlias(collection_name=name, alias_name=alias_of(name))
        client.update_collection_aliases([models.CreateAliasOperation(create_alias=made)])
        client.close()
        return name

    def with_fields(self, fields):
        """A managed collection with several dense vectors: name → model."""
        name = self.world.name("fields")
        client = official(self.interlock.address)
        parameters = {
            field: models.VectorParams(size=model.dimension, distance=models.Distance.COSINE) for field, model in fields.items()
        }
        client.create_collection(name, parameters)
        points = [
            models.PointStruct(id=point, vector={f: m.vector(text) for f, m in fields.items()}, payload=payload_of(point))
            for point, text in TEXTS.items()
        ]
        client.upsert(name, points, wait=True)
        client.close()
        self.adopt(name, *(f"--field={field}={model.name}" for field, model in fields.items()), "--source", "{text}")
        return name

    def add_stray_space(self, name, stray, model):
        """A vector name with vectors of every point, made past Interlock."""
        url = f"{self.world.direct.rest}/collections/{name}"
        made = httpx.put(f"{url}/vectors/{stray}?wait=true", json={"dense": {"size": model.dimension, "distance": "Cosine"}})
        assert made.status_code == 200, made.text
        points = [{"id": point, "vector": {stray: model.vector(text)}} for point, text in TEXTS.items()]
        written = httpx.put(f"{url}/points/vectors?wait=true", json={"points": points})
        assert written.status_code == 200, written.text

    def adopt(self, name, *flags):
        """`interlock adopt`."""
        self.interlock.cli("adopt", name, *flags)

    def migrate(self, verb, name, field, to):
        """`interlock migrate start`, which ends when a cutover can be made, or `cutover`, or `rollback`."""
        flags = ["--vector", field] if field else []
        self.interlock.cli("migrate", verb, name, *flags, "--to", to.name)

    def stored(self, name):
        """Every point as it lies in the upstream, tags and standby spaces included."""
        return everything(self.world.direct, name)

    def close(self):
        """Nothing that was refused may have reached the upstream later either."""
        late = self.refused_marks & self.recorder.marked.keys()
        self.http.close()
        self.interlock.kill()
        self.recorder.cut()
        self.world.close()
        assert not late, {mark: self.recorder.marked[mark] for mark in late}


class Case:
    """One attack, over one protocol, on one kind of field."""

    def __init__(self, arena, protocol, field):
        self.arena, self.protocol, self.field = arena, protocol, field
        self.using = {"using": field} if field else {}
        self.is_rest = protocol == "rest"

    def collection(self, state):
        """A shared collection in this state."""
        return self.arena.shared(state, self.field)

    def fresh(self, state, *adopt_flags, **options):
        """A collection for this test alone."""
        return self.arena.fresh(state, self.field, *adopt_flags, **options)

    def standby(self, model):
        """The real name of a space that a migration made for `model`."""
        return f"{self.field}@{model.name}@1"

    def at(self, model):
        """The field with its model, as clients may name it."""
        return f"{self.field}@{model.name}"

    def named(self, vector):
        """A vector of a point, under the field's name."""
        return named(self.field, vector)

    # -- asking ------------------------------------------------------------------------------------------------

    def ask(self, collection, verb, body, headers=None):
        """Sends one request, written as REST's body, over this case's protocol."""
        method, path, rpc, convert = VERBS[verb]
        if self.is_rest:
            return self.rest(method, f"/collections/{collection}{path}", body, headers)
        return self.grpc(f"qdrant.Points/{rpc}", convert(collection, body), headers)

    def ask_directly(self, collection, verb, body):
        """The same request past Interlock, in REST: what the upstream itself would say."""
        method, path, _, _ = VERBS[verb]
        answer = httpx.request(method, f"{self.arena.world.direct.rest}/collections/{collection}{path}", json=body)
        return of_rest(answer.status_code, answer.headers, answer.content, None)

    def about(self, collection, headers=None):
        """Collection info."""
        if self.is_rest:
            return self.rest("GET", f"/collections/{collection}", None, headers)
        return self.grpc("qdrant.Collections/Get", pb.GetCollectionInfoRequest(collection_name=collection), headers)

    def rest(self, method, path, body=None, headers=None):
        """One HTTP call; `body` is sent as it is where it is not a document."""
        mark = self._mark()
        content = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
        fields = {"content-type": "application/json", **(headers or {}), MARK: mark}
        answer = self.arena.http.request(method, path, content=content, headers=fields)
        return of_rest(answer.status_code, answer.headers, answer.content, mark)

    def grpc(self, rpc, message, headers=None):
        """One unary call; `message` is a message, or a message's bytes, or (`Frames`) the whole body as it shall be."""
        mark = self._mark()
        if isinstance(message, Frames):
            body = bytes(message)
        else:
            body = frame(message if isinstance(message, bytes) else message.SerializeToString())
        answer = call(self.arena.interlock.address.grpc_target, f"/{rpc}", body, {**(headers or {}), MARK: mark})
        service, _, method = rpc.partition("/")
        try:
            kind = answer_type(service, method)
        except KeyError:
            kind = None
        return of_grpc(answer, kind, mark)

    def _mark(self):
        return f"case-{next(_marks)}"

    # -- judging -----------------------------------------------------------------------------------------------

    def forwarded(self, answer):
        """The requests to the upstream that carry the mark of this answer's request."""
        return self.arena.recorder.marked.get(answer.mark, [])

    def nothing_forwarded(self, answer):
        """Nothing of the request has reached the upstream, and nothing shall (looked at again at the end)."""
        assert not self.forwarded(answer), (self.forwarded(answer), answer.said)
        self.arena.refused_marks.add(answer.mark)

    def refused(self, answer, reasons, status=400):
        """Refused by Interlock in Qdrant's shape, with one of these reasons; nothing was forwarded."""
        reasons = {reasons} if isinstance(reasons, str) else set(reasons)
        assert answer.is_status(status) and answer.reason in reasons, answer.said
        assert answer.message, answer.said
        self.nothing_forwarded(answer)

    def allowed(self, answer):
        """A success that was forwarded and that shows nothing of Interlock's own."""
        assert answer.ok, answer.said
        assert self.forwarded(answer), "the upstream was not asked"
        self.leaks_nothing(answer)

    def leaks_nothing(self, answer):
        """No name of a standby space and no tag, neither in an answer nor in an error."""
        found = LEAKS.search(answer.text) or LEAKS.search(answer.message)
        assert not found, (found, answer.said)

    def ranked_by(self, answer, model, text, count=None):
        """A success, and each score is what `model`'s vectors give for its vector of `text`: no other space was read."""
        self.allowed(answer)
        assert answer.hits, answer.said
        assert count is None or len(answer.hits) == count, answer.said
        for hit in answer.hits:
            expected = similarity(model, text, hit.id)
            assert abs(hit.score - expected) < 1e-3, (hit, expected, f"not {model.name}'s vectors")

    def reads_back(self, answer, model, name=None):
        """A success whose points carry `model`'s vectors of their texts under the field's name, and no others."""
        self.allowed(answer)
        name = self.field if name is None else name
        assert answer.hits, answer.said
        for hit in answer.hits:
            assert set(hit.vectors) == {name}, hit
            assert model.made(hit.vectors[name], TEXTS[hit.id]), hit

    @contextlib.contextmanager
    def unchanged(self, collection):
        """What happens inside leaves the stored points as they are."""
        before = self.arena.stored(collection)
        yield
        assert self.arena.stored(collection) == before, "the collection has changed"


class Frames(bytes):
    """A gRPC body with its frames, sent as it is."""


def named(field, vector):
    """A vector under a name; the unnamed one stands alone."""
    return {field: vector} if field else vector


def similarity(model, text, point):
    """The cosine of a point's text and another one, by a model."""
    return float(np.dot(model.unit(text).astype(np.float64), model.unit(TEXTS[point]).astype(np.float64)))


def packed(values):
    """Floats as protobuf packs them."""
    return struct.pack(f"<{len(values)}f", *values)


def embedder():
    """Serves all models."""
    return Embedder({name: model.vector for name, model in MODELS.items()})

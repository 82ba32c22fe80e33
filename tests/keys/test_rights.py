"""Rights are Qdrant's to judge: through Interlock, each credential opens exactly what it opens at Qdrant itself.

Needs a Qdrant of its own, with keys and JWTs switched on: QDRANT_BIN names the binary.
"""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import time

import httpx
import pytest
from qdrant_client import grpc as pb

from harness.models import SeededModel
from harness.ports import free_port
from harness.process import Address, Interlock
from harness.rawgrpc import call, frame
from harness.wait import until

BINARY = os.environ.get("QDRANT_BIN")
pytestmark = pytest.mark.skipif(not BINARY, reason="QDRANT_BIN does not name a Qdrant to start with keys and JWTs")

OLD = SeededModel("old", 6)
ROOT_KEY, READ_KEY = "the-root-key-of-this-qdrant", "the-read-key-of-this-qdrant"
MANAGED, ALIAS, OTHER = "rights-managed", "rights-alias", "rights-other"


def token(access, **claims):
    """A JWT, signed with the root key."""
    part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")
    signed = part({"alg": "HS256", "typ": "JWT"}) + b"." + part({"access": access, **claims})
    signature = base64.urlsafe_b64encode(hmac.digest(ROOT_KEY.encode(), signed, hashlib.sha256)).rstrip(b"=")
    return (signed + b"." + signature).decode()


def on(collection, access):
    """A JWT for one collection."""
    return token([{"collection": collection, "access": access}])


CREDENTIALS = {
    "none": {},
    "wrong": {"api-key": "wrong"},
    "root": {"api-key": ROOT_KEY},
    "root as bearer": {"authorization": f"Bearer {ROOT_KEY}"},
    "a wrong key and a good bearer": {"api-key": "wrong", "authorization": f"Bearer {ROOT_KEY}"},
    "read": {"api-key": READ_KEY},
    "jwt read": {"authorization": f"Bearer {token('r')}"},
    "jwt manage": {"api-key": token("m")},
    "jwt expired": {"api-key": token("m", exp=int(time.time()) - 3600)},
    "jwt r managed": {"api-key": on(MANAGED, "r")},
    "jwt rw managed": {"api-key": on(MANAGED, "rw")},
    "jwt r alias": {"api-key": on(ALIAS, "r")},
    "jwt rw alias": {"api-key": on(ALIAS, "rw")},
    "jwt rw other": {"api-key": on(OTHER, "rw")},
}


class Stage:
    """A Qdrant with keys, and an Interlock before it that has the root key for its own work."""

    def __init__(self, folder):
        self.direct = Address(*(f"http://127.0.0.1:{free_port()}" for _ in range(2)))
        environment = {
            "QDRANT__SERVICE__HOST": "127.0.0.1",
            "QDRANT__SERVICE__HTTP_PORT": self.direct.rest.rsplit(":", 1)[1],
            "QDRANT__SERVICE__GRPC_PORT": str(self.direct.grpc_port),
            "QDRANT__SERVICE__API_KEY": ROOT_KEY,
            "QDRANT__SERVICE__READ_ONLY_API_KEY": READ_KEY,
            "QDRANT__SERVICE__JWT_RBAC": "true",
            "QDRANT__TELEMETRY_DISABLED": "true",
            "QDRANT__STORAGE__STORAGE_PATH": str(folder / "storage"),
            "QDRANT__STORAGE__SNAPSHOTS_PATH": str(folder / "snapshots"),
        }
        with (folder / "qdrant.log").open("wb") as log:
            self.qdrant = subprocess.Popen(
                [BINARY], cwd=folder, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until(self._is_up, "Qdrant is up", 60)
        own = {"INTERLOCK_UPSTREAM_API_KEY": ROOT_KEY}
        self.interlock = Interlock(folder / "interlock", upstream=self.direct, environment=own).start()
        self._fill()

    def _is_up(self):
        assert self.qdrant.poll() is None, "Qdrant has ended"
        try:
            return httpx.get(f"{self.direct.rest}/readyz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def _fill(self):
        root = CREDENTIALS["root"]
        for name in (MANAGED, OTHER):
            made = {"vectors": {"size": OLD.dimension, "distance": "Cosine"}}
            assert self.rest(self.direct, "PUT", f"/collections/{name}", made, root)[0] == 200
            assert self.rest(self.direct, "PUT", f"/collections/{name}/points?wait=true", upsert(), root)[0] == 200
        alias = {"actions": [{"create_alias": {"collection_name": MANAGED, "alias_name": ALIAS}}]}
        assert self.rest(self.direct, "POST", "/collections/aliases", alias, root)[0] == 200
        self.interlock.cli("model", "add", "old@1", f"--dim={OLD.dimension}", "--distance=cosine", "--embedder=none")
        self.interlock.cli("adopt", MANAGED, "--model", "old", "--source", "{text}")

    def rest(self, address, method, path, body, headers):
        """Status and error of one call."""
        answer = httpx.request(method, address.rest + path, json=body, headers=headers, timeout=30)
        return answer.status_code, None if answer.status_code == 200 else answer.text

    def stop(self):
        """Ends both."""
        self.interlock.kill()
        self.qdrant.kill()
        self.qdrant.wait()


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """One for the whole file."""
    made = Stage(tmp_path_factory.mktemp("rights"))
    yield made
    made.stop()


def upsert():
    """One point."""
    return {"points": [{"id": 1, "vector": OLD.vector("one"), "payload": {"text": "one"}}]}


def calls(name):
    """A read, a write, a write with a look-up, a delete, and what is asked of the collection itself."""
    query = {"query": OLD.vector("one"), "limit": 1}
    return [
        ("POST", f"/collections/{name}/points/query", query),
        ("POST", f"/collections/{name}/points/query", {"query": 1, "lookup_from": {"collection": OTHER}}),
        ("POST", f"/collections/{name}/points/scroll", {"with_vector": True}),
        ("GET", f"/collections/{name}/points/1", None),
        ("PUT", f"/collections/{name}/points?wait=true", upsert()),
        ("PUT", f"/collections/{name}/points/payload?wait=true", {"payload": {"text": "one"}, "points": [1]}),
        ("POST", f"/collections/{name}/points/delete?wait=true", {"points": [77]}),
        ("GET", f"/collections/{name}", None),
        ("GET", f"/collections/{name}/exists", None),
        ("GET", f"/collections/{name}/cluster", None),
        ("GET", f"/collections/{name}/aliases", None),
        ("GET", f"/collections/{name}/snapshots", None),
        ("GET", "/collections", None),
        ("GET", "/aliases", None),
    ]


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_a_credential_opens_what_it_opens_without_interlock(stage, credential):
    headers = CREDENTIALS[credential]
    for name in (MANAGED, ALIAS, OTHER):
        for method, path, body in calls(name):
            if name != OTHER and "lookup_from" in (body or {}):
                continue  # a look-up in an unmanaged collection is refused by Interlock, whoever asks
            direct = stage.rest(stage.direct, method, path, body, headers)
            through = stage.rest(stage.interlock.address, method, path, body, headers)
            assert without_time(through) == without_time(direct), (name, method, path)


def without_time(outcome):
    """Of a refusal, all but how long it took."""
    status, text = outcome
    try:
        return status, {key: value for key, value in json.loads(text or "null").items() if key != "time"}
    except (AttributeError, json.JSONDecodeError):
        return status, text


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_the_same_over_grpc(stage, credential):
    headers = CREDENTIALS[credential]
    dense = pb.VectorInput(dense=pb.DenseVector(data=OLD.vector("one")))
    point = pb.PointStruct(
        id=pb.PointId(num=1), payload={"text": pb.Value(string_value="one")},
        vectors=pb.Vectors(vector=pb.Vector(dense=pb.DenseVector(data=OLD.vector("one")))),
    )
    for name in (MANAGED, ALIAS, OTHER):
        for rpc, message in [
            ("/qdrant.Points/Query", pb.QueryPoints(collection_name=name, query=pb.Query(nearest=dense))),
            ("/qdrant.Points/Scroll", pb.ScrollPoints(collection_name=name)),
            ("/qdrant.Points/Upsert", pb.UpsertPoints(collection_name=name, points=[point], wait=True)),
            ("/qdrant.Collections/Get", pb.GetCollectionInfoRequest(collection_name=name)),
            ("/qdrant.Collections/ListAliases", pb.ListAliasesRequest()),
        ]:
            body = frame(message.SerializeToString())
            direct = call(stage.direct.grpc_target, rpc, body, headers)
            through = call(stage.interlock.address.grpc_target, rpc, body, headers)
            assert (through.code, through.message) == (direct.code, direct.message), (name, rpc)


@pytest.mark.parametrize(
    "credential, name, read, written",
    [
        ("none", MANAGED, 401, 401),
        ("root", ALIAS, 200, 200),
        ("read", MANAGED, 200, 403),
        ("jwt expired", MANAGED, 403, 403),
        ("jwt r managed", MANAGED, 200, 403),
        ("jwt r managed", ALIAS, 403, 403),
        ("jwt rw alias", ALIAS, 200, 200),
        ("jwt rw alias", MANAGED, 403, 403),
        ("jwt rw other", MANAGED, 403, 403),
    ],
)
def test_scopes_are_matched_on_the_clients_spelling(stage, credential, name, read, written):
    headers, address = CREDENTIALS[credential], stage.interlock.address
    query = {"query": OLD.vector("one"), "limit": 1}
    assert stage.rest(address, "POST", f"/collections/{name}/points/query", query, headers)[0] == read
    assert stage.rest(address, "PUT", f"/collections/{name}/points?wait=true", upsert(), headers)[0] == written

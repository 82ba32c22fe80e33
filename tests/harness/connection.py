"""One connection that speaks Qdrant's API, REST or gRPC, and shows the headers of each answer, which clients hide."""

from dataclasses import dataclass, field

import grpc
import httpx
from qdrant_client import grpc as pb

SECONDS = 30


class Failed(Exception):
    """An answer that is not a success."""

    def __init__(self, status, reason, message):
        super().__init__(f"{status} ({reason}): {message}")
        self.status = status
        self.reason = reason
        self.message = message


@dataclass
class Found:
    """A point of an answer."""

    id: int
    payload: dict
    vector: list
    score: float = 0.0


@dataclass
class Reply:
    """An answer with its headers, or its metadata."""

    headers: dict
    points: list = field(default_factory=list)

    @property
    def epoch(self):
        """The version of the table that the request was answered under."""
        return int(self.headers["routing-epoch"])

    @property
    def model(self):
        """The model whose space answered."""
        return self.headers["embedding-model"]


class Rest:
    """HTTP/1.1 over one kept connection."""

    protocol = "REST"

    def __init__(self, address):
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        self._client = httpx.Client(base_url=address.rest, limits=limits, timeout=SECONDS)

    def close(self):
        """Hangs up."""
        self._client.close()

    def _send(self, method, path, body, headers):
        answer = self._client.request(method, path, json=body, headers=headers or {})
        if answer.status_code != 200:
            raise Failed(answer.status_code, answer.headers.get("interlock-reason"), answer.text)
        return answer

    def query(self, collection, query, vector="", headers=None, limit=3):
        """`query` is a text for the model "auto", or a vector."""
        query = {"text": query, "model": "auto"} if isinstance(query, str) else query
        body = {"query": query, "limit": limit, "with_payload": True, "with_vector": True, "params": {"exact": True}}
        body |= {"using": vector} if vector else {}
        answer = self._send("POST", f"/collections/{collection}/points/query", body, headers)
        name = vector.split("@")[0]
        points = [
            Found(p["id"], p["payload"] or {}, p["vector"][name] if name else p["vector"], p["score"])
            for p in answer.json()["result"]["points"]
        ]
        return Reply(dict(answer.headers), points)

    def upsert(self, collection, point, payload, given, vector="", headers=None):
        """`given` is a text for the model "auto", or a vector."""
        given = {"text": given, "model": "auto"} if isinstance(given, str) else given
        body = {"points": [{"id": point, "payload": payload, "vector": {vector: given} if vector else given}]}
        return Reply(dict(self._send("PUT", f"/collections/{collection}/points?wait=true", body, headers).headers))

    def update_vector(self, collection, point, given, vector="", headers=None):
        """Another vector for a point that is there."""
        body = {"points": [{"id": point, "vector": {vector: given} if vector else given}]}
        return Reply(
            dict(self._send("PUT", f"/collections/{collection}/points/vectors?wait=true", body, headers).headers)
        )

    def set_payload(self, collection, point, payload, headers=None):
        """Merges a payload."""
        body = {"payload": payload, "points": [point]}
        path = f"/collections/{collection}/points/payload?wait=true"
        return Reply(dict(self._send("POST", path, body, headers).headers))

    def delete(self, collection, point, headers=None):
        """Deletes a point."""
        path = f"/collections/{collection}/points/delete?wait=true"
        return Reply(dict(self._send("POST", path, {"points": [point]}, headers).headers))


class Grpc:
    """HTTP/2 over one connection of its own."""

    protocol = "gRPC"

    def __init__(self, address):
        own = [("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.insecure_channel(address.grpc_target, options=own)
        self._stub = pb.PointsStub(self._channel)

    def close(self):
        """Hangs up."""
        self._channel.close()

    @staticmethod
    def _send(call, message, headers):
        try:
            answer, rpc = call.with_call(message, metadata=tuple((headers or {}).items()), timeout=SECONDS)
        except grpc.RpcError as error:
            metadata = dict(error.trailing_metadata() or ()) | dict(error.initial_metadata() or ())
            raise Failed(error.code().name, metadata.get("interlock-reason"), error.details()) from None
        return answer, dict(rpc.initial_metadata()) | dict(rpc.trailing_metadata())

    @staticmethod
    def _vectors(given, vector):
        if isinstance(given, str):
            made = pb.Vector(document=pb.Document(text=given, model="auto"))
        else:
            made = pb.Vector(dense=pb.DenseVector(data=given))
        if vector:
            return pb.Vectors(vectors=pb.NamedVectors(vectors={vector: made}))
        return pb.Vectors(vector=made)

    def query(self, collection, query, vector="", headers=None, limit=3):
        """As over REST."""
        if isinstance(query, str):
            given = pb.VectorInput(document=pb.Document(text=query, model="auto"))
        else:
            given = pb.VectorInput(dense=pb.DenseVector(data=query))
        message = pb.QueryPoints(
            collection_name=collection, query=pb.Query(nearest=given), limit=limit, using=vector or None,
            with_payload=pb.WithPayloadSelector(enable=True), with_vectors=pb.WithVectorsSelector(enable=True),
            params=pb.SearchParams(exact=True),
        )
        answer, headers = self._send(self._stub.Query, message, headers)
        name = vector.split("@")[0]
        points = [
            Found(p.id.num, {k: plain(v) for k, v in p.payload.items()}, dense(p.vectors, name), p.score)
            for p in answer.result
        ]
        return Reply(headers, points)

    def upsert(self, collection, point, payload, given, vector="", headers=None):
        """As over REST."""
        struct = pb.PointStruct(
            id=pb.PointId(num=point), vectors=self._vectors(given, vector),
            payload={key: pb.Value(string_value=value) for key, value in payload.items()},
        )
        message = pb.UpsertPoints(collection_name=collection, wait=True, points=[struct])
        return Reply(self._send(self._stub.Upsert, message, headers)[1])

    def update_vector(self, collection, point, given, vector="", headers=None):
        """As over REST."""
        changed = pb.PointVectors(id=pb.PointId(num=point), vectors=self._vectors(given, vector))
        message = pb.UpdatePointVectors(collection_name=collection, wait=True, points=[changed])
        return Reply(self._send(self._stub.UpdateVectors, message, headers)[1])

    def set_payload(self, collection, point, payload, headers=None):
        """As over REST."""
        message = pb.SetPayloadPoints(
            collection_name=collection, wait=True, points_selector=selector(point),
            payload={key: pb.Value(string_value=value) for key, value in payload.items()},
        )
        return Reply(self._send(self._stub.SetPayload, message, headers)[1])

    def delete(self, collection, point, headers=None):
        """As over REST."""
        message = pb.DeletePoints(collection_name=collection, wait=True, points=selector(point))
        return Reply(self._send(self._stub.Delete, message, headers)[1])


def selector(point):
    """One point."""
    return pb.PointsSelector(points=pb.PointsIdsList(ids=[pb.PointId(num=point)]))


def dense(vectors, name):
    """A dense vector of an answer, by its name."""
    output = vectors.vectors.vectors[name] if vectors.HasField("vectors") else vectors.vector
    return list(output.dense.data or output.data)


def plain(value):
    """A payload value of gRPC as Python says it."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return {key: plain(inner) for key, inner in value.struct_value.fields.items()}
    if kind == "list_value":
        return [plain(inner) for inner in value.list_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)

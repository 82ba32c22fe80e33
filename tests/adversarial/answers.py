"""Answers of both APIs, in one shape."""

import json
from dataclasses import dataclass, field

from google.protobuf.json_format import MessageToJson

from harness.connection import plain

# gRPC's codes for what Qdrant says in HTTP.
CODES = {200: {0}, 400: {3}, 403: {7}, 404: {5, 12}, 409: {9}, 413: {8}, 429: {8}, 503: {14}}
RECORDS = {"ScoredPoint", "RetrievedPoint"}


@dataclass
class Hit:
    """A point of an answer."""

    id: object
    score: float | None
    vectors: dict
    payload: dict


@dataclass
class Answer:
    """What came back. `status` is HTTP's, or gRPC's code; `document` is JSON, or the message."""

    protocol: str
    status: int
    reason: str | None
    message: str
    headers: dict
    text: str
    document: object
    mark: str
    hits: list = field(default_factory=list)

    def is_status(self, http):
        """Whether it is the answer that HTTP numbers so."""
        return self.status == http if self.protocol == "rest" else self.status in CODES[http]

    @property
    def ok(self):
        """Whether it is a success."""
        return self.is_status(200)

    @property
    def said(self):
        """For assertions."""
        return (self.protocol, self.status, self.reason, self.message or self.text[:400])


def of_rest(status, headers, content, mark):
    """From an HTTP answer."""
    text = content.decode("utf-8", "replace")
    try:
        document = json.loads(text)
    except json.JSONDecodeError:
        document = None
    status_field = document.get("status") if isinstance(document, dict) else None
    message = status_field.get("error", "") if isinstance(status_field, dict) else ""
    answer = Answer("rest", status, headers.get("interlock-reason"), message, dict(headers), text, document, mark)
    if answer.ok and isinstance(document, dict):
        answer.hits = list(json_hits(document.get("result")))
    return answer


def json_hits(node):
    """The points in a part of a JSON answer."""
    if isinstance(node, list):
        for child in node:
            yield from json_hits(child)
    elif isinstance(node, dict) and "id" in node and node.keys() & {"payload", "vector", "score"}:
        vector = node.get("vector")
        named = vector if isinstance(vector, dict) and "indices" not in vector else {"": vector} if vector is not None else {}
        yield Hit(node["id"], node.get("score"), named, node.get("payload") or {})
    elif isinstance(node, dict):
        for key, child in node.items():
            if key not in ("payload", "lookup", "metadata"):
                yield from json_hits(child)


def of_grpc(raw, kind, mark):
    """From a gRPC answer; `kind` is the message's class."""
    message = kind.FromString(raw.body[5:]) if raw.code == 0 and kind and len(raw.body) >= 5 else None
    text = MessageToJson(message) if message is not None else ""
    answer = Answer("grpc", raw.code, raw.headers.get("interlock-reason"), raw.message, raw.headers, text, message, mark)
    if message is not None:
        answer.hits = list(proto_hits(message))
    return answer


def proto_hits(message):
    """The points in a part of a gRPC answer."""
    if message.DESCRIPTOR.name in RECORDS:
        score = message.score if message.DESCRIPTOR.name == "ScoredPoint" else None
        point = message.id.num if message.id.WhichOneof("point_id_options") == "num" else message.id.uuid
        payload = {key: plain(value) for key, value in message.payload.items()}
        yield Hit(point, score, dict(_proto_vectors(message.vectors)), payload)
        return
    for descriptor, value in message.ListFields():
        if descriptor.type != descriptor.TYPE_MESSAGE or descriptor.name in ("lookup", "payload", "metadata"):
            continue
        if descriptor.message_type.GetOptions().map_entry:
            continue
        for child in value if descriptor.is_repeated else [value]:
            yield from proto_hits(child)


def _proto_vectors(vectors):
    if vectors.HasField("vector"):
        yield "", _floats(vectors.vector)
    for name, vector in vectors.vectors.vectors.items():
        yield name, _floats(vector)


def _floats(vector):
    if vector.HasField("sparse"):
        return {"indices": list(vector.sparse.indices), "values": list(vector.sparse.values)}
    return list(vector.dense.data or vector.data)

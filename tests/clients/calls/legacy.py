"""The calls that `query_points` replaced: the client has dropped them, servers and older clients have not."""

import httpx
from google.protobuf.json_format import MessageToDict
from qdrant_client import grpc

from clients.calls.data import QUERY


def everything(run):
    """Search, recommend and discover, with batches and groups, in the protocol of the client."""
    calls = _grpc(run) if run.client.init_options["prefer_grpc"] else _rest(run)
    for label, call in calls.items():
        run.say(f"legacy {label}", call)


def _rest(run):
    vector = {"name": run.vector, "vector": QUERY} if run.vector else QUERY
    london = {"must": [{"key": "city", "match": {"value": "London"}}]}
    search = {"vector": vector, "limit": 3, "with_payload": True}
    recommend = {"positive": [1], "negative": [QUERY], "limit": 3, "with_vector": True, **run.using}
    discover = {"target": QUERY, "context": [{"positive": 1, "negative": 2}], "limit": 3, **run.using}
    groups = {"group_by": "city", "group_size": 1, "limit": 3}
    bodies = {
        "search": search,
        "search filtered": {**search, "filter": london, "with_vectors": True},
        "search batch": {"searches": [search, {**search, "filter": london}]},
        "search groups": {"vector": vector, **groups},
        "recommend": recommend,
        "recommend batch": {"searches": [recommend, {**recommend, "strategy": "best_score"}]},
        "recommend groups": {"positive": [1, 2], **groups, **run.using},
        "discover": discover,
        "discover batch": {"searches": [discover, {**discover, "target": 3}]},
    }
    rest = run.client.init_options["url"]
    return {label: lambda label=label, body=body: _posted(f"{rest}/collections/{run.name}/points/{_path(label)}", body) for label, body in bodies.items()}


def _path(label):
    return label.removesuffix(" filtered").replace(" ", "/")


def _posted(url, body):
    answer = httpx.post(url, json=body, timeout=60)
    answer.raise_for_status()
    return answer.json()["result"]


def _grpc(run):
    stub, name = run.client.grpc_points, run.name
    point = lambda number: grpc.PointId(num=number)
    condition = grpc.FieldCondition(key="city", match=grpc.Match(keyword="London"))
    london = grpc.Filter(must=[grpc.Condition(field=condition)])
    payload, vectors = grpc.WithPayloadSelector(enable=True), grpc.WithVectorsSelector(enable=True)
    named = {"vector_name": run.vector} if run.vector else {}
    search = grpc.SearchPoints(collection_name=name, vector=QUERY, limit=3, with_payload=payload, **named)
    filtered = grpc.SearchPoints(collection_name=name, vector=QUERY, limit=3, filter=london, with_vectors=vectors, **named)
    recommend = grpc.RecommendPoints(collection_name=name, positive=[point(1)], negative_vectors=[grpc.Vector(data=QUERY)], limit=3, with_vectors=vectors, **run.using)
    pair = grpc.ContextExamplePair(positive=grpc.VectorExample(id=point(1)), negative=grpc.VectorExample(id=point(2)))
    target = grpc.TargetVector(single=grpc.VectorExample(vector=grpc.Vector(data=QUERY)))
    discover = grpc.DiscoverPoints(collection_name=name, target=target, context=[pair], limit=3, **run.using)
    groups = {"group_by": "city", "group_size": 1, "limit": 3}
    calls = {
        "search": (stub.Search, search),
        "search filtered": (stub.Search, filtered),
        "search batch": (stub.SearchBatch, grpc.SearchBatchPoints(collection_name=name, search_points=[search, filtered])),
        "search groups": (stub.SearchGroups, grpc.SearchPointGroups(collection_name=name, vector=QUERY, **groups, **named)),
        "recommend": (stub.Recommend, recommend),
        "recommend batch": (stub.RecommendBatch, grpc.RecommendBatchPoints(collection_name=name, recommend_points=[recommend] * 2)),
        "recommend groups": (stub.RecommendGroups, grpc.RecommendPointGroups(collection_name=name, positive=[point(1), point(2)], **groups, **run.using)),
        "discover": (stub.Discover, discover),
        "discover batch": (stub.DiscoverBatch, grpc.DiscoverBatchPoints(collection_name=name, discover_points=[discover] * 2)),
    }
    return {label: lambda rpc=rpc, message=message: MessageToDict(rpc(message)) for label, (rpc, message) in calls.items()}

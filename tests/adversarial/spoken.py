"""The same request in both APIs: written once as REST's JSON, and for gRPC turned into the official client's messages."""

from google.protobuf.message_factory import GetMessageClass
from pydantic import TypeAdapter
from qdrant_client import grpc as pb
from qdrant_client import models
from qdrant_client.conversions.conversion import RestToGrpc as to_grpc


def _as(kind, value):
    return TypeAdapter(kind).validate_python(value)


def _filter(value):
    return None if value is None else to_grpc.convert_filter(_as(models.Filter, value))


def _with_vectors(value):
    return None if value is None else to_grpc.convert_with_vectors(value)


def _with_payload(value):
    return None if value is None else to_grpc.convert_with_payload_interface(_as(models.WithPayloadInterface, value))


def _params(value):
    return None if value is None else to_grpc.convert_search_params(_as(models.SearchParams, value))


def _lookup_from(value):
    return None if value is None else to_grpc.convert_lookup_location(_as(models.LookupLocation, value))


def _with_lookup(value):
    if value is None:
        return None
    value = {"collection": value} if isinstance(value, str) else value
    return to_grpc.convert_with_lookup(_as(models.WithLookup, value))


def _id(value):
    return to_grpc.convert_extended_point_id(value)


def _vector(value):
    """A vector of a write, or of a legacy read's example."""
    if isinstance(value, dict) and "indices" in value:
        return pb.Vector(sparse=pb.SparseVector(**value))
    if isinstance(value, dict):
        return pb.Vector(document=pb.Document(**value))
    if value and isinstance(value[0], list):
        return pb.Vector(multi_dense=pb.MultiDenseVector(vectors=[pb.DenseVector(data=row) for row in value]))
    return pb.Vector(dense=pb.DenseVector(data=value))


def vectors(value):
    """A point's vectors: a bare one is the unnamed one; a text and a sparse one are one vector too."""
    if isinstance(value, dict) and "indices" not in value and not isinstance(value.get("text"), str):
        return pb.Vectors(vectors=pb.NamedVectors(vectors={name: _vector(one) for name, one in value.items()}))
    return pb.Vectors(vector=_vector(value))


def query(collection, body):
    """QueryPoints."""
    return to_grpc.convert_query_request(models.QueryRequest(**body), collection)


def _query_batch(collection, body):
    return pb.QueryBatchPoints(collection_name=collection, query_points=[query(collection, one) for one in body["searches"]])


def _query_groups(collection, body):
    rest = {key: value for key, value in body.items() if key not in ("group_by", "group_size", "with_lookup")}
    plain = query(collection, rest)
    made = pb.QueryPointGroups(
        collection_name=collection, group_by=body["group_by"], group_size=body.get("group_size"),
        with_lookup=_with_lookup(body.get("with_lookup")),
    )
    for name in ("query", "using", "filter", "params", "with_vectors", "with_payload", "lookup_from", "limit"):
        if plain.HasField(name):
            value = getattr(plain, name)
            made.limit = value if name == "limit" else made.limit
            if name == "using":
                made.using = value
            elif name != "limit":
                getattr(made, name).CopyFrom(value)
    made.prefetch.extend(plain.prefetch)
    return made


def _common(body):
    return {
        "filter": _filter(body.get("filter")), "params": _params(body.get("params")), "limit": body.get("limit", 10),
        "with_vectors": _with_vectors(body.get("with_vectors", body.get("with_vector"))),
        "with_payload": _with_payload(body.get("with_payload")), "score_threshold": body.get("score_threshold"),
    }


def _searched(value):
    """The legacy `vector`: a list, {name, vector}, perhaps sparse."""
    name, vector = (value["name"], value["vector"]) if isinstance(value, dict) else (None, value)
    if isinstance(vector, dict):
        return {"vector_name": name, "vector": vector["values"], "sparse_indices": pb.SparseIndices(data=vector["indices"])}
    return {"vector_name": name, "vector": vector}


def _search(collection, body):
    return pb.SearchPoints(collection_name=collection, **_searched(body["vector"]), **_common(body))


def _search_batch(collection, body):
    items = [_search(collection, one) for one in body["searches"]]
    return pb.SearchBatchPoints(collection_name=collection, search_points=items)


def _search_groups(collection, body):
    return pb.SearchPointGroups(
        collection_name=collection, group_by=body["group_by"], group_size=body["group_size"],
        with_lookup=_with_lookup(body.get("with_lookup")), **_searched(body["vector"]), **_common(body),
    )


def _examples(body):
    positive, negative = body.get("positive", []), body.get("negative", [])
    is_id = lambda example: isinstance(example, (int, str))
    return {
        "positive": [_id(one) for one in positive if is_id(one)],
        "negative": [_id(one) for one in negative if is_id(one)],
        "positive_vectors": [_vector(one) for one in positive if not is_id(one)],
        "negative_vectors": [_vector(one) for one in negative if not is_id(one)],
        "using": body.get("using"), "lookup_from": _lookup_from(body.get("lookup_from")),
    }


def _recommend(collection, body):
    return pb.RecommendPoints(collection_name=collection, **_examples(body), **_common(body))


def _recommend_batch(collection, body):
    items = [_recommend(collection, one) for one in body["searches"]]
    return pb.RecommendBatchPoints(collection_name=collection, recommend_points=items)


def _recommend_groups(collection, body):
    return pb.RecommendPointGroups(
        collection_name=collection, group_by=body["group_by"], group_size=body["group_size"],
        with_lookup=_with_lookup(body.get("with_lookup")), **_examples(body), **_common(body),
    )


def _example(value):
    return pb.VectorExample(id=_id(value)) if isinstance(value, (int, str)) else pb.VectorExample(vector=_vector(value))


def _discover(collection, body):
    context = [
        pb.ContextExamplePair(positive=_example(pair["positive"]), negative=_example(pair["negative"]))
        for pair in body.get("context", [])
    ]
    target = pb.TargetVector(single=_example(body["target"])) if body.get("target") is not None else None
    rest = {key: value for key, value in _common(body).items() if key != "score_threshold"}
    return pb.DiscoverPoints(
        collection_name=collection, target=target, context=context, using=body.get("using"),
        lookup_from=_lookup_from(body.get("lookup_from")), **rest,
    )


def _discover_batch(collection, body):
    items = [_discover(collection, one) for one in body["searches"]]
    return pb.DiscoverBatchPoints(collection_name=collection, discover_points=items)


def _scroll(collection, body):
    order = body.get("order_by")
    order = None if order is None else to_grpc.convert_order_by_interface(_as(models.OrderByInterface, order))
    rest = {key: value for key, value in _common(body).items() if key in ("filter", "limit", "with_vectors", "with_payload")}
    return pb.ScrollPoints(collection_name=collection, order_by=order, **rest)


def _get(collection, body):
    rest = {key: value for key, value in _common(body).items() if key in ("with_vectors", "with_payload")}
    rest["with_payload"] = rest["with_payload"] or pb.WithPayloadSelector(enable=True)
    return pb.GetPoints(collection_name=collection, ids=[_id(one) for one in body["ids"]], **rest)


def _count(collection, body):
    return pb.CountPoints(collection_name=collection, filter=_filter(body.get("filter")), exact=body.get("exact", True))


def _facet(collection, body):
    return pb.FacetCounts(collection_name=collection, key=body["key"], filter=_filter(body.get("filter")), exact=True)


def _matrix(collection, body):
    return pb.SearchMatrixPoints(
        collection_name=collection, filter=_filter(body.get("filter")), sample=body.get("sample"),
        limit=body.get("limit"), using=body.get("using"),
    )


def _selected(body):
    if "points" in body:
        return pb.PointsSelector(points=pb.PointsIdsList(ids=[_id(one) for one in body["points"]]))
    return pb.PointsSelector(filter=_filter(body["filter"]))


def _points(body):
    return [
        pb.PointStruct(
            id=_id(one["id"]), vectors=vectors(one["vector"]),
            payload=to_grpc.convert_payload(one["payload"]) if one.get("payload") is not None else None,
        )
        for one in body["points"]
    ]


def _update_mode(body):
    return None if body.get("update_mode") is None else to_grpc.convert_update_mode(models.UpdateMode(body["update_mode"]))


def _upsert(collection, body):
    return pb.UpsertPoints(
        collection_name=collection, wait=True, points=_points(body), update_mode=_update_mode(body),
        update_filter=_filter(body.get("update_filter")),
    )


def _point_vectors(body):
    return [pb.PointVectors(id=_id(one["id"]), vectors=vectors(one["vector"])) for one in body["points"]]


def _update_vectors(collection, body):
    return pb.UpdatePointVectors(
        collection_name=collection, wait=True, points=_point_vectors(body), update_filter=_filter(body.get("update_filter"))
    )


def _delete(collection, body):
    return pb.DeletePoints(collection_name=collection, wait=True, points=_selected(body))


def _delete_vectors(collection, body):
    names = pb.VectorsSelector(names=body["vector"])
    return pb.DeletePointVectors(collection_name=collection, wait=True, points_selector=_selected(body), vectors=names)


def _set_payload(collection, body):
    return pb.SetPayloadPoints(
        collection_name=collection, wait=True, points_selector=_selected(body), key=body.get("key"),
        payload=to_grpc.convert_payload(body["payload"]),
    )


def _delete_payload(collection, body):
    return pb.DeletePayloadPoints(collection_name=collection, wait=True, points_selector=_selected(body), keys=body["keys"])


def _clear_payload(collection, body):
    return pb.ClearPayloadPoints(collection_name=collection, wait=True, points=_selected(body))


def _operation(operation):
    ((name, body),) = operation.items()
    kind = pb.PointsUpdateOperation
    match name:
        case "upsert":
            made = kind.PointStructList(
                points=_points(body), update_mode=_update_mode(body), update_filter=_filter(body.get("update_filter"))
            )
            return kind(upsert=made)
        case "delete":
            return kind(delete_points=kind.DeletePoints(points=_selected(body)))
        case "update_vectors":
            return kind(update_vectors=kind.UpdateVectors(points=_point_vectors(body)))
        case "delete_vectors":
            names = pb.VectorsSelector(names=body["vector"])
            return kind(delete_vectors=kind.DeleteVectors(points_selector=_selected(body), vectors=names))
        case "set_payload" | "overwrite_payload":
            payload = to_grpc.convert_payload(body["payload"])
            inner = getattr(kind, "SetPayload" if name == "set_payload" else "OverwritePayload")
            return kind(**{name: inner(payload=payload, points_selector=_selected(body), key=body.get("key"))})
        case "delete_payload":
            return kind(delete_payload=kind.DeletePayload(keys=body["keys"], points_selector=_selected(body)))
        case "clear_payload":
            return kind(clear_payload=kind.ClearPayload(points=_selected(body)))
    raise ValueError(name)


def _batch(collection, body):
    operations = [_operation(one) for one in body["operations"]]
    return pb.UpdateBatchPoints(collection_name=collection, wait=True, operations=operations)


# Each verb: REST's method and what follows the collection, gRPC's name, and how the one body becomes the other.
VERBS = {
    "query": ("POST", "/points/query", "Query", query),
    "query_batch": ("POST", "/points/query/batch", "QueryBatch", _query_batch),
    "query_groups": ("POST", "/points/query/groups", "QueryGroups", _query_groups),
    "search": ("POST", "/points/search", "Search", _search),
    "search_batch": ("POST", "/points/search/batch", "SearchBatch", _search_batch),
    "search_groups": ("POST", "/points/search/groups", "SearchGroups", _search_groups),
    "recommend": ("POST", "/points/recommend", "Recommend", _recommend),
    "recommend_batch": ("POST", "/points/recommend/batch", "RecommendBatch", _recommend_batch),
    "recommend_groups": ("POST", "/points/recommend/groups", "RecommendGroups", _recommend_groups),
    "discover": ("POST", "/points/discover", "Discover", _discover),
    "discover_batch": ("POST", "/points/discover/batch", "DiscoverBatch", _discover_batch),
    "scroll": ("POST", "/points/scroll", "Scroll", _scroll),
    "get": ("POST", "/points", "Get", _get),
    "count": ("POST", "/points/count", "Count", _count),
    "facet": ("POST", "/facet", "Facet", _facet),
    "matrix_pairs": ("POST", "/points/search/matrix/pairs", "SearchMatrixPairs", _matrix),
    "matrix_offsets": ("POST", "/points/search/matrix/offsets", "SearchMatrixOffsets", _matrix),
    "upsert": ("PUT", "/points?wait=true", "Upsert", _upsert),
    "update_vectors": ("PUT", "/points/vectors?wait=true", "UpdateVectors", _update_vectors),
    "delete": ("POST", "/points/delete?wait=true", "Delete", _delete),
    "delete_vectors": ("POST", "/points/vectors/delete?wait=true", "DeleteVectors", _delete_vectors),
    "set_payload": ("POST", "/points/payload?wait=true", "SetPayload", _set_payload),
    "overwrite_payload": ("PUT", "/points/payload?wait=true", "OverwritePayload", _set_payload),
    "delete_payload": ("POST", "/points/payload/delete?wait=true", "DeletePayload", _delete_payload),
    "clear_payload": ("POST", "/points/payload/clear?wait=true", "ClearPayload", _clear_payload),
    "batch": ("POST", "/points/batch?wait=true", "UpdateBatch", _batch),
}


def answer_type(service, method):
    """The message that answers an RPC."""
    pool = pb.UpsertPoints.DESCRIPTOR.file.pool
    output = pool.FindServiceByName(service).methods_by_name[method].output_type
    return GetMessageClass(output)

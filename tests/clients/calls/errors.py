"""Requests that Qdrant refuses."""

from qdrant_client import models

from clients.calls.data import QUERY


def everything(run):
    """Unknown collections, vectors and points, and vectors of another dimension."""
    client, name, say = run.client, run.name, run.say
    nowhere = f"{name}-nowhere"
    say("query nowhere", lambda: client.query_points(nowhere, query=QUERY))
    say("upsert nowhere", lambda: client.upsert(nowhere, run.points([1])))
    say("scroll nowhere", lambda: client.scroll(nowhere))
    say("info of nowhere", lambda: client.get_collection(nowhere))
    say("nowhere exists", lambda: client.collection_exists(nowhere))
    say("wrong dimension", lambda: client.query_points(name, query=[0.1, 0.2], **run.using))
    short = models.PointStruct(id=77, vector=run.given([0.1, 0.2]), payload={"text": "short"})
    say("upsert of a wrong dimension", lambda: client.upsert(name, [short], wait=True))
    say("update of a wrong dimension", lambda: client.update_vectors(name, [models.PointVectors(id=1, vector=run.given([0.1]))], wait=True))
    say("unknown vector", lambda: client.query_points(name, query=QUERY, using="unknown"))
    stranger = models.PointStruct(id=78, vector={"unknown": QUERY}, payload={"text": "stranger"})
    say("upsert of an unknown vector", lambda: client.upsert(name, [stranger], wait=True))
    say("vectors by an unknown name", lambda: client.scroll(name, limit=1, with_vectors=["unknown"]))
    say("delete an unknown vector", lambda: client.delete_vectors(name, vectors=["unknown"], points=[1], wait=True))
    say("sparse where dense is", lambda: client.query_points(name, query=models.SparseVector(indices=[1], values=[1.0]), **run.using))
    say("dense where sparse is", lambda: client.query_points(name, query=QUERY, using="words"))
    say("limit of nothing", lambda: client.query_points(name, query=QUERY, limit=0, **run.using))
    say("empty upsert", lambda: client.upsert(name, [], wait=True))
    say("empty batch", lambda: client.batch_update_points(name, [], wait=True))
    say("bad path", lambda: client.set_payload(name, {"a": 1}, points=[1], key="a..b", wait=True))
    run.look("after errors")

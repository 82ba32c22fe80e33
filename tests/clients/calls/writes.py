"""Points and vectors: every way to send, change and delete them."""

import numpy as np
from qdrant_client import models

from clients.calls.data import QUERY, UUID, match


def first(run):
    """The first write."""
    run.say("upsert", lambda: run.client.upsert(run.name, run.points([1, 2, 3]), wait=True))


def more(run):
    """The rest of the cities, and some again."""
    client, name, say = run.client, run.name, run.say
    nobody = models.PointStruct(id=UUID, vector=run.given(QUERY), payload={"text": "x", "city": "none"})
    say("upsert more", lambda: client.upsert(name, run.points([4, 5, 6]), wait=True))
    say("upsert uuid", lambda: client.upsert(name, [nobody], wait=True))
    say("upsert again", lambda: client.upsert(name, run.points([2]), wait=True))
    say("upsert twice in one", lambda: client.upsert(name, [*run.points([3]), *run.points([3])], wait=True))
    say("upsert with ordering", lambda: client.upsert(name, run.points([1]), wait=True, ordering=models.WriteOrdering.STRONG))
    run.look("after upserts")


def batch_form(run):
    """Columns instead of points, and points without payload or vectors."""
    client, name, say = run.client, run.name, run.say
    columns = [[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]]
    batch = models.Batch(ids=[20, 21], vectors={run.vector: columns} if run.vector else columns, payloads=[{"text": "twenty"}, {"text": "one more"}])
    say("upsert columns", lambda: client.upsert(name, batch, wait=True))
    say("upsert without payload", lambda: client.upsert(name, [models.PointStruct(id=22, vector=run.given(QUERY))], wait=True))
    say("upsert without the vector", lambda: client.upsert(name, [models.PointStruct(id=23, vector={}, payload={"text": "bare"})], wait=True))
    say("upsert words alone", lambda: client.upsert(name, [models.PointStruct(id=24, vector={"words": models.SparseVector(indices=[10], values=[2.0])}, payload={"text": "words"})], wait=True))
    run.look("after columns")
    say("empty the columns", lambda: client.delete(name, points_selector=[20, 21, 22, 23, 24], wait=True))


def conditional(run):
    """Upserts and vector updates that only some points get."""
    client, name, say = run.client, run.name, run.say
    changed = lambda number, text: models.PointStruct(id=number, vector=run.given([0.5, 0.5, 0.1, number / 100]), payload={"text": text})
    say("insert only", lambda: client.upsert(name, [changed(2, "never"), changed(30, "thirty")], wait=True, update_mode=models.UpdateMode.INSERT_ONLY))
    say("update only", lambda: client.upsert(name, [changed(30, "thirty again"), changed(31, "never")], wait=True, update_mode=models.UpdateMode.UPDATE_ONLY))
    say("upsert where", lambda: client.upsert(name, [changed(30, "never"), changed(32, "new")], wait=True, update_filter=match("text", "nothing")))
    say("update vectors where", lambda: client.update_vectors(name, [models.PointVectors(id=30, vector=run.given([0.9, 0.1, 0.1, 0.1]))], wait=True, update_filter=match("text", "thirty again")))
    run.look("after conditional writes")
    say("delete the conditional", lambda: client.delete(name, points_selector=models.FilterSelector(filter=models.Filter(must=[models.HasIdCondition(has_id=[30, 31, 32])])), wait=True))


def vectors(run):
    """Vector updates and deletions."""
    client, name, say = run.client, run.name, run.say
    update = [models.PointVectors(id=1, vector=run.given([0.9, 0.1, 0.1, 0.2])), models.PointVectors(id=UUID, vector=run.given([0.1, 0.1, 0.1, 0.2]))]
    say("update vectors", lambda: client.update_vectors(name, update, wait=True))
    words = models.PointVectors(id=1, vector={"words": models.SparseVector(indices=[7, 10], values=[1.5, 2.5])})
    say("update words", lambda: client.update_vectors(name, [words], wait=True))
    both = models.PointVectors(id=3, vector=run.given([0.3, 0.1, 0.4, 0.1], {"indices": [3], "values": [1.0]}))
    say("update both", lambda: client.update_vectors(name, [both], wait=True))
    run.look("after update")
    say("update vectors of nobody", lambda: client.update_vectors(name, [models.PointVectors(id=4711, vector=run.given(QUERY))], wait=True))
    say("delete words", lambda: client.delete_vectors(name, vectors=["words"], points=[3], wait=True))
    say("delete vectors", lambda: client.delete_vectors(name, vectors=[run.vector], points=[4], wait=True))
    say("delete vectors where", lambda: client.delete_vectors(name, vectors=["words"], points=match("city", "London"), wait=True))
    run.look("after delete vectors")
    has = models.Filter(must=[models.HasVectorCondition(has_vector=run.vector)])
    say("has vector then", lambda: client.count(name, count_filter=has, exact=True))
    say("lacks vector then", lambda: client.scroll(name, scroll_filter=models.Filter(must_not=has.must)))


def batches(run):
    """Every operation of an update batch."""
    client, name = run.client, run.name
    ten = models.PointStruct(id=10, vector=run.given(QUERY), payload={"text": "ten", "city": "x"})
    point_vectors = models.PointVectors(id=2, vector=run.given([0.3, 0.3, 0.3, 0.4]))
    changes = [
        models.UpsertOperation(upsert=models.PointsList(points=[ten])),
        models.SetPayloadOperation(set_payload=models.SetPayload(payload={"a": 1}, points=[10, 2])),
        models.SetPayloadOperation(set_payload=models.SetPayload(payload={"deep": 1}, points=[10], key="b.c")),
        models.OverwritePayloadOperation(overwrite_payload=models.SetPayload(payload={"b": 2, "text": "new"}, points=[3])),
        models.UpdateVectorsOperation(update_vectors=models.UpdateVectors(points=[point_vectors])),
        models.DeletePayloadOperation(delete_payload=models.DeletePayload(keys=["a"], points=[2])),
        models.ClearPayloadOperation(clear_payload=models.PointIdsList(points=[6])),
        models.DeleteVectorsOperation(delete_vectors=models.DeleteVectors(points=[6], vector=["words"])),
        models.DeleteOperation(delete=models.PointIdsList(points=[1])),
    ]
    run.say("update batch", lambda: client.batch_update_points(name, changes, wait=True))
    run.look("after update batch")
    run.say("update batch of one", lambda: client.batch_update_points(name, [models.UpsertOperation(upsert=models.PointsList(points=run.points([1])))], wait=True))
    unknown = models.UpdateVectorsOperation(update_vectors=models.UpdateVectors(points=[models.PointVectors(id=4711, vector=run.given(QUERY))]))
    run.say("update batch that stops", lambda: client.batch_update_points(name, [changes[1], unknown, changes[0]], wait=True))
    run.look("after the batch that stopped")
    run.say("update batch without waiting", lambda: client.batch_update_points(name, [changes[0], changes[3]], wait=False))
    run.say("wait for it", lambda: client.upsert(name, run.points([3]), wait=True))


def uploads(run):
    """The client's own uploaders."""
    client, name, say = run.client, run.name, run.say
    numbered = lambda ids: [models.PointStruct(id=i, vector=run.given([0.1, 0.2, 0.3, i / 400]), payload={"text": f"number {i}"}) for i in ids]
    say("upload points", lambda: client.upload_points(name, numbered(range(100, 140)), batch_size=16, wait=True))
    rows = [[0.3, 0.2, 0.1, i / 400] for i in range(140, 160)]
    payload = [{"text": f"number {i}"} for i in range(140, 160)]
    say("upload collection", lambda: client.upload_collection(name, vectors={run.vector: np.array(rows)} if run.vector else np.array(rows), payload=payload, ids=range(140, 160), batch_size=8, wait=True))
    named = [run.given(row) for row in rows]
    say("upload collection without waiting", lambda: client.upload_collection(name, vectors=named, payload=payload, ids=range(160, 180), batch_size=8, wait=False))
    say("upload points without waiting", lambda: client.upload_points(name, numbered(range(180, 200)), batch_size=8, wait=False))
    # A shard applies its writes in order: when this one has been applied, the uploads before it have been.
    say("the last upload", lambda: client.upsert(name, numbered([200]), wait=True))
    run.look("after uploads")
    say("count after uploads", lambda: client.count(name))


def deletions(run):
    """By id, by filter, of nobody."""
    client, name, say = run.client, run.name, run.say
    say("delete", lambda: client.delete(name, points_selector=[2], wait=True))
    say("delete by filter", lambda: client.delete(name, points_selector=match("city", "none"), wait=True))
    say("delete nobody", lambda: client.delete(name, points_selector=[4711], wait=True))
    say("delete the uploads", lambda: client.delete(name, points_selector=models.PointIdsList(points=list(range(110, 200))), wait=True))
    say("count what is left", lambda: client.count(name, exact=True))
    run.look("left")

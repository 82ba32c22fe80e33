"""Reads a whole collection without Interlock's view and compares it with what was acknowledged, vector by vector."""

from harness.clients import official


def everything(address, collection):
    """Every point as it lies in Qdrant: id → (payload, vectors by real name)."""
    client, found, offset = official(address), {}, None
    while True:
        points, offset = client.scroll(collection, limit=500, offset=offset, with_vectors=True)
        for point in points:
            vectors = point.vector if isinstance(point.vector, dict) else {"": point.vector}
            found[point.id] = (point.payload, vectors)
        if offset is None:
            client.close()
            return found


def audit(address, target, writers, must_be_fresh=True):
    """What is wrong with what lies in Qdrant: lost or revived writes, false tags, vectors of another model or text."""
    stored, wrong = everything(address, target.collection), []
    for point, text in target.still.items():
        if point not in stored or stored[point][0].get("text") != text:
            wrong.append(f"{point}: was there from the start and is gone or changed")
    known = set(target.still)
    for writer in writers:
        for point, entry in writer.ledger.items():
            known.add(point)
            text = stored[point][0].get("text") if point in stored else None
            if text not in [entry.text, *entry.maybe]:
                wrong.append(f"{point}: acknowledged {entry.text!r}, unsettled {entry.maybe!r}, stored {text!r}")
    wrong += [f"{point}: nobody wrote it" for point in stored.keys() - known]
    for point, (payload, vectors) in stored.items():
        wrong += [f"{point}: {what}" for what in _of_point(target, payload, vectors, must_be_fresh)]
    return wrong


def _of_point(target, payload, vectors, must_be_fresh):
    text = payload.get("text")
    tag = payload.get("_embedding", {}).get(target.vector, {}).get("models", {})
    spaces = {target.vector: target.old, f"{target.vector}@{target.new.name}@1": target.new}
    for space in vectors.keys() - spaces.keys():
        yield f"a vector in an unknown space {space!r}"
    for space, model in spaces.items():
        mark, vector = tag.get(space), vectors.get(space)
        if mark and not mark.startswith(f"{model.name}@1#"):
            yield f"the tag says {mark} of space {space!r}"
        if mark and vector is None:
            yield f"the tag claims space {space!r}, which has no vector"
        if vector is not None and not model.made(vector, text):
            yield f"the vector in space {space!r} is not {model.name}'s of {text!r}"
        if must_be_fresh and vector is None:
            yield f"no vector in space {space!r} though nothing is pending"
        if must_be_fresh and not mark and model is target.new:
            yield f"no claim for space {space!r} though nothing is pending"

"""What a collection must hold, kept by a test as it writes and compared with what lies in the upstream, past Interlock."""

from dataclasses import dataclass, field

from adversarial.world import NEW, OLD, PLAIN, TEXTS, payload_of


@dataclass
class Wanted:
    """A point: its payload, and the text and model behind each vector, by the space's real name."""

    payload: dict
    vectors: dict
    # The spaces that the tag must name, no more and no fewer. `None`: no tag, as before the first write.
    claims: set | None = field(default_factory=set)


class Ledger:
    """A fresh collection in one state, and what is expected of it."""

    def __init__(self, case, state, alias=None):
        self.case, self.state = case, state
        self.name = case.fresh(state) if alias is None else self._aliased(alias)
        self.spaces = {case.field: OLD} if state == PLAIN else {case.field: OLD, case.standby(NEW): NEW}
        claims = lambda: None if state == PLAIN else set(self.spaces)
        self.points = {
            point: Wanted(payload_of(point), {space: (model, text) for space, model in self.spaces.items()}, claims())
            for point, text in TEXTS.items()
        }

    def _aliased(self, alias):
        """A collection that already has an alias when it is adopted."""
        name = self.case.arena.bare("aliased", self.case.field)
        actions = [{"create_alias": {"collection_name": name, "alias_name": alias}}]
        made = self.case.rest("POST", "/collections/aliases", {"actions": actions})
        assert made.ok, made.said
        self.case.arena.adopt(name, "--model", OLD.name, "--source", "{text}")
        return name

    def put(self, point, payload, text, spaces=None):
        """`point` was written with `payload`, and vectors of `text` in these spaces: in all, if none are named."""
        spaces = self.spaces if spaces is None else {space: self.spaces[space] for space in spaces}
        vectors = {space: (model, text) for space, model in spaces.items()}
        self.points[point] = Wanted(payload, vectors, set(vectors))

    def ask(self, verb, body, headers=None):
        """A request to this collection."""
        return self.case.ask(self.name, verb, body, headers)

    def done(self, verb, body, headers=None):
        """A request that must succeed."""
        answer = self.ask(verb, body, headers)
        self.case.allowed(answer)
        return answer

    def tags(self):
        """The tag of each point as it lies there."""
        return {point: payload.get("_embedding") for point, (payload, _) in self.case.arena.stored(self.name).items()}

    def holds(self):
        """Every point is there, with its payload, its vectors and a true tag; and `status` counts the same."""
        stored = self.case.arena.stored(self.name)
        wrong = [f"{point}: only on one side" for point in stored.keys() ^ self.points.keys()]
        for point in stored.keys() & self.points.keys():
            payload, vectors = stored[point]
            wrong += [f"{point}: {what}" for what in self._of_point(self.points[point], payload or {}, vectors or {})]
        ids = [entry["write_id"] for tag in self.tags().values() if tag for entry in tag.values()]
        wrong += ["a write id stands in two points"] if len(set(ids)) != len(ids) else []
        assert not wrong, wrong
        self.counts()

    def _of_point(self, wanted, payload, vectors):
        payload = dict(payload)
        tag = payload.pop("_embedding", None)
        vectors = {space: vector for space, vector in vectors.items() if vector is not None}
        if payload != wanted.payload:
            yield f"payload {payload} is not {wanted.payload}"
        if vectors.keys() != wanted.vectors.keys():
            yield f"vectors {sorted(vectors)} are not {sorted(wanted.vectors)}"
        for space in vectors.keys() & wanted.vectors.keys():
            model, text = wanted.vectors[space]
            if not model.made(vectors[space], text):
                yield f"the vector in {space!r} is not {model.name}'s of {text!r}"
        if wanted.claims is None:
            if tag is not None:
                yield f"a tag where nothing was written: {tag}"
            return
        entry = (tag or {}).get(self.case.field, {})
        if entry.get("models", {}).keys() != wanted.claims:
            yield f"the tag claims {entry.get('models')} and not {wanted.claims}"
        for space, mark in entry.get("models", {}).items():
            if not mark.startswith(f"{self.spaces[space].name}@1#"):
                yield f"the tag says {mark} of {space!r}"

    def counts(self):
        """`interlock status` counts vectors and pending points as they are."""
        document = self.case.arena.interlock.cli("status", self.name)
        (collection,) = [one for one in document["collections"] if one["collection"] == self.name]
        assert int(collection.get("points", 0)) == len(self.points), collection
        (counted,) = collection["fields"]
        found = {space.get("vector", ""): space for space in counted["spaces"]}
        assert found.keys() == self.spaces.keys(), (found.keys(), self.spaces.keys())
        for space in self.spaces:
            held = sum(space in point.vectors for point in self.points.values())
            pending = sum(self._is_pending(point, space) for point in self.points.values())
            seen = (int(found[space].get("vectors", 0)), int(found[space].get("pending", 0)))
            assert seen == (held, pending), (space, seen, (held, pending))

    def _is_pending(self, wanted, space):
        """A point of the field counts as pending where the space does not hold it, or nobody vouches that it does."""
        if not wanted.vectors:
            return False
        if space not in wanted.vectors:
            return True
        is_untagged = wanted.claims is None or not wanted.claims
        return space not in (wanted.claims or ()) and not (space == self.case.field and is_untagged)


def point(id, vector, payload=None):
    """A point of an upsert."""
    return {"id": id, "vector": vector} if payload is None else {"id": id, "vector": vector, "payload": payload}

"""Readers and writers that run through a migration, and what they know when it is over.

A reader checks each answer as it comes, against vectors that it computes itself. A writer knows what was acknowledged.
"""

import random
import threading
import time
from dataclasses import dataclass, field

from harness.connection import Failed

FIRST_WRITTEN_ID = 10_000
IDS_A_WRITER = 40


@dataclass
class Field:
    """What is under migration, and what is in it from the start: `still` texts are never written again."""

    collection: str
    vector: str
    old: object
    new: object
    still: dict

    def target(self):
        """As the command line says it."""
        return f"{self.collection}/{self.vector}" if self.vector else self.collection

    def model(self, mark):
        """The model of a `name@1` or a tag's `name@1#…`."""
        name = mark.split("@")[0]
        return {self.old.name: self.old, self.new.name: self.new}[name]


@dataclass
class Answer:
    """One checked answer."""

    kind: str
    begun: float
    epoch: int
    model: str


class Worker(threading.Thread):
    """One connection with its own thread; ends when told, and never swallows what went wrong."""

    def __init__(self, connect, address, target, seed, tolerates=()):
        super().__init__(daemon=True)
        self._connect, self._address = connect, address
        self.field, self.random = target, random.Random(seed)
        self.tolerates = tolerates
        self.stopping = threading.Event()
        self.answers, self.failures, self.wrong = [], [], []
        self.interrupted = 0
        self._epoch = 0
        self.connection = connect(address)
        self.name = f"{type(self).__name__} {connect.protocol} {seed}"

    def run(self):
        """One request after the other."""
        try:
            while not self.stopping.is_set():
                begun = time.monotonic()
                try:
                    kind, reply = self.step()
                except self.tolerates as broken:
                    self._reconnect(broken)
                    continue
                except Failed as failed:
                    self.failures.append(f"{self.name}: {failed}")
                    continue
                self._note(kind, begun, reply)
        except Exception as broken:  # shown by the test that asks for failures
            self.failures.append(f"{self.name}: {broken!r}")
        finally:
            self.connection.close()

    def _reconnect(self, broken):
        """Interlock was killed: the outcome is unknown, the same step comes again."""
        if isinstance(broken, Failed) and broken.status not in ("UNAVAILABLE", 503):
            self.failures.append(f"{self.name}: {broken}")
            return
        self.interrupted += 1
        self.connection.close()
        self.connection = self._connect(self._address)
        self._epoch = 0
        self.stopping.wait(0.02)

    def _note(self, kind, begun, reply):
        epoch = reply.epoch
        if epoch < self._epoch:
            self.wrong.append(f"{self.name}: epoch {epoch} came after {self._epoch} on one connection")
        self._epoch = epoch
        self.answers.append(Answer(kind, begun, epoch, reply.model))


class Reader(Worker):
    """Asks for texts that are never rewritten, so the best hit is known whichever model answers."""

    KINDS = ("text", "raw undeclared", "raw declared old", "raw follower")

    def __init__(self, connect, address, target, seed, kind, tolerates=()):
        super().__init__(connect, address, target, seed, tolerates)
        self.kind = kind
        self._followed = f"{target.old.name}@1"
        self.name += f" {kind}"

    def step(self):
        """One query, checked."""
        wanted, text = self.random.choice(list(self.field.still.items()))
        headers, query, expected = {"embedding-provenance": "include"}, text, None
        if self.kind == "raw follower":
            headers["embedding-model"] = expected = self._followed
            query = self.field.model(self._followed).vector(text)
        elif self.kind != "text":
            expected, query = f"{self.field.old.name}@1", self.field.old.vector(text)
        if self.kind == "raw declared old":
            headers["embedding-model"] = expected
        reply = self.connection.query(self.field.collection, query, self.field.vector, headers)
        self._check(reply, wanted, expected)
        if self.kind == "text":
            return self.kind, reply
        self._follow()
        return self.kind, reply

    def _follow(self):
        """An app's encoder takes its model from an answer to a text, as the app's other queries get them."""
        if self.kind == "raw follower":
            text = self.random.choice(list(self.field.still.values()))
            self._followed = self.connection.query(self.field.collection, text, self.field.vector).model

    def _check(self, reply, wanted, expected):
        say = lambda what: self.wrong.append(f"{self.name}, epoch {reply.epoch}, {reply.model}: {what}")
        if expected and reply.model != expected:
            say(f"vectors of {expected} were answered by this model")
        model = self.field.model(reply.model)
        if not reply.points or reply.points[0].id != wanted or reply.points[0].score < 0.999:
            say(f"the best hit should be {wanted} with 1.0: {[(p.id, p.score) for p in reply.points]}")
        for point in reply.points:
            text, tag = point.payload.get("text"), point.payload.get("_embedding", {}).get(self.field.vector)
            if not model.made(point.vector, text):
                say(f"point {point.id}: the vector that came back is not this model's of its text")
            if tag is None and model is self.field.new:
                say(f"point {point.id} has no tag")
            for space, mark in (tag or {}).get("models", {}).items():
                claims_new = "@" in space
                if self.field.model(mark) is not (self.field.new if claims_new else self.field.old):
                    say(f"point {point.id}: the tag says {mark} of space {space!r}")


@dataclass
class Ledger:
    """What a writer knows of one of its points."""

    text: str = None
    maybe: list = field(default_factory=list)


class Writer(Worker):
    """Writes points of its own, one after the other, and remembers what was acknowledged."""

    def __init__(self, connect, address, target, seed, tolerates=()):
        super().__init__(connect, address, target, seed, tolerates)
        first = FIRST_WRITTEN_ID + seed * IDS_A_WRITER
        self.ledger = {point: Ledger() for point in range(first, first + IDS_A_WRITER)}
        self._number = 0

    def step(self):
        """One write, remembered before it is sent, settled when it is acknowledged."""
        point = self.random.choice(list(self.ledger))
        entry, name = self.ledger[point], self.field.collection
        action = self.random.choices(["text", "raw", "named", "vector", "payload", "delete"], [6, 4, 3, 2, 2, 1])[0]
        if action in ("vector", "payload") and (entry.text is None or entry.maybe):
            action = "text"
        if action == "payload":
            return f"write {action}", self.connection.set_payload(name, point, {"seen": str(self._number)})
        if action == "vector":
            given = self.field.old.vector(entry.text)
            return f"write {action}", self.connection.update_vector(name, point, given, self.field.vector)
        if action == "delete":
            entry.maybe.append(None)
            reply = self.connection.delete(name, point)
            self.ledger[point] = Ledger()
            return f"write {action}", reply
        self._number += 1
        text = f"{self.name}, {point}, number {self._number}"
        entry.maybe.append(text)
        reply = self._upsert(action, point, text)
        self.ledger[point] = Ledger(text)
        return f"write {action}", reply

    def _upsert(self, action, point, text):
        vector, given = self.field.vector, text
        if action != "text":
            given = self.field.old.vector(text)
        if action == "named":
            vector = f"{vector}@{self.field.old.name}@1"
        return self.connection.upsert(self.field.collection, point, {"text": text}, given, vector)


def finish(workers):
    """Stops them all and waits for each."""
    for worker in workers:
        worker.stopping.set()
    for worker in workers:
        worker.join(120)
        assert not worker.is_alive(), f"{worker.name} does not end"

"""Flips under load: no failed request, no answer from a wrong space, no lost write, checked answer by answer."""

import time

import pytest
from qdrant_client import models

from harness.audit import audit
from harness.clients import official
from harness.connection import Grpc, Rest
from harness.embedder import Embedder
from harness.models import SeededModel
from harness.traffic import Field, Reader, Writer, finish
from harness.wait import until

OLD, NEW = SeededModel("old", 48), SeededModel("new", 48)
STILL = 400
WRITERS_A_PROTOCOL = 4
ANSWERS_A_PHASE = 20


def prepared(world, interlock, embedder, vector):
    """A managed collection with vectors of the old model, some of them older than the adoption."""
    still = {number: f"still text {number}" for number in range(1, STILL + 1)}
    target = Field(world.name("flip"), vector, OLD, NEW, still)
    client = official(interlock.address)
    params = models.VectorParams(size=OLD.dimension, distance=models.Distance.COSINE)
    client.create_collection(target.collection, vectors_config={vector: params} if vector else params)
    points = [
        models.PointStruct(
            id=number, payload={"text": text},
            vector={vector: OLD.vector(text)} if vector else OLD.vector(text),
        )
        for number, text in still.items()
    ]
    client.upsert(target.collection, points, wait=True)
    client.close()
    for model in (OLD, NEW):
        interlock.cli(*embedder.model_flags(model.name, model.dimension))
    named = [f"--vector={vector}"] if vector else []
    interlock.cli("adopt", target.collection, *named, "--model", OLD.name, "--source", "{text}")
    return target


def workers(interlock, target):
    """Sixteen connections: half REST, half gRPC, half readers, half writers."""
    made = []
    for connect in (Rest, Grpc):
        for kind in Reader.KINDS:
            made.append(Reader(connect, interlock.address, target, len(made), kind))
        for _ in range(WRITERS_A_PROTOCOL):
            made.append(Writer(connect, interlock.address, target, len(made)))
    assert len(made) >= 16
    return made


def let_each_answer(running, count=ANSWERS_A_PHASE):
    """Waits until every connection has had so many more answers."""
    goals = {worker: len(worker.answers) + count for worker in running}
    late = lambda: [w.name for w, goal in goals.items() if w.is_alive() and len(w.answers) < goal]
    until(lambda: not late(), f"each connection gets {count} more answers", 120)


def flip(interlock, target, verb, model, flips):
    """One flip; notes when it began and returned, and the epoch that it made."""
    begun = time.monotonic()
    report = interlock.cli("migrate", verb, target.target(), "--to", model.name)
    flips.append((begun, time.monotonic(), f"{model.name}@1", report["epoch"]))


def stale_answers(running, flips):
    """Answers begun after a flip returned and before the next began that were decided before the first, or that were
    decided before the second and are not the serving model's. The next flip may overtake a request on its way in."""
    stale = []
    for index, (_, returned, model, epoch) in enumerate(flips):
        later = flips[index + 1] if index + 1 < len(flips) else (float("inf"), None, None, float("inf"))
        until_time, overtaken_at = later[0], later[3]
        for worker in running:
            for answer in worker.answers:
                if not returned < answer.begun < until_time:
                    continue
                is_anothers = answer.kind == "text" and answer.epoch < overtaken_at and answer.model != model
                if answer.epoch < epoch or is_anothers:
                    stale.append(f"{worker.name}: begun after the flip to {model} at {epoch}: {answer}")
    return stale


@pytest.mark.parametrize("vector", ["", "title"], ids=["unnamed", "named"])
def test_nothing_fails_and_nothing_is_mixed_through_start_cutover_rollback_cutover(world, vector):
    """The whole of a migration under sixteen connections."""
    interlock, flips = world.interlock(), []
    with Embedder({model.name: model.vector for model in (OLD, NEW)}) as embedder, interlock:
        target = prepared(world, interlock, embedder, vector)
        running = workers(interlock, target)
        for worker in running:
            worker.start()
        try:
            let_each_answer(running)
            interlock.cli("migrate", "start", target.target(), "--to", NEW.name)
            let_each_answer(running)
            for verb, model in (("cutover", NEW), ("rollback", OLD), ("cutover", NEW)):
                flip(interlock, target, verb, model, flips)
                let_each_answer(running)
        finally:
            finish(running)
        failures = [line for worker in running for line in worker.failures]
        wrong = [line for worker in running for line in worker.wrong]
        stale = stale_answers(running, flips)
        interlock.await_migration(target.target(), lambda state: state["pending"] == 0, "nothing is pending")
        writers = [worker for worker in running if isinstance(worker, Writer)]
        with world.bare(interlock) as address:
            lost = audit(address, target, writers)
        answers = sum(len(worker.answers) for worker in running)
        models_seen = {answer.model for worker in running for answer in worker.answers if answer.kind == "text"}
        said = f"{answers} answers, {len(wrong)} wrong, {len(stale)} stale, {len(failures)} failed, {len(lost)} lost"
        print(f"\nflip ({world.engine}, {vector or 'unnamed'}): {said}")
        assert not (failures or wrong or stale or lost), said + "\n" + "\n".join(
            [*failures[:10], *wrong[:10], *stale[:10], *lost[:10]]
        )
        assert models_seen == {"old@1", "new@1"}, models_seen

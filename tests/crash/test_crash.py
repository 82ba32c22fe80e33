"""`kill -9` at drawn points of start, backfill and cutover: the same command finishes after a restart, nothing is lost.

Every draw comes from one seed, which a failure shows. INTERLOCK_CRASHES makes long runs of it, INTERLOCK_SEED repeats one.
"""

import os
import random
import threading

import grpc
import httpx
import pytest
from qdrant_client import models

from harness.audit import audit
from harness.clients import official
from harness.connection import Failed, Grpc, Rest
from harness.embedder import Embedder
from harness.models import SeededModel
from harness.process import CliError, finished
from harness.traffic import Field, Reader, Writer, finish
from harness.wait import let_run, until

OLD, NEW = SeededModel("old", 32), SeededModel("new", 32)
STILL = 600
CRASHES = int(os.environ.get("INTERLOCK_CRASHES", "5"))
SEED = int(os.environ.get("INTERLOCK_SEED", "20"))
INTERRUPTED = (Failed, httpx.TransportError, grpc.RpcError)
CONFIG = {"migrate": {"page_points": 50}}


def prepared(world, interlock, embedder):
    """A managed collection with points that are older than the adoption."""
    still = {number: f"still text {number}" for number in range(1, STILL + 1)}
    target = Field(world.name("crash"), "", OLD, NEW, still)
    client = official(interlock.address)
    client.create_collection(target.collection, models.VectorParams(size=32, distance=models.Distance.COSINE))
    points = [models.PointStruct(id=i, vector=OLD.vector(t), payload={"text": t}) for i, t in still.items()]
    client.upsert(target.collection, points, wait=True)
    client.close()
    for model in (OLD, NEW):
        interlock.cli(*embedder.model_flags(model.name, model.dimension, batch_max=25))
    interlock.cli("adopt", target.collection, "--model", OLD.name, "--source", "{text}")
    return target


def traffic(interlock, target):
    """Writers and readers that live through kills."""
    running = []
    for connect in (Rest, Grpc):
        running.append(Writer(connect, interlock.address, target, len(running), INTERRUPTED))
        running.append(Reader(connect, interlock.address, target, len(running), "text", INTERRUPTED))
    for worker in running:
        worker.start()
    return running


def run_with_kills(interlock, arguments, kill_when, draws):
    """Runs a command again and again; kills Interlock in its course at each draw, restarts, and lets it finish at last."""
    for draw in draws:
        command = interlock.spawn_cli(*arguments)
        kill_when(draw)
        interlock.kill()
        try:
            finished(command, arguments)
        except CliError:
            pass  # the answer was lost with the process: the command comes again
        interlock.start()
        whole_table(interlock)
    return finished(interlock.spawn_cli(*arguments), arguments)


def whole_table(interlock):
    """After a restart the table is an old or a new one, never part of one."""
    status = interlock.cli("status")
    (collection,) = status["collections"]
    (field,) = collection["fields"]
    spaces = {space["model"] for space in [field["serving"], *field["standby"]]} if "serving" in field else set()
    assert spaces <= {"old@1", "new@1"}, field


def keep_going(running):
    """Each worker gets some answers: the restart serves."""
    goals = {worker: len(worker.answers) + 5 for worker in running}
    until(lambda: all(len(w.answers) >= goal or not w.is_alive() for w, goal in goals.items()), "answers come", 60)


def settle(interlock, target, running, world):
    """Ends the traffic and looks at everything that was acknowledged."""
    keep_going(running)
    finish(running)
    wrong = [line for worker in running for line in [*worker.failures, *worker.wrong]]
    interlock.await_migration(target.target(), lambda state: state["pending"] == 0, "nothing is pending")
    with world.bare(interlock) as address:
        wrong += audit(address, target, [worker for worker in running if isinstance(worker, Writer)])
    assert not wrong, f"seed {SEED}: {len(wrong)} wrong:\n" + "\n".join(wrong[:20])
    return sum(len(worker.answers) for worker in running), sum(worker.interrupted for worker in running)


@pytest.fixture
def drawn():
    """The generator of one test's draws."""
    return random.Random(SEED)


def test_start_and_backfill_survive_kills(world, drawn):
    """Killed in the opening, at calls of the embedder, and between them."""
    interlock = world.interlock(config=CONFIG)
    with Embedder({model.name: model.vector for model in (OLD, NEW)}) as embedder, interlock:
        target = prepared(world, interlock, embedder)
        running = traffic(interlock, target)
        try:
            for _ in range(CRASHES):
                _one_start(interlock, target, embedder, drawn)
            state = interlock.cli("migrate", "start", target.target(), "--to", NEW.name)
            interlock.await_migration(target.target(), lambda now: now["phase"] == "ready", f"ready after {state}")
            report = interlock.cli("migrate", "cutover", target.target(), "--to", NEW.name)
            assert report["serving"] == "new@1", report
        finally:
            finish(running) if any(worker.failures for worker in running) else None
        answers, interrupted = settle(interlock, target, running, world)
        print(f"\ncrash ({world.engine}): {CRASHES} kills in start and backfill, {answers} answers, {interrupted} cut off")


def _one_start(interlock, target, embedder, drawn):
    """Starts the migration, or goes on with it, and kills Interlock at the drawn call of the backfill's embedder."""
    kind, reached, calls = drawn.choice(["opening", "call", "call"]), threading.Event(), [0]
    wanted = drawn.randrange(1, 8)

    def count(model, texts):
        if model == NEW.name and len(texts) > 1:
            calls[0] += 1
            if calls[0] >= wanted:
                reached.set()

    def kill_when(_):
        if kind == "opening":
            let_run(drawn.uniform(0, 0.3))
        else:
            until(lambda: reached.is_set() or _is_done(interlock, target), "the backfill calls its embedder", 60)
            let_run(drawn.uniform(0, 0.05))

    embedder.on_call = count
    arguments = ["migrate", "start", target.target(), "--to", NEW.name, "--detach"]
    command = interlock.spawn_cli(*arguments)
    kill_when(None)
    interlock.kill()
    try:
        finished(command, arguments)
    except CliError:
        pass  # the answer was lost with the process: the command comes again
    embedder.on_call = lambda model, texts: None
    interlock.start()
    whole_table(interlock)


def _is_done(interlock, target):
    try:
        return interlock.migration(target.target())["phase"] == "ready"
    except CliError:
        return False


def test_cutover_and_rollback_survive_kills(world, drawn):
    """Killed at drawn moments of a flip: the flip was made, or was not."""
    interlock = world.interlock(config=CONFIG)
    with Embedder({model.name: model.vector for model in (OLD, NEW)}) as embedder, interlock:
        target = prepared(world, interlock, embedder)
        interlock.cli("migrate", "start", target.target(), "--to", NEW.name)
        running = traffic(interlock, target)
        flips = [("cutover", NEW), ("rollback", OLD)]
        for number in range(CRASHES):
            verb, model = flips[number % 2]
            arguments = ["migrate", verb, target.target(), "--to", model.name]
            draws = [drawn.uniform(0, 0.25)]
            report = run_with_kills(interlock, arguments, let_run, draws)
            assert report["serving"] == f"{model.name}@1", report
            keep_going(running)
        answers, interrupted = settle(interlock, target, running, world)
        print(f"\ncrash ({world.engine}): {CRASHES} kills in flips, {answers} answers, {interrupted} cut off")

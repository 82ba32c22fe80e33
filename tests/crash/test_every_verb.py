"""`kill -9` of Interlock, and of the Qdrant behind it, in the middle of backfill, cutover, rollback and retire: the same
verb, given again, finishes; nothing that was acknowledged is lost.

Every draw comes from one seed, which a failure shows. INTERLOCK_CRASHES makes long runs of it (kills in each verb),
INTERLOCK_SEED repeats one. Qdrant is killed where QDRANT_BIN names a binary to start.
"""

import os
import random
import threading

import grpc
import httpx
import pytest
from qdrant_client import models

from harness.audit import audit, everything
from harness.clients import official
from harness.connection import Failed, Grpc, Rest
from harness.embedder import Embedder
from harness.models import SeededModel
from harness.process import CliError, finished
from harness.qdrant import Qdrant, qdrant_binary
from harness.traffic import Field, Reader, Writer, finish
from harness.wait import let_run, until
from harness.world import World

OLD, NEW = SeededModel("old", 32), SeededModel("new", 32)
STILL = 400
PAGE_POINTS = 25
CRASHES = int(os.environ.get("INTERLOCK_CRASHES", "2"))
SEED = int(os.environ.get("INTERLOCK_SEED", "20"))
INTERRUPTED = (Failed, httpx.TransportError, grpc.RpcError)
# Without the cache, a backfill calls its embedder again after a cancellation: its calls are where the kills fall.
CONFIG = {"migrate": {"page_points": PAGE_POINTS, "embeddings_cache_bytes_max": 0}}
OUTAGE_SECONDS_MAX = 0.3


class Behind(World):
    """A Qdrant of this test's own behind its Interlocks."""

    def __init__(self, folder):
        self.qdrant = Qdrant(folder / "qdrant").start()
        super().__init__("own", folder, self.qdrant.address)

    def interlock(self, upstream=None, **options):
        """An Interlock in front of this Qdrant."""
        return super().interlock(upstream=upstream or self.qdrant.address, **options)

    def close(self):
        """Ends all."""
        super().close()
        self.qdrant.kill()


@pytest.fixture(params=["interlock", "qdrant"])
def stage(request, tmp_path):
    """An Interlock with both models and a collection, and who of the two is killed."""
    if request.param == "qdrant" and not qdrant_binary():
        pytest.skip("QDRANT_BIN does not name a Qdrant to start and to kill")
    world = Behind(tmp_path) if qdrant_binary() else World("embedded", tmp_path, None)
    interlock = world.interlock(config=CONFIG)
    with Embedder({model.name: model.vector for model in (OLD, NEW)}) as embedder, interlock:
        yield Stage(world, interlock, embedder, request.param)
    world.close()


class Stage:
    """What one test runs on."""

    def __init__(self, world, interlock, embedder, victim):
        self.world, self.interlock, self.embedder = world, interlock, embedder
        self.is_own = isinstance(world, Behind)
        self.name = victim
        self.victim = interlock if victim == "interlock" else world.qdrant
        self.drawn = random.Random(f"{SEED} {victim}")
        self.kills = {}
        still = {number: f"still text {number}" for number in range(1, STILL + 1)}
        self.field = Field("kills", "", OLD, NEW, still)
        client = official(interlock.address)
        params = models.VectorParams(size=32, distance=models.Distance.COSINE)
        client.create_collection(self.field.collection, params)
        points = [models.PointStruct(id=i, vector=OLD.vector(t), payload={"text": t}) for i, t in still.items()]
        client.upsert(self.field.collection, points, wait=True)
        client.close()
        for model in (OLD, NEW):
            interlock.cli(*embedder.model_flags(model.name, model.dimension, batch_max=PAGE_POINTS))
        interlock.cli("adopt", self.field.collection, "--model", OLD.name, "--source", "{text}")

    def migrate(self, verb, to, *flags):
        """The arguments of a verb."""
        named = ["--to", to.name] if to else []
        return ["migrate", verb, self.field.target(), *named, *flags]

    def killed_in(self, arguments, kill_when):
        """Gives a command, kills the victim in its course, starts it again; the same command again finishes."""
        command = self.interlock.spawn_cli(*arguments)
        kill_when()
        self.victim.kill()
        let_run(self.drawn.uniform(0, OUTAGE_SECONDS_MAX))
        self.victim.start()
        try:
            finished(command, arguments)
        except CliError:
            pass  # its answer was lost with the victim: the command comes again
        self.kills[arguments[1]] = self.kills.get(arguments[1], 0) + 1
        return self.again(arguments)

    def again(self, arguments):
        """Finishes a command. Until the restarted Qdrant is known to be back, it may say that it is not."""

        def attempt():
            try:
                return finished(self.interlock.spawn_cli(*arguments), arguments)
            except CliError as error:
                assert error.document["error"]["kind"] in ("unavailable", "not_ready"), error
                return None

        return until(attempt, f"`{' '.join(arguments)}` finishes (seed {SEED})", 60, 0.2)

    def soon(self):
        """A moment within a short command."""
        let_run(self.drawn.uniform(0, 0.25))

    def in_backfill(self, model):
        """A moment within the backfill: at a drawn call of its embedder."""
        reached, wanted, calls = threading.Event(), self.drawn.randrange(1, STILL // PAGE_POINTS), [0]

        def count(name, texts):
            if name == model.name and len(texts) > 1:
                calls[0] += 1
                if calls[0] >= wanted:
                    reached.set()

        def kill_when():
            until(reached.is_set, "the backfill calls its embedder", 60, 0.002)
            let_run(self.drawn.uniform(0, 0.03))
            self.embedder.on_call = lambda name, texts: None

        self.embedder.on_call = count
        return kill_when

    def fill(self, model):
        """Starts a migration, with a kill within its backfill, and sees it to the end."""
        self.killed_in(self.migrate("start", model, "--detach"), self.in_backfill(model))
        self.await_phase("ready")

    def await_phase(self, phase):
        """Until the migration is there, with nothing pending while it has two spaces."""
        field = self.field.target()

        def is_there():
            try:
                state = self.interlock.migration(field)
            except CliError:
                return False
            is_over = phase in ("cancelled", "done")
            return state["phase"] == phase and (is_over or state["pending"] == 0) and state

        return until(is_there, f"the migration is {phase} (seed {SEED})", 90, 0.1)

    def traffic(self):
        """Writers and readers that live through kills."""
        running = []
        for connect in (Rest, Grpc):
            running.append(Writer(connect, self.interlock.address, self.field, len(running), INTERRUPTED))
            running.append(Reader(connect, self.interlock.address, self.field, len(running), "text", INTERRUPTED))
        for worker in running:
            worker.start()
        return running

    def keep_going(self, running):
        """Each worker gets some answers: what was restarted serves."""
        goals = {worker: len(worker.answers) + 3 for worker in running}
        until(lambda: all(len(w.answers) >= goal or not w.is_alive() for w, goal in goals.items()), "answers come", 60)

    def bare(self):
        """What lies behind Interlock."""
        return self.world.bare(self.interlock)

    def say(self):
        """The figures of the run."""
        kills = ", ".join(f"{count} in {verb}" for verb, count in self.kills.items())
        behind = "a real Qdrant" if self.is_own else "the embedded engine"
        print(f"\nkill -9 of {self.name} ({behind}): {kills}")


def test_backfill_cutover_and_rollback_survive_kills(stage):
    """Under traffic: each round starts a migration, flips there and back, and cancels it."""
    running = stage.traffic()
    try:
        for number in range(CRASHES):
            stage.fill(NEW)
            for verb, model in [("cutover", NEW), ("rollback", OLD)]:
                report = stage.killed_in(stage.migrate(verb, model), stage.soon)
                assert report["serving"] == f"{model.name}@1", report
                stage.keep_going(running)
            if number + 1 < CRASHES:
                stage.again(stage.migrate("cancel", None))
                stage.await_phase("cancelled")
    finally:
        finish(running)
    wrong = [line for worker in running for line in [*worker.failures, *worker.wrong]]
    stage.await_phase("rolled_back")
    with stage.bare() as address:
        wrong += audit(address, stage.field, [worker for worker in running if isinstance(worker, Writer)])
    assert not wrong, f"seed {SEED}: {len(wrong)} wrong:\n" + "\n".join(wrong[:20])
    stage.say()


def test_retire_survives_kills(stage):
    """Each round moves to the other model and drops the space that served before."""
    serving, other = OLD, NEW
    for _ in range(CRASHES):
        serving, other = other, serving
        stage.interlock.cli(*stage.migrate("start", serving))
        stage.interlock.cli(*stage.migrate("cutover", serving))
        retire = stage.migrate(
            "retire", None, "--quiet-seconds=0", "--brownout-seconds=0", "--undeclared", f"pinned:{serving.name}",
            "--force", "the suite is alone",
        )
        stage.killed_in(retire, stage.soon)
        stage.await_phase("done")
    with stage.bare() as address:
        stored = everything(address, stage.field.collection)
    assert stored.keys() == stage.field.still.keys()
    for point, (payload, vectors) in stored.items():
        assert list(vectors) == [f"@{serving.name}@1"], (point, list(vectors))
        assert payload["text"] == stage.field.still[point]
        assert serving.made(vectors[f"@{serving.name}@1"], payload["text"]), point
    stage.say()

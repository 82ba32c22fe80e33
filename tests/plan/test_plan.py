"""What a migration would cost, said before it starts; how fast it goes then, and why it is not faster."""

import urllib.request

from qdrant_client import models

from harness.clients import official
from harness.embedder import Embedder
from harness.models import SeededModel
from harness.process import QUICK, as_toml

OLD, NEW = SeededModel("old", 48), SeededModel("new", 32)
POINTS = 300


def gauges(interlock):
    """The metrics without labels, and those with one, as the exporter writes them."""
    with urllib.request.urlopen(f"{interlock.admin}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))


def prepared(world, interlock, embedder, **options):
    """A managed collection, half of whose texts come twice."""
    name = world.name("plan")
    client = official(interlock.address)
    params = models.VectorParams(size=OLD.dimension, distance=models.Distance.COSINE)
    client.create_collection(name, vectors_config=params)
    texts = {number: f"text {number % (POINTS // 2):04}" for number in range(POINTS)}
    points = [
        models.PointStruct(id=number, payload={"text": text}, vector=OLD.vector(text))
        for number, text in texts.items()
    ]
    client.upsert(name, points, wait=True)
    client.close()
    interlock.cli(*embedder.model_flags(OLD.name, OLD.dimension))
    interlock.cli(*embedder.model_flags(NEW.name, NEW.dimension, price_per_million_tokens=2, retries_max=0, **options))
    interlock.cli("adopt", name, "--model", OLD.name, "--source", "{text}")
    return name


def test_a_plan_is_said_and_a_busy_embedder_is_left_alone(world):
    served = {model.name: model.vector for model in (OLD, NEW)}
    with Embedder(served) as embedder, world.interlock() as interlock:
        name = prepared(world, interlock, embedder)

        bare = interlock.cli("migrate", "plan", name, "--to", NEW.name, "--no-sample")
        assert embedder.calls[NEW.name] == 0 and bare["tokens_estimated"] is None
        plan = interlock.cli("migrate", "plan", name, "--to", NEW.name)
        assert embedder.calls[NEW.name] == 1, "one sample"
        assert (plan["need"], plan["points"], plan["obstacles"]) == ("embed", POINTS, [])
        assert plan["layout"]["in_place"] and plan["layout"]["is_unnamed"]
        # "text 0000" has nine bytes: three tokens. Pages of 128 points, calls of 64 texts.
        assert (plan["tokens_estimated"], plan["embedder_calls"]) == (3 * POINTS, 2 + 2 + 1)
        assert abs(plan["cost_estimated"] - 3 * POINTS * 2 / 1e6) < 1e-9
        assert plan["memory_bytes"] == POINTS * 4 * (OLD.dimension + NEW.dimension)
        assert plan["seconds_estimated"] > 0
        assert interlock.cli("migrate", "status")["migrations"] == []

        faults = embedder.faults[NEW.name]
        faults.status, faults.retry_after = 429, 3
        interlock.cli("migrate", "start", name, "--to", NEW.name, "--detach")
        held = interlock.await_migration(
            name, lambda state: (state.get("throttle") or {}).get("reason") == "embedder", "it is throttled"
        )
        assert held["done"] == 0 and "3000 ms" in held["throttle"]["why"]
        before = gauges(interlock)
        assert before['interlock_standby_points{state="pending"}'] == str(POINTS)
        assert before["interlock_standby_coverage_ratio"] == "0"
        assert before['interlock_migrations{phase="backfilling"}'] == "1"

        faults.status = faults.retry_after = None
        ready = interlock.await_migration(name, lambda state: state["phase"] == "ready", "it is ready")
        assert ready["pending"] == 0
        # What was paid for is counted: each text once, whatever page it stands in, and no call that was refused.
        spent = ready["throttle"]
        assert (spent["tokens_estimated"], spent["requests"]) == (3 * POINTS // 2, 2 + 1)
        assert abs(spent["cost_estimated"] - spent["tokens_estimated"] * 2 / 1e6) < 1e-9
        after = gauges(interlock)
        assert after['interlock_standby_points{state="pending"}'] == "0"
        assert after["interlock_standby_coverage_ratio"] == "1"
        assert after['interlock_migrations{phase="ready"}'] == "1"


def test_a_budget_is_kept_over_a_restart_and_said_until_it_is_raised(world):
    served = {model.name: model.vector for model in (OLD, NEW)}
    # Texts of three tokens, two in a call: ten calls, and not one more.
    bounded = {"migrate": {"page_points": 2, "requests_max": 10}}
    with Embedder(served) as embedder, world.interlock(config=bounded) as interlock:
        name = prepared(world, interlock, embedder, batch_max=2)
        before = embedder.calls[NEW.name]
        interlock.cli("migrate", "start", name, "--to", NEW.name, "--detach")

        def is_spent(state):
            # What is under way is set aside before it is paid.
            throttle = state.get("throttle") or {}
            return throttle.get("reason") == "spent" and throttle["requests"] == 10

        held = interlock.await_migration(name, is_spent, "the budget is spent, all ten calls of it")
        assert held["phase"] == "backfilling"
        assert "raise it" in held["throttle"]["why"]
        interlock.stop()
        interlock.start()
        held = interlock.await_migration(name, is_spent, "it is still spent")
        assert held["pending"] == POINTS - held["done"] > 0
        assert embedder.calls[NEW.name] - before == 10

        # A write is no backfill: what clients send goes on being embedded.
        client = official(interlock.address)
        point = models.PointStruct(id=POINTS, payload={"text": "late"}, vector=OLD.vector("late"))
        client.upsert(name, [point], wait=True)
        client.close()
        interlock.stop()
        interlock.config.write_text(as_toml(QUICK))
        interlock.start()
        ready = interlock.await_migration(name, lambda state: state["phase"] == "ready", "it is ready")
        assert (ready["total"], ready["pending"]) == (POINTS + 1, 0)


def test_points_that_cannot_be_embedded_are_listed_and_hold_up_nobody(world):
    poisoned = {"old": OLD.vector, "new": lambda text: None if text == "text 0003" else NEW.vector(text)}
    # Pages of one point: the refused text has one to itself.
    with Embedder(poisoned) as embedder, world.interlock(config={"migrate": {"page_points": 1}}) as interlock:
        name = prepared(world, interlock, embedder, batch_max=1)
        client = official(interlock.address)
        client.delete_payload(name, ["text"], points=[7], wait=True)
        interlock.cli("migrate", "start", name, "--to", NEW.name, "--detach")

        def is_stuck(state):
            return state["unsourced"]["count"] == 3 and state["pending"] == 3

        stuck = interlock.await_migration(name, is_stuck, "all others are filled")
        assert stuck["unsourced"]["examples"] == ["3", "7", str(3 + POINTS // 2)]
        assert "no vector is known" in stuck["unsourced"]["refused"]

        points = [models.PointStruct(id=id, payload={"text": f"good {id}"}, vector=OLD.vector("x")) for id in (3, 7)]
        client.upsert(name, points, wait=True)
        client.delete(name, [3 + POINTS // 2], wait=True)
        ready = interlock.await_migration(name, lambda state: state["phase"] == "ready", "it is ready")
        assert (ready["pending"], ready["total"], ready["unsourced"]["count"]) == (0, POINTS - 1, 0)
        client.close()

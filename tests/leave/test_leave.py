"""A collection through a migration that is verified, and out of Interlock again, by the command line alone."""

import pytest
from qdrant_client import models

from harness.clients import official
from harness.embedder import Embedder
from harness.models import SeededModel
from harness.process import CliError

OLD, NEW = SeededModel("old", 32), SeededModel("new", 48)
POINTS = 300
PAGES = {"migrate": {"page_points": 64}}


def prepared(world, interlock, embedder, vector):
    """A managed collection whose points are older than its adoption."""
    name, client = world.name("leave"), official(interlock.address)
    params = models.VectorParams(size=OLD.dimension, distance=models.Distance.COSINE)
    client.create_collection(name, vectors_config={vector: params} if vector else params)
    of = lambda text: {vector: OLD.vector(text)} if vector else OLD.vector(text)
    texts = {number: f"text {number}" for number in range(1, POINTS + 1)}
    client.upsert(
        name, [models.PointStruct(id=number, payload={"text": text}, vector=of(text)) for number, text in texts.items()],
        wait=True,
    )
    for model in (OLD, NEW):
        interlock.cli(*embedder.model_flags(model.name, model.dimension))
    named = [f"--vector={vector}"] if vector else []
    interlock.cli("adopt", name, *named, "--model", OLD.name, "--source", "{text}")
    return name, client


@pytest.mark.parametrize("vector", ["", "title"], ids=["unnamed", "named"])
def test_a_verified_migration_and_the_way_out(world, vector):
    """verify, repair, cutover with the digest on record, retire, release."""
    interlock = world.interlock(config=PAGES)
    with Embedder({model.name: model.vector for model in (OLD, NEW)}) as embedder, interlock:
        name, client = prepared(world, interlock, embedder, vector)
        field = f"{name}/{vector}" if vector else name
        interlock.cli("migrate", "start", field, "--to", NEW.name)
        clean = interlock.cli("migrate", "verify", field, "--sample", "40")
        assert clean["points"] == POINTS and clean["differences"] == [], clean
        assert clean["spaces"][0]["digest"] == clean["spaces"][1]["digest"]
        assert all(space["lowest_cosine"] > 0.999 and space["sampled"] > 5 for space in clean["spaces"]), clean

        client.set_payload(name, {"text": "another text"}, points=[7], wait=True)
        with pytest.raises(CliError) as refused:
            interlock.cli("migrate", "verify", field)
        assert refused.value.code == 3
        reasons = refused.value.document["error"]["reasons"]
        assert {reason["reason"] for reason in reasons} == {"stale_source"}, reasons
        assert all("such as 7" in reason["message"] for reason in reasons), reasons
        assert interlock.cli("migrate", "verify", field, "--repair")["repaired"] == 1

        fresh = lambda: [space["pending"] for space in interlock.cli("status", name)["collections"][0]["fields"][0]["spaces"]]
        interlock.await_migration(field, lambda _: fresh() == [0, 0], "both spaces are filled anew")
        last = interlock.cli("migrate", "verify", field)
        assert last["differences"] == [], last
        interlock.cli("migrate", "cutover", field, "--to", NEW.name)
        flip = [line for line in interlock.cli("log")["lines"] if line["what"] == "cut over"][-1]
        digests = [space["digest"] for space in flip["note"]["verification"]["digests"]]
        assert digests == [space["digest"] for space in last["spaces"]], flip

        with pytest.raises(CliError) as open_still:
            interlock.cli("release", name)
        assert open_still.value.code == 5, open_still.value
        interlock.cli(
            "migrate", "retire", field, "--quiet-seconds=0", "--brownout-seconds=0", "--undeclared", f"pinned:{NEW.name}",
            "--force", "the suite is alone",
        )
        interlock.await_migration(field, lambda state: state["phase"] == "done", "the old space is gone")
        released = interlock.cli("release", name, "--strip-tags")
        assert (released["is_done"], released["tags_taken"], released["tags_left"]) == (True, POINTS, 0), released
        real = released["vectors"][0]["vector"]
        assert real == f"{vector}@new@1"
        assert interlock.cli("status")["collections"] == []
        point = client.retrieve(name, [7], with_payload=True, with_vectors=True)[0]
        assert point.payload == {"text": "another text"}
        assert list(point.vector) == [real] and NEW.made(point.vector[real], "another text")
        # It passes: nothing is tagged, and no name but the real one is known.
        client.upsert(name, [models.PointStruct(id=1000, payload={}, vector={real: NEW.vector("x")})], wait=True)
        assert client.retrieve(name, [1000], with_payload=True)[0].payload == {}
        assert client.query_points(name, query=NEW.vector("x"), using=real, limit=1).points[0].id == 1000
        client.close()

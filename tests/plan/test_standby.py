"""After the flip, trouble of the old space's embedder is the client's only where the migration says so."""

import pytest
from qdrant_client import models
from qdrant_client.http.exceptions import UnexpectedResponse

from harness.clients import official
from harness.embedder import Embedder
from harness.models import SeededModel
from harness.process import CliError

OLD, NEW = SeededModel("old", 48), SeededModel("new", 32)
POINTS = 20
AS_NEW = {"embedding-model": NEW.name}


def flipped(world, interlock, embedder, *flags):
    """A collection that was cut over to the new model, kept in both spaces."""
    name = world.name("standby")
    client = official(interlock.address)
    params = models.VectorParams(size=OLD.dimension, distance=models.Distance.COSINE)
    client.create_collection(name, vectors_config=params)
    client.upsert(name, [point(number, OLD) for number in range(POINTS)], wait=True)
    client.close()
    interlock.cli(*embedder.model_flags(OLD.name, OLD.dimension, retries_max=0))
    interlock.cli(*embedder.model_flags(NEW.name, NEW.dimension, retries_max=0))
    interlock.cli("adopt", name, "--model", OLD.name, "--source", "{text}")
    interlock.cli("migrate", "start", name, "--to", NEW.name, *flags)
    interlock.cli("migrate", "cutover", name, "--to", NEW.name)
    return name


def point(number, model):
    """A point with the model's own vector of its text."""
    text = f"text {number:04}"
    return models.PointStruct(id=number, payload={"text": text}, vector=model.vector(text))


def test_an_isolated_standby_waits_and_a_strict_one_refuses(world):
    served = {model.name: model.vector for model in (OLD, NEW)}
    with Embedder(served) as embedder, world.interlock() as interlock:
        isolated = flipped(world, interlock, embedder)
        strict = flipped(world, interlock, embedder, "--standby", "strict")
        assert interlock.migration(isolated)["standby"] == "isolate"
        assert interlock.migration(strict)["standby"] == "strict"
        embedder.faults[OLD.name].status = 500
        client = official(interlock.address, headers=AS_NEW)

        client.upsert(isolated, [point(POINTS, NEW)], wait=True)
        assert client.count(isolated).count == POINTS + 1
        waiting = interlock.await_migration(isolated, lambda state: state["pending"] == 1, "the standby waits")
        assert waiting["phase"] == "serving_new"
        with pytest.raises(CliError) as no:
            interlock.cli("migrate", "rollback", isolated, "--to", OLD.name)
        assert no.value.code == 3, "the way back is behind"

        with pytest.raises(UnexpectedResponse) as refused:
            client.upsert(strict, [point(POINTS, NEW)], wait=True)
        assert refused.value.status_code == 503 and b"nothing was written" in refused.value.content
        assert client.count(strict).count == POINTS
        assert interlock.migration(strict)["pending"] == 0
        assert interlock.cli("migrate", "rollback", strict, "--to", OLD.name)["serving"] == f"{OLD.name}@1"

        embedder.faults[OLD.name].status = None
        interlock.await_migration(isolated, lambda state: state["pending"] == 0, "the standby has followed")
        assert interlock.cli("migrate", "rollback", isolated, "--to", OLD.name)["serving"] == f"{OLD.name}@1"
        client.close()

"""The official Python client, unmodified: through Interlock it gets what it gets without it."""

import importlib.util
from pathlib import Path

import pytest

from harness.clients import official
from harness.compare import Transcript
from harness.embedder import Embedder
from harness.models import SeededModel

_spec = importlib.util.spec_from_file_location("scenario", Path(__file__).with_name("scenario.py"))
scenario = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(scenario)

OLD, NEW = SeededModel("old", scenario.DIMENSION), SeededModel("new", scenario.DIMENSION + 2)
MODES = ["unmanaged", "managed", "migrating"]


def transcript(client, name, vector, after_create=lambda: None, after_first_write=lambda: None):
    """The whole scenario on a collection of its own."""
    steps = Transcript()
    scenario.create(client, name, vector)
    after_create()
    scenario.run(client, name, vector, steps, after_first_write)
    return steps


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
@pytest.mark.parametrize("vector", ["", "title"], ids=["unnamed", "named"])
@pytest.mark.parametrize("mode", MODES)
def test_the_quickstart_gives_what_it_gives_directly(world, mode, vector, protocol):
    """Every answer, errors included, is structurally equal; scores to 1e-5."""
    grpc = protocol == "grpc"
    client = official(world.direct, grpc)
    expected = transcript(client, world.name("direct"), vector)
    client.close()
    interlock, name = world.interlock(), world.name("through")
    field = f"{name}/{vector}" if vector else name

    def adopt():
        if mode != "unmanaged":
            for model in (OLD, NEW):
                interlock.cli(*embedder.model_flags(model.name, model.dimension))
            vector_flags = [f"--vector={vector}"] if vector else []
            interlock.cli("adopt", name, *vector_flags, "--model", "old", "--source", "{text}")

    def open_migration():
        if mode == "migrating":
            interlock.cli("migrate", "start", field, "--to", "new")

    with Embedder({model.name: model.vector for model in (OLD, NEW)}) as embedder, interlock:
        client = official(interlock.address, grpc)
        found = transcript(client, name, vector, adopt, open_migration)
        client.close()
    said = [line.replace(name, "<name>") for line in expected.against(found)]
    assert not said, "\n".join(said)
    refused = [label for label, answer in expected.steps if isinstance(answer, dict) and "refused" in answer]
    assert set(refused) <= EXPECTED_REFUSALS, f"direct calls that should pass were refused: {expected.steps}"


# Calls that Qdrant itself refuses; everything else must pass.
EXPECTED_REFUSALS = {"wrong dimension", "update vectors of nobody"}

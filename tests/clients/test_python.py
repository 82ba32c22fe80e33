"""The official Python client, unmodified: through Interlock it gets what it gets without it."""

import pytest

from clients.calls import scenario
from clients.calls.data import DIMENSION, create
from clients.expected import GRPC_REFUSES, NOT_EMBEDDED, QDRANT_REFUSES, REWORDED, policy
from harness.clients import official
from harness.compare import Transcript
from harness.embedder import Embedder
from harness.models import SeededModel
from harness.world import EMBEDDED

OLD, NEW = SeededModel("old", DIMENSION), SeededModel("new", DIMENSION + 2)
MODES = ["unmanaged", "managed", "migrating", "cut over"]


def transcript(client, name, vector, left_out=(), after_create=lambda: None, after_first_write=lambda: None):
    """The whole scenario on a collection of its own."""
    steps = Transcript(name, left_out)
    create(client, name, vector)
    after_create()
    scenario.run(client, name, vector, steps, after_first_write)
    return steps


def unexpected(steps, engine, protocol):
    """Refusals of a direct run that the scenario did not mean to provoke, and those that it did and that did not come."""
    meant = QDRANT_REFUSES | GRPC_REFUSES if protocol == "grpc" else QDRANT_REFUSES
    embedded = {label for label, answer in steps.refused().items() if engine == EMBEDDED and NOT_EMBEDDED in str(answer)}
    refused = steps.refused().keys() - embedded
    wrong = {label: steps.refused()[label] for label in refused - meant}
    missing = meant - refused - embedded
    return [f"{label}: {said}" for label, said in wrong.items()] + [f"{label}: was not refused" for label in missing]


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
@pytest.mark.parametrize("vector", ["", "title"], ids=["unnamed", "named"])
@pytest.mark.parametrize("mode", MODES)
def test_the_main_calls_give_what_they_give_directly(world, mode, vector, protocol):
    """Every answer, errors included, is structurally equal, scores to 1e-5; what policy refuses is listed, with its reason."""
    grpc, refusals = protocol == "grpc", policy(mode)
    client = official(world.direct, grpc)
    # What Qdrant refuses as well has the same effects there, none or those of a batch's first part.
    expected = transcript(client, world.name("direct"), vector, refusals.keys() - QDRANT_REFUSES)
    client.close()
    said = unexpected(expected, world.engine, protocol) if mode == "unmanaged" else []
    assert not said, "\n".join(said)
    interlock, name = world.interlock(), world.name("through")
    field = f"{name}/{vector}" if vector else name

    def adopt():
        if mode != "unmanaged":
            for model in (OLD, NEW):
                interlock.cli(*embedder.model_flags(model.name, model.dimension))
            interlock.cli("adopt", name, f"--vector={vector}", "--opaque=words", "--model", "old", "--source", "{text}")

    def migrate():
        if mode in ("migrating", "cut over"):
            interlock.cli("migrate", "start", field, "--to", "new")
        if mode == "cut over":
            interlock.cli("migrate", "cutover", field, "--to", "new")

    with Embedder({model.name: model.vector for model in (OLD, NEW)}) as embedder, interlock:
        client = official(interlock.address, grpc)
        found = transcript(client, name, vector, (), adopt, migrate)
        client.close()
    said = expected.against(found, refusals, REWORDED if refusals else ())
    assert not said, "\n".join(said)

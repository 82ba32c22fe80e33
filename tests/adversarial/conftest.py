"""Each test that asks for `case` runs over REST and gRPC, on an unnamed and on a named vector."""

import pytest

from adversarial.world import Arena, Case, embedder
from harness.world import World

PROTOCOLS = ["rest", "grpc"]
FIELDS = {"unnamed": "", "named": "text"}


@pytest.fixture(scope="session")
def arena(engine, direct, tmp_path_factory):
    """One Interlock an upstream."""
    world = World(engine, tmp_path_factory.mktemp("adversarial"), direct)
    with embedder() as serving:
        made = Arena(world, serving)
        yield made
        made.close()


@pytest.fixture(params=PROTOCOLS)
def protocol(request):
    """What the attacker speaks."""
    return request.param


@pytest.fixture(params=list(FIELDS))
def field(request):
    """The vector's name."""
    return FIELDS[request.param]


@pytest.fixture
def case(arena, protocol, field):
    """One attack."""
    return Case(arena, protocol, field)


@pytest.fixture
def rest_case(arena, field):
    """An attack that only REST can express."""
    return Case(arena, "rest", field)


@pytest.fixture
def grpc_case(arena, field):
    """An attack that only gRPC can express."""
    return Case(arena, "grpc", field)

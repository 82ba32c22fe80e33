"""Fixtures of the end-to-end suites. Each test that asks for `world` runs once for each upstream."""

import shutil
from pathlib import Path

import pytest

from harness.process import Interlock, binary
from harness.world import EMBEDDED, World, engines, real_qdrant

LOGS = Path(__file__).parent / ".cache" / "logs"


def pytest_report_header():
    """What is tested, against what."""
    return [f"interlock: {binary()}", _said_of_qdrant()]


def pytest_terminal_summary(terminalreporter):
    """The one line on the real Qdrant."""
    terminalreporter.write_line(_said_of_qdrant())


def _said_of_qdrant():
    address = real_qdrant()
    if address:
        return f"real Qdrant: {address.rest} and {address.grpc}, besides the embedded engine"
    return "real Qdrant: did not run (QDRANT_URL and QDRANT_GRPC_URL are not set); the embedded engine did"


def pytest_generate_tests(metafunc):
    """One run an upstream."""
    if "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", engines(), scope="session")


@pytest.fixture(scope="session")
def direct(engine, tmp_path_factory):
    """The address of the upstream itself."""
    if engine != EMBEDDED:
        yield real_qdrant()
        return
    with Interlock(tmp_path_factory.mktemp("direct")) as plain:
        yield plain.address


@pytest.fixture
def world(engine, direct, tmp_path, request):
    """One upstream with the Interlocks of this test; their logs are kept where it fails."""
    made = World(engine, tmp_path, direct)
    yield made
    made.close()
    if getattr(request.node, "failed", False):
        kept = LOGS / request.node.name.replace("/", "_")
        kept.mkdir(parents=True, exist_ok=True)
        for index, interlock in enumerate(made.interlocks):
            if interlock.log.exists():
                shutil.copy(interlock.log, kept / f"interlock-{index}.log")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows the ends of the logs with a failure."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        item.failed = True
        made = item.funcargs.get("world") if hasattr(item, "funcargs") else None
        for interlock in getattr(made, "interlocks", []):
            report.sections.append((f"log of {interlock.folder.name}", interlock.tail()))

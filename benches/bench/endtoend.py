"""End to end: a real Qdrant with points in it, asked directly and through an Interlock that has adopted them."""

import subprocess
import time

from bench import load
from bench.rounds import summary
from bench.setting import Interlock, http
from bench.stats import ratio, rotated

CONNECTIONS = 16
INDEX_SECONDS_MAX = 1800


def measure(setting, dimensions, points, rounds, calls, say):
    """For each dimension: calls a second and p99 of both ways, and their ratios."""
    control = setting.control
    interlock = Interlock(setting.folder, "end-to-end", (control.grpc, control.rest))
    process = interlock.start()
    seen = {}
    try:
        for dimension in dimensions:
            name = f"{setting.prefix}-points-{dimension}"
            try:
                fill(setting, name, dimension, points, say)
                model = f"points-{dimension}@1"
                interlock.cli("model", "add", model, "--dim", str(dimension), "--distance", "cosine", "--embedder", "none")
                interlock.cli("adopt", name, "--vector", "text", "--model", model)
                seen[dimension] = compare(setting, interlock, process, dimension, rounds, calls)
                seen[dimension]["points"] = points
            finally:
                http("DELETE", f"{control.rest}/collections/{name}")
            say(f"end to end, {points} points of {dimension}: {rounds} rounds of {calls} calls")
    finally:
        process.stop()
    return seen


def fill(setting, name, dimension, points, say):
    """Makes the collection, stores its points, and waits until they are indexed."""
    rest = f"{setting.control.rest}/collections/{name}"
    http("PUT", rest, {"vectors": {"text": {"size": dimension, "distance": "Cosine"}}})
    command = [setting.workload, "fill", "--to", setting.control.grpc, "--collection", name]
    command += ["--dimension", dimension, "--points", points]
    subprocess.run([str(part) for part in command], check=True, timeout=INDEX_SECONDS_MAX)
    deadline = time.monotonic() + INDEX_SECONDS_MAX
    green = 0
    # Twice in a row: an optimizer that has not begun yet is green too.
    while green < 2:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} was not indexed in {INDEX_SECONDS_MAX} s")
        green = green + 1 if http("GET", rest)["result"]["status"] == "green" else 0
        time.sleep(1)
    say(f"{name}: {points} points are indexed")


def compare(setting, interlock, process, dimension, rounds, calls):
    """Rounds of both ways in turn."""
    case = setting.case("grpc", "read", "6.4", "points", dimension)
    request = load.Request(setting, case)
    ports = {"direct": int(setting.control.grpc.rsplit(":", 1)[1]), "interlock-managed-read": interlock.ports.grpc}
    figures = {arm: [] for arm in ports}
    for number in range(rounds + 1):
        for arm in rotated(list(ports), number):
            server = process if arm != "direct" else None
            run = load.closed(setting, request, ports[arm], calls, CONNECTIONS, 1, server)
            # The first round warms up.
            if number:
                figures[arm].append(run)
    shown = {arm: summary(runs) for arm, runs in figures.items()}
    ratios = {
        key: ratio(*([run[key] for run in figures[arm]] for arm in ("interlock-managed-read", "direct")))
        for key in ("per_second", "p50_us", "p99_us")
    }
    return {"arms": shown, "ratios": ratios}

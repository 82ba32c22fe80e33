"""What is aimed at, and whether a result reaches it. Where not, that is said: nothing here ends a run."""

from bench.cells import BASE

READ, WRITE, REST = "grpc 6.4 KB read", "grpc 643 KB write", "rest 6.4 KB read"
QUERY, UPSERT = "query, gRPC, 1536", "upsert, gRPC, 100 x 1536"
MIB, KIB = 2**20, 2**10


def targets(result):
    """Each target that the result has figures for: (what, seen, "<=" or ">=", bound)."""
    return [
        *_closed(result["closed"]), *_open(result["open"]), *_instructions(result["instructions"]),
        *_end_to_end(result["end_to_end"]), *_memory(result["memory"]),
    ]


def holds(seen, way, bound):
    """Whether a target is reached."""
    return seen <= bound if way == "<=" else seen >= bound


def _closed(closed):
    bounds = {
        READ: {
            arm: (("one", "p50_us", "<=", 1.05), ("many", "per_second", ">=", 2.2), ("many", "cpu_us", "<=", 0.5))
            for arm in ("interlock-unmanaged", "interlock-managed-read")
        },
        WRITE: {
            arm: (("one", "p50_us", "<=", bound), ("many", "cpu_us", "<=", bound))
            for arm, bound in (("interlock-unmanaged", 1.0), ("interlock-managed-write", 1.15))
        },
        REST: {"interlock-managed-read": (("many", "per_second", ">=", 1.0),)},
    }
    for cell, arms in bounds.items():
        for arm, wanted in arms.items() if cell in closed else ():
            for load, key, way, bound in wanted:
                seen = closed[cell]["loads"][load]["arms"][arm][key]["ratio"]["median"]
                yield f"{cell}, {arm}: {key} × {BASE}", seen, way, bound


def _open(runs):
    run = runs.get(f"{READ}, 80%")
    for arm in ("interlock-unmanaged", "interlock-managed-read") if run and not run["is_void"] else ():
        yield f"{READ}, {arm}, 80 % load: p99 × {BASE}", run["arms"][arm]["p99_us"]["ratio"]["median"], "<=", 1.0


def _instructions(counts):
    if not counts:
        return
    yield "instructions, unmanaged query", counts[f"unmanaged {QUERY}"], "<=", 62_000
    yield "instructions, unmanaged upsert", counts[f"unmanaged {UPSERT}"], "<=", 620_000
    for call, more in ((QUERY, 6_000), (UPSERT, 150_000)):
        seen = counts[f"managed {call}"] - counts[f"unmanaged {call}"]
        yield f"instructions that management adds, {call}", seen, "<=", more


def _end_to_end(runs):
    for dimension, run in runs.items():
        what = f"end to end, {run['points']:,} × {dimension}"
        yield f"{what}: calls/s × direct", run["ratios"]["per_second"]["median"], ">=", 0.97
        yield f"{what}: p99 × direct", run["ratios"]["p99_us"]["median"], "<=", 1.1


def _memory(memory):
    if not memory:
        return
    soak = memory["saturation"]
    yield "memory, idle, MiB", memory["idle_bytes"] / MIB, "<=", 20
    yield "memory, an idle connection, KiB", memory["idle_connections"]["each_bytes"] / KIB, "<=", 64
    yield f"memory, growth in {soak['seconds']:.0f} s of saturation", soak["late_bytes"] / soak["early_bytes"], "<=", 1.05

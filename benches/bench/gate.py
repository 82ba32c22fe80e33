"""Instructions of one call in user space, by callgrind: (of 2N calls - of N calls) / N, so that the start and the
connection do not count. Of the thread that serves alone, the one whose count grows most: what goes on in the background
depends on how long a run takes, and so on the machine's load."""

import json
import re
from pathlib import Path

from bench import load

BASELINES = Path(__file__).resolve().parents[1] / "baselines.json"
# More than this above its baseline fails.
TOLERANCE = 0.03
# A large body arrives in more or fewer pieces, and each costs: the most of so many looks is recorded, and what is held
# against it is the first look that holds, or else the least.
LOOKS = 3
# What is held: protocol, kind, size, collection, and N.
HELD = {
    "unmanaged query, gRPC, 1536": ("grpc", "read", "6.4", "plain", 400),
    "managed query, gRPC, 1536": ("grpc", "read", "6.4", "managed", 400),
    "managed upsert, gRPC, 100 x 1536": ("grpc", "write", "643", "managed", 60),
    "managed query, REST, 1536": ("rest", "read", "6.4", "managed", 400),
}
# What the benchmark shows besides.
SHOWN = {
    "unmanaged upsert, gRPC, 100 x 1536": ("grpc", "write", "643", "plain", 60),
    "dual upsert, gRPC, 100 x 2 x 768": ("grpc", "dual", "643", "moving", 60),
}


def collected(setting, server, case, calls):
    """Instructions of each thread of a server's whole life, in which it forwards so many calls."""
    for old in setting.folder.glob("callgrind.out*"):
        old.unlink()
    out = setting.folder / "callgrind.out"
    wrapper = ["valgrind", "--tool=callgrind", "--separate-threads=yes", f"--callgrind-out-file={out}"]
    # On one core Interlock has one thread that serves.
    process = server.start(core=0, wrapper=wrapper)
    try:
        load.checked(setting, case, server.ports.of(case[1]), calls)
    finally:
        process.stop()
    threads = {}
    for file in setting.folder.glob("callgrind.out-*"):
        counts = re.findall(r"^(?:summary|totals): (\d+)", file.read_text(), re.MULTILINE)
        threads[file.name] = int(counts[-1]) if counts else 0
    if not threads:
        raise RuntimeError(f"callgrind left no count:\n{process.log.read_text(errors='replace')[-2000:]}")
    return threads


def instructions(setting, server, path):
    """Instructions of one call more."""
    protocol, kind, size, collection, calls = path
    case = setting.case(protocol, kind, size, collection)
    few, many = (collected(setting, server, case, count) for count in (calls, 2 * calls))
    return round(max(many[thread] - few.get(thread, 0) for thread in many) / calls)


def verdict(name, seen, baseline):
    """One line about a figure, and whether it holds. Far below is no failure, but the baseline is then stale."""
    if baseline is None:
        return f"{name:<36} {seen:>9}  no baseline: record one", False
    holds = seen <= baseline * (1 + TOLERANCE)
    is_stale = seen < baseline * (1 - TOLERANCE)
    word = "FAILED" if not holds else "below the baseline: record it" if is_stale else "holds"
    return f"{name:<36} {seen:>9}  baseline {baseline:>9}  {seen / baseline - 1:+7.1%}  {word}", holds


def look(measure, baseline):
    """The figure to judge."""
    seen = []
    for _ in range(LOOKS):
        seen.append(measure())
        if baseline is not None and verdict("", seen[-1], baseline)[1]:
            return seen[-1]
    return max(seen) if baseline is None else min(seen)


def baselines():
    """What is recorded."""
    return json.loads(BASELINES.read_text()) if BASELINES.exists() else {}


def record(figures):
    """Makes these the baselines."""
    BASELINES.write_text(json.dumps(figures, indent=2) + "\n")

"""The rounds: every arm of a cell in turn, so that what changes on the machine meanwhile meets all of them."""

from statistics import median

from bench import load
from bench.cells import BASE, OPEN
from bench.stats import drift, ratio, rotated

PROXY_CORE, LOAD_CORE = 0, 1
# The generator's own lateness that voids a run, and how far `direct` may drift.
LAG_US_MAX = 1000
# A rate that is not kept up is lowered to this share of itself, so many times at most.
LOWER, LOWER_MAX, PROBE_SECONDS = 0.8, 8, 1.0
DRIFT_MAX = 0.10


class Bench:
    """Servers that run, and the requests sent to them."""

    def __init__(self, setting, servers, processes):
        self.setting, self.servers, self.processes = setting, servers, processes
        self.requests = {}

    def request(self, cell, collection, kind):
        """The request of an arm, made once."""
        case = tuple(self.setting.case(cell.protocol, kind, cell.size, collection))
        if case not in self.requests:
            self.requests[case] = load.Request(self.setting, list(case))
        return self.requests[case]

    def port(self, server, protocol):
        """Where an arm's server is reached."""
        return self.servers[server].of(protocol)

    def closed(self, cell, arm, calls, shape):
        """One closed-loop run of an arm."""
        server, collection, kind = arm
        request = self.request(cell, collection, kind)
        process = self.processes.get(server)
        port = self.port(server, cell.protocol)
        return load.closed(self.setting, request, port, calls, *shape, process, LOAD_CORE)

    def check(self, cell):
        """Two checked calls for every arm: what is measured is what is meant."""
        for server, collection, kind in cell.arms().values():
            case = self.request(cell, collection, kind).case
            load.checked(self.setting, case, self.port(server, cell.protocol), 2)


def closed_rounds(bench, cell, rounds, seconds, say):
    """Both loads of a cell: for each arm the figures of all rounds."""
    bench.check(cell)
    arms, seen = cell.arms(), {}
    for name, shape in cell.loads().items():
        # The number of calls that the base makes in the time, the same for all: warms every arm up too.
        calls = 20 * shape[0]
        for _ in range(2):
            rate = bench.closed(cell, arms[BASE], calls, shape)["per_second"]
            calls = max(shape[0] * shape[1], round(rate * seconds))
        figures = {arm: [] for arm in arms}
        for arm in arms.values():
            bench.closed(cell, arm, max(shape[0] * shape[1], calls // 5), shape)
        for number in range(rounds):
            for arm in rotated(list(arms), number):
                figures[arm].append(bench.closed(cell, arms[arm], calls, shape))
        seen[name] = {"calls": calls, "shape": shape, "arms": {arm: summary(runs) for arm, runs in figures.items()}}
        compare(seen[name]["arms"], figures)
        seen[name]["direct_drift"] = drift([run["per_second"] for run in figures["direct"]])
        say(f"{cell.name}, {name}: {calls} calls, {rounds} rounds")
    sizes = {arm: bench.request(cell, *which[1:]).size for arm, which in arms.items()}
    return {"bytes": sizes, "loads": seen}


def summary(runs):
    """The median of each figure, and all of them."""
    keys = [key for key in runs[0] if all(run.get(key) is not None for run in runs)]
    return {key: {"median": median(run[key] for run in runs), "rounds": [run[key] for run in runs]} for key in keys}


def compare(arms, figures):
    """Puts each arm's ratio to the base beside its figures."""
    for arm, runs in figures.items():
        for key, shown in arms[arm].items():
            base = [run.get(key) for run in figures[BASE]]
            if None not in base and 0 not in base:
                shown["ratio"] = ratio([run[key] for run in runs], base)


def at_rate(bench, cell, arms, rate, shape):
    """Every arm in turn at one constant rate: for each the figures of all rounds."""
    rounds, seconds, connections = shape
    figures = {name: [] for name in arms}
    for number in range(rounds):
        for name in rotated(list(arms), number):
            server, collection, kind = arms[name]
            case = bench.request(cell, collection, kind).case
            port = bench.port(server, cell.protocol)
            figures[name].append(load.open_loop(bench.setting, case, port, rate, seconds, connections, LOAD_CORE))
    return figures


def kept_up(bench, cell, arms, rate, connections):
    """The highest rate, up to this one, that every arm and the generator itself keep up: the generator, which looks at
    every answer, shares its core with the upstream. Where it is late at every rate, the first that the arms kept up."""
    first = None
    for _ in range(LOWER_MAX):
        try:
            probe = at_rate(bench, cell, arms, rate, (1, PROBE_SECONDS, connections))
            first = first or rate
            if all(run["lag_p99_us"] <= LAG_US_MAX for runs in probe.values() for run in runs):
                return rate
        except load.TooFast:
            pass
        rate *= LOWER
    if first is None:
        raise RuntimeError(f"{cell.name}: not even {rate / LOWER:.0f} calls/s are kept up")
    return first


def open_rounds(bench, closed, rounds, seconds, shares, say):
    """Latency at shares of the slowest arm's capacity, as far as that is kept up. Stock rivals, which are slower still,
    are left out."""
    seen = {}
    for cell, connections in OPEN.items():
        arms = {name: arm for name, arm in cell.arms().items() if not name.endswith("-stock")}
        capacity = {
            name: closed[cell.name]["loads"]["many"]["arms"][name]["per_second"]["median"] for name in arms
        }
        slowest = min(capacity, key=capacity.get)
        for share in shares:
            rate = kept_up(bench, cell, arms, share * capacity[slowest], connections)
            figures = at_rate(bench, cell, arms, rate, (rounds, seconds, connections))
            shown = {name: summary(runs) for name, runs in figures.items()}
            compare(shown, figures)
            late = max(run["lag_p99_us"] for runs in figures.values() for run in runs)
            reached = round(rate / capacity[slowest], 3)
            seen[f"{cell.name}, {share:.0%}"] = {
                "rate": rate, "share": reached, "slowest": slowest, "lag_p99_us": late, "is_void": late > LAG_US_MAX,
                "arms": shown,
            }
            say(f"{cell.name}, open loop at {reached:.0%} of {slowest}: {rate:.0f} calls/s, generator late {late} us")
    return seen

"""What the benchmark decides by: intervals, ratios, quantiles, and what counts as a run."""

import random
from statistics import median

import pytest
from bench import gate, load, memory, report, stats, targets
from bench.cells import BASE, cells

H2LOAD = """finished in 4.01ms, 4990.02 req/s, 1.2MB/s
requests: 20 total, 20 started, 20 done, {good} succeeded, {bad} failed, 0 errored, 0 timeout
status codes: {good} 2xx, 0 3xx, {bad} 4xx, 0 5xx
"""


def test_an_interval_holds_the_median_in_some_95_of_100_samples():
    draw = random.Random(7)
    held = 0
    for _ in range(200):
        low, high = stats.interval([draw.gauss(10, 2) for _ in range(15)], resamples=400)
        held += low <= 10 <= high
    assert 176 <= held <= 200


def test_an_interval_is_the_same_each_time_and_narrows_with_more_rounds():
    draw = random.Random(1)
    few, many = ([draw.gauss(1, 0.1) for _ in range(count)] for count in (5, 100))
    assert stats.interval(few) == stats.interval(few)
    assert stats.interval([3.0] * 5) == (3.0, 3.0)
    (low, high), (lower, higher) = stats.interval(many), stats.interval(few)
    assert high - low < higher - lower
    assert low <= median(many) <= high


def test_ratios_are_of_rounds_that_belong_together():
    # The machine is twice as slow in the second round: the ratio does not see it.
    seen = stats.ratio([100, 200, 100], [50, 100, 50])
    assert (seen["median"], seen["low"], seen["high"]) == (2.0, 2.0, 2.0)
    with pytest.raises(ValueError):
        stats.ratio([1.0], [1.0, 2.0])


@pytest.mark.parametrize("share, value", [(0.5, 50), (0.99, 99), (0.001, 1), (1.0, 100)])
def test_a_quantile_is_the_nearest_rank(share, value):
    assert stats.quantile(list(range(1, 101)), share) == value


def test_every_arm_comes_first_in_its_turn():
    arms = ["a", "b", "c"]
    assert [stats.rotated(arms, number) for number in range(4)] == [
        ["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]
    ]


def test_every_cell_has_the_base_and_ours():
    names = [cell.name for cell in cells()]
    assert len(names) == len(set(names)) == 16
    for cell in cells():
        assert {"direct", BASE, "interlock-unmanaged", f"interlock-managed-{cell.kind}"} <= cell.arms().keys()
        assert ("interlock-dual-write" in cell.arms()) == (cell.kind == "write")


def test_a_run_counts_only_where_every_call_succeeded():
    log = "".join(f"1\t200\t{latency}\n" for latency in range(1, 21))
    seen = load.read_h2load(H2LOAD.format(good=20, bad=0), log, 20)
    assert seen == {"per_second": 4990.02, "p50_us": 10, "p99_us": 20}
    with pytest.raises(RuntimeError):
        load.read_h2load(H2LOAD.format(good=19, bad=1), log, 20)
    with pytest.raises(RuntimeError):
        load.read_h2load("", log, 20)


@pytest.mark.parametrize("seen, holds", [(1000, True), (1030, True), (1031, False), (500, True)])
def test_the_gate_fails_above_three_per_cent(seen, holds):
    assert gate.verdict("path", seen, 1000)[1] is holds


@pytest.mark.parametrize(
    ("seen", "baseline", "judged"),
    [([1020], 1000, 1020), ([1040, 1000], 1000, 1000), ([1060, 1040, 1050], 1000, 1040), ([990, 1010, 1000], None, 1010)],
)
def test_the_gate_looks_again_before_it_fails(seen, baseline, judged):
    looks = iter(seen)
    assert gate.look(lambda: next(looks), baseline) == judged
    assert next(looks, None) is None, "no look too few"


def test_the_gate_fails_where_nothing_is_recorded():
    line, holds = gate.verdict("path", 1000, None)
    assert not holds and "no baseline" in line


def test_what_is_aimed_at_is_judged_by_its_own_direction():
    def run(calls, p99):
        return {"points": 100, "ratios": {"per_second": {"median": calls}, "p99_us": {"median": p99}}}

    result = {"closed": {}, "open": {}, "instructions": {}, "memory": {}, "end_to_end": {384: run(0.98, 1.0), 1536: run(0.9, 1.2)}}
    judged = [targets.holds(*target[1:]) for target in targets.targets(result)]
    assert judged == [True, True, False, False]


def test_frames_are_http2s():
    settings = memory.opening(0)[len(memory.PREFACE):]
    assert settings == bytes.fromhex("000006 04 00 00000000 0004 00000000")
    assert memory.literal("te", "trailers") == b"\x00\x02te\x08trailers"


def test_only_what_is_between_the_marks_is_replaced():
    text = "a\n<!-- benchmark -->\nold\n<!-- /benchmark -->\nb\n"
    assert report.put_between(text, "benchmark", "new") == "a\n<!-- benchmark -->\nnew\n<!-- /benchmark -->\nb\n"
    with pytest.raises(ValueError):
        report.put_between("a\n", "benchmark", "new")

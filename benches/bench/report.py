"""The report: Markdown for the README and for the terminal, and a plot. Both from the JSON alone."""

from html import escape

from bench.cells import BASE
from bench.targets import holds, targets

WIDTH, ROW, LEFT = 900, 22, 250
COLOURS = {"direct": "#999", "nginx": "#4878a8", "haproxy": "#8a6aa8", "interlock": "#d0622a"}


def shown(figure, digits=0):
    """A median, or a dash."""
    return "–" if figure is None else f"{figure['median']:,.{digits}f}"


def compared(figure):
    """A ratio with its interval, or a dash."""
    found = (figure or {}).get("ratio")
    return f"{found['median']:.2f} ({found['low']:.2f}–{found['high']:.2f})" if found else "–"


def table(head, rows):
    """A Markdown table; the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


def arm_row(name, one, many):
    """One arm of a closed-loop cell."""
    return [
        name, shown(one["p50_us"]), compared(one["p50_us"]), shown(many["per_second"]), compared(many["per_second"]),
        shown(many.get("cpu_us"), 1), compared(many.get("cpu_us")),
    ]


# A microsecond of processor time a call is a millisecond per 1,000 calls.
HEAD = ["", "p50, µs", "× nginx", "calls/s", "× nginx", "CPU-ms per 1,000 calls", "× nginx"]


def cell_table(name, cell):
    """A closed-loop cell: p50 of one call at a time; throughput and processor time of many."""
    one, many = (cell["loads"][load] for load in ("one", "many"))
    connections, streams = many["shape"]
    rows = [arm_row(arm, one["arms"][arm], many["arms"][arm]) for arm in one["arms"]]
    return (
        f"**{name}** (body {min(cell['bytes'].values()):,} bytes; p50: one call at a time; "
        f"the others: {connections} connections × {streams})\n\n" + table(HEAD, rows)
    )


def open_table(runs):
    """The open loop: latencies from when a call was due."""
    rows = []
    for name, run in runs.items():
        for arm, figures in run["arms"].items():
            wanted = float(name.rsplit(", ", 1)[1][:-1]) / 100
            kept = f", {run['share']:.0%} was kept up" if run["share"] < wanted else ""
            note = " (void: the generator was late)" if run["is_void"] else ""
            rows.append([
                f"{name}{kept}{note}", arm, f"{run['rate']:,.0f}", shown(figures["p50_us"]), shown(figures["p99_us"]),
                compared(figures["p99_us"]), shown(figures["p999_us"]),
            ])
    return table(["load", "arm", "calls/s", "p50, µs", "p99, µs", "p99 × nginx", "p99.9, µs"], rows)


def end_table(runs):
    """End to end."""
    rows = []
    for dimension, run in runs.items():
        for key, what in (("per_second", "calls/s"), ("p50_us", "p50, µs"), ("p99_us", "p99, µs")):
            direct, ours = (run["arms"][arm][key] for arm in ("direct", "interlock-managed-read"))
            ratio = compared({"ratio": run["ratios"][key]})
            rows.append([f"{run['points']:,} × {dimension}, {what}", shown(direct), shown(ours), ratio])
    return table(["", "Qdrant", "through Interlock", "ratio"], rows)


def memory_table(memory):
    """Memory, in MiB and KiB."""
    idle, slow, soak = memory["idle_connections"], memory["slow_readers"], memory["saturation"]
    mib = 2**20
    rows = [
        ["idle", f"{memory['idle_bytes'] / mib:.1f} MiB"],
        [f"{idle['connections']:,} idle connections, each", f"{idle['each_bytes'] / 1024:.1f} KiB"],
        [f"{slow['connections']:,} clients that do not read, in all", f"{slow['bytes'] / mib:.1f} MiB"],
        [
            f"{soak['seconds']:.0f} s of saturation ({soak['calls']:,} calls), from the first tenth to the end",
            f"{soak['early_bytes'] / mib:.1f} → {soak['late_bytes'] / mib:.1f} MiB",
        ],
        ["peak", f"{memory['peak_bytes'] / mib:.1f} MiB"],
        *[[f"peak of {name} over the rounds", f"{peak / mib:.1f} MiB"] for name, peak in memory["peaks"].items()],
    ]
    return table(["memory", ""], rows)


def number(value):
    """A count, or a ratio."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.2f}"


def target_table(result):
    """What is aimed at, and what is reached."""
    rows = []
    for what, seen, way, bound in targets(result):
        aim = f"{'at most' if way == '<=' else 'at least'} {number(bound)}"
        rows.append([what, number(seen), aim, "yes" if holds(seen, way, bound) else "**no**"])
    return table(["what is aimed at", "seen", "aim", "reached"], rows)


def markdown(result):
    """The whole report."""
    setting, parts = result["setting"], []
    parts.append(
        f"Measured on {result['date']}: {setting['machine']}; proxies on one core, generator and upstream on another. "
        f"{setting['versions']}. {setting['rounds']} rounds of {setting['seconds']} s, arms in turn; medians, in "
        "brackets the 95 % bootstrap interval of the rounds' ratios to tuned nginx."
    )
    drifts = [load["direct_drift"] for cell in result["closed"].values() for load in cell["loads"].values()]
    parts.append(
        f"`direct` drifted by {sorted(drifts)[len(drifts) // 2]:.0%} between rounds in the median, at most {max(drifts):.0%}."
    )
    parts.append(target_table(result))
    parts += [cell_table(name, cell) for name, cell in result["closed"].items()]
    if result["open"]:
        title = "**Open loop, every answer checked, latency from when a call was due**"
        parts.append(f"{title}\n\n{open_table(result['open'])}")
    if result["instructions"]:
        rows = [[name, f"{count:,}"] for name, count in result["instructions"].items()]
        parts.append(table(["instructions of one call, user space", ""], rows))
    if result["memory"]:
        parts.append(memory_table(result["memory"]))
    if result["end_to_end"]:
        parts.append(
            "**End to end: a real Qdrant, 16 connections, every check on, no core set aside**\n\n"
            + end_table(result["end_to_end"])
        )
    return "\n\n".join(parts) + "\n"


def digest(result):
    """The README's table: Interlock beside tuned nginx, where a promise is made."""
    rows = []
    for name, arms in {
        "grpc 6.4 KB read": ("interlock-unmanaged", "interlock-managed-read"),
        "grpc 643 KB write": ("interlock-unmanaged", "interlock-managed-write", "interlock-dual-write"),
        "rest 6.4 KB read": ("interlock-unmanaged", "interlock-managed-read"),
    }.items():
        if name not in result["closed"]:
            continue
        loads = result["closed"][name]["loads"]
        for arm in ("direct", "haproxy-tuned", BASE, *arms):
            rows.append(arm_row(f"{name}, {arm}", loads["one"]["arms"][arm], loads["many"]["arms"][arm]))
    parts = [f"Measured on {result['date']}: {result['setting']['machine']}.", table(HEAD, rows)]
    if result["end_to_end"]:
        parts.append(end_table(result["end_to_end"]))
    return "\n\n".join(parts)


def svg(result):
    """Throughput of each arm in each closed-loop cell, as bars: the longest of a cell fills the width."""
    parts, y = [], 10
    for name, cell in result["closed"].items():
        arms = cell["loads"]["many"]["arms"]
        highest = max(arm["per_second"]["median"] for arm in arms.values())
        y += ROW
        parts.append(f'<text x="10" y="{y}" font-weight="bold">{escape(name)}: calls a second</text>')
        for arm, figures in arms.items():
            y += ROW
            rate = figures["per_second"]["median"]
            length = rate / highest * (WIDTH - LEFT - 90)
            colour = COLOURS[arm.split("-")[0]]
            parts.append(f'<text x="{LEFT - 8}" y="{y}" text-anchor="end">{escape(arm)}</text>')
            parts.append(f'<rect x="{LEFT}" y="{y - 13}" width="{length:.1f}" height="16" fill="{colour}"/>')
            parts.append(f'<text x="{LEFT + length + 6:.1f}" y="{y}">{rate:,.0f}</text>')
        y += ROW // 2
    style = 'font-family="sans-serif" font-size="13" fill="#222"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 20}" {style}>\n'
        '<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def put_between(text, mark, inner):
    """The text with what stands between the two marks replaced."""
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"{begin} and {end} must stand once each")
    head, rest = text.split(begin)
    return f"{head}{begin}\n{inner}\n{end}{rest.split(end)[1]}"

#!/usr/bin/env python3
"""Writes docs/benchmarks.md, its plot and the figures of README.md from the record of a run.

    ./run bench --peers --json bench/record.json
    tools/benchmarks_page.py bench/record.json

All figures on the page come from the record. What is written here by hand is why goro loses where it does; a line
where it loses without a reason here is listed as not understood."""
import html
import json
import pathlib
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/benchmarks.md"
PLOT = ROOT / "docs/images/benchmarks.svg"

README = ROOT / "README.md"
MARKS = ("<!-- from bench/record.json -->\n", "<!-- end -->\n")  # in README.md, around what is written there

PEERS = {"boost": "Boost.Fiber", "onetbb": "oneTBB", "tokio": "Tokio"}
SERVERS = {"epoll": "C, one thread round epoll", "nethttp": "Go's net/http"}
UNITS = {"ns_per_op": "ns", "ms": "ms", "create_ms": "ms", "wake_ms": "ms", "bytes_each": "bytes", "cpu_s": "s",
         "first_ms": "ms", "second_ms": "ms", "p99_us": "us", "ns_per_req": "ns", "server_cpu_s": "s"}
NETWORK_METRICS = ("ns_per_req", "p99_us", "server_cpu_s")

# The rows of README.md: workload, metric, what it is called there.
README_ROWS = [
    ("spawn_join", "ns_per_op", "start and join a goroutine"),
    ("yield", "ns_per_op", "yield among 1000"),
    ("ping_pong", "ns_per_op", "ping-pong, a round trip"),
    ("chan_spsc", "ns_per_op", "channel of 128, 1 to 1"),
    ("chan_mpmc", "ns_per_op", "channel of 128, 4 to 4"),
    ("chan_unbuf_mpmc", "ns_per_op", "unbuffered channel, 4 to 4"),
    ("select_fanin", "ns_per_op", "select over 4 unbuffered channels"),
    ("select_timeout", "ns_per_op", "select against a new timer"),
    ("ring", "ns_per_op", "ring of 1000 channels, a hop"),
    ("fib_wg", "ns_per_op", "fork and join (fib) over a wait_group"),
    ("mutex", "ns_per_op", "mutex, 8 goroutines"),
    ("rwmutex", "ns_per_op", "shared_mutex, 8 goroutines, 1 % write"),
    ("skynet", "ms", "skynet, a million goroutines, in ms"),
    ("sieve", "ms", "prime sieve of 2500, in ms"),
    ("sleepers", "ms", "a million that sleep, in ms"),
    ("parked_shared", "create_ms", "a million that park on one channel, to start, in ms"),
    ("parked_own", "create_ms", "a million that park on a channel each, to start, in ms"),
    ("parked_own", "wake_ms", "the same, to wake, in ms"),
    ("parked_own", "bytes_each", "the same, bytes each"),
    ("deep", "first_ms", "a recursion through 480 MB of stack, in ms"),
    ("blocked_sleep", "cold_ms", "64 that block their threads for 10 ms each, in ms"),
    ("blocked_pipe", "cold_ms", "64 blocking reads of pipes, written after 10 ms, in ms"),
    ("hog", "late_p99_ms", "lateness (p99) of a sleep of 1 ms beside two endless loops a P, in ms"),
    ("http-64", "ns_per_req", "HTTP without a library, 64 connections, a request"),
]

# Why goro loses: (workload, beside whom) -> text.
_STACK = ("A parked goroutine keeps the page of its stack that it stands on, 4 KB, where {}. To create one is mostly the "
          "fault of that page.")
_SERVED_MORE = "It served more requests in the same seconds."
_SWITCHES = "A request costs goro a wake-up and a switch besides the same system calls."
REASONS = {
    ("echo-64", "go"): _SERVED_MORE,
    ("http-64", "go"): _SERVED_MORE,
    ("http-512", "go"): _SERVED_MORE,
    ("echo-64", "epoll"): _SWITCHES,
    ("http-64", "epoll"): _SWITCHES,
    ("http-512", "epoll"): _SWITCHES,
    ("echo-1000", "epoll"): _SWITCHES + " What more there is with a thousand connections is not understood yet.",
    ("skynet", "onetbb"): "oneTBB's tasks run on the stack of who waits for them and leave their sums in memory. Each of "
    "goro's 1.1 million goroutines has a stack that it may block on, and sends its sum over a channel, as in Go.",
    ("parked_shared", "go"): _STACK.format("Go's heap has stacks of 2 KB side by side"),
    ("parked_own", "go"): _STACK.format("Go's heap has stacks of 2 KB side by side"),
    ("parked_shared", "tokio"): _STACK.format("a task of Tokio's is a state machine of two hundred bytes"),
    ("parked_own", "tokio"): _STACK.format("a task of Tokio's is a state machine of two hundred bytes"),
    ("sleepers", "tokio"): _STACK.format("a task of Tokio's is a state machine of two hundred bytes"),
}


def median(values):
    return statistics.median(values) if values else None


def number(value):
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def spread(values):
    return f"{number(median(values))} [{number(min(values))}–{number(max(values))}]" if values else "–"


def is_network(row):
    return row["workload"].startswith(("echo-", "http-", "beast-"))


def ratio(row, other):
    """goro's median divided by the other's; where more is better, the other way round."""
    ours, theirs = median(row["goro"]), median(row.get(other))
    if not ours or not theirs:
        return None
    return theirs / ours if row["metric"] == "req_per_s" else ours / theirs


def beside_go(rows):
    lines = ["| workload | P | metric | goro | Go | goro / Go |", "|---|---|---|---|---|---|"]
    for row in rows:
        if is_network(row) and row["metric"] not in NETWORK_METRICS:
            continue
        of_go = ratio(row, "go")
        unit = UNITS.get(row["metric"], "")
        lines.append(f"| {row['workload']} | {row['procs']} | {row['metric']}{', ' + unit if unit else ''} "
                     f"| {spread(row['goro'])} | {spread(row['go'])} | {'–' if of_go is None else f'{of_go:.2f}'} |")
    return lines


def beside_others(rows, others):
    names = list(others)
    lines = ["| workload | P | metric | goro | " + " | ".join(others[x] for x in names) + " |",
             "|---" * (4 + len(names)) + "|"]
    for row in rows:
        if any(row.get(x) for x in names):
            cells = " | ".join(number(median(row.get(x))) for x in names)
            lines.append(f"| {row['workload']} | {row['procs']} | {row['metric']} | {number(median(row['goro']))} "
                         f"| {cells} |")
    return lines


def readme_table(rows):
    by_key = {(row["workload"], row["metric"], row["procs"]): row for row in rows}
    lines = ["| workload | 1 P: goro / Go | ratio | 2 Ps: goro / Go | ratio |", "|---|---|---|---|---|"]
    for workload, metric, name in README_ROWS:
        cells = []
        for procs in (1, 2):
            row = by_key[workload, metric, procs]
            cells += [f"{number(median(row['goro']))} / {number(median(row['go']))}", f"{ratio(row, 'go'):.2f}"]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def write_readme(rows):
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(MARKS[0])
    README.write_text(before + MARKS[0] + readme_table(rows) + MARKS[1] + rest.split(MARKS[1])[1], encoding="utf-8")


def losses(rows):
    """What goro loses by more than the spread of a good run (3 %), with the reason."""
    lost = {}
    for row in rows:
        for other in ("go", *PEERS, *SERVERS):
            value = ratio(row, other)
            if is_network(row) and row["metric"] not in (("req_per_s",) if other in SERVERS else NETWORK_METRICS):
                continue
            if value is not None and value > 1.03:
                lost.setdefault((row["workload"], other), []).append(
                    f"{row['metric']} at P={row['procs']} by a factor of {value:.2f}")
    names = {"go": "Go", **PEERS, **SERVERS}
    return [f"* **{workload}**, beside {names[other]}: {', '.join(what)}. "
            + REASONS.get((workload, other), "Not understood yet.") for (workload, other), what in lost.items()]


def plot(rows):
    """Bars: goro's time, where Go's is 1, for the first metric of each workload."""
    bars = {}
    for row in rows:
        value = ratio(row, "go")
        if value is not None and row["workload"] not in bars:
            bars[row["workload"]] = (row["metric"], {})
        if value is not None and bars[row["workload"]][0] == row["metric"]:
            bars[row["workload"]][1][row["procs"]] = value
    left, width, height = 150, 520, 28
    most = max(1.1, *(v for _, by_procs in bars.values() for v in by_procs.values()))
    scale = width / most
    total = height * len(bars) + 60
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 60} {total}" '
           'font-family="sans-serif" font-size="12">',
           '<title>Time of goro, where that of Go is 1</title>',
           f'<rect width="{left + width + 60}" height="{total}" fill="#fff"/>',
           f'<text x="{left}" y="18" fill="#222">goro / Go (less is faster): dark 1 P, light 2 Ps</text>']
    for i, (workload, (_, by_procs)) in enumerate(bars.items()):
        top = 30 + i * height
        out.append(f'<text x="{left - 8}" y="{top + 15}" text-anchor="end" fill="#222">{html.escape(workload)}</text>')
        for k, (procs, value) in enumerate(sorted(by_procs.items())):
            y = top + k * 11
            out.append(f'<rect x="{left}" y="{y}" width="{value * scale:.1f}" height="10" '
                       f'fill="{("#1f5f8b", "#8fc1e3")[k % 2]}"/>')
            out.append(f'<text x="{left + value * scale + 4:.1f}" y="{y + 9}" font-size="10" fill="#444">'
                       f'{value:.2f}</text>')
    x = left + scale
    out.append(f'<line x1="{x:.1f}" y1="26" x2="{x:.1f}" y2="{total - 26}" stroke="#b33" stroke-dasharray="4 3"/>')
    out.append(f'<text x="{x:.1f}" y="{total - 10}" text-anchor="middle" fill="#b33">Go</text></svg>')
    return "\n".join(out) + "\n"


def page(record):
    rows = [row for row in record["results"] if row["goro"]]
    of_network = [row for row in rows if is_network(row)]
    text = ["# Benchmarks", "",
            "Written by `tools/benchmarks_page.py` from [bench/record.json](../bench/record.json), the record of one",
            "run of `./run bench --peers`. What is timed, and how: [bench/README.md](../bench/README.md).", "",
            f"* Machine: {record['cpu']}, {record['cpus']} cores, Linux {record['kernel']}; {record['when'][:10]}.",
            f"* Beside: {record['go'].split(' ')[0] if record['go'] else 'no Go'}; Boost.Fiber, oneTBB and Tokio as "
            "Debian 12 has them.",
            f"* Method: {record['runs']} runs of each program in turns, one process each; medians, and [least–most].",
            "  On a shared machine differences of less than a tenth mean little.", "",
            "![Time of goro, where that of Go is 1](images/benchmarks.svg)", "",
            "## Beside Go", "", *beside_go(rows), "",
            "## Beside Boost.Fiber, oneTBB and Tokio", "",
            "Medians. oneTBB's tasks cannot wait for each other, so it has only what forks and joins; Tokio's have no",
            "stacks, and its channels one receiver and room for one element at least.", "",
            *beside_others(rows, PEERS), ""]
    if of_network:
        text += ["## Servers", "", "Requests per second, medians.", "",
                 *beside_others([row for row in of_network if row["metric"] == "req_per_s"], SERVERS), ""]
    text += ["## Where goro loses, and why", "", *(losses(rows) or ["Nowhere in this run."]), ""]
    return "\n".join(text)


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    record = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    rows = [row for row in record["results"] if row["goro"]]
    PAGE.write_text(page(record), encoding="utf-8")
    PLOT.write_text(plot(rows), encoding="utf-8")
    write_readme(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Instructions for one operation of each hot path, counted by callgrind, beside the recorded figures.

    tools/instructions.py GORO-BENCH            compares; exit code 1 if a path is off by more than 3 %
    tools/instructions.py GORO-BENCH --record   writes what it counts into bench/instructions.json
    tools/instructions.py GORO-BENCH --only ring,yield

Each workload runs at one P with two sizes: the difference is what the operations cost, without the start and the end of
the process. Such counts repeat within one or two per cent where times do not, so a change is the code's. They hold for
one compiler and one machine language: g++ 12 for x86-64, with the release preset. Fewer instructions than recorded
fail as well: record them, or the next change may use the gain up without being seen."""
import argparse
import concurrent.futures
import json
import pathlib
import re
import statistics
import subprocess
import sys

FILE = pathlib.Path(__file__).resolve().parent.parent / "bench/instructions.json"
TOLERANCE = 0.03

# What is counted: the workload, two sizes, further arguments. One operation is what -n counts.
PATHS = {
    "spawn_join": (20_000, 60_000),
    "yield": (50_000, 150_000),
    "ping_pong": (20_000, 100_000),
    "chan_spsc": (50_000, 150_000),
    "chan_mpmc": (80_000, 320_000),
    "chan_unbuf_mpmc": (20_000, 100_000),
    "select_fanin": (20_000, 80_000),
    "select_timeout": (10_000, 40_000),
    "mutex": (100_000, 400_000, "-g", "1"),  # several would wait for each other whenever the watcher intervenes
    "ring": (20_000, 60_000),
}


class Failure(Exception):
    """A run did not deliver its count; the text says why."""


def count(program, workload, size, arguments):
    """Instructions of one whole run."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, workload, "-p", "1", "-n",
               str(size), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not collected:
        raise Failure(f"{workload} -n {size}: exit code {done.returncode}\n{done.stderr.strip()[-2000:]}")
    return int(collected[1])


def per_operation(program, workload):
    """The median of three: now and then the watcher intervenes."""
    few, many, *arguments = PATHS[workload]
    return statistics.median(
        (count(program, workload, many, arguments) - count(program, workload, few, arguments)) / (many - few)
        for _ in range(3))


def judge(figure, recorded):
    """What is wrong with it, or nothing."""
    if recorded is None:
        return "not recorded"
    off = figure / recorded - 1
    if abs(off) <= TOLERANCE:
        return ""
    return f"{off:+.1%}: " + ("too many" if off > 0 else "record the gain")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="goro-bench of the release preset")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(PATHS), metavar="PATH,…")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    known = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {"instructions": {}}
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        figures = list(pool.map(lambda path: per_operation(options.program, path), options.only))
    complaints = 0
    for path, figure in zip(options.only, figures):
        recorded = known["instructions"].get(path)
        complaint = "" if options.record else judge(figure, recorded)
        complaints += bool(complaint)
        print(f"{path:<16} {figure:8.1f}  recorded {'-' if recorded is None else recorded:>8}  {complaint}".rstrip())
    if options.record:
        known["instructions"].update({path: round(figure, 1) for path, figure in zip(options.only, figures)})
        FILE.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    if complaints:
        print(f"{complaints} of {len(figures)} paths differ from bench/instructions.json by more than {TOLERANCE:.0%}; "
              "what changed them on purpose records them: tools/instructions.py --record", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failure, OSError, subprocess.TimeoutExpired) as failure:
        print(f"instructions: {failure}", file=sys.stderr)
        sys.exit(2)

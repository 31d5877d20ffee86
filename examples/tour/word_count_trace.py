#!/usr/bin/env python3
"""word_count_trace.py TOUR CHECK_TRACE: ten seconds of the word count, recorded. The trace is right and small, and
the checker that says so finds what is wrong in broken copies of it."""
import subprocess
import sys
import tempfile
from pathlib import Path


def check(tool, trace, *bounds):
    return subprocess.run([sys.executable, tool, trace, *bounds], capture_output=True, text=True, check=False)


def event(lines, start, number=0):
    """The position of the event number so many that begins so."""
    return [i for i, line in enumerate(lines) if line.startswith(start)][number]


def broken(lines):
    """What is done to a copy, and what the checker must say."""
    an_end = event(lines, '{"ph":"E"', 5)
    a_begin = next(i for i, line in enumerate(lines[:-1])  # of one that no arrow leads to
                   if line.startswith('{"ph":"B"') and lines[i + 1].startswith('{"ph":"E"'))
    a_tail = event(lines, '{"ph":"s"', 5)
    a_head = event(lines, '{"ph":"f"', 5)
    track = event(lines, '{"ph":"M","name":"thread_name"')
    without = lambda i: lines[:i] + lines[i + 1:]
    early = lines[an_end].replace('"ts":', '"ts":0.000,"was":')
    yield without(an_end), "a slice within another one"
    yield without(a_begin), "an end without a beginning"
    yield without(a_tail), "an arrow from nowhere"
    yield without(a_head), "arrows that lead nowhere"
    yield without(track), "a track without a name"
    yield lines[:an_end] + [early] + lines[an_end + 1:], "0.0 after"
    yield lines[:an_end] + [lines[an_end][:20] + "\n"] + lines[an_end + 1:], "JSONDecodeError"
    yield lines[:-1], "the file has no end"
    yield lines[1:], "not the head of a trace"
    yield lines[:-1] + [lines[-1].replace('left_out":"0"', 'left_out":"1"')], "events were left out"


def main():
    tour, tool = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        trace = Path(scratch, "trace.json")
        subprocess.run([tour, "--chapter", "11", "--trace", trace, "--seconds", "10"], check=True)
        bounds = ["--seconds", "10", "--megabytes", "100"]
        verdict = check(tool, trace, *bounds)
        print(verdict.stdout + verdict.stderr)
        assert verdict.returncode == 0, "the trace is not right"
        for tight in (["--seconds", "3600"], ["--megabytes", "0.001"]):
            assert check(tool, trace, *tight).returncode == 1, f"{tight} holds"
        lines = trace.read_text(encoding="utf-8").splitlines(keepends=True)
        for copy, expected in broken(lines):
            trace.write_text("".join(copy), encoding="utf-8")
            verdict = check(tool, trace, *bounds)
            assert verdict.returncode == 1 and expected in verdict.stderr, f"not found: {expected}\n{verdict.stderr}"


main()

#!/usr/bin/env python3
"""word_count_trace.py TOUR CHECK_TRACE: ten seconds of the word count, recorded. The trace is right and small, and the
checker that says so finds what is wrong in broken copies of it."""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

MEGABYTES = "60"  # it takes 8; start_trace() stops at 67


def check(tool, trace, *bounds):
    return subprocess.run([sys.executable, tool, trace, *bounds], capture_output=True, text=True, check=False)


def number(line, field):
    found = re.search(f'"{field}":([0-9.]+)', line)
    return float(found[1]) if found else None


class Trace:
    """The lines of a right trace, and where some events stand in it."""

    def __init__(self, lines):
        self.lines = lines
        self.of_p0 = [i for i, line in enumerate(lines) if '"pid":1,"tid":1,' in line and line[7] in "BE"]
        # A slice of P 0 in the middle that no arrow leads to or leaves from, and the one after it.
        for begin, end, later in zip(self.of_p0[10:], self.of_p0[11:], self.of_p0[12:]):
            inside = [line[7] for line in lines[begin + 1:end]]
            if lines[begin][7] == "B" and lines[later][7] == "B" and "f" not in inside:
                self.begin, self.end, self.later = begin, end, later
                break
        # An arrow between two tracks that takes some time.
        for self.head, line in enumerate(lines):
            if line.startswith('{"ph":"f"') and number(line, "ts") - number(lines[self.head - 1], "ts") > 5:
                break
        self.tail = self.head - 1

    def without(self, i):
        return self.lines[:i] + self.lines[i + 1:]

    def with_line(self, i, line):
        return self.lines[:i] + [line] + self.lines[i + 1:]

    def at(self, i, time):
        return self.with_line(i, re.sub('"ts":[0-9.]+', f'"ts":{time:.3f}', self.lines[i]))


def broken(trace):
    """Copies, each with what the checker must say of it."""
    lines = trace.lines
    yield trace.without(trace.end), "a slice within another one"
    yield trace.without(trace.begin), "an end without a beginning"
    yield trace.without(trace.of_p0[-1]), "a slice without an end"
    yield trace.without(trace.tail), "an arrow from nowhere"
    yield trace.without(trace.head), "arrows that lead nowhere"
    yield trace.with_line(trace.head, lines[trace.tail]), "two arrows of one name"
    yield trace.at(trace.tail, number(lines[trace.head], "ts") + 1), "an arrow that leads backwards"
    yield trace.with_line(trace.end, lines[trace.end].replace("},\n", "}\n")), "a comma is missing"
    yield trace.with_line(len(lines) - 2, lines[-2].replace("}\n", "},\n")), "one too many"
    yield trace.at(trace.head, number(lines[trace.head], "ts") + 1), "an arrow to where no slice begins"
    yield trace.at(trace.end, 0), "0.0 after"
    yield trace.with_line(trace.end, lines[trace.end].replace('"ph":"E"', '"ph":"e"')), "an event of kind e"
    yield trace.with_line(trace.end, lines[trace.end][:20] + "\n"), "JSONDecodeError"
    yield trace.with_line(trace.end, "7,\n"), "TypeError"
    yield trace.without(next(i for i, line in enumerate(lines) if "thread_name" in line)), "a track without a name"
    yield lines[:-1], "the file has no end"
    yield lines[1:], "not the head of a trace"
    yield [*lines, "\n"], "something after the end"
    yield trace.with_line(len(lines) - 1, lines[-1].replace('left_out":"0"', 'left_out":"1"')), "events were left out"
    yield trace.with_line(len(lines) - 1, lines[-1].replace("stop_trace", "exit")), "did not end by stop_trace"


# A turn of P 0 from 10 to 20 that starts one after another, each with a turn of its own later: more than are in memory
# at once anywhere. And one whose arrow leaves after the turn.
def long_way(count, left=15):
    yield '{"displayTimeUnit":"ns","traceEvents":['
    yield '{"ph":"M","name":"thread_name","pid":1,"tid":1,"args":{"name":"P 0"}},'
    yield '{"ph":"B","pid":1,"tid":1,"ts":10,"name":"starter","args":{}},'
    yield '{"ph":"E","pid":1,"tid":1,"ts":20,"args":{}},'
    for i in range(count):
        yield f'{{"ph":"B","pid":1,"tid":1,"ts":{100 + i},"name":"g","args":{{}}}},'
        yield f'{{"ph":"s","pid":1,"tid":1,"ts":{left},"cat":"wake","name":"wake","id":{i}}},'
        yield f'{{"ph":"f","pid":1,"tid":1,"ts":{100 + i},"cat":"wake","name":"wake","id":{i},"bp":"e"}},'
        yield f'{{"ph":"E","pid":1,"tid":1,"ts":{100 + i},"args":{{}}}}' + ("," if i + 1 < count else "")
    yield '],"otherData":{"events_left_out":"0","ended_by":"stop_trace"}}'


# A turn of P 1 leads to one of P 0 while it is open, at a time after its end.
LEAVES_TOO_LATE = """{"displayTimeUnit":"ns","traceEvents":[
{"ph":"M","name":"thread_name","pid":1,"tid":1,"args":{"name":"P 0"}},
{"ph":"M","name":"thread_name","pid":1,"tid":2,"args":{"name":"P 1"}},
{"ph":"B","pid":1,"tid":2,"ts":10,"name":"waker","args":{}},
{"ph":"B","pid":1,"tid":1,"ts":30,"name":"woken","args":{}},
{"ph":"s","pid":1,"tid":2,"ts":25,"cat":"wake","name":"wake","id":1},
{"ph":"f","pid":1,"tid":1,"ts":30,"cat":"wake","name":"wake","id":1,"bp":"e"},
{"ph":"E","pid":1,"tid":2,"ts":20,"args":{}},
{"ph":"E","pid":1,"tid":1,"ts":40,"args":{}}
],"otherData":{"events_left_out":"0","ended_by":"stop_trace"}}
"""


def main():
    tour, tool = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "trace.json")
        subprocess.run([tour, "--chapter", "11", "--trace", file, "--seconds", "10"], check=True)
        bounds = ["--seconds", "10", "--megabytes", MEGABYTES]
        verdict = check(tool, file, *bounds)
        print(verdict.stdout + verdict.stderr)
        assert verdict.returncode == 0, "the trace is not right"
        counts = [int(n) for n in re.search(r"(\d+) slices, (\d+) arrows", verdict.stdout).groups()]
        assert min(counts) > 1000, "hardly anything is recorded"
        for tight in (["--seconds", "3600"], ["--megabytes", "0.001"]):
            assert check(tool, file, *tight).returncode == 1, f"{tight} holds"

        def refuses(text, expected):
            file.write_text(text, encoding="utf-8")
            verdict = check(tool, file)
            assert verdict.returncode == 1 and expected in verdict.stderr, f"not found: {expected}\n{verdict.stderr}"

        for copy, expected in broken(Trace(file.read_text(encoding="utf-8").splitlines(keepends=True))):
            refuses("".join(copy), expected)
        refuses(LEAVES_TOO_LATE, "an arrow has left after this end")
        refuses("\n".join(long_way(5000, left=50)), "an arrow from outside of a slice")
        file.write_text("\n".join(long_way(5000)), encoding="utf-8")
        assert check(tool, file).returncode == 0, "many arrows from one turn"


main()

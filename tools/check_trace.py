#!/usr/bin/env python3
"""Checks a trace that start_trace() has written, event by event, however large the file is:

    tools/check_trace.py FILE.json [--seconds N] [--megabytes N]

It is JSON, one event in a line. Each track's slices are balanced, do not overlap, and end; times do not go back on a
track; tracks have names; each arrow has both ends, and leads from a slice to the beginning of one, not backwards. The
recording ended as it should and left nothing out. With --seconds it lasted so long at least; with --megabytes the file is
smaller. Prints what it has found; exit code 1 and the line if something is wrong."""
import argparse
import collections
import json
import sys


class Wrong(Exception):
    """What is wrong; main() adds the line."""


def demand(holds, what):
    if not holds:
        raise Wrong(what)


class Track:
    def __init__(self):
        self.last = 0.0  # time of its latest event
        self.begun = None  # of the open slice
        self.ended = collections.deque([(0.0, 0.0)], maxlen=1000)  # the latest slices, for arrows from them

    def covers(self, time):
        return (self.begun is not None and self.begun <= time <= self.last
                or any(begun <= time <= end for begun, end in reversed(self.ended)))


class Checker:
    def __init__(self):
        self.names = {}
        self.tracks = collections.defaultdict(Track)
        self.tails = {}  # arrows under way: where from
        self.waits = []  # arrows whose tail lies in a slice that may go on
        self.counts = collections.Counter()
        self.first, self.latest = None, 0.0

    def take(self, event):
        phase = event["ph"]
        self.counts[phase] += 1
        if phase == "M":
            if event["name"] == "thread_name":
                self.names[event["pid"], event["tid"]] = event["args"]["name"]
            return
        time = event["ts"]
        demand(time >= 0, "a time before the beginning")
        self.first = time if self.first is None else min(self.first, time)
        self.latest = max(self.latest, time)
        if phase == "C":
            demand(event["args"]["value"] >= 0, "a counter below zero")
            return
        place = event["pid"], event["tid"]
        demand(place in self.names, f"a track without a name: {place}")
        handler = {"B": self.begin, "E": self.end, "i": self.instant, "s": self.leave, "f": self.arrive}.get(phase)
        demand(handler, f"an event of kind {phase}")
        handler(event, place, self.tracks[place], time)

    def advance(self, track, time):
        demand(time >= track.last, f"{time} after {track.last}")
        track.last = time

    def begin(self, event, _, track, time):
        self.advance(track, time)
        demand(track.begun is None, "a slice within another one")
        demand(event["name"], "a slice without a name")
        track.begun = time

    def end(self, _, __, track, time):
        self.advance(track, time)
        demand(track.begun is not None, "an end without a beginning")
        track.ended.append((track.begun, time))
        track.begun = None

    def instant(self, _, __, track, time):
        self.advance(track, time)

    def leave(self, event, place, _, time):
        demand(event["id"] not in self.tails, "two arrows of one name")
        self.tails[event["id"]] = place, time

    def arrive(self, event, _, track, time):
        demand(event["id"] in self.tails, "an arrow from nowhere")
        place, left = self.tails.pop(event["id"])
        demand(left <= time, "an arrow that leads backwards")
        demand(track.begun == time, "an arrow to where no slice begins")
        tail = self.tracks[place]
        if left > tail.last:  # within a slice whose end is not written yet
            demand(tail.begun is not None, "an arrow from outside of a slice")
        else:
            demand(tail.covers(left), "an arrow from outside of a slice")

    def finish(self):
        for place, track in self.tracks.items():
            demand(track.begun is None, f"{self.names[place]}: a slice without an end")
        demand(not self.tails, f"{len(self.tails)} arrows that lead nowhere")


def read(path, checker):
    """Feeds the events; returns otherData and the size of the file."""
    with open(path, encoding="utf-8") as file:
        number, size = 1, 0
        head = file.readline()
        demand(head.startswith("{") and head.rstrip().endswith('"traceEvents":['), "line 1: not the head of a trace")
        size += len(head)
        for number, line in enumerate(file, 2):
            size += len(line.encode())
            try:
                if line.startswith("]"):
                    other = json.loads("{" + line[line.index(",") + 1:])
                    demand(file.read() == "", "something after the end")
                    return other["otherData"], size
                checker.take(json.loads(line.rstrip().rstrip(",")))
            except (Wrong, ValueError, KeyError) as error:
                raise Wrong(f"line {number}: {type(error).__name__}: {error}\n    {line.rstrip()}") from error
        raise Wrong(f"line {number}: the file has no end")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--seconds", type=float, default=0, help="it must have recorded for so long")
    parser.add_argument("--megabytes", type=float, default=float("inf"), help="the file must be smaller")
    options = parser.parse_args()
    checker = Checker()
    try:
        other, size = read(options.file, checker)
        checker.finish()
        lasted = (checker.latest - (checker.first or 0)) / 1e6
        print(f"{size / 1e6:.1f} MB, {lasted:.2f} s, {len(checker.names)} tracks, {checker.counts['B']} slices, "
              f"{checker.counts['f']} arrows, {other['events_left_out']} events left out, ended by {other['ended_by']}")
        demand(other["events_left_out"] == "0", "events were left out")
        demand(other["ended_by"] == "stop_trace", "it did not end by stop_trace()")
        demand(checker.counts["B"] > 0 and checker.counts["f"] > 0, "nothing is recorded")
        demand(lasted >= options.seconds, f"it lasted less than {options.seconds:g} s")
        demand(size < options.megabytes * 1e6, f"it has more than {options.megabytes:g} MB")
    except (OSError, Wrong) as error:
        print(f"{options.file}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

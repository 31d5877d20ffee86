#!/usr/bin/env python3
"""Checks a trace that start_trace() has written, event by event, however large the file is:

    tools/check_trace.py FILE.json [--seconds N] [--megabytes N]

It is JSON, one event in a line, as goro writes it. Each track's slices are balanced, do not overlap, and end; times do
not go back on a track; tracks have names; each arrow has both ends, and leads from a slice to the beginning of one, not
backwards. The recording ended as it should and left nothing out. With --seconds it lasted so long at least; with
--megabytes the file is smaller. Prints what it has found; exit code 1 and the line if something is wrong."""
import argparse
import array
import bisect
import collections
import json
import os
import sys


class Wrong(Exception):
    """What is wrong; main() adds the line."""


def demand(holds, what):
    if not holds:
        raise Wrong(what)


class Track:
    """The slices of one track; the last one may be open."""

    def __init__(self):
        self.last = 0.0  # time of its latest event
        self.open = False
        self.begun = array.array("d")
        self.ended = array.array("d")
        self.left = []  # arrows from the open slice, whose end is not known yet

    def covers(self, time):
        """Does one of the slices that have ended?"""
        at = bisect.bisect_right(self.begun, time, hi=len(self.ended)) - 1
        return at >= 0 and time <= self.ended[at]


class Checker:
    def __init__(self):
        self.names = {}
        self.tracks = collections.defaultdict(Track)
        self.tails = {}  # arrows under way: where from, and when
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
        demand(not track.open, "a slice within another one")
        demand(event["name"], "a slice without a name")
        track.begun.append(time)
        track.open = True

    def end(self, _, __, track, time):
        self.advance(track, time)
        demand(track.open, "an end without a beginning")
        track.ended.append(time)
        track.open = False
        demand(all(left <= time for left in track.left), "an arrow has left after this end")
        track.left.clear()

    def instant(self, _, __, track, time):
        self.advance(track, time)

    def leave(self, event, place, _, time):
        demand(event["id"] not in self.tails, "two arrows of one name")
        self.tails[event["id"]] = place, time

    def arrive(self, event, _, track, time):
        demand(event["id"] in self.tails, "an arrow from nowhere")
        place, left = self.tails.pop(event["id"])
        demand(left <= time, "an arrow that leads backwards")
        demand(track.open and track.begun[-1] == time, "an arrow to where no slice begins")
        tail = self.tracks[place]
        if tail.open and left >= tail.begun[-1]:
            tail.left.append(left)
        else:
            demand(tail.covers(left), "an arrow from outside of a slice")

    def finish(self):
        for place, track in self.tracks.items():
            demand(not track.open, f"{self.names[place]}: a slice without an end")
        demand(not self.tails, f"{len(self.tails)} arrows that lead nowhere")


def read(path, checker):
    """Feeds the events; returns what stands behind them in otherData."""
    with open(path, "rb") as file:
        number, head = 1, file.readline().rstrip()
        demand(head.startswith(b"{") and head.endswith(b'"traceEvents":['), "line 1: not the head of a trace")
        goes_on = True
        for number, line in enumerate(file, 2):
            try:
                demand(goes_on != line.startswith(b"]"), "a comma is missing, or one too many")
                goes_on = line.rstrip().endswith(b",")
                if line.startswith(b"]"):
                    other = json.loads(b"{" + line[line.index(b",") + 1:])["otherData"]
                    demand(file.read() == b"", "something after the end")
                    return other["events_left_out"], other["ended_by"]
                checker.take(json.loads(line.rstrip().removesuffix(b",")))
            except (Wrong, ValueError, KeyError, TypeError, RecursionError) as error:
                shown = line[:200].decode(errors="replace").rstrip()
                raise Wrong(f"line {number}: {type(error).__name__}: {error}\n    {shown}") from error
        raise Wrong(f"line {number}: the file has no end")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--seconds", type=float, default=0, help="it must have recorded for so long")
    parser.add_argument("--megabytes", type=float, default=float("inf"), help="the file must be smaller")
    options = parser.parse_args()
    checker = Checker()
    try:
        left_out, ended_by = read(options.file, checker)
        checker.finish()
        size = os.path.getsize(options.file)
        lasted = (checker.latest - (checker.first or 0)) / 1e6
        print(f"{size / 1e6:.1f} MB, {lasted:.2f} s, {len(checker.names)} tracks, {checker.counts['B']} slices, "
              f"{checker.counts['f']} arrows, {left_out} events left out, ended by {ended_by}")
        demand(left_out == "0", "events were left out")
        demand(ended_by == "stop_trace", "it did not end by stop_trace()")
        demand(lasted >= options.seconds, f"it lasted less than {options.seconds:g} s")
        demand(size < options.megabytes * 1e6, f"it has more than {options.megabytes:g} MB")
    except (OSError, Wrong) as error:
        print(f"{options.file}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

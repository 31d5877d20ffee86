#!/usr/bin/env python3
"""Draws a trace that goro::diag::start_trace has recorded as an SVG.

    tools/draw_trace.py TRACE.json OUT.svg [--from MS] [--to MS] [--width PIXELS]

A track for each P and, below them, for each thread whose goroutine had no P; a bar for each turn, in the colour of
its goroutine, with its name where there is room; a curve from who made a goroutine ready, or started it, to its turn; a
mark for thefts and hand-offs. A browser shows times and reasons when the pointer rests on a bar. Nothing but Python's
standard library is needed. For a whole trace of a real program use https://ui.perfetto.dev: this is for a picture of
some milliseconds.
"""

import argparse
import json
from html import escape

LEFT, RIGHT, TOP, TRACK, BAR, LEGEND = 110, 20, 46, 58, 34, 22  # in pixels
COLOURS = ['#4269d0', '#efb118', '#ff725c', '#6cc5b0', '#3ca951', '#ff8ab7', '#a463f2', '#97bbf5', '#9c6b4e',
           '#9498a0']
MARKS = {'steal': '#b00020', 'hand-off': '#7a3fc4', 'poller': '#007a87'}


def track_key(event):
    return event['pid'], event.get('tid', -1)


class Trace:
    """The events of a file, by track: names, slices (begin, end, name, created, until), arrows and marks."""

    def __init__(self, document):
        self.tracks, self.slices, self.arrows, self.marks = {}, [], [], []
        open_slices, tails = {}, {}
        for e in document['traceEvents']:
            phase, key = e['ph'], track_key(e)
            if phase == 'M' and e['name'] == 'thread_name':
                self.tracks[key] = e['args']['name']
            elif phase == 'B':
                open_slices[key] = e
            elif phase == 'E' and key in open_slices:
                b = open_slices.pop(key)
                until = e.get('args', {}).get('until', '')
                self.slices.append((key, b['ts'], e['ts'], b['name'], b.get('args', {}), until))
            elif phase == 's':
                tails[e['id']] = e
            elif phase == 'f' and e['id'] in tails:
                s = tails.pop(e['id'])
                self.arrows.append((track_key(s), s['ts'], key, e['ts']))
            elif phase == 'i' and e['name'] in MARKS:
                self.marks.append((key, e['ts'], e['name']))

    def clip(self, begin, end):
        """Only what lies between the two times."""
        self.slices = [(k, max(b, begin), min(e, end), *rest)
                       for k, b, e, *rest in self.slices if b < end and e > begin]
        self.arrows = [a for a in self.arrows if begin <= a[1] and a[3] <= end]
        self.marks = [m for m in self.marks if begin <= m[1] <= end]
        used = {s[0] for s in self.slices}
        self.tracks = {k: self.tracks.get(k, '?') for k in sorted(used)}


class Picture:
    def __init__(self, trace, begin, end, width):
        self.trace, self.begin, self.end, self.width = trace, begin, end, width
        self.row = {key: i for i, key in enumerate(trace.tracks)}
        names = sorted({s[3] for s in trace.slices}, key=lambda n: min(s[1] for s in trace.slices if s[3] == n))
        self.colour = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
        self.out = []

    def x(self, ts):
        return LEFT + (ts - self.begin) / (self.end - self.begin) * (self.width - LEFT - RIGHT)

    def y(self, key):
        return TOP + self.row[key] * TRACK + (TRACK - BAR) / 2

    def text(self, x, y, text, **attributes):
        extra = ''.join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
        self.out.append(f'<text x="{x:.1f}" y="{y:.1f}"{extra}>{escape(text)}</text>')

    def axis(self):
        span = self.end - self.begin
        steps = (10**n * f for n in range(1, 12) for f in (1, 2, 5))
        step = next(s for s in steps if span / s <= 12)
        bottom = TOP + len(self.row) * TRACK
        for i in range(int(span // step) + 1):
            x = self.x(self.begin + i * step)
            self.out.append(f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{bottom}" stroke="#e4e4e4"/>')
            self.text(x, TOP - 14, f'{i * step / 1000:g} ms', fill='#666', text_anchor='middle')

    def bars(self):
        for key, name in self.trace.tracks.items():
            self.text(LEFT - 12, self.y(key) + BAR / 2 + 4, name, text_anchor='end', fill='#222', font_weight='600')
        for key, begin, end, name, args, until in self.trace.slices:
            x, w = self.x(begin), max(self.x(end) - self.x(begin), 0.6)
            about = f'{name}, created at {args.get("created_at", "?")}: {end - begin:.1f} us, then {until}'
            self.out.append(f'<rect x="{x:.2f}" y="{self.y(key):.1f}" width="{w:.2f}" height="{BAR}" rx="2" '
                            f'fill="{self.colour[name]}"><title>{escape(about)}</title></rect>')
            if w > 7 * len(name) + 6:
                self.text(x + w / 2, self.y(key) + BAR / 2 + 4, name, text_anchor='middle', fill='#fff')

    def curves(self):
        for tail, begin, head, end in self.trace.arrows:
            if tail not in self.row or head not in self.row:
                continue
            x1, x2, down = self.x(begin), self.x(end), self.row[head] > self.row[tail]
            same = head == tail
            y1 = self.y(tail) + (BAR if down else 0)
            y2 = self.y(head) + (0 if down or same else BAR)
            lift = -16 if same else 0
            self.out.append(f'<path d="M{x1:.1f} {y1:.1f}C{x1:.1f} {(y1 + y2) / 2 + lift:.1f} {x2:.1f} '
                            f'{(y1 + y2) / 2 + lift:.1f} {x2:.1f} {y2:.1f}" marker-end="url(#head)"/>')

    def signs(self):
        for key, ts, name in self.trace.marks:
            if key in self.row:
                x, y = self.x(ts), self.y(key) + BAR
                self.out.append(f'<path d="M{x:.1f} {y:.1f}l-4 8h8z" fill="{MARKS[name]}" stroke="none">'
                                f'<title>{name}</title></path>')

    def legend(self):
        x, y = LEFT, TOP + len(self.row) * TRACK + 20
        marks = sorted({m[2] for m in self.trace.marks if m[0] in self.row})
        for name, colour in [*self.colour.items(), *((m, MARKS[m]) for m in marks)]:
            w = 7 * len(name) + 34
            if x + w > self.width - RIGHT:
                x, y = LEFT, y + LEGEND
            if name in self.colour:
                self.out.append(f'<rect x="{x}" y="{y - 10}" width="12" height="12" rx="2" fill="{colour}"/>')
            else:
                self.out.append(f'<path d="M{x + 6} {y - 9}l-5 10h10z" fill="{colour}"/>')
            self.text(x + 17, y, name, fill='#222')
            x += w
        return y + LEGEND

    def draw(self):
        self.axis()
        self.bars()
        self.out.append('<g fill="none" stroke="#333" stroke-width="0.8" stroke-opacity="0.55">')
        self.curves()
        self.out.append('</g>')
        self.signs()
        height = self.legend()
        head = ('<defs><marker id="head" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="6" markerHeight="6" '
                'orient="auto"><path d="M0 0L6 3L0 6z" fill="#333" stroke="none"/></marker></defs>')
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{height}" '
                f'viewBox="0 0 {self.width} {height}" font-family="system-ui,sans-serif" font-size="12">\n{head}\n'
                f'<rect width="100%" height="100%" fill="#fff"/>\n' + '\n'.join(self.out) + '\n</svg>\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('trace')
    parser.add_argument('svg')
    parser.add_argument('--from', dest='begin', type=float, help='milliseconds; default: the beginning')
    parser.add_argument('--to', dest='end', type=float, help='milliseconds; default: the end')
    parser.add_argument('--width', type=int, default=1200)
    options = parser.parse_args()
    with open(options.trace, encoding='utf-8') as file:
        trace = Trace(json.load(file))
    if not trace.slices:
        parser.error('there is no turn in it')
    begin = options.begin * 1000 if options.begin is not None else min(s[1] for s in trace.slices)
    end = options.end * 1000 if options.end is not None else max(s[2] for s in trace.slices)
    if begin >= end:
        parser.error('the end must be later than the beginning')
    trace.clip(begin, end)
    if not trace.slices:
        parser.error('there is no turn between these times')
    with open(options.svg, 'w', encoding='utf-8') as file:
        file.write(Picture(trace, begin, end, options.width).draw())


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""trace_check.py TOUR DRAW_TRACE: the trace that chapter 5 records is drawn, and the picture shows it."""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from pathlib import Path

SVG = '{http://www.w3.org/2000/svg}'


def draw(tool, trace, picture, *options):
    subprocess.run([sys.executable, tool, trace, picture, *options], check=True)
    return xml.parse(picture).getroot()


def main():
    tour, tool = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([tour, '--chapter', '5'], check=True, env={**os.environ, 'TMPDIR': folder})
        (trace,) = Path(folder).glob('goro-tour-*.json')
        picture = Path(folder, 'trace.svg')
        whole = draw(tool, trace, picture)
        texts = {t.text for t in whole.iter(SVG + 'text')}
        assert any(t.startswith('P ') for t in texts), 'no P is shown'
        missing = {'source', 'worker 0', 'worker 1', 'worker 2', 'blocks its thread'} - texts
        assert not missing, f'not in the picture: {missing}'
        turns = sum(1 for _ in whole.iter(SVG + 'title'))
        assert turns > 20, f'only {turns} turns and marks'
        part = draw(tool, trace, picture, '--to', '0.5')
        assert 0 < sum(1 for _ in part.iter(SVG + 'title')) < turns, 'a part of the time shows a part of the turns'
        backwards = [sys.executable, tool, trace, picture, '--from', '9', '--to', '8']
        nothing = subprocess.run(backwards, capture_output=True)
        assert nothing.returncode == 2, 'times in the wrong order are refused'


main()

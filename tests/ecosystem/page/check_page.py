"""The live page of a program with 10,000 goroutines, in headless Chromium.

    check_page.py --chromium PATH --program PATH [--screenshots DIR]

Fails if the page takes longer than a second to show them (the best of three loads: other tests run beside), if its
figures are not those of diag::goroutines(), if it complains, asks anybody else for anything, cannot be used by
keyboard, or is wider than a phone.
"""

import argparse
import os
import subprocess
import sys
import time
import unittest

from browser import Browser

options = None

# Notes when the first rows are there, in milliseconds since the navigation began.
NOTE_FIRST_ROWS = """
new MutationObserver((changes, observer) => {
  if (!document.querySelector('#group-table tbody tr')) return;
  window.firstRows = performance.now();
  observer.disconnect();
}).observe(document, { childList: true, subtree: true });
"""
# All rows of the table; what stands behind "created at" ends the stack.
ROWS = """
[...document.querySelectorAll('#group-table tbody tr:not([id])')].map((row) => ({
  count: Number(row.querySelector('.count').textContent.replaceAll(',', '')),
  state: row.querySelector('.state').textContent,
  stack: row.nextSibling.querySelector('pre').textContent,
  members: row.nextSibling.querySelector('p').textContent,
}))
"""
NOTE = "document.getElementById('groups-note').textContent"
FOCUS = "document.activeElement.id || document.activeElement.className"


class Program:
    def __init__(self, *arguments):
        self.process = subprocess.Popen([options.program, *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def groups(self):
        """What diag::goroutines() says of those that wait: how many by state and place."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        found = {}
        while line := self.process.stdout.readline().rstrip("\n"):
            n, state, place = line.split("\t")
            found[state, place] = int(n)
        return found

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


def sums(rows):
    found = {}
    for row in rows:
        key = row["state"], row["stack"].rsplit("created at ", 1)[1]
        found[key] = found.get(key, 0) + row["count"]
    return found


class Page(unittest.TestCase):
    def setUp(self):
        self.program = Program()
        self.addCleanup(self.program.close)
        self.browser = Browser(options.chromium)
        self.addCleanup(self.browser.close)
        self.browser.call("Page.addScriptToEvaluateOnNewDocument", source=NOTE_FIRST_ROWS)
        self.browser.size(1280, 900)

    def load(self):
        self.browser.call("Page.navigate", url=self.program.url)
        return self.browser.until("window.firstRows")

    def with_stacks(self):
        self.browser.until(ROWS + ".some((row) => row.stack.includes('handle_requests'))")

    def expect_no_complaint(self):
        self.browser.evaluate("0")  # what has happened has been told before this is answered
        self.assertEqual(self.browser.complaints, [])
        for url in self.browser.requests:
            self.assertTrue(url.startswith((self.program.url, "data:,", "blob:" + self.program.url)), url)

    def test_is_there_within_a_second(self):
        times = [self.load() for _ in range(3)]
        print("first rows after", *[f"{t:.0f}" for t in times], "ms")
        self.assertLess(min(times), 1000)
        self.expect_no_complaint()

    def test_agrees_with_diag_goroutines(self):
        self.load()
        before = self.browser.evaluate(ROWS)
        self.with_stacks()
        after = self.browser.evaluate(ROWS)
        truth = self.program.groups()
        self.assertGreaterEqual(sum(truth.values()), 10_000)
        for rows in (before, after):
            shown = sums(rows)
            for key, n in truth.items():
                self.assertEqual(shown.get(key), n, key)
        total = self.browser.evaluate("document.querySelector('#figures dd').textContent")
        # Besides those that wait: main, which waits for its input, three that work, and those of the page.
        self.assertIn(int(total.replace(",", "")) - sum(truth.values()), range(1, 12))
        self.assertTrue(self.browser.evaluate(NOTE).startswith("10,0"))
        self.expect_no_complaint()

    def test_keyboard(self):
        b = self.browser
        self.load()
        self.with_stacks()
        b.press("/", "/")
        self.assertEqual(b.evaluate(FOCUS), "filter")
        self.assertEqual(b.evaluate("document.getElementById('filter').value"), "")
        b.call("Input.insertText", text="hold_session")
        b.until(NOTE + ".startsWith('1,500 of 10,')")
        rows = b.evaluate(ROWS)
        self.assertEqual([row["count"] for row in rows], [1500])
        for _ in range(5):  # four headers to sort by, and the row
            b.press("Tab")
        self.assertEqual(b.evaluate(FOCUS), "toggle")
        b.press("Enter", "\r")
        b.until("document.activeElement.ariaExpanded === 'true' && document.querySelector('pre').checkVisibility()")
        time.sleep(2.5)  # two more looks must leave it so
        self.assertEqual(b.evaluate(FOCUS + " + document.activeElement.ariaExpanded"), "toggletrue")
        b.press("p", "p")
        b.until("document.getElementById('status').textContent === 'paused'")
        b.press("p", "p")
        b.until("document.getElementById('status').textContent === 'live'")
        b.press("/", "/")
        b.press("Escape")
        b.until(NOTE + ".startsWith('10,0')")
        self.expect_no_complaint()

    def test_every_control_is_reached_and_seen(self):
        b = self.browser
        self.load()
        self.with_stacks()
        b.press("p", "p")  # so that no row comes or goes
        all_controls = "[...document.querySelectorAll('a, button, input, select')]"
        wanted = b.evaluate(all_controls + ".flatMap((e, i) => e.checkVisibility() ? [i] : [])")
        reached = set()
        for _ in range(len(wanted) + 10):
            b.press("Tab")
            at, name, seen = b.evaluate("""(() => {
              const e = document.activeElement, box = e.getBoundingClientRect();
              const seen = box.width > 0 && box.left >= 0 && getComputedStyle(e).outlineStyle !== 'none';
              return [%s.indexOf(e), e.tagName + e.id, seen || e === document.body];
            })()""" % all_controls)
            self.assertTrue(seen, f"{name}: not seen, or not seen to have the focus")
            reached.add(at)
        self.assertEqual(set(wanted) - reached, set())

    def test_sorting(self):
        b = self.browser
        self.load()
        self.with_stacks()
        counts = lambda: [row["count"] for row in b.evaluate(ROWS)]
        self.assertEqual(counts(), sorted(counts(), reverse=True))
        b.evaluate("document.querySelector('[data-sort=count]').click()")
        self.assertEqual(counts(), sorted(counts()))
        b.evaluate("document.querySelector('[data-sort=state]').click()")
        states = [row["state"].lower() for row in b.evaluate(ROWS)]
        self.assertEqual(states, sorted(states))
        b.until("[...document.querySelectorAll('td.wait')].some((e) => / s$/.test(e.textContent))")

    def test_names_are_only_text(self):
        b = self.browser
        self.load()
        b.evaluate("document.getElementById('filter').value = 'onerror';"
                   "document.getElementById('filter').dispatchEvent(new Event('input'))")
        b.until(NOTE + ".startsWith('1 of')")
        self.assertIn("<img src=x onerror=alert(1)>", b.evaluate(ROWS)[0]["members"])
        self.assertEqual(b.evaluate("document.images.length"), 0)
        self.expect_no_complaint()

    def test_fits_a_phone(self):
        self.browser.size(360, 740, phone=True)
        self.load()
        self.with_stacks()
        self.browser.evaluate("document.querySelectorAll('.toggle').forEach((e) => e.click())")
        for width in (360, 390, 768):
            self.browser.size(width, 740, phone=True)
            self.assertLessEqual(self.browser.evaluate("document.documentElement.scrollWidth"), width)
        self.expect_no_complaint()

    def test_trace(self):
        b = self.browser
        self.load()
        b.evaluate("document.getElementById('trace-seconds').value = '1'; document.getElementById('trace').click()")
        b.until("document.getElementById('trace').textContent.startsWith('Recording 1 s')")
        b.until("document.getElementById('trace').textContent !== 'Recording 1 s\u2026'")
        self.assertEqual(b.evaluate("document.getElementById('trace').textContent"), "Trace")
        self.assertIn(self.program.url + "trace.json?seconds=1", b.requests)
        self.expect_no_complaint()

    def test_says_when_the_program_is_gone(self):
        self.load()
        self.expect_no_complaint()
        self.program.process.kill()
        self.browser.until("document.getElementById('status').textContent.startsWith('disconnected')")


class Screenshots(Page):
    """Taken after the plots have something to show."""

    def test_screenshots(self):
        b = self.browser
        self.load()
        self.with_stacks()
        time.sleep(options.seconds)
        b.evaluate("document.querySelector('.toggle').click()")
        for name, width, height in (("desktop", 1280, 900), ("phone", 390, 1500)):
            for dark in (False, True):
                b.size(width, height, phone=name == "phone")
                b.dark(dark)
                time.sleep(1.5)
                b.screenshot(os.path.join(options.screenshots, f"page-{name}{'-dark' if dark else ''}.png"))


def main():
    global options
    parser = argparse.ArgumentParser()
    parser.add_argument("--chromium", required=True)
    parser.add_argument("--program", required=True)
    parser.add_argument("--screenshots", help="only write them there")
    parser.add_argument("--seconds", type=int, default=60, help="how long to look before")
    options, rest = parser.parse_known_args()
    if options.screenshots:
        rest = ["Screenshots.test_screenshots", *rest]
    elif not any(name.startswith("Page") for name in rest):
        rest = ["Page", *rest]
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()

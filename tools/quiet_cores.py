"""Tells whether the cores run at their full speed now. On a virtual machine, or with two hardware threads to a core,
somebody else's work makes a core slower by up to two times for seconds, and no load average shows it.

A short fixed loop is timed on each CPU that this process may use. The fastest time ever seen is the full speed; a CPU
is quiet while the loop takes at most SLACK times that."""
import os
import time

SLACK = 1.25  # quiet cores differ by 5 %, a busy neighbour costs 50 % or more
PROBES = 3  # the fastest of so many counts: one alone may have met an interrupt


def time_loop():
    start = time.perf_counter()
    total = 0
    for i in range(20000):
        total += i
    return time.perf_counter() - start


class QuietCores:
    def __init__(self):
        self.full_speed = min(self.slowest_cpu() for _ in range(20))

    def slowest_cpu(self):
        """The loop's seconds on the CPU that is slowest now."""
        cpus = os.sched_getaffinity(0)
        try:
            slowest = 0.0
            for cpu in cpus:
                os.sched_setaffinity(0, {cpu})
                slowest = max(slowest, min(time_loop() for _ in range(PROBES)))
            return slowest
        finally:
            os.sched_setaffinity(0, cpus)  # what is started next inherits it

    def quiet(self):
        seconds = self.slowest_cpu()
        self.full_speed = min(self.full_speed, seconds)
        return seconds <= SLACK * self.full_speed

    def wait(self, seconds):
        """Waits until all are quiet, for so long at most."""
        end = time.monotonic() + seconds
        while not self.quiet() and time.monotonic() < end:
            time.sleep(0.05)

"""What the scripts of this folder have in common: programs that are started, spoken to over loopback, and ended."""

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

SKIPPED = 77


def need(*programs):
    """Ends the test as skipped if one of them is not installed."""
    for program in programs:
        if not shutil.which(program):
            print(f"skipped: {program} is not installed")
            sys.exit(SKIPPED)


def check(condition, text):
    if not condition:
        raise AssertionError(text)


def equal(got, expected, text=""):
    check(got == expected, f"{text}: got {got!r}, not {expected!r}")


class Server:
    """A program that says "listening on HOST:PORT"; ended at the end of the with block, with its exit code checked."""

    def __init__(self, *command, expect=0):
        self.expect = expect
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1)
        check(select.select([self.process.stdout], [], [], 20)[0], f"{command[0]} says nothing")
        line = self.process.stdout.readline()
        check(line.startswith("listening on "), f"{command[0]} says {line!r}")
        self.address = line.split()[-1]
        self.port = int(self.address.rpartition(":")[2])

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.process.kill()
            self.process.wait()
        elif self.process.poll() is None:
            self.end()

    def connect(self, timeout=20, receive_buffer=None):
        s = socket.socket()
        if receive_buffer:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        s.settimeout(timeout)
        s.connect(("127.0.0.1", self.port))
        return s

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def end(self, within=15):
        """SIGTERM, and what it printed since."""
        self.terminate()
        return self.wait(within)

    def wait(self, within=15):
        output, _ = self.process.communicate(timeout=within)
        equal(self.process.returncode, self.expect, "exit code")
        return output

    def memory_kb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def read_all(s, limit=1 << 30):
    """To the end of the stream; a reset is not an end."""
    parts = []
    size = 0
    while size < limit:
        part = s.recv(1 << 16)
        if not part:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def read_exactly(s, n):
    parts = bytearray()
    while len(parts) < n:
        part = s.recv(min(1 << 16, n - len(parts)))
        check(part, f"the stream ends after {len(parts)} of {n} bytes")
        parts += part
    return bytes(parts)


def run_program(*command, timeout=60, environment=None):
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=timeout, check=False, env={**os.environ, **(environment or {})}
    )
    return done.returncode, done.stdout, done.stderr


def refuses(program, cases):
    """Bad arguments: exit code 2 and a sentence on stderr, nothing on stdout. And --help."""
    for arguments, text in cases:
        code, out, err = run_program(program, *arguments)
        equal((code, out), (2, ""), f"{arguments}")
        check(text in err and "usage:" in err, f"{arguments}: says {err!r}, not {text!r}")
    code, out, err = run_program(program, "--help")
    check(code == 0 and out.startswith("usage:") and not err, "--help")


def main(tests):
    """Runs them in order, and says which took how long."""
    for test in tests:
        begin = time.monotonic()
        print(f"{test.__name__} ...", flush=True)
        test()
        print(f"{test.__name__} ok ({time.monotonic() - begin:.2f} s)", flush=True)
    print("all is as expected")

#!/usr/bin/env python3
"""The load generator against a small HTTP server. Usage: load_http.py PATH-OF-LOAD_GENERATOR PATH-OF-LOAD_RESPONDER"""

import re
import signal
import subprocess
import sys
import time

from kv_support import Server, check, equal, main, refuses, run_program

PROGRAM, RESPONDER = sys.argv[1:3]


def load(address, path="/", *arguments, expect=0):
    code, out, err = run_program(
        PROGRAM, "--address", address, "--path", path, "--connections", "8", "--duration", "500ms", *arguments
    )
    equal(code, expect, f"{path}: {out}{err}")
    return out


def requests(out):
    return int(re.search(r"^(\d+) requests", out).group(1))


def what_it_prints():
    with Server(RESPONDER) as server:
        out = load(server.address)
        check(requests(out) > 10, out)
        check(re.search(r"^requests per second: \d+\.\d$", out, re.M), out)
        check(re.search(r"over 8 connections", out), out)
        times = re.search(r"p50 ([\d.]+)  p90 ([\d.]+)  p99 ([\d.]+)  max ([\d.]+)$", out, re.M)
        values = [float(t) for t in times.groups()]
        check(values == sorted(values) and values[0] > 0, out)
        print(out, end="")


def latency_is_that_of_the_server():
    with Server(RESPONDER) as server:
        out = load(server.address, "/slow")
        p50 = float(re.search(r"p50 ([\d.]+)", out).group(1))
        check(p50 >= 50, out)


def every_kind_of_response():
    with Server(RESPONDER) as server:
        check("over 8 connections" in load(server.address, "/chunked"), "chunks keep the connection")
        for path in ("/close", "/http10"):
            out = load(server.address, path)
            connections = int(re.search(r"over (\d+) connections", out).group(1))
            check(connections >= requests(out), out)
            check(requests(out) > 16, f"nobody connects again: {out}")


def every_kind_of_error():
    with Server(RESPONDER) as server:
        for path, error in [
            ("/404", "times status 404"),
            ("/broken", "times response: no status line"),
            ("/cut", "times response: the connection ends before the response does"),
        ]:
            out = load(server.address, path, expect=1)
            check(error in out and requests(out) == 0, out)
        out = load(server.address, "/silent", "--timeout", "100ms", expect=1)
        check(re.search(r"error: \d+ times read: ", out), out)
    out = load(server.address, expect=1)
    check(re.search(r"error: \d+ times connect: Connection refused", out), out)


def catches(pid, signum):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        mask = next(line.split()[1] for line in status if line.startswith("SigCgt:"))
    return int(mask, 16) >> (signum - 1) & 1


def it_ends_in_time():
    with Server(RESPONDER) as server:
        begin = time.monotonic()
        load(server.address, "/silent", expect=1)  # the answer would come after --timeout, 5 s
        check(time.monotonic() - begin < 4, "it waits for the last answers")
        running = subprocess.Popen([PROGRAM, "--address", server.address, "--duration", "60s"], stdout=subprocess.PIPE)
        while not catches(running.pid, signal.SIGINT):
            check(running.poll() is None, "it has ended at once")
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=10)
        check(b"requests per second" in out, out)


def bad_arguments():
    refuses(
        PROGRAM,
        [
            (["--path", "x"], "does not begin with /"),
            (["--path", "/a b"], "has characters"),
            (["--path", "/a\r\nX: y"], "has characters"),
            (["--duration", "61m"], "is more than an hour"),
            (["--duration", "0s"], "is no time"),
            (["--connections", "many"], "is no number"),
        ],
    )
    code, _, err = run_program(PROGRAM, "--address", "192.0.2.1:80")
    check(code == 1 and "--allow-remote" in err, err)


main(
    [
        what_it_prints,
        latency_is_that_of_the_server,
        every_kind_of_response,
        every_kind_of_error,
        it_ends_in_time,
        bad_arguments,
    ]
)

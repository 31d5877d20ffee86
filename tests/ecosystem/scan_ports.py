#!/usr/bin/env python3
"""The scanner finds exactly the ports at which somebody listens. Usage: scan_ports.py PATH-OF-PORT_SCANNER

It scans an address of its own, 127.0.0.77, where nobody else listens but who listens on all addresses.
"""

import random
import socket
import sys
import time

from kv_support import check, equal, main, refuses, run_program

PROGRAM = sys.argv[1]
HOST = "127.0.0.77"


def listening_everywhere():
    """Ports at which others listen on all addresses."""
    ports = set()
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(name, encoding="ascii") as table:
                rows = [line.split() for line in table.readlines()[1:]]
        except OSError:
            continue
        for row in rows:
            address, port = row[1].split(":")
            if row[3] == "0A" and set(address) == {"0"}:
                ports.add(int(port, 16))
    return ports


def scan(*arguments):
    code, out, err = run_program(PROGRAM, "--host", HOST, *arguments)
    equal((code, err), (0, ""), str(arguments))
    lines = out.splitlines()
    return {int(line.split()[1]) for line in lines[:-1]}, lines[-1]


def exactly_those():
    listeners = []
    while len(listeners) < 20:
        try:
            listeners.append(socket.create_server((HOST, random.randint(1024, 32000))))
        except OSError:
            continue
    mine = {s.getsockname()[1] for s in listeners}
    others = listening_everywhere()
    found, summary = scan("--ports", "1-32000", "--parallel", "500", "--timeout", "5s")
    others |= listening_everywhere()
    equal(found - others, mine)
    check(summary.endswith(f"{32000 - len(found)} refused, 0 silent, 0 failed"), summary)
    some = min(mine)
    check(some in scan("--ports", str(some))[0], "a single port")
    for s in listeners:
        s.close()
    check(not mine & (scan("--ports", "1-32000", "--parallel", "500", "--timeout", "5s")[0] - others), "closed ones")


def one_that_does_not_answer():
    """A listener whose queue is full: the kernel drops what comes, and the timeout ends the waiting."""
    with socket.socket() as full:
        full.bind((HOST, 0))
        full.listen(0)
        port = full.getsockname()[1]
        pending = []
        for _ in range(4):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex((HOST, port))
            pending.append(s)
        time.sleep(0.1)
        begin = time.monotonic()
        found, summary = scan("--ports", str(port), "--timeout", "300ms")
        equal((found, summary), (set(), "0 open, 0 refused, 1 silent, 0 failed"))
        check(0.3 <= time.monotonic() - begin < 5, "the timeout")
        for s in pending:
            s.close()


def bad_arguments():
    refuses(
        PROGRAM,
        [
            (["--ports", "5-1"], "is no range of ports"),
            (["--ports", "0-10"], "is no range of ports"),
            (["--ports", "1-65536"], "is no range of ports"),
            (["--ports", "-"], "is no range of ports"),
            (["--host", ""], "is no host"),
            (["--parallel", "0"], "is no number"),
            (["--timeout", "fast"], "is no time"),
        ],
    )
    code, _, err = run_program(PROGRAM, "--host", "192.0.2.1", "--ports", "1")
    check(code == 2 and "--allow-remote" in err, err)


main([exactly_those, one_that_does_not_answer, bad_arguments])

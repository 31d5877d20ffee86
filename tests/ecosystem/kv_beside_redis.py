#!/usr/bin/env python3
"""redis-benchmark over the key-value server, beside Redis itself: no error, and the figures of both, in turns.

Usage: kv_beside_redis.py PATH-OF-KV_SERVER [--requests N] [--clients N] [--rounds N]

Nothing is demanded of the figures: they are those of one machine, whatever else it did.
"""

import argparse
import os
import shutil
import socket
import subprocess
import time

from kv_support import Server, check, main, need, run_program


class Redis:
    """Redis without files; the program is also in the package redis-tools, under another name."""

    def __init__(self):
        self.binary = shutil.which("redis-server") or shutil.which("redis-check-rdb")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]

    def __enter__(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
            executable=self.binary,
            stdout=subprocess.DEVNULL,
        )
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except ConnectionRefusedError:
                time.sleep(0.05)
        raise AssertionError("redis-server does not listen")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def benchmark(port, options, depth):
    """Requests per second by command."""
    code, out, err = run_program(
        "redis-benchmark", "-p", str(port), "-t", "get,set", "-c", str(options.clients),
        "-n", str(options.requests), "-P", str(depth), "--csv", timeout=600,
    )  # fmt: skip
    check(code == 0 and not err.strip(), f"redis-benchmark: exit code {code}: {err}")
    rows = [line.replace('"', "").split(",") for line in out.splitlines()]
    figures = {row[0]: float(row[1]) for row in rows if row[0] in ("GET", "SET")}
    check(set(figures) == {"GET", "SET"}, out)
    return figures


def beside_redis():
    best = {}
    redis = Redis()
    if not redis.binary:
        print("without Redis, which is not installed")
    for _ in range(options.rounds):
        for depth in (1, 16):
            with Server(options.program, "--address", "127.0.0.1:0") as server:
                note(best, "goro", depth, benchmark(server.port, options, depth))
            if redis.binary:
                with redis:
                    note(best, "redis", depth, benchmark(redis.port, options, depth))
    print(f"requests per second, the best of {options.rounds}; {options.clients} clients, {options.requests} requests")
    for depth in (1, 16):
        for command in ("SET", "GET"):
            goro = best["goro", depth, command]
            other = best.get(("redis", depth, command), 0)
            ratio = f"  {goro / other:.2f}" if other else ""
            print(f"{command} -P {depth:2}  kv_server {goro:10.0f}  redis {other:10.0f}{ratio}")


def note(best, who, depth, figures):
    for command, n in figures.items():
        best[who, depth, command] = max(n, best.get((who, depth, command), 0))


parser = argparse.ArgumentParser()
parser.add_argument("program")
parser.add_argument("--requests", type=int, default=200_000)
parser.add_argument("--clients", type=int, default=50)
parser.add_argument("--rounds", type=int, default=1)
options = parser.parse_args()
options.program = os.path.abspath(options.program)
need("redis-benchmark")
main([beside_redis])

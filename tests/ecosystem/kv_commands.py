#!/usr/bin/env python3
"""The key-value server as redis-cli sees it. Usage: kv_commands.py PATH-OF-KV_SERVER"""

import subprocess
import sys
import time

from kv_support import Server, check, equal, main, need, refuses, run_program

PROGRAM = sys.argv[1]


def cli(server, *words):
    code, out, err = run_program("redis-cli", "-p", str(server.port), *words)
    equal(code, 0, f"redis-cli {words}: {err}")
    return out.rstrip("\n")


def round_trips():
    with Server(PROGRAM, "--address", "127.0.0.1:0") as server:
        for words, answer in [
            ("ping", "PONG"),
            ("ping hello", "hello"),
            ("get nothing", ""),
            ("set a 1", "OK"),
            ("get a", "1"),
            ("incr a", "2"),
            ("incr new", "1"),
            ("set a x nx", ""),
            ("set b x nx", "OK"),
            ("set c x xx", ""),
            ("set b y xx", "OK"),
            ("get b", "y"),
            ("exists a b c a", "3"),
            ("incr b", "ERR value is not an integer or out of range"),
            ("set big 9223372036854775807", "OK"),
            ("incr big", "ERR increment or decrement would overflow"),
            ("get big", "9223372036854775807"),
            ("del a b c", "2"),
            ("exists a", "0"),
            ("ttl b", "-2"),
            ("ttl big", "-1"),
            ("echo words", "words"),
            ("dbsize", "2"),
            ("select 0", "OK"),
            ("select 1", "ERR DB index is out of range"),
            ("config get save", "save\n"),
            ("config get nothing", ""),
            ("config set save x", "ERR only CONFIG GET is supported, with one name"),
            ("nonsense", "ERR unknown command 'nonsense'"),
            ("get", "ERR wrong number of arguments for 'get' command"),
            ("get a b", "ERR wrong number of arguments for 'get' command"),
            ("set a b ex", "ERR syntax error"),
            ("set a b ex 0", "ERR invalid expire time in 'set' command"),
            ("set a b ex 9223372036854775807", "ERR invalid expire time in 'set' command"),
            ("set a b px -1", "ERR invalid expire time in 'set' command"),
            ("set a b ex x", "ERR value is not an integer or out of range"),
            ("set a b ex 1 px 1", "ERR syntax error"),
            ("set a b nx xx", "ERR syntax error"),
            ("set a b what", "ERR syntax error"),
            ("flushall", "OK"),
            ("dbsize", "0"),
        ]:
            equal(cli(server, *words.split()).rstrip("\n"), answer.rstrip("\n"), words)
        equal(cli(server, "set", "", "the empty key"), "OK")
        equal(cli(server, "get", ""), "the empty key")
        check("kv_server" in cli(server, "info"), "info")


def a_session_of_redis_cli():
    """The commands that it sends by itself when it is used by hand."""
    with Server(PROGRAM, "--address", "127.0.0.1:0") as server:
        done = subprocess.run(
            ["redis-cli", "-p", str(server.port)],
            input="command docs\nset k 'a b'\nget k\nhello 3\nquit\n",
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        check("a b" in done.stdout and "NOPROTO" in done.stdout, done.stdout)


def a_value_through_a_pipe():
    with Server(PROGRAM, "--address", "127.0.0.1:0") as server:
        value = bytes(range(256)) * 40_000  # 10 MB of all there is
        done = subprocess.run(
            ["redis-cli", "-p", str(server.port), "-x", "set", "big"], input=value, capture_output=True, check=True
        )
        equal(done.stdout, b"OK\n")
        got = subprocess.run(
            ["redis-cli", "-p", str(server.port), "get", "big"], capture_output=True, timeout=60, check=True
        )
        check(got.stdout == value + b"\n", "the value has changed on its way")


def expiry():
    with Server(PROGRAM, "--address", "127.0.0.1:0") as server:
        equal(cli(server, "set", "short", "x", "px", "300"), "OK")
        equal(cli(server, "set", "middle", "x", "px", "100500"), "OK")
        equal(cli(server, "set", "long", "x", "ex", "100"), "OK")
        check(99_500 < int(cli(server, "pttl", "middle")) <= 100_500, "pttl")
        check(99 <= int(cli(server, "ttl", "long")) <= 100, "ttl")
        for n in range(50):
            cli(server, "set", f"swept{n}", "x", "px", "100")
        time.sleep(0.6)
        equal(cli(server, "dbsize"), "2", "nobody has asked for them, and yet they are gone")
        equal(cli(server, "get", "short"), "")
        equal(cli(server, "set", "short", "again"), "OK")
        equal(cli(server, "set", "long", "y"), "OK")
        equal(cli(server, "ttl", "long"), "-1", "a new value has no time")
        equal(cli(server, "set", "long", "y", "ex", "100"), "OK")
        equal(cli(server, "set", "long", "z", "keepttl"), "OK")
        check(int(cli(server, "ttl", "long")) > 90, "keepttl")


def bad_arguments():
    refuses(
        PROGRAM,
        [
            (["--address", "nowhere"], "is no address"),
            (["--address", "127.0.0.1:99999"], "is no address"),
            (["--address"], "needs a value"),
            (["--max-clients", "0"], "is no number from 1"),
            (["--grace", "5"], "is no time"),
            (["--what"], "unknown argument"),
        ],
    )
    code, _, err = run_program(PROGRAM, "--address", "192.0.2.1:1")
    check(code == 1 and "cannot listen on 192.0.2.1:1" in err, err)


need("redis-cli")
main([round_trips, a_session_of_redis_cli, a_value_through_a_pipe, expiry, bad_arguments])

#!/usr/bin/env python3
"""The proxy and what peers do: close one half, read slowly, vanish, refuse, say nothing.

Usage: proxy_behaviour.py PATH-OF-TCP_PROXY
"""

import contextlib
import signal
import socket
import struct
import sys
import threading
import time

from kv_support import Server, check, equal, main, read_all, read_exactly, refuses, run_program

PROGRAM = sys.argv[1]


class Backend:
    """A listening socket, and each connection of it in a thread that calls `serve`."""

    def __init__(self, serve):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.serve = serve
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                s = self.listener.accept()[0]
                threading.Thread(target=self.run, args=(s,), daemon=True).start()

    def run(self, s):
        with contextlib.suppress(OSError, AssertionError), s:
            self.serve(s)


def echo(s):
    while part := s.recv(1 << 16):
        s.sendall(part)


def named(name):
    return lambda s: s.sendall(name)


refusing = []  # sockets that do not listen: nobody else gets their ports


def refusing_address():
    """Of a port at which nobody listens."""
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    refusing.append(s)
    return "127.0.0.1:%d" % s.getsockname()[1]


def start(*backends, arguments=()):
    words = [word for b in backends for word in ("--backend", b if isinstance(b, str) else b.address)]
    return Server(PROGRAM, "--address", "127.0.0.1:0", *words, *arguments)


def each_in_turn():
    with start(Backend(named(b"a")), Backend(named(b"b")), Backend(named(b"c"))) as proxy:
        said = []
        for _ in range(6):
            with proxy.connect() as s:
                said.append(read_all(s))
        equal(said, [b"a", b"b", b"c"] * 2)


def who_refuses_is_passed_over():
    with start(refusing_address(), Backend(named(b"a")), refusing_address()) as proxy:
        for _ in range(6):
            with proxy.connect() as s:
                equal(read_all(s), b"a")


def nobody_is_there():
    with start(refusing_address()) as proxy:
        for _ in range(3):
            with proxy.connect() as s, contextlib.suppress(ConnectionResetError):
                equal(read_all(s), b"")


def a_half_closed_client():
    """The server hears the end of the request, and answers afterwards."""

    def count(s):
        n = len(read_all(s))
        time.sleep(0.1)
        s.sendall(b"%d bytes" % n)

    with start(Backend(count)) as proxy, proxy.connect() as s:
        s.sendall(b"x" * 300_000)
        s.shutdown(socket.SHUT_WR)
        equal(read_all(s), b"300000 bytes")


def a_half_closed_server():
    """The client hears the end of the greeting, and goes on to speak."""
    heard = []
    done = threading.Event()

    def greet(s):
        s.sendall(b"hello")
        s.shutdown(socket.SHUT_WR)
        heard.append(read_all(s))
        done.set()

    with start(Backend(greet)) as proxy, proxy.connect() as s:
        equal(read_all(s), b"hello")
        for _ in range(10):
            s.sendall(b"y" * 10_000)
            time.sleep(0.01)
        s.shutdown(socket.SHUT_WR)
        check(done.wait(10), "the server does not hear the end")
        equal(heard, [b"y" * 100_000])


def a_slow_reader():
    """It takes no memory, is not taken for idle while it reads, and holds up nobody."""
    size = 60 << 20

    def pour(s):
        if s.recv(1) == b"m":
            s.sendall(bytes(size))
        else:
            s.sendall(b"quick")

    with start(Backend(pour), arguments=("--idle-timeout", "1s")) as proxy:
        with proxy.connect() as quick:
            quick.sendall(b"q")
            equal(read_all(quick), b"quick")
        before = proxy.memory_kb()
        with proxy.connect(receive_buffer=1 << 16) as slow:
            slow.sendall(b"m")
            read = 0
            begin = time.monotonic()
            while time.monotonic() - begin < 2.5:
                read += len(read_exactly(slow, 1 << 18))
                time.sleep(0.05)
                with proxy.connect() as quick:
                    quick.sendall(b"q")
                    equal(read_all(quick), b"quick")
            grown = proxy.memory_kb() - before
            check(grown < 4 << 10, f"{grown} KB for who reads slowly")
            equal(read + len(read_all(slow)), size)


def a_very_slow_reader():
    """The kernel's queues last it for longer than the idle time, its own queue does not (acknowledged.hpp)."""
    size = 20 << 20
    with start(Backend(lambda s: s.sendall(bytes(size))), arguments=("--idle-timeout", "2s")) as proxy:
        with proxy.connect(receive_buffer=1 << 16) as s:
            read = 0
            for _ in range(50):
                read += len(read_exactly(s, 20_000))
                time.sleep(0.1)
            equal(read + len(read_all(s)), size)


def the_idle_are_closed():
    with start(Backend(echo), arguments=("--idle-timeout", "500ms")) as proxy:
        with proxy.connect() as idle, proxy.connect() as busy:
            begin = time.monotonic()
            for _ in range(12):  # one direction at a time is enough to be busy
                busy.sendall(b"x")
                equal(read_exactly(busy, 1), b"x")
                time.sleep(0.1)
            with contextlib.suppress(ConnectionResetError):
                equal(read_all(idle), b"")
            check(0.5 <= time.monotonic() - begin < 5, "the idle one ends at the wrong time")
            with contextlib.suppress(ConnectionResetError):
                equal(read_all(busy), b"")
            check(time.monotonic() - begin >= 1.5, "the busy one ends at the wrong time")


def a_reset_ends_both_sides():
    ended = threading.Event()

    def listen(s):
        with contextlib.suppress(OSError):
            read_all(s)
        ended.set()

    with start(Backend(listen)) as proxy:
        s = proxy.connect()
        s.sendall(b"x")
        time.sleep(0.1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
        check(ended.wait(5), "the server does not hear of it")


def no_more_than_there_are_places():
    with start(Backend(echo), arguments=("--max-connections", "2")) as proxy:
        a, b, c = (proxy.connect() for _ in range(3))
        for s in (a, b, c):
            s.sendall(b"x")
        equal(read_exactly(a, 1) + read_exactly(b, 1), b"xx")
        c.settimeout(0.3)
        try:
            c.recv(1)
            raise AssertionError("the third was let in")
        except TimeoutError:
            pass
        a.close()
        c.settimeout(10)
        equal(read_exactly(c, 1), b"x")
        b.close()
        c.close()


def the_end_lets_transfers_finish():
    size = 20 << 20

    def pour(s):
        s.recv(1)
        for _ in range(20):
            s.sendall(bytes(size // 20))
            time.sleep(0.05)

    proxy = start(Backend(pour))
    with proxy.connect() as s:
        s.sendall(b"x")
        read_exactly(s, 1000)
        proxy.terminate()
        equal(1000 + len(read_all(s)), size)
        s.shutdown(socket.SHUT_WR)
        equal(proxy.wait(), "stopped after 1 connections\n")
    try:
        proxy.connect().close()
        raise AssertionError("it still listens")
    except ConnectionRefusedError:
        pass


def the_end_does_not_wait_for_ever():
    proxy = start(Backend(echo), arguments=("--grace", "300ms"))
    with proxy.connect() as s:
        s.sendall(b"x")
        read_exactly(s, 1)
        begin = time.monotonic()
        check("cut off" in proxy.end(), "what it says")
        check(0.3 <= time.monotonic() - begin < 5, "its grace")


def bad_arguments():
    refuses(
        PROGRAM,
        [
            ([], "at least one --backend"),
            (["--backend", "x"], "is no address"),
            (["--backend", "127.0.0.1:1", "--max-connections", "-1"], "is no number from 1"),
            (["--backend", "127.0.0.1:1", "--idle-timeout", "1h"], "is no time"),
        ],
    )
    code, _, err = run_program(PROGRAM, "--backend", "127.0.0.1:1", "--address", "192.0.2.1:1")
    check(code == 1 and "cannot listen" in err, err)


signal.alarm(110)
main(
    [
        each_in_turn,
        who_refuses_is_passed_over,
        nobody_is_there,
        a_half_closed_client,
        a_half_closed_server,
        a_slow_reader,
        a_very_slow_reader,
        the_idle_are_closed,
        a_reset_ends_both_sides,
        no_more_than_there_are_places,
        the_end_lets_transfers_finish,
        the_end_does_not_wait_for_ever,
        bad_arguments,
    ]
)

#!/usr/bin/env python3
"""The key-value server and clients that redis-cli is none of. Usage: kv_protocol.py PATH-OF-KV_SERVER"""

import os
import signal
import socket
import sys
import threading
import time

from kv_support import Server, check, equal, main, read_all, read_exactly

PROGRAM = sys.argv[1]


def request(*words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        parts += [b"$%d\r\n" % len(word), word, b"\r\n"]
    return b"".join(parts)


def start(*arguments, **keywords):
    return Server(PROGRAM, "--address", "127.0.0.1:0", *arguments, **keywords)


def ask(s, data, answer):
    s.sendall(data)
    equal(read_exactly(s, len(answer)), answer, repr(data[:60]))


def pipelines():
    with start() as server, server.connect() as s:
        ask(s, b"".join(request("SET", i, f"value {i}") for i in range(5000)), b"+OK\r\n" * 5000)
        values = [f"value {i}".encode() for i in range(5000)]
        ask(
            s,
            b"".join(request("GET", i) for i in range(5000)),
            b"".join(b"$%d\r\n%s\r\n" % (len(v), v) for v in values),
        )
        ask(s, b"PING\r\n\r\n" + request("PING") + b"get 7\r\n*0\r\nping\n", b"+PONG\r\n+PONG\r\n$7\r\nvalue 7\r\n+PONG\r\n")


def byte_by_byte():
    with start() as server, server.connect() as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request("SET", "k", "v") + request("GET", "k"):
            s.sendall(bytes([byte]))
            time.sleep(0.001)
        equal(read_exactly(s, 12), b"+OK\r\n$1\r\nv\r\n")


def wrong_protocol():
    with start() as server:
        for data, error in [
            (b"*x\r\n", b"invalid multibulk length"),
            (b"*-5\r\n", b"invalid multibulk length"),
            (b"*1048577\r\n", b"invalid multibulk length"),
            (b"*99999999999999999999\r\n", b"invalid multibulk length"),
            (b"*1\r\n$-1\r\n", b"invalid bulk length"),
            (b"*1\r\n$67108865\r\n", b"invalid bulk length"),
            (b"*2\r\n$3\r\nGET\r\n:1\r\n", b"expected '$', got ':'"),
            (b"*1\r\n$4\r\nPINGxx", b"bulk string does not end after its length"),
            (b"a" * 70_000, b"too big inline request"),
            (b'set "k v\r\n', b"unbalanced quotes in request"),
            (b"\x16\x03\x01\x02\x00\x01" + bytes(70_000), b"too big inline request"),
        ]:
            with server.connect() as s:
                s.sendall(request("PING") + data + b"what is sent afterwards" * 1000)
                equal(read_all(s), b"+PONG\r\n-ERR Protocol error: " + error + b"\r\n", repr(data[:40]))
            with server.connect() as s:
                ask(s, request("PING"), b"+PONG\r\n")


def quit_closes():
    with start() as server, server.connect() as s:
        s.sendall(b"QUIT\r\nPING\r\n")
        equal(read_all(s), b"+OK\r\n")


def errors_are_one_line():
    with start() as server, server.connect() as s:
        ask(s, request(b"a\r\n+OK\r\n") + request("PING"), b"-ERR unknown command 'a  +OK  '\r\n+PONG\r\n")


def who_does_not_say_more_costs_little():
    """A hundred that announce 64 MB, and a million words, and send nothing of it."""
    with start() as server, server.connect() as other:
        ask(other, request("PING"), b"+PONG\r\n")
        before = server.memory_kb()
        silent = [server.connect() for _ in range(100)]
        for s in silent:
            s.sendall(b"*1000000\r\n$67108864\r\nx")
        ask(other, request("PING"), b"+PONG\r\n")
        time.sleep(0.2)
        grown = server.memory_kb() - before
        check(grown < 8 << 10, f"{grown} KB for clients that have sent 24 bytes each")
        for s in silent:
            s.close()


def a_request_has_an_end():
    """Bulk strings that are allowed one by one, but not together: 3 of 32 MB."""
    with start() as server, server.connect(timeout=60) as s:
        part = b"$%d\r\n" % (32 << 20) + bytes(32 << 20) + b"\r\n"
        s.sendall(b"*4\r\n$3\r\nDEL\r\n" + part + part)
        s.sendall(b"$%d\r\n" % (32 << 20))
        equal(read_all(s), b"-ERR Protocol error: request too large\r\n")


def the_largest_value():
    value = os.urandom(1 << 20) * 64
    with start() as server:
        with server.connect(timeout=60) as s:
            ask(s, request("SET", "k", value), b"+OK\r\n")
            s.sendall(request("GET", "k"))
            check(read_exactly(s, len(value) + 13) == b"$67108864\r\n" + value + b"\r\n", "it has changed")
            ask(s, request("DEL", "k"), b":1\r\n")
        time.sleep(0.5)
        check(server.memory_kb() < 200 << 10, f"{server.memory_kb()} KB are left")


def a_slow_reader():
    """Asks for 600 MB and reads none of it: it takes memory for one answer, and nobody else's time."""
    with start("--write-timeout", "2s") as server, server.connect() as slow, server.connect() as other:
        ask(other, request("SET", "k", bytes(3 << 20)), b"+OK\r\n")
        before = server.memory_kb()
        slow.sendall(request("GET", "k") * 200)
        for _ in range(20):
            ask(other, request("PING"), b"+PONG\r\n")
            time.sleep(0.01)
        grown = server.memory_kb() - before
        check(grown < 20 << 10, f"{grown} KB for who does not read")
        time.sleep(3)
        begin = time.monotonic()
        try:
            got = len(read_all(slow))
            check(got < 100 << 20, f"{got} bytes after its time")
        except ConnectionResetError:
            pass
        check(time.monotonic() - begin < 10, "it was not closed")


def a_very_slow_reader():
    """The kernel's queues last it for longer than the time for a client that takes nothing; see send_queue.hpp."""
    value = b"x" * 1_000_000
    wanted = (b"$%d\r\n" % len(value) + value + b"\r\n") * 20
    with start("--write-timeout", "4s") as server, server.connect(receive_buffer=1 << 16) as s:
        ask(s, request("SET", "k", value), b"+OK\r\n")
        s.sendall(request("GET", "k") * 20)
        got = b""
        for _ in range(60):
            got += read_exactly(s, 10_000)
            time.sleep(0.1)
        check(got + read_exactly(s, len(wanted) - len(got)) == wanted, "its answers have changed")


def half_closed():
    """Who has said all it wants to is still answered."""
    with start() as server, server.connect() as s:
        s.sendall(request("SET", "k", "v") + request("GET", "k"))
        s.shutdown(socket.SHUT_WR)
        equal(read_all(s), b"+OK\r\n$1\r\nv\r\n")


def as_many_clients_as_there_are_places():
    with start("--max-clients", "2") as server:
        first, second, third = (server.connect() for _ in range(3))
        ask(first, request("PING"), b"+PONG\r\n")
        ask(second, request("PING"), b"+PONG\r\n")
        third.sendall(request("PING"))
        third.settimeout(0.3)
        try:
            third.recv(1)
            raise AssertionError("the third was let in")
        except TimeoutError:
            pass
        first.close()
        third.settimeout(20)
        equal(read_exactly(third, 7), b"+PONG\r\n")
        second.close()
        third.close()


def many_increments():
    with start() as server:

        def work():
            with server.connect() as s:
                for _ in range(10):
                    s.sendall(request("INCR", "n") * 100)
                    for _ in range(100):
                        while read_exactly(s, 1) != b"\n":
                            pass

        threads = [threading.Thread(target=work) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        with server.connect() as s:
            ask(s, request("GET", "n"), b"$4\r\n8000\r\n")


def the_end_during_traffic():
    """SIGTERM: every client has whole answers, then an orderly end; idle ones too; and it is quick."""
    server = start()
    wrong = []

    def work():
        try:
            with server.connect() as s:
                while True:
                    s.sendall(request("PING") * 50)
                    for i in range(50):
                        answer = s.recv(7, socket.MSG_WAITALL)
                        if answer == b"" and i % 50 == 0:
                            return
                        equal(answer, b"+PONG\r\n", "an answer")
        except (ConnectionResetError, BrokenPipeError):
            return  # it was about to ask anew
        except AssertionError as e:
            wrong.append(e)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    with server.connect() as idle:
        time.sleep(0.5)
        begin = time.monotonic()
        server.terminate()
        equal(read_all(idle), b"")
    check("stopped with 0 keys" in server.wait(), "what it says in the end")
    check(time.monotonic() - begin < 4, "it takes too long")
    for t in threads:
        t.join()
    equal(wrong, [])


def the_end_with_one_who_reads_slowly():
    """What it has asked for before the end it gets, though that takes a while and it goes on to speak."""
    value = b"x" * 100_000
    wanted = (b"$%d\r\n" % len(value) + value + b"\r\n") * 100
    server = start("--grace", "60s")
    with server.connect() as s:
        ask(s, request("SET", "k", value), b"+OK\r\n")
        s.sendall(request("GET", "k") * 100)
        got = read_exactly(s, 1000)
        server.terminate()
        while len(got) < len(wanted):
            s.sendall(request("PING"))
            got += read_exactly(s, min(1 << 16, len(wanted) - len(got)))
            time.sleep(0.02)
        check(got == wanted, "its answers have changed")
        check(len(read_all(s)) % len(b"+PONG\r\n") == 0, "half an answer")
    server.wait()


def the_end_with_one_who_does_not_read():
    server = start("--grace", "500ms")
    with server.connect() as s:
        s.sendall(request("SET", "k", bytes(30 << 20)) + request("GET", "k") * 10)
        time.sleep(0.5)
        begin = time.monotonic()
        server.end()
        check(time.monotonic() - begin < 5, "it waits for longer than its grace")


signal.alarm(110)
main(
    [
        pipelines,
        byte_by_byte,
        wrong_protocol,
        quit_closes,
        errors_are_one_line,
        who_does_not_say_more_costs_little,
        a_request_has_an_end,
        the_largest_value,
        a_slow_reader,
        a_very_slow_reader,
        half_closed,
        as_many_clients_as_there_are_places,
        many_increments,
        the_end_during_traffic,
        the_end_with_one_who_reads_slowly,
        the_end_with_one_who_does_not_read,
    ]
)

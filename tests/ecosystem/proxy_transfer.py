#!/usr/bin/env python3
"""Many bytes through the proxy, both ways at once, with equal checksums at both ends.

Usage: proxy_transfer.py PATH-OF-TCP_PROXY [--megabytes N]
"""

import argparse
import hashlib
import os
import socket
import threading
import time

from kv_support import Server, equal, main

BLOCK = os.urandom(1 << 20)


def send(s, megabytes, seed, result):
    digest = hashlib.blake2b()
    for i in range(megabytes):
        part = seed.to_bytes(4, "big") + i.to_bytes(4, "big") + BLOCK[8:]
        s.sendall(part)
        digest.update(part)
    s.shutdown(socket.SHUT_WR)
    result["sent"] = digest.hexdigest()


def receive(s, result):
    digest = hashlib.blake2b()
    size = 0
    while part := s.recv(1 << 18):
        digest.update(part)
        size += len(part)
    result["received"] = digest.hexdigest()
    result["size"] = size


def both_ways(s, megabytes, seed):
    result = {}
    sender = threading.Thread(target=send, args=(s, megabytes, seed, result))
    sender.start()
    receive(s, result)
    sender.join()
    s.close()
    return result


def transfer():
    megabytes = options.megabytes
    backend = socket.create_server(("127.0.0.1", 0))
    with Server(
        options.program, "--address", "127.0.0.1:0", "--backend", f"127.0.0.1:{backend.getsockname()[1]}"
    ) as proxy:
        far = {}

        def serve():
            far.update(both_ways(backend.accept()[0], megabytes, 2))

        server = threading.Thread(target=serve)
        server.start()
        begin = time.monotonic()
        near = both_ways(proxy.connect(timeout=None), megabytes, 1)
        server.join()
        seconds = time.monotonic() - begin
    equal(near["size"], megabytes << 20, "bytes to the client")
    equal(far["size"], megabytes << 20, "bytes to the server")
    equal(near["received"], far["sent"], "to the client")
    equal(far["received"], near["sent"], "to the server")
    print(f"{megabytes} MB each way in {seconds:.2f} s, checksum {far['received'][:16]}")


parser = argparse.ArgumentParser()
parser.add_argument("program")
parser.add_argument("--megabytes", type=int, default=1024)
options = parser.parse_args()
main([transfer])

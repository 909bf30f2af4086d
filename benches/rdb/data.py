#!/usr/bin/env python3
"""Writes a seeded, mixed data set of 2 million keys to a real server and saves its RDB.

usage: benches/rdb/data.py SERVER OUT.rdb [KEYS]

SERVER is a redis-server or valkey-server (tests/servers/install puts them into a cache folder).
"""

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time

SEED = 20261124


def packed(*parts):
    out = [b"*%d\r\n" % len(parts)]
    for part in parts:
        part = part if isinstance(part, bytes) else str(part).encode()
        out.append(b"$%d\r\n%s\r\n" % (len(part), part))
    return b"".join(out)


def text(rng, length):
    return rng.randbytes((length + 1) // 2).hex()[:length]


def one(rng, index):
    """A key, and the command that writes it."""
    kind = rng.random()
    key = "%s:%d" % (rng.choice(["user", "session", "{tenant%d}:doc" % (index % 5000)]), index)
    if kind < 0.70:
        return key, packed("SET", key, text(rng, rng.choice([12, 40, 90, 200])))
    if kind < 0.74:
        return key, packed("SET", key, rng.randrange(1 << 40))
    count = rng.choice([3, 8, 20, 40]) if kind < 0.995 else 300
    items = [text(rng, rng.choice([6, 14, 24])) for _ in range(count)]
    if kind < 0.85:
        return key, packed("HSET", key, *[x for item in items for x in (item, item)])
    if kind < 0.90:
        return key, packed("RPUSH", key, *items)
    if kind < 0.94:
        return key, packed("SADD", key, *items)
    if kind < 0.98:
        return key, packed("ZADD", key, *[x for n, item in enumerate(items) for x in (n, item)])
    return key, packed("XADD", key, "1-1", "field", items[0])


class Server:
    """A server on loopback, in a folder of its own."""

    def __init__(self, binary):
        self.folder = tempfile.TemporaryDirectory()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
            + ["--dbfilename", "dump.rdb", "--dir", self.folder.name],
            stdout=subprocess.DEVNULL,
        )
        for _ in range(200):
            try:
                self.link = socket.create_connection(("127.0.0.1", port))
                return
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise SystemExit("%s doesn't answer on port %d" % (binary, port))

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()

    def fill(self, keys, seed=SEED):
        rng = random.Random(seed)
        for begin in range(0, keys, 2000):
            sent, lines = [], 0
            for index in range(begin, min(begin + 2000, keys)):
                key, written = one(rng, index)
                sent.append(written)
                lines += 2 if b"XADD" in written[:24] else 1
                if rng.random() < 0.2:
                    sent.append(packed("PEXPIREAT", key, 4102444800000 + index))
                    lines += 1
            self.link.sendall(b"".join(sent))
            # Every reply ends with a line; an XADD's has two.
            while lines > 0:
                lines -= self.link.recv(1 << 16).count(b"\n")

    def save(self):
        self.link.sendall(packed("SAVE"))
        self.link.recv(64)
        return os.path.join(self.folder.name, "dump.rdb")


def main():
    binary, out = sys.argv[1], os.path.abspath(sys.argv[2])
    server = Server(binary)
    try:
        server.fill(int(sys.argv[3]) if len(sys.argv) > 3 else 2_000_000)
        shutil.move(server.save(), out)
    finally:
        server.stop()


if __name__ == "__main__":
    main()

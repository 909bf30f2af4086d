#!/usr/bin/env python3
"""Holds `slotkit analyze` against a real server, by way of rdb-tools.

Loads keys into a server of its own, a part of them odd (commas, quotes, newlines, NUL, latin-1,
Cyrillic, empty), has rdb-tools write its memory CSV of the snapshot, and compares what slotkit
reads in it with the server: keys of each of the 16,384 slots (CLUSTER COUNTKEYSINSLOT), all keys,
and how many keys have which length.

    python3 -m venv VENV && VENV/bin/pip install rdbtools python-lzf
    tests/servers/install redis-6.2
    tests/dump_truth.py --server PATH/redis-server --rdb VENV/bin/rdb --slotkit target/release/slotkit [--keys 2000000]

rdb-tools reads snapshots up to version 9: the server must be Redis 6.2 or older.
"""
import argparse, json, os, random, socket, subprocess, sys, tempfile, time

ODD = [b",", b'"', b"\n", b"\r\n", b"\x00", b"\xe9", "ключ".encode(), b"'", b"\t", b"\\", b"{", b"}", b"{}",
       b"=cmd()", b" ", b"\xff\xfe", b";", b":"]


def keys(count, seed):
    """The keys, each once; one in 200 is odd, and one is empty."""
    chance = random.Random(seed)
    yield b""
    for number in range(1, count):
        if number % 200:
            tag = b"{t%d}:" % (number % 50) if number % 10 == 0 else b""
            yield tag + b"user:%d:%d" % (number % 1000, number)
        else:
            parts = [chance.choice(ODD) for _ in range(chance.randint(1, 4))]
            yield b"".join(parts) + b"%d" % number + chance.choice(ODD)


def command(*arguments):
    return b"*%d\r\n" % len(arguments) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in arguments)


class Server:
    def __init__(self, binary, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1] % 50000 + 5000
        self.process = subprocess.Popen(
            [binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--cluster-enabled", "yes"],
            stdout=subprocess.DEVNULL)
        for _ in range(100):
            try:
                self.link = socket.create_connection(("127.0.0.1", port), timeout=600)
                break
            except OSError:
                time.sleep(0.1)
        else:
            sys.exit("the server doesn't answer")
        self.replies = self.link.makefile("rb")

    def ask(self, commands):
        self.link.sendall(b"".join(commands))
        for _ in commands:
            reply = self.replies.readline().rstrip(b"\r\n")
            if reply.startswith(b"-"):
                sys.exit(f"the server says {reply!r}")
            yield reply

    def one(self, *arguments):
        return next(self.ask([command(*arguments)]))

    def stop(self):
        self.process.kill()
        self.process.wait()


def load(server, count, seed):
    """Loads the keys; gives how many have which length, by powers of two."""
    lengths, batch = {}, []
    for key in keys(count, seed):
        kept = lengths.setdefault(len(key).bit_length(), [0, 0])
        kept[0] += 1
        kept[1] += len(key)
        batch.append(command(b"SET", key, b"v"))
        if len(batch) == 5000:
            list(server.ask(batch))
            batch = []
    list(server.ask(batch))
    return lengths


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True)
    parser.add_argument("--rdb", required=True)
    parser.add_argument("--slotkit", required=True)
    parser.add_argument("--keys", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(args.server, folder)
        try:
            server.one(b"CLUSTER", b"ADDSLOTS", *(b"%d" % slot for slot in range(16384)))
            while b"ok" not in state(server):
                time.sleep(0.2)
            lengths = load(server, args.keys, args.seed)
            counts = [int(reply[1:]) for reply in
                      server.ask([command(b"CLUSTER", b"COUNTKEYSINSLOT", b"%d" % slot) for slot in range(16384)])]
            size = int(server.one(b"DBSIZE")[1:])
            server.one(b"SAVE")
        finally:
            server.stop()
        dump = os.path.join(folder, "memory.csv")
        with open(dump, "wb") as out:
            subprocess.run([args.rdb, "-c", "memory", os.path.join(folder, "dump.rdb")], stdout=out, check=True)
        report = json.loads(subprocess.run([args.slotkit, "analyze", "--json", dump], stdout=subprocess.PIPE, check=True).stdout)
    found = [0] * 16384
    for row in report["slots"]:
        found[row["slot"]] = row["keys"]
    differ = [slot for slot in range(16384) if found[slot] != counts[slot]]
    classes = {row["from"].bit_length(): [row["keys"], row["sum"]] for row in report["key_lengths"]}
    problems = []
    if differ:
        problems.append(f"{len(differ)} slots differ, first {differ[0]}: {found[differ[0]]} keys, the server has {counts[differ[0]]}")
    if report["totals"]["keys"] != size:
        problems.append(f"{report['totals']['keys']} keys, the server has {size}")
    if classes != lengths:
        problems.append("the lengths of keys differ")
    print("\n".join(problems) or f"{size} keys in 16384 slots and their lengths are those of the server")
    sys.exit(bool(problems))


def state(server):
    server.link.sendall(command(b"CLUSTER", b"INFO"))
    length = int(server.replies.readline()[1:])
    return server.replies.read(length + 2).split(b"\r\n")[0]


main()

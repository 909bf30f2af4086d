#!/usr/bin/env python3
"""slotkit's estimate of each key's size against the server's own MEMORY USAGE, by type.

usage: benches/rdb/sizes.py SLOTKIT SERVER [KEYS] [SEED]

Writes the data set of data.py (which the estimate was not calibrated with) to SERVER, asks it for
every key, and prints a table as in docs/memory-model.md.
"""

import csv
import io
import subprocess
import sys

import data


def measured(server, keys):
    """What MEMORY USAGE key SAMPLES 0 says of each key."""
    sizes, file = [], server.link.makefile("rb")
    for begin in range(0, len(keys), 1000):
        some = keys[begin : begin + 1000]
        ask = [data.packed("MEMORY", "USAGE", key, "SAMPLES", 0) for key in some]
        server.link.sendall(b"".join(ask))
        sizes += [int(file.readline()[1:]) for _ in some]
    return sizes


def estimated(slotkit, dump):
    """Type with encoding, key and size of each row."""
    run = subprocess.run(
        [slotkit, "analyze", "--output", "memory-csv", "--raw-keys", dump],
        stdout=subprocess.PIPE,
        check=True,
    )
    for row in csv.DictReader(io.StringIO(run.stdout.decode())):
        yield row["type"] + " " + row["encoding"], row["key"], int(row["size_in_bytes"])


def main():
    slotkit, binary = sys.argv[1], sys.argv[2]
    keys = int(sys.argv[3]) if len(sys.argv) > 3 else 50_000
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    server = data.Server(binary)
    try:
        server.fill(keys, seed)
        rows = list(estimated(slotkit, server.save()))
        truth = measured(server, [key for _, key, _ in rows])
    finally:
        server.stop()
    sums = {}
    for (kind, _, guess), size in zip(rows, truth):
        for name in ("all", kind):
            sum_ = sums.setdefault(name, [0, 0, 0, 0])
            near = abs(guess - size) * 10 <= size
            for at, value in enumerate((1, size, guess, near)):
                sum_[at] += value
    print("| type | keys | measured bytes | estimate is off by | within 10 % |")
    print("|---|---|---|---|---|")
    for name, (count, size, guess, near) in sorted(sums.items()):
        off, near = 100 * (guess / size - 1), 100 * near / count
        print(f"| {name} | {count} | {size} | {off:+.2f} % | {near:.1f} % |")


if __name__ == "__main__":
    main()

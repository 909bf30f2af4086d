#!/usr/bin/env python3
"""A campaign against slotkit: rounds of a cluster, clients that write, and a fault while slots move.

usage: run.py [--rounds N] [--seed N] [--minutes N] [--out FOLDER] [--fault NAME]... [--version NAME]...
       run.py --short            a few rounds, the campaign's own tests first
       run.py --table            the table of what FOLDER has, and nothing else
       run.py --again SEED VERSION FAULT [MOVER]     one round, its files kept in FOLDER

Each round is made from its seed, a server and a fault. Results are appended to FOLDER/results.jsonl;
what is there already isn't played again, so a long campaign can be run in parts. A wrong value counts
against slotkit unless the same round without it shows the same kind (verdict.py). Exits with 1 where
a value is wrong or a run is stuck, with 2 where nothing could be played.

SLOTKIT names the program; servers are those of tests/servers/install. Everything runs on loopback,
in a network namespace of its own where that can be had.
"""
import argparse
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import movers  # noqa: E402
import nodes  # noqa: E402
import rounds  # noqa: E402
import verdict  # noqa: E402
from faults import FAULTS, PLANTED  # noqa: E402
from table import Table  # noqa: E402

VERSIONS = ["redis-7.0", "redis-8.0", "valkey-8.1", "valkey-9.1"]
ROUND_LIMIT_S = 300
# Of the rounds with a fault of servers every so many are played with the others too.
BESIDE_EVERY = 5
SHORT_FAULTS = ["kill -9", "target stalls long + kill -9", "CLIENT KILL", "failover of source"]
NAMESPACE = "SLOTKIT_CAMPAIGN_NAMESPACE"
LOOPBACK_UP = 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x8 | 0x40)


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage:")[1].split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--out", default=os.path.join(os.getcwd(), "target", "campaign"))
    parser.add_argument("--fault", action="append", choices=list(FAULTS))
    parser.add_argument("--version", action="append", dest="versions")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--again", nargs="+")
    parser.add_argument("--play", nargs=5, help=argparse.SUPPRESS)
    return parser.parse_args()


def in_namespace():
    """Starts this program again in namespaces of its own, with a loopback interface."""
    if os.environ.get(NAMESPACE):
        if os.environ[NAMESPACE] == "new":
            with socket.socket() as any_socket:
                fcntl.ioctl(any_socket, *LOOPBACK_UP)
            os.environ[NAMESPACE] = "up"
        return
    unshare = ["unshare", "--net", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    try:
        is_possible = subprocess.run([*unshare, "true"], stderr=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        is_possible = False
    os.environ[NAMESPACE] = "new" if is_possible else "none"
    if is_possible:
        os.execvp("unshare", [*unshare, sys.executable, *sys.argv])


class Campaign:
    """Rounds in their order, what is known of them, and where that is kept."""

    def __init__(self, out):
        self.out = out
        self.path = os.path.join(out, "results.jsonl")
        os.makedirs(out, exist_ok=True)
        self.rows = []
        if os.path.exists(self.path):
            with open(self.path) as file:
                self.rows = [json.loads(line) for line in file if line.endswith("\n")]
        self.known = {_id(row) for row in self.rows if row["outcome"] != verdict.NO_ROUND}
        self.turn = len(self.rows)

    def play(self, seed, version, fault, mover):
        """One round in a process of its own, which ends in time with all that it has started."""
        self.turn += 1
        with tempfile.TemporaryDirectory(prefix="slotkit-campaign-") as work:
            words = [sys.executable, os.path.abspath(__file__), "--out", self.out, "--play", str(seed), version, fault,
                     mover, str(self.turn)]
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                       start_new_session=True, env=dict(os.environ, TMPDIR=work))
            try:
                text, _ = process.communicate(timeout=ROUND_LIMIT_S)
                row = json.loads(text.splitlines()[-1])
            except (subprocess.TimeoutExpired, ValueError, IndexError) as cause:
                row = {"seed": seed, "version": version, "fault": fault, "mover": mover, "outcome": verdict.NO_ROUND,
                       "why": f"the round ended without a word: {cause!r}"[:300]}
            finally:
                _end_all_of(process)
        return row

    def round(self, seed, version, fault, mover="slotkit"):
        """Plays a round unless it is known, with what shows whose fault it is, and notes it."""
        if (seed, version, fault, mover) in self.known:
            return
        row = self.play(seed, version, fault, mover)
        self.note(verdict.excuse(row, self.rows, lambda witness: self._witness(seed, version, fault, witness)))

    def _witness(self, seed, version, fault, mover):
        row = self.play(seed, version, fault, mover)
        self.note(row)
        return row

    def note(self, row):
        self.rows.append(row)
        self.known.add(_id(row))
        with open(self.path, "a") as file:
            file.write(json.dumps(row, default=str) + "\n")
        print(f"{row['outcome']:9} {row['mover']:9} {row['version']:11} {row['fault']} (seed {row['seed']}, "
              f"{row.get('took_s', 0)} s, exits {row.get('exits')}) {row.get('kinds') or ''} {row.get('why') or ''}",
              flush=True)

    def end(self):
        """Writes the tables; whether all is well."""
        table = Table(self.rows, FAULTS)
        for name, text in (("table.md", table.text()), ("table.json", table.json())):
            with open(os.path.join(self.out, name), "w") as file:
                file.write(text)
        print(table.text())
        ours = [row["outcome"] for row in self.rows if row["mover"] == "slotkit"]
        if all(outcome == verdict.NO_ROUND for outcome in ours):
            return 2
        return int(any(outcome in (verdict.WRONG, verdict.STUCK) for outcome in ours))


def _id(row):
    return row["seed"], row["version"], row["fault"], row["mover"]


def _end_all_of(process):
    """What a round started is in a group of processes of its own, standing still or not."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def installed(versions):
    found = [name for name in versions if os.access(os.path.join(nodes.SERVERS, name, "server"), os.X_OK)]
    for name in set(versions) - set(found):
        print(f"{name} isn't installed (tests/servers/install {name})", file=sys.stderr)
    return found


def schedule(count, seed, faults, versions):
    """Each fault once before any comes again, each time against another server."""
    for at in range(count):
        turn, which = divmod(at, len(faults))
        yield seed + at, versions[(which + turn) % len(versions)], faults[which]


def play_all(campaign, wanted, end):
    of_servers = 0
    for seed, version, fault in wanted:
        if time.monotonic() > end:
            print("time is up; the same command goes on", file=sys.stderr)
            return
        campaign.round(seed, version, fault)
        if FAULTS[fault].is_of_servers:
            of_servers += 1
            if of_servers % BESIDE_EVERY == 1:
                for mover in ("nobody", "redis-cli"):
                    campaign.round(seed, version, fault, mover)


def short(out, seed, versions):
    """The campaign's own tests, then a few rounds; of those that weren't well the files stay."""
    tests = unittest.defaultTestLoader.discover(HERE, "test_*.py")
    if not unittest.TextTestRunner().run(tests).wasSuccessful():
        return 1
    campaign = Campaign(out)
    for at, fault in enumerate(SHORT_FAULTS):
        campaign.round(seed + at, versions[at % len(versions)], fault)
    code = campaign.end()
    if code == 0:
        shutil.rmtree(out)
    else:
        print(f"see {out}", file=sys.stderr)
    return code


def one_round(words, out):
    seed, version, fault, mover, turn = words
    row = rounds.Round(int(seed), version, fault, mover, int(turn)).run(keep=out)
    print(json.dumps(row, default=str))


def main():
    args = arguments()
    os.environ["SLOTKIT"] = shutil.which(os.environ.get("SLOTKIT", "slotkit")) or "slotkit"
    os.environ["SLOTKIT"] = os.path.abspath(os.environ["SLOTKIT"])
    if args.table:
        return Campaign(args.out).end()
    in_namespace()
    if args.play:
        return one_round(args.play, args.out)
    if args.again:
        seed, version, fault, *mover = args.again
        row = rounds.Round(int(seed), version, fault, *(mover or ["slotkit"])).run(keep=args.out, always=True)
        print(json.dumps(row, indent=1, default=str))
        return int(row["outcome"] in (verdict.WRONG, verdict.STUCK))
    versions = installed(args.versions or VERSIONS)
    if not versions:
        return 2
    if args.short:
        return short(tempfile.mkdtemp(prefix="slotkit-campaign-"), args.seed, versions)
    campaign = Campaign(args.out)
    end = time.monotonic() + args.minutes * 60 if args.minutes else float("inf")
    faults = args.fault or [fault for fault in FAULTS if fault not in PLANTED]
    play_all(campaign, schedule(args.rounds, args.seed, faults, versions), end)
    return campaign.end()


if __name__ == "__main__":
    sys.exit(main())

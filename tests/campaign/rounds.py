"""One round: a cluster, clients that write, somebody who moves slots, a fault, and every key compared."""
import os
import random
import shutil
import tempfile
import threading
import time
import traceback

import movers
import nodes
import resting
import verdict
import view
import watch
import writer
from faults import FAULTS, files
from scene import Scene
from wire import Link, LinkLost, NotSent, slot_of

# Slots that move: the first of the source, which is what redis-cli takes too.
FIRST_SLOT, SLOTS_MOVED = 5461, 250
RESTING_MOVED, RESTING_STILL = 3000, 800
WRITERS, KEYS_PER_WRITER, PAIRS_PER_WRITER, RATE = 3, 240, 40, 350
WARM_UP_S, COOL_S = 0.8, 0.5
SETTLE_LIMIT_S, ANSWER_LIMIT_S, FAULT_LIMIT_S = 25, 60, 45
NODE_TIMEOUTS_MS = (2000, 3000)
# How slotkit is told to move: as it likes, or slowly, in small steps, one slot at a time.
OPTIONS = [[], [], ["--slots-at-once", "1"], ["--max-keys-per-second", "1000"], ["--max-keys-per-second", "2000"],
           ["--keys-per-migrate", "10", "--max-keys-per-second", "1500"], ["--bytes-per-migrate", "4kb"],
           ["--slots-at-once", "2", "--max-keys-per-second", "1200"]]


class Round:
    """(seed, version, fault, mover): all that a round is made from."""

    def __init__(self, seed, version, fault, mover, turn=0):
        self.seed, self.version, self.fault_name, self.mover_name, self.turn = seed, version, fault, mover, turn
        self.fault = FAULTS[fault]
        # The same with every mover, so that each round can be tried without slotkit.
        self.rng = random.Random(f"{seed} {version} {fault}")
        self.slots = set(range(FIRST_SLOT, FIRST_SLOT + SLOTS_MOVED))
        self.folder = tempfile.mkdtemp(prefix="slotkit-round-")
        self.timeout_ms = self.rng.choice(NODE_TIMEOUTS_MS)
        self.options = self.rng.choice(OPTIONS)
        self.writers, self.resting = [], []

    def run(self, keep=None, always=False):
        """The round's outcome, as a row of the results; its files are kept in a folder where it isn't
        a good one, or always."""
        started = time.monotonic()
        row = {"seed": self.seed, "version": self.version, "fault": self.fault_name, "mover": self.mover_name,
               "program": verdict.program(), "options": self.options, "node_timeout_ms": self.timeout_ms, "date": time.strftime("%Y-%m-%d")}
        cluster = nodes.Cluster(self.version, self.folder, self.turn, self.timeout_ms, self.fault.is_durable)
        try:
            cluster.start()
            row.update(self._play(cluster))
        except (nodes.NotStarted, LinkLost, NotSent, RuntimeError, OSError) as cause:
            row.update({"outcome": verdict.NO_ROUND, "why": f"{cause}", "trace": traceback.format_exc()[-1500:]})
        finally:
            for one in self.writers:
                one.end()
            cluster.stop()
        row["took_s"] = round(time.monotonic() - started, 1)
        is_kept = always or row["outcome"] not in verdict.GOOD
        self._leave(keep if is_kept else None)
        return row

    def _play(self, cluster):
        self._load(cluster)
        mover = self._mover(cluster)
        mover.prepare()
        self._start_writers(cluster)
        time.sleep(WARM_UP_S)
        scene = Scene(cluster, mover, self.rng, RESTING_MOVED)
        scene.resting = self.resting
        watching = watch.Watch(mover) if self.mover_name == "slotkit" else None
        with Link(cluster.source) as link:
            scene.keys_before = link.ask("DBSIZE")
        code = self._move(scene)
        if self.fault.afterwards:
            self.fault.afterwards(scene)
        if watching:
            watching.is_over.set()
        time.sleep(COOL_S)
        return self._compare(scene, code)

    def _load(self, cluster):
        still = set(range(0, 16384, 7)) - self.slots
        self.resting = resting.make(self.rng, self.slots, RESTING_MOVED)
        self.resting += resting.make(self.rng, still, RESTING_STILL, b"still")
        resting.load(self.resting, lambda slot: _first_owner(cluster, slot))

    def _mover(self, cluster):
        kind = movers.MOVERS[self.mover_name]
        folder = os.path.join(self.folder, "mover")
        os.makedirs(os.path.join(folder, "state"))
        mover = kind(cluster, self.slots, folder, self.options)
        mover.application = self._ask_application
        if self.mover_name == "nobody":
            # Without a move the target has no keys to lose: a node that has some stands in for it.
            cluster.target = cluster.source
        if self.fault.disk_bytes and self.mover_name == "slotkit":
            disk = os.path.join(folder, "disk")
            os.makedirs(disk)
            files.make_disk(disk, self.fault.disk_bytes)
            mover.journal = os.path.join(disk, "journal")
        return mover

    def _start_writers(self, cluster):
        ports = cluster.primaries + cluster.replicas
        names = self._names(WRITERS * KEYS_PER_WRITER)
        pairs = [(b"{%s}one" % tag, b"{%s}two" % tag) for tag in self._names(WRITERS * PAIRS_PER_WRITER, b"pair")]
        for at in range(WRITERS):
            seed = self.rng.randrange(1 << 30)
            self.writers.append(writer.Process(f"writer-{at}", ports, names[at::WRITERS], pairs[at::WRITERS], seed, RATE))

    def _names(self, count, prefix=b"key"):
        """Most of them in slots that move."""
        names, at = [], 0
        while len(names) < count:
            at += 1
            name = b"%s:%d:%d" % (prefix, self.seed, at)
            if slot_of(name) in self.slots or self.rng.random() < 0.003:
                names.append(name)
        return names

    def _move(self, scene):
        """Moves, with the fault beside it; the mover's last exit code."""
        thread = threading.Thread(target=self._inject, args=(scene,), daemon=True)
        scene.mover.fault_is_over = lambda: self._wait_for_fault(scene, thread)
        scene.begin()
        thread.start()
        code = scene.mover.move()
        thread.join(FAULT_LIMIT_S)
        return code

    def _wait_for_fault(self, scene, thread):
        # Who waits for the mover's end can't be waited for.
        if not self.fault.disk_bytes:
            thread.join(FAULT_LIMIT_S)

    def _inject(self, scene):
        try:
            self.fault.inject(scene)
        except Exception as cause:  # noqa: the row tells it
            scene.note(f"the fault itself failed: {cause!r}")

    def _ask_application(self, name):
        """A key's kind and what it may be, by the one who writes it; resting keys are there until
        their end."""
        for one in self.resting:
            if one.name == name:
                return one.kind, [None if one.is_over() else one.value]
        for process in self.writers:
            process.tell("known", name)
            known = process.answer(ANSWER_LIMIT_S)
            if known:
                return known
        return None

    def _compare(self, scene, code):
        settled = view.settle(scene.cluster.running(), SETTLE_LIMIT_S)
        told, crashes = self._stop_writers()
        wrong = [one for each in told for one in each["wrong"]]
        primaries = [port for port in scene.cluster.running() if view.myself(port).is_primary]
        wrong += resting.compare(self.resting, settled.owners)
        if not settled.is_agreed or settled.open:
            # Where a cluster doesn't serve, or a slot leads to a node that doesn't, nobody answers: it is
            # stuck, and nothing is known to be lost.
            wrong = [one for one in wrong if one["what"] != "silent"]
        wrong += resting.orphaned(settled.owners, primaries) if settled.is_agreed else []
        row = verdict.of(scene, code, settled, wrong)
        row.update({
            "operations": sum(each["done"] for each in told), "unclear": sum(each["unclear"] for each in told),
            "longest_s": max([each["longest_s"] for each in told], default=0), "crashes": crashes,
            "keys": sum(each["keys"] for each in told) + len(self.resting),
        })
        if crashes:
            row.update({"outcome": verdict.NO_ROUND, "why": "a writer ended"})
        crashed = [port for port, node in scene.cluster.nodes.items() if node.has_crashed()]
        if crashed and row["outcome"] == verdict.STUCK:
            row.update({"outcome": verdict.NO_ROUND, "why": f"{crashed} crashed by themselves"})
        return row

    def _stop_writers(self):
        for process in self.writers:
            process.tell("stop")
        for process in self.writers:
            process.answer(ANSWER_LIMIT_S)
            process.tell("compare")
        told = [process.answer(ANSWER_LIMIT_S) for process in self.writers]
        crashes = [each["crash"] for each in told if each and "crash" in each]
        crashes += [f"{process.name} says nothing" for process, each in zip(self.writers, told) if not each]
        return [each for each in told if each and "crash" not in each], crashes

    def _leave(self, keep):
        """Nothing stays, unless the round is to be looked at."""
        disk = os.path.join(self.folder, "mover", "disk")
        if os.path.ismount(disk):
            os.system(f"umount {disk}")
        if keep:
            place = os.path.join(keep, f"{self.seed}-{self.version}-{self.fault_name}-{self.mover_name}".replace(" ", "_"))
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(self.folder, place, ignore=shutil.ignore_patterns("appendonlydir", "*.rdb", "disk"))
        shutil.rmtree(self.folder, ignore_errors=True)


def _first_owner(cluster, slot):
    ranges = zip(cluster.primaries, nodes.RANGES)
    return next(port for port, span in ranges if span and span[0] <= slot <= span[1])

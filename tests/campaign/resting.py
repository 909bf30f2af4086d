"""Keys that are there before a round begins and that no client touches: each must be where its slot
is at the end, with its value and its life, and nowhere else."""
import collections
import dataclasses
import time

import kinds
from lives import AFTER_S, BEFORE_S, DRIFT_S
from wire import SLOTS, Link, Refusal, slot_of

KINDS = ["string"] * 3 + ["list", "hash", "set", "zset", "stream"]
# Of a hundred keys so many end while the round runs, and so many long after it.
ENDING_SOON, ENDING_LATER = 8, 17
NAMED_MAX = 5


@dataclasses.dataclass
class Resting:
    """A key, and when it ends (Unix time) if it does."""
    name: bytes
    kind: str
    value: object
    ends_at: float = None

    @property
    def slot(self):
        return slot_of(self.name)

    def is_over(self):
        return self.ends_at is not None and time.time() > self.ends_at + AFTER_S

    def may_be_over(self):
        return self.ends_at is not None and time.time() > self.ends_at - BEFORE_S


def make(rng, slots, count, prefix=b"rest"):
    """So many keys in these slots."""
    keys, at = [], 0
    while len(keys) < count:
        at += 1
        name = b"%s:%d" % (prefix, at)
        if slot_of(name) in slots:
            keys.append(_one(rng, name, at))
    return keys


def _one(rng, name, at):
    kind, size = rng.choice(KINDS), rng.choice((1, 3, 10))
    value = {
        "string": lambda: b"value %d," % at * size,
        "stream": lambda: [b"entry %d.%d" % (at, one) for one in range(size)],
        "list": lambda: [b"item %d.%d" % (at, one) for one in range(size)],
        "set": lambda: frozenset(b"member %d.%d" % (at, one) for one in range(size)),
        "hash": lambda: {b"field %d" % one: b"%d" % (at + one) for one in range(size)},
        "zset": lambda: {b"member %d.%d" % (at, one): float(one) for one in range(size)},
    }[kind]()
    chance, ends_at = rng.randrange(100), None
    if chance < ENDING_SOON:
        ends_at = time.time() + rng.uniform(2, 15)
    elif chance < ENDING_SOON + ENDING_LATER:
        ends_at = time.time() + rng.uniform(900, 4000)
    return Resting(name, kind, value, ends_at)


def load(keys, owner_of):
    commands = collections.defaultdict(list)
    for key in keys:
        to = commands[owner_of(key.slot)]
        to += kinds.loading(key.kind, key.name, key.value)
        if key.ends_at is not None:
            to.append(["PEXPIREAT", key.name, int(key.ends_at * 1000)])
    for port, of_port in commands.items():
        with Link(port, 30) as link:
            refused = [answer for answer in link.ask_all(of_port) if isinstance(answer, Refusal)]
        if refused:
            raise RuntimeError(f"loading {port}: {refused[0]}")


def compare(keys, owners):
    """What is wrong with them: a list as writers make it."""
    by_owner = collections.defaultdict(list)
    for key in keys:
        by_owner[owners.get(key.slot)].append(key)
    # Of these it can't be told; that a slot has no owner is seen elsewhere.
    by_owner.pop(None, None)
    wrong = []
    for port, of_port in by_owner.items():
        commands = [words for key in of_port for words in (kinds.reading(key.kind, key.name), ["PTTL", key.name])]
        with Link(port, 30) as link:
            answers = link.ask_all(commands, 200)
        for at, key in enumerate(of_port):
            text = _fault(key, kinds.read_value(key.kind, answers[2 * at]), answers[2 * at + 1])
            if text:
                wrong.append({**_wrong(key, text), "port": port})
    return wrong


def _wrong(key, text):
    what = "life" if "its life" in text else "silent" if text.startswith("refused") else "resting"
    return {"what": what, "key": key.name.decode(), "kind": key.kind, "slot": key.slot, "text": text,
            "missing": [], "is_gone": text == "gone", "life": key.ends_at and [key.ends_at, key.ends_at]}


def _fault(key, value, pttl_ms):
    if isinstance(value, Refusal):
        return f"refused: {value.text}"
    if key.is_over():
        return None if value is None else "its life should be over"
    if key.may_be_over() and value is None:
        return None
    if value is None:
        return "gone"
    if value != key.value:
        return "another value"
    return _life_fault(key, pttl_ms)


def _life_fault(key, pttl_ms):
    if key.may_be_over():
        return None
    if (key.ends_at is None) != (pttl_ms == -1):
        return f"its life is wrong: PTTL {pttl_ms}"
    if key.ends_at is not None:
        drift_s = pttl_ms / 1000 - (key.ends_at - time.time())
        if abs(drift_s) > DRIFT_S:
            return f"its life is off by {drift_s:+.1f} s"
    return None


def orphaned(owners, primaries):
    """Keys at primaries that don't own their slots: no client sees them, until the slot comes there."""
    found = []
    for port in primaries:
        others = [slot for slot in range(SLOTS) if owners.get(slot) != port]
        with Link(port, 30) as link:
            counts = link.ask_all([["CLUSTER", "COUNTKEYSINSLOT", slot] for slot in others], 4000)
            full = [(slot, count) for slot, count in zip(others, counts) if count]
            names = [name for slot, _ in full[:NAMED_MAX]
                     for name in link.ask("CLUSTER", "GETKEYSINSLOT", slot, NAMED_MAX)]
        if full:
            found.append({"what": "orphaned", "port": port, "slot": full[0][0], "key": names[0].decode() if names else "",
                          "text": f"{sum(count for _, count in full)} keys in {len(full)} slots of others"})
    return found

"""What clients do to keys of each kind, and what servers make of it.

Nothing here talks to a server. A key's value is None where it doesn't exist, else bytes, an int, a
list, a dict or a frozenset. A pair is two string keys of one hash tag, for commands on both: its name
is their names, its value their values.
"""
import dataclasses

from wire import Refusal

# A life that leaves the key's expiry as it was.
KEEPS = "keeps"
# What any answer will do for, such as an ID that the server makes up.
ANY = object()
LONG_LIFE_MS = (700_000, 4_000_000)
SHORT_LIFE_MS = (1_500, 7_000)
INCREMENT = "return redis.call('INCR', KEYS[1])"
SWAP = ("local one, two = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]) "
        "redis.call('MSET', KEYS[1], two, KEYS[2], one) return 2")
LIST_MAX, APPENDED_MAX_BYTES = 40, 600

READS = {
    "string": ["GET"], "short": ["GET"], "counter": ["GET"], "appended": ["GET"], "list": ["LRANGE", 0, -1],
    "hash": ["HGETALL"], "set": ["SMEMBERS"], "zset": ["ZRANGE", 0, -1, "WITHSCORES"], "stream": ["XRANGE", "-", "+"],
}
PAIR = "pair"
# As often as they stand here.
KINDS = ["string"] * 4 + ["short", "counter", "counter", "appended", "list", "hash", "hash", "set", "zset", "stream"]


@dataclasses.dataclass
class Operation:
    """A command on one key, and the key's life from then on (ms; None without an end)."""
    words: list
    life: object = KEEPS


def absent(kind):
    """The value of what doesn't exist."""
    return (None, None) if kind == PAIR else None


def reading(kind, key):
    if kind == PAIR:
        return ["MGET", *key]
    first, *rest = READS[kind]
    return [first, key, *rest]


def read_value(kind, answer):
    """A key's value from the answer to `reading`."""
    if isinstance(answer, Refusal):
        return answer
    if kind in ("string", "short", "appended"):
        return answer
    if kind == PAIR:
        return tuple(answer)
    if kind == "counter":
        return None if answer is None else int(answer)
    if not answer:
        return None
    pairs = zip(answer[::2], answer[1::2]) if kind in ("hash", "zset") else ()
    return {
        "stream": lambda: [fields[1] for _, fields in answer], "list": lambda: list(answer), "set": lambda: frozenset(answer),
        "hash": lambda: dict(pairs), "zset": lambda: {member: float(score) for member, score in pairs},
    }[kind]()


def is_answer(expected, answer):
    """Whether a server answered what the model says."""
    if expected is ANY:
        return not isinstance(answer, Refusal)
    if isinstance(expected, float) and isinstance(answer, bytes):
        return float(answer) == expected
    return type(answer) is type(expected) and answer == expected


def loading(kind, key, value):
    """The commands that make a key anew; a stream's value is a list of what its entries hold."""
    if kind == "string":
        return [["SET", key, value]]
    if kind == "stream":
        return [["XADD", key, "*", "field", entry] for entry in value]
    verb, words = {
        "list": ("RPUSH", lambda: value), "set": ("SADD", lambda: value),
        "hash": ("HSET", lambda: [word for pair in value.items() for word in pair]),
        "zset": ("ZADD", lambda: [word for member, score in value.items() for word in (score, member)]),
    }[kind]
    return [[verb, key, *words()]]


def carried_out(kind, words, value):
    """What a server answers to a command on a key of this value, and the value after it."""
    verb, _, *rest = words
    return (_PAIR_EFFECTS if kind == PAIR else _EFFECTS)[verb](value, *rest)


def _set(value, new, how=None, _life=None):
    if how == "NX" and value is not None:
        return None, value
    return b"OK", new


def _increment(value, by=1):
    return (value or 0) + by, (value or 0) + by


def _append(value, more):
    after = (value or b"") + more
    return len(after), after


def _pushed(is_left):
    def effect(value, new):
        after = [new, *(value or [])] if is_left else [*(value or []), new]
        return len(after), after
    return effect


def _popped(is_left):
    def effect(value):
        if value is None:
            return None, None
        out, left = (value[0], value[1:]) if is_left else (value[-1], value[:-1])
        return out, left or None
    return effect


def _put(value, field, new):
    value = value or {}
    return int(field not in value), {**value, field: b"%d" % new}


def _add(value, member):
    value = value or frozenset()
    return int(member not in value), value | {member}


def _raise_score(value, by, member):
    value = value or {}
    score = value.get(member, 0.0) + by
    return score, {**value, member: score}


def _without(value, name):
    """A key that loses its last element is gone."""
    if value is None or name not in value:
        return 0, value
    if isinstance(value, frozenset):
        return 1, (value - {name}) or None
    return 1, {one: of for one, of in value.items() if one != name} or None


_EFFECTS = {
    "DEL": lambda value: (int(value is not None), None),
    "PEXPIRE": lambda value, _: (int(value is not None), value), "PERSIST": lambda value: (1, value),
    "SET": _set, "GETSET": lambda value, new: (value, new),
    "INCRBY": _increment, "EVAL": lambda value, _: _increment(value), "APPEND": _append,
    "LPUSH": _pushed(True), "RPUSH": _pushed(False), "LPOP": _popped(True), "RPOP": _popped(False),
    "HSET": _put, "HDEL": _without, "SADD": _add, "SREM": _without, "ZINCRBY": _raise_score, "ZREM": _without,
    "XADD": lambda value, _id, _field, entry: (ANY, [*(value or []), entry]),
}


def _renamed(pair):
    return (Refusal("ERR no such key"), pair) if pair[0] is None else (b"OK", (None, pair[0]))


def _swapped(pair, _script):
    # A script can't set what it was answered as false.
    return (ANY, pair) if None in pair else (2, (pair[1], pair[0]))


_PAIR_EFFECTS = {
    "DEL": lambda pair: (sum(value is not None for value in pair), (None, None)), "RENAME": _renamed, "EVAL": _swapped,
    "MSET": lambda _, new, other: (b"OK", (new, other)),
}


class Doing:
    """The next operation on a key of a kind, as chance has it."""

    def __init__(self, rng, name):
        self.rng, self.name, self.count = rng, name, 0

    def next(self, kind, key, value, has_life):
        any_kind = None if kind in ("short", PAIR) else self._for_any(key, value, has_life)
        return any_kind or getattr(self, "_" + kind)(key, value)

    def new_value(self):
        letter = bytes([self.rng.randrange(97, 123)])
        return b"%s:%d:" % (self.name, self._number()) + letter * self.rng.choice((10, 40, 200, 600))

    def _number(self):
        self.count += 1
        return self.count

    def _for_any(self, key, value, has_life):
        chance = self.rng.random()
        if value is None:
            return Operation(["DEL", key], None) if chance < 0.05 else None
        if chance < 0.07:
            return Operation(["DEL", key], None)
        if chance < 0.13:
            life = self.rng.randrange(*LONG_LIFE_MS)
            return Operation(["PEXPIRE", key, life], life)
        if has_life and chance < 0.18:
            return Operation(["PERSIST", key], None)
        return None

    def _string(self, key, value):
        new, chance = self.new_value(), self.rng.random()
        if chance < 0.15:
            life = self.rng.randrange(*LONG_LIFE_MS)
            return Operation(["SET", key, new, "PX", life], life)
        if chance < 0.25:
            return Operation(["SET", key, new, "NX"], None if value is None else KEEPS)
        if chance < 0.35:
            return Operation(["GETSET", key, new], None)
        return Operation(["SET", key, new], None)

    def _short(self, key, _value):
        life = self.rng.randrange(*SHORT_LIFE_MS)
        return Operation(["SET", key, self.new_value(), "PX", life], life)

    def _counter(self, key, _value):
        if self.rng.random() < 0.15:
            # The key stands first for `carried_out`, as everywhere; see `sent`.
            return Operation(["EVAL", key, INCREMENT])
        return Operation(["INCRBY", key, self.rng.randrange(1, 50)])

    def _appended(self, key, value):
        if value is not None and len(value) > APPENDED_MAX_BYTES:
            return Operation(["DEL", key], None)
        return Operation(["APPEND", key, b"%d," % self._number()])

    def _list(self, key, value):
        chance = self.rng.random()
        if value and len(value) > LIST_MAX:
            return Operation(["DEL", key], None)
        if chance < 0.35:
            return Operation(["LPOP" if chance < 0.25 else "RPOP", key])
        return Operation(["LPUSH" if chance < 0.7 else "RPUSH", key, b"item-%d" % self._number()])

    def _hash(self, key, _value):
        field = b"f%d" % self.rng.randrange(20)
        if self.rng.random() < 0.2:
            return Operation(["HDEL", key, field])
        return Operation(["HSET", key, field, self._number()])

    def _set(self, key, _value):
        member = b"m%d" % self.rng.randrange(30)
        return Operation(["SREM" if self.rng.random() < 0.3 else "SADD", key, member])

    def _zset(self, key, _value):
        member = b"m%d" % self.rng.randrange(30)
        if self.rng.random() < 0.2:
            return Operation(["ZREM", key, member])
        return Operation(["ZINCRBY", key, self.rng.randrange(100), member])

    def _pair(self, key, value):
        chance = self.rng.random()
        if chance < 0.1 and value != (None, None):
            return Operation(["DEL", key])
        if chance < 0.25 and None not in value:
            return Operation(["RENAME", key])
        if chance < 0.4 and None not in value:
            return Operation(["EVAL", key, SWAP])
        return Operation(["MSET", key, self.new_value(), self.new_value()])

    def _stream(self, key, value):
        if value and len(value) > LIST_MAX:
            return Operation(["DEL", key], None)
        return Operation(["XADD", key, "*", "field", b"%d" % self._number()])


def sent(words):
    """A command as a server takes it."""
    verb, key, *rest = words
    if isinstance(key, tuple):
        one, two = key
        if verb == "MSET":
            return ["MSET", one, rest[0], two, rest[1]]
        return ["EVAL", SWAP, 2, one, two] if verb == "EVAL" else [verb, one, two]
    return ["EVAL", rest[0], 1, key] if verb == "EVAL" else words

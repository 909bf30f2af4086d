"""Clients that write all kinds of values, each a process with keys of its own and a model of them."""
import gc
import multiprocessing
import random
import time
import traceback

import kinds
from client import Client, NotDone, Unclear
from lives import fault_of_ttl
from model import Key
from wire import Refusal

TIMEOUT_S, PATIENCE_S, LAST_PATIENCE_S = 20.0, 25.0, 4.0
READS_SHARE = 0.3
# Keys whose owner nobody could be asked for at the end, each waited for: more would take too long.
SILENT_KEYS_MAX = 1
SAID_MAX = 100


class Writer:
    """One key, or one pair, at a time: the next operation, its answer against the model, the model."""

    def __init__(self, name, ports, keys, pairs, seed):
        self.rng = random.Random(seed)
        self.doing = kinds.Doing(self.rng, name.encode())
        self.client = Client(ports, TIMEOUT_S, PATIENCE_S)
        self.keys = [Key(key, self.rng.choice(kinds.KINDS)) for key in keys] + [Key(pair, kinds.PAIR) for pair in pairs]
        self.wrong, self.done, self.unclear, self.given_up = [], 0, 0, 0
        self.longest_s = 0.0

    def step(self):
        key = self.rng.choice(self.keys)
        if key.is_wrong:
            return
        is_short_one_alive = key.kind == "short" and key.life is not None
        if key.is_frozen or is_short_one_alive or self.rng.random() < READS_SHARE:
            self._read(key, "read")
        else:
            self._write(key)

    def _write(self, key):
        if key.life is not None and key.life.may_be_over():
            return
        operation = self.doing.next(key.kind, key.name, key.value, key.life is not None)
        expected, _ = kinds.carried_out(key.kind, operation.words, key.value)
        try:
            answer = self.client.run(key.slot, kinds.sent(operation.words), True)
        except Unclear as lost:
            self.unclear += 1
            key.unclear(operation.words, operation.life, lost.port)
            return
        except NotDone:
            self.given_up += 1
            return
        self._count(answer)
        if kinds.is_answer(expected, answer.value):
            key.acknowledge(operation.words, operation.life, answer)
        else:
            missing = self._missing(key, operation.words, answer.value)
            self._note(key, "answer", f"{operation.words[0]} answered {said(answer.value)}, expected "
                       f"{said(expected)}", answer, missing)

    def _read(self, key, what):
        allowed = key.allowed()
        try:
            answer = self.client.run(key.slot, kinds.reading(key.kind, key.name), False)
        except NotDone:
            self.given_up += 1
            return None
        self._count(answer)
        value = kinds.read_value(key.kind, answer.value)
        # Its life may have ended between the question and now.
        if value not in allowed and value not in key.allowed():
            what = "life" if value in key.values else what
            self._note(key, what, f"reads {said(value)}, expected {said(key.values)}", answer, key.missing_for(value))
        elif key.kind == "short" and key.life is not None and key.life.is_over():
            key.end_life()
            key.is_frozen = False
        return answer

    def _missing(self, key, words, answered):
        value = self._look(key)
        if words[0] == "PERSIST" and answered == 0:
            return key.missing_life_for(value)
        if isinstance(answered, Refusal):
            # A script whose key is gone; it has changed nothing.
            return key.missing_for(value)
        return key.missing_for(value, (words, answered))

    def _look(self, key):
        """The value of a key whose write was answered oddly, to tell what of it is missing."""
        try:
            answer = self.client.run(key.slot, kinds.reading(key.kind, key.name), False)
        except NotDone:
            return Refusal("nobody answers")
        return kinds.read_value(key.kind, answer.value)

    def _count(self, answer):
        self.done += 1
        self.longest_s = max(self.longest_s, answer.came_at - answer.sent_at)

    def _note(self, key, what, text, answer, missing):
        key.is_wrong = True
        self.wrong.append({
            "what": what, "key": key.names()[0].decode(), "kind": key.kind, "slot": key.slot, "text": text,
            "at": answer.came_at, "port": answer.port, "asked": answer.asked, "frozen": key.is_frozen,
            "life": key.life and [key.life.earliest, key.life.latest],
            "missing": [[[write.at, write.port, write.words[0]] for write in way] for way in missing],
        })

    def compare_all(self):
        """Every key against its model, once all is quiet."""
        silent = 0
        self.client.patience_s = LAST_PATIENCE_S
        for key in self.keys:
            if key.is_wrong:
                continue
            answer = self._read(key, "at the end")
            if answer is None:
                silent += 1
                self.wrong.append({"what": "silent", "key": key.names()[0].decode(), "slot": key.slot,
                                   "text": "nobody answers for it"})
                if silent > SILENT_KEYS_MAX:
                    return
            elif self._has_known_life(key):
                self._compare_life(key)

    def _has_known_life(self, key):
        is_there = key.value not in (None, kinds.absent(key.kind)) and key.allowed() != [None]
        return is_there and not key.is_wrong and not key.is_frozen and key.kind not in ("short", kinds.PAIR)

    def _compare_life(self, key):
        answer = self.client.run(key.slot, ["PTTL", key.name], False)
        fault = fault_of_ttl(key.life, answer.value)
        if fault:
            self._note(key, "life", fault, answer, [[key.life_from]] if key.life_from else [])

    def known_of(self, name):
        """A key's kind and what it may be, for who must choose between two copies: the application
        knows."""
        for key in self.keys:
            if key.name == name:
                return key.kind, key.allowed()
            if key.kind == kinds.PAIR and name in key.name:
                return "string", [value[key.name.index(name)] for value in key.allowed()]
        return None


def said(value):
    text = repr(value)
    return text if len(text) <= SAID_MAX else f"{text[:SAID_MAX]}… ({len(text)} characters)"


class Process:
    """A writer in a process of its own, and what it is told over a pipe."""

    def __init__(self, name, ports, keys, pairs, seed, rate):
        self.pipe, end = multiprocessing.Pipe()
        self.name = name
        self.process = multiprocessing.Process(target=_live, args=(end, name, ports, keys, pairs, seed, rate),
                                               daemon=True)
        self.process.start()

    def tell(self, *words):
        self.pipe.send(words)

    def answer(self, limit_s):
        """What it says; None where it says nothing in time."""
        try:
            return self.pipe.recv() if self.pipe.poll(limit_s) else None
        except EOFError:
            return None

    def end(self):
        self.process.terminate()
        self.process.join(5)


def _live(pipe, name, ports, keys, pairs, seed, rate):
    gc.disable()
    try:
        writer = Writer(name, ports, keys, pairs, seed)
        _write_until_told(pipe, writer, rate)
        pipe.recv()
        writer.compare_all()
        pipe.send({"wrong": writer.wrong, "done": writer.done, "unclear": writer.unclear,
                   "given_up": writer.given_up, "longest_s": round(writer.longest_s, 2),
                   "refused": dict(writer.client.seen), "keys": len(writer.keys)})
    except Exception:  # noqa: the parent is told what it was
        pipe.send({"crash": traceback.format_exc()})


def _write_until_told(pipe, writer, rate):
    """So many operations a second, until the parent says stop."""
    start, done = time.monotonic(), 0
    while True:
        if done % 8 == 0 and pipe.poll(0):
            word, *rest = pipe.recv()
            if word == "stop":
                pipe.send("stopped")
                return
            pipe.send(writer.known_of(*rest))
        writer.step()
        done += 1
        ahead_s = done / rate - (time.monotonic() - start)
        if ahead_s > 0:
            time.sleep(min(ahead_s, 0.02))
        elif ahead_s < -1:
            start, done = time.monotonic(), 0

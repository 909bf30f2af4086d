"""A client of a cluster as applications use: it follows redirections, and knows for each command
whether it was carried out, wasn't, or can't be told."""
import collections
import dataclasses
import random
import time

from wire import SLOTS, Link, LinkLost, NotSent, Refusal, encoded

ASKING = encoded(["ASKING"])
# Refusals that pass: the command was not carried out, and is sent again.
WAITED_FOR = {"TRYAGAIN", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "BUSY", "READONLY", "NOREPLICAS", "MISCONF", "OOM"}
# Enough of a map of slots to go by; a node that has just started may know less.
SLOTS_KNOWN_MIN = SLOTS // 2


class Unclear(Exception):
    """A write was sent and its answer was lost."""

    def __init__(self, port, why):
        super().__init__(why)
        self.port = port


class NotDone(Exception):
    """Nobody carried it out in the time that there was."""


@dataclasses.dataclass
class Answer:
    """A server's answer, from whom, whether behind ASKING, and between which moments."""
    value: object
    port: int
    asked: bool
    sent_at: float
    came_at: float


class Client:
    """Sends commands to the owners of slots."""

    def __init__(self, ports, timeout_s, patience_s):
        self.ports = list(ports)
        self.timeout_s, self.patience_s = timeout_s, patience_s
        self.links, self.owners = {}, {}
        self.refreshed_at = 0.0
        self.seen = collections.Counter()

    def run(self, slot, words, is_write):
        """The answer to one command.

        Raises Unclear for a write whose answer was lost (a read is sent again), and NotDone.
        """
        data = encoded(words)
        end = time.monotonic() + self.patience_s
        ask_port, tries = None, 0
        while time.monotonic() < end:
            tries += 1
            if tries > 6:
                time.sleep(0.004 if tries < 50 else 0.03)
            port, asked, ask_port = ask_port or self.owners.get(slot), ask_port is not None, None
            if port is None:
                self._refresh()
                continue
            try:
                answer = self._send(port, data, asked)
            except NotSent:
                self._refresh()
                time.sleep(0.02)
                continue
            except LinkLost as cause:
                self._drop(port)
                self._refresh()
                if is_write:
                    raise Unclear(port, str(cause)) from cause
                continue
            if isinstance(answer.value, Refusal):
                is_sent_on, ask_port = self._sent_on(slot, answer.value)
                if is_sent_on:
                    continue
            return answer
        raise NotDone()

    def _send(self, port, data, asked):
        link = self.links.get(port)
        if link is None:
            link = self.links[port] = Link(port, self.timeout_s)
        sent_at = time.time()
        link.send(ASKING + data if asked else data)
        if asked:
            link.read()
        value = link.read()
        return Answer(value, port, asked, sent_at, time.time())

    def _sent_on(self, slot, refusal):
        """Whether the command is to be sent again, and to whom behind ASKING."""
        code = refusal.code
        self.seen[code] += 1
        if code == "MOVED":
            self.owners[slot] = _port_in(refusal)
            return True, None
        if code == "ASK":
            return True, _port_in(refusal)
        if code in WAITED_FOR:
            time.sleep(0.01)
            if code != "TRYAGAIN":
                self._refresh()
            return True, None
        return False, None

    def _drop(self, port):
        link = self.links.pop(port, None)
        if link:
            link.close()

    def _refresh(self):
        """Asks any node for the map of slots, now and then."""
        if time.monotonic() - self.refreshed_at < 0.15:
            time.sleep(0.05)
            return
        self.refreshed_at = time.monotonic()
        for port in random.sample(self.ports, len(self.ports)):
            try:
                with Link(port, 1.0, 0.3) as link:
                    entries = link.ask("CLUSTER", "SLOTS")
            except (LinkLost, NotSent):
                continue
            if isinstance(entries, Refusal):
                continue
            owners = {slot: entry[2][1] for entry in entries for slot in range(entry[0], entry[1] + 1)}
            if len(owners) >= SLOTS_KNOWN_MIN:
                self.owners = owners
                return


def _port_in(refusal):
    return int(refusal.text.split(" ")[2].rsplit(":", 1)[1])

"""What the nodes of a cluster say of it, and whether they agree."""
import dataclasses
import time

from wire import SLOTS, LinkLost, NotSent, Refusal, ask_once


@dataclasses.dataclass
class Member:
    """A line of CLUSTER NODES."""
    id: str
    port: int
    flags: list
    link: str
    slots: set
    open: list

    @property
    def is_primary(self):
        return "master" in self.flags


def nodes_of(port, timeout_s=3.0):
    """The cluster as a node sees it, by id."""
    text = ask_once(port, "CLUSTER", "NODES", timeout_s=timeout_s)
    if isinstance(text, Refusal):
        raise LinkLost(text.text)
    members = (_member(line.split(" ")) for line in text.decode().splitlines())
    return {member.id: member for member in members if member}


def _member(fields):
    if len(fields) < 8:
        return None
    port = int(fields[1].split("@")[0].rsplit(":", 1)[1])
    slots = set()
    for word in fields[8:]:
        if not word.startswith("["):
            first, _, last = word.partition("-")
            slots.update(range(int(first), int(last or first) + 1))
    still_open = [word for word in fields[8:] if word.startswith("[")]
    return Member(fields[0], port, fields[2].split(","), fields[7], slots, still_open)


def myself(port):
    return next(member for member in nodes_of(port).values() if "myself" in member.flags)


class Settled:
    """Who owns which slot, as all nodes say; or why they don't, and whose it is by one node's own word."""

    def __init__(self):
        self.owners = {}
        self.open = []
        self.why = "nobody was asked"

    def claim(self, slots, port):
        """A node says that these are its own; of what two nodes say that of, nothing is known."""
        for slot in slots:
            self.owners[slot] = None if slot in self.owners else port

    @property
    def is_agreed(self):
        return not self.why


def settle(ports, limit_s):
    """Waits until all these nodes agree on an owner for each slot, and serve."""
    end = time.monotonic() + limit_s
    while True:
        settled = _look(ports)
        if settled.is_agreed or time.monotonic() > end:
            return settled
        time.sleep(0.2)


def _look(ports):
    settled, views, down = Settled(), {}, None
    try:
        for port in ports:
            members = nodes_of(port)
            views[port] = {slot: member.port for member in members.values() if member.is_primary
                           for slot in member.slots}
            settled.claim({slot for slot, owner in views[port].items() if owner == port}, port)
            settled.open += [f"{port}: {word}" for member in members.values() for word in member.open]
            if b"cluster_state:ok" not in ask_once(port, "CLUSTER", "INFO"):
                down = port
    except (LinkLost, NotSent) as cause:
        settled.why = str(cause)
        return settled
    maps = list(views.values())
    settled.why = f"cluster_state of {down}" if down else ""
    if any(owners != maps[0] for owners in maps):
        settled.why = "the nodes name different owners"
    elif len(maps[0]) != SLOTS:
        settled.why = f"{SLOTS - len(maps[0])} slots have no owner"
    return settled

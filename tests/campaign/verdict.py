"""What a round came to.

Each wrong value is of a kind, by what was seen in the round itself:

- `unreplicated`: the key is as if a few acknowledged writes in a row had never been, and each of
  those was acknowledged by a node that has died, stood still or been replaced since, at the earliest
  a moment before that. What Redis loses at a failover looks like this.
- `in transit`: the key is gone or in an older state too, and was on its way between the two nodes of
  a move when one of them died or was replaced, or had arrived a moment before.
- `life`: the value is right, and when the key ends isn't.
- `wrong`: everything else.

A kind isn't an excuse. One is excused only where the same fault without slotkit, at the same server,
shows the same kind: `unreplicated` with nobody who moves slots, `in transit` with redis-cli. The same
seed is tried first; the row names the one that has shown it.
"""
import collections
import hashlib
import json
import os
import shutil

RIGHT, TOLD, EXCUSED, WRONG, STUCK, NO_ROUND = "right", "told", "excused", "WRONG", "STUCK", "no round"
GOOD = {RIGHT, TOLD, EXCUSED, NO_ROUND}
UNREPLICATED, IN_TRANSIT, LIFE, OTHER = "unreplicated", "in transit", "life", "wrong"
# Who shows that a kind isn't slotkit's.
WITNESS = {UNREPLICATED: "nobody", IN_TRANSIT: "redis-cli"}
# How long before a node's end its replica may not have heard of what it acknowledged.
BEFORE_S = 2.0
# How long after it slots may be opened before that is known.
AFTER_S = 0.5
FATAL = ("killed", "stands still", "took over", "told to take over", "busy script", "paused")
NAMED_MAX = 12
# How often a round is played again to see whether the servers alone lose.
TRIES_MAX = 6


def of(scene, code, settled, wrong):
    """The row of a round that was played to its end."""
    ends = _ends(scene.events)
    times = _times_of_slots(scene.mover)
    for one in wrong:
        one["class"] = _kind_of(one, ends, times, scene)
    kinds = collections.Counter(one["class"] for one in wrong)
    # What nothing excuses is named first.
    wrong.sort(key=lambda one: one["class"] in WITNESS)
    outcome = _outcome(scene, code, settled, kinds)
    return {
        "outcome": outcome, "kinds": dict(kinds), "wrong": [_short(one) for one in wrong[:NAMED_MAX]],
        "exits": [run.code for run in scene.mover.runs], "person_decided": scene.mover.person_decided,
        "runs": [run.to_json() for run in scene.mover.runs], "hit": scene.was_moving, "share": round(scene.share, 2),
        "why": settled.why, "open": settled.open[:5],
        "events": [{**event, "at": round(event["at"] - scene.started, 2)} for event in scene.events],
    }


def _ends(events):
    """When nodes ended, or stood still until when: (port, from, until)."""
    ends = []
    for at, event in enumerate(events):
        if event["port"] and event["what"].startswith(FATAL):
            awake = [later["at"] for later in events[at:] if later["port"] == event["port"] and later["what"] == "awake"]
            until = awake[0] if awake and event["what"].startswith("stands still") else event["at"]
            ends.append((event["port"], event["at"], until))
    return ends


def _outcome(scene, code, settled, kinds):
    if kinds:
        return WRONG
    # Others may say that there is nothing to do in many ways.
    is_done = code == 0 or scene.mover.name != "slotkit"
    if is_done and settled.is_agreed and not settled.open:
        return TOLD if scene.mover.person_decided else RIGHT
    return STUCK


def _kind_of(one, ends, times, scene):
    if one["what"] in ("orphaned", "silent"):
        return OTHER
    is_an_older_state = one.get("is_gone") or (one.get("missing") and one["what"] != "life")
    if is_an_older_state and _was_moving(one["slot"], ends, times, scene):
        return IN_TRANSIT
    for way in one.get("missing", []):
        if all(_is_before_an_end(port, at, ends) for at, port, _ in way):
            return UNREPLICATED
    return LIFE if one["what"] == "life" else OTHER


def _is_before_an_end(port, at, ends):
    """A node may be replaced whose promoted replica is at the port that the event names."""
    return any(at > start - BEFORE_S and abs(port - node) in (0, 4) for node, start, _ in ends)


def _was_moving(slot, ends, times, scene):
    """Whether a slot was between its nodes when one of them ended, or had left a moment before."""
    if scene.mover.name == "nobody" or slot not in scene.mover.slots:
        return False
    movers = {scene.cluster.source, scene.cluster.target}
    movers |= {scene.cluster.replica_of(port) for port in movers}
    opened, closed = times.get(slot, (None, None))
    for port, start, until in ends:
        if port not in movers:
            continue
        if scene.mover.name != "slotkit":
            return True
        if opened is not None and opened < until + AFTER_S and (closed is None or closed > start - BEFORE_S):
            return True
    return False


def _times_of_slots(mover):
    """When each slot was opened and closed, as slotkit's journal had it; see `watch`."""
    return getattr(mover, "times_of_slots", {})


def _short(one):
    text = json.dumps(one, default=str)
    return one if len(text) < 1500 else {**one, "missing": "many"}


def excuse(row, known, play):
    """Whether each kind of a round's wrong values is the servers' own: shown by a round of the same
    fault and server without slotkit, of the same seed where that shows it. `known` are the rows that
    there are, `play` plays this round with another mover."""
    kinds = set(row.get("kinds", {}))
    if row["outcome"] != WRONG or row["mover"] != "slotkit" or not kinds <= set(WITNESS):
        return row
    row["shown_without_slotkit"] = {kind: _shown(row, kind, known, play) for kind in sorted(kinds)}
    if all(seed is not None for seed in row["shown_without_slotkit"].values()):
        row["outcome"] = EXCUSED
    return row


def _shown(row, kind, known, play):
    """The seed of a round without slotkit that shows this kind of loss; None where none does."""
    def shows(other):
        return kind in other.get("kinds", {})
    alike = [other for other in known if shows(other) and other["mover"] == WITNESS[kind]
             and (other["fault"], other["version"]) == (row["fault"], row["version"])]
    for _ in range(TRIES_MAX):
        if any(other["seed"] == row["seed"] for other in alike) or shows(play(WITNESS[kind])):
            return row["seed"]
        if alike:
            break
    return alike[0]["seed"] if alike else None


def program():
    """Which build was tried: the beginning of its SHA-256."""
    path = shutil.which(os.environ.get("SLOTKIT", "slotkit"))
    if path is None:
        return None
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:12]

"""The outcome of all rounds: faults by servers, as text and as JSON."""
import collections
import json

import verdict

ORDER = [verdict.RIGHT, verdict.TOLD, verdict.EXCUSED, verdict.WRONG, verdict.STUCK]
MARKS = {verdict.RIGHT: "right", verdict.TOLD: "told", verdict.EXCUSED: "excused", verdict.WRONG: "WRONG",
         verdict.STUCK: "STUCK"}
OTHERS = ("nobody", "redis-cli")


class Table:
    """Rows of results, counted."""

    def __init__(self, rows, faults):
        self.rows = [row for row in rows if row["outcome"] != verdict.NO_ROUND]
        self.failed = len(rows) - len(self.rows)
        self.versions = sorted({row["version"] for row in self.rows})
        present = {row["fault"] for row in self.rows}
        self.faults = [fault for fault in faults if fault in present]

    def of(self, mover, fault=None, version=None):
        return [row for row in self.rows if row["mover"] == mover and fault in (None, row["fault"])
                and version in (None, row["version"])]

    def text(self):
        lines = self._of_slotkit()
        for mover in OTHERS:
            if self.of(mover):
                lines += ["", *self._of_other(mover)]
        return "\n".join(lines) + "\n"

    def _of_slotkit(self):
        def cell(fault, version):
            return _outcomes(self.of("slotkit", fault, version))
        rounds = self.of("slotkit")
        operations = sum(row.get("operations", 0) for row in rounds)
        return ["| slotkit | " + " | ".join(self.versions) + " |", self._rule(), *self._lines(cell),
                "| all | " + " | ".join(cell(None, version) for version in self.versions) + " |", "",
                f"{len(rounds)} rounds with slotkit, {operations:,} operations of clients; in "
                f"{sum(row['hit'] for row in rounds)} the fault came while slots moved; {self.failed} "
                "rounds couldn't be played."]

    def _of_other(self, mover):
        def cell(fault, version):
            return _losses(self.of(mover, fault, version))
        faults = [fault for fault in self.faults if self.of(mover, fault)]
        return [f"| {mover} | " + " | ".join(self.versions) + " |", self._rule(), *self._lines(cell, faults)]

    def _rule(self):
        return "|---" * (len(self.versions) + 1) + "|"

    def _lines(self, cell, faults=None):
        return [f"| {fault} | " + " | ".join(cell(fault, version) for version in self.versions) + " |"
                for fault in faults or self.faults]

    def json(self):
        counted = []
        for fault in self.faults:
            for version in self.versions:
                for mover in ("slotkit", *OTHERS):
                    rows = self.of(mover, fault, version)
                    if rows:
                        counted.append(_counted(fault, version, mover, rows))
        return json.dumps({"rounds": counted, "could_not_be_played": self.failed}, indent=1)


def _outcomes(rows):
    counts = collections.Counter(row["outcome"] for row in rows)
    return ", ".join(f"{counts[outcome]} {MARKS[outcome]}" for outcome in ORDER if counts[outcome]) or "-"


def _losses(rows):
    """Rounds, those with wrong values, and how many keys in the worst; slots left open beside it."""
    if not rows:
        return "-"
    worst = max(sum(row["kinds"].values()) for row in rows)
    lost = sum(bool(row["kinds"]) for row in rows)
    open_ = sum(not row["kinds"] and row["outcome"] == verdict.STUCK for row in rows)
    text = f"{lost} of {len(rows)} lost" + (f", up to {worst} keys" if lost else "")
    return text + (f"; {open_} not finished" if open_ else "")


def _counted(fault, version, mover, rows):
    kinds = collections.Counter()
    for row in rows:
        kinds.update(row["kinds"])
    return {
        "fault": fault, "version": version, "mover": mover, "rounds": len(rows),
        "outcomes": dict(collections.Counter(row["outcome"] for row in rows)), "wrong_values": dict(kinds),
        "operations": sum(row.get("operations", 0) for row in rows), "hit": sum(row["hit"] for row in rows),
        "person_decided": sum(row["person_decided"] for row in rows), "seeds": [row["seed"] for row in rows],
    }

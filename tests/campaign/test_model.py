"""The campaign's own tests: what it takes for right, wrong, and the servers' own."""
import random
import time
import types
import unittest

import kinds
import verdict
from client import Answer
from lives import Life, fault_of_ttl
from model import Key
from table import Table
from wire import slot_of


def answer(port=1, came_at=None):
    now = came_at or time.time()
    return Answer(b"OK", port, False, now, now)


class Values(unittest.TestCase):
    def test_slots_are_those_of_servers(self):
        self.assertEqual([slot_of(key) for key in (b"hello", b"{user1000}.following", b"foo{}{bar}")],
                         [866, 3443, 8363])

    def test_an_answer_must_be_the_models_in_type_too(self):
        self.assertTrue(kinds.is_answer(1, 1))
        self.assertFalse(kinds.is_answer(1, True))
        self.assertFalse(kinds.is_answer(b"1", 1))
        self.assertTrue(kinds.is_answer(2.0, b"2"))
        self.assertFalse(kinds.is_answer(None, b""))

    def test_a_key_without_elements_does_not_exist(self):
        doing = kinds.Doing(random.Random(1), b"w")
        for kind in {*kinds.KINDS, kinds.PAIR}:
            value, key = kinds.absent(kind), (b"k", b"l") if kind == kinds.PAIR else b"k"
            for _ in range(300):
                operation = doing.next(kind, key, value, False)
                self.assertIn(b"k", kinds.sent(operation.words))
                _, value = kinds.carried_out(kind, operation.words, value)
                self.assertNotIn(value, ([], {}, frozenset()))


class Models(unittest.TestCase):
    def test_what_was_acknowledged_is_all_that_is_allowed(self):
        key = Key(b"k", "string")
        key.acknowledge(["SET", b"k", b"one"], None, answer())
        key.acknowledge(["SET", b"k", b"two"], None, answer())
        self.assertEqual(key.allowed(), [b"two"])

    def test_writes_that_are_missing_explain_an_older_value(self):
        key = Key(b"k", "set")
        for member in (b"a", b"b", b"c"):
            key.acknowledge(["SADD", b"k", member], kinds.KEEPS, answer())
        missing = [[[write.words[2] for write in way] for way in key.missing_for(value)]
                   for value in ({b"a", b"b"}, {b"a", b"c"}, {b"c"}, {b"b", b"x"}, None)]
        self.assertEqual(missing, [[[b"c"]], [[b"b"]], [[b"a", b"b"]], [], [[b"a", b"b", b"c"]]])

    def test_an_odd_answer_is_explained_by_what_was_missing_before_it(self):
        key = Key(b"k", "counter")
        for by in (1, 10, 100):
            key.acknowledge(["INCRBY", b"k", by], kinds.KEEPS, answer())
        # Without the 10: 101, and the next one makes it 106.
        missing = key.missing_for(106, (["INCRBY", b"k", 5], 106))
        self.assertEqual([[write.words[2] for write in way] for way in missing], [[10]])
        self.assertEqual(key.missing_for(106, (["INCRBY", b"k", 5], 107)), [])

    def test_a_life_that_is_gone_is_explained_by_the_write_that_gave_it(self):
        key = Key(b"k", "string")
        key.acknowledge(["SET", b"k", b"one"], None, answer())
        key.acknowledge(["SET", b"k", b"two"], 900_000, answer())
        key.acknowledge(["APPEND", b"k", b"!"], kinds.KEEPS, answer())

        def words(value):
            return [[write.words[0] for write in way] for way in key.missing_life_for(value)]
        self.assertEqual(words(b"one!"), [["SET"]])
        self.assertEqual(words(b"one"), [["SET", "APPEND"]])
        self.assertEqual(words(b"two"), [])
        key.acknowledge(["PEXPIRE", b"k", 800_000], 800_000, answer())
        self.assertEqual(words(b"two!"), [["PEXPIRE"]])

    def test_a_pair_is_explained_as_one(self):
        pair = Key((b"{t}one", b"{t}two"), kinds.PAIR)
        for words in (["MSET", pair.name, b"a", b"b"], ["MSET", pair.name, b"c", b"d"], ["RENAME", pair.name]):
            self.assertIn(b"{t}two", kinds.sent(words))
            pair.acknowledge(words, kinds.KEEPS, answer())
        self.assertEqual(pair.allowed(), [(None, b"c")])
        # Renamed after the second MSET was lost.
        missing = pair.missing_for((None, b"a"))
        self.assertEqual([[write.words[2] for write in way] for way in missing], [[b"c"]])

    def test_after_a_lost_answer_both_values_are_allowed(self):
        key = Key(b"k", "string")
        key.acknowledge(["SET", b"k", b"one"], None, answer())
        key.unclear(["DEL", b"k"], None, 1)
        self.assertEqual(key.allowed(), [b"one", None])
        self.assertTrue(key.is_frozen)

    def test_a_life_that_is_over_leaves_nothing(self):
        key = Key(b"k", "short")
        put = ["SET", b"k", b"one", "PX", 1]
        key.acknowledge(put, 1000, answer(came_at=time.time() - 60))
        self.assertEqual(key.allowed(), [None])
        key.acknowledge(put, 60_000, answer())
        self.assertEqual(key.allowed(), [b"one"])
        key.acknowledge(put, 300, answer())
        self.assertEqual(key.allowed(), [b"one", None])

    def test_a_life_may_neither_begin_nor_end_nor_drift(self):
        life = Life(time.time() + 100, time.time() + 100)
        self.assertIsNone(fault_of_ttl(life, 99_000))
        self.assertIsNone(fault_of_ttl(None, -1))
        self.assertIn("without an end", fault_of_ttl(life, -1))
        self.assertIn("should have none", fault_of_ttl(None, 5))
        self.assertIn("off by +10.0", fault_of_ttl(life, 110_000))


class Verdicts(unittest.TestCase):
    """A source at port 1 with its replica at 5, a target at 4 with 8; killed at 100."""

    def kind(self, **one):
        cluster = types.SimpleNamespace(source=1, target=4, replica_of=lambda port: port + 4)
        mover = types.SimpleNamespace(name=one.pop("mover", "slotkit"), slots={7})
        scene = types.SimpleNamespace(cluster=cluster, mover=mover)
        times = {7: one.pop("slot", (99, None))}
        seen = {"what": "read", "slot": 7, **one}
        return verdict._kind_of(seen, [(1, 100, 100)], times, scene)

    def test_writes_right_before_a_nodes_end_are_its_own_loss(self):
        closed = (50, 60)
        self.assertEqual(self.kind(missing=[[[99.5, 1, "SET"]]], slot=closed), verdict.UNREPLICATED)
        self.assertEqual(self.kind(missing=[[[90.0, 1, "SET"]]], slot=closed), verdict.OTHER)
        self.assertEqual(self.kind(missing=[[[99.5, 2, "SET"]]], slot=closed), verdict.OTHER)
        self.assertEqual(self.kind(missing=[], slot=closed), verdict.OTHER)

    def test_a_slot_on_its_way_at_a_nodes_end_is_in_transit(self):
        self.assertEqual(self.kind(is_gone=True), verdict.IN_TRANSIT)
        self.assertEqual(self.kind(missing=[[[99.5, 1, "SET"]]]), verdict.IN_TRANSIT)
        self.assertEqual(self.kind(missing=[]), verdict.OTHER)
        self.assertEqual(self.kind(is_gone=True, slot=(50, 99.5)), verdict.IN_TRANSIT)
        self.assertEqual(self.kind(is_gone=True, slot=(50, 60)), verdict.OTHER)
        self.assertEqual(self.kind(is_gone=True, slot=(150, None)), verdict.OTHER)
        self.assertEqual(self.kind(is_gone=True, slot=(None, None)), verdict.OTHER)
        self.assertEqual(self.kind(is_gone=True, mover="nobody"), verdict.OTHER)

    def test_orphaned_keys_and_lives_have_no_excuse(self):
        for what, kind in (("orphaned", verdict.OTHER), ("silent", verdict.OTHER), ("life", verdict.LIFE)):
            self.assertEqual(self.kind(what=what, missing=[[[90.0, 1, "SET"]]]), kind)
        lost = [[[99.5, 1, "PEXPIRE"]]]
        self.assertEqual(self.kind(what="life", missing=lost), verdict.UNREPLICATED)

    def excused(self, kinds_of_slotkit, shown_by, known=()):
        row = {"seed": 1, "version": "redis-7.0", "fault": "dies", "outcome": verdict.WRONG, "mover": "slotkit",
               "kinds": kinds_of_slotkit}
        return verdict.excuse(row, known, lambda mover: {"kinds": shown_by.get(mover, {})})["outcome"]

    def test_an_excuse_is_what_the_same_round_shows_without_slotkit(self):
        lost = {verdict.UNREPLICATED: 1}
        self.assertEqual(self.excused(lost, {}), verdict.WRONG)
        self.assertEqual(self.excused(lost, {"redis-cli": lost}), verdict.WRONG)
        self.assertEqual(self.excused(lost, {"nobody": lost}), verdict.EXCUSED)
        both = {**lost, verdict.IN_TRANSIT: 2}
        self.assertEqual(self.excused(both, {"nobody": lost}), verdict.WRONG)
        self.assertEqual(self.excused(both, {"nobody": lost, "redis-cli": both}), verdict.EXCUSED)
        for never in (verdict.OTHER, verdict.LIFE):
            self.assertEqual(self.excused({**lost, never: 1}, {"nobody": {**lost, never: 1}}), verdict.WRONG)

    def test_another_seed_excuses_of_the_same_fault_and_server_alone(self):
        lost = {verdict.UNREPLICATED: 1}
        other = {"seed": 2, "version": "redis-7.0", "fault": "dies", "mover": "nobody", "kinds": lost}
        self.assertEqual(self.excused(lost, {}, [other]), verdict.EXCUSED)
        for differs in ({"version": "redis-8.0"}, {"fault": "stalls"}, {"mover": "redis-cli"}, {"kinds": {}}):
            self.assertEqual(self.excused(lost, {}, [{**other, **differs}]), verdict.WRONG)

    def test_a_table_counts_what_the_rows_say(self):
        row = {"seed": 1, "version": "redis-7.0", "fault": "kill", "mover": "slotkit", "outcome": verdict.RIGHT,
               "kinds": {}, "hit": True, "operations": 10, "person_decided": 0}
        rows = [row, {**row, "outcome": verdict.WRONG}, {**row, "outcome": verdict.NO_ROUND},
                {**row, "mover": "nobody", "kinds": {verdict.UNREPLICATED: 3}}]
        text = Table(rows, ["kill"]).text()
        self.assertIn("| kill | 1 right, 1 WRONG |", text)
        self.assertIn("| kill | 1 of 1 lost, up to 3 keys |", text)
        self.assertIn("1 rounds couldn't be played", text)


if __name__ == "__main__":
    unittest.main()

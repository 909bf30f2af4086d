"""A key as its writer knows it: what was acknowledged, by whom, and what would explain another value."""
import collections
import dataclasses

from kinds import KEEPS, absent, carried_out, is_answer
from lives import UNKNOWN, life_of
from wire import slot_of

HISTORY, EXPLANATIONS_MAX = 40, 5


@dataclasses.dataclass
class Written:
    """A write: acknowledged by a node at a moment, or (`at` is None) with its answer lost; and what the
    key was before it."""
    at: float
    port: int
    words: list
    before: object


class Key:
    """What a key may be: one value, or two after a write whose answer was lost; such a key is only
    read from then on, since a node may carry the write out late."""

    def __init__(self, name, kind):
        self.name, self.kind = name, kind
        self.slot = slot_of(self.names()[0])
        self.values = [absent(kind)]
        self.life = None
        # The write that its life is from.
        self.life_from = None
        self.is_frozen = False
        # After a wrong value nothing more is concluded from this key.
        self.is_wrong = False
        self.history = collections.deque(maxlen=HISTORY)

    def names(self):
        return self.name if isinstance(self.name, tuple) else (self.name,)

    @property
    def value(self):
        return self.values[0]

    def acknowledge(self, words, life, answer):
        written = Written(answer.came_at, answer.port, words, self.value)
        self.history.append(written)
        self.values = [self._after(words, self.value)]
        if life != KEEPS:
            self.life = None if life is None else life_of(answer, life)
            self.life_from = written
        if self.value is None:
            self.life = None

    def unclear(self, words, life, port):
        self.history.append(Written(None, port, words, self.value))
        self.values = [self.value, self._after(words, self.value)]
        self.is_frozen = True
        if self.life is not None or life not in (KEEPS, None):
            self.life = UNKNOWN

    def _after(self, words, value):
        return carried_out(self.kind, words, value)[1]

    def end_life(self):
        """It was seen to be over."""
        self.values, self.life = [None], None
        self.history.clear()

    def allowed(self):
        """The values that a server may answer now."""
        if self.life is None:
            return self.values
        if self.life.is_over():
            return [None]
        return [*self.values, None] if self.life.may_be_over() else self.values

    def missing_for(self, value, last=None):
        """The acknowledged writes in a row without which the others make this value: each way to
        explain it, the latest first. `last` is a command that was answered oddly, and the answer."""
        writes, found = list(self.history), []
        for end in range(len(writes), 0, -1):
            for start in range(end - 1, -1, -1):
                if self._explains(writes, start, end, value, last):
                    found.append([one for one in writes[start:end] if one.at is not None])
        return found[:EXPLANATIONS_MAX]

    def missing_life_for(self, value):
        """The same, where the key was said to have no end: without the write that gave it one."""
        return [way for way in self.missing_for(value) if any(one is self.life_from for one in way)]

    def _explains(self, writes, start, end, value, last):
        has = writes[start].before
        for one in writes[end:]:
            has = self._after(one.words, has)
        if last is not None:
            words, answer = last
            expected, has = carried_out(self.kind, words, has)
            if not is_answer(expected, answer):
                return False
        return has == value

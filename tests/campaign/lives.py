"""When a key's life ends, as far as a client can know: between two moments, since the server
carried the command out somewhere between its sending and its answer."""
import dataclasses
import time

# A server's clock is read once an event, and a replica deletes when its primary says so.
BEFORE_S, AFTER_S = 0.6, 1.5
# By how much a life may have become longer or shorter on its way.
DRIFT_S = 2.0


@dataclasses.dataclass
class Life:
    """The earliest and the latest moment of its end (Unix time); nobody knows after an unclear write."""
    earliest: float
    latest: float
    is_known: bool = True

    def is_over(self):
        return self.is_known and time.time() > self.latest + AFTER_S

    def may_be_over(self):
        return not self.is_known or time.time() > self.earliest - BEFORE_S

    def left_s(self):
        return self.latest - time.time()


UNKNOWN = Life(0.0, 0.0, is_known=False)


def life_of(answer, life_ms):
    return Life(answer.sent_at + life_ms / 1000, answer.came_at + life_ms / 1000)


def fault_of_ttl(life, pttl_ms):
    """What is wrong with the time that a server says a living key has left, or None."""
    if life is None:
        return None if pttl_ms == -1 else f"it has an end in {pttl_ms} ms, and should have none"
    if not life.is_known or pttl_ms == -2:
        return None
    if pttl_ms == -1:
        return f"it lives without an end, and should end in {life.left_s():.1f} s"
    drift_s = pttl_ms / 1000 - life.left_s()
    return f"its life is off by {drift_s:+.1f} s" if abs(drift_s) > DRIFT_S else None

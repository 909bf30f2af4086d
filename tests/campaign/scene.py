"""What a fault acts on: the cluster, who moves slots, and the moment that chance has chosen."""
import threading
import time

from wire import Link, LinkLost, NotSent

MOMENT_LIMIT_S = 25


class Scene:
    """One round's stage. The moment is a share of the keys that have left the source, so that it is
    as far into the move with every mover; without a mover it is a time."""

    def __init__(self, cluster, mover, rng, keys_to_move):
        self.cluster, self.mover, self.rng = cluster, mover, rng
        self.share = rng.uniform(0.02, 0.85)
        self.keys_to_move = keys_to_move
        self.keys_before = None
        self.events = []
        self.was_moving = False
        self.moment_has_come = threading.Event()
        self.started = time.time()

    def begin(self):
        """The mover starts now."""
        self.started = time.time()

    def note(self, what, port=None):
        self.events.append({"at": time.time(), "what": what, "port": port})

    def wait_for_moment(self):
        """Returns at the same moment for all faults of a round."""
        if not self.moment_has_come.is_set():
            self._wait()
            self.was_moving = self.mover.is_running()
            self.moment_has_come.set()

    def _wait(self):
        if self.mover.name == "nobody":
            time.sleep(0.3 + 2 * self.share)
            return
        end = time.monotonic() + MOMENT_LIMIT_S
        left_at = self.keys_before - self.share * self.keys_to_move
        try:
            with Link(self.cluster.source) as link:
                while time.monotonic() < end and not self.mover.is_done:
                    if link.ask("DBSIZE") <= left_at:
                        return
                    time.sleep(0.003)
        except (LinkLost, NotSent):
            pass

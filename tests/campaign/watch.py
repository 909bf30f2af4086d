"""When slotkit opened and closed each slot: read from its journal while it writes it."""
import json
import os
import threading
import time

LOOK_EVERY_S = 0.01


class Watch:
    """A thread that follows a journal, also where it is written anew; it keeps the first opening and
    the last closing of each slot."""

    def __init__(self, mover):
        self.path = mover.journal
        self.times = mover.times_of_slots = {}
        self.is_over = threading.Event()
        self.inode, self.at, self.torn = None, 0, b""
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self):
        while not self.is_over.wait(LOOK_EVERY_S):
            try:
                self._read_on()
            except OSError:
                pass

    def _read_on(self):
        with open(self.path, "rb") as file:
            found = os.fstat(file.fileno())
            if found.st_ino != self.inode or found.st_size < self.at:
                self.inode, self.at, self.torn = found.st_ino, 0, b""
            file.seek(self.at)
            data = file.read()
        self.at += len(data)
        *lines, self.torn = (self.torn + data).split(b"\n")
        now = time.time()
        for line in lines:
            self._take_in(line, now)

    def _take_in(self, line, now):
        try:
            record = json.loads(line)
            kind, slot = record.get("record"), record.get("slot")
        except (ValueError, AttributeError):
            return
        opened, closed = self.times.get(slot, (None, None))
        if kind == "open" and opened is None:
            self.times[slot] = (now, None)
        elif kind == "closed" and opened is not None and closed is None:
            self.times[slot] = (opened, now)

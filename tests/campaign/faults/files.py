"""Faults of the journal: it is lost, cut, scribbled over, or its disk is full."""
import os
import subprocess
import time

from faults import movers


def kill_and(how):
    """slotkit is killed, and its journal damaged before it goes on."""
    def inject(scene):
        movers.kill(scene)
        time.sleep(0.2)
        path = scene.mover.journal
        if not os.path.exists(path):
            scene.note("no journal")
            return
        size = os.path.getsize(path)
        {"lost": _lose, "cut": _cut, "torn": _tear, "scribbled": _scribble}[how](scene, path, size)
        scene.note(f"journal of {size} bytes {how}")
    return inject


def _lose(_scene, path, _size):
    os.remove(path)


def _cut(scene, path, size):
    os.truncate(path, scene.rng.randrange(size))


def _tear(scene, path, size):
    os.truncate(path, max(0, size - scene.rng.randrange(1, 40)))


def _scribble(scene, path, size):
    with open(path, "r+b") as file:
        for _ in range(3):
            file.seek(scene.rng.randrange(size))
            file.write(bytes([scene.rng.randrange(256)]))


def make_disk(folder, size_bytes):
    """A small disk for the journal; it goes with the namespace that the campaign runs in."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", folder], check=True)


def grow_disk(scene):
    """Somebody makes room, after the run has stopped for lack of it."""
    end = time.monotonic() + 30
    while not scene.mover.runs[1:] and time.monotonic() < end:
        time.sleep(0.05)
    subprocess.run(["mount", "-o", "remount,size=50m", os.path.dirname(scene.mover.journal)], check=True)
    scene.note("disk grown")

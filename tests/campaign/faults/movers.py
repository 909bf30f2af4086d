"""Faults of who moves the slots."""
import signal
import time


def nothing(_scene):
    pass


def kill(scene):
    scene.wait_for_moment()
    if scene.mover.kill():
        scene.note("mover killed")


def kill_thrice(scene):
    for _ in range(3):
        time.sleep(scene.rng.uniform(0.1, 1.5))
        if scene.mover.is_done:
            return
        if scene.mover.kill():
            scene.note("mover killed")


def interrupt(scene):
    scene.wait_for_moment()
    scene.mover.signal(signal.SIGINT)
    scene.note("Ctrl-C")


def interrupt_twice(scene):
    interrupt(scene)
    time.sleep(scene.rng.uniform(0.005, 0.1))
    scene.mover.signal(signal.SIGINT)
    scene.note("Ctrl-C")


def stand_still(scene):
    scene.wait_for_moment()
    scene.mover.signal(signal.SIGSTOP)
    scene.note("mover stands still")
    time.sleep(scene.rng.uniform(2, 6))
    scene.mover.signal(signal.SIGCONT)

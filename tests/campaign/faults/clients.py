"""Faults that clients make: connections killed, scripts that don't end, pauses, full memory."""
import time

from wire import Link, LinkLost, NotSent, ask_once

KILLING_S, BUSY_S = 3, 3
# Whose links are killed: those that move slots, not those of the clients that write.
MOVING = ("cluster", "restore", "restore-asking", "migrate", "select", "asking")


def kill_links(scene):
    """Cuts the connections over which slots are moved, again and again."""
    scene.wait_for_moment()
    scene.note("links are cut")
    end = time.monotonic() + KILLING_S
    while time.monotonic() < end and not scene.mover.is_done:
        port = scene.rng.choice([scene.cluster.source, scene.cluster.target])
        try:
            _cut(port)
        except (LinkLost, NotSent):
            pass
        time.sleep(scene.rng.uniform(0.05, 0.4))


def _cut(port):
    with Link(port, 2) as link:
        mine = link.ask("CLIENT", "ID")
        for line in link.ask("CLIENT", "LIST").decode().splitlines():
            fields = dict(word.partition("=")[::2] for word in line.split(" "))
            moves = fields.get("cmd", "").split("|")[0] in MOVING and "N" in fields.get("flags", "")
            if moves and int(fields["id"]) != mine:
                link.ask("CLIENT", "KILL", "ID", fields["id"])


def busy_script(who):
    """A script that serves nobody else for seconds; the server answers BUSY meanwhile."""
    def inject(scene):
        scene.wait_for_moment()
        port = getattr(scene.cluster, who)
        ask_once(port, "CONFIG", "SET", "lua-time-limit", 200)
        scene.note("busy script", port)
        script = (f"local till = redis.call('TIME')[1] + {BUSY_S} "
                  "while tonumber(redis.call('TIME')[1]) < till do end return 1")
        try:
            ask_once(port, "EVAL", script, 0, timeout_s=20)
        except LinkLost as cause:
            scene.note(f"busy script: {cause}", port)
    return inject


def pause(who):
    def inject(scene):
        scene.wait_for_moment()
        port, pause_ms = getattr(scene.cluster, who), scene.rng.choice((800, 2500, 6000))
        scene.note(f"paused for {pause_ms} ms", port)
        ask_once(port, "CLIENT", "PAUSE", pause_ms, "WRITE")
        time.sleep(pause_ms / 1000)
    return inject


def fill(who):
    """Its maxmemory is what it has already; somebody raises it after a while."""
    def inject(scene):
        scene.wait_for_moment()
        port = getattr(scene.cluster, who)
        info = ask_once(port, "INFO", "memory").decode()
        used = int(info.split("used_memory:")[1].split("\r")[0])
        ask_once(port, "CONFIG", "SET", "maxmemory", used + 100_000)
        scene.note("full", port)
        time.sleep(scene.rng.uniform(2, 5))
        ask_once(port, "CONFIG", "SET", "maxmemory", 0)
        scene.note("has memory again", port)
    return inject

"""Faults of servers: they stand still, die, come back, and are replaced.

Who is meant is named by what it was when the round began; a replica may serve in its place by now.
"""
import threading
import time

from wire import LinkLost, NotSent, ask_once

PROMOTION_LIMIT_S = 15


def stall(who, least, most):
    """SIGSTOP for so many node timeouts."""
    def inject(scene):
        scene.wait_for_moment()
        _stand_still(scene, getattr(scene.cluster, who), scene.rng.uniform(least, most))
    return inject


def _stand_still(scene, port, timeouts):
    node, seconds = scene.cluster.nodes[port], timeouts * scene.cluster.timeout_ms / 1000
    node.stand_still()
    scene.note(f"stands still for {seconds:.1f} s", port)
    time.sleep(seconds)
    node.wake()
    scene.note("awake", port)


def die(who):
    """kill -9 for good; its replica takes over. Where it doesn't, which none does whose primary owned no
    slot yet, the node is started again with its files, as slotkit says."""
    def inject(scene):
        scene.wait_for_moment()
        port = getattr(scene.cluster, who)
        _kill(scene, port)
        if not _is_promoted(scene, who, PROMOTION_LIMIT_S):
            scene.cluster.nodes[port].start()
            scene.note("started again", port)
    return inject


def _kill(scene, port):
    scene.cluster.nodes[port].kill()
    scene.note("killed", port)


def _is_promoted(scene, who, limit_s):
    """Waits for one: without an owner a slot can't be finished."""
    replica = scene.cluster.replica_of(getattr(scene.cluster, who))
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        try:
            if b"role:master" in ask_once(replica, "INFO", "replication"):
                scene.note("took over", replica)
                return True
        except (LinkLost, NotSent):
            pass
        time.sleep(0.1)
    scene.note("did not take over", replica)
    return False


def restart(*whos):
    """kill -9, and started again with its append-only file."""
    def inject(scene):
        scene.wait_for_moment()
        ports = list(dict.fromkeys(getattr(scene.cluster, who) for who in whos))
        for port in ports:
            _kill(scene, port)
        time.sleep(scene.rng.uniform(0.3, 2.0))
        for port in ports:
            scene.cluster.nodes[port].start()
            scene.note("started again", port)
    return inject


def away_without_replica(who):
    """Nobody can take over; it comes back with its append-only file after a while."""
    def inject(scene):
        port = getattr(scene.cluster, who)
        _kill(scene, scene.cluster.replica_of(port))
        scene.wait_for_moment()
        _kill(scene, port)
        time.sleep(scene.rng.uniform(4, 9))
        scene.cluster.nodes[port].start()
        scene.note("started again", port)
    return inject


def replica_dies(who):
    def inject(scene):
        scene.wait_for_moment()
        _kill(scene, scene.cluster.replica_of(getattr(scene.cluster, who)))
    return inject


def replica_stalls(who):
    def inject(scene):
        scene.wait_for_moment()
        _stand_still(scene, scene.cluster.replica_of(getattr(scene.cluster, who)), scene.rng.uniform(1.3, 3))
    return inject


def failover(who, *how):
    """CLUSTER FAILOVER at the replica: it waits for its primary, or (FORCE, TAKEOVER) doesn't."""
    def inject(scene):
        scene.wait_for_moment()
        replica = scene.cluster.replica_of(getattr(scene.cluster, who))
        try:
            said = ask_once(replica, "CLUSTER", "FAILOVER", *how)
        except (LinkLost, NotSent) as cause:
            said = cause
        scene.note(f"told to take over: {said}", replica)
        _is_promoted(scene, who, PROMOTION_LIMIT_S)
    return inject


def together(first, second):
    """Two faults at once: the second begins a moment behind the first one's beginning."""
    def inject(scene):
        other = threading.Thread(target=_behind, args=(scene, second), daemon=True)
        other.start()
        first(scene)
        other.join(30)
    return inject


def _behind(scene, inject):
    scene.moment_has_come.wait(30)
    time.sleep(scene.rng.uniform(0.02, 1.0))
    inject(scene)

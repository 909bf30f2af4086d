"""The processes of servers, and the cluster that they are from their first moment on.

Each server is given the `nodes.conf` of a cluster that has met long ago, so that a round doesn't
wait for gossip: four primaries, the last one without slots, and a replica for each.
"""
import os
import signal
import socket
import subprocess
import time

import view
from wire import LinkLost, NotSent, ask_once

SERVERS = os.environ.get("SLOTKIT_SERVERS") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "slotkit", "servers")
# Above the ports that servers usually have, below those that clients are given.
BASE_PORT, PORTS_APART, TURNS = 20000, 20, 40
BUS_APART = 900
START_TIMEOUT_S, STOP_TIMEOUT_S = 20, 5
RANGES = [(0, 5460), (5461, 10922), (10923, 16383), None]
SHARDS_SINCE = {"redis-8.0", "valkey-8.1", "valkey-9.1"}


class NotStarted(Exception):
    """A cluster that didn't come up: the round says nothing of anybody."""


class Node:
    """A server's process. It is stopped by its id, never by a name."""

    def __init__(self, version, port, folder, settings):
        self.version, self.port, self.folder, self.settings = version, port, folder, settings
        self.process = None

    def start(self):
        os.makedirs(self.folder, exist_ok=True)
        _wait_for_port(self.port)
        words = [os.path.join(SERVERS, self.version, "server"), "--port", self.port,
                 "--cluster-port", self.port + BUS_APART, "--bind", "127.0.0.1", "--protected-mode", "no",
                 "--cluster-enabled", "yes", "--dir", self.folder, "--logfile", os.path.join(self.folder, "log"),
                 "--save", "", "--enable-debug-command", "yes", "--repl-diskless-sync-delay", 0,
                 "--repl-ping-replica-period", 1, "--repl-backlog-size", "32mb", *self.settings]
        self.process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def has_crashed(self):
        """Whether it ended by itself: Redis 8.0.6 fails an assertion where it loses slots to a manual
        failover that it is in the middle of."""
        return self.process is not None and self.process.poll() not in (None, -signal.SIGKILL)

    def stand_still(self):
        self.process.send_signal(signal.SIGSTOP)

    def wake(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        if self.process is None:
            return
        self.process.kill()
        self.process.wait(STOP_TIMEOUT_S)


class Cluster:
    """Primaries and replicas; who was what when the round began keeps its name.

    `source` gives slots, `target` (empty at first) and `bystander` may receive some, `other` has no
    part and is the one that tools are pointed at.
    """

    def __init__(self, version, folder, turn, timeout_ms, is_durable):
        base = BASE_PORT + turn % TURNS * PORTS_APART
        self.version, self.timeout_ms = version, timeout_ms
        self.primaries = [base + at for at in range(4)]
        self.replicas = [base + 4 + at for at in range(4)]
        self.other, self.source, self.bystander, self.target = self.primaries
        self.ids = {port: f"{port:08x}" * 5 for port in self.primaries + self.replicas}
        settings = ["--cluster-node-timeout", timeout_ms, "--appendonly", "yes" if is_durable else "no",
                    "--appendfsync", "always"]
        self.nodes = {port: Node(version, port, os.path.join(folder, str(port)), settings) for port in self.ids}

    def start(self):
        for port, node in self.nodes.items():
            os.makedirs(node.folder)
            with open(os.path.join(node.folder, "nodes.conf"), "w") as file:
                file.write(self._nodes_conf(port))
            node.start()
        self._wait_until_whole()

    def stop(self):
        for node in self.nodes.values():
            node.kill()

    def replica_of(self, port):
        """The replica that a primary had when the round began."""
        return self.replicas[self.primaries.index(port)]

    def running(self):
        return [port for port, node in self.nodes.items() if node.is_running()]

    def _nodes_conf(self, myself):
        lines = []
        for at, port in enumerate(self.primaries + self.replicas):
            shard = self.primaries[at % 4]
            extra = f",,tls-port=0,shard-id={shard:08x}{'5' * 32}" if self.version in SHARDS_SINCE else ""
            flags = "master" if port in self.primaries else "slave"
            flags = f"myself,{flags}" if port == myself else flags
            follows = "-" if port in self.primaries else self.ids[shard]
            slots = RANGES[at] if port in self.primaries else None
            slots = f" {slots[0]}-{slots[1]}" if slots else ""
            lines.append(f"{self.ids[port]} 127.0.0.1:{port}@{port + BUS_APART}{extra} {flags} {follows} 0 0 "
                         f"{at + 1} connected{slots}")
        return "\n".join(lines) + "\nvars currentEpoch 8 lastVoteEpoch 0\n"

    def _wait_until_whole(self):
        end = time.monotonic() + START_TIMEOUT_S
        why = ""
        while time.monotonic() < end:
            try:
                why = self._what_lacks()
                if not why:
                    return
            except (LinkLost, NotSent) as cause:
                why = str(cause)
            time.sleep(0.05)
        raise NotStarted(why)

    def _what_lacks(self):
        for port in self.nodes:
            if b"cluster_state:ok" not in ask_once(port, "CLUSTER", "INFO"):
                return f"cluster_state of {port}"
            if any(node.link != "connected" for node in view.nodes_of(port).values()):
                return f"links of {port}"
        for port in self.replicas:
            if b"master_link_status:up" not in ask_once(port, "INFO", "replication"):
                return f"replication to {port}"
        return ""


def _wait_for_port(port):
    """A server that was killed leaves its port within a moment."""
    for _ in range(50):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return
            except OSError:
                pass
        time.sleep(0.1)
    raise NotStarted(f"port {port} is taken")

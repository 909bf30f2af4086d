"""What goes wrong in a round, by name: each fault is a function of the scene, run beside the mover.

A fault of the servers can be tried without slotkit too (`is_of_servers`), which shows what they lose
by themselves. Where a node is started again it has an append-only file (`is_durable`), or else it
would come back empty, whoever moves slots.
"""
import dataclasses
import typing

from faults import clients, files, movers, nodes, planted, tools


@dataclasses.dataclass
class Fault:
    """A fault, and what it needs."""
    inject: typing.Callable
    is_of_servers: bool = False
    is_durable: bool = False
    # For faults of the journal's disk: a folder of this size takes the place of the round's own.
    disk_bytes: int = None
    # What follows when the mover has ended, such as the second tool's own resume.
    afterwards: typing.Callable = None


def of_servers(inject, **more):
    return Fault(inject, is_of_servers=True, **more)


def together(*faults):
    """Two faults, the second right behind the beginning of the first."""
    return Fault(nodes.together(*(fault.inject for fault in faults)),
                 is_of_servers=all(fault.is_of_servers for fault in faults),
                 is_durable=any(fault.is_durable for fault in faults))


ONE = {
    "none": Fault(movers.nothing),
    # The mover.
    "kill -9": Fault(movers.kill),
    "kill -9, three times": Fault(movers.kill_thrice),
    "Ctrl-C": Fault(movers.interrupt),
    "Ctrl-C twice": Fault(movers.interrupt_twice),
    "mover stands still": Fault(movers.stand_still),
    # Servers that stand still, for less and for more than the node timeout.
    "source stalls": of_servers(nodes.stall("source", 0.2, 0.6)),
    "target stalls": of_servers(nodes.stall("target", 0.2, 0.6)),
    "bystander stalls": of_servers(nodes.stall("bystander", 0.2, 0.6)),
    "source stalls long": of_servers(nodes.stall("source", 1.3, 3.5)),
    "target stalls long": of_servers(nodes.stall("target", 1.3, 3.5)),
    "bystander stalls long": of_servers(nodes.stall("bystander", 1.3, 3.5)),
    # Servers that die: for good, or started again with their files.
    "source dies": of_servers(nodes.die("source"), is_durable=True),
    "target dies": of_servers(nodes.die("target"), is_durable=True),
    "bystander dies": of_servers(nodes.die("bystander"), is_durable=True),
    "source restarts": of_servers(nodes.restart("source"), is_durable=True),
    "target restarts": of_servers(nodes.restart("target"), is_durable=True),
    "source and target restart": of_servers(nodes.restart("source", "target"), is_durable=True),
    "bystander away, without replica": of_servers(nodes.away_without_replica("bystander"), is_durable=True),
    "source's replica dies": of_servers(nodes.replica_dies("source")),
    "target's replica dies": of_servers(nodes.replica_dies("target")),
    "target's replica stalls": of_servers(nodes.replica_stalls("target")),
    # Failovers that somebody asks for.
    "failover of source": of_servers(nodes.failover("source")),
    "failover of target": of_servers(nodes.failover("target")),
    "failover of bystander": of_servers(nodes.failover("bystander")),
    "failover of source, forced": of_servers(nodes.failover("source", "FORCE")),
    "failover of target, takeover": of_servers(nodes.failover("target", "TAKEOVER")),
    # What clients do.
    "CLIENT KILL": of_servers(clients.kill_links),
    "busy script at source": of_servers(clients.busy_script("source")),
    "busy script at target": of_servers(clients.busy_script("target")),
    "target paused": of_servers(clients.pause("target")),
    "target full": of_servers(clients.fill("target")),
    # Others who move slots.
    "second slotkit": Fault(tools.second_slotkit("another"), afterwards=tools.second_goes_on),
    "second slotkit, same journal": Fault(tools.second_slotkit("same"), afterwards=tools.second_goes_on),
    "redis-cli fix": Fault(tools.redis_cli_fix),
    # The journal.
    "journal lost": Fault(files.kill_and("lost")),
    "journal cut": Fault(files.kill_and("cut")),
    "journal torn": Fault(files.kill_and("torn")),
    "journal scribbled over": Fault(files.kill_and("scribbled")),
    "journal's disk full": Fault(files.grow_disk, disk_bytes=16384),
}
TWO = {
    f"{one} + {other}": together(ONE[one], ONE[other])
    for one, other in [
        ("target stalls long", "kill -9"), ("source stalls long", "kill -9"), ("failover of source", "kill -9"),
        ("failover of target", "Ctrl-C twice"), ("target dies", "kill -9"), ("source dies", "target stalls"),
        ("target's replica dies", "kill -9"), ("CLIENT KILL", "failover of source"),
    ]
}
# Not part of a campaign: what it must notice.
PLANTED = {"planted: a key deleted": Fault(planted.delete), "planted: a value changed": Fault(planted.overwrite)}
FAULTS = {**ONE, **TWO, **PLANTED}

//! A healthy cluster of three primaries as a survey, for the tests of what is read from one.

use super::mover::Unit;
use super::survey::Functions;
use super::survey::{MaxMemory, NodeFacts, Replication, Survey};
use super::{Move, Version};
use crate::cluster::slot_migrations::SlotMigrations;
pub(crate) use crate::cluster::testing::id;
use crate::cluster::{NodeAddr, parse};
use crate::slot::{Slot, tag_for};
use std::collections::BTreeMap;

/// The nodes: `a` owns the first third of the slots, `b` the second, `c` the last.
pub(super) const NODES: [char; 3] = ['a', 'b', 'c'];
const SHARES: [&str; 3] = ["0-5460", "5461-10922", "10923-16383"];

/// A slot's move from one node to another.
pub(crate) fn task(slot: u16, source: char, target: char) -> Move {
    Move {
        slot: Slot::new(slot).expect("a slot"),
        source: id(source),
        target: id(target),
    }
}

/// Slots that go from one node to another together.
pub(crate) fn unit(slots: &[u16], source: char, target: char) -> Unit {
    let slots = slots.iter().map(|slot| Slot::new(*slot).expect("a slot"));
    Unit::of(id(source), id(target), &slots.collect()).expect("a slot at least")
}

/// A key in this slot, with this end.
pub(super) fn key_in(slot: Slot, end: &str) -> Vec<u8> {
    [b"{", tag_for(slot), b"}", end.as_bytes()].concat()
}

/// Where a node listens.
pub(super) fn addr(node: char) -> NodeAddr {
    let index = NODES.iter().position(|known| *known == node).unwrap_or(9);
    NodeAddr::new("10.0.0.1", 7000 + index as u16)
}

/// `CLUSTER NODES` of a node; each line may be changed by its node's name.
pub(super) fn nodes_text(myself: char, change: impl Fn(char, String) -> String) -> String {
    let lines = NODES.iter().zip(SHARES).map(|(node, slots)| {
        let flags = if *node == myself {
            "myself,master"
        } else {
            "master"
        };
        let epoch = addr(*node).port - 6999;
        let addr = addr(*node);
        let line = format!(
            "{} {addr}@17000 {flags} - 0 0 {epoch} connected {slots}",
            id(*node)
        );
        change(*node, line)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What a healthy node says.
pub(super) fn facts(node: char) -> NodeFacts {
    facts_with(node, |_, line| line)
}

/// What a node says whose `CLUSTER NODES` is changed.
pub(super) fn facts_with(node: char, change: impl Fn(char, String) -> String) -> NodeFacts {
    NodeFacts {
        addr: addr(node),
        view: parse::cluster_nodes(&nodes_text(node, change), "test").expect("a view"),
        state: "ok".to_owned(),
        my_epoch: u64::from(addr(node).port) - 6999,
        current_epoch: 3,
        version: Version::from_info("redis_version:7.0.15").expect("a version"),
        keys: 100,
        databases: vec![0],
        database_count: 1,
        database_limit: None,
        orphaned: BTreeMap::new(),
        arrived: BTreeMap::new(),
        refuses_when_full: true,
        used_bytes: 1_000,
        max_memory: MaxMemory::Unlimited,
        node_timeout_ms: Some(15_000),
        allows_replica_migration: Some(true),
        trial: None,
        replication: Replication::default(),
        migrations: SlotMigrations::UnderWay(Vec::new()),
        functions: Functions::Known(BTreeMap::new()),
    }
}

/// What all nodes say, with one of them changed.
pub(super) fn survey(changed: char, change: impl Fn(&mut NodeFacts)) -> Survey {
    let nodes = NODES.iter().map(|node| {
        let mut facts = facts(*node);
        if *node == changed {
            change(&mut facts);
        }
        (id(*node), facts)
    });
    Survey {
        nodes: nodes.collect(),
        unreachable: BTreeMap::new(),
    }
}

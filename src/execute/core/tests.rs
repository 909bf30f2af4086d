//! A run over nodes that answer as healthy ones do: what is asked, and how often.

use super::{Core, Options, Outcome, Reading, Step};
use crate::cluster::verb::{Refusal, Reply, SetSlot, Verb};
use crate::cluster::{NodeAddr, NodeId};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Move;
use crate::execute::slot_move::Entry;
use crate::execute::testing::{NODES, id, nodes_text, task};
use crate::slot::Slot;
use std::collections::{BTreeMap, BTreeSet};

/// Nodes without keys; each remembers what it was told.
#[derive(Default)]
struct Nodes {
    /// What each node has open, as `CLUSTER NODES` shows it.
    open: BTreeMap<(NodeId, u16), String>,
    /// The slots that have arrived at `b`, as each node sees it.
    arrived: BTreeSet<(NodeId, u16)>,
    /// How often a verb was sent, by its name.
    asked: BTreeMap<String, usize>,
    /// The most `SETSLOT`s in one write.
    most_sets: usize,
    /// How many keys each slot has at `a`.
    keys: BTreeMap<u16, usize>,
    /// The most keys that were sent in one write, and the most that one was to list.
    most_sent: usize,
    most_listed: u32,
    /// How often a source refuses to open a slot, as one does whose replicas are late.
    refusals: usize,
    /// How often the bystander `c` breaks off before it answers.
    breaks: usize,
}

impl Nodes {
    fn answer(&mut self, node: NodeId, verbs: &[Verb]) -> Vec<Reply> {
        let is_set = |verb: &&Verb| matches!(verb, Verb::SetSlot { .. });
        let sets = verbs.iter().filter(is_set).count();
        self.most_sets = self.most_sets.max(sets);
        let sent = verbs.iter().map(|verb| match verb {
            Verb::Migrate(migrate) => migrate.keys.len(),
            _ => 0,
        });
        let sent: usize = sent.sum();
        let listed = verbs.iter().map(|verb| match verb {
            Verb::KeysInSlot { limit, .. } => *limit,
            _ => 0,
        });
        self.most_sent = self.most_sent.max(sent);
        // What is left behind keys that were sent is asked for with them.
        if sent == 0 {
            self.most_listed = self.most_listed.max(listed.sum());
        }
        verbs.iter().map(|verb| self.reply(node, verb)).collect()
    }

    fn reply(&mut self, node: NodeId, verb: &Verb) -> Reply {
        *self.asked.entry(verb.name()).or_default() += 1;
        match verb {
            Verb::Nodes => Reply::Text(self.nodes(node).into_bytes()),
            Verb::MyId => Reply::Text(node.to_string().into_bytes()),
            Verb::ClusterInfo => {
                Reply::Text(b"cluster_current_epoch:3\r\ncluster_my_epoch:1\r\n".to_vec())
            }
            Verb::Info(_) => Reply::Text(b"# Keyspace\r\ndb0:keys=9,expires=0\r\n".to_vec()),
            Verb::CountKeys(slot) => Reply::Int(self.left(*slot) as i64),
            Verb::KeysInSlot { slot, limit } => {
                let keys = 0..self.left(*slot).min(*limit as usize);
                let name = |index| format!("{slot}:{index}").into_bytes();
                Reply::List(keys.map(|index| Reply::Text(name(index))).collect())
            }
            Verb::Migrate(migrate) => {
                let name = String::from_utf8_lossy(&migrate.keys[0]).into_owned();
                let slot = name.split(':').next().and_then(|slot| slot.parse().ok());
                let left = self.keys.entry(slot.expect("a slot")).or_default();
                *left -= migrate.keys.len();
                Reply::Text(b"OK".to_vec())
            }
            Verb::SetSlot {
                state: SetSlot::Migrating { .. },
                ..
            } if self.refusals > 0 => {
                self.refusals -= 1;
                Reply::Refused(Refusal {
                    code: "NOREPLICAS".to_owned(),
                    detail: "Not enough good replicas to write.".to_owned(),
                })
            }
            Verb::SetSlot { slot, state } => {
                let place = (node, slot.number());
                match state {
                    SetSlot::Importing { source } => {
                        drop(self.open.insert(place, format!(" [{slot}-<-{source}]")));
                    }
                    SetSlot::Migrating { target } => {
                        drop(self.open.insert(place, format!(" [{slot}->-{target}]")));
                    }
                    SetSlot::Node { .. } => {
                        self.open.remove(&place);
                        self.arrived.insert(place);
                    }
                    SetSlot::Stable => drop(self.open.remove(&place)),
                }
                Reply::Text(b"OK".to_vec())
            }
            _ => Reply::Text(b"OK".to_vec()),
        }
    }

    fn left(&self, slot: Slot) -> usize {
        self.keys.get(&slot.number()).copied().unwrap_or_default()
    }

    fn nodes(&self, node: NodeId) -> String {
        let name = NODES.into_iter().find(|name| id(*name) == node);
        let open = self.open.iter().filter(|((at, _), _)| *at == node);
        let open: String = open.map(|(_, open)| open.as_str()).collect();
        let arrived = self.arrived.iter().filter(|(at, _)| *at == node).count();
        nodes_text(name.unwrap_or('a'), |about, line| {
            let line = match (about, arrived) {
                (_, 0) => line,
                ('a', more) => line.replace("0-5460", &format!("{more}-5460")),
                ('b', more) => format!("{line} 0-{}", more - 1),
                _ => line,
            };
            match id(about) == node {
                true => line + &open,
                false => line,
            }
        })
    }
}

/// Moves the first slots of `a` to `b`; no slot has a key.
fn run(slots: u16, are_known_empty: bool) -> Nodes {
    run_with(slots, are_known_empty, 0)
}

/// Moves the first slots of `a` to `b`; each has so many keys.
fn run_with(slots: u16, are_known_empty: bool, keys: usize) -> Nodes {
    let (source, target) = (id('a'), id('b'));
    let slots: Vec<Slot> = (0..slots).filter_map(Slot::new).collect();
    let tasks = slots.iter().map(|slot| {
        let task = Move {
            slot: *slot,
            source,
            target,
        };
        (task, Entry::Fresh)
    });
    let mut options = Options {
        names: NODES.map(|name| (id(name), name.to_string())).into(),
        primaries: NODES.map(id).to_vec(),
        routes: [((source, target), NodeAddr::new("10.0.0.1", 7001))].into(),
        ..Options::default()
    };
    if are_known_empty {
        options.keys = slots.iter().map(|slot| (*slot, 0)).collect();
    }
    let mut core = Core::new(&tasks.collect::<Vec<_>>(), options, 0);
    let mut nodes = Nodes {
        keys: slots.iter().map(|slot| (slot.number(), keys)).collect(),
        ..Nodes::default()
    };
    drive(&mut core, &mut nodes);
    let outcome = core.into_result().expect("nothing surprises it");
    assert_eq!(outcome.slots, slots.len() as u64);
    nodes
}

/// Plays a run to its end.
fn drive(core: &mut Core, nodes: &mut Nodes) {
    let mut under_way = Vec::new();
    for now_ms in 0..100_000 {
        match core.poll(now_ms) {
            Step::Record(_) => core.recorded(Ok(())),
            Step::Ask { node, .. } if node == id('c') && nodes.breaks > 0 => {
                nodes.breaks -= 1;
                let error = Error::new(ErrorKind::Connect, "it broke off");
                core.lost(node, error, now_ms);
            }
            Step::Ask { node, verbs, .. } => under_way.push((node, nodes.answer(node, &verbs))),
            Step::Wait { .. } => {
                for (node, replies) in std::mem::take(&mut under_way) {
                    core.answered(node, replies, now_ms);
                }
            }
            Step::End => return,
        }
    }
    panic!("the run doesn't end");
}

/// One slot of `a` that goes to `b` over these nodes.
fn run_one(mut nodes: Nodes) -> (Nodes, Result<Outcome>) {
    let (task, options) = one_slot();
    let mut core = Core::new(&[(task, Entry::Fresh)], options, 0);
    drive(&mut core, &mut nodes);
    (nodes, core.into_result())
}

/// The same, while `a` refuses so often to open it.
fn run_refused(refusals: usize) -> (Nodes, Result<Outcome>) {
    run_one(Nodes {
        refusals,
        ..Nodes::default()
    })
}

/// Slot 0 goes from `a` to `b`.
fn one_slot() -> (Move, Options) {
    let task = task(0, 'a', 'b');
    let options = Options {
        names: NODES.map(|name| (id(name), name.to_string())).into(),
        primaries: NODES.map(id).to_vec(),
        routes: [((task.source, task.target), NodeAddr::new("10.0.0.1", 7001))].into(),
        ..Options::default()
    };
    (task, options)
}

#[test]
fn a_slot_whose_turn_comes_while_a_bystander_is_gone_is_put_off() {
    let run = |breaks| {
        run_one(Nodes {
            breaks,
            ..Nodes::default()
        })
    };
    let (nodes, result) = run(5);
    assert_eq!(result.expect("it is back in time").slots, 1);
    assert!(nodes.open.is_empty(), "{:?}", nodes.open);
    let (nodes, result) = run(usize::MAX);
    let error = result.expect_err("it stays away");
    assert_eq!(error.kind(), ErrorKind::Unsafe, "nothing has begun");
    assert!(error.message().contains("it broke off"), "{error:?}");
    assert!(
        !nodes.asked.contains_key("CLUSTER SETSLOT"),
        "{:?}",
        nodes.asked
    );
}

#[test]
fn a_slot_that_its_source_refuses_to_the_end_is_closed_again() {
    let (nodes, result) = run_refused(5);
    assert_eq!(result.expect("it opens in time").slots, 1);
    assert!(nodes.open.is_empty(), "{:?}", nodes.open);
    let (nodes, result) = run_refused(usize::MAX);
    let error = result.expect_err("it stops");
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert!(error.message().contains("NOREPLICAS"), "{error:?}");
    assert!(nodes.open.is_empty(), "{:?}", nodes.open);
}

#[test]
fn many_slots_share_what_they_ask() {
    let nodes = run(32, false);
    // Two batches of half the room begin; of each, eight slots at least end together. A look asks
    // three nodes: alone, each slot would need three.
    assert!(nodes.asked["CLUSTER NODES"] <= 24, "{:?}", nodes.asked);
    assert!(nodes.asked["INFO"] <= 2, "{:?}", nodes.asked);
    assert!(nodes.asked["CLUSTER INFO"] <= 8, "{:?}", nodes.asked);
    // IMPORTING and MIGRATING, and NODE on three nodes.
    assert_eq!(nodes.asked["CLUSTER SETSLOT"], 32 * 5);
    assert!(nodes.open.is_empty());
}

#[test]
fn empty_slots_go_in_large_batches() {
    assert_eq!(run(1024, true).most_sets, 256);
    assert!(run(1024, false).most_sets <= 32);
}

#[test]
fn a_run_over_a_limit_begins_nothing_and_stops_without_harm() {
    let (task, mut options) = one_slot();
    options.limits.max_memory_percent = Some(90);
    let full = |used_bytes| Reading {
        node: task.target,
        latency_ms: None,
        used_bytes: Some(used_bytes),
        max_bytes: Some(100),
        replica_lag_bytes: None,
    };
    let mut core = Core::new(&[(task, Entry::Fresh)], options, 0);
    for now_ms in (0..10_000).step_by(100) {
        core.felt(&full(91), now_ms);
        assert!(matches!(core.poll(now_ms), Step::Wait { .. }), "{now_ms}");
    }
    // It may ease in time.
    let mut eased = core.clone();
    eased.felt(&full(90), 9_950);
    assert!(matches!(eased.poll(9_950), Step::Ask { .. }));
    core.felt(&full(91), 10_000);
    assert!(matches!(core.poll(10_000), Step::End));
    let error = core.into_result().expect_err("it stopped");
    assert_eq!(error.kind(), ErrorKind::Unsafe, "nothing had begun");
    assert!(error.message().contains("91 of its 100 bytes"), "{error:?}");
}

/// A node serves nobody else before a write is worked off.
#[test]
fn the_keys_of_one_write_are_bounded_over_all_slots() {
    let nodes = run_with(32, false, 40);
    assert_eq!(nodes.keys.values().sum::<usize>(), 0);
    // Two slots of forty keys go together, a third would be too many.
    assert_eq!(nodes.most_sent, 80);
    assert_eq!(nodes.most_listed, 320);
}

/// A pair is filled up by halves, not slot by slot: each time every primary is asked.
#[test]
fn slots_begin_in_batches_also_when_others_end() {
    let nodes = run_with(320, false, 40);
    assert!(nodes.asked["CLUSTER NODES"] <= 250, "{:?}", nodes.asked);
}

/// One slot on its way, where the target takes so long to tell its epoch, the first times.
fn run_late(late: usize, took_ms: u64) -> (usize, Result<Outcome>) {
    let (task, options) = one_slot();
    let mut core = Core::new(&[(task, Entry::Fresh)], options, 0);
    let (mut nodes, mut now_ms, mut left) = (Nodes::default(), 0, late);
    let mut looks = 0;
    for _ in 0..100_000 {
        now_ms += 1;
        match core.poll(now_ms) {
            Step::Record(_) => core.recorded(Ok(())),
            Step::Ask { node, verbs, .. } => {
                let asks = |name: &str| verbs.iter().any(|verb| verb.name() == name);
                looks += usize::from(node == id('c') && asks("CLUSTER NODES"));
                if left > 0 && asks("CLUSTER INFO") {
                    (left, now_ms) = (left - 1, now_ms + took_ms);
                }
                let replies = nodes.answer(node, &verbs);
                core.answered(node, replies, now_ms);
            }
            Step::Wait { until_ms } => now_ms = until_ms.map_or(now_ms, |until| until.max(now_ms)),
            Step::End => return (looks, core.into_result()),
        }
    }
    panic!("the run doesn't end");
}

/// A replica may have taken over meanwhile, and what it has accepted would be lost.
#[test]
fn what_was_said_long_before_is_asked_again_before_the_target_owns_the_slot() {
    let (looks, result) = run_late(3, 900);
    assert_eq!(result.expect("in time").slots, 1);
    assert_eq!(looks, 3, "to begin, to open, to confirm");
    let (looks, result) = run_late(3, 1_500);
    assert_eq!(result.expect("in the end").slots, 1);
    assert_eq!(looks, 6);
    let (_, result) = run_late(usize::MAX, 1_500);
    let error = result.expect_err("never in time");
    assert!(error.message().contains("answer too late"), "{error:?}");
}

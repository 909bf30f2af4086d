//! A run over nodes that answer as healthy ones do: what is asked, and how often.

use super::flight::Flight;
use super::flight_state::FlightState;
use super::schedule::Bounds;
use super::{Core, Effect, Event, HealthReading, Note, Options, Outcome, RunControl};
use crate::cluster::verb::{Refusal, Reply, SetSlot, Verb};
use crate::cluster::{NodeAddr, NodeId};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Move;
use crate::execute::mover::{Cause, Entry, KeyInDoubt, Wait};
use crate::execute::testing::{NODES, id, key_in, nodes_text, task, unit};
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
    /// The most `SETSLOT`s in one write, and the most `MIGRATE`s.
    most_sets: usize,
    most_migrates: usize,
    /// The longest that all `MIGRATE`s of one write may wait.
    longest_ms: u64,
    /// The most slots that were open at once.
    most_open: usize,
    /// How many keys each slot has at `a`.
    keys: BTreeMap<u16, usize>,
    /// How many keys of each slot `b` has taken and kept.
    taken: BTreeMap<u16, usize>,
    /// The most keys that were sent in one write.
    most_sent: usize,
    /// The keys of each slot that were sent while `b` hasn't said that it has them, and the most of
    /// all slots.
    unproven: BTreeMap<u16, usize>,
    most_unproven: usize,
    /// What the journal has of each slot's keys.
    noted: BTreeMap<u16, BTreeSet<Vec<u8>>>,
    /// Whether `b` answers only when all others have.
    is_slow: bool,
    /// How often a source refuses to open a slot, as one does whose replicas are late.
    refusals: usize,
    /// Whether `b` keeps nothing of what it is sent.
    swallows: bool,
    /// How many `MIGRATE`s more are broken off.
    broken_off: usize,
    /// Whether `b` hasn't been asked since the last of them.
    rests: bool,
    /// How often the bystander `c` breaks off before it answers.
    breaks: usize,
}

impl Nodes {
    fn note(&mut self, notes: &[Note]) {
        for note in notes {
            if let Note::Doubts(unit, doubts) = note {
                let keys = doubts.iter().map(|one| one.key.clone());
                self.noted.insert(unit.id(), keys.collect());
            }
        }
    }

    fn answer(&mut self, node: NodeId, verbs: &[Verb]) -> Vec<Reply> {
        let is_set = |verb: &&Verb| matches!(verb, Verb::SetSlot { .. });
        let sets = verbs.iter().filter(is_set).count();
        self.most_sets = self.most_sets.max(sets);
        let sent = verbs.iter().map(|verb| match verb {
            Verb::Migrate(migrate) => migrate.keys.len(),
            _ => 0,
        });
        let migrates = sent.clone().filter(|keys| *keys > 0).count();
        self.most_migrates = self.most_migrates.max(migrates);
        let waits = verbs.iter().map(|verb| match verb {
            Verb::Migrate(migrate) => migrate.timeout_ms,
            _ => 0,
        });
        self.longest_ms = self.longest_ms.max(waits.sum());
        let sent: usize = sent.sum();
        self.most_sent = self.most_sent.max(sent);
        assert!(
            sent == 0 || !self.rests,
            "b hasn't answered since it was silent"
        );
        let is_shared = |verb: &Verb| matches!(verb, Verb::ClusterInfo | Verb::Info("keyspace"));
        let shared = verbs.iter().skip_while(|verb| !is_shared(verb)).count();
        assert!(
            shared <= 1,
            "asked once, behind what each slot sends: {verbs:?}"
        );
        verbs.iter().map(|verb| self.reply(node, verb)).collect()
    }

    fn reply(&mut self, node: NodeId, verb: &Verb) -> Reply {
        *self.asked.entry(verb.name()).or_default() += 1;
        match verb {
            Verb::Nodes => Reply::Text(self.nodes(node).into_bytes()),
            Verb::MyId => {
                self.rests &= node != id('b');
                Reply::Text(node.to_string().into_bytes())
            }
            Verb::ClusterInfo => {
                Reply::Text(b"cluster_current_epoch:3\r\ncluster_my_epoch:1\r\n".to_vec())
            }
            Verb::Info(_) => Reply::Text(b"# Keyspace\r\ndb0:keys=9,expires=0\r\n".to_vec()),
            Verb::CountKeys(slot) if node == id('b') => {
                let taken = self.taken.get(&slot.number()).copied();
                Reply::Int(taken.unwrap_or_default() as i64)
            }
            Verb::CountKeys(slot) => Reply::Int(self.left(*slot) as i64),
            Verb::KeysInSlot { slot, limit } => {
                let keys = 0..self.left(*slot).min(*limit as usize);
                let name = |index| key_in(*slot, &format!(":{index}"));
                Reply::List(keys.map(|index| Reply::Text(name(index))).collect())
            }
            Verb::Migrate(_) if self.broken_off > 0 => {
                self.broken_off -= 1;
                self.rests = true;
                Reply::Refused(Refusal {
                    code: "IOERR".to_owned(),
                    detail: "error or timeout reading to target instance".to_owned(),
                })
            }
            Verb::Migrate(migrate) => {
                let slot = Slot::for_key(&migrate.keys[0]).number();
                let is_noted = |key| self.noted.get(&slot).is_some_and(|keys| keys.contains(key));
                assert!(migrate.keys.iter().all(is_noted), "sent before it is noted");
                let left = self.keys.entry(slot).or_default();
                *left -= migrate.keys.len();
                *self.unproven.entry(slot).or_default() += migrate.keys.len();
                self.most_unproven = self.most_unproven.max(self.unproven.values().sum());
                if !self.swallows {
                    *self.taken.entry(slot).or_default() += migrate.keys.len();
                }
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
                let open: BTreeSet<u16> = self.open.keys().map(|(_, slot)| *slot).collect();
                self.most_open = self.most_open.max(open.len());
                Reply::Text(b"OK".to_vec())
            }
            // The source sends clients on, the target has what it took.
            Verb::Pttl(key) if key.starts_with(b"slotkit-probe") && node == id('a') => {
                Reply::Refused(Refusal {
                    code: "ASK".to_owned(),
                    detail: "1 10.0.0.1:7001".to_owned(),
                })
            }
            Verb::Pttl(_) => Reply::Int(if self.swallows { -2 } else { -1 }),
            _ => Reply::Text(b"OK".to_vec()),
        }
    }

    /// Its answers have come: `b` has been asked for keys by name.
    fn has_told(&mut self, node: NodeId, verbs: &[Verb]) {
        let asks_by_name = verbs.iter().filter_map(|verb| match verb {
            Verb::Pttl(key) if node == id('b') => Some(Slot::for_key(key).number()),
            _ => None,
        });
        for slot in asks_by_name {
            self.unproven.remove(&slot);
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
            if id(about) == node {
                line + &open
            } else {
                line
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
    let (mut core, mut nodes) = many(slots, are_known_empty, keys);
    drive(&mut core, &mut nodes);
    let outcome = core.into_result().expect("nothing surprises it");
    assert_eq!(outcome.slots, u64::from(slots));
    nodes
}

fn many(slots: u16, are_known_empty: bool, keys: usize) -> (Core, Nodes) {
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
    let core = Core::new(&tasks.collect::<Vec<_>>(), options, 0);
    let nodes = Nodes {
        keys: slots.iter().map(|slot| (slot.number(), keys)).collect(),
        ..Nodes::default()
    };
    (core, nodes)
}

/// A node that was asked, its replies, and what it was asked.
type UnderWay = (NodeId, Vec<Reply>, Vec<Verb>);

/// Brings the answers that are due: those of a slow `b` when there are no others.
fn answer_due(core: &mut Core, nodes: &mut Nodes, under_way: &mut Vec<UnderWay>, now_ms: u64) {
    let is_late = |asked: &UnderWay| nodes.is_slow && asked.0 == id('b');
    let (late, due): (Vec<_>, Vec<_>) = std::mem::take(under_way).into_iter().partition(is_late);
    let (due, later) = if due.is_empty() {
        (late, due)
    } else {
        (due, late)
    };
    *under_way = later;
    for (node, replies, verbs) in due {
        nodes.has_told(node, &verbs);
        core.answered(node, replies, now_ms);
    }
}

/// Plays a run to its end.
fn drive(core: &mut Core, nodes: &mut Nodes) {
    let mut under_way = Vec::new();
    for now_ms in 0..100_000 {
        match core.poll(now_ms) {
            Effect::Record(notes) => {
                nodes.note(&notes);
                core.recorded(Ok(()));
            }
            Effect::Ask { node, .. } if node == id('c') && nodes.breaks > 0 => {
                nodes.breaks -= 1;
                let error = Error::new(ErrorKind::Connect, "it broke off");
                core.lost(node, error, now_ms);
            }
            Effect::Ask { node, verbs, .. } => {
                under_way.push((node, nodes.answer(node, &verbs), verbs));
            }
            Effect::Wait { .. } => answer_due(core, nodes, &mut under_way, now_ms),
            Effect::End => return,
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

/// The first slot of a run taken in hand, waiting for this.
pub(super) fn first_flight(core: &mut Core, state: FlightState) -> Flight {
    let bounds = Bounds {
        only_open: false,
        slots: 1,
        empty_slots: 1,
        pairs_per_node: 1,
    };
    let scheduled = core.schedule.take(bounds).remove(0);
    let machine = core
        .machine(&scheduled.unit, scheduled.entry)
        .expect("a machine");
    core.flight(scheduled, machine, state)
}

/// Slot 0 goes from `a` to `b`.
pub(super) fn one_slot() -> (Move, Options) {
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

/// A key of an earlier run is gone from its source, and its copy on the target expires in 8 s.
#[test]
fn a_wait_for_keys_that_expire_is_told() {
    let (task, mut options) = one_slot();
    let key = key_in(task.slot, ":x");
    let sent = KeyInDoubt::new(0, key.clone(), Cause::Sent);
    options.doubts = [(task.slot, vec![sent])].into();
    options.epoch_ms = Some(1_000);
    let mut core = Core::new(&[(task, Entry::SourceOwns)], options, 0);
    let mut nodes = Nodes::default();
    let reply = |nodes: &mut Nodes, node: NodeId, verb: &Verb| {
        let is_at_source = node == id('a');
        match verb {
            Verb::Pttl(name) if *name == key => Reply::Int(if is_at_source { -2 } else { 8_000 }),
            Verb::Dump(_) if is_at_source => Reply::Nil,
            _ if verb.name() == "MEMORY USAGE" => Reply::Nil,
            _ => nodes.reply(node, verb),
        }
    };
    let mut told = Vec::new();
    for now_ms in 0..1_000 {
        match core.poll(now_ms) {
            Effect::Record(notes) => {
                nodes.note(&notes);
                core.recorded(Ok(()));
            }
            Effect::Ask { node, verbs, .. } => {
                let replies = verbs.iter().map(|verb| reply(&mut nodes, node, verb));
                core.answered(node, replies.collect(), now_ms);
            }
            Effect::Wait { .. } => {}
            Effect::End => break,
        }
        told.extend(core.take_events());
    }
    let waits = told.iter().filter_map(|event| match event {
        Event::Waits { unit, wait } => Some((unit.clone(), *wait)),
        _ => None,
    });
    let wait = Wait { keys: 1, ms: 8_000 };
    assert_eq!(waits.collect::<Vec<_>>(), [(task.into(), wait)]);
}

/// After a kill nobody would know that they were on their way.
#[test]
fn nothing_is_sent_of_keys_that_could_not_be_written_down() {
    let (task, options) = one_slot();
    let mut core = Core::new(&[(task, Entry::Fresh)], options, 0);
    let mut nodes = Nodes {
        keys: [(0, 40)].into(),
        ..Nodes::default()
    };
    let mut refused = 0;
    for now_ms in 0..10_000 {
        match core.poll(now_ms) {
            Effect::Record(notes) => {
                let is_full = notes.iter().any(|note| matches!(note, Note::Doubts(..)));
                refused += usize::from(is_full);
                let full = Error::new(ErrorKind::Io, "no space left");
                core.recorded(if is_full { Err(full) } else { Ok(()) });
            }
            Effect::Ask { node, verbs, .. } => {
                let replies = nodes.answer(node, &verbs);
                core.answered(node, replies, now_ms);
            }
            Effect::Wait { .. } => {}
            Effect::End => break,
        }
    }
    assert!(refused > 0);
    let error = core.into_result().expect_err("it stops");
    assert!(error.message().contains("no space left"), "{error:?}");
    assert!(!nodes.asked.contains_key("MIGRATE"), "{:?}", nodes.asked);
}

#[test]
fn a_slot_that_its_source_refuses_to_the_end_is_closed_again() {
    let (nodes, result) = run_refused(5);
    assert_eq!(result.expect("it opens in time").slots, 1);
    assert!(nodes.open.is_empty(), "{:?}", nodes.open);
    let (nodes, result) = run_refused(usize::MAX);
    let error = result.expect_err("it stops");
    assert_eq!(error.kind(), ErrorKind::Unsafe);
    assert!(error.message().contains("NOREPLICAS"), "{error:?}");
    assert!(
        error.message().ends_with("nothing was changed"),
        "{error:?}"
    );
    assert!(nodes.open.is_empty(), "{:?}", nodes.open);
}

/// Each sends one key at a time until its target has shown one.
#[test]
fn a_target_that_keeps_nothing_gets_four_keys() {
    let (nodes, result) = run_one(Nodes {
        swallows: true,
        keys: [(0, 100)].into(),
        ..Nodes::default()
    });
    let error = result.expect_err("it stops");
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert!(error.message().contains("the target took key"), "{error:?}");
    assert_eq!((nodes.asked["MIGRATE"], nodes.most_sent), (4, 1));
    assert_eq!(nodes.keys[&0], 96);
    assert!(!nodes.arrived.contains(&(id('b'), 0)));
}

#[test]
fn few_slots_are_open_at_once() {
    let nodes = run_with(32, false, 40);
    assert_eq!(nodes.most_open, 4);
    // IMPORTING and MIGRATING, and NODE on three nodes.
    assert_eq!(nodes.asked["CLUSTER SETSLOT"], 32 * 5);
    assert!(nodes.open.is_empty());
    assert_eq!(run(1024, false).most_open, 4, "not counted");
}

#[test]
fn slots_without_keys_share_what_they_ask() {
    let nodes = run(1024, true);
    assert_eq!((nodes.most_sets, nodes.most_open), (64, 128));
    // Each batch has three probes of three nodes: alone, each slot would need as many.
    assert!(nodes.asked["CLUSTER NODES"] <= 200, "{:?}", nodes.asked);
    assert!(nodes.asked["INFO"] <= 20, "{:?}", nodes.asked);
    assert!(nodes.asked["CLUSTER INFO"] <= 20, "{:?}", nodes.asked);
}

#[test]
fn a_slot_that_has_keys_by_now_takes_a_place_of_its_own() {
    let (mut core, mut nodes) = many(64, true, 40);
    drive(&mut core, &mut nodes);
    assert_eq!(core.into_result().expect("nothing surprises it").slots, 64);
    assert!(nodes.open.is_empty());
}

#[test]
fn a_run_over_a_limit_begins_nothing_and_stops_without_harm() {
    let (task, mut options) = one_slot();
    options.how.limits.max_memory_percent = Some(90);
    let full = |used_bytes| HealthReading {
        node: task.target,
        latency_ms: None,
        used_bytes: Some(used_bytes),
        max_bytes: Some(100),
        replica_lag_bytes: None,
        is_detached: None,
    };
    let mut core = Core::new(&[(task, Entry::Fresh)], options, 0);
    for now_ms in (0..10_000).step_by(100) {
        core.observe(&full(91), now_ms);
        assert!(matches!(core.poll(now_ms), Effect::Wait { .. }), "{now_ms}");
    }
    // It may ease in time.
    let mut eased = core.clone();
    eased.observe(&full(90), 9_950);
    assert!(matches!(eased.poll(9_950), Effect::Ask { .. }));
    core.observe(&full(91), 10_000);
    assert!(matches!(core.poll(10_000), Effect::End));
    let error = core.into_result().expect_err("it stopped");
    assert_eq!(error.kind(), ErrorKind::Unsafe, "nothing had begun");
    assert!(error.message().contains("91 of its 100 bytes"), "{error:?}");
}

/// A source waits for a target that stands still once for each `MIGRATE`: they share its time.
#[test]
fn a_write_has_few_migrates_where_they_are_small() {
    let nodes = run_with(32, false, 400);
    assert_eq!(nodes.keys.values().sum::<usize>(), 0);
    assert_eq!(nodes.most_sent, 80, "one slot's");
    let nodes = run_with(64, false, 2);
    assert_eq!(nodes.most_migrates, 4);
    assert!(nodes.longest_ms <= 625, "{} ms", nodes.longest_ms);
    // Each slot alone would need two probes of three nodes.
    assert!(nodes.asked["CLUSTER NODES"] <= 64 * 4, "{:?}", nodes.asked);
}

/// What begins to swallow while it is asked for one slot's keys has been sent a batch at most.
#[test]
fn no_more_than_a_batch_is_on_its_way_unproven() {
    for (slots, keys, most) in [(4, 400, 80), (64, 30, 80), (32, 2, 80), (1, 400, 80)] {
        let (mut core, mut nodes) = many(slots, false, keys);
        nodes.is_slow = true;
        drive(&mut core, &mut nodes);
        assert_eq!(core.into_result().expect("it ends").slots, u64::from(slots));
        assert_eq!(nodes.keys.values().sum::<usize>(), 0);
        let unproven = nodes.most_unproven;
        assert!((1..=most).contains(&unproven), "{slots} slots: {unproven}");
    }
}

/// One slot on its way, where the target takes so long to tell its epoch, the first times.
fn run_late(late: usize, took_ms: u64) -> (usize, Result<Outcome>) {
    let (task, options) = one_slot();
    let mut core = Core::new(&[(task, Entry::Fresh)], options, 0);
    let (mut nodes, mut now_ms, mut left) = (Nodes::default(), 0, late);
    let mut probes = 0;
    for _ in 0..100_000 {
        now_ms += 1;
        match core.poll(now_ms) {
            Effect::Record(notes) => {
                nodes.note(&notes);
                core.recorded(Ok(()));
            }
            Effect::Ask { node, verbs, .. } => {
                let asks = |name: &str| verbs.iter().any(|verb| verb.name() == name);
                probes += usize::from(node == id('c') && asks("CLUSTER NODES"));
                if left > 0 && asks("CLUSTER INFO") {
                    (left, now_ms) = (left - 1, now_ms + took_ms);
                }
                let replies = nodes.answer(node, &verbs);
                core.answered(node, replies, now_ms);
            }
            Effect::Wait { until_ms } => {
                now_ms = until_ms.map_or(now_ms, |until| until.max(now_ms));
            }
            Effect::End => return (probes, core.into_result()),
        }
    }
    panic!("the run doesn't end");
}

/// A replica may have taken over meanwhile, and what it has accepted would be lost.
#[test]
fn what_was_said_long_before_is_asked_again_before_the_target_owns_the_slot() {
    let (probes, result) = run_late(3, 900);
    assert_eq!(result.expect("in time").slots, 1);
    assert_eq!(probes, 3, "to begin, to open, to confirm");
    let (probes, result) = run_late(3, 1_500);
    assert_eq!(result.expect("in the end").slots, 1);
    assert_eq!(probes, 6);
    let (_, result) = run_late(usize::MAX, 1_500);
    let error = result.expect_err("never in time");
    assert!(error.message().contains("answer too late"), "{error:?}");
}

/// One slot with keys, whose source takes so long over its first batch: how many keys are written
/// down as answered late, and how many nodes are looked at before more is sent.
fn run_batch(took_ms: u64) -> (usize, usize) {
    let (task, options) = one_slot();
    let mut core = Core::new(&[(task, Entry::Fresh)], options, 0);
    let mut nodes = Nodes {
        keys: [(0, 200)].into(),
        ..Nodes::default()
    };
    let (mut sent, mut late, mut looked, mut now_ms) = (0, 0, BTreeSet::new(), 0);
    for _ in 0..100_000 {
        now_ms += 1;
        match core.poll(now_ms) {
            Effect::Record(notes) => {
                nodes.note(&notes);
                let doubts = notes.iter().filter_map(|note| match note {
                    Note::Doubts(_, doubts) => Some(doubts),
                    _ => None,
                });
                let is_late = |one: &&KeyInDoubt| one.cause == Cause::Late;
                late = doubts.flatten().filter(is_late).count().max(late);
                core.recorded(Ok(()));
            }
            Effect::Ask { node, verbs, .. } => {
                let asks = |name: &str| verbs.iter().any(|verb| verb.name() == name);
                sent += usize::from(asks("MIGRATE"));
                match sent {
                    1 if asks("MIGRATE") => now_ms += took_ms,
                    1 if asks("CLUSTER NODES") => drop(looked.insert(node)),
                    _ => {}
                }
                let replies = nodes.answer(node, &verbs);
                core.answered(node, replies, now_ms);
            }
            Effect::Wait { until_ms } => {
                now_ms = until_ms.map_or(now_ms, |until| until.max(now_ms));
            }
            Effect::End => break,
        }
    }
    assert_eq!(core.into_result().expect("it goes on").slots, 1);
    (late, looked.len())
}

/// Its promoted replica may have taken over meanwhile, and clients have written to that one.
#[test]
fn what_a_source_answers_late_is_in_doubt_until_a_look_shows_who_it_is() {
    assert_eq!(run_batch(900), (0, 0));
    let (late, looked) = run_batch(1_500);
    assert!(late > 0);
    assert_eq!(looked, 3);
}

#[test]
fn a_source_that_is_replaced_each_time_is_given_up() {
    let moves = [(task(0, 'a', 'b'), Entry::SourceOwns)];
    let routes = [((id('a'), id('b')), NodeAddr::new("127.0.0.1", 2))];
    let options = Options {
        routes: routes.into_iter().collect(),
        ..Options::default()
    };
    let mut core = Core::new(&moves, options, 0);
    let mut flight = first_flight(&mut core, FlightState::Ready);
    // Looked at again, and the same: that is no replacement.
    assert!(!flight.turn_to(flight.scheduled.unit.clone()));
    for (turn, source) in ['c', 'a', 'c'].into_iter().enumerate() {
        assert!(!flight.turn_to(unit(&[0], source, 'b')), "{turn}");
    }
    assert!(!flight.turn_to(unit(&[0], 'c', 'b')));
    assert!(flight.turn_to(unit(&[0], 'a', 'b')));
}

/// What was looked at and written down ahead of its turn is as it was.
#[test]
fn a_stop_leaves_nothing_of_the_slots_whose_turn_has_not_come() {
    let (mut core, mut nodes) = many(64, false, 40);
    let mut under_way = Vec::new();
    let (mut begun, mut ended) = (BTreeSet::new(), BTreeSet::new());
    for now_ms in 0..10_000 {
        match core.poll(now_ms) {
            Effect::Record(notes) => {
                nodes.note(&notes);
                for note in notes {
                    match note {
                        Note::Begins(unit) => drop(begun.insert(unit.id())),
                        Note::Ends(unit) => drop(ended.insert(unit.id())),
                        _ => {}
                    }
                }
                core.recorded(Ok(()));
            }
            Effect::Ask { node, verbs, .. } => under_way.push((node, nodes.answer(node, &verbs))),
            Effect::Wait { .. } => {
                if !nodes.open.is_empty() {
                    core.control(RunControl::Stop);
                }
                for (node, replies) in std::mem::take(&mut under_way) {
                    core.answered(node, replies, now_ms);
                }
            }
            Effect::End => break,
        }
    }
    let outcome = core.into_result().expect("it was asked to");
    assert!(outcome.is_stopped);
    assert_eq!((outcome.slots, nodes.most_open), (4, 4));
    assert_eq!(begun.len(), 20, "sixteen ahead");
    assert_eq!(begun, ended);
}

/// Each slot of the pair has keys to send, and each `MIGRATE` would block the source once more.
#[test]
fn after_a_migrate_that_was_broken_off_the_target_is_asked_before_more_goes() {
    let (mut core, mut nodes) = many(8, false, 40);
    nodes.broken_off = 5;
    drive(&mut core, &mut nodes);
    assert_eq!(core.into_result().expect("it goes on").slots, 8);
    assert_eq!(
        (nodes.broken_off, nodes.keys.values().sum::<usize>()),
        (0, 0)
    );
}

/// A value that takes longer than a source may wait never moves.
#[test]
fn a_key_that_is_broken_off_each_time_is_named_with_what_helps() {
    let (nodes, result) = run_one(Nodes {
        broken_off: usize::MAX,
        keys: [(0, 100)].into(),
        ..Nodes::default()
    });
    let error = result.expect_err("it stops");
    assert!(
        error.message().contains("wasn't moved within 1250 ms"),
        "{error:?}"
    );
    let fix = error.fix_text().unwrap_or_default();
    assert!(fix.contains("--migrate-timeout-ms"), "{fix}");
    assert!(nodes.asked["MIGRATE"] <= 8, "{:?}", nodes.asked);
}

/// A node that stands still has no part in a slot between two others.
#[test]
fn a_bystander_that_is_silent_does_not_keep_a_slot_open() {
    let (task, options) = one_slot();
    let mut core = Core::new(&[(task, Entry::Fresh)], options, 0);
    let mut nodes = Nodes {
        keys: [(0, 40)].into(),
        ..Nodes::default()
    };
    let (mut under_way, mut is_asked) = (Vec::new(), false);
    for now_ms in 0..5_000 {
        let is_silent = nodes.asked.contains_key("MIGRATE");
        match core.poll(now_ms) {
            Effect::Record(notes) => {
                nodes.note(&notes);
                core.recorded(Ok(()));
            }
            Effect::Ask { node, .. } if node == id('c') && is_silent => is_asked = true,
            Effect::Ask { node, verbs, .. } => {
                under_way.push((node, nodes.answer(node, &verbs), verbs));
            }
            Effect::Wait { .. } => answer_due(&mut core, &mut nodes, &mut under_way, now_ms),
            Effect::End => break,
        }
    }
    assert!(is_asked && nodes.open.is_empty(), "{:?}", nodes.open);
}

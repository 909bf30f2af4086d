//! Reassigns, while the run goes on, the slots that a node took with it when it died: to the
//! replica that was promoted in its place.
//!
//! What has arrived at a node just before it died is nobody's: its promoted replica hasn't heard of
//! it, and has its keys. While such a slot has no owner who lives, servers with
//! `cluster-require-full-coverage` refuse every command, so the promoted replica is told at the
//! probe that shows it ([`promoted::to_reassign`]), and not only when the run ends. The others
//! learn of it by gossip: the promoted replica's epoch is the later one.
//!
//! ```text
//!  a probe for a recheck ──> to be reassigned ──> Ask: NODE on the promoted ──> accepted: told
//!        ▲                                     │ refused, or the link broke
//!        └─────────────────────────────────────┘ the next probe shows it again
//! ```

use super::super::promoted;
use super::Core;
use super::interface::Event;
use super::probe::Probe;
use crate::cluster::verb::{Reply, SetSlot, Verb};
use crate::cluster::{ClusterView, Node, NodeId};
use crate::slot::Slot;
use std::collections::BTreeSet;

/// How old a probe may be when somebody is given slots by it: a node that is silent holds up what
/// the others have said long before.
const OLD_MS: u64 = 10_000;

impl Core {
    /// Finds what of the moves that have ended belongs to a dead node. Nothing is given while a
    /// primary is silent that nobody has replaced: it may have the slot.
    pub(super) fn find_slots_to_reassign(&mut self, probe: &Probe) {
        let is_dead = |node: &Node| node.flags.fail && !probe.views.contains_key(&node.id);
        let mut nodes = probe.views.values().flat_map(ClusterView::nodes);
        if self.ended.is_empty() || !nodes.any(is_dead) {
            return;
        }
        let is_old = self.now_ms > probe.began_ms().saturating_add(OLD_MS);
        if is_old || probe.silent_primary(&self.options).is_some() {
            return;
        }
        let left = promoted::to_reassign(&probe.views, &self.options.shards, &self.ended);
        self.to_reassign.clear();
        for (slot, promoted) in left {
            self.to_reassign.entry(promoted).or_default().insert(slot);
        }
    }

    /// A promoted replica that isn't asked anything just now, with what it is to be given.
    pub(super) fn next_to_reassign(&mut self) -> Option<(NodeId, BTreeSet<Slot>)> {
        let mut nodes = self.to_reassign.keys();
        let promoted = nodes
            .find(|node| !self.writes.contains_key(node))
            .copied()?;
        Some((promoted, self.to_reassign.remove(&promoted)?))
    }

    /// A promoted replica answered. A refusal leaves the slots where they are, which the next probe
    /// shows.
    pub(super) fn reassigned(&mut self, promoted: NodeId, replies: &[Reply]) {
        let taken = replies
            .iter()
            .filter(|reply| matches!(reply, Reply::Text(_)));
        let slots = taken.count();
        if slots > 0 {
            self.events.push(Event::Reassigned { slots, promoted });
        }
    }
}

/// What tells a promoted replica that these slots are its own.
pub(super) fn verbs(promoted: NodeId, slots: &BTreeSet<Slot>) -> Vec<Verb> {
    let state = SetSlot::Node { owner: promoted };
    let verbs = slots
        .iter()
        .map(|slot| Verb::SetSlot { slot: *slot, state });
    verbs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::verb::Refusal;
    use crate::error::{Error, ErrorKind};
    use crate::execute::core::{Effect, Options};
    use crate::execute::testing::{id, nodes_text, task};

    /// `b` was given slot 0 and died; `c`, its replica, took over the rest and hasn't heard of
    /// that.
    fn said(myself: char) -> String {
        nodes_text(myself, |node, line| {
            let line = line.replace(" 0-5460", " 1-5460");
            let line = match node {
                'b' => line
                    .replace("master", "master,fail")
                    .replace(" 5461-10922", ""),
                'c' => format!("{line} 5461-10922"),
                _ => line,
            };
            let believed = if myself == 'c' { 'a' } else { 'b' };
            if node == believed {
                format!("{line} 0")
            } else {
                line
            }
        })
    }

    fn core() -> Core {
        let nodes = ['a', 'b', 'c'].map(id);
        let options = Options {
            primaries: nodes.to_vec(),
            shards: [(id('b'), id('c'))].into_iter().collect(),
            names: nodes.map(|node| (node, node.short())).into_iter().collect(),
            ..Options::default()
        };
        let mut core = Core::new(&[], options, 0);
        core.ended.push(task(0, 'a', 'b'));
        core
    }

    fn probe(heard: &[char]) -> Probe {
        let nodes = ['a', 'b', 'c'].map(id).to_vec();
        let mut probe = Probe::new(
            nodes,
            BTreeSet::new(),
            Vec::new(),
            [vec![], vec![], vec![7]],
        );
        while let Some(node) = probe.next(100, |_| true) {
            let name = heard.iter().find(|name| id(**name) == node);
            let silent = Error::new(ErrorKind::Connect, "it is dead");
            probe.heard(node, name.map(|name| said(*name)).ok_or(silent));
        }
        probe
    }

    #[test]
    fn the_promoted_replica_of_a_target_is_told_while_the_run_goes_on() {
        let mut core = core();
        core.conclude(probe(&['a', 'c']));
        let Effect::Ask { node, verbs, .. } = core.poll(200) else {
            panic!("it asks");
        };
        assert_eq!(node, id('c'));
        let told: Vec<_> = verbs.iter().flat_map(Verb::words).collect();
        let own = id('c').to_string();
        let words = ["CLUSTER", "SETSLOT", "0", "NODE", &own];
        assert_eq!(told, words.map(|word| word.as_bytes().to_vec()));
        // It isn't told twice meanwhile, and the run doesn't end before it answers.
        assert!(matches!(core.poll(300), Effect::Wait { .. }));
        core.answered(id('c'), vec![Reply::Text(b"OK".to_vec())], 400);
        let given = Event::Reassigned {
            slots: 1,
            promoted: id('c'),
        };
        assert_eq!(core.take_events(), [given]);
        assert!(matches!(core.poll(500), Effect::End));
    }

    #[test]
    fn nothing_is_given_by_old_words_or_while_another_is_silent() {
        let mut late = core();
        late.now_ms = 100 + OLD_MS + 1;
        late.conclude(probe(&['a', 'c']));
        assert!(matches!(late.poll(20_000), Effect::End));
        let mut silent = core();
        silent.conclude(probe(&['c']));
        assert!(matches!(silent.poll(200), Effect::End));
        // The dead one is back: it has the slot.
        let mut back = core();
        back.conclude(probe(&['a', 'b', 'c']));
        assert!(matches!(back.poll(200), Effect::End));
        // Refused: nothing is told, and another probe may show it again.
        let mut refused = core();
        refused.conclude(probe(&['a', 'c']));
        refused.poll(200);
        let refusal = Refusal {
            code: "ERR".to_owned(),
            detail: "Please use SETSLOT only with masters.".to_owned(),
        };
        refused.answered(id('c'), vec![Reply::Refused(refusal)], 300);
        assert_eq!(refused.take_events(), []);
    }
}

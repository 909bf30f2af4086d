//! Guards ownership: says whether a slot may be opened, or its target told that it owns it, or
//! whether somebody else moves it.
//!
//! No server keeps two tools apart: `SETSLOT` overwrites what another has set,
//! and a slot that two tools move to two targets loses the keys of one (seen
//! with two runs on Redis 7.0). So the nodes are asked before a slot is opened,
//! again between `IMPORTING` and `MIGRATING`, and when its keys have left, before
//! anybody is told of a new owner.
//!
//! Pure: what the primaries say of themselves goes in, a verdict comes out.

use super::Move;
use super::mover::{Entry, Unit};
use super::shards::Shards;
use super::views::Views;
use crate::cluster::{ClusterView, Node, NodeId, OpenSlot};
use crate::slot::{Slot, SlotSet};
use std::collections::BTreeMap;

/// What each node says of itself, its own line of `CLUSTER NODES`, by its id.
pub(super) type SelfReports = BTreeMap<NodeId, Node>;

/// The ownership guard, with what it goes by: what the nodes say, and who was a replica of whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guard<'a> {
    pub self_reports: &'a SelfReports,
    /// What sources and targets believe of all.
    pub views: &'a Views,
    pub shards: &'a Shards,
}

/// Whether a unit may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may.
    Ours,
    /// One of its two nodes isn't what it was: the words say what was seen.
    RolesChanged(&'static str),
    /// Somebody else has this slot of it: the words say what was seen, and where.
    Taken(Slot, &'static str, Option<NodeId>),
}

impl Guard<'_> {
    /// Whether a unit is where its move begins, and open for nothing else.
    pub(super) fn may_begin(self, unit: &Unit, entry: Entry) -> Verdict {
        strictest(unit.moves().map(|task| self.may_begin_slot(task, entry)))
    }

    /// Whether the source of a unit may be told to give it away, after its target was told to
    /// import it: nobody else imports it, or gives it to somebody else.
    pub(super) fn may_open(self, unit: &Unit) -> Verdict {
        strictest(unit.moves().map(|task| self.may_open_slot(task)))
    }

    /// Whether nobody but our own move has a unit open, and its source still gives it away. After
    /// this the target is told that it owns the slots: where the source has failed over meanwhile,
    /// its promoted replica may have taken a write that would be lost.
    pub(super) fn may_own(self, unit: &Unit) -> Verdict {
        strictest(unit.moves().map(|task| self.may_own_slot(task)))
    }
}

/// The strictest of what is said of each slot of a unit, and the first of these.
fn strictest(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    verdicts.fold(Verdict::Ours, |so_far, verdict| {
        if verdict.strictness() > so_far.strictness() {
            verdict
        } else {
            so_far
        }
    })
}

impl Verdict {
    fn strictness(&self) -> u8 {
        match self {
            Verdict::Ours => 0,
            Verdict::RolesChanged(_) => 1,
            Verdict::Taken(..) => 2,
        }
    }
}

/// What is seen of one slot.
impl<'a> Guard<'a> {
    fn may_begin_slot(self, task: Move, entry: Entry) -> Verdict {
        let is_at_source = self.owns(task.source, task) && !self.owns(task.target, task);
        let is_at_target = matches!(entry, Entry::TargetOwns | Entry::TargetServes);
        if !is_at_target && !is_at_source {
            return if self.is_at_promoted(task) {
                Verdict::RolesChanged("the source was replaced")
            } else {
                Verdict::Taken(task.slot, "isn't at its source any more", None)
            };
        }
        if let Some(what) = self.contradiction(task).filter(|_| !is_at_target) {
            return Verdict::RolesChanged(what);
        }
        let other = self
            .opened(task)
            .find(|(id, open)| entry == Entry::Fresh || !self.is_left_open(*id, *open, task));
        match other {
            Some((id, _)) if self.is_other_of_shard(id, task.source) => {
                Verdict::RolesChanged("another node of the source's shard has it open")
            }
            Some((id, _)) => Verdict::Taken(task.slot, "was opened meanwhile", Some(id)),
            None => Verdict::Ours,
        }
    }

    fn may_open_slot(self, task: Move) -> Verdict {
        match self.opened_by_another(task) {
            Some(id) => Verdict::Taken(task.slot, "was opened at the same time", Some(id)),
            None if let Some(what) = self.contradiction(task) => Verdict::RolesChanged(what),
            None if self.owns(task.source, task) => Verdict::Ours,
            None => Verdict::RolesChanged("the source doesn't own it any more"),
        }
    }

    fn may_own_slot(self, task: Move) -> Verdict {
        if self.is_given_by_promoted(task) {
            return Verdict::RolesChanged("one that took over from the source gives it away");
        }
        if let Some(id) = self.opened_by_another(task) {
            return Verdict::Taken(task.slot, "is moved by somebody else too", Some(id));
        }
        if self.owns(task.target, task) {
            return Verdict::Ours;
        }
        if let Some(what) = self.contradiction(task) {
            return Verdict::RolesChanged(what);
        }
        let is_primary = |id: NodeId| self.self_reports.get(&id).is_some_and(Node::is_primary);
        let given_to = self.opened(task).find_map(|(id, open)| match open {
            OpenSlot::Migrating { target, .. } if id == task.source => Some(target),
            _ => None,
        });
        let is_importing = self.opened(task).any(|(id, _)| id == task.target);
        let is_migrating = given_to == Some(task.target);
        match (self.owns(task.source, task), is_migrating, is_importing) {
            (true, true, true) => Verdict::Ours,
            _ if !is_primary(task.source) || !is_primary(task.target) => {
                Verdict::RolesChanged("source or target isn't a primary any more")
            }
            // Valkey 8 and later turn to the promoted replica by themselves.
            (true, false, _)
                if given_to.is_some_and(|id| self.is_other_of_shard(id, task.target)) =>
            {
                Verdict::RolesChanged("the source gives it to one that took over from the target")
            }
            (true, ..) => Verdict::Taken(task.slot, "is moved by somebody else too", None),
            // The source has let go of it, which it does only without keys, and nobody has taken
            // it: `NODE` reached the source alone.
            (false, false, true) if !self.self_reports.keys().any(|id| self.owns(*id, task)) => {
                Verdict::Ours
            }
            (false, ..) => Verdict::RolesChanged("the source doesn't own it any more"),
        }
    }

    /// Whether one that took over from a slot's source has it open towards its target: Valkey 8 and
    /// later tell replicas what is open. The source may not know yet that it was replaced, and the
    /// promoted replica may have taken writes.
    fn is_given_by_promoted(self, task: Move) -> bool {
        let mut opened = self.opened(task);
        opened.any(|(id, open)| match open {
            OpenSlot::Migrating { target, .. } => {
                self.is_other_of_shard(id, task.source) && self.is_of_shard(target, task.target)
            }
            OpenSlot::Importing { .. } => false,
        })
    }

    /// Whether a slot is at one that took over from its source.
    fn is_at_promoted(self, task: Move) -> bool {
        let mut owners = self
            .primaries()
            .filter(|(_, node)| node.slots.contains(task.slot));
        owners.any(|(id, _)| id != task.target && self.is_other_of_shard(id, task.source))
    }

    /// What speaks against a source that says that it is a primary and has the slot. One that stood
    /// still, or that hears nobody, doesn't know that a replica has taken its place; then the
    /// promoted replica has taken writes that `NODE` would have it delete.
    fn contradiction(self, task: Move) -> Option<&'static str> {
        if self.is_at_promoted(task) {
            return Some("one that took over from the source has it");
        }
        let sides = [task.source, task.target].map(|id| self.views.get(&id));
        if sides.into_iter().flatten().any(is_alone) {
            return Some("source or target doesn't reach the other primaries");
        }
        let [_, target] = sides;
        target.and_then(|view| self.contradicted_by(view, task))
    }

    /// What the target knows of the source that this doesn't.
    fn contradicted_by(self, target: &ClusterView, task: Move) -> Option<&'static str> {
        let source = target.node(task.source)?;
        if source.flags.fail {
            return Some("the target takes the source for failed");
        }
        if !source.is_primary() {
            return Some("the target takes the source for a replica");
        }
        // An old source of a slot that the target imports stays its owner in the target's eyes: it
        // hears of such slots from nobody.
        let owner = target.map().owner(task.slot);
        let is_elsewhere = |id: NodeId| !self.is_of_shard(id, task.source) && id != task.target;
        if owner.is_some_and(is_elsewhere) {
            return Some("the target takes another node for its owner");
        }
        let mut primaries = target.primaries();
        let is_outvoted = primaries.any(|other| self.outvotes(other, task.source, target));
        is_outvoted.then_some("the target knows one that took over from the source")
    }

    /// Whether the target takes a node of a source's shard for the owner, by a later vote, of
    /// slots that the source takes for its own. What it imports it hears from nobody: where these
    /// are all that the source has, the other's vote has to do.
    fn outvotes(self, other: &Node, source: NodeId, target: &ClusterView) -> bool {
        let myself = self.self_reports.get(&source);
        let Some(myself) = myself.filter(|_| self.is_other_of_shard(other.id, source)) else {
            return false;
        };
        let imported: SlotSet = target.open_slots().map(|(_, open)| open.slot()).collect();
        let mut compared = myself
            .slots
            .iter()
            .filter(|slot| !imported.contains(*slot))
            .peekable();
        let has_all = match compared.peek() {
            Some(_) => compared.any(|slot| other.slots.contains(slot)),
            None => other.slots.is_empty(),
        };
        other.config_epoch > myself.config_epoch && has_all
    }

    fn owns(self, id: NodeId, task: Move) -> bool {
        let node = self.self_reports.get(&id);
        node.is_some_and(|node| node.slots.contains(task.slot))
    }

    fn primaries(self) -> impl Iterator<Item = (NodeId, &'a Node)> {
        let all = self.self_reports.iter().map(|(id, node)| (*id, node));
        all.filter(|(_, node)| node.is_primary())
    }

    /// Whether it is another node of the shard, which can take over from it.
    fn is_other_of_shard(self, other: NodeId, node: NodeId) -> bool {
        self.shards.are_in_one(other, node)
    }

    fn is_of_shard(self, other: NodeId, node: NodeId) -> bool {
        other == node || self.is_other_of_shard(other, node)
    }

    /// Who has a slot open that isn't a part of its move.
    fn opened_by_another(self, task: Move) -> Option<NodeId> {
        let mut opened = self.opened(task);
        let other = opened.find(|(id, open)| !self.is_part_of(*id, *open, task));
        other.map(|(id, _)| id)
    }

    /// Who has a slot open; a primary that turned into a replica has nothing.
    fn opened(self, task: Move) -> impl Iterator<Item = (NodeId, OpenSlot)> + use<'a> {
        self.primaries().flat_map(move |(id, node)| {
            let open = node.open.iter();
            open.filter(move |open| open.slot() == task.slot)
                .map(move |open| (id, *open))
        })
    }

    /// Whether an open slot is a part of this move. The target may still name a source that has
    /// failed over since. And where the target failed over and is back as a primary, since it was
    /// given slots meanwhile, its promoted replica has open what it had (Valkey 8 and later
    /// replicate that): [`super::orphaned`] clears it up.
    fn is_part_of(self, node: NodeId, open: OpenSlot, task: Move) -> bool {
        match open {
            OpenSlot::Migrating { target, .. } => {
                node == task.source && self.is_of_shard(target, task.target)
            }
            OpenSlot::Importing { slot, .. } => {
                self.is_of_shard(node, task.target) || self.shards.is_left_over(slot, node)
            }
        }
    }

    /// Whether it is a part of this move, or what is left of it from before its target failed
    /// over.
    fn is_left_open(self, node: NodeId, open: OpenSlot, task: Move) -> bool {
        let is_gone = |id: &NodeId| !self.self_reports.get(id).is_some_and(Node::is_primary);
        self.is_part_of(node, open, task)
            || matches!(open, OpenSlot::Migrating { target, .. } if node == task.source && is_gone(&target))
    }
}

/// Whether a node doesn't reach most of the primaries with slots: these may have voted without it.
fn is_alone(view: &ClusterView) -> bool {
    let voters = || view.primaries().filter(|node| !node.slots.is_empty());
    let gone = voters().filter(|node| node.flags.fail || node.flags.pfail);
    gone.count() * 2 >= voters().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::parse;
    use crate::execute::testing::{self, id, nodes_text};

    /// Slot 0 goes from `a` to `b`.
    fn task() -> Move {
        testing::task(0, 'a', 'b')
    }

    /// What the nodes say of themselves, with what each has open.
    fn self_reports(open: [&str; 3]) -> SelfReports {
        let says = ['a', 'b', 'c'].into_iter().zip(open).map(|(node, open)| {
            let text = nodes_text(node, |about, line| {
                if about == node {
                    format!("{line}{open}")
                } else {
                    line
                }
            });
            (id(node), parse::myself(&text, "test").expect("a node"))
        });
        says.collect()
    }

    /// Nobody believes anything of others.
    fn guard<'a>(self_reports: &'a SelfReports, shards: &'a Shards) -> Guard<'a> {
        static NONE: Views = Views::new();
        Guard {
            self_reports,
            views: &NONE,
            shards,
        }
    }

    #[test]
    fn of_two_runs_at_once_one_sees_the_other_before_a_key_moves() {
        let importing = format!(" [0-<-{}]", id('a'));
        let ours = self_reports(["", &importing, ""]);
        let shards = Shards::default();
        let may_open = |self_reports: &SelfReports, task: Move| {
            let shards = &shards;
            guard(self_reports, shards).may_open(&task.into())
        };
        assert_eq!(may_open(&ours, task()), Verdict::Ours);
        // Both have said IMPORTING, each on its own target: neither opens the source.
        let both = self_reports(["", &importing, &importing]);
        let other = Move {
            target: id('c'),
            ..task()
        };
        for task in [task(), other] {
            let verdict = may_open(&both, task);
            assert!(
                matches!(verdict, Verdict::Taken(_, _, Some(_))),
                "{verdict:?}"
            );
        }
        // The other was first, and has opened the source already.
        let migrating = format!(" [0->-{}]", id('c'));
        let late = self_reports([&migrating, &importing, &importing]);
        assert!(matches!(may_open(&late, task()), Verdict::Taken(..)));
    }

    /// A unit is let through where all of its slots are, and stopped by the one that stands worst.
    #[test]
    fn of_a_units_slots_the_strictest_verdict_counts() {
        let shards: Shards = [(id('a'), id('c'))].into_iter().collect();
        let unit = testing::unit(&[0, 1, 2], 'a', 'b');
        let importing = |slot: u16| format!(" [{slot}-<-{}]", id('a'));
        let all: String = [0, 1, 2].map(importing).concat();
        let may_open = |open: [&str; 3]| guard(&self_reports(open), &shards).may_open(&unit);
        assert_eq!(may_open(["", &all, ""]), Verdict::Ours);
        // The last one has gone to a promoted replica of the source.
        let mut replaced = self_reports(["", &all, ""]);
        let last = Slot::new(2).expect("a slot");
        for (node, has_it) in [('a', false), ('c', true)] {
            let node = replaced.get_mut(&id(node)).expect("a node");
            node.slots = node.slots.iter().filter(|slot| *slot != last).collect();
            node.slots.extend(Some(last).filter(|_| has_it));
        }
        let verdict = guard(&replaced, &shards).may_open(&unit);
        assert!(matches!(verdict, Verdict::RolesChanged(_)), "{verdict:?}");
        // And somebody else has opened the one in the middle, and that one too.
        let late = importing(1) + &importing(2);
        let rejoined = Node {
            open: self_reports(["", "", &late])[&id('c')].open.clone(),
            ..replaced[&id('c')].clone()
        };
        replaced.insert(id('c'), rejoined);
        let verdict = guard(&replaced, &shards).may_open(&unit);
        let middle = Slot::new(1).expect("a slot");
        assert!(
            matches!(verdict, Verdict::Taken(slot, _, Some(at)) if (slot, at) == (middle, id('c'))),
            "{verdict:?}"
        );
        // As for its beginning and its end.
        let guard = guard(&replaced, &shards);
        for verdict in [guard.may_begin(&unit, Entry::Fresh), guard.may_own(&unit)] {
            assert!(matches!(verdict, Verdict::Taken(..)), "{verdict:?}");
        }
    }

    #[test]
    fn a_slot_that_a_promoted_replica_of_its_source_has_open_is_looked_at_again() {
        let migrating = format!(" [0->-{}]", id('b'));
        let importing = format!(" [0-<-{}]", id('a'));
        // The source is back, and doesn't know yet that `c` took over.
        let self_reports = self_reports([&migrating, &importing, &migrating]);
        let may_own = |shards: &Shards| {
            let self_reports = &self_reports;
            guard(self_reports, shards).may_own(&task().into())
        };
        let shards: Shards = [(id('a'), id('c'))].into_iter().collect();
        let verdict = may_own(&shards);
        assert!(matches!(verdict, Verdict::RolesChanged(_)), "{verdict:?}");
        let verdict = may_own(&Shards::default());
        assert!(matches!(verdict, Verdict::Taken(..)), "{verdict:?}");
    }

    #[test]
    fn a_slot_at_a_promoted_replica_of_its_source_is_nobody_elses() {
        let mut self_reports = self_reports(["", "", ""]);
        let slot = task().slot;
        let source = self_reports.get_mut(&id('a')).expect("the source");
        source.slots = source.slots.iter().filter(|other| *other != slot).collect();
        let promoted = self_reports.get_mut(&id('c')).expect("another");
        promoted.slots.extend([slot]);
        let may_begin = |shards: &Shards| {
            let self_reports = &self_reports;
            guard(self_reports, shards).may_begin(&task().into(), Entry::Fresh)
        };
        let shards: Shards = [(id('a'), id('c'))].into_iter().collect();
        let verdict = may_begin(&shards);
        assert!(matches!(verdict, Verdict::RolesChanged(_)), "{verdict:?}");
        let verdict = may_begin(&Shards::default());
        assert!(matches!(verdict, Verdict::Taken(..)), "{verdict:?}");
    }

    #[test]
    fn what_a_promoted_replica_of_the_target_has_open_is_ours() {
        let migrating = format!(" [0->-{}]", id('b'));
        let importing = format!(" [0-<-{}]", id('a'));
        let both = self_reports([&migrating, &importing, &importing]);
        let shards: Shards = [(id('b'), id('c'))].into_iter().collect();
        let none = Shards::default();
        let may_own = |shards, self_reports| guard(self_reports, shards).may_own(&task().into());
        assert_eq!(may_own(&shards, &both), Verdict::Ours);
        assert!(matches!(may_own(&none, &both), Verdict::Taken(..)));
        // The source has turned to the promoted replica.
        let to_promoted = format!(" [0->-{}]", id('c'));
        let turned = self_reports([&to_promoted, &importing, &importing]);
        assert!(matches!(
            may_own(&shards, &turned),
            Verdict::RolesChanged(_)
        ));
        assert!(matches!(may_own(&none, &turned), Verdict::Taken(..)));
    }

    /// What `may_own` makes of a slot that is open as it should be, with what its target believes.
    fn believed(change: impl Fn(char, String) -> String, shards: &Shards) -> Verdict {
        let migrating = format!(" [0->-{}]", id('b'));
        let importing = format!(" [0-<-{}]", id('a'));
        let self_reports = self_reports([&migrating, &importing, ""]);
        let text = nodes_text('b', |node, line| match node {
            'b' => line + &importing,
            _ => change(node, line),
        });
        let view = parse::cluster_nodes(&text, "test").expect("a view");
        let guard = Guard {
            self_reports: &self_reports,
            views: &Views::from([(id('b'), view)]),
            shards,
        };
        guard.may_own(&task().into())
    }

    #[test]
    fn a_source_is_believed_as_long_as_its_target_agrees() {
        let none = Shards::default();
        let is_unclear = |verdict: Verdict| matches!(verdict, Verdict::RolesChanged(_));
        assert_eq!(believed(|_, line| line, &none), Verdict::Ours);
        let failed = |node, line: String| match node {
            'a' => line.replace("master", "master,fail"),
            _ => line,
        };
        assert!(is_unclear(believed(failed, &none)));
        let replica = |node, line: String| match node {
            'a' => line
                .replace("master -", &format!("slave {}", id('c')))
                .replace(" 0-5460", ""),
            'c' => line + " 0-5460",
            _ => line,
        };
        assert!(is_unclear(believed(replica, &none)));
        // Two of three are gone in the target's eyes: it may be what is gone.
        let alone = |_, line: String| line.replace("master", "master,fail?");
        assert!(is_unclear(believed(alone, &none)));
        let one_gone = |node, line: String| match node {
            'c' => line.replace("master", "master,fail?"),
            _ => line,
        };
        assert_eq!(believed(one_gone, &none), Verdict::Ours);
    }

    /// Half of the voters are no majority: the other half may have voted without it.
    #[test]
    fn a_target_that_hears_half_of_the_voters_is_alone() {
        let of_two = |node, line: String| match node {
            'c' => line.replace(" 10923-16383", ""),
            'a' => line.replace("master", "master,fail?"),
            _ => line,
        };
        let verdict = believed(of_two, &Shards::default());
        assert!(matches!(verdict, Verdict::RolesChanged(_)), "{verdict:?}");
        let without_slots = |node, line: String| match node {
            'c' => line
                .replace(" 10923-16383", "")
                .replace("master", "master,fail?"),
            _ => line,
        };
        // One without slots has no vote.
        assert_eq!(believed(without_slots, &Shards::default()), Verdict::Ours);
    }

    #[test]
    fn a_source_whose_slots_have_gone_to_its_promoted_replica_by_a_later_vote_is_not_believed() {
        let shards: Shards = [(id('a'), id('c'))].into_iter().collect();
        let voted = |epoch: &'static str| {
            move |node, line: String| match node {
                'a' => line.replace(" 0-5460", " 0"),
                'c' => line.replace(" 3 connected", &format!(" {epoch} connected")) + " 1-5460",
                _ => line,
            }
        };
        let verdict = believed(voted("3"), &shards);
        assert!(matches!(verdict, Verdict::RolesChanged(_)), "{verdict:?}");
        // A vote makes the epoch later: with the same one nobody has voted.
        assert_eq!(believed(voted("1"), &shards), Verdict::Ours);
        // It has won them back since, and the target doesn't know yet.
        assert_eq!(believed(voted("0"), &shards), Verdict::Ours);
        assert_eq!(believed(voted("3"), &Shards::default()), Verdict::Ours);
    }
}

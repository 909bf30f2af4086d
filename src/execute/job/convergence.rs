//! Waits, after the last move, until every node sees it.

use super::finishing::Reminding;
use super::notice::Notice;
use super::orphaned_cleanup::OrphanedCleanup;
use super::reassigning::Reassigning;
use super::steps::{Answer, JobContext, JobStep, Subtask};
use crate::cluster::{ClusterView, Node, NodeId, agreement};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::views::{Views, primaries, primary};
use crate::execute::{Move, bystanders, promoted};
use crate::numbers::counted_text;
use crate::slot::Slot;
use std::collections::{BTreeMap, BTreeSet};

/// How long after the last move the nodes may take to agree: gossip needs some seconds.
const AGREE_MS: u64 = 60_000;
const POLL_MS: u64 = 200;
/// How often promoted replicas, and replicas that don't follow, are seen to meanwhile.
const REMIND_EVERY_MS: u64 = 2_000;
/// How long nobody has to own a slot before that is said: gossip doesn't settle it. The nodes are
/// asked one after the other: what looks like it at one moment may be a hand-over.
const DENIED_MS: u64 = 10_000;

/// Waits until every node, replicas too, sees the moved slots at their targets and nothing open.
///
/// ```text
///  Clear ──> Check ──> none: over
///              ▲ ├─> nobody owns one for long: stopped
///              │ └─> Wait ──> now and then: Reassign ──> Clear ──> Remind ──┤
///              └───────┴─────────────────────────────────────────────────────┘
/// ```
///
/// A target that had said that it owns a slot was once seen to take its source for the owner a
/// moment later, which took the target for it. Gossip never settles that, and a server that hears of
/// another owner deletes the keys that it has: so nobody is told anything, and the run stops.
#[derive(Clone, Debug, Hash)]
pub(super) struct Convergence {
    arrived: Vec<Move>,
    state: State,
    begun_ms: u64,
    reminded_ms: u64,
    /// Since when nobody has owned a slot.
    denied: BTreeMap<Slot, u64>,
    /// Dead nodes without a part, which aren't waited for.
    passed: BTreeSet<NodeId>,
}

#[derive(Clone, Debug, Hash)]
enum State {
    Clear(OrphanedCleanup, Then),
    Reassign(Reassigning),
    Remind(Reminding),
    Check,
    Wait { until_ms: u64 },
    Over,
}

/// What comes when all is cleared up.
#[derive(Clone, Copy, Debug, Hash)]
enum Then {
    Check,
    Remind,
}

impl Convergence {
    /// Of moves that have arrived just now.
    pub fn of(arrived: Vec<Move>, now_ms: u64) -> Convergence {
        Convergence {
            state: State::Clear(OrphanedCleanup::of(arrived.clone()), Then::Check),
            arrived,
            begun_ms: now_ms,
            reminded_ms: now_ms,
            denied: BTreeMap::new(),
            passed: BTreeSet::new(),
        }
    }

    /// How many dead nodes weren't waited for.
    pub fn passed_over(&self) -> u64 {
        self.passed.len() as u64
    }

    /// Goes over to what is next, where something is over.
    pub fn wake(&mut self, now_ms: u64) {
        loop {
            self.state = match &self.state {
                State::Clear(clearing, Then::Check) if clearing.next().is_none() => State::Check,
                State::Clear(clearing, Then::Remind) if clearing.next().is_none() => {
                    State::Remind(Reminding::of(self.arrived.clone()))
                }
                State::Reassign(reassigning) if reassigning.next().is_none() => {
                    State::Clear(OrphanedCleanup::of(self.arrived.clone()), Then::Remind)
                }
                State::Remind(reminding) if reminding.next().is_none() => {
                    self.reminded_ms = now_ms;
                    State::Check
                }
                State::Wait { until_ms } if now_ms >= *until_ms => {
                    if now_ms.saturating_sub(self.reminded_ms) > REMIND_EVERY_MS {
                        State::Reassign(Reassigning::of(self.arrived.clone()))
                    } else {
                        State::Check
                    }
                }
                _ => return,
            };
        }
    }

    pub fn next(&self) -> Option<JobStep> {
        match &self.state {
            State::Clear(clearing, _) => clearing.next(),
            State::Reassign(reassigning) => reassigning.next(),
            State::Remind(reminding) => reminding.next(),
            State::Check => Some(JobStep::AskViews),
            State::Wait { .. } => Some(JobStep::Wait { ms: POLL_MS }),
            State::Over => None,
        }
    }

    pub fn hear(&mut self, context: &mut JobContext, answer: Answer, now_ms: u64) -> Result<()> {
        match (&mut self.state, answer) {
            (State::Clear(clearing, _), answer) => clearing.hear(context, answer),
            (State::Reassign(reassigning), answer) => reassigning.hear(context, answer),
            (State::Remind(reminding), answer) => reminding.hear(context, answer),
            (State::Check, Answer::Views(views, mut silent)) => {
                let owns = |id: &NodeId| {
                    let mut told = views.values().filter_map(|view| view.node(*id));
                    told.any(|node| !node.slots.is_empty())
                };
                let passed = bystanders::passed_over(&views, &context.shards, &self.arrived);
                silent.retain(|id| !passed.contains(id));
                self.passed = passed.into_iter().filter(owns).collect();
                self.state = match reason_to_wait(context, &views, &silent, &self.arrived) {
                    None => {
                        self.tell_passed_over(context);
                        State::Over
                    }
                    Some(_) if let Some(task) = self.long_denied(&views, &silent, now_ms) => {
                        return Err(denied(context, task));
                    }
                    Some(reason) if now_ms.saturating_sub(self.begun_ms) > AGREE_MS => {
                        return Err(given_up(&reason));
                    }
                    Some(_) => State::Wait {
                        until_ms: now_ms.saturating_add(POLL_MS),
                    },
                };
                Ok(())
            }
            (_, other) => other.odd(),
        }
    }
}

impl Convergence {
    /// A slot that has arrived and that nobody has owned for so long, while everybody was asked.
    fn long_denied(&mut self, views: &Views, silent: &[NodeId], now_ms: u64) -> Option<Move> {
        let denied = self.arrived.iter().filter(|_| silent.is_empty());
        let denied: Vec<Move> = denied
            .filter(|task| is_denied(views, **task))
            .copied()
            .collect();
        let since = |task: &Move| self.denied.get(&task.slot).copied().unwrap_or(now_ms);
        self.denied = denied.iter().map(|task| (task.slot, since(task))).collect();
        let is_long = |task: &Move| now_ms.saturating_sub(self.denied[&task.slot]) >= DENIED_MS;
        denied.into_iter().find(is_long)
    }

    fn tell_passed_over(&self, context: &mut JobContext) {
        for id in &self.passed {
            let node = context.name(*id);
            context.tell(Notice::PassedOver { node });
        }
    }
}

/// Whether no primary says that a slot is its own or has it open, and source and target, both
/// primaries, each take the other one for its owner, or know none, as all others do.
fn is_denied(views: &Views, task: Move) -> bool {
    let denies =
        |node: &Node| !node.slots.contains(task.slot) && node.open_slot(task.slot).is_none();
    // The target of nearly every slot says that it has it: no other view is looked into then.
    let sides = [task.target, task.source];
    let are_denying = sides
        .iter()
        .all(|side| primary(views, *side).is_some_and(denies));
    let names_a_side = |view: &ClusterView| {
        let owner = view.map().owner(task.slot);
        owner.is_none_or(|owner| sides.contains(&owner))
    };
    are_denying && primaries(views).all(denies) && views.values().all(names_a_side)
}

fn denied(context: &JobContext, task: Move) -> Error {
    let [source, target] = [task.source, task.target].map(|id| context.name(id));
    let message = format!(
        "slot {}: {target} took it and denies it now, as {source} does, so that clients are sent to \
         and fro",
        task.slot
    );
    let fix = format!(
        "{target} may have deleted its keys when it lost the slot: keep the dumps and append-only \
         files that there are, and see what slotkit check says of the slot"
    );
    Error::new(ErrorKind::Stopped, message).fix(fix)
}

fn given_up(reason: &str) -> Error {
    let message = format!("{reason}, {} s after the last move", AGREE_MS / 1_000);
    Error::new(ErrorKind::Stopped, message)
        .fix("look at CLUSTER NODES there; no key is lost by waiting")
}

/// Why the nodes don't agree yet that these moves have ended; none where they do. The silent ones
/// are those that aren't passed over.
pub(super) fn reason_to_wait(
    context: &JobContext,
    views: &Views,
    silent: &[NodeId],
    moves: &[Move],
) -> Option<String> {
    if let Some(id) = silent.first() {
        return Some(format!("{} can't be asked", context.name(*id)));
    }
    // A source without slots follows the target, and may have taken over from it since.
    let promoted = |task: &Move| promoted::in_place_of(views, &context.shards, task.target);
    for (id, view) in views {
        let name = context.name(*id);
        let is_there = |task: &&Move| {
            let owner = view.map().owner(task.slot);
            owner.is_some_and(|owner| {
                context.has_arrived(task, owner) || promoted(task) == Some(owner)
            })
        };
        if let Some(task) = moves.iter().find(|task| !is_there(task)) {
            let slot = task.slot;
            return Some(format!("{name} doesn't see slot {slot} at its target"));
        }
        let mut open = view.open_slots().map(|(_, open)| open.slot());
        if let Some(slot) = open.find(|slot| moves.iter().any(|task| task.slot == *slot)) {
            return Some(format!("{name} has slot {slot} open"));
        }
    }
    disagreement(context, views)
}

fn disagreement(context: &JobContext, views: &Views) -> Option<String> {
    let views: Vec<_> = views.iter().map(|(id, view)| (*id, view)).collect();
    let found = agreement::disagreements(&views).into_iter();
    let mut counts = found.map(|found| {
        let slots = found.slots.iter();
        let slots = slots.filter(|slot| !context.blocked.contains(*slot));
        (found.observers, slots.count())
    });
    let (observers, slots) = counts.find(|(_, slots)| *slots > 0)?;
    let [one, other] = observers.map(|id| context.name(id));
    let slots = counted_text(slots as u64, "slot");
    Some(format!("{one} and {other} disagree on {slots}"))
}

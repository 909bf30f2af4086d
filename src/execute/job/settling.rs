//! After the last move: every node must see it.

use super::clearing::Clearing;
use super::machine::{Answer, Chore, Known, Step};
use super::reassigning::Reassigning;
use super::reminding::Reminding;
use super::told::Told;
use crate::cluster::{NodeId, agreement};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::views::Views;
use crate::execute::{Move, bystanders, promoted};
use crate::numbers::counted_text;
use std::collections::BTreeSet;

/// How long after the last move the nodes may take to agree: gossip needs some seconds.
const AGREE_MS: u64 = 60_000;
const POLL_MS: u64 = 200;
/// How often promoted replicas, and replicas that don't follow, are seen to meanwhile.
const REMIND_EVERY_MS: u64 = 2_000;

/// Waits until every node, replicas too, sees the moved slots at their targets and nothing open.
///
/// ```text
///  Clear ──> Doubt ──> none: over
///              ▲ │
///              │ └─> Wait ──> now and then: Give ──> Clear ──> Remind ──┐
///              └───────┴─────────────────────────────────────────────────┘
/// ```
#[derive(Clone, Debug, Hash)]
pub(super) struct Settling {
    arrived: Vec<Move>,
    state: State,
    begun_ms: u64,
    reminded_ms: u64,
    /// Dead nodes without a part, which aren't waited for.
    passed: BTreeSet<NodeId>,
}

#[derive(Clone, Debug, Hash)]
enum State {
    Clear(Clearing, Then),
    Reassign(Reassigning),
    Remind(Reminding),
    Doubt,
    Wait { until_ms: u64 },
    Over,
}

/// What comes when all is cleared up.
#[derive(Clone, Copy, Debug, Hash)]
enum Then {
    Doubt,
    Remind,
}

impl Settling {
    /// Of moves that have arrived just now.
    pub fn of(arrived: Vec<Move>, now_ms: u64) -> Settling {
        Settling {
            state: State::Clear(Clearing::of(arrived.clone()), Then::Doubt),
            arrived,
            begun_ms: now_ms,
            reminded_ms: now_ms,
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
                State::Clear(clearing, Then::Doubt) if clearing.next().is_none() => State::Doubt,
                State::Clear(clearing, Then::Remind) if clearing.next().is_none() => {
                    State::Remind(Reminding::of(self.arrived.clone()))
                }
                State::Reassign(reassigning) if reassigning.next().is_none() => {
                    State::Clear(Clearing::of(self.arrived.clone()), Then::Remind)
                }
                State::Remind(reminding) if reminding.next().is_none() => {
                    self.reminded_ms = now_ms;
                    State::Doubt
                }
                State::Wait { until_ms } if now_ms >= *until_ms => {
                    match now_ms.saturating_sub(self.reminded_ms) > REMIND_EVERY_MS {
                        true => State::Reassign(Reassigning::of(self.arrived.clone())),
                        false => State::Doubt,
                    }
                }
                _ => return,
            };
        }
    }

    pub fn next(&self) -> Option<Step> {
        match &self.state {
            State::Clear(clearing, _) => clearing.next(),
            State::Reassign(reassigning) => reassigning.next(),
            State::Remind(reminding) => reminding.next(),
            State::Doubt => Some(Step::Look),
            State::Wait { .. } => Some(Step::Wait { ms: POLL_MS }),
            State::Over => None,
        }
    }

    pub fn hear(&mut self, known: &mut Known, answer: Answer, now_ms: u64) -> Result<()> {
        match (&mut self.state, answer) {
            (State::Clear(clearing, _), answer) => clearing.hear(known, answer),
            (State::Reassign(reassigning), answer) => reassigning.hear(known, answer),
            (State::Remind(reminding), answer) => reminding.hear(known, answer),
            (State::Doubt, Answer::Looked(views, mut silent)) => {
                let owns = |id: &NodeId| {
                    let mut told = views.values().filter_map(|view| view.node(*id));
                    told.any(|node| !node.slots.is_empty())
                };
                let passed = bystanders::passed_over(&views, &known.shards, &self.arrived);
                silent.retain(|id| !passed.contains(id));
                self.passed = passed.into_iter().filter(owns).collect();
                self.state = match doubt(known, &views, &silent, &self.arrived) {
                    None => {
                        self.tell_passed_over(known);
                        State::Over
                    }
                    Some(doubt) if now_ms.saturating_sub(self.begun_ms) > AGREE_MS => {
                        return Err(last_doubt(&doubt));
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

impl Settling {
    fn tell_passed_over(&self, known: &mut Known) {
        for id in &self.passed {
            let node = known.name(*id);
            known.tell(Told::PassedOver { node });
        }
    }
}

fn last_doubt(doubt: &str) -> Error {
    let message = format!("{doubt}, {} s after the last move", AGREE_MS / 1_000);
    Error::new(ErrorKind::Stopped, message)
        .mend("look at CLUSTER NODES there; no key is lost by waiting")
}

/// Why the nodes don't agree yet that these moves have ended; none where they do. The silent ones
/// are those that aren't passed over.
pub(super) fn doubt(
    known: &Known,
    views: &Views,
    silent: &[NodeId],
    moves: &[Move],
) -> Option<String> {
    if let Some(id) = silent.first() {
        return Some(format!("{} can't be asked", known.name(*id)));
    }
    // A source without slots follows the target, and may have taken over from it since.
    let promoted = |task: &Move| promoted::in_place_of(views, &known.shards, task.target);
    for (id, view) in views {
        let name = known.name(*id);
        let is_there = |task: &&Move| {
            let owner = view.map().owner(task.slot);
            owner.is_some_and(|owner| {
                known.has_arrived(task, owner) || promoted(task) == Some(owner)
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
    disagreement(known, views)
}

fn disagreement(known: &Known, views: &Views) -> Option<String> {
    let views: Vec<_> = views.iter().map(|(id, view)| (*id, view)).collect();
    let found = agreement::disagreements(&views).into_iter();
    let mut counts = found.map(|found| {
        let slots = found.slots.iter();
        let slots = slots.filter(|slot| !known.apart.contains(*slot));
        (found.observers, slots.count())
    });
    let (observers, slots) = counts.find(|(_, slots)| *slots > 0)?;
    let [one, other] = observers.map(|id| known.name(id));
    let slots = counted_text(slots as u64, "slot");
    Some(format!("{one} and {other} disagree on {slots}"))
}

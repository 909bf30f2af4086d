//! Defines the states of a flight: what a slot in hand waits for, and what may come after what.
//!
//! ```text
//!             record on disk             its machine asks
//!  Recording ────────────────> Ready ─────────────────────> Asks ──> Asked ──┐
//!                               ▲ ▲                         │ cut            │ answered
//!                     looked at │ └─────────────────────────┴────────────────┤
//!                               │                                            │
//!  Claims, Confirms <───────────┤         role changed, link lost            │
//!   (or a moment: Until)        │ ┌──────────────────────────────────────────┘
//!                               │ ▼
//!                            Unclear ──> Proves (a route to a promoted replica) ──> Recording
//!
//!  a node is gone when a slot's turn comes: Unclear, and not begun
//!  its last keys are gone from the target: Vouches, until another slot's are found there
//!  the end of a machine: Arrived; a surprise, or unclear for too long: Stranded, or Closed where
//!  nothing of it had moved
//! ```
//!
//! [`may_turn`] is that drawing as a table. A slot that would leave it has lost its way: it is
//! stranded with words, and never goes on as if nothing was.

use super::super::mover::Entry;
use crate::cluster::verb::Verb;
use crate::cluster::{NodeAddr, NodeId};
use crate::error::{Error, ErrorKind};

/// What a slot in hand waits for.
#[derive(Clone, Debug, Hash)]
pub(super) enum FlightState {
    /// Its record being on disk.
    Recording,
    /// Its machine being asked.
    Ready,
    /// A place in a write to this node.
    Asks { node: NodeId, verbs: Vec<Verb> },
    /// The answer.
    Asked,
    /// A probe of who has its slot open, before its source opens it.
    Claims,
    /// A probe of who has its slot open, before its target owns it.
    Confirms,
    /// This moment.
    Until(u64),
    /// Another slot that shows that its target keeps what it takes, until this moment.
    Vouches { until_ms: u64 },
    /// A probe of where it stands, since a node may have failed over.
    Unclear(Recheck),
    /// The target's own word that it listens where its new source reaches it.
    Proves {
        recheck: Recheck,
        entry: Entry,
        addr: NodeAddr,
    },
    /// Nothing: it has arrived.
    Arrived,
    /// Nothing: it stopped where it is.
    Stranded,
    /// Nothing: it stopped, and is as it was before.
    Closed,
}

/// Why and since when a slot is unclear.
#[derive(Clone, Debug, Hash)]
pub(super) struct Recheck {
    pub why: Error,
    /// When the nodes are probed, by the run's clock.
    pub due_ms: u64,
    /// When to give up.
    pub until_ms: u64,
}

/// A state without what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum StateKind {
    Recording,
    Ready,
    Asks,
    Asked,
    Claims,
    Confirms,
    Until,
    Vouches,
    Unclear,
    Proves,
    Arrived,
    Stranded,
    Closed,
}

impl FlightState {
    pub fn kind(&self) -> StateKind {
        match self {
            FlightState::Recording => StateKind::Recording,
            FlightState::Ready => StateKind::Ready,
            FlightState::Asks { .. } => StateKind::Asks,
            FlightState::Asked => StateKind::Asked,
            FlightState::Claims => StateKind::Claims,
            FlightState::Confirms => StateKind::Confirms,
            FlightState::Until(_) => StateKind::Until,
            FlightState::Vouches { .. } => StateKind::Vouches,
            FlightState::Unclear(_) => StateKind::Unclear,
            FlightState::Proves { .. } => StateKind::Proves,
            FlightState::Arrived => StateKind::Arrived,
            FlightState::Stranded => StateKind::Stranded,
            FlightState::Closed => StateKind::Closed,
        }
    }
}

/// Whether a slot that waits for one thing may wait for another next.
pub(super) fn may_turn(from: StateKind, to: StateKind) -> bool {
    use StateKind::*;
    match from {
        // On disk or not.
        Recording => matches!(to, Ready | Stranded),
        // What its machine wants; or its last answer came late, or what confirmed it is old.
        Ready => matches!(
            to,
            Asks | Claims | Confirms | Until | Vouches | Arrived | Unclear | Ready | Stranded
        ),
        // The moment has come: nothing waits in between but what is asked, and the target's epoch.
        Until => matches!(to, Asks | Confirms),
        // It goes out; or is cut, or asked anew; or its source can't be asked; or nothing goes any
        // more, and where nothing has, it is as it was.
        Asks => matches!(to, Asked | Ready | Unclear | Stranded | Closed),
        Asked => matches!(to, Ready | Unclear | Stranded | Closed),
        // By a probe.
        Claims => matches!(to, Ready | Unclear),
        Confirms => matches!(to, Ready | Unclear | Stranded),
        Vouches => matches!(to, Ready | Stranded),
        Unclear => matches!(
            to,
            Unclear | Proves | Ready | Recording | Arrived | Stranded
        ),
        Proves => matches!(to, Ready | Recording | Unclear | Stranded),
        // It is out of hand.
        Arrived | Stranded | Closed => false,
    }
}

/// A state that changes along the table alone.
#[derive(Clone, Debug, Hash)]
pub(super) struct CheckedState {
    state: FlightState,
    /// What it was to turn to against the table.
    fault: Option<Error>,
}

impl CheckedState {
    pub fn of(state: FlightState) -> CheckedState {
        CheckedState { state, fault: None }
    }

    pub fn state(&self) -> &FlightState {
        &self.state
    }

    /// It waits for something else from here on.
    pub fn turn(&mut self, to: FlightState) {
        let is_legal = self.turn_or_strand(to);
        debug_assert!(is_legal, "{:?}", self.fault);
    }

    /// What it wants to ask goes out, and it waits for the answer; nothing where it asks nothing.
    pub fn send(&mut self) -> Vec<Verb> {
        match std::mem::replace(&mut self.state, FlightState::Asked) {
            FlightState::Asks { verbs, .. } => verbs,
            other => {
                self.state = other;
                Vec::new()
            }
        }
    }

    /// Whether it may; where it may not, it stays where it is from here on.
    fn turn_or_strand(&mut self, to: FlightState) -> bool {
        let (from, next) = (self.state.kind(), to.kind());
        let is_legal = may_turn(from, next);
        self.state = if is_legal {
            to
        } else {
            let message = format!("a slot that is {from:?} was to turn to {next:?}");
            self.fault = Some(Error::new(ErrorKind::Stopped, message).fix(REPORT));
            FlightState::Stranded
        };
        is_legal
    }

    /// What it was to turn to against the table, for whoever takes it out of hand.
    pub fn take_fault(&mut self) -> Option<Error> {
        self.fault.take()
    }
}

const REPORT: &str =
    "please report this; the slot is as it was left, and slotkit resume looks anew";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::{addr, id};

    fn recheck() -> Recheck {
        Recheck {
            why: Error::new(ErrorKind::Stopped, "a node is gone"),
            due_ms: 1,
            until_ms: 2,
        }
    }

    fn all() -> Vec<FlightState> {
        vec![
            FlightState::Recording,
            FlightState::Ready,
            FlightState::Asks {
                node: id('a'),
                verbs: vec![Verb::MyId],
            },
            FlightState::Asked,
            FlightState::Claims,
            FlightState::Confirms,
            FlightState::Until(1),
            FlightState::Vouches { until_ms: 1 },
            FlightState::Unclear(recheck()),
            FlightState::Proves {
                recheck: recheck(),
                entry: Entry::Fresh,
                addr: addr('b'),
            },
            FlightState::Arrived,
            FlightState::Stranded,
            FlightState::Closed,
        ]
    }

    /// The table once more, as it is drawn: what may come after what.
    const DRAWN: [(StateKind, &[StateKind]); 13] = {
        use StateKind::*;
        [
            (Recording, &[Ready, Stranded]),
            (
                Ready,
                &[
                    Ready, Asks, Claims, Confirms, Until, Vouches, Unclear, Arrived, Stranded,
                ],
            ),
            (Asks, &[Ready, Asked, Unclear, Stranded, Closed]),
            (Asked, &[Ready, Unclear, Stranded, Closed]),
            (Claims, &[Ready, Unclear]),
            (Confirms, &[Ready, Unclear, Stranded]),
            (Until, &[Asks, Confirms]),
            (Vouches, &[Ready, Stranded]),
            (
                Unclear,
                &[Recording, Ready, Unclear, Proves, Arrived, Stranded],
            ),
            (Proves, &[Recording, Ready, Unclear, Stranded]),
            (Arrived, &[]),
            (Stranded, &[]),
            (Closed, &[]),
        ]
    };

    #[test]
    fn a_slot_keeps_to_the_table_or_is_stranded() {
        for from in all() {
            let (_, drawn) = DRAWN[from.kind() as usize];
            assert_eq!(DRAWN[from.kind() as usize].0, from.kind());
            for to in all() {
                let (kind, next) = (from.kind(), to.kind());
                let mut state = CheckedState::of(from.clone());
                let is_legal = state.turn_or_strand(to);
                assert_eq!(is_legal, drawn.contains(&next), "{kind:?} to {next:?}");
                let expected = if is_legal { next } else { StateKind::Stranded };
                assert_eq!(state.state().kind(), expected);
                let fault = state.take_fault();
                assert_eq!(fault.is_none(), is_legal, "{kind:?} to {next:?}");
            }
        }
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a slot that is Arrived was to turn to Ready")]
    fn where_code_is_tried_it_is_told_at_once() {
        CheckedState::of(FlightState::Arrived).turn(FlightState::Ready);
    }

    #[test]
    fn only_what_is_asked_goes_out() {
        for state in all() {
            let mut checked = CheckedState::of(state.clone());
            let sent = checked.send();
            match state {
                FlightState::Asks { verbs, .. } => {
                    let told = (sent.len(), checked.state().kind());
                    assert_eq!(told, (verbs.len(), StateKind::Asked));
                }
                other => assert_eq!((sent.len(), checked.state().kind()), (0, other.kind())),
            }
        }
    }
}

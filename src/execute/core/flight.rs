//! One slot in hand.
//!
//! ```text
//!             record on disk             its machine asks
//!  Recording ────────────────> Ready ─────────────────────> Asks ──> Asked ──┐
//!                               ▲ ▲                                    │     │ answered
//!                     looked at │ └────────────────────────────────────┼─────┘
//!                               │                                      │
//!  Claims, Confirms <──────────┤        role changed, link lost       │
//!                               │ ┌────────────────────────────────────┘
//!                               │ ▼
//!                            Unclear ──> Proves (a route to an heir) ──> Recording
//!
//!  a node is gone when a slot's turn comes: Unclear, and not begun
//!  the end of a machine: Arrived; a surprise, or unclear for too long: Stranded
//! ```

use super::super::Move;
use super::super::slot_move::{Action, Entry, SlotMove};
use super::Note;
use super::schedule::Ticket;
use crate::cluster::verb::Verb;
use crate::cluster::{NodeAddr, NodeId};
use crate::error::{Error, ErrorKind};

/// What a slot in hand waits for.
#[derive(Clone, Debug)]
pub(super) enum Wish {
    /// Its record being on disk.
    Recording,
    /// Its machine being asked.
    Ready,
    /// A place in a write to this node.
    Asks { node: NodeId, verbs: Vec<Verb> },
    /// The answer.
    Asked,
    /// A look at who has its slot open, before its source opens it.
    Claims,
    /// A look at who has its slot open, before its target owns it.
    Confirms,
    /// This moment.
    Until(u64),
    /// A look at where it stands, since a node may have failed over.
    Unclear(Doubt),
    /// The target's own word that it listens where its new source reaches it.
    Proves {
        doubt: Doubt,
        entry: Entry,
        addr: NodeAddr,
    },
    /// Nothing: it has arrived.
    Arrived,
    /// Nothing: it stopped where it is.
    Stranded,
}

/// Why and since when a slot is unclear.
#[derive(Clone, Debug)]
pub(super) struct Doubt {
    pub why: Error,
    /// When to look.
    pub due_ms: u64,
    /// When to give up.
    pub until_ms: u64,
}

/// One slot in hand.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    pub ticket: Ticket,
    pub machine: SlotMove,
    pub wish: Wish,
    /// Keys and bytes that earlier machines of this slot have moved.
    pub before: (u64, u64),
    /// How often it was unclear since keys of it have moved.
    pub doubts: u32,
    /// What had moved of it when it was unclear last.
    pub moved_at_doubt: (u64, u64),
    /// When those were asked who have confirmed it.
    pub confirmed_ms: u64,
    /// How often it was confirmed too late.
    pub lates: u32,
    /// Whether the journal has keys of it that are unclear.
    pub has_unclear_noted: bool,
    /// The move that is on record: none of a slot whose turn comes while a node is gone, which is
    /// unclear before it has begun.
    pub recorded: Option<Move>,
}

impl Flight {
    /// A slot of which nothing is on record.
    pub fn new(ticket: Ticket, machine: SlotMove, wish: Wish) -> Flight {
        Flight {
            ticket,
            machine,
            wish,
            before: (0, 0),
            doubts: 0,
            moved_at_doubt: (0, 0),
            confirmed_ms: 0,
            lates: 0,
            has_unclear_noted: false,
            recorded: None,
        }
    }

    /// Asks the machine what it wants next, when that is due.
    pub fn make_wish(&mut self, now_ms: u64, keys: u32, wait_ms: u64) {
        let is_due = match &self.wish {
            Wish::Ready => true,
            Wish::Until(moment) => *moment <= now_ms,
            _ => false,
        };
        if !is_due {
            return;
        }
        self.machine
            .set_keys_per_migrate(keys.min(self.expected_keys()));
        self.wish = match self.machine.action() {
            Action::Ask { node, verbs } => Wish::Asks { node, verbs },
            Action::Claim => Wish::Claims,
            Action::Confirm => Wish::Confirms,
            Action::Pause { ms } => Wish::Until(now_ms.saturating_add(ms)),
            Action::Look => {
                let what = format!(
                    "slot {}: the source isn't a primary any more",
                    self.ticket.task.slot
                );
                Wish::Unclear(Doubt {
                    why: Error::new(ErrorKind::Stopped, what),
                    due_ms: now_ms,
                    until_ms: now_ms.saturating_add(wait_ms),
                })
            }
            Action::Done => Wish::Arrived,
        };
    }

    /// Whether anything was recorded or asked.
    pub fn is_begun(&self) -> bool {
        self.recorded.is_some()
    }

    /// It is unclear once more; how often that is since keys of it have moved.
    pub fn count_doubt(&mut self) -> u32 {
        let moved = self.moved();
        if moved != self.moved_at_doubt {
            (self.moved_at_doubt, self.doubts) = (moved, 0);
        }
        self.doubts += 1;
        self.doubts
    }

    /// How many keys are worth listing: at first about as many as were counted, since what is
    /// listed at once for many slots is bounded.
    fn expected_keys(&self) -> u32 {
        match self.ticket.keys {
            Some(keys) if self.moved().0 == 0 => {
                u32::try_from(keys.saturating_add(keys / 8 + 1)).unwrap_or(u32::MAX)
            }
            _ => u32::MAX,
        }
    }

    /// Takes the verbs that go out now.
    pub fn take_verbs(&mut self) -> Vec<Verb> {
        match std::mem::replace(&mut self.wish, Wish::Asked) {
            Wish::Asks { verbs, .. } => verbs,
            other => {
                self.wish = other;
                Vec::new()
            }
        }
    }

    /// Whether it wants to say `SETSLOT`.
    pub fn asks_to_set(&self) -> bool {
        let Wish::Asks { verbs, .. } = &self.wish else {
            return false;
        };
        verbs
            .iter()
            .any(|verb| matches!(verb, Verb::SetSlot { .. }))
    }

    /// Whether a look has confirmed it, and its target hasn't been told yet.
    pub fn is_confirmed(&self) -> bool {
        self.machine.is_confirmed(self.is_asked())
    }

    /// Whether a look has confirmed it, and what it wants to ask next hasn't gone out.
    pub fn is_confirmed_and_waits(&self) -> bool {
        !self.is_asked() && self.is_confirmed()
    }

    fn is_asked(&self) -> bool {
        matches!(self.wish, Wish::Asked)
    }

    /// What it was confirmed by may not be so any more: it asks to be confirmed anew.
    pub fn outdate(&mut self) {
        self.machine.outdate(self.is_asked());
        if matches!(self.wish, Wish::Asks { .. }) {
            self.wish = Wish::Ready;
        }
    }

    /// How many keys it wants to be told at most.
    pub fn lists(&self) -> u64 {
        let Wish::Asks { verbs, .. } = &self.wish else {
            return 0;
        };
        let lists = verbs.iter().map(|verb| match verb {
            Verb::KeysInSlot { limit, .. } => u64::from(*limit),
            _ => 0,
        });
        lists.sum()
    }

    /// What the next run has to know of it, if it goes on in another.
    pub fn unclear_note(&self) -> Option<Note> {
        let unclear = self.machine.unclear()?;
        let is_new = !self.has_unclear_noted;
        is_new.then(|| Note::Unclear(self.ticket.task.slot, unclear.clone()))
    }

    /// Keys and bytes so far.
    pub fn moved(&self) -> (u64, u64) {
        let keys = self.before.0.saturating_add(self.machine.keys_moved());
        let bytes = self.before.1.saturating_add(self.machine.bytes_moved());
        (keys, bytes)
    }
}

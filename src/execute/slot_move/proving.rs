//! Proves that the target keeps what it takes.
//!
//! `MIGRATE` deletes a key at the source as soon as whoever listens where the target should be says
//! OK to it: a proxy, a server behind another address, one that evicts what comes. So of each batch
//! one key is asked for on the target, over our own link to it, before the next is sent, and the
//! target counts the slot; where that one is gone, or it counts fewer keys than before and the
//! batch together, all the others are asked for. A key may be gone because a client has deleted it
//! or because it has expired in the moment between; most keys of a batch at once, or many of those
//! that live long, batch after batch, may not. Before the target is told that it owns the slot it
//! counts once more. Who judges all that over all slots of a pair is `core/trust.rs`.

use super::super::mover::Halt;
use super::state::Unclear;
use super::state::{Batch, State};
use super::{Finding, SlotMove};
use crate::cluster::verb::Reply;
use crate::error::{Error, ErrorKind};
use crate::escape::named_key;

/// How many keys that are gone are remembered by name.
const NAMED_MAX: usize = 128;
/// How many of them are said.
const SAID_MAX: usize = 10;

/// Keys with less than this to live may well be gone when they are asked for, milliseconds.
const SHORT_LIFE_MS: i64 = 10_000;

/// What is known of a database of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct There {
    pub db: u32,
    /// How many keys of the slot it counted last.
    keys: u64,
    /// Whether most keys that were asked for end their lives soon.
    is_short_lived: bool,
}

impl SlotMove {
    /// Keys that were sent are asked for before it goes on.
    pub(super) fn prove(
        &mut self,
        db: usize,
        mut keys: Vec<Vec<u8>>,
        are_new: bool,
        next: State,
    ) -> State {
        let Some(last) = keys.pop() else {
            return next;
        };
        State::Prove {
            db,
            asked: vec![last],
            rest: keys,
            are_new,
            next: Box::new(next),
        }
    }

    pub(super) fn proven(
        &mut self,
        db: usize,
        (asked, rest): (Vec<Vec<u8>>, Vec<Vec<u8>>),
        are_new: bool,
        next: State,
        replies: Vec<Reply>,
    ) -> Result<State, Halt> {
        // SELECT, a count, then ASKING PTTL for each key, then SELECT.
        let mut replies = replies.into_iter().skip(1);
        let counted = self.count_of(replies.next(), "counting on the target")?;
        let mut lives = replies.skip(1).step_by(2);
        let (mut missing, mut short, mut ended) = (Vec::new(), 0, 0);
        let number = self.databases[db];
        for key in &asked {
            match lives.next() {
                Some(Reply::Int(ms)) if ms >= -1 => {
                    self.has_moved = true;
                    short += u64::from((0..SHORT_LIFE_MS).contains(&ms));
                }
                // Whatever has become of it, it wouldn't be there any more.
                Some(Reply::Int(_)) if self.has_ended(number, key) => ended += 1,
                Some(Reply::Int(_)) => missing.push(key.clone()),
                other => return Err(self.refused("asking the target for a key", other)),
            }
        }
        let sent = (asked.len() + rest.len()) as u64;
        let before = self.there_in(number).map_or(0, |there| there.keys);
        let expected = if are_new { before + sent } else { before };
        if !rest.is_empty() && (!missing.is_empty() || counted < expected) {
            return Ok(State::Prove {
                db,
                asked: [asked, rest].concat(),
                rest: Vec::new(),
                are_new,
                next: Box::new(next),
            });
        }
        self.owed = None;
        let gone = missing.len() as u64;
        let found = asked.len() as u64 - gone - ended;
        let is_short_lived = (short + ended) * 2 > found + ended;
        // Of those that have ended nobody knows how many it has counted, nor whether what was there
        // before has ended too.
        let lasting = match ended {
            0 => expected,
            _ => found,
        };
        // One that counts fewer keys than it has just named has said what isn't so.
        let is_missed = gone * 2 > found + gone || counted < found || counted * 2 < lasting;
        self.note_gone(db, missing);
        self.note_there(There {
            db: number,
            keys: counted,
            is_short_lived,
        });
        // All of them have ended: that shows nothing, and a doubt stays as it was.
        let shows_nothing = !is_missed && found + gone == 0;
        self.is_doubtful = is_missed || (shows_nothing && self.is_doubtful);
        self.finding = match (is_missed, is_short_lived) {
            (true, _) => Some(Finding::Missed),
            _ if shows_nothing => None,
            (false, true) => Some(Finding::Kept { sent, gone: 0 }),
            (false, false) => Some(Finding::Kept { sent, gone }),
        };
        Ok(next)
    }

    /// The target was counted once more before it is told that it owns the slot: something may drop
    /// keys a while after it took them.
    pub(super) fn counted_target(
        &mut self,
        waits: u32,
        replies: Vec<Reply>,
    ) -> Result<State, Halt> {
        // SELECT and a count for each.
        let mut replies = replies.into_iter();
        let mut counts = Vec::new();
        for _ in &self.there {
            match replies.next() {
                Some(Reply::Text(_)) => {}
                other => return Err(self.refused("SELECT", other)),
            }
            counts.push(self.count_of(replies.next(), "counting on the target")?);
        }
        let lasting = |there: &&There| !there.is_short_lived;
        let before = self.there.iter().filter(lasting);
        let before = before.fold(0, |sum, there| sum + there.keys);
        for (there, keys) in self.there.iter_mut().zip(counts) {
            there.keys = keys;
        }
        let now = self.there.iter().filter(lasting);
        let now = now.fold(0, |sum, there| sum + there.keys);
        let has_fallen = now * 2 < before;
        self.finding = (before > 0).then_some(if has_fallen {
            Finding::Fell
        } else {
            Finding::Held
        });
        Ok(if has_fallen {
            State::Vouch
        } else {
            State::OwnTarget { waits }
        })
    }

    fn there_in(&self, db: u32) -> Option<&There> {
        self.there.iter().find(|there| there.db == db)
    }

    fn note_there(&mut self, now: There) {
        match self.there.iter_mut().find(|there| there.db == now.db) {
            Some(there) => *there = now,
            None => self.there.push(now),
        }
    }

    /// Remembers keys that are neither here nor there, as far as that is known.
    fn note_gone(&mut self, db: usize, keys: Vec<Vec<u8>>) {
        let db = self.databases[db];
        let is_full = remember(&mut self.gone, db, keys);
        // Too many to look at each once more: the slot stays open, whatever comes.
        self.has_moved |= is_full;
    }

    /// Remembers keys of a `MIGRATE` that was refused: some of them may have gone nevertheless.
    pub(super) fn note_tried(&mut self, batch: &Batch) {
        let db = self.databases[batch.db];
        let is_full = remember(&mut self.tried, db, batch.keys.clone());
        self.has_moved |= is_full;
    }

    /// Why it goes no further where nobody vouches for the target.
    pub(super) fn lost_at_target(&self) -> Error {
        let names = self.gone.iter().flat_map(|gone| &gone.keys);
        let count = names.clone().count();
        let mut said: Vec<String> = names.take(SAID_MAX).map(|key| named_key(key)).collect();
        if count > SAID_MAX {
            said.push(format!("{} more", count - SAID_MAX));
        }
        let what = match said.as_slice() {
            [] => "the target doesn't have what it took".to_owned(),
            [one] => format!("the target took key {one}, and doesn't have it"),
            many => format!(
                "the target took keys {}, and has none of them",
                many.join(", ")
            ),
        };
        let message = format!("slot {}: {what}", self.task.slot);
        let fix = format!(
            "find out whether clients have deleted them or they have expired, or else who listens \
             at {} as the source reaches it, and whether the target evicts keys",
            self.settings.route
        );
        Error::new(ErrorKind::Stopped, message).fix(fix)
    }
}

/// Adds keys of a database; whether they are too many.
fn remember(known: &mut Vec<Unclear>, db: u32, keys: Vec<Vec<u8>>) -> bool {
    let count: usize = known.iter().map(|unclear| unclear.keys.len()).sum();
    if count + keys.len() > NAMED_MAX {
        return true;
    }
    let place = known.iter().position(|unclear| unclear.db == db);
    let place = place.unwrap_or_else(|| {
        known.push(Unclear {
            db,
            keys: Vec::new(),
        });
        known.len() - 1
    });
    for key in keys {
        if !known[place].keys.contains(&key) {
            known[place].keys.push(key);
        }
    }
    false
}

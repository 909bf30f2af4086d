//! Compares keys that both nodes have, or may have, and decides what becomes of them.

use super::super::copies::{self, Comparison, Copy, Kind, Side, Walk};
use super::super::failures::Failures;
use super::super::mover::Halt;
use super::super::options::OnConflict;
use super::state::{Batch, Pairs, State};
use super::{Cause, SlotMove};
use crate::cluster::verb::{Refusal, Reply, ServerError};
use crate::execute::timeouts::least_waited_ms;

/// The keys that both nodes have or may have, by what is to become of them.
#[derive(Default)]
struct Judged {
    /// Moved, over the target's copy if there is one.
    goes: Vec<Vec<u8>>,
    /// Deleted at the source, which has another value than the target.
    given_up: Vec<Vec<u8>>,
    /// Whether the target has a copy of any that the source has.
    is_copied: bool,
}

impl SlotMove {
    /// The source's copies are gone, if they weren't before.
    pub(super) fn gave_up(&mut self, batch: Batch, replies: Vec<Reply>) -> Result<State, Halt> {
        let mut replies = replies.into_iter().skip(1);
        for reply in replies.by_ref().take(batch.keys.len()) {
            match reply {
                Reply::Int(_) => {}
                Reply::Refused(refusal) if refusal.error() == ServerError::Ask => {}
                other => return Err(self.refused("DEL on the source", Some(other))),
            }
        }
        let db = self.databases[batch.db];
        batch
            .keys
            .iter()
            .for_each(|key| self.doubts.settle(db, key));
        self.after(batch.db, replies.next())
    }

    /// What is in doubt and wasn't looked at, or else what is listed, where it was.
    pub(super) fn after(&mut self, db: usize, list: Option<Reply>) -> Result<State, Halt> {
        match (self.next_doubts()?, list) {
            (Some(next), _) => Ok(next),
            (None, None) => Ok(State::List { db }),
            (None, list) => self.next_batch(db, list),
        }
    }

    /// The keys in doubt that are looked at next.
    ///
    /// # Errors
    /// When all were looked at, and some need a person, who is told all their names.
    pub(super) fn next_doubts(&mut self) -> Result<Option<State>, Halt> {
        if self.doubts.wants_failures(self.task.source) {
            return Ok(Some(State::Failures));
        }
        let most = self.settings.how.keys_per_migrate.max(1) as usize;
        if let Some((db, keys)) = self.doubts.next(most) {
            let place = self.place_of(db);
            let batch = Batch::of(place, keys);
            return Ok(Some(State::WeighSource { batch }));
        }
        if !self.doubts.stops.is_empty() {
            self.has_moved = true;
            let stops = std::mem::take(&mut self.doubts.stops);
            return Err(self.conflict(&stops));
        }
        match self.doubts.wait_for_ends() {
            Some(wait) => {
                self.wait_for(wait);
                self.next_doubts()
            }
            None => Ok(None),
        }
    }

    /// The source said how many of its `MIGRATE`s have failed so far.
    pub(super) fn told_failures(&mut self, replies: Vec<Reply>) -> Result<State, Halt> {
        let about_roles = replies.iter().find(|reply| match reply {
            Reply::Refused(refusal) => refusal.error().is_about_state(),
            _ => false,
        });
        if let Some(reply) = about_roles {
            return Err(self.refused("INFO", Some(reply.clone())));
        }
        let now = Failures::of(&replies);
        let waited_ms = least_waited_ms(self.settings.timeout_ms);
        self.doubts
            .failures(self.task.source, now.as_ref(), waited_ms);
        self.pass()
    }

    /// What keys take on a node, or on another one where it is more there.
    pub(super) fn weights(&self, replies: &[Reply], others: &[u64]) -> Result<Vec<u64>, Halt> {
        let weighed = replies
            .iter()
            .enumerate()
            .map(|(place, reply)| match reply {
                Reply::Refused(refusal) if is_of_a_state(refusal) => {
                    Err(self.refused("MEMORY USAGE of a key on both sides", Some(reply.clone())))
                }
                _ => Ok(copies::weight(reply).max(others.get(place).copied().unwrap_or(0))),
            });
        weighed.collect()
    }

    /// Reads the answers to `DUMP` (`TYPE` of a big value) and `PTTL`, a pair a key.
    pub(super) fn copies(&self, replies: Vec<Reply>, weights: &[u64]) -> Result<Vec<Copy>, Halt> {
        let mut replies = replies.into_iter();
        let mut copies = Vec::with_capacity(replies.len() / 2);
        while let (Some(dump), Some(ttl)) = (replies.next(), replies.next()) {
            let weight = weights.get(copies.len()).copied().unwrap_or(0);
            let copy = Copy::of(dump, ttl, weight);
            copies
                .push(copy.map_err(|odd| self.refused("DUMP of a key on both sides", Some(odd)))?);
        }
        Ok(copies)
    }

    /// Both nodes have keys of the batch, as they say.
    pub(super) fn compared(&mut self, pairs: Pairs) -> Result<State, Halt> {
        self.read_from(pairs, 0)
    }

    /// Reads the next key, from this place on, of which the dumps don't tell whether it is the
    /// same; or judges. Where a wish decides, nothing is read.
    fn read_from(&mut self, pairs: Pairs, from: usize) -> Result<State, Halt> {
        let both = pairs.source.iter().zip(&pairs.target).enumerate();
        let mut unlike = both.skip(from).filter_map(|(place, (mine, theirs))| {
            let weight = pairs.weights.get(place).copied().unwrap_or(0);
            Some((place, mine.doubt(theirs, weight)?))
        });
        let next = match self.settings.how.on_conflict {
            OnConflict::Stop => unlike.next(),
            OnConflict::KeepSource | OnConflict::KeepTarget => None,
        };
        match next {
            Some((place, Comparison::Read(kind))) => Ok(State::ReadSource { pairs, place, kind }),
            Some((place, Comparison::Walk { bytes })) => {
                let walk = Walk::new(pairs.batch.keys[place].clone(), bytes);
                Ok(State::Walk { pairs, place, walk })
            }
            None => self.judged(pairs),
        }
    }

    /// A chunk of a key's copy was read, or what it is.
    pub(super) fn walked(
        &mut self,
        mut pairs: Pairs,
        place: usize,
        mut walk: Walk,
        replies: Vec<Reply>,
    ) -> Result<State, Halt> {
        let count = walk.ask().len();
        let replies: Vec<Reply> = match walk.side() {
            Side::Source => replies.into_iter().skip(1).take(count).collect(),
            // SELECT, then ASKING before each, then SELECT.
            Side::Target => replies.into_iter().skip(2).step_by(2).take(count).collect(),
        };
        let about_roles = replies.iter().find(|reply| match reply {
            Reply::Refused(refusal) => is_of_a_state(refusal),
            _ => false,
        });
        if let Some(reply) = about_roles {
            return Err(self.refused("reading a key on both sides", Some(reply.clone())));
        }
        if replies.len() < count {
            return Err(self.refused("reading a key on both sides", None));
        }
        let Some(compared) = walk.answer(replies) else {
            return Ok(State::Walk { pairs, place, walk });
        };
        let copies = (&mut pairs.source[place], &mut pairs.target[place]);
        if let Some(why) = copies::settle(compared, copies) {
            pairs.untold.push((place, why));
        }
        self.read_from(pairs, place + 1)
    }

    /// A value that was read; nothing where it has gone or can't be read.
    pub(super) fn value(&self, reply: Option<Reply>, what: &str) -> Result<Reply, Halt> {
        match reply {
            Some(Reply::Refused(refusal)) if refusal.error() == ServerError::Ask => Ok(Reply::Nil),
            Some(Reply::Refused(refusal)) if is_of_a_state(&refusal) => {
                Err(self.refused(what, Some(Reply::Refused(refusal))))
            }
            Some(reply) => Ok(reply),
            None => Err(self.refused(what, None)),
        }
    }

    /// A key's value was read on both sides: from here on it counts as one where it is the same.
    pub(super) fn read(
        &mut self,
        mut pairs: Pairs,
        place: usize,
        kind: Kind,
        mine: Reply,
        theirs: Reply,
    ) -> Result<State, Halt> {
        let copies = (&mut pairs.source[place], &mut pairs.target[place]);
        copies::take_in(kind, copies, (mine, theirs));
        self.read_from(pairs, place + 1)
    }

    /// Equal copies are taken as moved, a difference stops.
    fn judged(&mut self, pairs: Pairs) -> Result<State, Halt> {
        let judged = self.sorted(&pairs);
        let batch = pairs.batch;
        let with = |keys| Batch {
            keys,
            bytes: 0,
            ..batch.clone()
        };
        if !judged.given_up.is_empty() {
            // The others are looked at again when that is done.
            for key in judged.goes {
                self.doubts.add(self.doubtful(batch.db, &key, Cause::Kept));
            }
            let batch = with(judged.given_up);
            return Ok(State::GiveUp { batch });
        }
        if judged.goes.is_empty() {
            return self.after(batch.db, None);
        }
        if judged.is_copied {
            return Ok(State::replace(batch.db, judged.goes));
        }
        let batch = with(judged.goes);
        // The copies on the target have gone meanwhile, or nothing had arrived.
        self.note_standstill()?;
        Ok(State::Send { batch })
    }

    /// What is to become of each key, as the copies and the person's wish have it.
    fn sorted(&mut self, pairs: &Pairs) -> Judged {
        let mut judged = Judged::default();
        let wish = self.settings.how.on_conflict;
        let db = self.databases[pairs.batch.db];
        let both = pairs.source.iter().zip(&pairs.target);
        for (place, (key, (mine, theirs))) in pairs.batch.keys.iter().zip(both).enumerate() {
            let mut untold = pairs.untold.iter();
            let why = untold.find(|(untold, _)| *untold == place);
            let heap = match (&mine.dump, &theirs.dump) {
                (None, None) => {
                    self.doubts.settle(db, key);
                    continue;
                }
                (Some(_), None) => &mut judged.goes,
                (Some(_), Some(_)) => {
                    judged.is_copied = true;
                    let is_same = mine.is_same(theirs);
                    self.conflicts.0 += u64::from(!is_same && wish != OnConflict::Stop);
                    match wish {
                        _ if is_same => &mut judged.goes,
                        OnConflict::KeepSource => &mut judged.goes,
                        OnConflict::KeepTarget => &mut judged.given_up,
                        OnConflict::Stop => match why {
                            Some((_, why)) => {
                                self.doubts.name(db, key);
                                let untold = (key.clone(), why.clone());
                                self.doubts.stops.untold.push(untold);
                                continue;
                            }
                            None => {
                                self.doubts.name(db, key);
                                self.doubts.stops.different.push(key.clone());
                                continue;
                            }
                        },
                    }
                }
                // What moved is where it belongs, whoever has written it since. And only the
                // target's copy could be kept: whether to delete what may be a write that came to
                // the target is no choice between two values.
                (None, Some(_))
                    if self.doubts.has_moved(db, key)
                        || theirs.expires_now()
                        || wish == OnConflict::KeepTarget =>
                {
                    self.doubts.settle(db, key);
                    continue;
                }
                // Whose copy it is nobody knows: one that a MIGRATE has left, of a key that a
                // client has deleted or whose life has ended at the source; or what a client has
                // written there since. It ends for both by itself, and for neither by our hand.
                (None, Some(_)) if self.doubts.let_end(db, key, theirs.left_ms()) => continue,
                (None, Some(_)) => {
                    let end = self.doubts.end_of(db, key);
                    self.doubts.name(db, key);
                    self.doubts.stops.revived.push((key.clone(), end));
                    continue;
                }
            };
            heap.push(key.clone());
        }
        judged
    }
}

/// Whether the node can't say anything of a key now. `ASK` says that it doesn't have it.
pub(super) fn is_of_a_state(refusal: &Refusal) -> bool {
    refusal.error() != ServerError::Ask && refusal.error().is_about_state()
}

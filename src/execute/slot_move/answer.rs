//! Decides what each reply makes of a slot's move.

use super::super::mover::Halt;
use super::state::{Batch, Pairs, State};
use super::{EPOCH_PAUSE_MS, MAX_CONFIRMS, MAX_EPOCH_WAITS, MAX_PASSES, SlotMove};
use crate::cluster::OpenSlot;
use crate::cluster::keyspace::{MAX_DATABASES, databases_in};
use crate::cluster::parse::{self, info_field};
use crate::cluster::verb::{Refusal, Reply, ServerError, Verb};
use crate::error::{Error, ErrorKind};
use crate::escape;
use crate::execute::Move;
use crate::slot::Slot;
use std::collections::BTreeSet;

/// What to do about a node that serves no key while slots have no owner who lives.
const CLUSTER_DOWN: &str = "slotkit check says which slots have no owner who lives: bring it back \
                            with its files, or let the others serve without it: CONFIG SET \
                            cluster-require-full-coverage no on every node";

impl SlotMove {
    /// Takes the replies to the verbs of the last [`Action::Ask`](super::Action::Ask).
    ///
    /// # Errors
    /// At the first surprise; its kind is [`ErrorKind::Stopped`].
    pub(super) fn take_replies(&mut self, replies: Vec<Reply>) -> Result<(), Halt> {
        self.state = match self.after_answer(replies) {
            // Nobody but a person can go on, and perhaps nothing has happened yet: then the slot
            // needn't stay open.
            Err(Halt::Stop(why)) if self.may_close() => self.begin_to_close(why),
            next => next?,
        };
        Ok(())
    }

    fn after_answer(&mut self, replies: Vec<Reply>) -> Result<State, Halt> {
        let refused = self.refused_database(&replies);
        let state = std::mem::replace(&mut self.state, State::Halted);
        if let Some(refused) = refused {
            return Err(refused);
        }
        let next = match state {
            State::Import => self.imported(replies)?,
            State::Unimported { why } => self.looked_at_refusal(why, replies)?,
            State::Migrate => self.opened(replies)?,
            State::Withdraw { why } => {
                return Err(match replies.first() {
                    Some(Reply::Text(_)) => Halt::Closed(why),
                    _ => Halt::Stop(why),
                });
            }
            State::LookAtTarget { why } => self.looked_at_target(why, replies)?,
            State::LookAtSource { why, gone } => self.looked_at_source(why, &gone, replies)?,
            State::CloseTarget { why } => self.closed_target(why, replies)?,
            State::CloseSource { why } => return self.closed_source(why, replies),
            State::Reopen { why } => return Err(Halt::Stop(why)),
            State::Prove {
                db,
                asked,
                rest,
                are_new,
                next,
            } => self.proven(db, (asked, rest), are_new, *next, replies)?,
            State::Databases => self.start_pass(replies)?,
            State::Failures => self.told_failures(replies)?,
            State::List { db } => self.listed(db, replies)?,
            State::Measure {
                db,
                keys,
                asks_ends,
            } => self.measured(db, keys, asks_ends, replies)?,
            State::Send { batch } => self.sent(batch, replies)?,
            State::Replace { batch, rest } => self.replaced(batch, rest, replies)?,
            State::WeighSource { batch } => {
                let weights = self.weights(&replies[1..], &[])?;
                State::WeighTarget { batch, weights }
            }
            State::WeighTarget { batch, weights } => {
                let theirs: Vec<Reply> = replies.into_iter().skip(2).step_by(2).collect();
                let weights = self.weights(&theirs, &weights)?;
                State::CompareSource { batch, weights }
            }
            State::CompareSource { batch, weights } => {
                let lives = replies.iter().skip(2).step_by(2).cloned().collect();
                self.note_ends(batch.db, &batch.keys, lives)?;
                let replies = replies.into_iter().skip(1).collect();
                let source = self.copies(replies, &weights)?;
                State::CompareTarget {
                    batch,
                    weights,
                    source,
                }
            }
            State::CompareTarget {
                batch,
                weights,
                source,
            } => {
                // SELECT, then ASKING DUMP ASKING PTTL for each key, then SELECT.
                let values = replies.into_iter().skip(2).step_by(2).collect();
                let target = self.copies(values, &weights)?;
                self.compared(Pairs {
                    batch,
                    weights,
                    source,
                    target,
                    untold: Vec::new(),
                })?
            }
            State::Walk { pairs, place, walk } => self.walked(pairs, place, walk, replies)?,
            State::ReadSource { pairs, place, kind } => {
                let value = self.value(replies.into_iter().nth(1), "reading on the source")?;
                State::ReadTarget {
                    pairs,
                    place,
                    kind,
                    value,
                }
            }
            State::ReadTarget {
                pairs,
                place,
                kind,
                value,
            } => {
                let other = self.value(replies.into_iter().nth(2), "reading on the target")?;
                self.read(pairs, place, kind, value, other)?
            }
            State::GiveUp { batch } => self.gave_up(batch, replies)?,
            State::LookAtLives { db, keys, tries } => {
                self.looked_at_lives(db, keys, tries, replies)?
            }
            State::CutLives { wait, .. } => self.cut_lives(wait, replies)?,
            State::Count => self.counted(replies)?,
            State::AskTarget { waits, .. } if waits > MAX_CONFIRMS => {
                return Err(self.surprise("its nodes never say the same for long enough"));
            }
            State::AskTarget {
                waits,
                is_outdated: true,
                ..
            } => State::Confirm { waits: waits + 1 },
            State::AskTarget { needed, waits, .. } => self.guard(needed, waits, replies)?,
            State::OwnTarget { .. } => self.owned(replies)?,
            State::OwnSource => {
                self.has_source_turned = matches!(replies.first(), Some(Reply::Refused(_)));
                self.told(replies, "NODE on the source", 0)?
            }
            State::OwnOther { index } => self.told(replies, "NODE on a primary", index + 1)?,
            State::Claim
            | State::Vouch
            | State::Confirm { .. }
            | State::Turned
            | State::Done
            | State::Halted => {
                return Err(self.surprise("a reply that nobody waited for"));
            }
        };
        Ok(next)
    }

    /// Whether the database wasn't selected that everything behind it is about: a user may be kept
    /// from single ones (Valkey 9.1).
    fn refused_database(&self, replies: &[Reply]) -> Option<Halt> {
        let selects = self.state.selects_first();
        let refusal = replies.first().filter(|_| selects);
        let refusal = refusal.filter(|reply| matches!(reply, Reply::Refused(_)))?;
        Some(self.refused("SELECT", Some(refusal.clone())))
    }

    /// A target that refuses to import a slot that nobody has opened: nothing has happened, as it
    /// says. It is asked what it has open.
    fn imported(&self, replies: Vec<Reply>) -> Result<State, Halt> {
        let next = if self.is_fresh {
            State::Claim
        } else {
            State::Migrate
        };
        match self.accepted(replies, "IMPORTING on the target", next) {
            Err(Halt::Stop(why)) if self.is_fresh => Ok(State::Unimported { why }),
            imported => imported,
        }
    }

    /// What the target has open that refused to import the slot: where it imports it all the same,
    /// it is told to forget that.
    fn looked_at_refusal(&self, why: Error, replies: Vec<Reply>) -> Result<State, Halt> {
        let Move { slot, source, .. } = self.task;
        let text = self.text(replies, "CLUSTER NODES").unwrap_or_default();
        let myself = parse::myself(&text, "CLUSTER NODES");
        let is_open =
            myself.is_ok_and(|node| node.open.contains(&OpenSlot::Importing { slot, source }));
        if is_open {
            Ok(State::Withdraw { why })
        } else {
            Err(Halt::Closed(why))
        }
    }

    /// The source refused to open a slot that nobody has opened before: no key has moved, so the
    /// target may forget it, unless a look may show how to go on. And one that says OK and serves
    /// the slot as before must not lose a key: its clients wouldn't be sent after it.
    pub(super) fn opened(&mut self, mut replies: Vec<Reply>) -> Result<State, Halt> {
        let mut others = replies.split_off(replies.len().min(1)).into_iter();
        let probe = others.next();
        let is_denied = replies
            .iter()
            .any(|reply| matches!(reply, Reply::Refused(refusal) if refusal.error() == ServerError::NotOwner));
        let is_final = |halt: &Halt| is_denied || matches!(halt, Halt::Stop(_));
        let is_open =
            matches!(&probe, Some(Reply::Refused(refusal)) if refusal.error() == ServerError::Ask);
        match self.accepted(replies, "MIGRATING on the source", ()) {
            // It says that it hasn't, and has.
            Err(halt) if self.is_fresh && is_final(&halt) && is_open => {
                self.is_opened = true;
                Err(Halt::Stop(halt.into_error()))
            }
            Err(halt) if self.is_fresh && is_final(&halt) => Ok(State::Withdraw {
                why: halt.into_error(),
            }),
            Err(halt) => {
                self.is_unopened = self.is_fresh;
                Err(halt)
            }
            Ok(()) => {
                self.is_opened = true;
                self.note_opened();
                match probe {
                    Some(Reply::Int(_)) => {
                        Err(self.surprise("the source said OK to MIGRATING, and hasn't opened it"))
                    }
                    Some(Reply::Refused(refusal)) if refusal.error() == ServerError::Moved => {
                        Err(self.refused("MIGRATING on the source", Some(Reply::Refused(refusal))))
                    }
                    _ => self.start_listed(others.collect()),
                }
            }
        }
    }

    /// The first pass, of a slot that was listed in the write that has opened it.
    fn start_listed(&mut self, mut replies: Vec<Reply>) -> Result<State, Halt> {
        let mut listing = replies
            .split_off(replies.len().saturating_sub(2))
            .into_iter();
        let (selected, list) = (listing.next(), listing.next());
        match (self.start_pass(replies)?, selected) {
            (State::List { db: 0 }, Some(Reply::Text(_))) if self.databases.first() == Some(&0) => {
                self.next_batch(0, list)
            }
            (next, _) => Ok(next),
        }
    }

    /// A target that says OK to `NODE` and sends clients away as before doesn't own the slot: were
    /// its source told, nobody would.
    fn owned(&mut self, mut replies: Vec<Reply>) -> Result<State, Halt> {
        let probe = replies.split_off(replies.len().min(1)).into_iter().next();
        let next = self.accepted(replies, "NODE on the target", State::OwnSource)?;
        self.is_opened = false;
        match probe {
            Some(Reply::Refused(refusal))
                if matches!(refusal.error(), ServerError::Moved | ServerError::Ask) =>
            {
                let what = "the target said OK to NODE, and doesn't own it";
                Err(self.surprise(what).unclear())
            }
            _ => Ok(next),
        }
    }

    pub(super) fn accepted<T>(&self, replies: Vec<Reply>, what: &str, next: T) -> Result<T, Halt> {
        let is_text = |reply: &Reply| matches!(reply, Reply::Text(_));
        match replies.iter().position(|reply| !is_text(reply)) {
            None if !replies.is_empty() => Ok(next),
            place => Err(self.refused(what, place.map(|place| replies[place].clone()))),
        }
    }

    /// A `NODE` on a node that may have turned into a replica meanwhile: a primary from 7.0 on
    /// does, when its last slot has left (redis#9223), and then follows the slot's new owner.
    pub(super) fn told(&self, replies: Vec<Reply>, what: &str, next: usize) -> Result<State, Halt> {
        let turned = |refusal: &Refusal| refusal.error() == ServerError::NotPrimary;
        match replies.into_iter().next() {
            Some(Reply::Text(_)) => {}
            Some(Reply::Refused(refusal)) if turned(&refusal) => {}
            other => return Err(self.refused(what, other)),
        }
        Ok(self.after_other(next))
    }

    /// The next primary to be told, or the end.
    pub(super) fn after_other(&self, next: usize) -> State {
        if next < self.settings.others.len() {
            State::OwnOther { index: next }
        } else if self.has_source_turned {
            State::Turned
        } else {
            State::Done
        }
    }

    pub(super) fn start_pass(&mut self, replies: Vec<Reply>) -> Result<State, Halt> {
        let mut replies = replies.into_iter();
        // What INFO says is a hint: a filtering proxy or a compatible server may say anything.
        let listed = match replies.next() {
            Some(Reply::Text(text)) => {
                let info = String::from_utf8_lossy(&text);
                self.note_lasting(&info);
                databases_in(&info)
            }
            Some(Reply::Refused(refusal)) if refusal.error().is_about_state() => {
                return Err(self.refused("INFO keyspace", Some(Reply::Refused(refusal))));
            }
            Some(_) => vec![0],
            None => return Err(self.refused("INFO keyspace", None)),
        };
        let mut databases: BTreeSet<u32> = listed.into_iter().collect();
        let count = self.settings.databases[0].min(MAX_DATABASES);
        let counts = match count {
            0 | 1 => Vec::new(),
            _ => self.looks_of(1..count, replies)?,
        };
        databases.extend(
            counts
                .iter()
                .filter(|(_, keys)| *keys > 0)
                .map(|(db, _)| db),
        );
        self.databases = databases.into_iter().collect();
        self.fewest = None;
        self.passes += 1;
        if self.passes > MAX_PASSES {
            let what = "the source counts keys that it doesn't list, or lists without end";
            return Err(self.surprise(what));
        }
        let next = self.pass()?;
        match self.owed.clone() {
            Some(owed) => {
                let db = self.place_of(owed.db);
                Ok(self.prove(db, owed.keys, false, next))
            }
            None => Ok(next),
        }
    }

    /// What a pass over the databases begins with.
    pub(super) fn pass(&mut self) -> Result<State, Halt> {
        if let Some(next) = self.next_lengthened() {
            return Ok(next);
        }
        let next = match self.next_doubts()? {
            Some(next) => return Ok(next),
            None if self.has_only_orphaned => State::Count,
            None => State::List { db: 0 },
        };
        Ok(next)
    }

    /// Where a database is among those that are gone through.
    pub(super) fn place_of(&mut self, db: u32) -> usize {
        let place = self.databases.iter().position(|known| *known == db);
        place.unwrap_or_else(|| {
            self.databases.push(db);
            self.databases.len() - 1
        })
    }

    /// Reads a `SELECT`, a count and the start of a list for each of these databases: how many keys
    /// it has at least, as either says.
    fn looks_of(
        &self,
        databases: impl IntoIterator<Item = u32>,
        mut replies: impl Iterator<Item = Reply>,
    ) -> Result<Vec<(u32, u64)>, Halt> {
        let mut found = Vec::new();
        for db in databases {
            match replies.next() {
                Some(Reply::Text(_)) => {}
                other => return Err(self.refused("SELECT", other)),
            }
            let counted = self.count_of(replies.next(), "counting on the source")?;
            let listed = self.keys_of(replies.next())?;
            found.push((db, counted.max(listed.len() as u64)));
        }
        Ok(found)
    }

    /// Reads a count of the slot's keys. What can't be read isn't nothing.
    pub(super) fn count_of(&self, reply: Option<Reply>, what: &str) -> Result<u64, Halt> {
        match reply {
            Some(refused @ Reply::Refused(_)) => Err(self.refused(what, Some(refused))),
            Some(reply) => {
                let keys = reply.count(&Verb::CountKeys(self.task.slot));
                keys.map_err(|error| self.surprise(&format!("{what}: {}", error.message())))
            }
            None => Err(self.refused(what, None)),
        }
    }

    pub(super) fn listed(&mut self, db: usize, replies: Vec<Reply>) -> Result<State, Halt> {
        let list = replies.into_iter().nth(1);
        self.next_batch(db, list)
    }

    /// Reads a listing of the source.
    fn keys_of(&self, list: Option<Reply>) -> Result<Vec<Vec<u8>>, Halt> {
        match list {
            Some(reply @ Reply::Refused(_)) => {
                Err(self.refused("GETKEYSINSLOT on the source", Some(reply)))
            }
            Some(list) => list.byte_strings(&self.list()).map_err(|error| {
                self.surprise(&format!("GETKEYSINSLOT on the source: {}", error.message()))
            }),
            None => Err(self.surprise("GETKEYSINSLOT on the source got no answer")),
        }
    }

    /// The keys of a listing as the next batch, or the next database, or the count.
    pub(super) fn next_batch(&mut self, db: usize, list: Option<Reply>) -> Result<State, Halt> {
        let keys = self.keys_of(list)?;
        let keys = self.only_of_slot(keys)?;
        Ok(if !keys.is_empty() {
            self.sends_listed(db, keys)
        } else if db + 1 < self.databases.len() {
            State::List { db: db + 1 }
        } else {
            State::Count
        })
    }

    /// Reads what was asked of the keys of a listing, and cuts it where its bytes are enough for
    /// one `MIGRATE`; the rest is listed again.
    pub(super) fn measured(
        &mut self,
        db: usize,
        keys: Vec<Vec<u8>>,
        asks_ends: bool,
        replies: Vec<Reply>,
    ) -> Result<State, Halt> {
        let mut replies = replies.into_iter().skip(1);
        if asks_ends {
            let lives = replies.by_ref().take(keys.len()).collect();
            self.note_ends(db, &keys, lives)?;
        }
        let Some(limit) = self.settings.how.bytes_per_migrate else {
            return Ok(State::first_try(Batch::of(db, keys)));
        };
        let mut batch = Batch::of(db, Vec::new());
        for (key, reply) in keys.into_iter().zip(replies) {
            let bytes = match reply {
                Reply::Int(bytes) => u64::try_from(bytes).unwrap_or_default(),
                // It has gone since: MIGRATE passes it over.
                Reply::Nil => 0,
                Reply::Refused(refusal) if refusal.error() == ServerError::Ask => 0,
                other => return Err(self.refused("MEMORY USAGE", Some(other))),
            };
            let sum = batch.bytes.saturating_add(bytes);
            if sum > limit && !batch.keys.is_empty() {
                break;
            }
            batch.bytes = sum;
            batch.keys.push(key);
        }
        if batch.keys.is_empty() {
            Err(self.surprise("MEMORY USAGE got no answer"))
        } else {
            Ok(State::first_try(batch))
        }
    }

    pub(super) fn counted(&mut self, replies: Vec<Reply>) -> Result<State, Halt> {
        let there = 0..self.settings.databases[0].min(MAX_DATABASES);
        let all: BTreeSet<u32> = self.databases.iter().copied().chain(there).collect();
        let counts = self.looks_of(all, replies.into_iter())?;
        let is_empty = counts.iter().all(|(_, keys)| *keys == 0);
        Ok(match (is_empty, self.is_doubtful) {
            (true, true) => State::Vouch,
            (true, false) => State::Confirm { waits: 0 },
            (false, _) if self.has_only_orphaned => State::Done,
            (false, _) => State::Databases,
        })
    }

    /// The keys of a listing, each once. One that is in another slot is never sent, nor anything
    /// beside it: whoever names it says nothing that can be used.
    fn only_of_slot(&self, keys: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, Halt> {
        let slot = self.task.slot;
        if let Some(foreign) = keys.iter().find(|key| Slot::for_key(key) != slot) {
            let what = format!(
                "the source lists `{}` as one of its keys, which is in slot {}",
                escape::key_line(foreign),
                Slot::for_key(foreign)
            );
            return Err(self.surprise(&what));
        }
        let mut seen = BTreeSet::new();
        Ok(keys
            .into_iter()
            .filter(|key| seen.insert(key.clone()))
            .collect())
    }

    /// A target that hasn't learnt the source's epoch would claim the slot without winning it;
    /// gossip gives it back, and the loser deletes its keys (seen on Redis 4.0.1).
    pub(super) fn guard(
        &mut self,
        needed: u64,
        waits: u32,
        mut replies: Vec<Reply>,
    ) -> Result<State, Halt> {
        let counts = replies.split_off(replies.len().min(1));
        let info = self.text(replies, "CLUSTER INFO")?;
        let epoch = info_field(&info, "cluster_current_epoch").and_then(|text| text.parse().ok());
        match epoch {
            Some(epoch) if needed <= epoch => self.counted_target(waits, counts),
            // What was seen before the wait may not be so any more.
            Some::<u64>(_) if waits < MAX_EPOCH_WAITS => {
                self.pause_ms = Some(EPOCH_PAUSE_MS);
                Ok(State::Confirm { waits: waits + 1 })
            }
            Some(epoch) => {
                let message =
                    format!("the target's epoch {epoch} stays behind the source's {needed}");
                Err(self.surprise(&message))
            }
            None => Err(self.surprise("the target doesn't tell its cluster_current_epoch")),
        }
    }

    fn text(&self, replies: Vec<Reply>, what: &str) -> Result<String, Halt> {
        match replies.into_iter().next() {
            Some(Reply::Text(bytes)) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            other => Err(self.refused(what, other)),
        }
    }

    pub(super) fn refused(&self, what: &str, reply: Option<Reply>) -> Halt {
        match reply {
            Some(Reply::Refused(refusal)) => {
                let message = format!("slot {}: {what} was refused: {refusal}", self.task.slot);
                let mut error = Error::new(ErrorKind::Stopped, message);
                if refusal.error() == ServerError::ClusterDown {
                    error = error.fix(CLUSTER_DOWN);
                }
                if refusal.error().is_about_state() {
                    Halt::Unclear(error)
                } else {
                    Halt::Stop(error)
                }
            }
            Some(_) => self.surprise(&format!("{what} answered something odd")),
            None => self.surprise(&format!("{what} got no answer")),
        }
    }

    pub(super) fn surprise(&self, what: &str) -> Halt {
        let message = format!("slot {}: {what}", self.task.slot);
        Halt::Stop(Error::new(ErrorKind::Stopped, message))
    }
}

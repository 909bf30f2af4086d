//! What each reply makes of a slot's move.

use super::fault::{Halt, denies_ownership, is_about_roles};
use super::state::{Batch, State};
use super::{EPOCH_PAUSE_MS, MAX_EPOCH_WAITS, MAX_PASSES, SlotMove, Unclear};
use crate::cluster::keyspace::databases_in;
use crate::cluster::parse::info_field;
use crate::cluster::verb::{Refusal, Reply, Verb};
use crate::error::{Error, ErrorKind};

impl SlotMove {
    /// Takes the replies to the verbs of the last [`Action::Ask`](super::Action::Ask).
    ///
    /// # Errors
    /// At the first surprise; its kind is [`ErrorKind::Stopped`].
    pub fn answer(&mut self, replies: Vec<Reply>) -> Result<(), Halt> {
        if let Some(refused) = self.refused_database(&replies) {
            return Err(refused);
        }
        let state = std::mem::replace(&mut self.state, State::Done);
        self.state = match state {
            State::Import => {
                let next = match self.is_fresh {
                    true => State::Claim,
                    false => State::Migrate,
                };
                self.accepted(replies, "IMPORTING on the target", next)?
            }
            State::Migrate => self.opened(replies)?,
            State::Withdraw { why } => {
                return Err(Halt::Stop(Error::new(ErrorKind::Stopped, why)));
            }
            State::Databases => self.start_pass(replies)?,
            State::List { db } => self.listed(db, replies)?,
            State::Measure { db, keys } => self.measured(db, keys, replies)?,
            State::Send { batch } => self.sent(batch, replies)?,
            State::Replace { batch } => self.replaced(batch, replies)?,
            State::CompareSource { batch } => {
                let source = self.copies(replies.into_iter().skip(1).collect())?;
                State::CompareTarget { batch, source }
            }
            State::CompareTarget { batch, source } => self.compared(batch, source, replies)?,
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
            State::Count => self.counted(replies)?,
            State::EpochOfTarget {
                waits,
                is_outdated: true,
                ..
            } => State::Confirm { waits },
            State::EpochOfTarget { needed, waits, .. } => self.guard(needed, waits, replies)?,
            State::OwnTarget => self.accepted(replies, "NODE on the target", State::OwnSource)?,
            State::OwnSource => {
                self.has_source_turned = matches!(replies.first(), Some(Reply::Refused(_)));
                self.told(replies, "NODE on the source", 0)?
            }
            State::OwnOther { index } => self.told(replies, "NODE on a primary", index + 1)?,
            State::Claim | State::Confirm { .. } | State::Turned | State::Done => {
                return Err(self.surprise("a reply that nobody waited for"));
            }
        };
        self.note_unclear();
        Ok(())
    }

    /// Whether the database wasn't selected that everything behind it is about: a user may be kept from
    /// single ones (Valkey 9.1).
    fn refused_database(&self, replies: &[Reply]) -> Option<Halt> {
        let selects = self.state.selects_first();
        let refusal = replies.first().filter(|_| selects);
        let refusal = refusal.filter(|reply| matches!(reply, Reply::Refused(_)))?;
        Some(self.refused("SELECT", Some(refusal.clone())))
    }

    /// The source refused to open a slot that nobody has opened before: no key has moved, so the
    /// target may forget it, unless a look may show how to go on.
    pub(super) fn opened(&mut self, replies: Vec<Reply>) -> Result<State, Halt> {
        let is_denied = replies
            .iter()
            .any(|reply| matches!(reply, Reply::Refused(refusal) if denies_ownership(refusal)));
        let is_final = |halt: &Halt| is_denied || matches!(halt, Halt::Stop(_));
        match self.accepted(replies, "MIGRATING on the source", State::Databases) {
            Err(halt) if self.is_fresh && is_final(&halt) => Ok(State::Withdraw {
                why: halt.error().message().to_owned(),
            }),
            Err(halt) => {
                self.is_unopened = self.is_fresh;
                Err(halt)
            }
            opened => opened,
        }
    }

    pub(super) fn accepted(
        &self,
        replies: Vec<Reply>,
        what: &str,
        next: State,
    ) -> Result<State, Halt> {
        let is_text = |reply: &Reply| matches!(reply, Reply::Text(_));
        match replies.iter().position(|reply| !is_text(reply)) {
            None if !replies.is_empty() => Ok(next),
            place => Err(self.refused(what, place.map(|place| replies[place].clone()))),
        }
    }

    /// A `NODE` on a node that may have turned into a replica meanwhile: a primary from 7.0 on
    /// does, when its last slot has left (redis#9223), and then follows the slot's new owner.
    pub(super) fn told(&self, replies: Vec<Reply>, what: &str, next: usize) -> Result<State, Halt> {
        let turned = |refusal: &Refusal| refusal.detail.contains("use SETSLOT only with");
        match replies.into_iter().next() {
            Some(Reply::Text(_)) => {}
            Some(Reply::Refused(refusal)) if turned(&refusal) => {}
            other => return Err(self.refused(what, other)),
        }
        Ok(self.after_other(next))
    }

    /// The next primary to be told, or the end.
    pub(super) fn after_other(&self, next: usize) -> State {
        match next < self.settings.others.len() {
            true => State::OwnOther { index: next },
            false if self.has_source_turned => State::Turned,
            false => State::Done,
        }
    }

    pub(super) fn start_pass(&mut self, replies: Vec<Reply>) -> Result<State, Halt> {
        let info = self.text(replies, "INFO keyspace")?;
        self.databases = databases_in(&info);
        self.passes += 1;
        if self.passes > MAX_PASSES {
            return Err(self.surprise("new keys turn up on the source without end"));
        }
        if let Some(Unclear { db, keys }) = self.unclear.take() {
            let place = self.databases.iter().position(|known| *known == db);
            let place = place.unwrap_or_else(|| {
                self.databases.push(db);
                self.databases.len() - 1
            });
            return Ok(State::CompareSource {
                batch: Batch::of(place, keys.clone()).unclear(keys),
            });
        }
        Ok(match self.databases.is_empty() || self.has_strays_alone {
            true => State::Count,
            false => State::List { db: 0 },
        })
    }

    pub(super) fn listed(&mut self, db: usize, replies: Vec<Reply>) -> Result<State, Halt> {
        let list = replies.into_iter().nth(1);
        self.next_batch(db, list)
    }

    /// The keys of a listing as the next batch, or the next database, or the count.
    pub(super) fn next_batch(&mut self, db: usize, list: Option<Reply>) -> Result<State, Halt> {
        let keys = match list {
            Some(reply @ Reply::Refused(_)) => {
                return Err(self.refused("GETKEYSINSLOT on the source", Some(reply)));
            }
            Some(list) => list.byte_strings(&self.list()).map_err(|error| {
                self.surprise(&format!("GETKEYSINSLOT on the source: {}", error.message()))
            })?,
            None => return Err(self.surprise("GETKEYSINSLOT on the source got no answer")),
        };
        Ok(
            if !keys.is_empty() && self.settings.bytes_per_migrate.is_some() {
                State::Measure { db, keys }
            } else if !keys.is_empty() {
                State::first_try(Batch::of(db, keys))
            } else if db + 1 < self.databases.len() {
                State::List { db: db + 1 }
            } else {
                State::Count
            },
        )
    }

    /// Cuts a listing where its bytes are enough for one `MIGRATE`; the rest is listed again.
    pub(super) fn measured(
        &mut self,
        db: usize,
        keys: Vec<Vec<u8>>,
        replies: Vec<Reply>,
    ) -> Result<State, Halt> {
        let limit = self.settings.bytes_per_migrate.unwrap_or(u64::MAX);
        let mut batch = Batch::of(db, Vec::new());
        for (key, reply) in keys.into_iter().zip(replies.into_iter().skip(1)) {
            let bytes = match reply {
                Reply::Int(bytes) => u64::try_from(bytes).unwrap_or_default(),
                // It has gone since: MIGRATE passes it over.
                Reply::Nil => 0,
                Reply::Refused(refusal) if refusal.code == "ASK" => 0,
                other => return Err(self.refused("MEMORY USAGE", Some(other))),
            };
            let sum = batch.bytes.saturating_add(bytes);
            if sum > limit && !batch.keys.is_empty() {
                break;
            }
            batch.bytes = sum;
            batch.keys.push(key);
        }
        match batch.keys.is_empty() {
            true => Err(self.surprise("MEMORY USAGE got no answer")),
            false => Ok(State::first_try(batch)),
        }
    }

    pub(super) fn counted(&mut self, replies: Vec<Reply>) -> Result<State, Halt> {
        let mut left: u64 = 0;
        let count = Verb::CountKeys(self.task.slot);
        for reply in replies {
            match reply {
                Reply::Text(_) => {}
                refused @ Reply::Refused(_) => {
                    return Err(self.refused("counting on the source", Some(refused)));
                }
                other => {
                    let keys = other.count(&count);
                    let keys = keys.map_err(|error| {
                        self.surprise(&format!("counting on the source: {}", error.message()))
                    })?;
                    left = left.saturating_add(keys);
                }
            }
        }
        Ok(match left {
            0 => State::Confirm { waits: 0 },
            _ if self.has_strays_alone => State::Done,
            _ => State::Databases,
        })
    }

    /// A target that hasn't learnt the source's epoch would claim the slot without winning it;
    /// gossip gives it back, and the loser deletes its keys (seen on Redis 4.0.1).
    pub(super) fn guard(
        &mut self,
        needed: u64,
        waits: u32,
        replies: Vec<Reply>,
    ) -> Result<State, Halt> {
        let info = self.text(replies, "CLUSTER INFO")?;
        let epoch = info_field(&info, "cluster_current_epoch").and_then(|text| text.parse().ok());
        match epoch {
            Some(epoch) if needed <= epoch => Ok(State::OwnTarget),
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
                let surprise = self.surprise(&format!("{what} was refused: {refusal}"));
                match is_about_roles(&refusal) {
                    true => surprise.unclear(),
                    false => surprise,
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

//! Keys that both nodes have, or may have: what each has, and what becomes of it.

use super::super::copies::{self, Copy, Kind};
use super::fault::{Halt, is_about_roles};
use super::state::{Batch, Pairs, State};
use super::{OnConflict, SlotMove};
use crate::cluster::verb::Reply;
use crate::error::{Error, ErrorKind};
use crate::escape;

/// The keys that both nodes have or may have, by what is to become of them.
#[derive(Default)]
struct Judged {
    /// Moved, over the target's copy if there is one.
    goes: Vec<Vec<u8>>,
    /// Deleted at the source, which has another value than the target.
    given_up: Vec<Vec<u8>>,
    /// With two values.
    different: Vec<Vec<u8>>,
    /// Gone from the source, with a copy on the target that nobody acknowledged.
    revived: Vec<Vec<u8>>,
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
                Reply::Refused(refusal) if refusal.code == "ASK" => {}
                other => return Err(self.refused("DEL on the source", Some(other))),
            }
        }
        self.after(batch, replies.next())
    }

    /// The keys that are to be looked at again, or what is listed.
    pub(super) fn after(&mut self, batch: Batch, list: Option<Reply>) -> Result<State, Halt> {
        if batch.held.is_empty() {
            return self.next_batch(batch.db, list);
        }
        let held = batch.held.clone();
        Ok(State::CompareSource {
            batch: batch.unclear(held),
        })
    }

    /// Reads the answers to `DUMP` and `PTTL`, a pair a key.
    pub(super) fn copies(&self, replies: Vec<Reply>) -> Result<Vec<Copy>, Halt> {
        let mut replies = replies.into_iter();
        let mut copies = Vec::with_capacity(replies.len() / 2);
        while let (Some(dump), Some(ttl)) = (replies.next(), replies.next()) {
            let copy = Copy::of(dump, ttl);
            copies
                .push(copy.map_err(|odd| self.refused("DUMP of a key on both sides", Some(odd)))?);
        }
        Ok(copies)
    }

    /// Both nodes have keys of the batch, as they say.
    pub(super) fn compared(
        &mut self,
        batch: Batch,
        source: Vec<Copy>,
        replies: Vec<Reply>,
    ) -> Result<State, Halt> {
        // SELECT, then ASKING DUMP ASKING PTTL for each key, then SELECT.
        let values = replies.into_iter().skip(2).step_by(2).collect();
        let target = self.copies(values)?;
        let pairs = Pairs {
            batch,
            source,
            target,
        };
        self.read_from(pairs, 0)
    }

    /// Reads the next key, from this place on, of which the dumps don't tell whether it is the
    /// same; or judges. Where a wish decides, nothing is read.
    fn read_from(&mut self, pairs: Pairs, from: usize) -> Result<State, Halt> {
        let both = pairs
            .source
            .iter()
            .zip(&pairs.target)
            .enumerate()
            .skip(from);
        let mut unlike =
            both.filter_map(|(place, (mine, theirs))| Some((place, mine.may_be_same(theirs)?)));
        let next = match self.settings.on_conflict {
            OnConflict::Stop => unlike.next(),
            OnConflict::KeepSource | OnConflict::KeepTarget => None,
        };
        match next {
            Some((place, kind)) => Ok(State::ReadSource { pairs, place, kind }),
            None => self.judged(pairs),
        }
    }

    /// A value that was read; nothing where it has gone or can't be read.
    pub(super) fn value(&self, reply: Option<Reply>, what: &str) -> Result<Reply, Halt> {
        match reply {
            Some(Reply::Refused(refusal)) if refusal.code == "ASK" => Ok(Reply::Nil),
            Some(Reply::Refused(refusal)) if is_about_roles(&refusal) => {
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
        let with = |keys, held| Batch {
            keys,
            bytes: 0,
            held,
            ..batch.clone()
        };
        if !judged.given_up.is_empty() {
            let batch = with(judged.given_up, judged.goes);
            return Ok(State::GiveUp { batch });
        }
        let stops = [&judged.different[..], &judged.revived].concat();
        if judged.goes.is_empty() && !stops.is_empty() {
            // From here on it is for a person, who is told their names.
            self.unclear = None;
            return Err(self.conflict(&judged.different, &judged.revived));
        }
        if judged.goes.is_empty() {
            return Ok(State::List { db: batch.db });
        }
        if judged.is_copied || !stops.is_empty() {
            // What needs a person is looked at again when the rest has moved: a stop forgets
            // which other keys have copies on the target.
            let batch = with(judged.goes, stops);
            return Ok(State::Replace { batch });
        }
        // The copies on the target have gone meanwhile, or nothing had arrived.
        self.note_standstill()?;
        Ok(State::Send {
            batch: Batch {
                keys: judged.goes,
                ..batch
            },
        })
    }

    /// What is to become of each key, as the copies and the person's wish have it.
    fn sorted(&mut self, pairs: &Pairs) -> Judged {
        let mut judged = Judged::default();
        let wish = self.settings.on_conflict;
        let both = pairs.source.iter().zip(&pairs.target);
        for (key, (mine, theirs)) in pairs.batch.keys.iter().zip(both) {
            let heap = match (&mine.dump, &theirs.dump) {
                (None, None) => continue,
                (Some(_), None) => &mut judged.goes,
                (Some(_), Some(_)) => {
                    judged.is_copied = true;
                    let is_same = mine.is_same(theirs);
                    self.conflicts += u64::from(!is_same && wish != OnConflict::Stop);
                    match wish {
                        _ if is_same => &mut judged.goes,
                        OnConflict::KeepSource => &mut judged.goes,
                        OnConflict::KeepTarget => &mut judged.given_up,
                        OnConflict::Stop => &mut judged.different,
                    }
                }
                // Where it isn't known that the source had it, it may as well have moved.
                (None, Some(_)) if !pairs.batch.is_unclear || theirs.expires_now() => continue,
                // Only the target's copy could be kept. Whether to delete what may be a write that
                // came to the target is no choice between two values.
                (None, Some(_)) if wish == OnConflict::KeepTarget => continue,
                (None, Some(_)) => &mut judged.revived,
            };
            heap.push(key.clone());
        }
        judged
    }

    /// The keys that need a person, all of them: nobody remembers those that aren't named.
    pub(super) fn conflict(&self, different: &[Vec<u8>], revived: &[Vec<u8>]) -> Halt {
        let names = |keys: &[Vec<u8>]| {
            let names = keys
                .iter()
                .map(|key| format!("`{}`", escape::key_line(key)));
            let word = if keys.len() == 1 { "key" } else { "keys" };
            format!("{word} {}", names.collect::<Vec<_>>().join(", "))
        };
        let (mut said, mut mends) = (Vec::new(), Vec::new());
        if let Some(count) = Some(different.len()).filter(|count| *count > 0) {
            let is = if count == 1 { "is" } else { "are" };
            let names = names(different);
            said.push(format!("{names} {is} on both nodes with different values"));
            mends.push(
                "compare the two with GET (after ASKING on the target), delete the wrong one \
                 there",
            );
        }
        if !revived.is_empty() {
            said.push(format!(
                "{} went from the source while a copy that a MIGRATE had left was on the target: \
                 a client deleted it, or has written it anew there",
                names(revived)
            ));
            mends.push(
                "look at the copy that is left (GET after ASKING on the target), delete it there \
                 if it should be gone, then resume",
            );
        }
        let message = format!("slot {}: {}", self.task.slot, said.join("; "));
        Halt::Stop(Error::new(ErrorKind::Stopped, message).mend(mends.join("; ")))
    }
}

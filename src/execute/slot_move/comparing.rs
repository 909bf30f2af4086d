//! Keys that both nodes have, or may have: what each has, and what becomes of it.

use super::fault::{Halt, is_about_roles};
use super::state::{Batch, Copy, Pairs, State};
use super::values::Kind;
use super::{OnConflict, SlotMove, TTL_SLACK_MS};
use crate::cluster::verb::{Reply, Verb};
use crate::error::{Error, ErrorKind};
use crate::escape;

impl SlotMove {
    /// The target's copies are gone; what is left on the source is listed anew.
    pub(super) fn forgotten(&mut self, batch: Batch, replies: Vec<Reply>) -> Result<State, Halt> {
        let refusal = replies
            .into_iter()
            .find(|reply| matches!(reply, Reply::Refused(_)));
        match refusal {
            Some(refusal) => Err(self.refused("DEL on the target", Some(refusal))),
            None if batch.held.is_empty() => Ok(State::List { db: batch.db }),
            None => self.after(batch, None),
        }
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
        let mut copies = Vec::with_capacity(replies.len() / 2);
        for pair in replies.chunks_exact(2) {
            match pair {
                // The source has it no more: it went before another key of its batch was busy.
                [Reply::Refused(refusal), _] | [_, Reply::Refused(refusal)]
                    if refusal.code == "ASK" =>
                {
                    copies.push((None, -2));
                }
                [Reply::Text(dump), Reply::Int(ttl)] => copies.push((Some(dump.clone()), *ttl)),
                [Reply::Nil, Reply::Int(ttl)] => copies.push((None, *ttl)),
                [Reply::Refused(_), _] => {
                    return Err(self.refused("DUMP of a key on both sides", pair.first().cloned()));
                }
                _ => return Err(self.surprise("DUMP answered neither a value nor nil")),
            }
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
        let mut unlike = both.filter_map(|(place, (mine, theirs))| {
            let (Some(one), Some(other)) = (&mine.0, &theirs.0) else {
                return None;
            };
            let may_be_same = one != other && live_alike(mine.1, theirs.1);
            Some((place, may_be_same.then(|| Kind::of_both(one, other))??))
        });
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
        let gone = (None, -2);
        let is_gone = |reply: &Reply| match reply {
            Reply::Nil => true,
            Reply::List(list) => list.is_empty(),
            _ => false,
        };
        match (is_gone(&mine), is_gone(&theirs)) {
            (false, false) if kind.is_same(mine, theirs) => {
                pairs.target[place].0 = pairs.source[place].0.clone();
            }
            (false, false) => {}
            (mine, theirs) => {
                if mine {
                    pairs.source[place] = gone.clone();
                }
                if theirs {
                    pairs.target[place] = gone;
                }
            }
        }
        self.read_from(pairs, place + 1)
    }

    /// Equal copies are taken as moved, a difference stops.
    fn judged(&mut self, pairs: Pairs) -> Result<State, Halt> {
        let Pairs {
            batch,
            source,
            target,
        } = pairs;
        let mut goes = Vec::new();
        let mut is_copied = false;
        let (mut given_up, mut forgotten) = (Vec::new(), Vec::new());
        let (mut different, mut revived) = (Vec::new(), Vec::new());
        for ((key, mine), theirs) in batch.keys.iter().zip(&source).zip(&target) {
            let heap = match (&mine.0, &theirs.0, self.settings.on_conflict) {
                (None, None, _) => continue,
                (Some(_), None, _) => &mut goes,
                (Some(_), Some(_), wish) => {
                    is_copied = true;
                    match (same(mine, theirs), wish) {
                        (true, _) | (_, OnConflict::KeepSource) => &mut goes,
                        (_, OnConflict::Stop) => &mut different,
                        (_, OnConflict::KeepTarget) => &mut given_up,
                    }
                }
                // Where it isn't known that the source had it, it may as well have moved.
                (None, Some(_), _) if !batch.is_unclear || expires_now(theirs.1) => continue,
                (None, Some(_), OnConflict::Stop) => &mut revived,
                (None, Some(_), OnConflict::KeepSource) => &mut forgotten,
                (None, Some(_), OnConflict::KeepTarget) => continue,
            };
            heap.push(key.clone());
        }
        self.conflicts += (given_up.len() + forgotten.len()) as u64;
        let with = |keys, held| Batch {
            keys,
            bytes: 0,
            held,
            ..batch.clone()
        };
        if !forgotten.is_empty() {
            let batch = with(forgotten, [given_up, goes].concat());
            return Ok(State::Forget { batch });
        }
        if !given_up.is_empty() {
            let batch = with(given_up, goes);
            return Ok(State::GiveUp { batch });
        }
        let stops = [different.clone(), revived.clone()].concat();
        if goes.is_empty() && !stops.is_empty() {
            return Err(self.conflict(&different, &revived));
        }
        if goes.is_empty() {
            return Ok(State::List { db: batch.db });
        }
        if is_copied || !stops.is_empty() {
            // What needs a person is looked at again when the rest has moved: a stop forgets
            // which other keys have copies on the target.
            let batch = with(goes, stops);
            return Ok(State::Replace { batch });
        }
        // The copies on the target have gone meanwhile, or nothing had arrived.
        self.note_standstill()?;
        Ok(State::Send {
            batch: Batch {
                keys: goes,
                ..batch
            },
        })
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

/// `DUMP` and `PTTL` of each key of a batch, each behind these verbs.
pub(super) fn compare(batch: &Batch, before: &[Verb]) -> Vec<Verb> {
    let mut verbs = Vec::with_capacity(batch.keys.len() * 4);
    for key in &batch.keys {
        for verb in [Verb::Dump(key.clone()), Verb::Pttl(key.clone())] {
            verbs.extend(before.iter().cloned());
            verbs.push(verb);
        }
    }
    verbs
}

/// Whether a copy ends by itself before anybody could look at it: the source's has just expired.
fn expires_now(ttl_ms: i64) -> bool {
    (0..=TTL_SLACK_MS).contains(&ttl_ms)
}

/// Whether two copies of a key are the same: the value, and the remaining life.
fn same((mine, my_ttl): &Copy, (theirs, their_ttl): &Copy) -> bool {
    mine == theirs && live_alike(*my_ttl, *their_ttl)
}

/// Whether two remaining lives are the same, milliseconds; below zero is without end.
fn live_alike(one: i64, other: i64) -> bool {
    (one < 0) == (other < 0) && one.abs_diff(other) <= TTL_SLACK_MS as u64
}

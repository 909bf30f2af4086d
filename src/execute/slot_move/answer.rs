//! What each reply makes of a slot's move.

use super::fault::Halt;
use super::{
    Batch, Copy, EPOCH_PAUSE_MS, MAX_EPOCH_WAITS, MAX_PASSES, MAX_RETRIES, OnConflict,
    RETRY_PAUSE_MS, SlotMove, State, TTL_SLACK_MS,
};
use crate::cluster::keyspace::databases_in;
use crate::cluster::parse::info_field;
use crate::cluster::verb::{Migrate, Refusal, Reply, SetSlot, Verb};
use crate::error::{Error, ErrorKind};
use crate::escape;

impl SlotMove {
    /// The source refused to open a slot that nobody has opened before: no key has moved, so the
    /// target may forget it.
    pub(super) fn opened(&self, replies: Vec<Reply>) -> Result<State, Halt> {
        match self.accepted(replies, "MIGRATING on the source", State::Databases) {
            Err(halt) if self.is_fresh => Ok(State::Withdraw {
                why: halt.error().message().to_owned(),
            }),
            other => other,
        }
    }

    pub(super) fn set_slot(&self, state: SetSlot) -> Verb {
        Verb::SetSlot {
            slot: self.task.slot,
            state,
        }
    }

    /// What the target is told before keys come.
    pub(super) fn import(&self) -> Vec<Verb> {
        let source = self.task.source;
        let owner = self
            .is_source_new
            .then(|| self.set_slot(SetSlot::Node { owner: source }));
        let importing = self.set_slot(SetSlot::Importing { source });
        owner.into_iter().chain([importing]).collect()
    }

    pub(super) fn select(&self, db: usize) -> Verb {
        Verb::Select(self.databases.get(db).copied().unwrap_or(0))
    }

    pub(super) fn list(&self) -> Verb {
        Verb::KeysInSlot {
            slot: self.task.slot,
            limit: self.settings.keys_per_migrate,
        }
    }

    /// What is left behind a batch: all of it, if none of it was moved.
    pub(super) fn list_after(&self, batch: &Batch) -> Verb {
        let keys = u32::try_from(batch.keys.len()).unwrap_or(u32::MAX);
        Verb::KeysInSlot {
            slot: self.task.slot,
            limit: self.settings.keys_per_migrate.max(keys),
        }
    }

    pub(super) fn migrate(&self, batch: &Batch, keys: Vec<Vec<u8>>, replace: bool) -> Verb {
        Verb::Migrate(Migrate {
            target: self.settings.route.clone(),
            db: self.databases[batch.db],
            timeout_ms: self.settings.timeout_ms,
            login: self.settings.login.clone(),
            replace,
            keys,
        })
    }

    /// Counts the slot in every database, and leaves the link at database 0.
    pub(super) fn counts(&self, slot: crate::slot::Slot) -> Vec<Verb> {
        let mut verbs: Vec<Verb> = self
            .databases
            .iter()
            .flat_map(|db| [Verb::Select(*db), Verb::CountKeys(slot)])
            .collect();
        verbs.push(Verb::Select(0));
        verbs
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
        if let Some((db, keys)) = self.unclear.take() {
            let place = self.databases.iter().position(|known| *known == db);
            let place = place.unwrap_or_else(|| {
                self.databases.push(db);
                self.databases.len() - 1
            });
            return Ok(State::CompareSource {
                batch: Batch::of(place, keys.clone()).unclear(keys),
            });
        }
        Ok(match self.databases.is_empty() {
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

    pub(super) fn sent(&mut self, batch: Batch, replies: Vec<Reply>) -> Result<State, Halt> {
        let mut replies = replies.into_iter().skip(1);
        let (outcome, list) = (replies.next(), replies.next());
        match outcome {
            // NOKEY: every key of the batch has expired or was deleted meanwhile.
            Some(Reply::Text(text)) if text == b"OK" || text == b"NOKEY" => {
                if text == b"OK" {
                    self.keys_moved += batch.keys.len() as u64;
                    self.bytes_moved = self.bytes_moved.saturating_add(batch.bytes);
                }
                let next = self.next_batch(batch.db, list)?;
                if matches!(&next, State::Send { batch: again, .. } if again.keys == batch.keys) {
                    self.note_standstill()?;
                }
                Ok(next)
            }
            Some(Reply::Refused(refusal)) if refusal.detail.contains("BUSYKEY") => {
                let left = self.left_of(&batch, list);
                Ok(State::CompareSource {
                    batch: match left.is_empty() {
                        true => batch,
                        false => batch.unclear(left),
                    },
                })
            }
            // The connection of the two servers broke. Keys that the target acknowledged are
            // gone from the source, the others still there: ask anew what is left.
            Some(Reply::Refused(refusal)) if refusal.code == "IOERR" => {
                let left = self.left_of(&batch, list);
                if batch.breaks >= MAX_RETRIES {
                    let db = self.databases[batch.db];
                    self.unclear = Some((db, left)).filter(|(_, left)| !left.is_empty());
                    return Err(self.refused("MIGRATE", Some(Reply::Refused(refusal))));
                }
                self.pause_ms = Some(RETRY_PAUSE_MS << batch.breaks);
                let breaks = batch.breaks + 1;
                Ok(match left.is_empty() {
                    true => State::Send {
                        batch: Batch { breaks, ..batch },
                    },
                    false => State::CompareSource {
                        batch: Batch { breaks, ..batch }.unclear(left),
                    },
                })
            }
            other => Err(self.refused("MIGRATE", other)),
        }
    }

    /// The keys that the source still has, straight after a `MIGRATE` that didn't move them, may
    /// have a copy on the target. A client that deletes one of them from here on would get that
    /// copy back, so both sides are looked at before the rest goes on its way.
    fn left_of(&self, batch: &Batch, list: Option<Reply>) -> Vec<Vec<u8>> {
        let listed = list.and_then(|list| list.byte_strings(&self.list()).ok());
        let listed = listed.unwrap_or_default();
        let keys = batch.keys.iter();
        keys.filter(|key| listed.contains(key)).cloned().collect()
    }

    /// Each key was sent over its copy on the target, or had gone from the source since the two
    /// were compared, and its copy stays.
    pub(super) fn replaced(&mut self, batch: Batch, replies: Vec<Reply>) -> Result<State, Halt> {
        let mut replies = replies.into_iter().skip(1);
        let outcomes: Vec<Reply> = replies.by_ref().take(batch.keys.len()).collect();
        let (mut left, mut is_broken) = (Vec::new(), false);
        let missing = batch.keys.len() - outcomes.len();
        for (key, outcome) in batch.keys.iter().zip(outcomes) {
            match outcome {
                Reply::Text(text) if text == b"OK" => self.keys_moved += 1,
                Reply::Text(text) if text == b"NOKEY" => left.push(key.clone()),
                Reply::Refused(refusal)
                    if refusal.code == "IOERR" && batch.breaks < MAX_RETRIES =>
                {
                    is_broken = true;
                    left.push(key.clone());
                }
                other => return Err(self.refused("MIGRATE", Some(other))),
            }
        }
        if missing > 0 {
            return Err(self.refused("MIGRATE", None));
        }
        if left.is_empty() {
            return self.after(batch, replies.next());
        }
        left.extend(batch.held.iter().cloned());
        let mut batch = batch.unclear(left);
        if is_broken {
            self.pause_ms = Some(RETRY_PAUSE_MS << batch.breaks);
            batch.breaks += 1;
        }
        Ok(State::CompareSource { batch })
    }

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

    /// Counts a round trip that brought nothing, and stops when that goes on.
    fn note_standstill(&mut self) -> Result<(), Halt> {
        self.standstills += 1;
        match self.standstills > MAX_PASSES {
            true => Err(self.surprise("the source lists keys that MIGRATE doesn't move")),
            false => Ok(()),
        }
    }

    /// Reads the answers to `DUMP` and `PTTL`, a pair a key.
    pub(super) fn copies(&self, replies: Vec<Reply>) -> Result<Vec<Copy>, Halt> {
        let mut copies = Vec::with_capacity(replies.len() / 2);
        for pair in replies.chunks_exact(2) {
            match pair {
                [Reply::Text(dump), Reply::Int(ttl)] => copies.push((Some(dump.clone()), *ttl)),
                [Reply::Nil, Reply::Int(ttl)] => copies.push((None, *ttl)),
                // The source has it no more: it went before another key of its batch was busy.
                [Reply::Refused(refusal), _] if refusal.code == "ASK" => copies.push((None, -2)),
                [Reply::Refused(_), _] => {
                    return Err(self.refused("DUMP of a key on both sides", pair.first().cloned()));
                }
                _ => return Err(self.surprise("DUMP answered neither a value nor nil")),
            }
        }
        Ok(copies)
    }

    /// Both nodes have keys of the batch: equal copies are taken as moved, a difference stops.
    pub(super) fn compared(
        &mut self,
        batch: Batch,
        source: &[Copy],
        replies: Vec<Reply>,
    ) -> Result<State, Halt> {
        // SELECT, then ASKING DUMP ASKING PTTL for each key, then SELECT.
        let values = replies.into_iter().skip(2).step_by(2).collect();
        let target = self.copies(values)?;
        let mut goes = Vec::new();
        let mut is_copied = false;
        let (mut given_up, mut forgotten) = (Vec::new(), Vec::new());
        let (mut different, mut revived) = (Vec::new(), Vec::new());
        for ((key, mine), theirs) in batch.keys.iter().zip(source).zip(&target) {
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

    /// The keys that need a person, all of them: nobody remembers those that aren't named.
    fn conflict(&self, different: &[Vec<u8>], revived: &[Vec<u8>]) -> Halt {
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

impl State {
    fn first_try(batch: Batch) -> State {
        State::Send { batch }
    }
}

impl Batch {
    fn of(db: usize, keys: Vec<Vec<u8>>) -> Batch {
        Batch {
            db,
            keys,
            bytes: 0,
            is_unclear: false,
            held: Vec::new(),
            breaks: 0,
        }
    }

    /// These of its keys, which the source still had after a `MIGRATE` that didn't move them.
    fn unclear(self, keys: Vec<Vec<u8>>) -> Batch {
        Batch {
            keys,
            is_unclear: true,
            held: Vec::new(),
            ..self
        }
    }
}

/// `MEMORY USAGE`, with the server's own number of samples.
pub(super) fn memory_usage(key: &[u8]) -> Verb {
    Verb::Client(vec![b"MEMORY".to_vec(), b"USAGE".to_vec(), key.to_vec()])
}

/// Whether a refusal may come from a node that took over, went down or hasn't loaded yet: who is
/// who must be looked at before anything is made of it.
fn is_about_roles(refusal: &Refusal) -> bool {
    const CODES: [&str; 8] = [
        "MOVED",
        "ASK",
        "CLUSTERDOWN",
        "READONLY",
        "LOADING",
        "MASTERDOWN",
        "NOREPLICAS",
        "IOERR",
    ];
    const DETAILS: [&str; 3] = [
        "use SETSLOT only with",
        "not the owner of hash slot",
        "already the owner of hash slot",
    ];
    // A refusal of MIGRATE's target stands inside the source's own.
    let inner = refusal
        .detail
        .strip_prefix("Target instance replied with error: ")
        .and_then(|detail| detail.split(' ').next());
    let has_code = |code: &str| CODES.contains(&code);
    has_code(&refusal.code)
        || inner.is_some_and(has_code)
        || DETAILS.iter().any(|detail| refusal.detail.contains(detail))
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
    let lives = (*my_ttl < 0) == (*their_ttl < 0);
    mine == theirs && lives && my_ttl.abs_diff(*their_ttl) <= TTL_SLACK_MS as u64
}

//! One slot's way from its source to its target, without any I/O.
//!
//! [`SlotMove::action`] says what to do next, [`SlotMove::answer`] takes the
//! replies. The order is that of the design, and it goes forward only: after
//! the first key has moved, no state ever leads back, because `STABLE` on the
//! source would make the moved keys read nil.
//!
//! ```text
//!  Import ──> Migrate ──> Databases ──> List ──> Send ──┐
//!  (target)   (source)    (source)      │  ▲      │     │ OK, NOKEY: the next keys
//!                            ▲          │  └──────┼─────┘
//!                            │          │         │ BUSYKEY
//!                            │  no key  │         ▼
//!                            │  left    │     CompareSource ──> CompareTarget
//!                            │          ▼         equal: Send with REPLACE
//!                            └─────── Count       different: stop
//!                       a key after     │ 0 in every database
//!                       all             ▼
//!                                    Confirm: nobody else has the slot open
//!                                       ▼
//!                                  EpochOfSource ──> EpochOfTarget ──┐ target behind:
//!                                                     │    ▲         │ wait
//!                                                     │    └─────────┘
//!                                                     ▼
//!              OwnTarget ──> OwnSource ──> OwnOther (each primary) ──> Done
//! ```
//!
//! A slot that the target owns already (a run broke off between the `NODE`s)
//! enters at `Databases`: what is left to do is the same, and a `NODE` that
//! comes twice changes nothing.

use super::Move;
use crate::cluster::keyspace::databases_in;
use crate::cluster::login::Login;
use crate::cluster::parse::info_field;
use crate::cluster::verb::{Migrate, Refusal, Reply, SetSlot, Verb};
use crate::cluster::{NodeAddr, NodeId};
use crate::error::{Error, ErrorKind, Result};
use crate::escape;

/// How often keys may turn up again behind an empty listing before we stop.
const MAX_PASSES: u32 = 16;
/// How often a `MIGRATE` that lost its connection is tried again.
const MAX_RETRIES: u32 = 3;
const RETRY_PAUSE_MS: u64 = 250;
/// How long the target may take to learn the source's epoch: gossip needs a second or two.
const EPOCH_PAUSE_MS: u64 = 100;
const MAX_EPOCH_WAITS: u32 = 300;
/// Two clocks read a remaining life at two moments: this much apart counts as the same.
const TTL_SLACK_MS: i64 = 1_000;

/// How keys are moved.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the *source* reaches the target, proven to be the target.
    pub route: NodeAddr,
    /// What the source logs in with on the target.
    pub login: Option<Login>,
    /// The longest silence between the two servers.
    pub timeout_ms: u64,
    /// How many keys go into one `MIGRATE`, which blocks both servers while it runs.
    pub keys_per_migrate: u32,
    /// The primaries that are neither source nor target.
    pub others: Vec<NodeId>,
}

/// Where a slot's way begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The source owns it and nobody has it open: nothing is done yet.
    Fresh,
    /// The source owns it; an earlier run has opened it, and keys may be on both sides.
    SourceOwns,
    /// The target owns it already; the source or a bystander may not know, or still has it open.
    TargetOwns,
}

/// What to do next.
#[derive(Clone, Debug)]
pub enum Action {
    /// Send these verbs to this node and give the replies to [`SlotMove::answer`].
    ///
    /// Verbs of other slots may go before and after them over the same link, so
    /// they begin with `SELECT` where the database matters.
    Ask {
        /// The node.
        node: NodeId,
        /// The verbs, in one write.
        verbs: Vec<Verb>,
    },
    /// Look whether the slot is still moved by us alone, then call [`SlotMove::confirmed`].
    ///
    /// `SETSLOT` overwrites what another tool has set, without a word: a `NODE` after that
    /// would give the slot away from under the keys that the other has moved.
    Confirm,
    /// Wait, then ask again for the next action.
    Pause {
        /// How long.
        ms: u64,
    },
    /// The slot is where it should be.
    Done,
}

/// One slot under way.
pub struct SlotMove {
    task: Move,
    settings: Settings,
    state: State,
    databases: Vec<u32>,
    /// Nobody had the slot open before.
    is_fresh: bool,
    passes: u32,
    standstills: u32,
    keys_moved: u64,
    /// A wait that comes before the next question.
    pause_ms: Option<u64>,
}

/// A batch of keys in one database.
#[derive(Clone, Debug)]
struct Batch {
    /// Index into `SlotMove::databases`.
    db: usize,
    keys: Vec<Vec<u8>>,
}

/// What a key is on one node: its value as `DUMP` gives it, and its remaining life.
type Copy = (Option<Vec<u8>>, i64);

#[derive(Clone, Debug)]
enum State {
    Import,
    Migrate,
    Databases,
    List {
        db: usize,
    },
    Send {
        batch: Batch,
        replace: bool,
        attempt: u32,
    },
    CompareSource {
        batch: Batch,
    },
    CompareTarget {
        batch: Batch,
        source: Vec<Copy>,
    },
    Count,
    Withdraw {
        why: String,
    },
    Confirm,
    EpochOfSource,
    EpochOfTarget {
        needed: u64,
        waits: u32,
    },
    OwnTarget,
    OwnSource,
    OwnOther {
        index: usize,
    },
    Done,
}

impl SlotMove {
    /// A slot's way from this entry.
    pub fn new(task: Move, settings: Settings, entry: Entry) -> SlotMove {
        SlotMove {
            task,
            settings,
            state: match entry {
                Entry::Fresh | Entry::SourceOwns => State::Import,
                Entry::TargetOwns => State::Databases,
            },
            databases: Vec::new(),
            is_fresh: entry == Entry::Fresh,
            passes: 0,
            standstills: 0,
            keys_moved: 0,
            pause_ms: None,
        }
    }

    /// The keys that were sent and acknowledged so far. A key that was deleted while its batch was
    /// on the way counts too, so this is a figure for progress, not for bookkeeping.
    pub fn keys_moved(&self) -> u64 {
        self.keys_moved
    }

    /// What to do next.
    pub fn action(&mut self) -> Action {
        if let Some(ms) = self.pause_ms.take() {
            return Action::Pause { ms };
        }
        let Move {
            slot,
            source,
            target,
        } = self.task;
        let (node, verbs) = match &self.state {
            State::Import => (target, vec![self.set_slot(SetSlot::Importing { source })]),
            State::Migrate => (source, vec![self.set_slot(SetSlot::Migrating { target })]),
            State::Databases => (source, vec![Verb::Info("keyspace")]),
            State::List { db } => (source, vec![self.select(*db), self.list()]),
            State::Send { batch, replace, .. } => {
                let verbs = vec![
                    self.select(batch.db),
                    self.migrate(batch, *replace),
                    self.list(),
                ];
                (source, verbs)
            }
            State::CompareSource { batch } => {
                let mut verbs = vec![self.select(batch.db)];
                verbs.extend(compare(batch, &[]));
                (source, verbs)
            }
            State::CompareTarget { batch, .. } => {
                let mut verbs = vec![self.select(batch.db)];
                verbs.extend(compare(batch, &[Verb::Asking]));
                verbs.push(Verb::Select(0));
                (target, verbs)
            }
            State::Count => (source, self.counts(slot)),
            State::Withdraw { .. } => (target, vec![self.set_slot(SetSlot::Stable)]),
            State::Confirm => return Action::Confirm,
            State::EpochOfSource => (source, vec![Verb::ClusterInfo]),
            State::EpochOfTarget { .. } => (target, vec![Verb::ClusterInfo]),
            State::OwnTarget => (target, vec![self.set_slot(SetSlot::Node { owner: target })]),
            State::OwnSource => (source, vec![self.set_slot(SetSlot::Node { owner: target })]),
            State::OwnOther { index } => {
                let other = self.settings.others[*index];
                (other, vec![self.set_slot(SetSlot::Node { owner: target })])
            }
            State::Done => return Action::Done,
        };
        Action::Ask { node, verbs }
    }

    /// Takes the replies to the verbs of the last [`Action::Ask`].
    ///
    /// # Errors
    /// [`ErrorKind::Stopped`] at the first surprise. The slot stays as it is:
    /// every state can be entered again.
    pub fn answer(&mut self, replies: Vec<Reply>) -> Result<()> {
        let state = std::mem::replace(&mut self.state, State::Done);
        self.state = match state {
            State::Import => self.accepted(replies, "IMPORTING on the target", State::Migrate)?,
            State::Migrate => self.opened(replies)?,
            State::Withdraw { why } => return Err(Error::new(ErrorKind::Stopped, why)),
            State::Databases => self.start_pass(replies)?,
            State::List { db } => self.listed(db, replies)?,
            State::Send {
                batch,
                replace,
                attempt,
            } => self.sent(batch, replace, attempt, replies)?,
            State::CompareSource { batch } => {
                let source = self.copies(replies.into_iter().skip(1).collect())?;
                State::CompareTarget { batch, source }
            }
            State::CompareTarget { batch, source } => self.compared(batch, &source, replies)?,
            State::Count => self.counted(replies)?,
            State::EpochOfSource => {
                let needed = self.epoch(replies, "cluster_my_epoch")?;
                State::EpochOfTarget { needed, waits: 0 }
            }
            State::EpochOfTarget { needed, waits } => self.guard(needed, waits, replies)?,
            State::OwnTarget => self.accepted(replies, "NODE on the target", State::OwnSource)?,
            State::OwnSource => self.told(replies, "NODE on the source", 0)?,
            State::OwnOther { index } => self.told(replies, "NODE on a primary", index + 1)?,
            State::Confirm | State::Done => {
                return Err(self.surprise("a reply that nobody waited for"));
            }
        };
        Ok(())
    }

    /// Says that the slot is still moved by us alone.
    pub fn confirmed(&mut self) {
        if matches!(self.state, State::Confirm) {
            self.state = State::EpochOfSource;
        }
    }

    /// The source refused to open a slot that nobody has opened before: no key has moved, so the
    /// target may forget it.
    fn opened(&self, replies: Vec<Reply>) -> Result<State> {
        match self.accepted(replies, "MIGRATING on the source", State::Databases) {
            Err(error) if self.is_fresh => Ok(State::Withdraw {
                why: error.message().to_owned(),
            }),
            other => other,
        }
    }

    fn set_slot(&self, state: SetSlot) -> Verb {
        Verb::SetSlot {
            slot: self.task.slot,
            state,
        }
    }

    fn select(&self, db: usize) -> Verb {
        Verb::Select(self.databases.get(db).copied().unwrap_or(0))
    }

    fn list(&self) -> Verb {
        Verb::KeysInSlot {
            slot: self.task.slot,
            limit: self.settings.keys_per_migrate,
        }
    }

    fn migrate(&self, batch: &Batch, replace: bool) -> Verb {
        Verb::Migrate(Migrate {
            target: self.settings.route.clone(),
            db: self.databases[batch.db],
            timeout_ms: self.settings.timeout_ms,
            login: self.settings.login.clone(),
            replace,
            keys: batch.keys.clone(),
        })
    }

    /// Counts the slot in every database, and leaves the link at database 0.
    fn counts(&self, slot: crate::slot::Slot) -> Vec<Verb> {
        let mut verbs: Vec<Verb> = self
            .databases
            .iter()
            .flat_map(|db| [Verb::Select(*db), Verb::CountKeys(slot)])
            .collect();
        verbs.push(Verb::Select(0));
        verbs
    }

    fn accepted(&self, replies: Vec<Reply>, what: &str, next: State) -> Result<State> {
        match replies.into_iter().next() {
            Some(Reply::Text(_)) => Ok(next),
            other => Err(self.refused(what, other)),
        }
    }

    /// A `NODE` on a node that may have turned into a replica meanwhile: a primary from 7.0 on
    /// does, when its last slot has left (redis#9223), and then follows the slot's new owner.
    fn told(&self, replies: Vec<Reply>, what: &str, next: usize) -> Result<State> {
        let turned = |refusal: &Refusal| refusal.detail.contains("use SETSLOT only with");
        match replies.into_iter().next() {
            Some(Reply::Text(_)) => {}
            Some(Reply::Refused(refusal)) if turned(&refusal) => {}
            other => return Err(self.refused(what, other)),
        }
        Ok(match next < self.settings.others.len() {
            true => State::OwnOther { index: next },
            false => State::Done,
        })
    }

    fn start_pass(&mut self, replies: Vec<Reply>) -> Result<State> {
        let info = self.text(replies, "INFO keyspace")?;
        self.databases = databases_in(&info);
        self.passes += 1;
        if self.passes > MAX_PASSES {
            return Err(self.surprise("new keys turn up on the source without end"));
        }
        Ok(match self.databases.is_empty() {
            true => State::Count,
            false => State::List { db: 0 },
        })
    }

    fn listed(&mut self, db: usize, replies: Vec<Reply>) -> Result<State> {
        let list = replies.into_iter().nth(1);
        self.next_batch(db, list)
    }

    /// The keys of a listing as the next batch, or the next database, or the count.
    fn next_batch(&mut self, db: usize, list: Option<Reply>) -> Result<State> {
        let keys = match list {
            Some(list) => list
                .byte_strings(&self.list())
                .map_err(|error| self.stopped("GETKEYSINSLOT on the source", &error))?,
            None => return Err(self.surprise("GETKEYSINSLOT on the source got no answer")),
        };
        Ok(if !keys.is_empty() {
            State::Send {
                batch: Batch { db, keys },
                replace: false,
                attempt: 0,
            }
        } else if db + 1 < self.databases.len() {
            State::List { db: db + 1 }
        } else {
            State::Count
        })
    }

    fn sent(
        &mut self,
        batch: Batch,
        replace: bool,
        attempt: u32,
        replies: Vec<Reply>,
    ) -> Result<State> {
        let mut replies = replies.into_iter().skip(1);
        let (outcome, list) = (replies.next(), replies.next());
        match outcome {
            // NOKEY: every key of the batch has expired or was deleted meanwhile.
            Some(Reply::Text(text)) if text == b"OK" || text == b"NOKEY" => {
                if text == b"OK" {
                    self.keys_moved += batch.keys.len() as u64;
                }
                let next = self.next_batch(batch.db, list)?;
                if matches!(&next, State::Send { batch: again, .. } if again.keys == batch.keys) {
                    self.note_standstill()?;
                }
                Ok(next)
            }
            Some(Reply::Refused(refusal)) if refusal.detail.contains("BUSYKEY") && !replace => {
                Ok(State::CompareSource { batch })
            }
            // The connection of the two servers broke. Keys that the target acknowledged are
            // gone from the source, the others still there: ask anew what is left.
            Some(Reply::Refused(refusal)) if refusal.code == "IOERR" && attempt < MAX_RETRIES => {
                self.pause_ms = Some(RETRY_PAUSE_MS << attempt);
                Ok(State::Send {
                    batch,
                    replace,
                    attempt: attempt + 1,
                })
            }
            other => Err(self.refused("MIGRATE", other)),
        }
    }

    /// Counts a round trip that brought nothing, and stops when that goes on.
    fn note_standstill(&mut self) -> Result<()> {
        self.standstills += 1;
        match self.standstills > MAX_PASSES {
            true => Err(self.surprise("the source lists keys that MIGRATE doesn't move")),
            false => Ok(()),
        }
    }

    /// Reads the answers to `DUMP` and `PTTL`, a pair a key.
    fn copies(&self, replies: Vec<Reply>) -> Result<Vec<Copy>> {
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
    fn compared(&mut self, batch: Batch, source: &[Copy], replies: Vec<Reply>) -> Result<State> {
        // SELECT, then ASKING DUMP ASKING PTTL for each key, then SELECT.
        let values = replies.into_iter().skip(2).step_by(2).collect();
        let target = self.copies(values)?;
        let mut equal = Vec::new();
        for ((key, mine), theirs) in batch.keys.iter().zip(source).zip(&target) {
            match (mine, theirs) {
                ((Some(_), _), (Some(_), _)) if same(mine, theirs) => equal.push(key.clone()),
                ((Some(_), _), (Some(_), _)) => return Err(self.conflict(key)),
                _ => {}
            }
        }
        let replace = !equal.is_empty();
        let batch = match replace {
            true => Batch {
                db: batch.db,
                keys: equal,
            },
            // The copy on the target has gone meanwhile.
            false => {
                self.note_standstill()?;
                batch
            }
        };
        Ok(State::Send {
            batch,
            replace,
            attempt: 0,
        })
    }

    fn counted(&mut self, replies: Vec<Reply>) -> Result<State> {
        let mut left: u64 = 0;
        let count = Verb::CountKeys(self.task.slot);
        for reply in replies {
            match reply {
                Reply::Text(_) => {}
                other => {
                    let keys = other.count(&count);
                    let keys =
                        keys.map_err(|error| self.stopped("counting on the source", &error))?;
                    left = left.saturating_add(keys);
                }
            }
        }
        Ok(match left {
            0 => State::Confirm,
            _ => State::Databases,
        })
    }

    /// A target that hasn't learnt the source's epoch would claim the slot without winning it;
    /// gossip gives it back, and the loser deletes its keys (seen on Redis 4.0.1).
    fn guard(&mut self, needed: u64, waits: u32, replies: Vec<Reply>) -> Result<State> {
        let info = self.text(replies, "CLUSTER INFO")?;
        let epoch = info_field(&info, "cluster_current_epoch").and_then(|text| text.parse().ok());
        match epoch {
            Some(epoch) if needed <= epoch => Ok(State::OwnTarget),
            Some::<u64>(_) if waits < MAX_EPOCH_WAITS => {
                self.pause_ms = Some(EPOCH_PAUSE_MS);
                Ok(State::EpochOfTarget {
                    needed,
                    waits: waits + 1,
                })
            }
            Some(epoch) => {
                let message =
                    format!("the target's epoch {epoch} stays behind the source's {needed}");
                Err(self.surprise(&message))
            }
            None => Err(self.surprise("the target doesn't tell its cluster_current_epoch")),
        }
    }

    fn epoch(&self, replies: Vec<Reply>, field: &str) -> Result<u64> {
        let info = self.text(replies, "CLUSTER INFO")?;
        info_field(&info, field)
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| self.surprise(&format!("the source doesn't tell its {field}")))
    }

    fn text(&self, replies: Vec<Reply>, what: &str) -> Result<String> {
        match replies.into_iter().next() {
            Some(Reply::Text(bytes)) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            other => Err(self.refused(what, other)),
        }
    }

    fn conflict(&self, key: &[u8]) -> Error {
        let message = format!(
            "key `{}` is on both nodes with different values",
            escape::key_line(key)
        );
        self.surprise(&message).mend(
            "compare the two with GET (after ASKING on the target), delete the wrong one there",
        )
    }

    fn refused(&self, what: &str, reply: Option<Reply>) -> Error {
        match reply {
            Some(Reply::Refused(refusal)) => {
                self.surprise(&format!("{what} was refused: {refusal}"))
            }
            Some(_) => self.surprise(&format!("{what} answered something odd")),
            None => self.surprise(&format!("{what} got no answer")),
        }
    }

    fn stopped(&self, what: &str, error: &Error) -> Error {
        self.surprise(&format!("{what}: {}", error.message()))
    }

    fn surprise(&self, what: &str) -> Error {
        Error::new(
            ErrorKind::Stopped,
            format!("slot {}: {what}", self.task.slot),
        )
    }
}

/// `DUMP` and `PTTL` of each key of a batch, each behind these verbs.
fn compare(batch: &Batch, before: &[Verb]) -> Vec<Verb> {
    let mut verbs = Vec::with_capacity(batch.keys.len() * 4);
    for key in &batch.keys {
        for verb in [Verb::Dump(key.clone()), Verb::Pttl(key.clone())] {
            verbs.extend(before.iter().cloned());
            verbs.push(verb);
        }
    }
    verbs
}

/// Whether two copies of a key are the same: the value, and the remaining life.
fn same((mine, my_ttl): &Copy, (theirs, their_ttl): &Copy) -> bool {
    let lives = (*my_ttl < 0) == (*their_ttl < 0);
    mine == theirs && lives && my_ttl.abs_diff(*their_ttl) <= TTL_SLACK_MS as u64
}

#[cfg(test)]
mod tests;

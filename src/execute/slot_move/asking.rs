//! What each state asks, and whom.

use super::super::Move;
use super::super::copies::questions;
use super::state::{Batch, State};
use super::{Action, SlotMove};
use crate::cluster::verb::{Migrate, SetSlot, Verb};

impl SlotMove {
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
            State::Import => (target, self.import()),
            State::Claim => return Action::Claim,
            State::Migrate => (source, vec![self.set_slot(SetSlot::Migrating { target })]),
            State::Databases => (source, vec![Verb::Info("keyspace")]),
            State::List { db } => (source, self.in_db(*db, [self.list()])),
            State::Measure { db, keys } => (
                source,
                self.in_db(*db, keys.iter().map(|key| memory_usage(key))),
            ),
            State::Send { batch } => (source, self.send(batch)),
            State::Replace { batch } => (source, self.replace(batch)),
            State::CompareSource { batch } => {
                (source, self.in_db(batch.db, questions(&batch.keys, &[])))
            }
            State::CompareTarget { batch, .. } => {
                let asked = questions(&batch.keys, &[Verb::Asking]);
                (target, self.in_db_and_back(batch.db, asked))
            }
            State::ReadSource { pairs, place, kind } => {
                let key = &pairs.batch.keys[*place];
                (source, self.in_db(pairs.batch.db, [kind.read(key)]))
            }
            State::ReadTarget {
                pairs, place, kind, ..
            } => {
                let read = kind.read(&pairs.batch.keys[*place]);
                (
                    target,
                    self.in_db_and_back(pairs.batch.db, [Verb::Asking, read]),
                )
            }
            State::GiveUp { batch } => {
                let deleted = batch.keys.iter().map(|key| delete(key));
                (source, self.in_db(batch.db, deleted.chain([self.list()])))
            }
            State::Count => (source, self.counts(slot)),
            State::Withdraw { .. } => (target, vec![self.set_slot(SetSlot::Stable)]),
            State::Confirm { .. } => return Action::Confirm,
            State::EpochOfTarget { .. } => (target, vec![Verb::ClusterInfo]),
            State::OwnTarget => (target, vec![self.set_slot(SetSlot::Node { owner: target })]),
            State::OwnSource => (source, vec![self.set_slot(SetSlot::Node { owner: target })]),
            State::OwnOther { index } => {
                let other = self.settings.others[*index];
                (other, vec![self.set_slot(SetSlot::Node { owner: target })])
            }
            State::Turned => return Action::Look,
            State::Done => return Action::Done,
        };
        Action::Ask { node, verbs }
    }

    fn set_slot(&self, state: SetSlot) -> Verb {
        Verb::SetSlot {
            slot: self.task.slot,
            state,
        }
    }

    /// What the target is told before keys come.
    fn import(&self) -> Vec<Verb> {
        let source = self.task.source;
        let owner = self
            .is_source_new
            .then(|| self.set_slot(SetSlot::Node { owner: source }));
        let importing = self.set_slot(SetSlot::Importing { source });
        owner.into_iter().chain([importing]).collect()
    }

    fn in_db(&self, db: usize, verbs: impl IntoIterator<Item = Verb>) -> Vec<Verb> {
        let select = Verb::Select(self.databases.get(db).copied().unwrap_or(0));
        [select].into_iter().chain(verbs).collect()
    }

    /// The target's link is another slot's source's too: it is left where it was.
    fn in_db_and_back(&self, db: usize, verbs: impl IntoIterator<Item = Verb>) -> Vec<Verb> {
        let back = [Verb::Select(0)];
        self.in_db(db, verbs.into_iter().chain(back))
    }

    pub(super) fn list(&self) -> Verb {
        Verb::KeysInSlot {
            slot: self.task.slot,
            limit: self.settings.keys_per_migrate,
        }
    }

    /// What is left behind a batch: all of it, if none of it was moved.
    fn list_after(&self, batch: &Batch) -> Verb {
        let keys = u32::try_from(batch.keys.len()).unwrap_or(u32::MAX);
        Verb::KeysInSlot {
            slot: self.task.slot,
            limit: self.settings.keys_per_migrate.max(keys),
        }
    }

    fn send(&self, batch: &Batch) -> Vec<Verb> {
        let sent = self.migrate(batch, batch.keys.clone(), false);
        self.in_db(batch.db, [sent, self.list_after(batch)])
    }

    fn replace(&self, batch: &Batch) -> Vec<Verb> {
        let keys = batch.keys.iter();
        let sent = keys.map(|key| self.migrate(batch, vec![key.clone()], true));
        self.in_db(batch.db, sent.chain([self.list_after(batch)]))
    }

    fn migrate(&self, batch: &Batch, keys: Vec<Vec<u8>>, replace: bool) -> Verb {
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
    fn counts(&self, slot: crate::slot::Slot) -> Vec<Verb> {
        let mut verbs: Vec<Verb> = self
            .databases
            .iter()
            .flat_map(|db| [Verb::Select(*db), Verb::CountKeys(slot)])
            .collect();
        verbs.push(Verb::Select(0));
        verbs
    }
}

/// One key at a time: of several that have gone in part the server says `TRYAGAIN`.
fn delete(key: &[u8]) -> Verb {
    Verb::Client(vec![b"DEL".to_vec(), key.to_vec()])
}

/// `MEMORY USAGE`, with the server's own number of samples.
fn memory_usage(key: &[u8]) -> Verb {
    Verb::Client(vec![b"MEMORY".to_vec(), b"USAGE".to_vec(), key.to_vec()])
}

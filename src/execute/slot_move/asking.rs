//! Says what each state asks, and whom.

use super::super::Move;
use super::super::copies::{Side, questions, weigh};
use super::super::failures::Failures;
use super::lengthened;
use super::state::Unclear;
use super::state::{Batch, State};
use super::{Action, SlotMove};
use crate::cluster::keyspace::MAX_DATABASES;
use crate::cluster::verb::{Migrate, SetSlot, Verb};
use crate::slot::{Slot, tag_for};
use std::collections::BTreeSet;

impl SlotMove {
    /// What to do next.
    pub(super) fn next_action(&mut self) -> Action {
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
            State::Unimported { .. } => (target, vec![Verb::Nodes]),
            State::Claim => return Action::Claim,
            State::Migrate => {
                let migrating = self.set_slot(SetSlot::Migrating { target });
                let looks = self.databases().into_iter();
                let first = [Verb::Select(0), self.list()];
                let asked = [migrating, self.probe()].into_iter().chain(looks);
                (source, asked.chain(first).collect())
            }
            State::Databases => (source, self.databases()),
            State::Failures => (source, Failures::questions()),
            State::List { db } => (source, self.in_db(*db, [self.list()])),
            State::Measure {
                db,
                keys,
                asks_ends,
            } => (source, self.in_db(*db, self.measures(keys, *asks_ends))),
            State::Send { batch } => (source, self.send(batch)),
            State::Replace { batch, .. } => (source, self.replace(batch)),
            State::WeighSource { batch } => (source, self.in_db(batch.db, weigh(&batch.keys, &[]))),
            State::WeighTarget { batch, .. } => {
                let asked = weigh(&batch.keys, &[Verb::Asking]);
                (target, self.in_db_and_back(batch.db, asked))
            }
            State::CompareSource { batch, weights } => {
                let asked = questions(&batch.keys, weights, &[]);
                (source, self.in_db(batch.db, asked))
            }
            State::CompareTarget { batch, weights, .. } => {
                let asked = questions(&batch.keys, weights, &[Verb::Asking]);
                (target, self.in_db_and_back(batch.db, asked))
            }
            State::Walk { pairs, walk, .. } => match walk.side() {
                Side::Source => (source, self.in_db(pairs.batch.db, walk.ask())),
                Side::Target => {
                    let each = walk.ask().into_iter();
                    let asked = each.flat_map(|verb| [Verb::Asking, verb]);
                    (target, self.in_db_and_back(pairs.batch.db, asked))
                }
            },
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
            State::Prove { db, asked, .. } => {
                let asked = asked.iter().cloned();
                let asked = asked.flat_map(|key| [Verb::Asking, Verb::Pttl(key)]);
                let count = [Verb::CountKeys(slot)].into_iter();
                (target, self.in_db_and_back(*db, count.chain(asked)))
            }
            State::LookAtLives { db, keys, .. } => {
                (target, self.in_db_and_back(*db, lengthened::looks(keys)))
            }
            State::CutLives { db, cuts, .. } => {
                (target, self.in_db_and_back(*db, lengthened::set_ends(cuts)))
            }
            State::Count => (source, self.counts(slot)),
            State::Vouch => return Action::Vouch,
            State::Withdraw { .. } => (target, vec![self.set_slot(SetSlot::Stable)]),
            State::LookAtTarget { .. } => (target, self.looks_at_target()),
            State::LookAtSource { gone, .. } => (source, looks_at_source(gone)),
            State::CloseTarget { .. } => {
                let stable = self.set_slot(SetSlot::Stable);
                let looks = self.looks_at_target();
                (target, [stable].into_iter().chain(looks).collect())
            }
            State::CloseSource { .. } => {
                let stable = self.set_slot(SetSlot::Stable);
                (source, vec![stable, self.probe()])
            }
            State::Reopen { .. } => {
                let importing = self.set_slot(SetSlot::Importing { source });
                (target, vec![importing])
            }
            State::Confirm { .. } => return Action::Confirm,
            State::AskTarget { .. } => (target, self.epoch_and_counts()),
            State::OwnTarget { .. } => {
                let own = self.set_slot(SetSlot::Node { owner: target });
                (target, vec![own, self.probe()])
            }
            State::OwnSource => (source, vec![self.set_slot(SetSlot::Node { owner: target })]),
            State::OwnOther { index } => {
                let other = self.settings.others[*index];
                (other, vec![self.set_slot(SetSlot::Node { owner: target })])
            }
            State::Turned | State::Halted => return Action::Recheck,
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

    /// Asks for a key of the slot that nobody has. What `SETSLOT` has really set shows in the
    /// answer: a source that gives the slot away says `ASK`, an owner says that there is none, and
    /// everybody else says `MOVED`.
    fn probe(&self) -> Verb {
        let tag = tag_for(self.task.slot);
        Verb::Pttl([b"slotkit-probe:{", tag, b"}"].concat())
    }

    /// Which databases have keys of the slot: what `INFO` lists, and what is counted in each other
    /// one that there is.
    fn databases(&self) -> Vec<Verb> {
        let info = Verb::Info("keyspace");
        match self.settings.databases[0] {
            0 | 1 => vec![info],
            count => {
                let counts = looks_in(1..count.min(MAX_DATABASES), self.task.slot);
                [info].into_iter().chain(counts).collect()
            }
        }
    }

    /// The target's epoch, and its counts of the keys that it was found to have.
    fn epoch_and_counts(&self) -> Vec<Verb> {
        let known = self.there.iter().map(|there| there.db);
        let count = |db| [Verb::Select(db), Verb::CountKeys(self.task.slot)];
        let counts = known.flat_map(count);
        let back = (!self.there.is_empty()).then_some(Verb::Select(0));
        [Verb::ClusterInfo]
            .into_iter()
            .chain(counts)
            .chain(back)
            .collect()
    }

    /// What the target has of the slot, by two questions that must agree.
    fn looks_at_target(&self) -> Vec<Verb> {
        let there = 0..self.settings.databases[1].clamp(1, MAX_DATABASES);
        looks_in(there, self.task.slot)
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
            limit: self.settings.how.keys_per_migrate,
        }
    }

    /// What is left behind a batch: all of it, if none of it was moved.
    fn list_after(&self, batch: &Batch) -> Verb {
        let keys = u32::try_from(batch.keys.len()).unwrap_or(u32::MAX);
        Verb::KeysInSlot {
            slot: self.task.slot,
            limit: self.settings.how.keys_per_migrate.max(keys),
        }
    }

    fn measures(&self, keys: &[Vec<u8>], asks_ends: bool) -> Vec<Verb> {
        let lives = keys.iter().filter(|_| asks_ends);
        let lives = lives.map(|key| Verb::Pttl(key.clone()));
        let measured = self.settings.how.bytes_per_migrate.is_some();
        let bytes = keys.iter().filter(|_| measured);
        let bytes = bytes.map(|key| memory_usage(key));
        lives.chain(bytes).collect()
    }

    fn send(&self, batch: &Batch) -> Vec<Verb> {
        let sent = self.migrate(batch, batch.keys.clone(), false);
        let count = Verb::CountKeys(self.task.slot);
        self.in_db(batch.db, [sent, self.list_after(batch), count])
    }

    fn replace(&self, batch: &Batch) -> Vec<Verb> {
        let sent = self.migrate(batch, batch.keys.clone(), true);
        let count = Verb::CountKeys(self.task.slot);
        self.in_db(batch.db, [sent, self.list_after(batch), count])
    }

    fn migrate(&self, batch: &Batch, keys: Vec<Vec<u8>>, replace: bool) -> Verb {
        Verb::Migrate(Migrate {
            target: self.settings.route.clone(),
            db: self.databases[batch.db],
            timeout_ms: self.timeout_ms,
            login: self.settings.login.clone(),
            replace,
            keys,
        })
    }

    /// Looks at the slot in every database, and leaves the link at database 0.
    fn counts(&self, slot: Slot) -> Vec<Verb> {
        let there = 0..self.settings.databases[0].min(MAX_DATABASES);
        let all: BTreeSet<u32> = self.databases.iter().copied().chain(there).collect();
        looks_in(all, slot)
    }
}

/// Asks whether a slot has keys in these databases, by two questions that must agree, and leaves
/// the link at database 0.
fn looks_in(databases: impl IntoIterator<Item = u32>, slot: Slot) -> Vec<Verb> {
    let look = |db| {
        let list = Verb::KeysInSlot { slot, limit: 1 };
        [Verb::Select(db), Verb::CountKeys(slot), list]
    };
    let looks = databases.into_iter().flat_map(look);
    looks.chain([Verb::Select(0)]).collect()
}

fn looks_at_source(gone: &[Unclear]) -> Vec<Verb> {
    let mut verbs = Vec::new();
    for unclear in gone {
        verbs.push(Verb::Select(unclear.db));
        verbs.extend(unclear.keys.iter().cloned().map(Verb::Pttl));
    }
    verbs.push(Verb::Select(0));
    verbs
}

/// One key at a time: of several that have gone in part the server says `TRYAGAIN`.
fn delete(key: &[u8]) -> Verb {
    Verb::Client(vec![b"DEL".to_vec(), key.to_vec()])
}

/// `MEMORY USAGE`, with the server's own number of samples.
fn memory_usage(key: &[u8]) -> Verb {
    Verb::Client(vec![b"MEMORY".to_vec(), b"USAGE".to_vec(), key.to_vec()])
}

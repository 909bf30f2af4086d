//! Keeps the keys of one slot that are in doubt: a copy of each may be on the target without
//! anybody having said so.
//!
//! A `MIGRATE` that wasn't answered, or not with OK, may have left a copy of a key on the target
//! while the source has it still. A client that deletes or writes such a key at the source would
//! see the copy come to life. So each is looked at on both sides before anything else is sent, and
//! stays in doubt (and in the journal) until both sides agree or a person has decided.

use super::super::failures::Failures;
use super::super::mover::{Cause, KeyInDoubt, Wait};
use crate::cluster::NodeId;
use std::collections::{BTreeMap, BTreeSet};

/// A key by its database.
type Name = (u32, Vec<u8>);

/// What is known of a key that is in doubt.
#[derive(Clone, Copy, Debug, Hash)]
struct Known {
    cause: Cause,
    is_named: bool,
    ends_ms: Option<u64>,
    sent_ms: Option<u64>,
}

/// What needs a person, collected until everything in doubt was looked at: a stop names all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Stops {
    /// On both nodes, with two values.
    pub different: Vec<Vec<u8>>,
    /// On both nodes, and couldn't be compared; with why.
    pub untold: Vec<(Vec<u8>, String)>,
    /// Gone from the source, with a copy on the target; with the end that was noted of it.
    pub revived: Vec<(Vec<u8>, Option<u64>)>,
}

/// Keys that are gone from the source while a copy on the target ends by itself before long.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Ending {
    keys: Vec<Name>,
    left: Wait,
    /// How long was waited for such copies so far, all in all.
    waited_ms: u64,
}

/// How long is waited for copies to end by themselves, in one slot.
const WAIT_MAX_MS: u64 = 60_000;

impl Stops {
    pub fn is_empty(&self) -> bool {
        self.different.is_empty() && self.untold.is_empty() && self.revived.is_empty()
    }
}

/// The keys of one slot that are in doubt.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct KeysInDoubt {
    keys: BTreeMap<Name, Known>,
    /// Those that this machine hasn't looked at yet.
    to_look: BTreeSet<Name>,
    /// What the source had to say of its failures before the last batch was sent.
    sent_after: Option<(NodeId, Failures)>,
    /// Whether every `MIGRATE` since then has moved its keys: a source that doesn't have one of
    /// them any more has moved it. Nothing where that wasn't asked yet.
    has_moved_all: Option<bool>,
    ending: Ending,
    pub stops: Stops,
}

impl KeysInDoubt {
    /// All of them, in order.
    pub fn all(&self) -> Vec<KeyInDoubt> {
        let all = self.keys.iter();
        let doubtful = all.map(|((db, key), known)| KeyInDoubt {
            db: *db,
            key: key.clone(),
            cause: known.cause,
            is_named: known.is_named,
            ends_ms: known.ends_ms,
            sent_ms: known.sent_ms,
        });
        doubtful.collect()
    }

    /// Whether no key is in doubt.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Takes these in, to be looked at.
    pub fn take_in(&mut self, doubtful: impl IntoIterator<Item = KeyInDoubt>) {
        for one in doubtful {
            self.add(one);
        }
    }

    /// A key is in doubt from now on, and to be looked at. What is known of it by a stronger word
    /// stays.
    pub fn add(&mut self, one: KeyInDoubt) {
        let name = (one.db, one.key);
        let known = self.keys.entry(name.clone()).or_insert(Known {
            cause: one.cause,
            is_named: one.is_named,
            ends_ms: one.ends_ms,
            sent_ms: one.sent_ms,
        });
        known.cause = known.cause.max(one.cause);
        known.is_named |= one.is_named;
        known.ends_ms = one.ends_ms.or(known.ends_ms);
        known.sent_ms = one.sent_ms.or(known.sent_ms);
        self.to_look.insert(name);
    }

    /// A person is about to be told of a key.
    pub fn name(&mut self, db: u32, key: &[u8]) {
        let known = self.keys.entry((db, key.to_vec())).or_insert(Known {
            cause: Cause::Kept,
            is_named: true,
            ends_ms: None,
            sent_ms: None,
        });
        known.is_named = true;
    }

    /// Both sides agree about a key.
    pub fn settle(&mut self, db: u32, key: &[u8]) {
        let name = (db, key.to_vec());
        self.keys.remove(&name);
        self.to_look.remove(&name);
    }

    /// Whether a key is in doubt.
    pub fn has(&self, db: u32, key: &[u8]) -> bool {
        self.keys.contains_key(&(db, key.to_vec()))
    }

    /// What was noted of a key's end.
    pub fn end_of(&self, db: u32, key: &[u8]) -> Option<u64> {
        self.keys.get(&(db, key.to_vec()))?.ends_ms
    }

    /// A key that the source doesn't have is looked at again when its copy on the target, which
    /// lives for so long, has ended; whether that is worth the wait.
    pub fn let_end(&mut self, db: u32, key: &[u8], left_ms: Option<u64>) -> bool {
        let room_ms = WAIT_MAX_MS.saturating_sub(self.ending.waited_ms);
        let Some(left_ms) = left_ms.filter(|left_ms| *left_ms <= room_ms) else {
            return false;
        };
        self.ending.keys.push((db, key.to_vec()));
        self.ending.left.add(left_ms);
        true
    }

    /// How long to wait for copies to end, when nothing else has to be looked at: they are looked
    /// at behind it.
    pub fn wait_for_ends(&mut self) -> Option<Wait> {
        let Ending { keys, left, .. } = &mut self.ending;
        if keys.is_empty() {
            return None;
        }
        self.to_look.extend(std::mem::take(keys));
        let Wait { keys, ms } = std::mem::take(left);
        let ms = ms.max(1);
        self.ending.waited_ms = self.ending.waited_ms.saturating_add(ms);
        Some(Wait { keys, ms })
    }

    /// The next keys to be looked at, of one database; they count as looked at from now on.
    pub fn next(&mut self, most: usize) -> Option<(u32, Vec<Vec<u8>>)> {
        let db = self.to_look.first()?.0;
        let of_one = self.to_look.iter().take_while(|(of, _)| *of == db);
        let names: Vec<Name> = of_one.take(most.max(1)).cloned().collect();
        for name in &names {
            self.to_look.remove(name);
        }
        Some((db, names.into_iter().map(|(_, key)| key).collect()))
    }

    /// What another machine of the same slot has to look at. Of a slot that is its target's by now
    /// only those stay that a person was told of: no key is compared any more.
    pub fn handed_on(&self, is_at_source: bool, source: NodeId, was_source: NodeId) -> KeysInDoubt {
        let mut next = KeysInDoubt {
            sent_after: self.sent_after.clone(),
            ending: Ending {
                waited_ms: self.ending.waited_ms,
                ..Ending::default()
            },
            ..KeysInDoubt::default()
        };
        for one in self.all() {
            // A look has just shown that the source is who it was: what it said counts.
            let is_answered = one.cause == Cause::Late && !one.is_named && source == was_source;
            let is_named = one.is_named;
            let name = (one.db, one.key.clone());
            if (is_at_source && !is_answered) || is_named {
                next.add(one);
            }
            if !is_at_source {
                next.to_look.remove(&name);
            }
        }
        next
    }

    /// What the source says of its failures before keys are sent.
    pub fn sends_after(&mut self, source: NodeId, failures: Option<Failures>) {
        self.sent_after = failures.map(|failures| (source, failures));
        self.has_moved_all = None;
    }

    /// Whether the source has to be asked for its failures before the keys in doubt are judged.
    pub fn wants_failures(&self, source: NodeId) -> bool {
        let is_sent = |name: &Name| self.keys.get(name).is_some_and(Known::is_told_by_failures);
        let is_known = matches!(&self.sent_after, Some((of, _)) if *of == source);
        is_known && self.has_moved_all.is_none() && self.to_look.iter().any(is_sent)
    }

    /// What the source says of its failures now.
    pub fn failures(&mut self, source: NodeId, now: Option<&Failures>, timeout_ms: u64) {
        let before = self.sent_after.as_ref().filter(|(of, _)| *of == source);
        let has_none = before
            .zip(now)
            .is_some_and(|((_, before), now)| before.has_none_since(now, timeout_ms));
        self.has_moved_all = Some(has_none);
    }

    /// Whether a key that the source doesn't have, and the target has, has come there by a
    /// `MIGRATE` that moved it.
    pub fn has_moved(&self, db: u32, key: &[u8]) -> bool {
        match self.keys.get(&(db, key.to_vec())) {
            None => true,
            Some(known) if known.is_told_by_failures() => self.has_moved_all == Some(true),
            Some(_) => false,
        }
    }
}

impl Known {
    /// Whether what the source counts of its failures tells what has become of it.
    fn is_told_by_failures(&self) -> bool {
        !self.is_named && matches!(self.cause, Cause::Sent | Cause::Late)
    }
}

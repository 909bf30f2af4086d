//! Measures keys that are so big that moving one blocks both servers for longer than clients bear.
//!
//! `MIGRATE` serialises, sends and loads a key while neither server does
//! anything else: a hash of 140 MB stopped a source for 4.5 s and made the
//! others take it for failed (seen on Redis 4.0.1 and 7.0.15). So the keys of
//! the slots to move are measured first, with `MEMORY USAGE`, which looks at a
//! few elements of each.

use super::Move;
use super::finding::{Finding, FindingKind};
use crate::cluster::verb::{NodeLink, Reply, ServerError, Verb};
use crate::cluster::{LiveCluster, NodeId, keyspace};
use crate::error::Result;
use crate::escape::named_key;
use crate::slot::{SLOT_COUNT, Slot, SlotSet};
use std::collections::{BTreeMap, BTreeSet};

/// How many keys are measured: about half a second of the servers' time. Of more, each slot's
/// first ones are.
const MEASURED_MAX: u64 = 100_000;
/// How many elements of a collection its size is estimated from.
const SAMPLES: u32 = 5;
/// How many keys go into one write: a quarter of a millisecond of the server's time.
const KEYS_PER_WRITE: u64 = 250;
/// How many slots are listed in one write.
const SLOTS_PER_WRITE: usize = 256;
/// How many big keys are remembered; the slots of all are.
const KEPT_MAX: usize = 100;

/// A key above the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BigKey {
    /// Its slot.
    pub slot: Slot,
    /// The key.
    pub key: Vec<u8>,
    /// What it takes in memory, estimated.
    pub bytes: u64,
}

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BigKeys {
    /// The keys above the limit, by slot; the first ones where there are very many.
    pub keys: Vec<BigKey>,
    /// The slots that hold one.
    pub slots: BTreeSet<Slot>,
    /// The keys of each slot, as they were counted.
    pub counts: BTreeMap<Slot, u64>,
    /// How many keys were measured.
    pub measured: u64,
    /// How many keys the slots hold.
    pub total: u64,
    /// What a server said that doesn't measure.
    pub refusal: Option<String>,
}

/// Measures the keys of the slots that are to move.
///
/// # Errors
/// When a source can't be asked.
pub fn measure<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    moves: &[Move],
    limit_bytes: u64,
) -> Result<BigKeys> {
    let mut sources: BTreeMap<NodeId, SlotSet> = BTreeMap::new();
    for task in moves {
        sources.entry(task.source).or_default().insert(task.slot);
    }
    let mut found = BigKeys::default();
    let mut counts: Vec<(NodeId, Box<[u64; SLOT_COUNT]>)> = Vec::new();
    let mut used_slots: u64 = 0;
    for (source, slots) in &sources {
        let mut keys = Box::new([0; SLOT_COUNT]);
        keyspace::add_keys_per_slot(cluster, *source, slots, &mut keys)?;
        found.total = keys
            .iter()
            .fold(found.total, |sum, keys| sum.saturating_add(*keys));
        used_slots += keys.iter().filter(|keys| **keys > 0).count() as u64;
        let count = |slot: Slot| (slot, keys[slot.index()]);
        found.counts.extend(slots.iter().map(count));
        counts.push((*source, keys));
    }
    let most_of_a_slot = if found.total <= MEASURED_MAX {
        u64::MAX
    } else {
        (MEASURED_MAX / used_slots.max(1)).max(1)
    };
    for (source, counts) in &counts {
        let slots: Vec<(Slot, u64)> = sources[source]
            .iter()
            .map(|slot| (slot, counts[slot.index()].min(most_of_a_slot)))
            .filter(|(_, keys)| *keys > 0)
            .collect();
        let databases = keyspace::databases(cluster, *source)?.used;
        for db in &databases {
            keyspace::select(cluster, *source, &databases, *db)?;
            measure_slots(cluster, *source, &slots, limit_bytes, &mut found)?;
        }
        keyspace::select(cluster, *source, &databases, 0)?;
    }
    found
        .keys
        .sort_by_key(|key| (key.slot, std::cmp::Reverse(key.bytes)));
    Ok(found)
}

/// The keys of these slots in the selected database, at most so many of each.
fn measure_slots<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    source: NodeId,
    slots: &[(Slot, u64)],
    limit_bytes: u64,
    found: &mut BigKeys,
) -> Result<()> {
    let mut rest = slots;
    while !rest.is_empty() && found.refusal.is_none() {
        let mut keys: u64 = 0;
        let fits = |(_, most): &&(Slot, u64)| {
            keys = keys.saturating_add(*most);
            keys <= KEYS_PER_WRITE
        };
        let count = rest.iter().take(SLOTS_PER_WRITE).take_while(fits).count();
        let (part, later) = rest.split_at(count.max(1));
        rest = later;
        let lists: Vec<Verb> = part
            .iter()
            .map(|(slot, most)| Verb::KeysInSlot {
                slot: *slot,
                limit: u32::try_from(*most).unwrap_or(u32::MAX >> 1),
            })
            .collect();
        let replies = cluster.round_trip(source, &lists)?;
        let mut listed: Vec<(Slot, Vec<u8>)> = Vec::new();
        for (((slot, _), verb), reply) in part.iter().zip(&lists).zip(replies) {
            let keys = reply
                .byte_strings(verb)
                .map_err(|error| cluster.blame(source, error))?;
            listed.extend(keys.into_iter().map(|key| (*slot, key)));
        }
        for chunk in listed.chunks(KEYS_PER_WRITE as usize) {
            measure_keys(cluster, source, chunk, limit_bytes, found)?;
        }
    }
    Ok(())
}

fn measure_keys<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    source: NodeId,
    keys: &[(Slot, Vec<u8>)],
    limit_bytes: u64,
    found: &mut BigKeys,
) -> Result<()> {
    let verbs: Vec<Verb> = keys
        .iter()
        .map(|(_, key)| Verb::MemoryUsage {
            key: key.clone(),
            samples: SAMPLES,
        })
        .collect();
    for ((slot, key), reply) in keys.iter().zip(cluster.round_trip(source, &verbs)?) {
        match reply {
            Reply::Int(bytes) => {
                found.measured += 1;
                let bytes = u64::try_from(bytes).unwrap_or(0);
                if bytes > limit_bytes {
                    found.note(*slot, key, bytes);
                }
            }
            // It has expired, was deleted, or has moved meanwhile.
            Reply::Nil => {}
            Reply::Refused(refusal)
                if matches!(
                    refusal.error(),
                    ServerError::Ask | ServerError::Moved | ServerError::TryAgain
                ) => {}
            Reply::Refused(refusal) => {
                found.refusal = Some(format!("{}: {refusal}", cluster.name(source)));
                return Ok(());
            }
            other => {
                found.refusal = Some(format!(
                    "{} answered {}",
                    cluster.name(source),
                    other.kind()
                ));
                return Ok(());
            }
        }
    }
    Ok(())
}

impl BigKeys {
    fn note(&mut self, slot: Slot, key: &[u8], bytes: u64) {
        self.slots.insert(slot);
        if self.keys.len() < KEPT_MAX {
            let key = key.to_vec();
            self.keys.push(BigKey { slot, key, bytes });
        }
    }

    /// What a person should know of it.
    pub fn findings(&self) -> Vec<Finding> {
        let mut all: Vec<Finding> = self
            .keys
            .iter()
            .map(|big| {
                let message = format!(
                    "key {} in slot {} takes {} bytes: both servers stand still while it moves",
                    named_key(&big.key),
                    big.slot,
                    big.bytes
                );
                let fix = "its slot stays where it is; --move-big-keys moves it last, \
                            --big-key-limit says what is big";
                Finding::warning(FindingKind::BigKey, message, fix).at(big.slot)
            })
            .collect();
        if let Some(refusal) = &self.refusal {
            let message = format!("the keys can't be measured ({refusal})");
            let fix = "make sure that no key of the slots to move is very big";
            all.push(Finding::warning(FindingKind::BigKeysUnknown, message, fix));
        } else if self.total > MEASURED_MAX {
            let message = format!(
                "{} of {} keys were measured, the first ones of each slot",
                self.measured, self.total
            );
            let fix = "slotkit analyze finds every big key in a dump";
            all.push(Finding::warning(FindingKind::BigKeysUnknown, message, fix));
        }
        all
    }
}

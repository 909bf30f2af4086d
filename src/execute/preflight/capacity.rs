//! Checks what a node can bear: memory, its last slot, the loss of itself.

use super::abilities;
use super::intent::Intent;
use crate::execute::finding::{Finding, FindingKind};
use crate::execute::survey::{MaxMemory, NodeFacts, Survey};

/// From here on a node that refuses writes when it is full has nothing to spare.
const NEARLY_FULL_PERCENT: u64 = 90;

/// What a target needs beyond its `maxmemory`, and who has none to spare.
pub(super) fn memory(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    let primaries = survey.primaries();
    primaries
        .filter_map(|(id, facts)| {
            let limit = match facts.max_memory {
                MaxMemory::Unlimited => return None,
                MaxMemory::Bytes(bytes) => bytes,
                MaxMemory::Unknown => {
                    return intent.receives(id).then(|| untold(facts).about(id));
                }
            };
            let incoming = intent.incoming_bytes.get(&id).copied().unwrap_or(0);
            let finding = match incoming {
                0 => {
                    if intent.receives(id) && !intent.is_open() {
                        throws_away(facts, limit).or_else(|| nearly_full(facts, limit))?
                    } else {
                        nearly_full(facts, limit)?
                    }
                }
                _ => too_much(facts, limit, incoming)?,
            };
            Some(finding.about(id))
        })
        .collect()
}

/// A node that may receive, and whose limit nobody knows.
fn untold(facts: &NodeFacts) -> Finding {
    let message = format!(
        "{} doesn't tell its maxmemory: whether it has room isn't known",
        facts.addr
    );
    let fix = "see there that it has the memory for what it receives (CONFIG GET maxmemory)";
    Finding::warning(FindingKind::MemoryHeadroom, message, fix)
}

fn too_much(facts: &NodeFacts, limit: u64, incoming: u64) -> Option<Finding> {
    let needed = facts.used_bytes.saturating_add(incoming);
    (needed > limit).then(|| {
        let then = if facts.refuses_when_full {
            ""
        } else {
            "; it would throw keys away"
        };
        let message = format!(
            "{} would need {needed} bytes with the {incoming} that it receives, but has maxmemory \
             {limit}{then}",
            facts.addr
        );
        let fix = "raise maxmemory there, or move less";
        Finding::error(FindingKind::MemoryHeadroom, message, fix)
    })
}

/// A full cache that is to receive, nobody knows how much: others of its keys go for that.
fn throws_away(facts: &NodeFacts, limit: u64) -> Option<Finding> {
    let percent = facts.used_bytes.saturating_mul(100) / limit.max(1);
    if facts.refuses_when_full || percent < NEARLY_FULL_PERCENT {
        return None;
    }
    let message = format!(
        "{} uses {percent} % of its maxmemory {limit} and is to receive slots: it would throw keys away",
        facts.addr
    );
    let fix = "raise maxmemory there first, or let others receive";
    Some(Finding::warning(FindingKind::MemoryHeadroom, message, fix))
}

/// A node that throws keys away when it is full is always nearly full: a cache.
fn nearly_full(facts: &NodeFacts, limit: u64) -> Option<Finding> {
    let percent = facts.used_bytes.saturating_mul(100) / limit.max(1);
    let is_told = abilities::says_full(facts);
    (facts.refuses_when_full && !is_told && percent >= NEARLY_FULL_PERCENT).then(|| {
        let message = format!("{} uses {percent} % of its maxmemory {limit}", facts.addr);
        let fix = "give it no slots before it has more memory";
        Finding::warning(FindingKind::MemoryHeadroom, message, fix)
    })
}

/// A primary without slots becomes a replica of the one that took its last slot, from 7.0 on.
pub(super) fn last_slots(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    survey
        .primaries()
        .filter_map(|(id, facts)| {
            let owned = facts.view.node(id)?.slots.len();
            let leaving = intent.moves.iter().filter(|task| task.source == id).count();
            let arriving = intent.moves.iter().filter(|task| task.target == id).count();
            let ends_empty = leaving > 0 && leaving == owned && arriving == 0;
            let turns = facts.version.may_turn_into_replica()
                && facts.allows_replica_migration.unwrap_or(true);
            let orphaned = facts.orphaned.values().fold(0, |sum: u64, keys| sum.saturating_add(*keys));
            if ends_empty && turns && orphaned > 0 {
                let message = format!(
                    "{} gives its last slot away, will turn into a replica by itself, and throw {orphaned} \
                     keys away that it has in slots of others",
                    facts.addr
                );
                let fix = "set cluster-allow-replica-migration no there, and see what is said of \
                            those keys";
                return Some(Finding::error(FindingKind::TurnsIntoReplica, message, fix).about(id));
            }
            (ends_empty && turns).then(|| {
                let message = format!(
                    "{} gives its last slot away and will turn into a replica by itself",
                    facts.addr
                );
                let fix = "set cluster-allow-replica-migration no there if it should stay a \
                            primary";
                Finding::warning(FindingKind::TurnsIntoReplica, message, fix).about(id)
            })
        })
        .collect()
}

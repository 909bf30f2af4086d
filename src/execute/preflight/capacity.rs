//! What a node can bear: memory, its last slot, the loss of itself.

use super::Intent;
use crate::execute::finding::{Finding, FindingKind};
use crate::execute::survey::{NodeFacts, Survey};

/// From here on a node that refuses writes when it is full has nothing to spare.
const NEARLY_FULL_PERCENT: u64 = 90;

/// What a target needs beyond its `maxmemory`, and who has none to spare.
pub(super) fn memory(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    let primaries = survey.primaries();
    primaries
        .filter_map(|(id, facts)| {
            let limit = facts.max_bytes?;
            let incoming = intent.incoming_bytes.get(&id).copied().unwrap_or(0);
            let finding = match incoming {
                0 => nearly_full(facts, limit)?,
                _ => too_much(facts, limit, incoming)?,
            };
            Some(finding.about(id))
        })
        .collect()
}

fn too_much(facts: &NodeFacts, limit: u64, incoming: u64) -> Option<Finding> {
    let needed = facts.used_bytes.saturating_add(incoming);
    (needed > limit).then(|| {
        let then = match facts.refuses_when_full {
            true => "",
            false => "; it would throw keys away",
        };
        let message = format!(
            "{} would need {needed} bytes with the {incoming} that it receives, but has maxmemory \
             {limit}{then}",
            facts.addr
        );
        let mend = "raise maxmemory there, or move less";
        Finding::error(FindingKind::MemoryHeadroom, message, mend)
    })
}

/// A node that throws keys away when it is full is always nearly full: a cache.
fn nearly_full(facts: &NodeFacts, limit: u64) -> Option<Finding> {
    let percent = facts.used_bytes.saturating_mul(100) / limit.max(1);
    (facts.refuses_when_full && percent >= NEARLY_FULL_PERCENT).then(|| {
        let message = format!("{} uses {percent} % of its maxmemory {limit}", facts.addr);
        let mend = "give it no slots before it has more memory, or fewer keys";
        Finding::warning(FindingKind::MemoryHeadroom, message, mend)
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
            (ends_empty && turns).then(|| {
                let message = format!(
                    "{} gives its last slot away and will turn into a replica by itself",
                    facts.addr
                );
                let mend = "set cluster-allow-replica-migration no there if it should stay a \
                            primary";
                Finding::warning(FindingKind::TurnsIntoReplica, message, mend).about(id)
            })
        })
        .collect()
}

/// Primaries with slots and without a replica: nothing that a move needs, but a `check` says it.
pub fn without_replica(survey: &Survey) -> Vec<Finding> {
    let Some(view) = survey.nodes.values().map(|facts| &facts.view).next() else {
        return Vec::new();
    };
    view.shards()
        .iter()
        .filter(|shard| shard.replicas.is_empty() && !shard.primary.slots.is_empty())
        .map(|shard| {
            let message = format!("primary {} has no replica", shard.primary.name());
            let mend = "add a replica: if this node dies, its slots are gone";
            Finding::warning(FindingKind::NoReplica, message, mend).about(shard.primary.id)
        })
        .collect()
}

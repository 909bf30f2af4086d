//! Checks that the replicas follow in fact: a role is a wish, a link is a fact.

use super::intent::{Intent, LoginNeed};
use crate::cluster::{NodeId, Role};
use crate::execute::finding::{Finding, FindingKind};
use crate::execute::fix::{self, Lack, Trouble, Wanted, table};
use crate::execute::survey::Survey;
use std::collections::BTreeSet;

/// How far behind a replica counts as one, where nobody says: beyond that a primary drops it
/// (`client-output-buffer-limit`, its default for replicas).
const LAG_BYTES: u64 = 256 << 20;

/// Replicas that don't follow their primary.
///
/// An error where something depends on them: their primary gives or receives slots, and none of
/// its replicas follows it.
pub(super) fn not_following(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    let limit = intent.max_replica_lag_bytes;
    let wanted = Wanted {
        max_lag_bytes: limit.unwrap_or(u64::MAX),
        has_password: intent.login != LoginNeed::Nothing,
    };
    let moves = intent.moves.iter().chain(intent.ours);
    let ends: BTreeSet<NodeId> = moves.flat_map(|task| [task.source, task.target]).collect();
    let replicas = survey
        .nodes
        .iter()
        .filter_map(|(id, facts)| match facts.view.node(*id)?.role {
            Role::Replica { primary } => Some((*id, facts, primary)),
            Role::Primary => None,
        });
    let findings = replicas.filter_map(|(id, facts, primary)| {
        let trouble = fix::trouble(survey, id, wanted)?;
        let of = primary.map_or_else(String::new, |primary| {
            format!(" of {}", survey.name(primary))
        });
        let who = format!("{}, a replica{of},", facts.addr);
        let is_needed = primary.is_some_and(|primary| {
            ends.contains(&primary) && !fix::has_follower(survey, primary, wanted)
        });
        let (kind, message, fix) = match &trouble {
            Trouble::NotFollowing(lack) => {
                let fix = fix::not_following(survey, id, *lack);
                let message = format!("{who} {}", lack.words(survey, id));
                (FindingKind::ReplicaNotFollowing, message, fix)
            }
            Trouble::Behind(how) => {
                let fix = table::REPLICA_BEHIND.say(&[]);
                (FindingKind::ReplicaBehind, format!("{who} {how}"), fix)
            }
            Trouble::Unknown => {
                let message = format!("{who} doesn't tell whether it follows");
                (
                    FindingKind::ReplicationUnknown,
                    message,
                    table::REPLICATION_UNKNOWN.say(&[]),
                )
            }
        };
        let finding = if is_needed && limit.is_some() && trouble != Trouble::Unknown {
            Finding::error(kind, message, fix)
        } else {
            Finding::warning(kind, message, fix)
        };
        let is_coming = trouble == Trouble::NotFollowing(Lack::Syncing);
        Some(if is_coming {
            finding.passing().about(id)
        } else {
            finding.about(id)
        })
    });
    findings.collect()
}

/// Primaries with slots that no replica follows: nothing that a move needs, but a `check` says it.
pub fn without_replica(survey: &Survey) -> Vec<Finding> {
    let wanted = Wanted {
        max_lag_bytes: LAG_BYTES,
        has_password: false,
    };
    let lonely = survey.primaries().filter(|(id, facts)| {
        let serves = facts
            .view
            .node(*id)
            .is_some_and(|node| !node.slots.is_empty());
        serves && !fix::has_follower(survey, *id, wanted)
    });
    lonely
        .map(|(id, facts)| {
            let message = match fix::replicas_of(survey, id).count() {
                0 => format!("primary {} has no replica", facts.addr),
                _ => format!("primary {} has no replica that follows it", facts.addr),
            };
            let fix = table::ADD_A_REPLICA.say(&[]);
            Finding::warning(FindingKind::NoReplica, message, fix).about(id)
        })
        .collect()
}

//! Finds what else is moving slots now.

use super::intent::Intent;
use crate::cluster::NodeId;
use crate::cluster::slot_migrations::{SlotMigration, SlotMigrations};
use crate::escape::named_key;
use crate::execute::finding::{Finding, FindingKind};
use crate::execute::fix::table;
use crate::execute::movement::Movement;
use crate::execute::mover::KeyInDoubt;
use crate::execute::survey::Survey;
use crate::slot::{Slot, SlotSet};
use std::collections::BTreeMap;

/// A run of this user beside this one, and whether that is known at all.
pub(super) fn runs(intent: &Intent<'_>) -> Vec<Finding> {
    let mut all = Vec::new();
    if let Some(run) = &intent.running {
        let fix = table::RUN_UNDER_WAY.say(&[]);
        all.push(match run.total {
            Some(_) => {
                let slots: SlotSet = intent.ours.iter().map(|task| task.slot).collect();
                let slots = if slots.is_empty() {
                    String::new()
                } else {
                    format!(", of those begun so far: {}", slots.shortened())
                };
                let message = format!("a run of slotkit is moving slots now ({run}{slots})");
                Finding::error(FindingKind::RunUnderWay, message, fix)
            }
            None => {
                let message = format!("another slotkit is about to move slots ({run})");
                Finding::warning(FindingKind::RunUnderWay, message, fix)
            }
        });
    }
    if let Some(why) = &intent.unreadable_journal {
        let message = format!(
            "{why}: whether a run of slotkit is under way, and which open slots are its own, isn't \
             known"
        );
        let fix = table::JOURNAL_UNREADABLE.say(&[]);
        all.push(Finding::warning(
            FindingKind::JournalUnreadable,
            message,
            fix,
        ));
    }
    all
}

/// How many keys are named.
const NAMED_MAX: usize = 10;

/// Keys that a stop has named: no run ends well before somebody has decided about them.
pub fn undecided(keys: &[KeyInDoubt]) -> Option<Finding> {
    let first = keys.first()?;
    let name = |one: &KeyInDoubt| named_key(&one.key);
    let named: Vec<String> = keys.iter().take(NAMED_MAX).map(name).collect();
    let more = match keys.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!(
        "nobody has decided yet about {} {} that an earlier run named: {}{more}",
        keys.len(),
        if keys.len() == 1 { "key" } else { "keys" },
        named.join(", ")
    );
    let fix = table::UNDECIDED.say(&[]);
    let finding = Finding::error(FindingKind::UndecidedKeys, message, fix);
    Some(finding.at(Slot::for_key(&first.key)))
}

/// What moves slots and isn't a run of this user on this machine, as far as it was seen at work.
pub(super) fn movement(survey: &Survey, intent: &Intent<'_>) -> Option<Finding> {
    let Movement::Seen(change) = &intent.movement else {
        return None;
    };
    let message = format!(
        "something moves slots now: {}",
        change.words(|id| survey.name(id))
    );
    let fix = table::SOMETHING_MOVES.say(&[]);
    Some(Finding::error(FindingKind::RunUnderWay, message, fix))
}

/// Jobs in which servers move slots by themselves. Nothing may move meanwhile, between whatever
/// nodes: each primary is told of a slot's new owner, and one that takes part in a job refuses that
/// with the slot half-way (`Slot export in progress`, Valkey 9.1).
pub(super) fn migrations(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    let mut jobs: BTreeMap<_, (NodeId, &SlotMigration)> = BTreeMap::new();
    let mut silent: Vec<(NodeId, &String)> = Vec::new();
    for (id, facts) in survey.primaries() {
        match &facts.migrations {
            SlotMigrations::UnderWay(found) => {
                for job in found {
                    // Both sides list it; the source, which is asked about it, is named.
                    let key = (job.source, job.target, job.slots.ranges());
                    if job.source == Some(id) || !jobs.contains_key(&key) {
                        jobs.insert(key, (id, job));
                    }
                }
            }
            SlotMigrations::Unknown(why) => silent.push((id, why)),
        }
    }
    let mut all: Vec<Finding> = Vec::new();
    all.extend(
        jobs.values()
            .map(|(id, job)| under_way(survey, intent, *id, job)),
    );
    if let Some((id, why)) = silent.first() {
        let more = match silent.len() - 1 {
            0 => String::new(),
            more => format!(", nor do {more} more"),
        };
        let message = format!(
            "{} doesn't tell whether it is moving slots by itself ({why}){more}",
            survey.name(*id)
        );
        let fix = table::SLOTS_MAY_MIGRATE.say(&[]);
        all.push(Finding::warning(FindingKind::SlotMigrationUnknown, message, fix).about(*id));
    }
    all
}

fn under_way(
    survey: &Survey,
    intent: &Intent<'_>,
    told_by: NodeId,
    job: &SlotMigration,
) -> Finding {
    let name =
        |id: Option<NodeId>| id.map_or_else(|| "an unknown node".to_owned(), |id| survey.name(id));
    let message = format!(
        "slots {} are being migrated from {} to {} by the servers themselves ({})",
        job.slots.shortened(),
        name(job.source),
        name(job.target),
        job.state
    );
    let teller = survey.name(told_by);
    let is_valkey = survey
        .nodes
        .get(&told_by)
        .is_some_and(|facts| facts.version.is_valkey);
    let command = if is_valkey {
        "CLUSTER GETSLOTMIGRATIONS"
    } else {
        "CLUSTER MIGRATION STATUS ALL"
    };
    let fix = table::SLOTS_MIGRATE.say(&[("command", command), ("node", &teller)]);
    let finding = if intent.moves.is_empty() {
        Finding::warning(FindingKind::SlotMigration, message, fix)
    } else {
        Finding::error(FindingKind::SlotMigration, message, fix)
    };
    finding.about(told_by)
}

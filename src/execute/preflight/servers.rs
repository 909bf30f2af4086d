//! Checks that the servers can do what a move needs, and let us.

use super::abilities;
use super::intent::{Intent, LoginNeed};
use crate::execute::finding::{Finding, FindingKind};
use crate::execute::survey::{NodeFacts, Survey};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn versions(survey: &Survey, intent: &Intent<'_>) -> Vec<Finding> {
    let mut all = Vec::new();
    let mut names = BTreeSet::new();
    for (id, facts) in survey.primaries() {
        let version = &facts.version;
        names.insert(version.to_string());
        let lacks = match intent.login {
            LoginNeed::Password if !version.migrates_with_password() => Some("log in (4.0.7)"),
            LoginNeed::User if !version.migrates_with_user() => Some("log in as a user (6.0)"),
            _ if !version.migrates_many_keys() => Some("take several keys (3.0.6)"),
            _ => None,
        };
        if let Some(lacks) = lacks {
            let message = format!("{} runs {version}, whose MIGRATE can't {lacks}", facts.addr);
            let fix = "update the server: SHUTDOWN SAVE, which writes its keys, then start the newer one on its files";
            all.push(Finding::error(FindingKind::ServerTooOld, message, fix).about(id));
        }
    }
    if names.len() > 1 {
        let names: Vec<String> = names.into_iter().collect();
        let message = format!("the primaries run different versions: {}", names.join(", "));
        all.push(Finding::warning(
            FindingKind::VersionMix,
            message,
            which_way(survey),
        ));
    }
    all
}

/// Between which versions keys can't move.
fn which_way(survey: &Survey) -> String {
    let primaries = || survey.primaries().map(|(_, facts)| facts);
    let is_refused =
        |receiver: &NodeFacts, giver: &NodeFacts| abilities::loads(receiver, giver) == Some(false);
    let refused: BTreeSet<String> = primaries()
        .flat_map(|giver| primaries().map(move |receiver| (giver, receiver)))
        .filter(|(giver, receiver)| is_refused(receiver, giver))
        .map(|(giver, receiver)| format!("from {} to {}", giver.version, receiver.version))
        .collect();
    if refused.is_empty() {
        "a newer server's values may not load on an older one: move towards newer nodes".to_owned()
    } else {
        let ways = refused.into_iter().collect::<Vec<_>>().join(" nor ");
        format!("keys can't move {ways}: move towards newer nodes")
    }
}

pub(super) fn epochs(survey: &Survey) -> Vec<Finding> {
    let mut owners: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for (_, facts) in survey.primaries() {
        owners
            .entry(facts.my_epoch)
            .or_default()
            .push(facts.addr.to_string());
    }
    owners
        .into_iter()
        .filter(|(epoch, names)| names.len() > 1 && *epoch > 0)
        .map(|(epoch, names)| {
            let message = format!("{} have the same config epoch {epoch}", names.join(" and "));
            let fix = "the nodes settle that by themselves: wait some seconds";
            Finding::warning(FindingKind::EpochCollision, message, fix)
        })
        .collect()
}

/// How many databases are named; of the others the number is said.
const NAMED_MAX: usize = 10;

/// Numbered databases (Valkey 9). slotkit moves every one; whoever moves database 0 alone, as
/// most tools do, loses the others' keys with the slot.
pub(super) fn databases(survey: &Survey) -> Vec<Finding> {
    let used: BTreeSet<u32> = survey
        .primaries()
        .flat_map(|(_, facts)| facts.databases.iter().copied())
        .collect();
    let Some(last) = used.last().copied().filter(|last| *last > 0) else {
        return Vec::new();
    };
    let mut named: Vec<String> = used
        .iter()
        .take(NAMED_MAX)
        .map(ToString::to_string)
        .collect();
    if used.len() > NAMED_MAX {
        named.push(format!("and {} more", used.len() - NAMED_MAX));
    }
    let message = format!("keys are in the databases {}", named.join(", "));
    let fix =
        "slotkit moves every one of them; a tool that knows database 0 alone loses the others";
    let mut all = vec![Finding::warning(
        FindingKind::NumberedDatabases,
        message,
        fix,
    )];
    for (id, facts) in survey.primaries() {
        if let Some(limit) = facts.database_limit.filter(|limit| *limit <= last) {
            let message = format!("{} has {limit} databases, {last} is in use", facts.addr);
            let fix = "set cluster-databases to the same number in every configuration; then, node by node, \
                        SHUTDOWN SAVE, which writes its keys, and start it again";
            all.push(Finding::error(FindingKind::NumberedDatabases, message, fix).about(id));
        }
    }
    all
}

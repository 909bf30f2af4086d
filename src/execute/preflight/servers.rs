//! Whether the servers can do what a move needs, and let us.

use super::{Intent, LoginNeed};
use crate::execute::finding::{Finding, FindingKind};
use crate::execute::survey::{Permissions, Survey};
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
            let mend = "update the server";
            all.push(Finding::error(FindingKind::ServerTooOld, message, mend).about(id));
        }
    }
    if names.len() > 1 {
        let names: Vec<String> = names.into_iter().collect();
        let message = format!("the primaries run different versions: {}", names.join(", "));
        let mend = "a newer server's values may not load on an older one: move towards newer nodes";
        all.push(Finding::warning(FindingKind::VersionMix, message, mend));
    }
    all
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
            let mend = "the nodes settle that by themselves: wait some seconds";
            Finding::warning(FindingKind::EpochCollision, message, mend)
        })
        .collect()
}

pub(super) fn permissions(survey: &Survey) -> Vec<Finding> {
    survey
        .primaries()
        .filter_map(|(id, facts)| {
            let finding = match &facts.permissions {
                Permissions::Enough => return None,
                Permissions::Missing(words) => {
                    let message = format!("{}: {words}", facts.addr);
                    let mend = "log in as a user that may run it on all keys (ACL SETUSER)";
                    Finding::error(FindingKind::PermissionMissing, message, mend)
                }
                // Before 6.0 there are no permissions to miss.
                Permissions::Unknown if facts.version.redis < [6, 0, 0] => return None,
                Permissions::Unknown => {
                    let message = format!("{} doesn't tell what our user may do", facts.addr);
                    let mend = "make sure that it may run CLUSTER, MIGRATE, RESTORE, SELECT, ASKING, INFO, DUMP and PTTL";
                    Finding::warning(FindingKind::PermissionUnknown, message, mend)
                }
            };
            Some(finding.about(id))
        })
        .collect()
}

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
    let named: Vec<String> = used.iter().map(ToString::to_string).collect();
    let message = format!("keys are in the databases {}", named.join(", "));
    let mend =
        "slotkit moves every one of them; a tool that knows database 0 alone loses the others";
    let mut all = vec![Finding::warning(
        FindingKind::NumberedDatabases,
        message,
        mend,
    )];
    for (id, facts) in survey.primaries() {
        if let Some(limit) = facts.database_limit.filter(|limit| *limit <= last) {
            let message = format!("{} has {limit} databases, {last} is in use", facts.addr);
            let mend = "set cluster-databases to the same number on every node, and restart it";
            all.push(Finding::error(FindingKind::NumberedDatabases, message, mend).about(id));
        }
    }
    all
}

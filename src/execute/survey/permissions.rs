//! What our user may do on a node, asked before it is tried half-way.

use super::trial::{Bar, Obstacle, Part};
use crate::cluster::verb::{NodeLink, Reply, ServerError, Verb};
use crate::cluster::{LiveCluster, NodeId};
use crate::error::Result;
use crate::execute::Version;

/// The commands that a run needs, with harmless arguments for `ACL DRYRUN`.
const NEEDED_COMMANDS: [(&str, Part, &[&str]); 10] = [
    (
        "CLUSTER SETSLOT",
        Part::Any,
        &["CLUSTER", "SETSLOT", "0", "STABLE"],
    ),
    (
        "CLUSTER GETKEYSINSLOT",
        Part::Gives,
        &["CLUSTER", "GETKEYSINSLOT", "0", "1"],
    ),
    (
        "CLUSTER COUNTKEYSINSLOT",
        Part::Any,
        &["CLUSTER", "COUNTKEYSINSLOT", "0"],
    ),
    (
        "MIGRATE",
        Part::Gives,
        &["MIGRATE", "127.0.0.1", "1", "slotkit-probe", "0", "1"],
    ),
    (
        "RESTORE-ASKING",
        Part::Receives,
        &["RESTORE-ASKING", "slotkit-probe", "0", "x"],
    ),
    ("SELECT", Part::Any, &["SELECT", "0"]),
    ("ASKING", Part::Receives, &["ASKING"]),
    ("INFO", Part::Any, &["INFO", "keyspace"]),
    ("DUMP", Part::Compares, &["DUMP", "slotkit-probe"]),
    ("PTTL", Part::Compares, &["PTTL", "slotkit-probe"]),
];

/// Asks `ACL DRYRUN` about every command that a run needs: what our user may not do. Nothing where
/// the server doesn't tell (before 7.0, or `ACL` itself is forbidden).
pub(super) fn forbidden<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    id: NodeId,
    version: &Version,
) -> Result<Vec<Obstacle>> {
    if !version.tells_permissions() {
        return Ok(Vec::new());
    }
    let Ok(user) = cluster.ask(id, &Verb::AclWhoAmI)?.text(&Verb::AclWhoAmI) else {
        return Ok(Vec::new());
    };
    let dry_run = |(_, _, command): &(&str, Part, &[&'static str])| Verb::AclDryRun {
        user: user.clone(),
        command: command.to_vec(),
    };
    let verbs: Vec<Verb> = NEEDED_COMMANDS.iter().map(dry_run).collect();
    let mut all = Vec::new();
    let replies = cluster.round_trip(id, &verbs)?;
    for (((command, part, _), verb), reply) in NEEDED_COMMANDS.iter().zip(&verbs).zip(replies) {
        let words = match reply {
            Reply::Text(text) if text == b"OK" => continue,
            Reply::Text(text) => String::from_utf8_lossy(&text).into_owned(),
            Reply::Refused(refusal) if refusal.error() == ServerError::Forbidden => {
                return Ok(Vec::new());
            }
            // A command that this server doesn't have under this name can't be forbidden.
            Reply::Refused(refusal) if refusal.error() == ServerError::UnknownCommand => continue,
            other => {
                let told = other.text(verb).map(drop);
                let told = told.map_err(|error| error.context(format!("of {command}")));
                told.map_err(|error| cluster.blame(id, error))?;
                continue;
            }
        };
        all.push(Obstacle {
            command,
            part: *part,
            bar: Bar::Forbidden(words),
        });
    }
    Ok(all)
}

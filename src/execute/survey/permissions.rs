//! What our user may do on a node, asked before it is tried half-way.

use crate::cluster::verb::{NodeLink, Reply, Verb};
use crate::cluster::{LiveCluster, NodeId};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Version;

/// The commands that a run needs, with harmless arguments for `ACL DRYRUN`.
const NEEDED_COMMANDS: [&[&str]; 10] = [
    &["CLUSTER", "SETSLOT", "0", "STABLE"],
    &["CLUSTER", "GETKEYSINSLOT", "0", "1"],
    &["CLUSTER", "COUNTKEYSINSLOT", "0"],
    &["MIGRATE", "127.0.0.1", "1", "slotkit-probe", "0", "1"],
    &["RESTORE-ASKING", "slotkit-probe", "0", "x"],
    &["SELECT", "0"],
    &["ASKING"],
    &["INFO", "keyspace"],
    &["DUMP", "slotkit-probe"],
    &["PTTL", "slotkit-probe"],
];

/// What our user may do on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// Everything that a run needs.
    Enough,
    /// A command is forbidden; the server's words.
    Missing(String),
    /// The server doesn't tell (before 7.0, or `ACL` itself is forbidden).
    Unknown,
}

/// Asks `ACL DRYRUN` about every command that a run needs.
pub(super) fn ask<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    id: NodeId,
    version: &Version,
) -> Result<Permissions> {
    if !version.tells_permissions() {
        return Ok(Permissions::Unknown);
    }
    let Ok(user) = cluster.ask(id, &Verb::AclWhoAmI)?.text(&Verb::AclWhoAmI) else {
        return Ok(Permissions::Unknown);
    };
    let verbs: Vec<Verb> = NEEDED_COMMANDS
        .iter()
        .map(|command| Verb::AclDryRun {
            user: user.clone(),
            command: command.to_vec(),
        })
        .collect();
    for (command, reply) in NEEDED_COMMANDS.iter().zip(cluster.round_trip(id, &verbs)?) {
        match reply {
            Reply::Text(text) if text == b"OK" => {}
            Reply::Text(text) => {
                return Ok(Permissions::Missing(
                    String::from_utf8_lossy(&text).into_owned(),
                ));
            }
            Reply::Refused(refusal) if refusal.code == "NOPERM" => return Ok(Permissions::Unknown),
            // A command that this server doesn't have under this name can't be forbidden.
            Reply::Refused(refusal) if refusal.detail.contains("not found") => {}
            other => {
                let message = format!(
                    "ACL DRYRUN {} answered something odd: {other:?}",
                    command.join(" ")
                );
                return Err(cluster.blame(id, Error::new(ErrorKind::Server, message)));
            }
        }
    }
    Ok(Permissions::Enough)
}

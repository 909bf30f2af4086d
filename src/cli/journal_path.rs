//! Where the journal of a cluster is kept.

use crate::cluster::NodeId;
use sha2::{Digest, Sha256};
use std::env;
use std::path::PathBuf;

/// The journal of the cluster of these nodes, in the user's state folder
/// (`$XDG_STATE_HOME`, or `~/.local/state`), or in the current folder where there is none.
///
/// The name follows from the ids of all nodes: running the same command again
/// finds it, and two clusters never share one.
pub(super) fn journal_path(nodes: impl Iterator<Item = NodeId>) -> PathBuf {
    let mut ids: Vec<String> = nodes.map(|id| id.to_string()).collect();
    ids.sort_unstable();
    let digest = Sha256::digest(ids.join("\n"));
    let name: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    state_folder().join(format!("{name}.journal"))
}

fn state_folder() -> PathBuf {
    let named = |variable| {
        env::var_os(variable)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = named("XDG_STATE_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| named("HOME").map(|home| home.join(".local/state")));
    base.map(|base| base.join("slotkit")).unwrap_or_default()
}

//! Finds where the journal of a cluster is kept.

use crate::cluster::ClusterView;
use crate::execute::Move;
use crate::execute::journal::Journal;
use sha2::{Digest, Sha256};
use std::env;
use std::path::{Path, PathBuf};

/// How many journals are looked through: one stays for each cluster with a broken-off run.
const MAX_JOURNALS: usize = 1_000;

/// The journal that was named, or else the cluster's own (`find_journal`).
pub fn journal_of(named: Option<&Path>, view: &ClusterView) -> PathBuf {
    named.map_or_else(|| find_journal(view), Path::to_path_buf)
}

/// The journal of a cluster, in the user's state folder (`$XDG_STATE_HOME`, or
/// `~/.local/state`), or in the current folder where there is none.
///
/// The name follows from the ids of all nodes: running the same command again
/// finds it, and two clusters never share one. Where a node has joined or left
/// since, the journal whose open moves are between nodes of this cluster is it.
fn find_journal(view: &ClusterView) -> PathBuf {
    let path = state_folder().join(name(view));
    if path.exists() {
        return path;
    }
    let begun_here = |path: &PathBuf| {
        Journal::peek(path).is_ok_and(|summary| {
            let is_known =
                |task: &Move| view.node(task.source).is_some() && view.node(task.target).is_some();
            !summary.open.is_empty() && summary.open.iter().all(is_known)
        })
    };
    journals().into_iter().find(begun_here).unwrap_or(path)
}

fn name(view: &ClusterView) -> String {
    // A node in handshake has an id that changes.
    let met = view.nodes().iter().filter(|node| !node.flags.handshake);
    let mut ids: Vec<String> = met.map(|node| node.id.to_string()).collect();
    ids.sort_unstable();
    let digest = Sha256::digest(ids.join("\n"));
    let name: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{name}.journal")
}

fn journals() -> Vec<PathBuf> {
    let Ok(folder) = std::fs::read_dir(state_folder()) else {
        return Vec::new();
    };
    let paths = folder
        .take(MAX_JOURNALS)
        .filter_map(|entry| Some(entry.ok()?.path()));
    let mut journals: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|kind| kind == "journal"))
        .collect();
    journals.sort_unstable();
    journals
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

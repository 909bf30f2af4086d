//! Drives slot moves over links: one slot after the other, each from its
//! first step to its last, with the journal ahead of every slot.
//!
//! The executor makes no choices. It stops at the first surprise, between two
//! slots when the person asks for it, and leaves nothing that the same command
//! can't go on with.

use super::Move;
use super::journal::Journal;
use super::slot_move::{Action, Entry, Settings, SlotMove};
use crate::cluster::login::Login;
use crate::cluster::verb::NodeLink;
use crate::cluster::{LiveCluster, NodeAddr, NodeId};
use crate::error::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::time::Duration;

/// How a run moves keys.
#[derive(Clone, Debug)]
pub struct Options {
    /// What a source logs in with on its target.
    pub login: Option<Login>,
    /// The longest silence between the two servers of a `MIGRATE`.
    pub timeout_ms: u64,
    /// How many keys go into one `MIGRATE`.
    pub keys_per_migrate: u32,
    /// All primaries: each is told of every new owner.
    pub primaries: Vec<NodeId>,
    /// For each pair of source and target, where the source reaches the target.
    pub routes: BTreeMap<(NodeId, NodeId), NodeAddr>,
}

/// Who watches a run, and may ask it to stop.
pub trait Watcher {
    /// A slot is about to move.
    fn begins(&mut self, task: Move);
    /// Keys were sent; the number is what the slot has so far.
    fn moved(&mut self, task: Move, keys: u64);
    /// A slot is where it should be.
    fn ended(&mut self, task: Move, keys: u64);
    /// Whether the run should stop before the next slot.
    fn wants_stop(&self) -> bool;
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Slots that have arrived.
    pub slots: u64,
    /// Keys that were sent and acknowledged.
    pub keys: u64,
    /// Whether the watcher stopped it before the end.
    pub is_stopped: bool,
}

/// Moves these slots in this order.
///
/// # Errors
/// [`ErrorKind::Stopped`] at the first surprise, with the slot and what was
/// seen; what was done before stays done.
pub fn run<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    tasks: &[(Move, Entry)],
    options: &Options,
    journal: &mut Journal,
    watcher: &mut dyn Watcher,
) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    for (task, entry) in tasks {
        if watcher.wants_stop() {
            outcome.is_stopped = true;
            break;
        }
        watcher.begins(*task);
        journal.begin(*task)?;
        let settings = settings(*task, options)?;
        let keys = drive(
            cluster,
            SlotMove::new(*task, settings, *entry),
            *task,
            watcher,
        )?;
        journal.end(*task)?;
        watcher.ended(*task, keys);
        outcome.slots += 1;
        outcome.keys += keys;
    }
    Ok(outcome)
}

fn settings(task: Move, options: &Options) -> Result<Settings> {
    let route = options
        .routes
        .get(&(task.source, task.target))
        .ok_or_else(|| {
            let message = format!("slot {}: no proven route from source to target", task.slot);
            Error::new(ErrorKind::Unsafe, message)
        })?;
    let is_bystander = |id: &NodeId| *id != task.source && *id != task.target;
    Ok(Settings {
        route: route.clone(),
        login: options.login.clone(),
        timeout_ms: options.timeout_ms,
        keys_per_migrate: options.keys_per_migrate,
        others: options
            .primaries
            .iter()
            .copied()
            .filter(is_bystander)
            .collect(),
    })
}

/// Runs one slot's machine to its end; returns the keys that it moved.
fn drive<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    mut slot_move: SlotMove,
    task: Move,
    watcher: &mut dyn Watcher,
) -> Result<u64> {
    loop {
        match slot_move.action() {
            Action::Ask { node, verbs } => {
                let replies = cluster
                    .round_trip(node, &verbs)
                    .map_err(|error| lost(task, error))?;
                slot_move.answer(replies)?;
                watcher.moved(task, slot_move.keys_moved());
            }
            Action::Pause { ms } => std::thread::sleep(Duration::from_millis(ms)),
            Action::Done => return Ok(slot_move.keys_moved()),
        }
    }
}

fn lost(task: Move, error: Error) -> Error {
    error
        .context(format!("slot {}", task.slot))
        .of_kind(ErrorKind::Stopped)
}

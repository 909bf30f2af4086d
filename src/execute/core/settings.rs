//! What a run is told, and what it tells.

use super::super::Move;
use super::super::families::Families;
use super::super::slot_move::{OnConflict, Settings, Unclear};
use super::pace::Limits;
use crate::cluster::login::Login;
use crate::cluster::{NodeAddr, NodeId};
use crate::error::{Error, ErrorKind, Result};
use crate::slot::Slot;
use std::collections::BTreeMap;

/// How a run moves keys.
#[derive(Clone, Debug)]
pub struct Options {
    /// What a source logs in with on its target.
    pub login: Option<Login>,
    /// The longest silence between the two servers of a `MIGRATE`.
    pub timeout_ms: u64,
    /// How many keys go into one `MIGRATE`, and into all `MIGRATE`s of one write: the source
    /// serves nobody else before a write is worked off.
    pub keys_per_migrate: u32,
    /// The most bytes in one `MIGRATE`; none measures nothing.
    pub bytes_per_migrate: Option<u64>,
    /// How many slots may be open at once between two nodes, at least one.
    pub slots_at_once: usize,
    /// How many pairs of source and target one node may take part in at once, at least one.
    pub pairs_per_node: usize,
    /// What the user allows.
    pub limits: Limits,
    /// What becomes of a key that both sides have with different values.
    pub on_conflict: OnConflict,
    /// How long a node may take to come back, or to be replaced by a replica.
    pub failover_wait_ms: u64,
    /// Every node that can be asked, and how people call it.
    pub names: BTreeMap<NodeId, String>,
    /// The primaries when the run begins.
    pub primaries: Vec<NodeId>,
    /// Who is a replica of whom, or was when these moves began.
    pub families: Families,
    /// The keys of the slots that were counted: many slots with few keys go at once.
    pub keys: BTreeMap<Slot, u64>,
    /// The keys that an earlier run has left unclear.
    pub unclear: BTreeMap<Slot, Unclear>,
    /// For each pair of source and target, where the source reaches the target.
    pub routes: BTreeMap<(NodeId, NodeId), NodeAddr>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            login: None,
            timeout_ms: 10_000,
            keys_per_migrate: 80,
            bytes_per_migrate: None,
            slots_at_once: 32,
            pairs_per_node: 8,
            limits: Limits::default(),
            on_conflict: OnConflict::Stop,
            failover_wait_ms: 60_000,
            names: BTreeMap::new(),
            primaries: Vec::new(),
            families: Families::default(),
            keys: BTreeMap::new(),
            unclear: BTreeMap::new(),
            routes: BTreeMap::new(),
        }
    }
}

impl Options {
    /// How people call a node.
    pub(super) fn name(&self, id: NodeId) -> String {
        self.names
            .get(&id)
            .map_or_else(|| id.short(), ToString::to_string)
    }

    /// What one slot's machine is told.
    pub(super) fn settings(&self, task: Move) -> Result<Settings> {
        if task.source == task.target {
            let message = format!("slot {}: its source is its target", task.slot);
            return Err(Error::new(ErrorKind::Unsafe, message));
        }
        let route = self.routes.get(&(task.source, task.target));
        let route = route.ok_or_else(|| {
            let message = format!("slot {}: no proven route from source to target", task.slot);
            Error::new(ErrorKind::Unsafe, message)
        })?;
        Ok(Settings {
            route: route.clone(),
            login: self.login.clone(),
            timeout_ms: self.timeout_ms,
            keys_per_migrate: self.keys_per_migrate,
            bytes_per_migrate: self.bytes_per_migrate,
            others: Vec::new(),
            on_conflict: self.on_conflict,
        })
    }
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Slots that have arrived.
    pub slots: u64,
    /// Keys that were sent and acknowledged.
    pub keys: u64,
    /// What they took in memory, where batches are cut by bytes.
    pub bytes: u64,
    /// Keys for which the person's wish chose between two values.
    pub conflicts: u64,
    /// How often a slot had to be looked at anew, after a lost link or a change of roles.
    pub retries: u64,
    /// The longest that a write with keys held its source up, milliseconds.
    pub largest_stall_ms: u64,
    /// Whether it was stopped before the end, as asked.
    pub is_stopped: bool,
}

/// What the person wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// Go on.
    #[default]
    GoOn,
    /// Send no more keys for now.
    Pause,
    /// Begin nothing new, finish what is in hand.
    Stop,
    /// End at once; everything stays resumable.
    StopAtOnce,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A slot is about to move.
    Begins(Move),
    /// Keys were sent.
    Moved {
        /// The move.
        task: Move,
        /// The keys of this slot so far.
        keys: u64,
        /// Their bytes, where batches are cut by bytes.
        bytes: u64,
    },
    /// A slot is where it should be.
    Ended {
        /// The move.
        task: Move,
        /// The keys of this slot.
        keys: u64,
        /// Their bytes, where batches are cut by bytes.
        bytes: u64,
    },
}

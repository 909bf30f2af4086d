//! Defines what passes between a run and who drives and watches it: what it is told, the effects
//! that it asks for, what it notes in the journal, and what it tells.

use super::super::failures::Failures;
use super::super::figure::Figure;
use super::super::mover::{KeyInDoubt, Opened, Settings, Unit, Wait};
use super::super::options::MoveOptions;
use super::super::shards::Shards;
use super::super::timeouts::Timeouts;
use super::health::HealthReading;
use crate::cluster::login::Login;
use crate::cluster::verb::Verb;
use crate::cluster::{NodeAddr, NodeId};
use crate::error::{Error, ErrorKind, Result};
use crate::slot::Slot;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

/// How a run moves keys, and what is known of the nodes when it begins.
#[derive(Clone, Debug, Default, Hash)]
pub struct Options {
    /// How slots are moved.
    pub how: MoveOptions,
    /// What a source logs in with on its target.
    pub login: Option<Login>,
    /// How long a `MIGRATE` waits for a silent target.
    pub timeouts: Timeouts,
    /// Every node that can be asked, and how people call it.
    pub names: BTreeMap<NodeId, String>,
    /// The primaries when the run begins.
    pub primaries: Vec<NodeId>,
    /// The Unix time at which the run's own milliseconds are 0, in milliseconds; none where no
    /// moment is noted.
    pub epoch_ms: Option<u64>,
    /// Who is a replica of whom, or was when these moves began.
    pub shards: Shards,
    /// The keys of the slots that were counted: those without keys go together.
    pub keys: BTreeMap<Slot, u64>,
    /// The keys that an earlier run has left in doubt.
    pub doubts: BTreeMap<Slot, Vec<KeyInDoubt>>,
    /// When the slots were opened that an earlier run has opened.
    pub opened: BTreeMap<Slot, Opened>,
    /// What the sources said of their failures, before these were sent.
    pub failures: BTreeMap<NodeId, Failures>,
    /// How many databases the nodes have, where it is more than database 0 (Valkey 9).
    pub databases: BTreeMap<NodeId, u32>,
    /// For each pair of source and target, where the source reaches the target.
    pub routes: BTreeMap<(NodeId, NodeId), NodeAddr>,
}

impl Options {
    /// How people call a node.
    pub(super) fn name(&self, id: NodeId) -> String {
        self.names
            .get(&id)
            .map_or_else(|| id.short(), ToString::to_string)
    }

    /// What a unit's mover is told.
    pub(super) fn settings(&self, unit: &Unit) -> Result<Settings> {
        if unit.source == unit.target {
            let message = format!("{unit}: its source is its target");
            return Err(Error::new(ErrorKind::Unsafe, message));
        }
        let route = self.routes.get(&unit.pair());
        let route = route.ok_or_else(|| {
            let message = format!("{unit}: no proven route from source to target");
            Error::new(ErrorKind::Unsafe, message)
        })?;
        Ok(Settings {
            route: route.clone(),
            login: self.login.clone(),
            how: self.how,
            timeout_ms: self.timeouts.usual_ms,
            others: Vec::new(),
            names: [unit.source, unit.target].map(|id| self.name(id)),
            opened: self.opened.get(&unit.first()).copied(),
            databases: [unit.source, unit.target]
                .map(|id| self.databases.get(&id).copied().unwrap_or(1)),
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
    /// How many `MIGRATE`s were sent.
    pub migrates: u64,
    /// How often a slot had to be looked at anew, after a lost link or a change of roles.
    pub retries: u64,
    /// The longest that a write with keys held its source up, milliseconds.
    pub largest_stall_ms: u64,
    /// Dead nodes without a part in these slots, which weren't waited for at the end.
    pub passed_over: u64,
    /// Whether it was stopped before the end, as asked.
    pub is_stopped: bool,
}

/// By what decides how a job goes on: the rest is told to people.
impl Hash for Outcome {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Outcome {
            slots,
            keys,
            bytes,
            conflicts,
            migrates,
            retries,
            largest_stall_ms,
            passed_over,
            is_stopped,
        } = *self;
        let told = [keys, bytes, conflicts, migrates, retries];
        let figures = (told, largest_stall_ms, passed_over);
        (slots, is_stopped, Figure(figures)).hash(state);
    }
}

/// What the person wants of a run from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RunControl {
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A unit is about to move.
    Begins(Unit),
    /// Keys were sent.
    Moved {
        /// The unit.
        unit: Unit,
        /// The keys of this unit so far.
        keys: u64,
        /// Their bytes, where batches are cut by bytes.
        bytes: u64,
    },
    /// A unit is where it should be.
    Ended {
        /// The unit.
        unit: Unit,
        /// The keys of this unit.
        keys: u64,
        /// Their bytes, where batches are cut by bytes.
        bytes: u64,
    },
    /// A unit waits for keys that end by themselves.
    Waits {
        /// The unit.
        unit: Unit,
        /// How many keys, and how long.
        wait: Wait,
    },
    /// Slots that had arrived at a node which died were given to its promoted replica.
    Reassigned {
        /// How many.
        slots: usize,
        /// Who took over.
        promoted: NodeId,
    },
}

/// What a driver has to do next.
#[derive(Debug)]
pub enum Effect {
    /// Write these down; when one of them begins a move, let it reach the disk. Then
    /// [`super::Core::recorded`].
    Record(Vec<Note>),
    /// Send these verbs to a node in one write; later [`super::Core::answered`] or
    /// [`super::Core::lost`].
    Ask {
        /// The node.
        node: NodeId,
        /// Another address than the node's own: a connection that is made for this question.
        at: Option<NodeAddr>,
        /// The verbs.
        verbs: Vec<Verb>,
    },
    /// Nothing can be sent before this moment (in the driver's milliseconds), or before an answer.
    Wait {
        /// The moment; none when only an answer can help.
        until_ms: Option<u64>,
    },
    /// It is over: [`super::Core::into_result`].
    End,
}

/// What the journal has to remember.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Note {
    /// A unit is about to be opened: on disk before the first command goes out.
    Begins(Unit),
    /// A unit is where it should be, or closed again as it was before.
    Ends(Unit),
    /// These keys of a unit, and no others, are in doubt from now on: with those that are about to
    /// be sent.
    Doubts(Unit, Vec<KeyInDoubt>),
    /// What a source says of its failures, before keys are sent from it.
    Failures(NodeId, Failures),
}

/// Who watches a run, and may ask it to stop.
pub trait Watcher {
    /// Slots that move together are about to.
    fn begins(&mut self, unit: &Unit);
    /// Keys were sent; the numbers are what these slots have so far. Bytes are 0 where they aren't
    /// measured.
    fn moved(&mut self, unit: &Unit, keys: u64, bytes: u64);
    /// The slots are where they should be.
    fn ended(&mut self, unit: &Unit, keys: u64, bytes: u64);
    /// They wait for keys that end by themselves.
    fn waits(&mut self, _unit: &Unit, _wait: Wait) {}
    /// So many slots had arrived at a node which died, and were given to the one that took over.
    fn reassigned(&mut self, _slots: usize, _promoted: &str) {}
    /// What it has seen of the nodes since it was asked last.
    fn readings(&mut self) -> Vec<HealthReading> {
        Vec::new()
    }
    /// Whether the run should begin no further slot.
    fn wants_stop(&self) -> bool;
}

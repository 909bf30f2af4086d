//! The fields of a plan's JSON document, and how a plan is written into them.

use super::fingerprint::{Fingerprint, Holding};
use super::objective::Objective;
use super::plan::{Migration, NodeState, Note, Plan};
use crate::cluster::NodeId;
use crate::slot::Slot;
use serde::{Deserialize, Serialize};

/// The version of the document that this code writes and reads.
pub const SCHEMA: u64 = 1;

/// The whole document.
#[derive(Serialize, Deserialize)]
pub(super) struct PlanJson {
    pub schema: u64,
    pub objective: Objective,
    pub made_from: MadeFromJson,
    pub can_be_applied: bool,
    pub before: Vec<NodeJson>,
    pub after: Vec<NodeJson>,
    pub cost: CostJson,
    /// Not in the files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<RunsJson>,
    pub remaining: Option<RemainingJson>,
    pub notes: Vec<NoteJson>,
    pub migrations: Vec<MigrationJson>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct MadeFromJson {
    pub fingerprint: Fingerprint,
    pub primaries: Vec<Holding>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct NodeJson {
    pub id: NodeId,
    pub addr: Option<String>,
    pub slots: u64,
    pub keys: Option<u64>,
    pub bytes: Option<u64>,
    pub load: f64,
    pub fair_load: f64,
    pub runs: u64,
    pub excluded: bool,
    pub invented: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct MigrationJson {
    pub slot: u16,
    pub source: NodeId,
    pub target: NodeId,
    pub keys: Option<u64>,
    pub bytes: Option<u64>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct CostJson {
    pub slots: u64,
    pub keys: Option<u64>,
    pub bytes: Option<u64>,
    pub lower_bound_bytes: Option<u64>,
    pub least: String,
    pub lower_bound: u64,
}

/// How many ranges of slots clients read, over all primaries.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunsJson {
    pub before: u64,
    pub after: u64,
}

impl From<&Plan> for RunsJson {
    fn from(plan: &Plan) -> RunsJson {
        RunsJson {
            before: plan.runs_before(),
            after: plan.runs_after(),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct RemainingJson {
    pub slots: u64,
    pub keys: Option<u64>,
    pub bytes: Option<u64>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct NoteJson {
    pub kind: String,
    pub node: Option<NodeId>,
    pub slot: Option<u16>,
    pub message: String,
}

impl From<&Plan> for PlanJson {
    fn from(plan: &Plan) -> PlanJson {
        PlanJson {
            schema: SCHEMA,
            objective: plan.objective.clone(),
            made_from: MadeFromJson {
                fingerprint: plan.made_from(),
                primaries: plan.topology.holdings().to_vec(),
            },
            can_be_applied: plan.can_be_applied(),
            before: plan.before.iter().map(NodeJson::from).collect(),
            after: plan.after.iter().map(NodeJson::from).collect(),
            cost: CostJson {
                slots: plan.cost.slots,
                keys: plan.cost.keys,
                bytes: plan.cost.bytes,
                lower_bound_bytes: plan.cost.lower_bound_bytes,
                least: plan.cost.least.metric().to_string(),
                lower_bound: plan.cost.lower_bound,
            },
            runs: Some(RunsJson::from(plan)),
            remaining: plan.remaining.map(|remaining| RemainingJson {
                slots: remaining.slots,
                keys: remaining.keys,
                bytes: remaining.bytes,
            }),
            notes: plan.notes.iter().map(NoteJson::from).collect(),
            migrations: plan.migrations.iter().map(MigrationJson::from).collect(),
        }
    }
}

impl From<&NodeState> for NodeJson {
    fn from(node: &NodeState) -> NodeJson {
        NodeJson {
            id: node.id,
            addr: node.addr.as_ref().map(ToString::to_string),
            slots: node.slots,
            keys: node.keys,
            bytes: node.bytes,
            load: node.load,
            fair_load: node.fair_load,
            runs: node.runs,
            excluded: node.is_excluded,
            invented: node.is_invented,
        }
    }
}

impl From<&Migration> for MigrationJson {
    fn from(migration: &Migration) -> MigrationJson {
        MigrationJson {
            slot: migration.slot.number(),
            source: migration.source,
            target: migration.target,
            keys: migration.keys,
            bytes: migration.bytes,
        }
    }
}

impl From<&Note> for NoteJson {
    fn from(note: &Note) -> NoteJson {
        NoteJson {
            kind: note.kind.name().to_owned(),
            node: note.node,
            slot: note.slot.map(Slot::number),
            message: note.message.clone(),
        }
    }
}

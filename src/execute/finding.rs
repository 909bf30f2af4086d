//! Defines findings: what a person should know about a cluster before slots move.

use crate::cluster::NodeId;
use crate::error::fix_by_both_names;
use crate::slot::{Slot, SlotSet};
use serde::Serialize;
use std::fmt;

/// What was found, as scripts name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// A node can't be reached.
    NodeUnreachable,
    /// A node is taken for failed by another.
    NodeFailed,
    /// A node says `cluster_state:fail`.
    ClusterDown,
    /// Nobody serves some slots.
    SlotsUncovered,
    /// Nodes believe in different owners.
    OwnershipDisagreement,
    /// A slot is being moved already, by somebody else.
    OpenSlot,
    /// A slot is being moved by an earlier run of this user, which broke off.
    OwnOpenSlot,
    /// A node holds keys in slots that it doesn't own.
    OrphanedKeys,
    /// Keys are in other databases than 0.
    NumberedDatabases,
    /// A slot to move holds a key that would block both servers.
    BigKey,
    /// Not every key of the slots to move was measured.
    BigKeysUnknown,
    /// Two nodes don't know each other (yet), or their bus link is down.
    NotAcquainted,
    /// A run of slotkit is moving slots now.
    RunUnderWay,
    /// A copy of keys may be on two nodes, and nobody has decided which is to stay.
    UndecidedKeys,
    /// The journal can't be read: whether a run is under way isn't known.
    JournalUnreadable,
    /// Servers are moving slots by themselves.
    SlotMigration,
    /// Whether they do can't be found out.
    SlotMigrationUnknown,
    /// A node lacks function libraries that another one has.
    FunctionsMissing,
    /// Nodes have different libraries of one name.
    FunctionsDiffer,
    /// Which function libraries a node has can't be found out.
    FunctionsUnknown,
    /// A node of the plan isn't a primary of this cluster.
    NotAPrimary,
    /// A server is too old for what the move needs.
    ServerTooOld,
    /// Nodes run different versions.
    VersionMix,
    /// Two primaries have the same configuration epoch.
    EpochCollision,
    /// The user may not run a command that the move needs.
    PermissionMissing,
    /// A command that the move needs was renamed or disabled.
    CommandMissing,
    /// A node refuses a command that the move needs, as it is at present.
    CommandRefused,
    /// What answers isn't what it says it is: it accepted what no server can carry out.
    NotAServer,
    /// A target doesn't load what a source dumps.
    DumpTooNew,
    /// A target hasn't the memory for what it would receive.
    MemoryHeadroom,
    /// A primary will turn into a replica when its last slot leaves.
    TurnsIntoReplica,
    /// A primary with slots has no replica that follows it.
    NoReplica,
    /// A replica doesn't receive what its primary does.
    ReplicaNotFollowing,
    /// A replica is far behind its primary.
    ReplicaBehind,
    /// A replica doesn't tell whether it follows.
    ReplicationUnknown,
}

impl FindingKind {
    /// Its name, as `--json` has it.
    pub fn name(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|name| name.as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// Whether it is about the state of the cluster itself, and not about who asks or what for:
    /// then even a plan made from it would mislead.
    pub fn is_about_state(self) -> bool {
        use FindingKind::*;
        matches!(
            self,
            NodeUnreachable
                | NodeFailed
                | ClusterDown
                | SlotsUncovered
                | OwnershipDisagreement
                | OpenSlot
                | OwnOpenSlot
                | NotAcquainted
                | RunUnderWay
                | JournalUnreadable
                | SlotMigration
        )
    }
}

/// Whether a finding forbids moving slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Slots may move; the person should know.
    Warning,
    /// No slot may move.
    Error,
}

/// One finding with its fix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// Whether it forbids moving slots.
    pub severity: Severity,
    /// What was seen, and where.
    pub message: String,
    /// What to do about it.
    #[serde(flatten, serialize_with = "fix_by_both_names")]
    pub fix: String,
    /// The node it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    /// The slot it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
    /// All slots that it is about, where these are several.
    #[serde(skip)]
    pub among: Option<SlotSet>,
    /// Whether it may pass by itself within seconds, so that it is worth waiting for.
    #[serde(skip)]
    pub passes: bool,
}

impl Finding {
    /// A finding that forbids moving slots.
    pub fn error(kind: FindingKind, message: impl Into<String>, fix: impl Into<String>) -> Finding {
        let (message, fix) = (message.into(), fix.into());
        Finding {
            kind,
            severity: Severity::Error,
            message,
            fix,
            node: None,
            slot: None,
            among: None,
            passes: false,
        }
    }

    /// A finding that the person should know.
    pub fn warning(
        kind: FindingKind,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Finding {
        Finding {
            severity: Severity::Warning,
            ..Finding::error(kind, message, fix)
        }
    }

    /// The node it is about.
    #[must_use]
    pub fn about(self, node: NodeId) -> Finding {
        Finding {
            node: Some(node),
            ..self
        }
    }

    /// The slot it is about.
    #[must_use]
    pub fn at(self, slot: Slot) -> Finding {
        Finding {
            slot: Some(slot),
            ..self
        }
    }

    /// All slots that it is about.
    #[must_use]
    pub fn among(self, slots: SlotSet) -> Finding {
        Finding {
            among: Some(slots),
            ..self
        }
    }

    /// All slots that it is about; none where it isn't about slots.
    pub fn slots(&self) -> SlotSet {
        match &self.among {
            Some(slots) => slots.clone(),
            None => self.slot.into_iter().collect(),
        }
    }

    /// It may pass by itself within seconds.
    #[must_use]
    pub fn passing(self) -> Finding {
        Finding {
            passes: true,
            ..self
        }
    }

    /// Whether it forbids moving slots.
    pub fn forbids(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.fix)
    }
}

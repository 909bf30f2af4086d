//! One line of `CLUSTER NODES`.

use super::{NodeAddr, NodeId};
use crate::slot::{Slot, SlotSet};

/// A node as another node (or itself) sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// The node's id.
    pub id: NodeId,
    /// Where it listens; none when the observer doesn't know (`noaddr`).
    pub addr: Option<NodeAddr>,
    /// Its announced host name (Redis 7.0 and later).
    pub hostname: Option<String>,
    /// Primary, or replica of whom.
    pub role: Role,
    /// What else the observer says of it.
    pub flags: NodeFlags,
    /// Its configuration epoch: who wins when two nodes claim a slot.
    pub config_epoch: u64,
    /// Whether the observer's bus link to it is up.
    pub link: LinkState,
    /// The slots that the observer believes it owns.
    pub slots: SlotSet,
    /// Slots that are being moved. Only a node's own line shows them.
    pub open: Vec<OpenSlot>,
}

impl Node {
    /// Whether it is a primary, with or without slots.
    pub fn is_primary(&self) -> bool {
        self.role == Role::Primary
    }

    /// Whether the observer takes it for alive and met: not failed, not shaking hands, address known.
    pub fn is_usable(&self) -> bool {
        // A node learns its own address from others: one that has met nobody doesn't know it.
        let is_known = self.addr.is_some() || self.flags.myself;
        !self.flags.fail && !self.flags.handshake && is_known
    }

    /// How it has a slot open, where it does; only of its own line.
    pub fn open_slot(&self, slot: Slot) -> Option<OpenSlot> {
        self.open.iter().copied().find(|open| open.slot() == slot)
    }

    /// How people name it: its address, or the start of its id.
    pub fn name(&self) -> String {
        match &self.addr {
            Some(addr) => addr.to_string(),
            None => self.id.short(),
        }
    }
}

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Serves slots, or may.
    Primary,
    /// Follows a primary.
    Replica {
        /// Whom it follows; none when the observer doesn't know yet.
        primary: Option<NodeId>,
    },
}

/// The flags of a `CLUSTER NODES` line, but for the role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NodeFlags {
    /// The line is about the node that answers.
    pub myself: bool,
    /// The majority agrees that it has failed.
    pub fail: bool,
    /// The observer alone can't reach it (`fail?`).
    pub pfail: bool,
    /// Not yet met.
    pub handshake: bool,
    /// Its address isn't known.
    pub noaddr: bool,
    /// A replica that won't fail over.
    pub nofailover: bool,
}

/// The observer's bus link to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkState {
    /// Up.
    Connected,
    /// Down.
    Disconnected,
}

/// A slot that is being moved, as one of the two nodes says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OpenSlot {
    /// The node gives the slot to the target.
    Migrating {
        /// The slot.
        slot: Slot,
        /// Who receives it.
        target: NodeId,
    },
    /// The node receives the slot from the source.
    Importing {
        /// The slot.
        slot: Slot,
        /// Who gives it.
        source: NodeId,
    },
}

impl OpenSlot {
    /// The slot that is open.
    pub fn slot(self) -> Slot {
        match self {
            OpenSlot::Migrating { slot, .. } | OpenSlot::Importing { slot, .. } => slot,
        }
    }

    /// The node at the other end.
    pub fn other(self) -> NodeId {
        match self {
            OpenSlot::Migrating { target, .. } => target,
            OpenSlot::Importing { source, .. } => source,
        }
    }
}

//! What a slot's move is told, and what it asks for.

use crate::cluster::login::Login;
use crate::cluster::verb::Verb;
use crate::cluster::{NodeAddr, NodeId};

/// How keys are moved.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the *source* reaches the target, proven to be the target.
    pub route: NodeAddr,
    /// What the source logs in with on the target.
    pub login: Option<Login>,
    /// The longest silence between the two servers.
    pub timeout_ms: u64,
    /// How many keys go into one `MIGRATE`, which blocks both servers while it runs.
    pub keys_per_migrate: u32,
    /// The most bytes that go into one `MIGRATE`, as `MEMORY USAGE` estimates them (4.0 and
    /// later); a key above it goes alone. None measures nothing.
    pub bytes_per_migrate: Option<u64>,
    /// The primaries that are neither source nor target.
    pub others: Vec<NodeId>,
    /// What becomes of a key that both sides have with different values.
    pub on_conflict: OnConflict,
}

/// What becomes of a key that both sides have with different values. Only a person can know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// The slot stops, and both copies stay.
    #[default]
    Stop,
    /// The source's copy overwrites the target's.
    KeepSource,
    /// The source's copy is deleted.
    KeepTarget,
}

/// Where a slot's way begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The source owns it and nobody has it open: nothing is done yet.
    Fresh,
    /// The source owns it; an earlier run has opened it, and keys may be on both sides.
    SourceOwns,
    /// As before, and the source took over from another node, which the target takes for the
    /// owner still: a node that imports a slot doesn't learn of its source's heir by gossip. Where
    /// the old source died, the target even says `cluster_state:fail` and serves nobody.
    SourceReplaced,
    /// The target owns it already; the source or a bystander may not know.
    TargetOwns,
    /// The target owns it, and the source knows and has it open still. No client is sent to what
    /// keys it has: its primary had sent them, and this is an heir that was behind. They are not
    /// sent again, since clients may have deleted them meanwhile ([`crate::execute::strays`]).
    TargetServes,
}

/// What to do next.
#[derive(Clone, Debug)]
pub enum Action {
    /// Send these verbs to this node and give the replies to [`super::SlotMove::answer`].
    ///
    /// Verbs of other slots may go before and after them over the same link, so
    /// they begin with `SELECT` where the database matters.
    Ask {
        /// The node.
        node: NodeId,
        /// The verbs, in one write.
        verbs: Vec<Verb>,
    },
    /// Look whether the slot may be opened on its source: whether nobody else has it open. Then
    /// call [`super::SlotMove::claimed`], or [`super::SlotMove::withdraw`].
    ///
    /// Two runs that open a slot at the same time towards two targets both say `IMPORTING` first
    /// and look afterwards, so that at least one of them sees the other before a key moves.
    Claim,
    /// Look whether the slot is still moved by us alone, then call [`super::SlotMove::confirmed`].
    ///
    /// `SETSLOT` overwrites what another tool has set, without a word: a `NODE` after that
    /// would give the slot away from under the keys that the other has moved.
    Confirm,
    /// Wait, then ask again for the next action.
    Pause {
        /// How long.
        ms: u64,
    },
    /// Look where the slot stands: its source is no primary any more, and an heir of it may still
    /// have the slot open.
    Look,
    /// The slot is where it should be.
    Done,
}

/// Keys that the source still had after a `MIGRATE` that didn't move them: their copies may be on the
/// target, without anybody having said so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unclear {
    /// Their database.
    pub db: u32,
    /// Their names.
    pub keys: Vec<Vec<u8>>,
}

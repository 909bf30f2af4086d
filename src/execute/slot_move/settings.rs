//! What a slot's move is told, and what it asks for.

use crate::cluster::login::Login;
use crate::cluster::verb::Verb;
use crate::cluster::{NodeAddr, NodeId};
use crate::execute::options::MoveOptions;

/// How one slot's keys are moved.
#[derive(Clone, Debug, Hash)]
pub struct Settings {
    /// Where the *source* reaches the target, proven to be the target.
    pub route: NodeAddr,
    /// What the source logs in with on the target.
    pub login: Option<Login>,
    /// How keys are moved.
    pub how: MoveOptions,
    /// The shortest that a `MIGRATE` waits for a silent target.
    pub timeout_ms: u64,
    /// The primaries that are neither source nor target.
    pub others: Vec<NodeId>,
    /// How many databases source and target have, as far as they can be selected.
    pub databases: [u32; 2],
    /// How people call source and target.
    pub names: [String; 2],
    /// When the slot was opened, where an earlier run has opened it.
    pub opened: Option<Opened>,
}

/// When a slot was opened, and at whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Opened {
    /// Who owned it then.
    pub source: NodeId,
    /// When, milliseconds of Unix time; none where nobody has noted it.
    pub at_ms: Option<u64>,
}

/// Where a slot's way begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// they begin with `SELECT` where the database matters. What a node is asked about itself may
    /// be asked once for several slots, behind all that they send.
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
    /// Look whether the target is known to keep what it takes, by keys of other slots from the
    /// same source. Then call [`super::SlotMove::vouched`], or `not_vouched`.
    Vouch,
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

/// Keys of one database that were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Unclear {
    /// Their database.
    pub db: u32,
    /// Their names.
    pub keys: Vec<Vec<u8>>,
}

/// A wait for keys that end by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wait {
    /// How many.
    pub keys: u64,
    /// How long, until the last of them has ended.
    pub ms: u64,
}

impl Wait {
    /// One more, that ends after so long.
    pub(super) fn add(&mut self, left_ms: u64) {
        self.keys += 1;
        self.ms = self.ms.max(left_ms);
    }
}

/// What keys that were sent have shown of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Finding {
    /// Of a batch of so many keys the target has what it took, but for those that are gone.
    Kept {
        /// How many were sent.
        sent: u64,
        /// How many of them weren't there a moment later.
        gone: u64,
    },
    /// Most of a batch was gone when it was asked for: clients have deleted it, it expired, or
    /// something has swallowed it.
    Missed,
    /// When the slot was to be handed over, the target had the keys that it had before.
    Held,
    /// It had less than half of them.
    Fell,
}

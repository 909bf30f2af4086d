//! Defines what a unit's move wants next.

use crate::cluster::NodeId;
use crate::cluster::verb::Verb;

/// What to do next.
#[derive(Clone, Debug)]
pub enum Action {
    /// Send these verbs to this node and give the replies to [`super::Mover::answer`].
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
    /// call [`super::Mover::claimed`], or [`super::Mover::withdraw`].
    ///
    /// Two runs that open a slot at the same time towards two targets both say `IMPORTING` first
    /// and look afterwards, so that at least one of them sees the other before a key moves.
    Claim,
    /// Look whether the slot is still moved by us alone, then call [`super::Mover::confirmed`].
    ///
    /// `SETSLOT` overwrites what another tool has set, without a word: a `NODE` after that
    /// would give the slot away from under the keys that the other has moved.
    Confirm,
    /// Look whether the target is known to keep what it takes, by keys of other slots from the
    /// same source. Then call [`super::Batches::vouched`].
    Vouch,
    /// Wait, then ask again for the next action.
    Pause {
        /// How long.
        ms: u64,
    },
    /// Look where the slot stands: its source is no primary any more, and a promoted replica of it
    /// may still have the slot open.
    Recheck,
    /// The slot is where it should be.
    Done,
}

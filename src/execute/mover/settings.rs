//! Defines what a mover is told when it is made, and where its way begins.

use crate::cluster::login::Login;
use crate::cluster::{NodeAddr, NodeId};
use crate::execute::options::MoveOptions;

/// How a unit is moved.
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
    /// owner still: a node that imports a slot doesn't learn of its source's promoted replica by
    /// gossip. Where the old source died, the target even says `cluster_state:fail` and serves
    /// nobody.
    SourceReplaced,
    /// The target owns it already; the source or a bystander may not know.
    TargetOwns,
    /// The target owns it, and the source knows and has it open still. No client is sent to what
    /// keys it has: its primary had sent them, and this is a promoted replica that was behind. They
    /// are not sent again, since clients may have deleted them meanwhile
    /// ([`crate::execute::orphaned`]).
    TargetServes,
}

//! The kinds of losses that no tool can prevent.

/// Why a key isn't what was acknowledged last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Excuse {
    /// Swallowed by its target, which said OK.
    Swallowed,
    /// Not on the replica that took over.
    NotReplicated,
    /// Won back by an old primary that woke with an epoch of its own.
    WonBack,
    /// Lost where a third node said that the slot is of one that had given it up already: before
    /// Redis 7.2 an `UPDATE` tells of slots that their owner doesn't claim any more, and both drop
    /// their keys.
    GivenByHearsay,
    /// Written at a promoted replica while the `NODE` was on its way that gives the slot away.
    WrittenAtPromoted,
    /// Overwritten by a `MIGRATE` that lay in the buffers of an old primary.
    OverwrittenLate,
    /// Asked for together with one that had moved, before Redis 7.0.
    AskedWithMoved,
    /// Deleted while a copy that nobody knew of was on the target.
    DeletedUnheard,
}

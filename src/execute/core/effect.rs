//! Defines the effects that a run asks of its driver, and what it notes in the journal.

use super::super::failures::Failures;
use super::super::mover::{Doubtful, Unit};
use crate::cluster::verb::Verb;
use crate::cluster::{NodeAddr, NodeId};

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
    Doubts(Unit, Vec<Doubtful>),
    /// What a source says of its failures, before keys are sent from it.
    Failures(NodeId, Failures),
}

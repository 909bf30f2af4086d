//! What tests on every floor above call the nodes of a cluster.

use super::NodeId;

/// The id that is this hexadecimal digit forty times.
pub(crate) fn id(digit: char) -> NodeId {
    let digits = digit.to_string().repeat(NodeId::DIGITS);
    digits.parse().expect("an id")
}

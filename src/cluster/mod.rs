//! Floor 2: nodes, shards, who owns which slot, and the links to live nodes.
//!
//! What a node says in `CLUSTER NODES` is read by [`parse`] into a
//! [`ClusterView`], which is what one node believes. Whether the nodes believe
//! the same is asked of several views together ([`agreement`]).

mod addr;
pub mod agreement;
mod id;
mod node;
pub mod parse;
mod slot_map;
mod view;

pub use addr::NodeAddr;
pub use id::NodeId;
pub use node::{LinkState, Node, NodeFlags, OpenSlot, Role};
pub use slot_map::SlotMap;
pub use view::{ClusterView, Shard, SlotOwnership};

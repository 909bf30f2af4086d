//! Floor 2: nodes, shards, who owns which slot, and the links to live nodes.
//!
//! What a node says in `CLUSTER NODES` is read by [`parse`] into a
//! [`ClusterView`], which is what one node believes. Whether the nodes believe
//! the same is asked of several views together ([`agreement`]).

mod addr;
pub mod agreement;
#[cfg(feature = "live")]
mod asked;
#[cfg(feature = "live")]
pub mod client;
#[cfg(feature = "live")]
pub mod connect;
mod id;
pub mod keyspace;
#[cfg(feature = "live")]
pub mod link;
mod live;
#[cfg(feature = "live")]
pub mod local;
pub mod login;
pub mod naming;
mod node;
#[cfg(feature = "live")]
mod packed;
pub mod parse;
mod refusal;
mod reply;
#[cfg(feature = "live")]
mod resp;
mod side_by_side;
mod slot_map;
pub mod slot_migrations;
pub mod slot_stats;
#[cfg(feature = "live")]
mod stream;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(feature = "live")]
mod under_way;
pub mod verb;
mod view;
#[cfg(feature = "live")]
pub mod witness;

pub use addr::NodeAddr;
pub use id::NodeId;
pub use live::{LiveCluster, LiveNode};
pub use node::{LinkState, Node, NodeFlags, OpenSlot, Role};
pub use side_by_side::Awaited;
pub use slot_map::SlotMap;
pub use view::{ClusterView, Shard, SlotOwnership};

//! A primary, as a plan sees it: what it can bear and what it takes part in.

use super::decimal;
use crate::cluster::naming::Named;
use crate::cluster::{Node, NodeAddr, NodeId};
use std::str::FromStr;

/// How much a node should bear beside the others; only ratios matter.
///
/// From a weight (`2`, `0.5`) or from any size, such as the node's `maxmemory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Capacity(u64);

impl Capacity {
    /// The capacity of a node of which nothing else is said: the weight 1.
    pub const ONE: Capacity = Capacity(decimal::ONE);
    /// Nothing at all: the node is drained.
    pub const ZERO: Capacity = Capacity(0);

    /// A capacity of so many units; all nodes must be measured in the same one.
    pub const fn new(units: u64) -> Capacity {
        Capacity(units)
    }

    /// The capacity in units, of which only ratios count.
    pub const fn units(self) -> u64 {
        self.0
    }
}

impl FromStr for Capacity {
    type Err = String;

    /// A weight: a decimal with at most six places.
    fn from_str(text: &str) -> Result<Capacity, String> {
        decimal::millionths(text).map(Capacity).ok_or_else(|| {
            format!(
                "expected a weight such as 2 or 0.5, found `{}`",
                crate::escape::quoted(text)
            )
        })
    }
}

/// What a node takes part in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It gives and takes until its load is its fair share.
    Balanced,
    /// It gives everything away.
    Drained,
    /// It neither gives nor takes; its load doesn't count.
    Excluded,
}

/// A primary, as far as planning is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanNode {
    /// The id of the node.
    pub id: NodeId,
    /// The address at which it listens; none where nobody knows it.
    pub addr: Option<NodeAddr>,
    /// Its announced host name.
    pub hostname: Option<String>,
    /// The node's config epoch when the plan was made.
    pub config_epoch: u64,
    /// How much it should bear.
    pub capacity: Capacity,
    /// What it takes part in.
    pub part: Part,
    /// How many bytes may arrive before something leaves: its `maxmemory` less
    /// what is used; none when it has no limit.
    pub headroom_bytes: Option<u64>,
    /// It doesn't exist: the plan says what it would bring, and can't be applied.
    pub is_invented: bool,
}

impl PlanNode {
    /// A node of weight 1 with nothing else known.
    pub fn new(id: NodeId) -> PlanNode {
        PlanNode {
            id,
            addr: None,
            hostname: None,
            config_epoch: 0,
            capacity: Capacity::ONE,
            part: Part::Balanced,
            headroom_bytes: None,
            is_invented: false,
        }
    }

    /// How people name it: its address, or the start of its id.
    pub fn name(&self) -> String {
        self.shown()
    }

    /// Whether it must end with no slot: drained, or given the weight 0.
    pub fn is_drained(&self) -> bool {
        match self.part {
            Part::Drained => true,
            Part::Balanced => self.capacity == Capacity::ZERO,
            Part::Excluded => false,
        }
    }
}

impl From<&Node> for PlanNode {
    /// A primary of a view; one that can't be reached is excluded.
    fn from(node: &Node) -> PlanNode {
        let part = if node.is_usable() {
            Part::Balanced
        } else {
            Part::Excluded
        };
        PlanNode {
            part,
            addr: node.addr.clone(),
            hostname: node.hostname.clone(),
            config_epoch: node.config_epoch,
            ..PlanNode::new(node.id)
        }
    }
}

impl Named for PlanNode {
    fn id(&self) -> NodeId {
        self.id
    }

    fn addr(&self) -> Option<&NodeAddr> {
        self.addr.as_ref()
    }

    fn hostname(&self) -> Option<&str> {
        self.hostname.as_deref()
    }
}

//! What a plan is asked for: the nodes, the slots, what they weigh, and what must hold.

use super::decimal;
use super::metric::{Metric, SlotWeights};
use super::objective::Objective;
use crate::cluster::{ClusterView, Node, NodeAddr, NodeId, SlotMap};
use crate::error::{Error, ErrorKind, Result};
use crate::slot::SlotSet;
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

    /// The units.
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
                text.escape_debug()
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
    /// The node's id.
    pub id: NodeId,
    /// Where it listens.
    pub addr: Option<NodeAddr>,
    /// Its announced host name.
    pub hostname: Option<String>,
    /// Its configuration epoch.
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
        match &self.addr {
            Some(addr) => addr.to_string(),
            None => self.id.short(),
        }
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
        let part = match node.is_usable() {
            true => Part::Balanced,
            false => Part::Excluded,
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

/// A move that a person asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandMove {
    /// These slots, wherever they are, to this node.
    Slots {
        /// Which slots.
        slots: SlotSet,
        /// Who receives them.
        target: NodeId,
    },
    /// So many slots from these nodes, each in proportion to what it has, to this node.
    Count {
        /// Who gives.
        sources: Vec<NodeId>,
        /// Who receives.
        target: NodeId,
        /// How many slots in all.
        count: usize,
    },
}

/// What the plan is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Intent {
    /// Even the load out, drain what is to be drained, fill what is empty.
    #[default]
    Balance,
    /// Exactly these moves, in this order; nothing is balanced.
    ByHand(Vec<HandMove>),
}

/// How much a plan may move; the best plan within it is made, and says what remains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// At most so many slots.
    pub max_moves: Option<u64>,
    /// At most so many bytes.
    pub max_bytes: Option<u64>,
    /// At most so many slots given or taken by any one node.
    pub max_slots_per_node: Option<u64>,
}

impl Budget {
    /// Whether nothing is limited.
    pub fn is_unlimited(self) -> bool {
        self == Budget::default()
    }
}

/// Everything that a plan depends on. The same problem gives the same plan.
#[derive(Clone, Debug)]
pub struct Problem {
    nodes: Vec<PlanNode>,
    /// Who owns which slot now.
    pub owner: SlotMap,
    /// What each slot weighs.
    pub weights: SlotWeights,
    /// What even means.
    pub objective: Objective,
    /// What the plan is for.
    pub intent: Intent,
    /// Slots that stay where they are.
    pub pinned: SlotSet,
    /// How much may be moved.
    pub budget: Budget,
    /// Whether primaries without slots take part.
    pub use_empty_primaries: bool,
    /// Slots above this size stay where they are; none to move any size.
    pub max_slot_bytes: Option<u64>,
}

impl Problem {
    /// A problem of these nodes and this ownership: balance by slots, threshold 2 %.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] when an id is there twice or a slot's owner isn't among the nodes.
    pub fn new(mut nodes: Vec<PlanNode>, owner: SlotMap) -> Result<Problem> {
        nodes.sort_by_key(|node| node.id);
        if let Some(pair) = nodes.windows(2).find(|pair| pair[0].id == pair[1].id) {
            let message = format!("node {} is there twice", pair[0].id);
            return Err(Error::new(ErrorKind::Input, message));
        }
        let problem = Problem {
            nodes,
            owner,
            weights: SlotWeights::new(),
            objective: Objective::by(Metric::Slots),
            intent: Intent::Balance,
            pinned: SlotSet::new(),
            budget: Budget::default(),
            use_empty_primaries: false,
            max_slot_bytes: None,
        };
        problem.require_known_owners()?;
        Ok(problem)
    }

    /// The primaries of a view and what they own.
    ///
    /// # Errors
    /// [`ErrorKind::Unsafe`] when a replica is said to own slots, which a view
    /// shows in the middle of a failover.
    pub fn from_view(view: &ClusterView) -> Result<Problem> {
        if let Some(replica) = view
            .nodes()
            .iter()
            .find(|node| !node.is_primary() && !node.slots.is_empty())
        {
            let message = format!("{} is a replica and owns slots", replica.name());
            return Err(Error::new(ErrorKind::Unsafe, message)
                .mend("wait until the failover is over, then plan again"));
        }
        let nodes = super::fingerprint::met_primaries(view).map(PlanNode::from);
        Problem::new(nodes.collect(), view.map().clone())
    }

    /// The nodes, by id.
    pub fn nodes(&self) -> &[PlanNode] {
        &self.nodes
    }

    /// The node of this id.
    pub fn node(&self, id: NodeId) -> Option<&PlanNode> {
        self.nodes.get(self.index_of(id)?)
    }

    /// The node of this id, to say what it takes part in.
    ///
    /// The id itself must stay as it is.
    pub fn node_mut(&mut self, id: NodeId) -> Option<&mut PlanNode> {
        let index = self.index_of(id)?;
        self.nodes.get_mut(index)
    }

    /// Adds primaries that don't exist yet, to see what they would bring.
    ///
    /// They are empty and take part; the plan then can't be applied.
    pub fn add_invented_nodes(&mut self, count: usize) {
        let mut number: u64 = 0;
        for _ in 0..count {
            let id = loop {
                number += 1;
                // Reads as what it is in every listing, and collides with no random id.
                let id = format!("{number:040}").parse::<NodeId>();
                if let Some(id) = id.ok().filter(|id| self.index_of(*id).is_none()) {
                    break id;
                }
            };
            let node = PlanNode {
                is_invented: true,
                ..PlanNode::new(id)
            };
            self.nodes.push(node);
            self.nodes.sort_by_key(|node| node.id);
        }
    }

    /// The node that a person means: a whole id, the start of one, an address or a host name.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the name fits no primary, or more than one.
    pub fn resolve(&self, name: &str) -> Result<NodeId> {
        let named = |node: &&PlanNode| is_named(node, name);
        let matches: Vec<&PlanNode> = self.nodes.iter().filter(named).collect();
        match matches.as_slice() {
            [node] => Ok(node.id),
            [] => Err(Error::new(
                ErrorKind::Usage,
                format!("no primary is called `{}`", name.escape_debug()),
            )
            .mend(format!("the primaries are {}", self.listing()))),
            several => Err(Error::new(
                ErrorKind::Usage,
                format!("`{}` fits {} primaries", name.escape_debug(), several.len()),
            )
            .mend("give more digits of the id, or the port too")),
        }
    }

    /// Where a node is in [`Problem::nodes`].
    pub(super) fn index_of(&self, id: NodeId) -> Option<usize> {
        self.nodes.binary_search_by_key(&id, |node| node.id).ok()
    }

    fn require_known_owners(&self) -> Result<()> {
        for slot in crate::slot::Slot::all() {
            if let Some(owner) = self.owner.owner(slot)
                && self.index_of(owner).is_none()
            {
                let message = format!("slot {slot} is owned by {owner}, which isn't a primary");
                return Err(Error::new(ErrorKind::Input, message));
            }
        }
        Ok(())
    }

    fn listing(&self) -> String {
        const SHOWN: usize = 20;
        let name = |node: &PlanNode| format!("{} ({})", node.id.short(), node.name());
        let mut names: Vec<String> = self.nodes.iter().take(SHOWN).map(name).collect();
        if self.nodes.len() > SHOWN {
            names.push(format!("and {} more", self.nodes.len() - SHOWN));
        }
        names.join(", ")
    }
}

fn is_named(node: &PlanNode, name: &str) -> bool {
    if name.is_empty() {
        return false;
    }
    let by_id = node.id.to_string().starts_with(&name.to_ascii_lowercase());
    let by_host = node.hostname.as_deref() == Some(name);
    let by_addr = node.addr.as_ref().is_some_and(|addr| {
        let with_hostname = |host: &String| format!("{host}:{}", addr.port) == name;
        addr.to_string() == name
            || addr.host == name
            || node.hostname.as_ref().is_some_and(with_hostname)
    });
    by_id || by_host || by_addr
}

//! The problem that a plan solves: the nodes, the slots, what they weigh, and what must hold.

use super::fragmentation::Fragmentation;
use super::metric::{Metric, SlotWeights};
use super::node::PlanNode;
use super::objective::Objective;
use crate::cluster::{ClusterView, NodeId, SlotMap, naming};
use crate::error::{Error, ErrorKind, Result};
use crate::slot::SlotSet;

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
    /// By which metrics loads are compared, and how even they must be.
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
    /// How many runs of slots it may leave, and what fewer may cost.
    pub fragmentation: Fragmentation,
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
            fragmentation: Fragmentation::default(),
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
                .fix("wait until the failover is over, then plan again"));
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
                let id = format!("{number:08}{:032}", 0).parse::<NodeId>();
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

    /// The primary that a person means ([`naming`]).
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the name fits no primary, or more than one.
    pub fn resolve(&self, name: &str) -> Result<NodeId> {
        let kind = naming::Kind {
            one: "primary",
            several: "primaries",
        };
        naming::resolve(&self.nodes, name, kind).map(|node| node.id)
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
}

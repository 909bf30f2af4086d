//! The flags that say what to plan: metric, threshold, drained nodes, limits.

use super::size::size;
use crate::cluster::NodeId;
use crate::error::{Error, ErrorKind, Result};
use crate::execute::survey::MaxMemory;
use crate::plan::{
    Budget, Capacity, ExtraCost, Fragmentation, HandMove, Intent, Objective, Part, Problem,
    Threshold,
};
use crate::slot::{SlotRange, SlotSet};
use std::collections::BTreeMap;

/// What should be balanced, between whom, and within which limits.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Plan")]
pub(super) struct PlanArgs {
    /// Balance by slots, keys, bytes, cpu, net-in, net-out, net, or a mix such as bytes=0.7,cpu=0.3
    /// [default: bytes, else keys, else slots, whatever is known].
    ///
    /// cpu and net come from a live cluster with `cluster-slot-stats-enabled yes` (Valkey 8.0,
    /// Redis 8.2): what each owner counted since it started, or since CONFIG RESETSTAT.
    #[arg(long, value_name = "METRIC")]
    pub(super) by: Option<Objective>,
    /// How far a node may be from its fair share, in percent.
    #[arg(long, value_name = "PERCENT", default_value = "2")]
    threshold: Threshold,
    /// A node's weight beside the others' 1: 10.0.0.1:6379=2, or the start of its id; 0 drains it.
    #[arg(long, value_name = "NODE=WEIGHT", value_parser = weight)]
    weight: Vec<(String, Capacity)>,
    /// What a node's fair share follows: the same for all, or each node's maxmemory.
    #[arg(long, value_enum, value_name = "KIND", default_value = "equal")]
    capacity: CapacityKind,
    /// Move everything off this node.
    #[arg(long, value_name = "NODE")]
    drain: Vec<String>,
    /// Leave this node as it is.
    #[arg(long, value_name = "NODE")]
    exclude: Vec<String>,
    /// Leave these slots where they are: 0-100,866
    #[arg(long, value_name = "SLOTS", value_parser = slots)]
    pin: Option<SlotSet>,
    /// Give slots to primaries that have none.
    #[arg(long, visible_alias = "use-empty-masters")]
    use_empty_primaries: bool,
    /// Plan for so many more primaries that don't exist yet; such a plan can't be applied.
    #[arg(long, value_name = "N", conflicts_with = "apply")]
    add: Option<u16>,
    /// Move these slots to --to, and nothing else: 0-100,866
    #[arg(long = "move", value_name = "SLOTS", value_parser = slots, requires = "to")]
    move_slots: Option<SlotSet>,
    /// Take slots from this node (with --slots and --to), and move nothing else.
    #[arg(
        long,
        value_name = "NODE",
        requires = "to",
        requires = "slots",
        conflicts_with = "move_slots"
    )]
    from: Vec<String>,
    /// Who receives the slots of --move or --from.
    #[arg(long, value_name = "NODE")]
    to: Option<String>,
    /// How many slots --from gives.
    #[arg(long, value_name = "N", requires = "from")]
    slots: Option<u16>,
    /// Move at most so many slots.
    #[arg(long, value_name = "N")]
    max_moves: Option<u64>,
    /// Move at most so many bytes: 500mb, 2gb
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_bytes: Option<u64>,
    /// Let one node give or take at most so many slots.
    #[arg(long, value_name = "N")]
    max_slots_per_node: Option<u64>,
    /// Leave slots above this size where they are: 500mb, 2gb
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_slot_bytes: Option<u64>,
    /// How much more than the least to move, in percent, so that fewer ranges of slots are left.
    ///
    /// Every client reads the ranges of each node (CLUSTER SLOTS) again after each change. Among
    /// plans that move at most so much more, the one that leaves fewest of them is taken.
    #[arg(long, value_name = "PERCENT", default_value = "1")]
    fragmentation_cost: ExtraCost,
    /// Leave at most so many ranges of slots in the whole cluster, whatever that costs; a plan that
    /// can't is refused.
    #[arg(long, value_name = "N")]
    max_runs: Option<u64>,
    /// Make the ranges that there are fewer, at equal load and whatever that costs.
    #[arg(
        long,
        conflicts_with_all = ["move_slots", "from", "fragmentation_cost"]
    )]
    defragment: bool,
}

/// What nodes are measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum CapacityKind {
    /// Every node is the same, but for --weight.
    Equal,
    /// A node with twice the maxmemory bears twice the load.
    Maxmemory,
}

/// `maxmemory` of each primary; none at all without a live cluster.
pub(super) type MaxMemories = Option<BTreeMap<NodeId, MaxMemory>>;

impl PlanArgs {
    /// Writes what was asked for into a problem whose weights are known.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when a name fits no primary, a metric isn't known,
    /// or a node that takes part has no `maxmemory` to be measured by.
    pub(super) fn apply_to(&self, problem: &mut Problem, max_memory: &MaxMemories) -> Result<()> {
        if let Some(count) = self.add {
            problem.add_invented_nodes(usize::from(count));
        }
        for (name, capacity) in &self.weight {
            self.change(problem, name, |node| node.capacity = *capacity)?;
        }
        for name in &self.drain {
            self.change(problem, name, |node| node.part = Part::Drained)?;
        }
        for name in &self.exclude {
            self.change(problem, name, |node| node.part = Part::Excluded)?;
        }
        if self.capacity == CapacityKind::Maxmemory {
            self.measure_by_max_memory(problem, max_memory)?;
        }
        problem.pinned = self.pin.clone().unwrap_or_default();
        problem.use_empty_primaries = self.use_empty_primaries || self.add.is_some();
        problem.max_slot_bytes = self.max_slot_bytes;
        problem.budget = Budget {
            max_moves: self.max_moves,
            max_bytes: self.max_bytes,
            max_slots_per_node: self.max_slots_per_node,
        };
        problem.fragmentation = Fragmentation {
            cost: self.fragmentation_cost,
            max_runs: self.max_runs,
            defragment: self.defragment,
        };
        problem.intent = self.intent(problem)?;
        problem.objective = match &self.by {
            Some(objective) => objective.clone(),
            None => default_objective(problem),
        }
        .with_threshold(self.threshold);
        problem.objective.require_in(&problem.weights)
    }

    /// Whether it says which slots move.
    pub(super) fn is_by_hand(&self) -> bool {
        self.to.is_some()
    }

    fn measure_by_max_memory(&self, problem: &mut Problem, max_memory: &MaxMemories) -> Result<()> {
        let refuse = |message: String, fix: &str| {
            let message = format!("--capacity maxmemory: {message}");
            Err(Error::new(ErrorKind::Usage, message).fix(fix))
        };
        let Some(max_memory) = max_memory else {
            let message = "a saved CLUSTER NODES doesn't say it".to_owned();
            return refuse(
                message,
                "plan from the live cluster (-h HOST), or use --weight",
            );
        };
        if !self.weight.is_empty() || self.add.is_some() {
            let message = "can't be mixed with --weight or --add".to_owned();
            return refuse(message, "give every node a --weight instead");
        }
        let balanced: Vec<NodeId> = problem
            .nodes()
            .iter()
            .filter(|node| node.part == Part::Balanced)
            .map(|node| node.id)
            .collect();
        for id in balanced {
            let Some(node) = problem.node_mut(id) else {
                continue;
            };
            let (what, fix) = match max_memory.get(&id) {
                Some(MaxMemory::Bytes(bytes)) => {
                    node.capacity = capacity_of(*bytes);
                    continue;
                }
                Some(MaxMemory::Unlimited) => (
                    "has none set",
                    "set maxmemory on every primary, or --exclude the node",
                ),
                Some(MaxMemory::Unknown) | None => (
                    "doesn't tell it",
                    "give every node a --weight instead, or --exclude the node",
                ),
            };
            return refuse(format!("{} {what}", node.name()), fix);
        }
        Ok(())
    }

    fn change(
        &self,
        problem: &mut Problem,
        name: &str,
        change: impl FnOnce(&mut crate::plan::PlanNode),
    ) -> Result<()> {
        let id = problem.resolve(name)?;
        if let Some(node) = problem.node_mut(id) {
            change(node);
        }
        Ok(())
    }

    fn intent(&self, problem: &Problem) -> Result<Intent> {
        let Some(to) = &self.to else {
            return Ok(Intent::Balance);
        };
        let target = problem.resolve(to)?;
        let hand_move = match (&self.move_slots, self.slots) {
            (Some(slots), _) => HandMove::Slots {
                slots: slots.clone(),
                target,
            },
            (None, Some(count)) => {
                let sources: Result<Vec<NodeId>> =
                    self.from.iter().map(|name| problem.resolve(name)).collect();
                HandMove::Count {
                    sources: sources?,
                    target,
                    count: usize::from(count),
                }
            }
            (None, None) => {
                let message = "--to needs --move SLOTS, or --from NODE with --slots N";
                return Err(Error::new(ErrorKind::Usage, message));
            }
        };
        Ok(Intent::ByHand(vec![hand_move]))
    }
}

/// A capacity in KiB, bounded so that the sum over any cluster stays a number.
fn capacity_of(max_memory: u64) -> Capacity {
    Capacity::new((max_memory >> 10).clamp(1, 1 << 48))
}

/// The best metric that is known: bytes, else keys, else slots.
fn default_objective(problem: &Problem) -> Objective {
    use crate::plan::Metric;
    let best = [Metric::Bytes, Metric::Keys]
        .into_iter()
        .find(|metric| problem.weights.knows(*metric))
        .unwrap_or(Metric::Slots);
    Objective::by(best)
}

fn weight(text: &str) -> Result<(String, Capacity), String> {
    let (name, weight) = text
        .rsplit_once('=')
        .ok_or_else(|| "expected NODE=WEIGHT, such as 10.0.0.1:6379=2".to_owned())?;
    Ok((name.to_owned(), weight.parse()?))
}

fn slots(text: &str) -> Result<SlotSet, String> {
    let mut set = SlotSet::new();
    for run in text.split(',') {
        let range: SlotRange = run.trim().parse().map_err(|error| format!("{error}"))?;
        set.extend(range.slots());
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_runs_between_commas() {
        assert_eq!(
            slots("0-2,866").map(|set| set.to_string()),
            Ok("0-2 866".to_owned())
        );
        assert!(slots("0-2,").is_err());
    }

    #[test]
    fn any_maxmemory_is_a_capacity() {
        assert_eq!(capacity_of(1), Capacity::new(1));
        assert_eq!(capacity_of(3 << 30), Capacity::new(3 << 20));
        assert_eq!(capacity_of(u64::MAX), Capacity::new(1 << 48));
    }

    #[test]
    fn a_weight_names_its_node_up_to_the_last_sign() {
        assert_eq!(weight("h:1=2").map(|(name, _)| name), Ok("h:1".to_owned()));
        assert!(weight("h:1").is_err() && weight("h:1=x").is_err());
    }
}

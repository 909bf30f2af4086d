//! Tells whether a cluster still is in the topology that a plan was made from.

use super::fingerprint::Fingerprint;
use super::plan::Plan;
use crate::cluster::{ClusterView, NodeId};
use crate::slot::{Slot, SlotSet};

/// How a cluster stands to a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Ids, epochs and ownership are what they were.
    Exact,
    /// Every slot of the plan is at its source or at its target, every other
    /// slot is where it was, and whoever still has to give or take is a primary.
    /// Epochs may differ: each finished move raises one.
    Partway {
        /// The slots of the plan that are at their target.
        done: SlotSet,
    },
    /// The plan isn't for this cluster, or its time has passed.
    No {
        /// The first difference, in words.
        difference: String,
    },
}

/// Whether a plan can be applied to the cluster as a view shows it.
///
/// Open slots aren't looked at: whether they are the plan's own is for the
/// executor to say.
pub fn fit(plan: &Plan, view: &ClusterView) -> Fit {
    fit_but_for(&SlotSet::new(), plan, view)
}

/// Whether a plan can be applied to the cluster as a view shows it, once these slots are where they
/// should be: an earlier run of the plan was moving them.
pub fn fit_but_for(under_way: &SlotSet, plan: &Plan, view: &ClusterView) -> Fit {
    if let Some(invented) = plan.before().iter().find(|node| node.is_invented) {
        let difference = format!("node {} doesn't exist: the plan is a what-if", invented.id);
        return Fit::No { difference };
    }
    if plan.topology().fingerprint() == Fingerprint::of(view) {
        return Fit::Exact;
    }
    match first_difference(under_way, plan, view) {
        Some(difference) => Fit::No { difference },
        None => Fit::Partway {
            done: plan
                .migrations()
                .iter()
                .filter(|migration| view.map().owner(migration.slot) == Some(migration.target))
                .map(|migration| migration.slot)
                .collect(),
        },
    }
}

fn first_difference(under_way: &SlotSet, plan: &Plan, view: &ClusterView) -> Option<String> {
    let mut target_of = vec![None; crate::slot::SLOT_COUNT];
    for migration in plan.migrations() {
        target_of[migration.slot.index()] = Some(migration.target);
    }
    let was = plan.topology().owners();
    for slot in Slot::all().filter(|slot| !under_way.contains(*slot)) {
        let owner = view.map().owner(slot);
        let target = target_of[slot.index()];
        if owner != was[slot.index()] && (target.is_none() || owner != target) {
            let before = who(was[slot.index()]);
            let difference = format!("slot {slot} was {before}, and is {} now", who(owner));
            return Some(difference);
        }
    }
    // A source that gave its last slot may have become a replica (Redis 7.0);
    // only those that still have to give or take must be primaries.
    plan.migrations().iter().find_map(|migration| {
        let is_left = view.map().owner(migration.slot) != Some(migration.target);
        let open = is_left && !under_way.contains(migration.slot);
        let role = view.node(migration.target).map(|node| node.is_primary());
        match (open, role) {
            (false, _) | (true, Some(true)) => None,
            (true, Some(false)) => Some(format!("node {} is a replica now", migration.target)),
            (true, None) => Some(format!("node {} is gone", migration.target)),
        }
    })
}

fn who(owner: Option<NodeId>) -> String {
    match owner {
        Some(id) => format!("at {id}"),
        None => "unassigned".to_owned(),
    }
}

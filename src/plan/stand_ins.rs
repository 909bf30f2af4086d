//! Who stands in for a plan's nodes after a failover.
//!
//! A plan names nodes by their ids. When a replica takes over from one, the plan is as good as it
//! was: the slots and their keys are where they were, under another id. Who took over can be told
//! from the slots alone, whatever is known of replicas: all that the old node should have by now,
//! by the plan, one other node has, which the plan doesn't know as a primary.

use super::fingerprint::{Topology, met_primaries};
use super::plan::Plan;
use crate::cluster::{ClusterView, NodeId};
use crate::slot::Slot;
use std::collections::{BTreeMap, BTreeSet};

/// For each node of a plan that serves no more, who took over from it, as far as that is known.
///
/// `told` says who took over from a node of which no slot tells it: one that was to receive its
/// first slots, say.
pub fn stand_ins(
    plan: &Plan,
    view: &ClusterView,
    told: impl Fn(NodeId) -> Option<NodeId>,
) -> BTreeMap<NodeId, NodeId> {
    let serves: BTreeSet<NodeId> = met_primaries(view)
        .filter(|node| !node.flags.fail)
        .map(|node| node.id)
        .collect();
    let should_have = should_have(plan, view, &serves);
    let is_known = |id: &NodeId| plan.node(*id).is_some();
    let stand_in_of = |id: NodeId| {
        let by_slots = match should_have.get(&id) {
            Some(owners) if owners.len() == 1 => owners.first().copied(),
            // Its slots are with several nodes: nobody took over.
            Some(_) => return None,
            None => told(id),
        };
        by_slots.filter(|stand_in| serves.contains(stand_in) && !is_known(stand_in))
    };
    let gone = plan.topology().holdings().iter().map(|holding| holding.id);
    let gone = gone.filter(|id| !serves.contains(id) || is_bare(view, *id, &should_have));
    gone.filter_map(|id| Some((id, stand_in_of(id)?))).collect()
}

/// Whether a node has none of the slots that it should have.
fn is_bare(
    view: &ClusterView,
    id: NodeId,
    should_have: &BTreeMap<NodeId, BTreeSet<NodeId>>,
) -> bool {
    let has_none = view.node(id).is_none_or(|node| node.slots.is_empty());
    has_none && should_have.contains_key(&id)
}

/// For each node of a plan, who owns the slots that it should have by now: those that don't move,
/// those that haven't moved yet, and those that have come to it. Slots without owner tell nothing.
fn should_have(
    plan: &Plan,
    view: &ClusterView,
    serves: &BTreeSet<NodeId>,
) -> BTreeMap<NodeId, BTreeSet<NodeId>> {
    let mut keepers = plan.topology().owners();
    let owner_of = |slot| view.map().owner(slot);
    for migration in plan.migrations() {
        keepers[migration.slot.index()] = None;
    }
    let mut owners: BTreeMap<NodeId, BTreeSet<NodeId>> = BTreeMap::new();
    for slot in Slot::all() {
        if let (Some(keeper), Some(owner)) = (keepers[slot.index()], owner_of(slot)) {
            owners.entry(keeper).or_default().insert(owner);
        }
    }
    // A slot that moves is at its source's stand-in or at its target's: it tells only where the other
    // one is known to serve.
    for migration in plan.migrations() {
        let Some(owner) = owner_of(migration.slot) else {
            continue;
        };
        let sides = [migration.source, migration.target];
        let keeper = match sides.map(|side| serves.contains(&side)) {
            _ if sides.contains(&owner) => owner,
            [true, false] => migration.target,
            [false, true] => migration.source,
            _ => continue,
        };
        owners.entry(keeper).or_default().insert(owner);
    }
    owners
}

impl Plan {
    /// The same plan with other nodes in the place of some.
    #[must_use]
    pub fn with_stand_ins(mut self, stand_ins: &BTreeMap<NodeId, NodeId>) -> Plan {
        let now = |id: &mut NodeId| {
            if let Some(stand_in) = stand_ins.get(id) {
                *id = *stand_in;
            }
        };
        let holdings = self.topology.holdings().iter().map(|holding| {
            let mut holding = holding.clone();
            now(&mut holding.id);
            holding
        });
        self.topology = Topology::new(holdings.collect());
        for nodes in [&mut self.before, &mut self.after] {
            for node in nodes.iter_mut() {
                if stand_ins.contains_key(&node.id) {
                    // It was the old node's.
                    node.addr = None;
                }
                now(&mut node.id);
            }
            nodes.sort_by_key(|node| node.id);
        }
        for migration in &mut self.migrations {
            now(&mut migration.source);
            now(&mut migration.target);
        }
        for note in &mut self.notes {
            if let Some(node) = &mut note.node {
                now(node);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::parse;
    use crate::plan::{Fit, Problem, fit, plan};

    /// `c` is new, `e` is a replica of `a`.
    const NODES: &str = "\
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 127.0.0.1:7001@17001 myself,master - 0 0 1 connected 0-8191
bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 127.0.0.1:7002@17002 master - 0 1 2 connected 8192-16383
cccccccccccccccccccccccccccccccccccccccc 127.0.0.1:7003@17003 master - 0 1 0 connected
eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee 127.0.0.1:7005@17005 slave aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 0 1 1 connected
";

    fn id(letter: &str) -> NodeId {
        letter.repeat(40).parse().expect("an id")
    }

    fn view(text: &str) -> ClusterView {
        parse::cluster_nodes(text, "nodes").expect("CLUSTER NODES")
    }

    fn made() -> Plan {
        let mut problem = Problem::from_view(&view(NODES)).expect("a problem");
        problem.use_empty_primaries = true;
        plan(&problem).expect("a plan")
    }

    /// `e` serves in `a`'s place: with these slots, and `a` as this.
    fn failed_over(slots: &str, old: &str) -> String {
        let stand_in = format!("7005@17005 master - 0 1 5 connected {slots}\n");
        let follows = format!("7005@17005 slave {} 0 1 1 connected\n", id("a"));
        NODES
            .replace(&follows, &stand_in)
            .replace("myself,master - 0 0 1 connected 0-8191", old)
            .replace("7002@17002 master", "7002@17002 myself,master")
    }

    fn nobody(_: NodeId) -> Option<NodeId> {
        None
    }

    #[test]
    fn who_has_the_slots_of_a_node_that_is_gone_stands_in_for_it() {
        let dead = "master,fail - 0 0 1 disconnected";
        let follows = format!("slave {} 0 0 5 connected", id("e"));
        for old in [dead, &follows] {
            let now = view(&failed_over("0-8191", old));
            assert!(matches!(fit(&made(), &now), Fit::No { .. }));
            let found = stand_ins(&made(), &now, nobody);
            assert_eq!(found, BTreeMap::from([(id("a"), id("e"))]), "{old}");
            let plan = made().with_stand_ins(&found);
            assert!(matches!(fit(&plan, &now), Fit::Partway { .. }));
            let moves = |plan: &Plan, source| {
                let of = plan.migrations().iter();
                of.filter(|migration| migration.source == source).count()
            };
            assert_eq!(moves(&plan, id("e")), moves(&made(), id("a")));
            assert_eq!(moves(&plan, id("a")), 0);
        }
    }

    #[test]
    fn a_cluster_as_it_was_has_no_stand_ins() {
        assert_eq!(
            stand_ins(&made(), &view(NODES), |_| Some(id("e"))),
            BTreeMap::new()
        );
    }

    #[test]
    fn who_has_some_of_the_slots_alone_took_nothing_over() {
        let dead = "master,fail - 0 0 1 disconnected";
        // `b` was given the rest.
        let text = failed_over("0-4095", dead).replace("8192-16383", "4096-16383");
        assert_eq!(stand_ins(&made(), &view(&text), nobody), BTreeMap::new());
        // All of it went to `b`, which the plan knows.
        let text = failed_over("", dead).replace("8192-16383", "0-16383");
        assert_eq!(stand_ins(&made(), &view(&text), nobody), BTreeMap::new());
    }

    #[test]
    fn a_target_without_slots_is_told_of() {
        let text = NODES.replace(
            "master - 0 1 0 connected",
            "master,fail - 0 1 0 disconnected",
        );
        let text = text.replace(
            &format!("slave {} 0 1 1 connected", id("a")),
            "master - 0 1 6 connected",
        );
        let now = view(&text);
        assert_eq!(stand_ins(&made(), &now, nobody), BTreeMap::new());
        let told = |gone: NodeId| (gone == id("c")).then(|| id("e"));
        let found = stand_ins(&made(), &now, told);
        assert_eq!(found, BTreeMap::from([(id("c"), id("e"))]));
        // Somebody who is gone too is nobody's stand-in.
        let also_gone = text.replace("7005@17005 master", "7005@17005 master,fail");
        assert_eq!(stand_ins(&made(), &view(&also_gone), told), BTreeMap::new());
    }
}

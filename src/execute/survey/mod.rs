//! Surveys a cluster: what every node says of itself and of the others, asked once and then read at
//! leisure.

mod facts;
mod foreseen;
pub(super) mod functions;
mod max_memory;
mod orphaned;
mod permissions;
mod replication;
mod trial;

pub use facts::NodeFacts;
pub use functions::{Functions, Libraries};
pub use max_memory::MaxMemory;
pub use replication::{Connected, Following, Replication, ReplicationRole};
pub use trial::{Bar, Obstacle, Part, Trial};

use super::shards::Shards;
use super::views::Views;
use crate::cluster::verb::NodeLink;
use crate::cluster::{LiveCluster, Node, NodeId, Role};
use crate::error::{Error, ErrorKind, Result};
use crate::slot::SlotSet;
use facts::node_facts;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How long a node may take to answer all that it is asked: its thousands of answers take a healthy
/// one a part of a second.
const NODE_TIME: Duration = Duration::from_secs(30);

/// What all nodes said.
#[derive(Clone, Debug, Hash)]
pub struct Survey {
    /// The nodes that answered, by id.
    pub nodes: BTreeMap<NodeId, NodeFacts>,
    /// The nodes that are known but can't be reached, with the reason.
    pub unreachable: BTreeMap<NodeId, Error>,
}

impl Survey {
    /// Asks every reachable node, side by side. One that breaks off, or isn't done within the time
    /// for one, counts as one that can't be reached.
    ///
    /// # Errors
    /// When a node answers something else than its kind of server does.
    pub fn take<L: NodeLink>(cluster: &mut LiveCluster<L>) -> Result<Survey> {
        let ids = cluster.ids();
        let until = Instant::now() + NODE_TIME;
        let said = cluster.each(&ids, until, |part, id| match node_facts(part, id) {
            // A link may have broken with its node, which is back by now.
            Err(error) if error.kind() == ErrorKind::Connect && Instant::now() < until => {
                part.renew_by(id, Some(until))?;
                node_facts(part, id)
            }
            said => said,
        });
        let mut survey = Survey {
            nodes: BTreeMap::new(),
            unreachable: reasons(cluster),
        };
        for (id, said) in said {
            match said {
                Ok(facts) => drop(survey.nodes.insert(id, facts)),
                Err(error) => survey.give_up(id, error)?,
            }
        }
        Ok(survey)
    }

    /// Tries on each primary what a move needs, where that can't do anything. Apart from the rest,
    /// since servers count what is tried as load: who only plans doesn't try.
    ///
    /// # Errors
    /// As [`Survey::take`].
    pub fn try_moves<L: NodeLink>(&mut self, cluster: &mut LiveCluster<L>) -> Result<()> {
        for (id, trial) in tried(cluster, &self.nodes) {
            match (trial, self.nodes.get_mut(&id)) {
                (Ok(trial), Some(facts)) => facts.trial = Some(trial),
                (Ok(_), None) => {}
                (Err(error), _) => self.give_up(id, error)?,
            }
        }
        Ok(())
    }

    /// A node that broke off can't be reached.
    ///
    /// # Errors
    /// What else a node did.
    fn give_up(&mut self, id: NodeId, error: Error) -> Result<()> {
        if ![ErrorKind::Connect, ErrorKind::NotReady].contains(&error.kind()) {
            return Err(error);
        }
        self.nodes.remove(&id);
        self.unreachable.insert(id, error);
        Ok(())
    }

    /// Asks these nodes, one after the other; each must answer.
    ///
    /// # Errors
    /// As [`Survey::take`].
    pub fn of<L: NodeLink>(
        cluster: &mut LiveCluster<L>,
        ids: impl IntoIterator<Item = NodeId>,
    ) -> Result<Survey> {
        let facts = ids.into_iter().map(|id| Ok((id, node_facts(cluster, id)?)));
        let nodes = facts.collect::<Result<_>>()?;
        let unreachable = reasons(cluster);
        Ok(Survey { nodes, unreachable })
    }

    /// What each node believes that answered.
    pub fn views(&self) -> Views {
        let nodes = self.nodes.iter();
        nodes.map(|(id, facts)| (*id, facts.view.clone())).collect()
    }

    /// The nodes that take themselves for primaries, by id.
    pub fn primaries(&self) -> impl Iterator<Item = (NodeId, &NodeFacts)> {
        self.nodes
            .iter()
            .map(|(id, facts)| (*id, facts))
            .filter(|(id, facts)| facts.view.node(*id).is_some_and(Node::is_primary))
    }

    /// Who is a replica of whom, as the replicas say of themselves.
    pub fn shards(&self) -> Shards {
        let mut shards = Shards::default();
        for (id, facts) in &self.nodes {
            if let Some(Role::Replica {
                primary: Some(primary),
            }) = facts.view.node(*id).map(|node| node.role)
            {
                shards.add(primary, *id);
            }
        }
        shards
    }

    /// The same, with who was one before.
    pub fn shards_with(&self, before: &Shards) -> Shards {
        let mut shards = self.shards();
        shards.join(before);
        shards
    }

    /// The keys of all primaries that own slots and can be asked; [`Survey::uncounted`] says of
    /// which slots they lack. Replicas have copies, which don't count.
    pub fn keys(&self) -> u64 {
        self.primaries()
            .filter(|(id, facts)| {
                facts
                    .view
                    .node(*id)
                    .is_some_and(|node| !node.slots.is_empty())
            })
            .fold(0, |sum, (_, facts)| sum.saturating_add(facts.keys))
    }

    /// The slots that somebody has an owner for, and that no primary which can be asked says are
    /// its own: how many keys they have isn't known.
    pub fn uncounted(&self) -> SlotSet {
        let mut counted = SlotSet::new();
        for (id, facts) in self.primaries() {
            counted.extend(
                facts
                    .view
                    .node(id)
                    .into_iter()
                    .flat_map(|node| node.slots.iter()),
            );
        }
        let told = self.nodes.values().flat_map(|facts| facts.view.primaries());
        let told = told.flat_map(|node| node.slots.iter());
        told.filter(|slot| !counted.contains(*slot)).collect()
    }

    /// How people name a node.
    pub fn name(&self, id: NodeId) -> String {
        match self.nodes.get(&id) {
            Some(facts) => facts.addr.to_string(),
            None => id.short(),
        }
    }
}

/// Why nodes that are known couldn't be connected to.
fn reasons<L: NodeLink>(cluster: &LiveCluster<L>) -> BTreeMap<NodeId, Error> {
    cluster.unreachable().clone()
}

/// Tries on each primary what a move needs, side by side. One whose `ACL` says that our user may
/// not isn't tried: it would log each refusal.
fn tried<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    nodes: &BTreeMap<NodeId, NodeFacts>,
) -> BTreeMap<NodeId, Result<Trial>> {
    // The versions of dumps that these nodes write.
    let dumps = nodes
        .values()
        .filter_map(|facts| facts.version.dump_version());
    let dumps: BTreeSet<u16> = dumps.collect();
    let is_primary =
        |(id, facts): &(&NodeId, &NodeFacts)| facts.view.node(**id).is_some_and(Node::is_primary);
    let primaries: Vec<NodeId> = nodes.iter().filter(is_primary).map(|(id, _)| *id).collect();
    cluster.each(&primaries, Instant::now() + NODE_TIME, |part, id| {
        let facts = &nodes[&id];
        let obstacles = permissions::forbidden(part, id, &facts.version)?;
        if !obstacles.is_empty() {
            return Ok(Trial {
                obstacles,
                ..Trial::default()
            });
        }
        let mut trial = Trial::run(part, id, &facts.view, &dumps)?;
        if trial::settled_slots(&facts.view, id).is_empty() {
            trial.obstacles.extend(foreseen::obstacles(part, id)?);
        }
        Ok(trial)
    })
}

#[cfg(test)]
mod tests {
    use crate::error::{Error, ErrorKind};
    use crate::execute::testing::{facts_with, id, survey};
    use crate::slot::{Slot, SlotSet};

    #[test]
    fn slots_of_which_no_owner_can_be_asked_are_not_counted() {
        let mut survey = survey('a', |_| {});
        assert_eq!((survey.keys(), survey.uncounted()), (300, SlotSet::new()));
        let gone = Error::new(ErrorKind::Connect, "no answer");
        let facts = survey.nodes.remove(&id('c')).expect("a node");
        survey.unreachable.insert(id('c'), gone);
        assert_eq!(survey.uncounted().ranges()[0].to_string(), "10923-16383");
        // It is back.
        survey.nodes.insert(id('c'), facts);
        assert!(survey.uncounted().is_empty());
        // A slot that nobody owns has no keys to be missed; one that only others give an owner has.
        for node in ['a', 'b', 'c'] {
            let free = |line: String| line.replace(" 0-5460", " 1-5460");
            survey
                .nodes
                .insert(id(node), facts_with(node, |_, line| free(line)));
        }
        assert!(survey.uncounted().is_empty());
        survey
            .nodes
            .insert(id('b'), facts_with('b', |_, line| line));
        let counted: SlotSet = [Slot::MIN].into_iter().collect();
        assert_eq!(survey.uncounted(), counted);
    }
}

//! What every node says of itself and of the others, asked once and then read at leisure.

mod foreseen;
mod max_memory;
mod orphaned;
mod permissions;
mod replication;
mod trial;

pub use max_memory::MaxMemory;
pub use replication::{Connected, Following, Replication, ReplicationRole};
pub use trial::{Bar, Obstacle, Part, Trial};

use super::Version;
use super::functions::{self, Functions};
use super::shards::Shards;
use super::views::Views;
use crate::cluster::parse::info_field;
use crate::cluster::slot_migrations::{self, SlotMigrations};
use crate::cluster::verb::{NodeLink, Verb};
use crate::cluster::{ClusterView, LiveCluster, Node, NodeAddr, NodeId, Role, keyspace};
use crate::error::{Error, ErrorKind, Result};
use crate::slot::{Slot, SlotSet};
use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How long a node may take to answer all that it is asked: its thousands of answers take a healthy
/// one a part of a second.
const NODE_TIME: Duration = Duration::from_secs(30);

/// What one node said.
#[derive(Clone, Debug, Hash)]
pub struct NodeFacts {
    /// Where we reach it.
    pub addr: NodeAddr,
    /// What it believes the cluster to be.
    pub view: ClusterView,
    /// `cluster_state`: `ok` or `fail`.
    pub state: String,
    /// `cluster_my_epoch`.
    pub my_epoch: u64,
    /// `cluster_current_epoch`.
    pub current_epoch: u64,
    /// What it runs.
    pub version: Version,
    /// Keys over all databases.
    pub keys: u64,
    /// The databases that hold keys or may, ascending, and always database 0. Before Valkey 9 it is
    /// alone.
    pub databases: Vec<u32>,
    /// How many databases can be selected there.
    pub database_count: u32,
    /// How many databases it has in cluster mode, where it tells (Valkey 9).
    pub database_limit: Option<u32>,
    /// Keys in slots that it doesn't own and hasn't open, where it is a primary.
    pub orphaned: BTreeMap<Slot, u64>,
    /// Keys in slots that it has open and doesn't own: those that were on their way to it.
    pub arrived: BTreeMap<Slot, u64>,
    /// `used_memory`, bytes.
    pub used_bytes: u64,
    /// `maxmemory`.
    pub max_memory: MaxMemory,
    /// Whether it refuses writes at `maxmemory`; else it throws keys away.
    pub refuses_when_full: bool,
    /// `cluster-node-timeout`, where we may ask.
    pub node_timeout_ms: Option<u64>,
    /// `cluster-allow-replica-migration`, where the node has it and we may ask.
    pub allows_replica_migration: Option<bool>,
    /// What it answers to a move's commands; none where they weren't tried.
    pub trial: Option<Trial>,
    /// Whom it follows, or who follows it, as far as the links show it.
    pub replication: Replication,
    /// The jobs in which servers move slots by themselves, as far as it takes part as a primary.
    pub migrations: SlotMigrations,
    /// Its function libraries, where it is a primary.
    pub functions: Functions,
}

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

fn node_facts<L: NodeLink>(cluster: &mut LiveCluster<L>, id: NodeId) -> Result<NodeFacts> {
    let view = cluster.view_of(id)?;
    let info = cluster.ask_text(id, &Verb::ClusterInfo)?;
    let server = cluster.ask_text(id, &Verb::Info("server"))?;
    let memory = cluster.ask_text(id, &Verb::Info("memory"))?;
    let missing = |what: &str| {
        let message = format!("node {} doesn't tell its {what}", cluster.name(id));
        Error::new(ErrorKind::Server, message)
    };
    let figure = |text: &str, name: &str| -> Result<u64> {
        info_field(text, name)
            .and_then(|value| value.parse().ok())
            .ok_or_else(|| missing(name))
    };
    let version = Version::from_info(&server).ok_or_else(|| missing("version"))?;
    let state = info_field(&info, "cluster_state").ok_or_else(|| missing("cluster_state"))?;
    let facts = NodeFacts {
        addr: cluster
            .addr(id)
            .cloned()
            .ok_or_else(|| missing("address"))?,
        view,
        state: state.to_owned(),
        my_epoch: figure(&info, "cluster_my_epoch")?,
        current_epoch: figure(&info, "cluster_current_epoch")?,
        keys: 0,
        databases: Vec::new(),
        database_count: 1,
        database_limit: None,
        orphaned: BTreeMap::new(),
        arrived: BTreeMap::new(),
        refuses_when_full: info_field(&memory, "maxmemory_policy")
            .is_none_or(|policy| policy == "noeviction"),
        used_bytes: figure(&memory, "used_memory")?,
        max_memory: MaxMemory::from_info(&memory),
        node_timeout_ms: None,
        allows_replica_migration: None,
        trial: None,
        replication: Replication::default(),
        migrations: SlotMigrations::UnderWay(Vec::new()),
        functions: Functions::Unsupported,
        version,
    };
    let is_primary = facts.view.node(id).is_some_and(Node::is_primary);
    let databases = keyspace::databases(cluster, id)?;
    let (orphaned, arrived) = orphaned::count(cluster, id, &facts.view)?;
    Ok(NodeFacts {
        keys: databases.keys,
        database_count: databases.count,
        database_limit: number(cluster, id, "cluster-databases")?,
        node_timeout_ms: number(cluster, id, "cluster-node-timeout")?,
        orphaned,
        arrived,
        databases: databases.used,
        allows_replica_migration: replica_migration(cluster, id)?,
        replication: replication(cluster, id)?,
        migrations: match is_primary && facts.version.may_move_slots_itself() {
            true => slot_migrations::ask(cluster, id, facts.version.is_valkey)?,
            false => SlotMigrations::UnderWay(Vec::new()),
        },
        functions: match is_primary && facts.version.has_functions() {
            true => functions::ask(cluster, id)?,
            false => Functions::Unsupported,
        },
        ..facts
    })
}

/// Tries on each primary what a move needs, side by side. One whose `ACL` says that our user may
/// not isn't tried: it would log each refusal.
fn tried<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    nodes: &BTreeMap<NodeId, NodeFacts>,
) -> BTreeMap<NodeId, Result<Trial>> {
    let dumps = trial::dumps_of(nodes.values());
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

/// Where a replica has no link, whether it could log in is asked too: what `masterauth` says is
/// looked at for being there, and dropped.
fn replication<L: NodeLink>(cluster: &mut LiveCluster<L>, id: NodeId) -> Result<Replication> {
    let info = cluster.ask_text(id, &Verb::Info("replication"))?;
    let mut found = Replication::from_info(&info);
    if let Some(ReplicationRole::Replica(following)) = &mut found.role
        && following.is_up == Some(false)
    {
        let value = setting(cluster, id, "masterauth")?;
        following.has_masterauth = value.map(|value| !value.is_empty());
    }
    Ok(found)
}

fn replica_migration<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    id: NodeId,
) -> Result<Option<bool>> {
    let value = setting(cluster, id, "cluster-allow-replica-migration")?;
    Ok(value.map(|value| value == b"yes"))
}

/// A setting that is a number; `cluster-databases` is one of Valkey 9, every other server has
/// database 0 alone in cluster mode.
fn number<L: NodeLink, N: FromStr>(
    cluster: &mut LiveCluster<L>,
    id: NodeId,
    name: &'static str,
) -> Result<Option<N>> {
    let value = setting(cluster, id, name)?;
    Ok(value.and_then(|value| String::from_utf8(value).ok()?.parse().ok()))
}

fn setting<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    id: NodeId,
    name: &'static str,
) -> Result<Option<Vec<u8>>> {
    let verb = Verb::ConfigGet(name);
    // Managed services forbid CONFIG; then it stays unknown.
    let pair = cluster
        .ask(id, &verb)?
        .byte_strings(&verb)
        .unwrap_or_default();
    Ok(pair.into_iter().nth(1))
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

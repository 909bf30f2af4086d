//! From one address to a link to every node.

use super::link::{Patience, RedisLink};
use super::login::Login;
use super::side_by_side::{self, Awaited};
use super::verb::{NodeLink, Reply, ServerError, Verb};
use super::{ClusterView, LiveCluster, LiveNode, NodeAddr, NodeId, parse};
use crate::error::{Error, ErrorKind, Result, Why};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a node may take to say who it is and whom it knows, once it has accepted: what takes
/// longer stands still, or is no server.
const HELLO: Duration = Duration::from_secs(10);
/// How often nodes that were heard of are asked for more: in a cluster that gossips, once does.
const ROUNDS_MAX: usize = 4;
/// How many nodes are connected to: three times the largest clusters. A list may be a lie.
const NODES_MAX: usize = 3_000;

impl LiveCluster<RedisLink> {
    /// Connects to a node, asks it for the others, and connects to those.
    ///
    /// # Errors
    /// As [`LiveCluster::connect_awaited`].
    pub fn connect(
        seed: &NodeAddr,
        login: Option<&Login>,
        patience: Patience,
    ) -> Result<LiveCluster<RedisLink>> {
        LiveCluster::connect_awaited(seed, login, patience, Arc::default())
    }

    /// Connects to a node, asks it for the others, and connects to those, side by side; and to those
    /// that they know and the first one doesn't (yet).
    ///
    /// Nodes that can't be reached, or that say they are somebody else, are
    /// kept apart ([`LiveCluster::unreachable`]): whether that matters depends
    /// on what is to be done. A node that the first one is just meeting is left out: its id isn't its
    /// own yet. Who hasn't answered yet can be read meanwhile.
    ///
    /// # Errors
    /// When the first node can't be reached, refuses the login, or isn't in cluster mode.
    pub fn connect_awaited(
        seed: &NodeAddr,
        login: Option<&Login>,
        patience: Patience,
        awaited: Arc<Awaited>,
    ) -> Result<LiveCluster<RedisLink>> {
        awaited.begin([seed.to_string()]);
        let mut link = RedisLink::connect(seed, login, patience)?;
        link.answer_by(Some(Instant::now() + HELLO));
        let view = ask_nodes(&mut link, seed)?;
        link.answer_by(None);
        let myself = view.myself().ok_or_else(|| {
            let message = format!("{seed} doesn't say which node it is itself");
            Error::new(ErrorKind::Server, message)
        })?;
        let known = view.nodes().len();
        if known > NODES_MAX {
            let message = format!("{seed} lists {known} nodes, expected {NODES_MAX} at most");
            return Err(Error::new(ErrorKind::Server, message));
        }
        let addr = seed.clone();
        let mut cluster = LiveCluster::of(
            myself.id,
            BTreeMap::from([(myself.id, LiveNode { addr, link })]),
        );
        cluster.awaited = awaited;
        let mut heard: Members = view
            .nodes()
            .iter()
            .filter(|node| node.id != myself.id && !node.flags.handshake)
            .map(|node| (node.id, node.addr.clone()))
            .collect();
        for _ in 0..ROUNDS_MAX {
            if heard.is_empty() {
                break;
            }
            heard = cluster.link_to(heard, login, patience);
        }
        Ok(cluster)
    }

    /// Connects to these nodes side by side; the nodes that they know and nobody has heard of.
    fn link_to(&mut self, nodes: Members, login: Option<&Login>, patience: Patience) -> Members {
        let awaited = &self.awaited;
        let named = |id: NodeId, addr: &Option<NodeAddr>| match addr {
            Some(addr) => addr.to_string(),
            None => id.short(),
        };
        awaited.begin(nodes.iter().map(|(id, addr)| named(*id, addr)));
        let reached = side_by_side::each(nodes.into_iter().collect(), |(id, addr)| {
            let reached = match &addr {
                Some(addr) => connect_as(id, addr, login, patience),
                None => Err(unknown_address(id)),
            };
            awaited.end(&named(id, &addr));
            (id, reached)
        });
        let mut heard = Members::new();
        for (id, reached) in reached {
            match reached {
                Ok((live, members)) => {
                    self.nodes.insert(id, live);
                    heard.extend(members);
                }
                Err(error) => drop(self.unreachable.insert(id, error)),
            }
        }
        let is_new =
            |id: &NodeId| !self.nodes.contains_key(id) && !self.unreachable.contains_key(id);
        heard.retain(|id, _| is_new(id));
        let room = NODES_MAX.saturating_sub(self.nodes.len() + self.unreachable.len());
        heard.into_iter().take(room).collect()
    }
}

/// Nodes that somebody knows, with their addresses.
type Members = BTreeMap<NodeId, Option<NodeAddr>>;

/// What one node believes the cluster to be.
///
/// # Errors
/// When it can't be reached, refuses the login, or isn't in cluster mode.
pub fn ask_view(seed: &NodeAddr, login: Option<&Login>, patience: Patience) -> Result<ClusterView> {
    let mut link = RedisLink::connect(seed, login, patience)?;
    ask_nodes(&mut link, seed)
}

fn unknown_address(id: NodeId) -> Error {
    Error::new(
        ErrorKind::Connect,
        format!("the address of node {id} isn't known"),
    )
    .because(Some(Why::NoAddress))
}

/// Connects to a node that must have this id, and asks whom it knows: an address that was given to
/// another node (or to another program) meanwhile is no node of ours.
fn connect_as(
    id: NodeId,
    addr: &NodeAddr,
    login: Option<&Login>,
    patience: Patience,
) -> Result<(LiveNode<RedisLink>, Members)> {
    let mut link = RedisLink::connect(addr, login, patience)?;
    link.answer_by(Some(Instant::now() + HELLO));
    let mut replies = link.round_trip(&[Verb::MyId, Verb::Nodes])?.into_iter();
    let mut next = || replies.next().unwrap_or(Reply::Nil);
    let said = next().text(&Verb::MyId)?;
    if said != id.to_string() {
        let why = match said.parse::<NodeId>() {
            Ok(_) => Why::AnotherNode,
            Err(_) => Why::NotAServer,
        };
        let message = format!(
            "{addr} says it is {}, expected {id}",
            NodeId::named_by(&said)
        );
        return Err(Error::new(ErrorKind::Connect, message).because(Some(why)));
    }
    // What can't be read is told by who asks for it again, for its own sake.
    let members = next().text(&Verb::Nodes).and_then(|text| known(&text));
    link.answer_by(None);
    let addr = addr.clone();
    Ok((LiveNode { addr, link }, members.unwrap_or_default()))
}

/// The nodes that a node knows, but for those that it is just meeting: their ids aren't theirs yet.
fn known(nodes: &str) -> Result<Members> {
    let view = parse::cluster_nodes(nodes, "CLUSTER NODES")?;
    let met = view.nodes().iter().filter(|node| !node.flags.handshake);
    Ok(met.map(|node| (node.id, node.addr.clone())).collect())
}

fn ask_nodes(link: &mut RedisLink, seed: &NodeAddr) -> Result<ClusterView> {
    match link.ask(&Verb::Nodes)? {
        Reply::Refused(refusal) if refusal.error() == ServerError::NoCluster => {
            let message = format!("{seed} isn't a node of a cluster ({refusal})");
            Err(Error::new(ErrorKind::Server, message)
                .fix("name a node that runs with cluster-enabled yes"))
        }
        reply => {
            let text = reply
                .text(&Verb::Nodes)
                .map_err(|error| error.context(format!("node {seed}")))?;
            parse::cluster_nodes(&text, &format!("CLUSTER NODES of {seed}"))
        }
    }
}

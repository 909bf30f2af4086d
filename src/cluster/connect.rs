//! From one address to a link to every node.

use super::link::{Patience, RedisLink};
use super::login::Login;
use super::verb::{NodeLink, Reply, Verb};
use super::{ClusterView, LiveCluster, LiveNode, NodeAddr, NodeId, parse};
use crate::error::{Error, ErrorKind, Result};
use std::collections::BTreeMap;

impl LiveCluster<RedisLink> {
    /// Connects to a node, asks it for the others, and connects to those.
    ///
    /// Nodes that can't be reached, or that say they are somebody else, are
    /// kept apart ([`LiveCluster::unreachable`]): whether that matters depends
    /// on what is to be done.
    ///
    /// # Errors
    /// When the first node can't be reached, refuses the login, or isn't in cluster mode.
    pub fn connect(
        seed: &NodeAddr,
        login: Option<&Login>,
        patience: Patience,
    ) -> Result<LiveCluster<RedisLink>> {
        let mut link = RedisLink::connect(seed, login, patience)?;
        let view = ask_nodes(&mut link, seed)?;
        let myself = view.myself().ok_or_else(|| {
            let message = format!("{seed} doesn't say which node it is itself");
            Error::new(ErrorKind::Server, message)
        })?;
        let mut cluster = LiveCluster {
            seed: myself.id,
            nodes: BTreeMap::new(),
            unreachable: BTreeMap::new(),
        };
        let addr = seed.clone();
        cluster.nodes.insert(myself.id, LiveNode { addr, link });
        for node in view.nodes().iter().filter(|node| node.id != myself.id) {
            let reached = match &node.addr {
                Some(addr) => connect_as(node.id, addr, login, patience),
                None => Err(unknown_address(node.id)),
            };
            match reached {
                Ok(live) => drop(cluster.nodes.insert(node.id, live)),
                Err(error) => drop(cluster.unreachable.insert(node.id, error)),
            }
        }
        Ok(cluster)
    }
}

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
}

/// Connects to a node that must have this id: an address that was given to
/// another node (or to another program) meanwhile is no node of ours.
fn connect_as(
    id: NodeId,
    addr: &NodeAddr,
    login: Option<&Login>,
    patience: Patience,
) -> Result<LiveNode<RedisLink>> {
    let mut link = RedisLink::connect(addr, login, patience)?;
    let said = link.ask(&Verb::MyId)?.text(&Verb::MyId)?;
    if said != id.to_string() {
        let message = format!("{addr} says it is node {said}, expected {id}");
        return Err(Error::new(ErrorKind::Connect, message));
    }
    let addr = addr.clone();
    Ok(LiveNode { addr, link })
}

fn ask_nodes(link: &mut RedisLink, seed: &NodeAddr) -> Result<ClusterView> {
    match link.ask(&Verb::Nodes)? {
        Reply::Refused(refusal) if refusal.detail.contains("cluster support disabled") => {
            let message = format!("{seed} isn't a node of a cluster ({refusal})");
            Err(Error::new(ErrorKind::Server, message)
                .mend("name a node that runs with cluster-enabled yes"))
        }
        reply => {
            let text = reply
                .text(&Verb::Nodes)
                .map_err(|error| error.context(format!("node {seed}")))?;
            parse::cluster_nodes(&text, &format!("CLUSTER NODES of {seed}"))
        }
    }
}

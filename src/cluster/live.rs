//! A cluster that answers: a link to each of its nodes.

use super::verb::{NodeLink, Reply, Verb};
use super::{ClusterView, NodeAddr, NodeId, parse};
use crate::error::{Error, ErrorKind, Result};
use std::collections::BTreeMap;

/// A node with the link to it.
pub struct LiveNode<L> {
    /// Where we reach it.
    pub addr: NodeAddr,
    /// The link.
    pub link: L,
}

impl<L: NodeLink> LiveNode<L> {
    /// Connects anew, to the same node: another one may listen there by now.
    ///
    /// # Errors
    /// [`ErrorKind::Connect`] when nobody answers, or somebody else does.
    pub fn renew(&mut self, id: NodeId) -> Result<()> {
        let mut link = self.link.another(&self.addr)?;
        let said = link.ask(&Verb::MyId)?.text(&Verb::MyId)?;
        if said != id.to_string() {
            let message = format!("{} says it is node {said}, expected {id}", self.addr);
            return Err(Error::new(ErrorKind::Connect, message));
        }
        self.link = link;
        Ok(())
    }
}

/// Links to the nodes of one cluster, by id. Each node has said itself that it has that id.
pub struct LiveCluster<L> {
    pub(super) seed: NodeId,
    pub(super) nodes: BTreeMap<NodeId, LiveNode<L>>,
    pub(super) unreachable: BTreeMap<NodeId, Error>,
}

impl<L: NodeLink> LiveCluster<L> {
    /// A cluster of these links; the seed is one of them.
    pub fn of(seed: NodeId, nodes: BTreeMap<NodeId, LiveNode<L>>) -> LiveCluster<L> {
        let unreachable = BTreeMap::new();
        LiveCluster {
            seed,
            nodes,
            unreachable,
        }
    }

    /// The nodes that are known but can't be reached, with the reason.
    pub fn unreachable(&self) -> &BTreeMap<NodeId, Error> {
        &self.unreachable
    }

    /// The nodes that can be reached, by id.
    pub fn ids(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    /// The nodes that can be reached, each with its link, by id.
    pub fn links_mut(&mut self) -> impl Iterator<Item = (NodeId, &mut LiveNode<L>)> {
        self.nodes.iter_mut().map(|(id, node)| (*id, node))
    }

    /// Makes the link to a node anew.
    ///
    /// # Errors
    /// As [`LiveNode::renew`].
    pub fn renew(&mut self, id: NodeId) -> Result<()> {
        match self.nodes.get_mut(&id) {
            Some(node) => node.renew(id),
            None => self.link(id).map(drop),
        }
    }

    /// Where we reach a node.
    pub fn addr(&self, id: NodeId) -> Option<&NodeAddr> {
        self.nodes.get(&id).map(|node| &node.addr)
    }

    /// How people name a node: its address, or the start of its id.
    pub fn name(&self, id: NodeId) -> String {
        self.addr(id)
            .map_or_else(|| id.short(), ToString::to_string)
    }

    /// Sends verbs to a node in one write.
    ///
    /// # Errors
    /// [`ErrorKind::Connect`] when there is no link to the node, or it breaks.
    pub fn round_trip(&mut self, id: NodeId, verbs: &[Verb]) -> Result<Vec<Reply>> {
        self.link(id)?.round_trip(verbs)
    }

    /// Sends one verb to a node.
    ///
    /// # Errors
    /// As [`LiveCluster::round_trip`].
    pub fn ask(&mut self, id: NodeId, verb: &Verb) -> Result<Reply> {
        self.link(id)?.ask(verb)
    }

    fn link(&mut self, id: NodeId) -> Result<&mut L> {
        match self.nodes.get_mut(&id) {
            Some(node) => Ok(&mut node.link),
            None => {
                let message = format!("there is no connection to node {id}");
                Err(Error::new(ErrorKind::Connect, message))
            }
        }
    }

    /// Asks a node for a text.
    ///
    /// # Errors
    /// When the link breaks, or the node refuses; the error names the node.
    pub fn ask_text(&mut self, id: NodeId, verb: &Verb) -> Result<String> {
        let reply = self.ask(id, verb)?;
        reply.text(verb).map_err(|error| self.blame(id, error))
    }

    /// Puts a node's name before an error.
    pub fn blame(&self, id: NodeId, error: Error) -> Error {
        error.context(format!("node {}", self.name(id)))
    }

    /// What a node believes the cluster to be.
    ///
    /// # Errors
    /// When it can't be asked, or its answer contradicts itself.
    pub fn view_of(&mut self, id: NodeId) -> Result<ClusterView> {
        let text = self.ask_text(id, &Verb::Nodes)?;
        parse::cluster_nodes(&text, &format!("CLUSTER NODES of {}", self.name(id)))
    }

    /// What the first node believes.
    ///
    /// # Errors
    /// As [`LiveCluster::view_of`].
    pub fn seed_view(&mut self) -> Result<ClusterView> {
        self.view_of(self.seed)
    }
}

//! A cluster that answers: a link to each of its nodes.

use super::side_by_side::{self, Awaited};
use super::verb::{NodeLink, Reply, Verb};
use super::{ClusterView, NodeAddr, NodeId, parse};
use crate::error::{Error, ErrorKind, Result, Why};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

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
        self.renew_by(id, None)
    }

    /// The same; no answer is waited for after this moment, then and later.
    fn renew_by(&mut self, id: NodeId, until: Option<Instant>) -> Result<()> {
        let mut link = self.link.another(&self.addr)?;
        link.answer_by(until);
        let said = link.ask(&Verb::MyId)?.text(&Verb::MyId)?;
        if said != id.to_string() {
            let who = NodeId::named_by(&said);
            let message = format!("{} says it is {who}, expected {id}", self.addr);
            return Err(Error::new(ErrorKind::Connect, message).because(Some(Why::AnotherNode)));
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
    pub(super) awaited: Arc<Awaited>,
}

impl<L: NodeLink> LiveCluster<L> {
    /// A cluster of these links; the seed is one of them.
    pub fn of(seed: NodeId, nodes: BTreeMap<NodeId, LiveNode<L>>) -> LiveCluster<L> {
        LiveCluster {
            seed,
            nodes,
            unreachable: BTreeMap::new(),
            awaited: Arc::default(),
        }
    }

    /// Who hasn't answered yet, while [`LiveCluster::each`] asks.
    pub fn awaited(&self) -> Arc<Awaited> {
        self.awaited.clone()
    }

    /// Asks these nodes side by side, each through a cluster of its own link alone. No node is
    /// waited for after the moment, however many answers it owes: one that gives a byte a second
    /// would take all night. Nodes without a link are left out.
    pub fn each<R: Send>(
        &mut self,
        ids: &[NodeId],
        until: Instant,
        ask: impl Fn(&mut LiveCluster<L>, NodeId) -> R + Sync,
    ) -> BTreeMap<NodeId, R> {
        let linked = ids.iter().filter_map(|id| {
            let mut node = self.nodes.remove(id)?;
            node.link.answer_by(Some(until));
            Some((*id, node))
        });
        let linked: Vec<(NodeId, LiveNode<L>)> = linked.collect();
        let awaited = &self.awaited;
        awaited.begin(linked.iter().map(|(_, node)| node.addr.to_string()));
        let said = side_by_side::each(linked, |(id, node)| {
            let name = node.addr.to_string();
            let mut part = LiveCluster::of(id, BTreeMap::from([(id, node)]));
            let said = ask(&mut part, id);
            awaited.end(&name);
            (id, part, said)
        });
        let mut all = BTreeMap::new();
        for (id, part, said) in said {
            for (id, mut node) in part.nodes {
                node.link.answer_by(None);
                self.nodes.insert(id, node);
            }
            all.insert(id, said);
        }
        all
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
        self.renew_by(id, None)
    }

    /// The same; the node's answers aren't waited for after this moment, then and later.
    ///
    /// # Errors
    /// As [`LiveNode::renew`].
    pub fn renew_by(&mut self, id: NodeId, until: Option<Instant>) -> Result<()> {
        match self.nodes.get_mut(&id) {
            Some(node) => node.renew_by(id, until),
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
        if !self.nodes.contains_key(&id) {
            return Err(self.unlinked(id));
        }
        let node = self.nodes.get_mut(&id).map(|node| &mut node.link);
        node.ok_or_else(|| Error::new(ErrorKind::Connect, format!("node {id} is gone")))
    }

    /// What is said of a node without a link: why there is none, where that is known.
    pub(super) fn unlinked(&self, id: NodeId) -> Error {
        match self.unreachable.get(&id) {
            Some(why) => why.clone().context(format!("node {id}")),
            None => {
                let message = format!("there is no connection to node {id}");
                Error::new(ErrorKind::Connect, message)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::id;

    /// A node that says this of itself; whoever is connected to anew says the other.
    struct Link {
        says: String,
        next: String,
    }

    impl NodeLink for Link {
        fn another(&self, _: &NodeAddr) -> Result<Link> {
            Ok(Link {
                says: self.next.clone(),
                next: self.next.clone(),
            })
        }

        fn round_trip(&mut self, verbs: &[Verb]) -> Result<Vec<Reply>> {
            Ok(vec![
                Reply::Text(self.says.clone().into_bytes());
                verbs.len()
            ])
        }
    }

    /// A cluster of `a`, at whose address this one answers from now on.
    fn followed_by(next: &str) -> LiveCluster<Link> {
        let link = Link {
            says: id('a').to_string(),
            next: next.to_owned(),
        };
        let addr = NodeAddr::new("h", 1);
        LiveCluster::of(
            id('a'),
            BTreeMap::from([(id('a'), LiveNode { addr, link })]),
        )
    }

    #[test]
    fn a_link_is_renewed_to_the_same_node() {
        let mut cluster = followed_by(&id('a').to_string());
        cluster.renew(id('a')).expect("the same node");
    }

    /// An address is given to another node while the link was down: what was meant for the first
    /// must not reach the second.
    #[test]
    fn whoever_else_listens_there_by_now_gets_nothing() {
        for other in [id('b').to_string(), "OK".to_owned(), String::new()] {
            let mut cluster = followed_by(&other);
            let error = cluster.renew(id('a')).expect_err("another node");
            assert_eq!(error.why(), Some(Why::AnotherNode), "{error:?}");
            // The old link stays: nothing is sent to the other.
            let said = cluster.ask_text(id('a'), &Verb::MyId).expect("the old one");
            assert_eq!(said, id('a').to_string());
        }
    }
}

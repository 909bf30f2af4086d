//! A throw-away cluster of real servers on loopback, for the demo and the tests.
//!
//! Every server is a child process with a folder and a free port of its own;
//! dropping the cluster stops the servers and removes the folder.

mod server;

use super::link::{Patience, RedisLink};
use super::login::{Login, Secret};
use super::verb::{NodeLink, Verb};
use super::{ClusterView, NodeAddr, parse};
use crate::error::{Error, ErrorKind, Result};
use crate::slot::{SLOT_COUNT, Slot, SlotSet};
use server::start_server;
pub use server::{LocalNode, find_server};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const AGREE_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(25);

/// What cluster is wanted.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// Primaries that share the slots evenly.
    pub primaries: usize,
    /// Primaries without slots.
    pub empty: usize,
    /// Replicas of each primary that has slots.
    pub replicas: usize,
    /// A password for every node.
    pub password: Option<Secret>,
    /// More lines of `redis.conf`.
    pub config: Vec<String>,
}

/// A running cluster.
pub struct LocalCluster {
    // Declared before the folder, so that the servers stop before it goes.
    nodes: Vec<LocalNode>,
    login: Option<Login>,
    folder: TempDir,
}

impl LocalCluster {
    /// Starts servers and makes a cluster of them that every node agrees on.
    ///
    /// # Errors
    /// When the server can't be started, or the nodes don't agree within a minute.
    pub fn start(server: &Path, shape: &Shape) -> Result<LocalCluster> {
        let folder = tempfile::Builder::new()
            .prefix("slotkit-")
            .tempdir()
            .map_err(|cause| Error::io(std::env::temp_dir(), cause))?;
        let login = shape.password.clone().map(|password| Login {
            user: None,
            password,
        });
        let mut cluster = LocalCluster {
            nodes: Vec::new(),
            login,
            folder,
        };
        let count = shape.primaries * (1 + shape.replicas) + shape.empty;
        for _ in 0..count {
            cluster.add_server(server, shape)?;
        }
        cluster.form(shape)?;
        Ok(cluster)
    }

    /// The servers: primaries with slots, then those without, then the replicas.
    pub fn nodes(&self) -> &[LocalNode] {
        &self.nodes
    }

    /// Where the first server listens.
    pub fn seed(&self) -> &NodeAddr {
        &self.nodes[0].addr
    }

    /// What to log in with.
    pub fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// Starts one more server that knows nobody yet; returns its index.
    ///
    /// # Errors
    /// When the server can't be started.
    pub fn add_server(&mut self, server: &Path, shape: &Shape) -> Result<usize> {
        let folder = self
            .folder
            .path()
            .join(format!("node-{}", self.nodes.len()));
        // Another program may take a port between our look and the server's start.
        let mut last = None;
        for _ in 0..8 {
            match start_server(server, &folder, shape, self.login.as_ref()) {
                Ok(node) => {
                    self.nodes.push(node);
                    return Ok(self.nodes.len() - 1);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::new(ErrorKind::Server, "no server could be started")))
    }

    /// Kills a node; the others keep it in their views.
    pub fn stop_node(&mut self, index: usize) {
        self.nodes[index].stop();
    }

    /// Introduces a node to the first one.
    ///
    /// # Errors
    /// When either can't be asked.
    pub fn meet(&self, index: usize) -> Result<()> {
        self.ask(index, &Verb::Meet(self.seed().clone())).map(drop)
    }

    /// A new link to a node.
    ///
    /// # Errors
    /// When it can't be reached.
    pub fn link(&self, index: usize) -> Result<RedisLink> {
        let addr = &self.nodes[index].addr;
        RedisLink::connect(addr, self.login.as_ref(), Patience::default())
    }

    /// What a node believes the cluster to be.
    ///
    /// # Errors
    /// When it can't be asked.
    pub fn view(&self, index: usize) -> Result<ClusterView> {
        let text = self.ask(index, &Verb::Nodes)?;
        parse::cluster_nodes(&text, &self.nodes[index].addr.to_string())
    }

    /// Waits until every node says `cluster_state:ok`, knows all others and has met them.
    ///
    /// # Errors
    /// When they don't within a minute.
    pub fn wait_until_agreed(&self) -> Result<()> {
        let everybody: Vec<usize> = (0..self.nodes.len()).collect();
        self.wait_until("the nodes agree", || {
            everybody
                .iter()
                .all(|index| self.is_settled(*index).unwrap_or(false))
        })
    }

    fn form(&self, shape: &Shape) -> Result<()> {
        for index in 0..self.nodes.len() {
            self.ask(index, &Verb::SetConfigEpoch(index as u64 + 1))?;
        }
        for (index, slots) in even_shares(shape.primaries).into_iter().enumerate() {
            self.ask(index, &Verb::AddSlots(slots))?;
        }
        // Every pair meets: gossip alone takes seconds to spread the names.
        for index in 1..self.nodes.len() {
            for other in &self.nodes[..index] {
                self.ask(index, &Verb::Meet(other.addr.clone()))?;
            }
        }
        self.wait_until_agreed()?;
        let first_replica = shape.primaries + shape.empty;
        for index in first_replica..self.nodes.len() {
            let primary = self.nodes[(index - first_replica) % shape.primaries].id;
            self.ask(index, &Verb::Replicate(primary))?;
        }
        self.wait_until("the replicas are known", || {
            (0..self.nodes.len()).all(|index| {
                self.view(index).is_ok_and(|view| {
                    let replicas = view.nodes().iter().filter(|node| !node.is_primary());
                    replicas.count() == self.nodes.len() - first_replica
                })
            })
        })?;
        // Until it has its primary's data a replica is none, whatever its role.
        self.wait_until("the replicas follow", || {
            (first_replica..self.nodes.len()).all(|index| {
                let info = self.ask(index, &Verb::Info("replication"));
                info.is_ok_and(|info| parse::info_field(&info, "master_link_status") == Some("up"))
            })
        })
    }

    fn is_settled(&self, index: usize) -> Result<bool> {
        let info = self.ask(index, &Verb::ClusterInfo)?;
        let view = self.view(index)?;
        Ok(parse::info_field(&info, "cluster_state") == Some("ok")
            && view.nodes().len() == self.nodes.len()
            && view
                .nodes()
                .iter()
                .all(|node| node.is_usable() && !node.flags.pfail)
            && view.map().unassigned().is_empty())
    }

    fn ask(&self, index: usize, verb: &Verb) -> Result<String> {
        self.link(index)?.ask(verb)?.text(verb)
    }

    fn wait_until(&self, what: &str, holds: impl Fn() -> bool) -> Result<()> {
        let start = Instant::now();
        while !holds() {
            if start.elapsed() > AGREE_TIMEOUT {
                let message = format!("waited {} s until {what}", AGREE_TIMEOUT.as_secs());
                return Err(Error::new(ErrorKind::Server, message));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }
}

/// The slots, in as many even runs.
fn even_shares(parts: usize) -> Vec<SlotSet> {
    (0..parts)
        .map(|part| {
            let (first, end) = (part * SLOT_COUNT / parts, (part + 1) * SLOT_COUNT / parts);
            Slot::all().skip(first).take(end - first).collect()
        })
        .collect()
}

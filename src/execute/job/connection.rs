//! Where a cluster is, and who we are to it.

use super::awaited::patiently;
use super::told::Observer;
use crate::cluster::link::{Patience, RedisLink};
use crate::cluster::login::Login;
use crate::cluster::{Awaited, ClusterView, LiveCluster, NodeAddr, connect};
use crate::error::Result;
use std::sync::Arc;

/// Where a cluster is, and who we are to it.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The node to ask first.
    pub seed: NodeAddr,
    /// Who we say we are.
    pub login: Option<Login>,
}

impl Connection {
    /// What the first node believes the cluster to be; no other node is asked.
    ///
    /// # Errors
    /// When it can't be reached, refuses the login, or isn't in cluster mode.
    pub fn view(&self) -> Result<ClusterView> {
        connect::ask_view(&self.seed, self.login.as_ref(), Patience::default())
    }

    /// Connects to the cluster, with a word where that takes long.
    ///
    /// # Errors
    /// As [`LiveCluster::connect`].
    pub fn open(
        &self,
        patience: Patience,
        observer: &dyn Observer,
    ) -> Result<LiveCluster<RedisLink>> {
        let awaited = Arc::new(Awaited::default());
        patiently(&awaited, observer, || {
            let login = self.login.as_ref();
            LiveCluster::connect_awaited(&self.seed, login, patience, awaited.clone())
        })
    }
}

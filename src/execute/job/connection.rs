//! Connects to a cluster, and names nodes that let us wait, so that nobody takes a slow node for a
//! hung program.

use super::notice::{Notice, Observer};
use crate::cluster::link::{Patience, RedisLink};
use crate::cluster::login::Login;
use crate::cluster::{Awaited, ClusterView, LiveCluster, NodeAddr, connect};
use crate::error::Result;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

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

/// What is over before that needs no word.
const QUIET: Duration = Duration::from_secs(1);
/// How often it is said again.
const AGAIN: Duration = Duration::from_secs(5);

/// Does this, and tells meanwhile who is still waited for.
pub fn patiently<T>(awaited: &Awaited, observer: &dyn Observer, work: impl FnOnce() -> T) -> T {
    let (done, waits) = channel::<()>();
    std::thread::scope(|scope| {
        let speaker = std::thread::Builder::new().name("word".to_owned());
        // Without a thread to be had there is no word.
        let _ = speaker.spawn_scoped(scope, move || {
            let begun = Instant::now();
            let mut pause = QUIET;
            while let Err(RecvTimeoutError::Timeout) = waits.recv_timeout(pause) {
                let (asked, pending) = awaited.pending();
                if !pending.is_empty() {
                    observer.notice(&Notice::Awaited {
                        asked,
                        pending,
                        waited: begun.elapsed(),
                    });
                }
                pause = AGAIN;
            }
        });
        let result = work();
        drop(done);
        result
    })
}

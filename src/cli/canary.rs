//! A canary: what a client of the nodes that give and receive would notice meanwhile.
//!
//! `PING` has nothing to wait for but the server itself: its answer takes as
//! long as whatever the server is busy with, a `MIGRATE` or the loading of a
//! big value. Each node has a connection and a thread of its own, so that one
//! that stands still doesn't hide another.

use super::connection::Connection;
use crate::cluster::NodeAddr;
use crate::cluster::link::{Patience, RedisLink};
use crate::cluster::verb::{NodeLink, Verb};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often each node is asked.
const PING_EVERY: Duration = Duration::from_millis(20);
/// How many nodes are watched at most, a thread each.
const NODES_MAX: usize = 64;

/// Asks nodes until it is dropped, or told to end.
pub(super) struct Canary {
    stop: Arc<AtomicBool>,
    nodes: Vec<Watched>,
}

struct Watched {
    addr: NodeAddr,
    largest_us: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

/// The longest that a node let a client wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stall {
    /// Where.
    pub(super) addr: NodeAddr,
    /// For how long.
    pub(super) time: Duration,
}

impl Canary {
    /// Watches these nodes. One that can't be asked isn't watched: the run itself will notice.
    pub(super) fn watch(nodes: &BTreeSet<NodeAddr>, connection: &Connection) -> Canary {
        let stop = Arc::new(AtomicBool::new(false));
        let nodes = nodes.iter().take(NODES_MAX).filter_map(|addr| {
            let link =
                RedisLink::connect(addr, connection.login.as_ref(), Patience::default()).ok()?;
            let largest_us = Arc::new(AtomicU64::new(0));
            let (asked, largest) = (stop.clone(), largest_us.clone());
            let thread = std::thread::Builder::new()
                .name("canary".to_owned())
                .spawn(move || ping(link, &asked, &largest))
                .ok()?;
            Some(Watched {
                addr: addr.clone(),
                largest_us,
                thread: Some(thread),
            })
        });
        Canary {
            nodes: nodes.collect(),
            stop,
        }
    }

    /// The largest stall so far; none when no node was asked yet.
    pub(super) fn largest(&self) -> Option<Stall> {
        let stalls = self.nodes.iter().map(|node| Stall {
            addr: node.addr.clone(),
            time: Duration::from_micros(node.largest_us.load(Ordering::Relaxed)),
        });
        stalls
            .max_by_key(|stall| stall.time)
            .filter(|stall| !stall.time.is_zero())
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for node in &mut self.nodes {
            // A node that stands still is left to its thread: the program needn't wait for it.
            let is_done = node.thread.as_ref().is_some_and(JoinHandle::is_finished);
            if let Some(thread) = node.thread.take().filter(|_| is_done) {
                let _ = thread.join();
            }
        }
    }
}

fn ping(mut link: RedisLink, stop: &AtomicBool, largest_us: &AtomicU64) {
    let verb = Verb::Client(vec![b"PING".to_vec()]);
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        if link.ask(&verb).is_err() {
            return;
        }
        let took = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        largest_us.fetch_max(took.max(1), Ordering::Relaxed);
        std::thread::sleep(PING_EVERY);
    }
}

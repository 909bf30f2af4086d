//! Watches, beside a job, what a client of the nodes that give and receive would notice: a canary.
//!
//! `PING` has nothing to wait for but the server itself: its answer takes as
//! long as whatever the server is busy with, a `MIGRATE` or the loading of a
//! big value. Once a second the node tells its memory and its replicas too.
//! Each node has a connection and a thread of its own, so that one that stands
//! still doesn't hide another; its replicas are watched from the moment that
//! one of them is a primary.

mod vitals;

use super::connection::Connection;
use crate::cluster::link::{Patience, RedisLink};
use crate::cluster::verb::{NodeLink, Verb};
use crate::cluster::{NodeAddr, NodeId};
use crate::error::Result;
use crate::execute::executor::HealthReading;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use vitals::Vitals;

/// How often each node is asked.
const PING_EVERY: Duration = Duration::from_millis(20);
/// How often it is asked for more.
const VITALS_EVERY: Duration = Duration::from_secs(1);
/// How long after a broken link it is tried again.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);
/// How often what was seen is told.
const READ_EVERY: Duration = Duration::from_millis(100);
/// How many nodes are watched at most, a thread each.
const NODES_MAX: usize = 64;

/// Asks nodes until it is dropped.
pub struct Canary {
    stop: Arc<AtomicBool>,
    nodes: Vec<Watched>,
    read_at: Instant,
}

struct Watched {
    id: NodeId,
    addr: NodeAddr,
    seen: Arc<Mutex<Seen>>,
    thread: Option<JoinHandle<()>>,
}

/// What was seen of one node.
#[derive(Debug, Default)]
struct Seen {
    /// Since when it owes an answer.
    asked_at: Option<Instant>,
    /// The longest wait since somebody read it.
    worst: Option<Duration>,
    /// The longest wait of all.
    largest: Duration,
    /// None before it has told, and while it can't be reached.
    vitals: Option<Vitals>,
    /// Whether it was seen to follow a primary.
    has_followed: bool,
}

/// The longest that a node let a client wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stall {
    /// Where.
    pub addr: NodeAddr,
    /// For how long.
    pub time: Duration,
}

impl Canary {
    /// Watches these nodes, the first ones where they are too many.
    pub fn watch(nodes: Vec<(NodeId, NodeAddr)>, connection: &Connection) -> Canary {
        let stop = Arc::new(AtomicBool::new(false));
        let nodes = nodes.into_iter().take(NODES_MAX).filter_map(|(id, addr)| {
            let seen = Arc::new(Mutex::new(Seen::default()));
            let (stop, seen_there) = (stop.clone(), seen.clone());
            let (connection, node) = (connection.clone(), addr.clone());
            let thread = std::thread::Builder::new()
                .name("canary".to_owned())
                .spawn(move || watch(&node, &connection, &stop, &seen_there))
                .ok()?;
            Some(Watched {
                id,
                addr,
                seen,
                thread: Some(thread),
            })
        });
        Canary {
            nodes: nodes.collect(),
            stop,
            read_at: Instant::now(),
        }
    }

    /// What was seen of each node since it was told last; nothing when that was just now.
    pub fn readings(&mut self) -> Vec<HealthReading> {
        if self.read_at.elapsed() < READ_EVERY {
            return Vec::new();
        }
        self.read_at = Instant::now();
        let serving: BTreeSet<String> = self
            .nodes
            .iter()
            .filter(|node| node.seen().serves())
            .map(|node| node.addr.to_string())
            .collect();
        let readings = self.nodes.iter().filter_map(|node| {
            let mut seen = node.seen();
            seen.read(node.id, &serving)
        });
        readings.collect()
    }

    /// The largest stall so far; none when no node was asked yet.
    pub fn largest(&self) -> Option<Stall> {
        let stalls = self.nodes.iter().map(|node| {
            let seen = node.seen.lock().unwrap_or_else(PoisonError::into_inner);
            Stall {
                addr: node.addr.clone(),
                time: seen.largest.max(seen.owed()),
            }
        });
        stalls
            .max_by_key(|stall| stall.time)
            .filter(|stall| !stall.time.is_zero())
    }
}

impl Watched {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
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

impl Seen {
    /// How long it has owed an answer by now; a replica owes nobody one.
    fn owed(&self) -> Duration {
        let asked = self.asked_at.filter(|_| self.serves());
        asked.map_or(Duration::ZERO, |asked| asked.elapsed())
    }

    fn serves(&self) -> bool {
        self.vitals.as_ref().is_some_and(|vitals| vitals.is_primary)
    }

    fn answered(&mut self) {
        let waited = self.owed();
        self.asked_at = None;
        if !waited.is_zero() {
            self.worst = self.worst.max(Some(waited));
            self.largest = self.largest.max(waited);
        }
    }

    /// A replica that followed and doesn't any more, though its primary serves.
    fn detached(&mut self, serving: &BTreeSet<String>) -> Option<bool> {
        let follows = self.vitals.as_ref()?.follows.as_ref()?;
        self.has_followed |= follows.is_in_step;
        let is_missed = self.has_followed && serving.contains(&follows.primary);
        Some(is_missed && !follows.is_in_step)
    }

    /// None while there is nothing to tell.
    fn read(&mut self, node: NodeId, serving: &BTreeSet<String>) -> Option<HealthReading> {
        if let Some(is_detached) = self.detached(serving) {
            return is_detached.then_some(HealthReading {
                node,
                latency_ms: None,
                used_bytes: None,
                max_bytes: None,
                replica_lag_bytes: None,
                is_detached: Some(true),
            });
        }
        let vitals = self.vitals.as_ref().filter(|vitals| vitals.is_primary)?;
        let (used_bytes, max_bytes) = (vitals.used_bytes, vitals.max_bytes);
        let replica_lag_bytes = vitals.replica_lag_bytes;
        let owed = Some(self.owed()).filter(|owed| !owed.is_zero());
        let worst = self.worst.take().max(owed);
        Some(HealthReading {
            node,
            // Up: what is above a limit by a part of a millisecond is above it.
            latency_ms: worst
                .map(|worst| u64::try_from(worst.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)),
            used_bytes,
            max_bytes,
            replica_lag_bytes,
            is_detached: None,
        })
    }
}

/// One node's thread.
fn watch(addr: &NodeAddr, connection: &Connection, stop: &AtomicBool, seen: &Mutex<Seen>) {
    let mut is_first = true;
    while !stop.load(Ordering::Relaxed) {
        if !std::mem::take(&mut is_first) {
            std::thread::sleep(RECONNECT_AFTER);
        }
        let login = connection.login.as_ref();
        if let Ok(link) = RedisLink::connect(addr, login, Patience::default()) {
            // It goes on with a new link, if there is one to be had.
            let _ = ask_on(link, stop, seen);
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.answered();
            seen.vitals = None;
        }
    }
}

fn ask_on(mut link: RedisLink, stop: &AtomicBool, seen: &Mutex<Seen>) -> Result<()> {
    let seen = || seen.lock().unwrap_or_else(PoisonError::into_inner);
    let ping = Verb::Client(vec![b"PING".to_vec()]);
    let mut told_at: Option<Instant> = None;
    while !stop.load(Ordering::Relaxed) {
        if told_at.is_none_or(|told| told.elapsed() >= VITALS_EVERY) {
            seen().asked_at = Some(Instant::now());
            let vitals = Vitals::ask(&mut link)?;
            seen().answered();
            seen().vitals = Some(vitals);
            told_at = Some(Instant::now());
        }
        seen().asked_at = Some(Instant::now());
        link.ask(&ping)?;
        seen().answered();
        std::thread::sleep(PING_EVERY);
    }
    Ok(())
}

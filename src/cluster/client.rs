//! A client of a cluster, as applications have one: it follows `MOVED` and
//! `ASK`. The demo and the tests write through it while slots move.

use super::link::{Patience, RedisLink};
use super::login::Login;
use super::verb::{NodeLink, Refusal, Reply, ServerError, Verb};
use super::{ClusterView, NodeAddr, parse};
use crate::error::{Error, ErrorKind, Result};
use crate::slot::{SLOT_COUNT, Slot};
use std::collections::HashMap;
use std::time::Duration;

/// How often one command may be sent on, and for how long a `TRYAGAIN` is waited for.
const MAX_HOPS: u32 = 64;
const RETRY_PAUSE: Duration = Duration::from_millis(5);

/// Connections to the nodes that were needed so far, and who owned a slot when last told.
pub struct ClusterClient {
    login: Option<Login>,
    links: HashMap<NodeAddr, RedisLink>,
    owners: Vec<Option<NodeAddr>>,
    seed: NodeAddr,
    patience: Patience,
}

impl ClusterClient {
    /// Connects to one node and reads the slot map from it.
    ///
    /// # Errors
    /// When it can't be reached or doesn't answer.
    pub fn connect(seed: &NodeAddr, login: Option<&Login>) -> Result<ClusterClient> {
        ClusterClient::patient(seed, login, Patience::default())
    }

    /// The same, with so much patience for each node.
    ///
    /// # Errors
    /// As [`ClusterClient::connect`].
    pub fn patient(
        seed: &NodeAddr,
        login: Option<&Login>,
        patience: Patience,
    ) -> Result<ClusterClient> {
        let mut link = RedisLink::connect(seed, login, patience)?;
        let text = link.ask(&Verb::Nodes)?.text(&Verb::Nodes)?;
        let view = parse::cluster_nodes(&text, &seed.to_string())?;
        Ok(ClusterClient {
            login: login.cloned(),
            owners: owners(&view),
            links: HashMap::from([(seed.clone(), link)]),
            seed: seed.clone(),
            patience,
        })
    }

    /// Runs a command on the node that serves its key (the second word).
    ///
    /// # Errors
    /// When a node can't be reached, or the command is sent on without end.
    /// Error replies other than redirections are returned as replies.
    pub fn run(&mut self, words: &[&[u8]]) -> Result<Reply> {
        let slot = Slot::for_key(words.get(1).copied().unwrap_or_default());
        let command = Verb::Client(words.iter().map(|word| word.to_vec()).collect());
        let mut asking: Option<NodeAddr> = None;
        for _ in 0..MAX_HOPS {
            let reply = match asking.take() {
                Some(addr) => self.send(&addr, &[Verb::Asking, command.clone()])?,
                None => {
                    let known = self.owners[slot.index()].clone();
                    self.send(
                        &known.unwrap_or_else(|| self.seed.clone()),
                        std::slice::from_ref(&command),
                    )?
                }
            };
            let Reply::Refused(refusal) = &reply else {
                return Ok(reply);
            };
            match refusal.error() {
                ServerError::Moved => self.owners[slot.index()] = redirected(refusal, &self.seed),
                ServerError::Ask => asking = redirected(refusal, &self.seed),
                ServerError::TryAgain | ServerError::ClusterDown => std::thread::sleep(RETRY_PAUSE),
                _ => return Ok(reply),
            }
        }
        let message = format!("slot {slot} was redirected more than {MAX_HOPS} times");
        Err(Error::new(ErrorKind::Server, message))
    }

    fn send(&mut self, addr: &NodeAddr, verbs: &[Verb]) -> Result<Reply> {
        if !self.links.contains_key(addr) {
            let link = RedisLink::connect(addr, self.login.as_ref(), self.patience)?;
            self.links.insert(addr.clone(), link);
        }
        let sent = match self.links.get_mut(addr) {
            Some(link) => link.round_trip(verbs),
            None => Ok(Vec::new()),
        };
        if sent.is_err() {
            // A broken link is made anew the next time, and the map may have changed.
            self.links.remove(addr);
        }
        let last = sent?.pop();
        last.ok_or_else(|| Error::new(ErrorKind::Server, format!("{addr} gave no answer")))
    }
}

fn owners(view: &ClusterView) -> Vec<Option<NodeAddr>> {
    let mut owners = vec![None; SLOT_COUNT];
    for node in view.primaries() {
        for slot in node.slots.iter() {
            owners[slot.index()] = node.addr.clone();
        }
    }
    owners
}

/// The address in `MOVED slot host:port` or `ASK slot host:port`.
///
/// An empty host stands for the host that answered; all nodes that this client
/// is used with share one, the seed's.
fn redirected(refusal: &Refusal, seed: &NodeAddr) -> Option<NodeAddr> {
    let target = refusal.detail.split(' ').nth(1)?;
    let (host, port) = target.rsplit_once(':')?;
    let host = if host.is_empty() { &seed.host } else { host };
    Some(NodeAddr::new(host, port.parse().ok()?))
}

//! Drives a run over links: a thread a node, so that writes to different nodes
//! are under way side by side.
//!
//! Every choice is the core's ([`super::core`]); here is what it can't do
//! itself: send, wait, write the journal, make a broken link anew, and tell
//! the watcher.

use super::Move;
use super::clock::now_ms;
use super::core::{Core, Event, Note, PersonsWish, Step};
use super::journal::Journal;
use super::slot_move::Entry;
use crate::cluster::verb::{NodeLink, Reply, Verb};
use crate::cluster::{LiveCluster, LiveNode, NodeAddr, NodeId};
use crate::error::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

pub use super::core::{Options, Outcome, Reading};

/// How often the watcher is asked whether to stop while nothing else happens.
const WATCH_EVERY: Duration = Duration::from_millis(50);

/// Who watches a run, and may ask it to stop.
pub trait Watcher {
    /// A slot is about to move.
    fn begins(&mut self, task: Move);
    /// Keys were sent; the numbers are what the slot has so far. Bytes are 0 where they aren't
    /// measured.
    fn moved(&mut self, task: Move, keys: u64, bytes: u64);
    /// A slot is where it should be.
    fn ended(&mut self, task: Move, keys: u64, bytes: u64);
    /// So many slots had arrived at a node which died, and were given to the one that took over.
    fn given(&mut self, _slots: usize, _heir: &str) {}
    /// What it has seen of the nodes since it was asked last.
    fn readings(&mut self) -> Vec<Reading> {
        Vec::new()
    }
    /// Whether the run should begin no further slot.
    fn wants_stop(&self) -> bool;
}

/// Moves these slots, begun in this order as far as their nodes allow it.
///
/// # Errors
/// [`ErrorKind::Stopped`] with the first surprise, the slot and what was seen;
/// what has arrived stays where it is.
pub fn run<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    tasks: &[(Move, Entry)],
    options: &Options,
    journal: &mut Journal,
    watcher: &mut dyn Watcher,
) -> Result<Outcome> {
    let mut options = options.clone();
    options.epoch_ms = now_ms();
    for id in cluster.ids() {
        options.names.insert(id, cluster.name(id));
    }
    let core = Core::new(tasks, options, 0);
    std::thread::scope(|scope| {
        let (answer, answers) = channel();
        let mut lanes = BTreeMap::new();
        for (id, node) in cluster.links_mut() {
            let (ask, asked) = channel();
            lanes.insert(id, ask);
            let answer = answer.clone();
            let lane = move || serve(id, node, &asked, &answer);
            let named = std::thread::Builder::new().name(format!("node {}", id.short()));
            named
                .spawn_scoped(scope, lane)
                .map_err(|cause| Error::io("thread", cause))?;
        }
        let driver = Driver {
            core,
            lanes,
            answers,
            start: Instant::now(),
        };
        driver.run(journal, watcher)
    })
}

/// A question to a node.
struct Question {
    at: Option<NodeAddr>,
    verbs: Vec<Verb>,
}

/// What came of it.
type Answer = (NodeId, Result<Vec<Reply>>);

struct Driver {
    core: Core,
    lanes: BTreeMap<NodeId, Sender<Question>>,
    answers: Receiver<Answer>,
    start: Instant,
}

impl Driver {
    fn run(mut self, journal: &mut Journal, watcher: &mut dyn Watcher) -> Result<Outcome> {
        loop {
            if watcher.wants_stop() {
                self.core.wish(PersonsWish::Stop);
            }
            let now_ms = self.now_ms();
            for reading in watcher.readings() {
                self.core.felt(&reading, now_ms);
            }
            match self.core.poll(now_ms) {
                Step::Record(notes) => {
                    let written = write(journal, &notes);
                    self.core.recorded(written);
                }
                Step::Ask { node, at, verbs } => self.send(node, Question { at, verbs }),
                Step::Wait { until_ms } => self.wait(until_ms),
                Step::End => break,
            }
            for event in self.core.take_events() {
                tell(watcher, event, &self.core);
            }
        }
        // The threads end when nobody can ask them any more.
        self.lanes.clear();
        self.core.into_result()
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn send(&mut self, node: NodeId, question: Question) {
        let sent = self.lanes.get(&node).map(|lane| lane.send(question));
        if !matches!(sent, Some(Ok(()))) {
            let message = format!("there is no connection to node {node}");
            let error = Error::new(ErrorKind::Connect, message);
            self.core.lost(node, error, self.now_ms());
        }
    }

    fn wait(&mut self, until_ms: Option<u64>) {
        let most = until_ms.map(|moment| moment.saturating_sub(self.now_ms()));
        let most = most.map_or(WATCH_EVERY, Duration::from_millis);
        // A millisecond at least: a moment that is due is due at the next look at the clock.
        let wait = most.clamp(Duration::from_millis(1), WATCH_EVERY);
        match self.answers.recv_timeout(wait) {
            Ok((node, replies)) => {
                let now_ms = self.now_ms();
                match replies {
                    Ok(replies) => self.core.answered(node, replies, now_ms),
                    Err(error) => self.core.lost(node, error, now_ms),
                }
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }
}

fn write(journal: &mut Journal, notes: &[Note]) -> Result<()> {
    let (mut begins, mut ends) = (Vec::new(), Vec::new());
    for note in notes {
        match note {
            Note::Begins(task) => begins.push(*task),
            Note::Ends(task) => ends.push(*task),
            Note::Doubts(slot, doubts) => journal.doubt(*slot, doubts)?,
            Note::Failures(node, failures) => journal.note_failures(*node, failures)?,
        }
    }
    // Ends first: a slot may end on one pair and begin on another in the same breath.
    if !ends.is_empty() {
        journal.end(&ends)?;
    }
    match begins.is_empty() {
        true => Ok(()),
        false => journal.begin(&begins),
    }
}

fn tell(watcher: &mut dyn Watcher, event: Event, core: &Core) {
    match event {
        Event::Begins(task) => watcher.begins(task),
        Event::Moved { task, keys, bytes } => watcher.moved(task, keys, bytes),
        Event::Ended { task, keys, bytes } => watcher.ended(task, keys, bytes),
        Event::Given { slots, heir } => watcher.given(slots, &core.name(heir)),
    }
}

/// One node's thread: asks and answers in turn, until nobody asks any more.
fn serve<L: NodeLink>(
    id: NodeId,
    node: &mut LiveNode<L>,
    asked: &Receiver<Question>,
    answer: &Sender<Answer>,
) {
    let mut is_broken = false;
    while let Ok(Question { at, verbs }) = asked.recv() {
        let replies = match at {
            Some(addr) => (|| node.link.another(&addr)?.round_trip(&verbs))(),
            None => {
                let replies = match is_broken {
                    true => node.renew(id).and_then(|()| node.link.round_trip(&verbs)),
                    false => node.link.round_trip(&verbs),
                };
                is_broken = replies.is_err();
                replies
            }
        };
        if answer.send((id, replies)).is_err() {
            return;
        }
    }
}

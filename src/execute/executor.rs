//! Drives a run over links: writes to different nodes are under way side by side (`desk.rs`).
//!
//! Every choice is the core's ([`super::core`]); here is what it can't do
//! itself: send, wait, write the journal, make a broken link anew, and tell
//! the watcher.

use super::Move;
use super::clock::now_ms;
use super::core::{Core, Effect, Event, RunControl};
use super::desk::{Desk, Question};
use super::journal::Journal;
use super::mover::Entry;
use crate::cluster::LiveCluster;
use crate::cluster::verb::NodeLink;
use crate::error::Result;
use std::time::{Duration, Instant};

pub use super::core::{HealthReading, Options, Outcome, Watcher};

/// How often the watcher is asked whether to stop while nothing else happens.
const WATCH_EVERY: Duration = Duration::from_millis(50);

/// Moves these slots, begun in this order as far as their nodes allow it.
///
/// # Errors
/// [`ErrorKind::Stopped`](crate::ErrorKind::Stopped) with the first surprise, the slot and what was
/// seen; what has arrived stays where it is.
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
        let driver = Driver {
            core,
            desk: Desk::new(cluster.links_mut(), scope)?,
            start: Instant::now(),
        };
        driver.run(journal, watcher)
    })
}

struct Driver<'a, L> {
    core: Core,
    desk: Desk<'a, L>,
    start: Instant,
}

impl<L: NodeLink> Driver<'_, L> {
    fn run(mut self, journal: &mut Journal, watcher: &mut dyn Watcher) -> Result<Outcome> {
        loop {
            if watcher.wants_stop() {
                self.core.control(RunControl::Stop);
            }
            let now_ms = self.now_ms();
            for reading in watcher.readings() {
                self.core.observe(&reading, now_ms);
            }
            match self.core.poll(now_ms) {
                Effect::Record(notes) => {
                    let written = journal.note(&notes);
                    self.core.recorded(written);
                }
                Effect::Ask { node, at, verbs } => self.desk.ask(node, Question { at, verbs }),
                Effect::Wait { until_ms } => self.wait(until_ms),
                Effect::End => break,
            }
            for event in self.core.take_events() {
                tell(watcher, event, &self.core);
            }
        }
        self.core.into_result()
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn wait(&mut self, until_ms: Option<u64>) {
        let most = until_ms.map(|moment| moment.saturating_sub(self.now_ms()));
        let most = most.map_or(WATCH_EVERY, Duration::from_millis);
        // A millisecond at least: a moment that is due is due at the next look at the clock.
        let wait = most.clamp(Duration::from_millis(1), WATCH_EVERY);
        let Some((node, replies)) = self.desk.wait(wait) else {
            return;
        };
        let now_ms = self.now_ms();
        match replies {
            Ok(replies) => self.core.answered(node, replies, now_ms),
            Err(error) => self.core.lost(node, error, now_ms),
        }
    }
}

fn tell(watcher: &mut dyn Watcher, event: Event, core: &Core) {
    match event {
        Event::Begins(unit) => watcher.begins(&unit),
        Event::Moved { unit, keys, bytes } => watcher.moved(&unit, keys, bytes),
        Event::Ended { unit, keys, bytes } => watcher.ended(&unit, keys, bytes),
        Event::Waits { unit, wait } => watcher.waits(&unit, wait),
        Event::Reassigned { slots, promoted } => watcher.reassigned(slots, &core.name(promoted)),
    }
}

//! The progress of moves: bars on a terminal, a line now and then elsewhere, JSON for machines.

mod bars;
mod counts;
mod json;

use super::interrupt::Interrupt;
use super::move_args::ProgressForm;
use super::terminal;
use crate::cluster::NodeId;
use crate::execute::Move;
use crate::execute::executor::{HealthReading, Watcher};
use crate::execute::job::{Canary, Stall};
use crate::execute::mover::Unit;
use crate::execute::survey::Survey;
use crate::numbers::counted_text;
use crate::slot::Slot;
use bars::Bars;
pub(super) use counts::per_second;
use counts::{Count, MoveCounts};
use indicatif::{HumanBytes, HumanCount, HumanDuration};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How often a log gets a line, and a machine a document.
const LINE_EVERY: Duration = Duration::from_secs(10);
const JSON_EVERY: Duration = Duration::from_secs(1);

/// Shows the progress of a run and hands it the person's wish to stop.
pub(super) struct MoveProgress {
    counts: MoveCounts,
    display: Display,
    interrupt: Interrupt,
    canary: Canary,
    /// What was seen of each node last; of its latency the worst since the last line.
    seen: BTreeMap<NodeId, HealthReading>,
    begun: Instant,
    last_line: Instant,
}

/// Who looks at it.
enum Display {
    Bars(Bars),
    Lines,
    Json { names: BTreeMap<NodeId, String> },
}

impl MoveProgress {
    /// For a run of these moves, with the keys that each slot is known to have.
    pub(super) fn new(
        moves: &[Move],
        keys: &BTreeMap<Slot, u64>,
        survey: &Survey,
        form: ProgressForm,
        interrupt: Interrupt,
        canary: Canary,
    ) -> MoveProgress {
        let counts = MoveCounts::new(moves, keys);
        let display = match form {
            ProgressForm::Json => Display::Json {
                names: survey
                    .nodes
                    .iter()
                    .map(|(id, facts)| (*id, facts.addr.to_string()))
                    .collect(),
            },
            ProgressForm::Auto if terminal::is_watched() => {
                Display::Bars(Bars::new(&counts, |(source, target)| {
                    format!("{} to {}", survey.name(source), survey.name(target))
                }))
            }
            ProgressForm::Auto => Display::Lines,
        };
        let now = Instant::now();
        let progress = MoveProgress {
            counts,
            display,
            interrupt,
            canary,
            seen: BTreeMap::new(),
            begun: now,
            last_line: now,
        };
        progress.tell_machine("begin");
        progress
    }

    fn show(&mut self) {
        let elapsed = self.begun.elapsed();
        let every = match &mut self.display {
            Display::Bars(bars) => {
                let note = if self.interrupt.is_asked() {
                    "; stopping"
                } else {
                    ""
                };
                bars.show(&self.counts, elapsed, note);
                return;
            }
            Display::Lines => LINE_EVERY,
            Display::Json { .. } => JSON_EVERY,
        };
        if self.last_line.elapsed() < every {
            return;
        }
        self.last_line = Instant::now();
        if matches!(self.display, Display::Lines) {
            let total = &self.counts.total;
            terminal::say(format!(
                "{} of {} slots, {}",
                total.slots,
                total.slots_total,
                words(total, elapsed)
            ));
        }
        self.tell_machine("progress");
        for reading in self.seen.values_mut() {
            reading.latency_ms = None;
        }
    }

    /// The longest that a node let a client wait; none when nobody was asked.
    pub(super) fn largest_stall(&self) -> Option<Stall> {
        self.canary.largest()
    }

    fn tell_machine(&self, event: &str) {
        if let Display::Json { names } = &self.display {
            terminal::line(json::document(
                event,
                &self.counts,
                names,
                &self.seen,
                self.begun.elapsed(),
            ));
        }
    }
}

impl Watcher for MoveProgress {
    fn begins(&mut self, _: &Unit) {
        Interrupt::note_open();
        self.show();
    }

    fn moved(&mut self, unit: &Unit, keys: u64, bytes: u64) {
        self.counts.moved(unit, keys, bytes);
        self.show();
    }

    fn ended(&mut self, unit: &Unit, keys: u64, bytes: u64) {
        self.counts.ended(unit, keys, bytes);
        self.show();
    }

    fn readings(&mut self) -> Vec<HealthReading> {
        let readings = self.canary.readings();
        for reading in &readings {
            let before = self.seen.insert(reading.node, *reading);
            if let (Some(now), Some(before)) = (self.seen.get_mut(&reading.node), before) {
                now.latency_ms = now.latency_ms.max(before.latency_ms);
            }
        }
        if !readings.is_empty() {
            // While a run pauses nothing else would show that it is alive.
            self.show();
        }
        readings
    }

    fn wants_stop(&self) -> bool {
        self.interrupt.is_asked()
    }
}

impl Drop for MoveProgress {
    fn drop(&mut self) {
        self.tell_machine("end");
    }
}

/// Keys, their rate, bytes where they are measured, and the time left.
fn words(count: &Count, elapsed: Duration) -> String {
    let left = count.left(elapsed).map_or_else(String::new, |left| {
        format!(", {} left", HumanDuration(left))
    });
    let bytes = match count.bytes_and_rate(elapsed) {
        Some((bytes, rate)) => format!(", {} ({} a second)", HumanBytes(bytes), HumanBytes(rate)),
        None => String::new(),
    };
    format!(
        "{}, {} a second{bytes}{left}",
        counted_text(count.keys, "key"),
        HumanCount(count.keys_per_second(elapsed))
    )
}

//! How far the slots are: bars on a terminal, a line now and then elsewhere, JSON for machines.

mod bars;
mod json;
mod tally;

use super::interrupt::Interrupt;
use super::pace::ProgressForm;
use super::terminal;
use crate::cluster::NodeId;
use crate::execute::Move;
use crate::execute::executor::Watcher;
use crate::execute::survey::Survey;
use crate::slot::Slot;
use bars::Bars;
use indicatif::{HumanCount, HumanDuration};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tally::{Count, Tally};

/// How often a log gets a line, and a machine a document.
const LINE_EVERY: Duration = Duration::from_secs(10);
const JSON_EVERY: Duration = Duration::from_secs(1);

/// Shows the progress of a run and hands it the person's wish to stop.
pub(super) struct MoveProgress {
    tally: Tally,
    face: Face,
    interrupt: Interrupt,
    begun: Instant,
    last_line: Instant,
}

/// Who looks at it.
enum Face {
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
    ) -> MoveProgress {
        let tally = Tally::new(moves, keys);
        let face = match form {
            ProgressForm::Json => Face::Json {
                names: survey
                    .nodes
                    .iter()
                    .map(|(id, facts)| (*id, facts.addr.to_string()))
                    .collect(),
            },
            ProgressForm::Auto if terminal::is_watched() => {
                Face::Bars(Bars::new(&tally, |(source, target)| {
                    format!("{} to {}", survey.name(source), survey.name(target))
                }))
            }
            ProgressForm::Auto => Face::Lines,
        };
        let now = Instant::now();
        let progress = MoveProgress {
            tally,
            face,
            interrupt,
            begun: now,
            last_line: now,
        };
        progress.tell_machine("begin");
        progress
    }

    fn show(&mut self) {
        let elapsed = self.begun.elapsed();
        let every = match &mut self.face {
            Face::Bars(bars) => {
                let note = match self.interrupt.is_asked() {
                    true => "; stopping",
                    false => "",
                };
                bars.show(&self.tally, elapsed, note);
                return;
            }
            Face::Lines => LINE_EVERY,
            Face::Json { .. } => JSON_EVERY,
        };
        if self.last_line.elapsed() < every {
            return;
        }
        self.last_line = Instant::now();
        if matches!(self.face, Face::Lines) {
            let total = &self.tally.total;
            terminal::say(format!(
                "{} of {} slots, {}",
                total.slots,
                total.slots_total,
                words(total, elapsed)
            ));
        }
        self.tell_machine("progress");
    }

    fn tell_machine(&self, event: &str) {
        if let Face::Json { names } = &self.face {
            terminal::line(json::document(
                event,
                &self.tally,
                names,
                self.begun.elapsed(),
            ));
        }
    }
}

impl Watcher for MoveProgress {
    fn begins(&mut self, _: Move) {
        self.show();
    }

    fn moved(&mut self, task: Move, keys: u64) {
        self.tally.moved(task, keys);
        self.show();
    }

    fn ended(&mut self, task: Move, keys: u64) {
        self.tally.ended(task, keys);
        self.show();
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

/// Keys, their rate and the time left.
fn words(count: &Count, elapsed: Duration) -> String {
    let left = count.left(elapsed).map_or_else(String::new, |left| {
        format!(", {} left", HumanDuration(left))
    });
    format!(
        "{} keys, {} a second{left}",
        HumanCount(count.keys),
        HumanCount(count.keys_per_second(elapsed))
    )
}

//! How far the slots are: a bar on a terminal, a line now and then elsewhere.

use super::interrupt::Interrupt;
use super::terminal;
use crate::execute::Move;
use crate::execute::executor::Watcher;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::{Duration, Instant};

/// How often a log gets a line.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows the progress of a run and hands it the person's wish to stop.
pub(super) struct MoveProgress {
    bar: Option<ProgressBar>,
    interrupt: Interrupt,
    total: u64,
    slots: u64,
    keys: u64,
    last_line: Instant,
}

impl MoveProgress {
    /// For a run of so many slots.
    pub(super) fn new(total: u64, interrupt: Interrupt) -> MoveProgress {
        MoveProgress {
            bar: terminal::is_watched().then(|| bar(total)),
            interrupt,
            total,
            slots: 0,
            keys: 0,
            last_line: Instant::now(),
        }
    }

    fn show(&mut self, task: Move, keys_of_slot: u64) {
        let keys = HumanCount(self.keys + keys_of_slot);
        match &self.bar {
            Some(bar) => {
                let stopping = if self.interrupt.is_asked() {
                    "; stopping"
                } else {
                    ""
                };
                bar.set_message(format!("slot {}, {keys} keys{stopping}", task.slot));
                bar.set_position(self.slots);
            }
            None if self.last_line.elapsed() > LINE_EVERY => {
                self.last_line = Instant::now();
                terminal::say(format!(
                    "{} of {} slots, {keys} keys",
                    self.slots, self.total
                ));
            }
            None => {}
        }
    }
}

impl Watcher for MoveProgress {
    fn begins(&mut self, task: Move) {
        self.show(task, 0);
    }

    fn moved(&mut self, task: Move, keys: u64) {
        self.show(task, keys);
    }

    fn ended(&mut self, task: Move, keys: u64) {
        self.slots += 1;
        self.keys += keys;
        self.show(task, 0);
    }

    fn wants_stop(&self) -> bool {
        self.interrupt.is_asked()
    }
}

impl Drop for MoveProgress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: u64) -> ProgressBar {
    let form = "{bar:30} {pos}/{len} slots, {eta} left, {msg}";
    let style = ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr()).with_style(style)
}

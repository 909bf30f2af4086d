//! Progress on a terminal: a bar for the run, and one for each pair of nodes.

use super::counts::{Count, MoveCounts, Pair};
use crate::escape::key_line;
use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How many pairs get a bar of their own: a screen has few lines.
const PAIRS_MAX: usize = 8;
/// How often they are drawn anew.
const DRAW_EVERY: Duration = Duration::from_millis(100);

/// The bars on stderr.
pub(super) struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    pairs: BTreeMap<Pair, ProgressBar>,
    drawn: Option<Instant>,
}

impl Bars {
    /// Bars for a run; the names are those of its nodes.
    pub fn new(counts: &MoveCounts, name: impl Fn(Pair) -> String) -> Bars {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let total = all.add(bar(counts.total.slots_total, "all"));
        let shown = match counts.pairs.len() {
            // One pair is the whole run.
            0 | 1 => 0,
            pairs => pairs.min(PAIRS_MAX),
        };
        let pairs = counts.pairs.iter().take(shown);
        let pairs = pairs
            .map(|(pair, count)| (*pair, all.add(bar(count.slots_total, &name(*pair)))))
            .collect();
        Bars {
            all,
            total,
            pairs,
            drawn: None,
        }
    }

    /// Shows how far it is.
    pub fn show(&mut self, counts: &MoveCounts, elapsed: Duration, note: &str) {
        if self.drawn.is_some_and(|drawn| drawn.elapsed() < DRAW_EVERY) {
            return;
        }
        self.drawn = Some(Instant::now());
        set(&self.total, &counts.total, elapsed, note);
        for (pair, bar) in &self.pairs {
            if let Some(count) = counts.pairs.get(pair) {
                set(bar, count, elapsed, "");
            }
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        for bar in self.pairs.values().chain([&self.total]) {
            bar.finish_and_clear();
        }
        // Clearing what is cleared already can't matter.
        let _ = self.all.clear();
    }
}

fn set(bar: &ProgressBar, count: &Count, elapsed: Duration, note: &str) {
    bar.set_position(count.slots);
    bar.set_message(format!("{}{note}", super::words(count, elapsed)));
}

fn bar(total: u64, name: &str) -> ProgressBar {
    let form = "{bar:24} {pos}/{len} slots, {msg} {prefix}";
    let style = ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total)
        .with_style(style)
        .with_prefix(match name {
            "all" => String::new(),
            // Addresses come from servers.
            pair => format!("({})", key_line(pair.as_bytes())),
        })
        .with_message(HumanCount(0).to_string())
}

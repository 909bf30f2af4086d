//! A bar for work that takes longer than a person likes to wait without a word.

use super::terminal;
use crate::tally::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Work below this is over before a bar would help.
const QUIET: Duration = Duration::from_secs(1);

/// How the bar looks when the end is known, and when it isn't: a pipe.
const KNOWN: &str = "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";
const UNKNOWN: &str = "{spinner} {bytes} {bytes_per_sec}";

/// A bar over bytes on stderr, only when that is a terminal.
pub(super) struct BytesBar {
    begun: Instant,
    is_watched: bool,
    bar: OnceLock<ProgressBar>,
}

impl BytesBar {
    /// A bar that shows itself once the work takes long.
    pub(super) fn new() -> BytesBar {
        BytesBar {
            begun: Instant::now(),
            is_watched: terminal::is_watched(),
            bar: OnceLock::new(),
        }
    }

    /// Shows how far the work has come.
    pub(super) fn set(&self, progress: Progress) {
        if !self.is_watched || self.begun.elapsed() < QUIET {
            return;
        }
        let bar = self
            .bar
            .get_or_init(|| bar(progress.total_bytes).with_elapsed(self.begun.elapsed()));
        bar.set_position(
            progress
                .read_bytes
                .min(progress.total_bytes.unwrap_or(u64::MAX)),
        );
    }
}

impl Drop for BytesBar {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

fn bar(total_bytes: Option<u64>) -> ProgressBar {
    let template = if total_bytes.is_some() {
        KNOWN
    } else {
        UNKNOWN
    };
    let bar = ProgressBar::with_draw_target(total_bytes, ProgressDrawTarget::stderr());
    // The templates are constants that a test reads.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_can_be_read() {
        for template in [KNOWN, UNKNOWN] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}

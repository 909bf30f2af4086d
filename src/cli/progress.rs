//! The progress bar of reading inputs.

use super::terminal;
use crate::tally::{Pass, Progress};
use indicatif::{
    BinaryBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle,
};
use std::fmt::Write;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Work below this is over before a bar would help.
const QUIET: Duration = Duration::from_secs(1);

/// How the bar looks when the end is known, and when it isn't: a pipe.
const KNOWN: &str = "{bar:30} {bytes}/{total_bytes} {rate} {left} left";
const UNKNOWN: &str = "{spinner} {bytes} {rate}";

/// The same of a second pass.
const SECOND: &str = "second pass {bar:30} {bytes}/{total_bytes} {rate} {left} left";

/// A bar over bytes on stderr, only when that is a terminal.
pub(super) struct BytesBar {
    begun: Instant,
    is_watched: bool,
    bar: OnceLock<ProgressBar>,
    second: OnceLock<ProgressBar>,
}

impl BytesBar {
    /// A bar that shows itself once the work takes long.
    pub(super) fn new() -> BytesBar {
        let is_watched = terminal::is_watched();
        // Before there is another thread: each inherits that signals are waited for.
        #[cfg(feature = "live")]
        if is_watched {
            super::interrupt::Interrupt::tidy();
        }
        BytesBar {
            begun: Instant::now(),
            is_watched,
            bar: OnceLock::new(),
            second: OnceLock::new(),
        }
    }

    /// Shows how far the work has come.
    pub(super) fn set(&self, progress: Progress) {
        if !self.is_watched || self.begun.elapsed() < QUIET {
            return;
        }
        let (bar, begun) = match progress.pass {
            Pass::First => (&self.bar, self.begun),
            Pass::Second => (&self.second, Instant::now()),
        };
        let bar = bar.get_or_init(|| {
            if let Some(first) = self.bar.get() {
                first.finish_and_clear();
            }
            let bar = bar_of(progress).with_elapsed(begun.elapsed());
            #[cfg(feature = "live")]
            super::interrupt::shows(Some(bar.clone()));
            bar
        });
        bar.set_position(
            progress
                .read_bytes
                .min(progress.total_bytes.unwrap_or(u64::MAX)),
        );
    }
}

impl Drop for BytesBar {
    fn drop(&mut self) {
        if let Some(bar) = self.second.get().or(self.bar.get()) {
            #[cfg(feature = "live")]
            super::interrupt::shows(None);
            bar.finish_and_clear();
        }
    }
}

fn bar_of(progress: Progress) -> ProgressBar {
    let template = match (progress.pass, progress.total_bytes) {
        (Pass::Second, _) => SECOND,
        (Pass::First, Some(_)) => KNOWN,
        (Pass::First, None) => UNKNOWN,
    };
    let bar = ProgressBar::with_draw_target(progress.total_bytes, ProgressDrawTarget::stderr());
    // The templates are constants that a test reads.
    if let Ok(style) = ProgressStyle::with_template(template) {
        // The bar's own rate is that of its last steps, and its first step is a second long or none at all.
        let style = style.with_key("rate", |state: &ProgressState, out: &mut dyn Write| {
            let _ = write!(out, "{}/s", BinaryBytes(rate(state.pos(), state.elapsed())));
        });
        let style = style.with_key("left", |state: &ProgressState, out: &mut dyn Write| {
            let end = state.len().unwrap_or(0);
            let left = left(state.pos(), end, state.elapsed());
            let _ = write!(out, "{}", HumanDuration(left));
        });
        bar.set_style(style);
    }
    bar
}

/// Bytes a second, over all that was read.
fn rate(read: u64, elapsed: Duration) -> u64 {
    (read as f64 / elapsed.as_secs_f64().max(0.001)) as u64
}

/// How long the rest takes at this rate; a day when nothing was read yet.
fn left(read: u64, end: u64, elapsed: Duration) -> Duration {
    const MOST: Duration = Duration::from_secs(24 * 3600);
    let rest = end.saturating_sub(read) as f64;
    let left = Duration::try_from_secs_f64(elapsed.as_secs_f64() * rest / read as f64);
    left.unwrap_or(MOST).min(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_rest_are_those_of_all_that_was_read() {
        let elapsed = Duration::from_millis(1500);
        assert_eq!(rate(3000, elapsed), 2000);
        assert_eq!(left(3000, 5000, elapsed), Duration::from_secs(1));
        assert_eq!(left(5000, 3000, elapsed), Duration::ZERO);
        assert_eq!(left(0, 5000, elapsed), Duration::from_secs(24 * 3600));
        assert_eq!(left(0, 0, elapsed), Duration::from_secs(24 * 3600));
        assert_eq!(rate(7, Duration::ZERO), 7000);
    }

    #[test]
    fn the_templates_can_be_read() {
        for template in [KNOWN, UNKNOWN, SECOND] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}

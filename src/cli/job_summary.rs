//! The summary of a job: what it did, in words and as JSON.

use super::move_progress::{MoveProgress, per_second};
use super::terminal;
use crate::execute::executor::Outcome;
use crate::execute::job::Stall;
use crate::numbers::{bytes_text, count_text, counted_text, time_text};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What a run did that came to its end.
pub(super) struct JobSummary {
    pub(super) outcome: Outcome,
    pub(super) elapsed: Duration,
    /// The longest that a node let a client wait.
    pub(super) stall: Option<Stall>,
}

impl JobSummary {
    /// What was done since then. The progress leaves the screen, so that words have it to themselves.
    pub(super) fn of(outcome: Outcome, progress: MoveProgress, start: Instant) -> JobSummary {
        JobSummary {
            outcome,
            elapsed: start.elapsed(),
            stall: progress.largest_stall(),
        }
    }

    /// Says what was done (`moved`, `finished`), how fast, and what of it was out of the ordinary.
    pub(super) fn say(&self, did: &str) {
        let (outcome, elapsed) = (&self.outcome, self.elapsed);
        terminal::say(format!(
            "{did} {} with {} in {} ({} a second); every node {}",
            counted_text(outcome.slots, "slot"),
            counted_text(outcome.keys, "key"),
            time_text(elapsed),
            counted_text(per_second(outcome.keys, elapsed), "key"),
            match outcome.passed_over {
                0 => "agrees",
                _ => "that lives agrees",
            }
        ));
        if outcome.bytes > 0 {
            terminal::say(format!(
                "{} as the sources estimate them ({} a second)",
                bytes_text(outcome.bytes),
                bytes_text(per_second(outcome.bytes, elapsed))
            ));
        }
        if outcome.retries > 0 {
            terminal::say(format!(
                "{} a slot had to be looked at anew, after a lost link or a failover",
                counted_text(outcome.retries, "time")
            ));
        }
        if outcome.conflicts > 0 {
            let was = if outcome.conflicts == 1 {
                "was"
            } else {
                "were"
            };
            terminal::say(format!(
                "{} {was} on both nodes with different values; one was kept as asked",
                counted_text(outcome.conflicts, "key")
            ));
        }
        if let Some(stall) = &self.stall {
            terminal::say(format!(
                "the longest that a node let a client wait: {} ms, {}",
                count_text(u64::try_from(stall.time.as_millis()).unwrap_or(u64::MAX)),
                stall.addr
            ));
        }
    }

    /// The same for programs: an object.
    pub(super) fn to_json(&self) -> Value {
        let (outcome, elapsed) = (&self.outcome, self.elapsed);
        json!({
            "slots": outcome.slots,
            "keys": outcome.keys,
            "seconds": elapsed.as_secs_f64(),
            "keys_per_second": per_second(outcome.keys, elapsed),
            "bytes": (outcome.bytes > 0).then_some(outcome.bytes),
            "bytes_per_second": (outcome.bytes > 0).then(|| per_second(outcome.bytes, elapsed)),
            "retries": outcome.retries,
            "conflicts": outcome.conflicts,
            "largest_batch_ms": outcome.largest_stall_ms,
            "largest_stall_ms": self.stall.as_ref().map(|stall| stall.time.as_secs_f64() * 1e3),
            "largest_stall_at": self.stall.as_ref().map(|stall| stall.addr.to_string()),
            "verified": match outcome.passed_over {
                0 => "every node sees every moved slot at its target and none open",
                _ => "every node that lives sees every moved slot at its target and none open",
            },
        })
    }
}

//! Describes the run that holds a journal, as far as the journal tells.

use super::super::clock::{age, now_ms};
use std::fmt;

/// A run of slotkit: which process, since when, and how far it has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// Its process, on the machine where it runs; 0 where it hasn't said yet.
    pub pid: u32,
    /// When it began, seconds of Unix time.
    pub at_s: u64,
    /// How many slots it is to move; none before that is known.
    pub total: Option<u64>,
    /// How many of them have arrived.
    pub arrived: u64,
}

impl Running {
    pub(super) fn new(pid: u32, at_s: u64) -> Running {
        Running {
            pid,
            at_s,
            ..Running::default()
        }
    }

    /// This process, now.
    pub(super) fn this() -> Running {
        Running::new(std::process::id(), now_s())
    }
}

/// In the middle of a sentence: `pid 17, for 40 s; 3 of 12 slots have arrived`.
impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pid == 0 {
            return f.write_str("just begun");
        }
        let pid = self.pid;
        write!(
            f,
            "pid {pid}, for {}; ",
            age(now_s().saturating_sub(self.at_s))
        )?;
        match self.total {
            Some(total) => write!(f, "{} of {total} slots have arrived", self.arrived),
            None => f.write_str("it has moved nothing yet"),
        }
    }
}

pub(super) fn now_s() -> u64 {
    now_ms().unwrap_or(0) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_runs_for_how_long_and_how_far() {
        let begun = Running::new(17, now_s() - 130);
        assert_eq!(
            begun.to_string(),
            "pid 17, for 2 min; it has moved nothing yet"
        );
        let halfway = Running {
            total: Some(12),
            arrived: 3,
            ..begun
        };
        assert_eq!(
            halfway.to_string(),
            "pid 17, for 2 min; 3 of 12 slots have arrived"
        );
        // A clock that was put back.
        let later = Running::new(17, now_s() + 1_000);
        assert!(later.to_string().starts_with("pid 17, for 0 s"), "{later}");
    }
}

//! Reads what a server says of the `MIGRATE`s that it has carried out.
//!
//! A run that breaks off while a `MIGRATE` is under way doesn't hear what came of it. A key that
//! the source has no more and the target has was moved by it; or the `MIGRATE` failed when its
//! target stood still, a client deleted the key at the source, and the target came round to its
//! copy when it woke. Which of the two it was, only the source knows: it counts its failures.

use crate::cluster::parse::info_field;
use crate::cluster::verb::{Reply, Verb};

/// The commands by which keys come to another node: sent by a source, or received by a target.
const MOVERS: [&str; 3] = ["migrate", "restore", "restore-asking"];

/// How often a server has carried out a command that moves keys, by its `INFO commandstats`;
/// nothing where it doesn't count.
pub fn moves_counted(stats: &str) -> Option<u64> {
    let calls = |command| figure(stats, &format!("cmdstat_{command}"), "calls").unwrap_or(0);
    let sum = MOVERS.into_iter().map(calls).fold(0, u64::saturating_add);
    is_counting(stats).then_some(sum)
}

/// Whether a server counts its commands: one that counts nothing doesn't count its failures either.
fn is_counting(stats: &str) -> bool {
    stats.contains("cmdstat_")
}

/// A figure of a line such as `cmdstat_migrate:calls=3,usec=9`.
fn figure(text: &str, line: &str, name: &str) -> Option<u64> {
    figure_of(info_field(text, line)?, name)
}

/// One of the figures of a command, such as `calls=3,usec=9`.
pub(super) fn figure_of(figures: &str, name: &str) -> Option<u64> {
    let mut pairs = figures.split(',').filter_map(|pair| pair.split_once('='));
    pairs.find(|(found, _)| *found == name)?.1.parse().ok()
}

/// The `MIGRATE`s of a server so far.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Failures {
    /// The server's process, which counts from its beginning.
    pub run_id: String,
    /// How many it has carried out.
    pub calls: u64,
    /// How long they took, microseconds.
    pub usec: u64,
    /// How many were broken off, with `IOERR`: the other failures are words of the target, which
    /// has no copy then. Nothing before 6.2, which doesn't count them.
    pub failed: Option<u64>,
}

impl Failures {
    /// What has to be asked.
    pub fn questions() -> Vec<Verb> {
        ["server", "commandstats", "errorstats"]
            .map(Verb::Info)
            .into()
    }

    /// Reads the answers to these; nothing where they don't tell.
    pub fn of(replies: &[Reply]) -> Option<Failures> {
        let texts = replies.iter().map(|reply| match reply {
            Reply::Text(text) => String::from_utf8_lossy(text).into_owned(),
            // Whoever may not ask isn't told.
            _ => String::new(),
        });
        match texts.collect::<Vec<_>>().as_slice() {
            [server, stats, errors] => Failures::read(server, stats, errors),
            _ => None,
        }
    }

    fn read(server: &str, stats: &str, errors: &str) -> Option<Failures> {
        let run_id = info_field(server, "run_id").filter(|id| !id.is_empty())?;
        let calls = |name| figure(stats, "cmdstat_migrate", name).unwrap_or(0);
        // One that has seen too many kinds of errors stops to count them, and says so.
        let counts_errors = errors.contains("# Errorstats") && !errors.contains("ERRORSTATS_");
        let broken_off = || figure(errors, "errorstat_IOERR", "count").unwrap_or(0);
        let failures = Failures {
            run_id: run_id.to_owned(),
            calls: calls("calls"),
            usec: calls("usec"),
            failed: counts_errors.then(broken_off),
        };
        is_counting(stats).then_some(failures)
    }

    /// Whether none has failed between then and now. A server that doesn't count them (before 6.2)
    /// would have spent its timeout on one whose target stood still.
    pub fn has_none_since(&self, now: &Failures, timeout_ms: u64) -> bool {
        let is_counted_on = self.run_id == now.run_id && now.calls >= self.calls;
        let has_none = match (self.failed, now.failed) {
            (Some(before), Some(now)) => before == now,
            _ => now
                .usec
                .checked_sub(self.usec)
                .is_some_and(|usec| usec < timeout_ms * 1_000),
        };
        is_counted_on && has_none
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(calls: u64, usec: u64, errors: &str) -> Option<Failures> {
        let stats = format!(
            "cmdstat_get:calls=1,usec=3\r\ncmdstat_migrate:calls={calls},usec={usec},usec_per_call=3.00\r\n"
        );
        let texts = ["# Server\r\nrun_id:abc\r\n", &stats, errors];
        Failures::of(&texts.map(|text| Reply::Text(text.as_bytes().to_vec())))
    }

    fn counted(calls: u64, failed: u64) -> Failures {
        let errors =
            format!("# Errorstats\r\nerrorstat_ERR:count=9\r\nerrorstat_IOERR:count={failed}\r\n");
        read(calls, 9, &errors).expect("read")
    }

    #[test]
    fn failures_are_told_from_successes() {
        let before = counted(3, 1);
        assert_eq!(before.failed, Some(1));
        assert!(before.has_none_since(&counted(5, 1), 1_000));
        assert!(!before.has_none_since(&counted(5, 2), 1_000));
        // Its figures were set back.
        assert!(!before.has_none_since(&counted(2, 1), 1_000));
        let another = Failures {
            run_id: "def".to_owned(),
            ..counted(5, 1)
        };
        assert!(!before.has_none_since(&another, 1_000));
    }

    #[test]
    fn a_server_that_counts_no_failures_has_spent_its_timeout_on_one() {
        for errors in [
            "",
            "# Errorstats\r\nerrorstat_ERRORSTATS_OVERFLOW:count=1\r\n",
        ] {
            let old = |usec| read(3, usec, errors).expect("read");
            let before = old(500);
            assert_eq!(before.failed, None);
            assert!(before.has_none_since(&old(900_000), 1_000));
            assert!(!before.has_none_since(&old(1_000_500), 1_000));
        }
    }

    #[test]
    fn what_moves_keys_is_counted_on_both_sides() {
        let stats = "# Commandstats\r\ncmdstat_get:calls=9,usec=3\r\n\
                     cmdstat_migrate:calls=2,usec=3\r\ncmdstat_restore-asking:calls=5,usec=3\r\n";
        assert_eq!(moves_counted(stats), Some(7));
        assert_eq!(moves_counted("cmdstat_get:calls=9\r\n"), Some(0));
        assert_eq!(moves_counted("# Commandstats\r\n"), None);
    }

    #[test]
    fn a_server_that_tells_nothing_says_nothing() {
        let text = |text: &str| Reply::Text(text.as_bytes().to_vec());
        let run = text("run_id:abc\r\n");
        let stats = text("cmdstat_get:calls=1\r\n");
        assert_eq!(Failures::of(&[text(""), stats.clone(), text("")]), None);
        assert_eq!(Failures::of(&[run.clone(), text(""), text("")]), None);
        assert_eq!(Failures::of(&[run.clone(), Reply::Nil, Reply::Nil]), None);
        assert_eq!(Failures::of(&[]), None);
        let none = Failures::of(&[run, stats, text("# Errorstats\r\n")]);
        assert_eq!(
            none.map(|none| (none.calls, none.failed)),
            Some((0, Some(0)))
        );
    }
}

//! What a server counts of what takes keys away.

use super::commands::Takes;
use crate::cluster::parse::info_field;
use crate::cluster::verb::Verb;
use crate::execute::failures::figure_of;
use std::collections::BTreeMap;

/// The command by which keys go to another node.
const MIGRATE: &str = "migrate";
/// The commands by which they come.
const RESTORES: [&str; 2] = ["restore", "restore-asking"];

/// What a server has counted since it was started, or since somebody had it count anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counters {
    /// The server's process.
    run_id: String,
    /// Keys, and fields of hashes, that have come to their end, and keys that were evicted.
    ended: u64,
    /// All commands: fewer than before are those of another count.
    processed: u64,
    /// How often each command was called.
    calls: BTreeMap<String, u64>,
}

/// What was counted between two looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// How many keys may be gone by commands, ends and evictions; none where it can be any number.
    pub takes: Option<u64>,
    /// How often keys were sent elsewhere.
    pub migrates: u64,
    /// How many keys came at most.
    pub restores: u64,
}

impl Counters {
    /// What has to be asked.
    pub fn questions() -> [Verb; 3] {
        ["server", "stats", "commandstats"].map(Verb::Info)
    }

    /// Reads the answers; nothing where a server doesn't tell or doesn't count.
    pub fn read([server, stats, commands]: &[String; 3]) -> Option<Counters> {
        let run_id = info_field(server, "run_id").filter(|id| !id.is_empty())?;
        let fields = stats
            .lines()
            .filter_map(|line| line.trim_end().split_once(':'));
        // Each kind of server and each version has names of its own for some of them.
        let is_end = |name: &str| name.starts_with("expired_") || name.starts_with("evicted_");
        let ends = fields.filter(|(name, _)| is_end(name));
        // Some are shares, which aren't whole.
        let ends = ends.filter_map(|(_, value)| value.parse::<u64>().ok());
        let calls: BTreeMap<String, u64> = commands.lines().filter_map(called).collect();
        info_field(stats, "expired_keys")?;
        info_field(stats, "evicted_keys")?;
        Some(Counters {
            run_id: run_id.to_owned(),
            ended: ends.fold(0, u64::saturating_add),
            processed: info_field(stats, "total_commands_processed")?
                .parse()
                .ok()?,
            calls,
        })
        // Whoever asks this has called something.
        .filter(|counters| !counters.calls.is_empty())
    }

    /// What was counted since then; nothing where it isn't the same count.
    pub fn since(&self, before: &Counters) -> Option<Counted> {
        let is_same = self.run_id == before.run_id && self.processed >= before.processed;
        let ended = self.ended.checked_sub(before.ended).filter(|_| is_same)?;
        if before
            .calls
            .keys()
            .any(|name| !self.calls.contains_key(name))
        {
            return None;
        }
        let mut counted = Counted {
            takes: Some(ended),
            ..Counted::default()
        };
        for (name, now) in &self.calls {
            let calls = now.checked_sub(before.calls.get(name).copied().unwrap_or(0))?;
            counted.add(name, calls);
        }
        Some(counted)
    }
}

impl Counted {
    fn add(&mut self, name: &str, calls: u64) {
        if RESTORES.contains(&name) {
            self.restores = self.restores.saturating_add(calls);
        }
        if name == MIGRATE {
            self.migrates = self.migrates.saturating_add(calls);
            return;
        }
        self.takes = match Takes::of(name) {
            _ if calls == 0 => self.takes,
            Takes::Nothing => self.takes,
            Takes::One => self.takes.map(|takes| takes.saturating_add(calls)),
            Takes::Any => None,
        };
    }
}

/// A line such as `cmdstat_get:calls=3,usec=9`.
fn called(line: &str) -> Option<(String, u64)> {
    let (name, figures) = line.strip_prefix("cmdstat_")?.split_once(':')?;
    Some((name.to_owned(), figure_of(figures.trim_end(), "calls")?))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What a server says that has called these commands so often.
    pub(in super::super) fn counters(run_id: &str, ended: u64, calls: &[(&str, u64)]) -> Counters {
        let commands = calls.iter().map(|(name, calls)| {
            format!("cmdstat_{name}:calls={calls},usec=9,usec_per_call=1.00,failed_calls=0\r\n")
        });
        let processed: u64 = calls.iter().map(|(_, calls)| calls).sum();
        let stats = format!(
            "# Stats\r\ntotal_commands_processed:{processed}\r\nexpired_keys:{ended}\r\n\
             expired_stale_perc:0.37\r\nevicted_keys:0\r\n"
        );
        let server = format!("# Server\r\nrun_id:{run_id}\r\n");
        Counters::read(&[server, stats, commands.collect()]).expect("it counts")
    }

    #[test]
    fn what_takes_keys_away_is_counted() {
        let calls = [
            ("info", 1),
            ("get", 5),
            ("set", 5),
            ("migrate", 2),
            ("del", 9),
        ];
        let before = counters("a", 3, &calls);
        let since = |ended, more: &[(&str, u64)]| {
            let now: Vec<(&str, u64)> = calls
                .iter()
                .map(|(name, calls)| {
                    let more = more.iter().find(|(known, _)| known == name);
                    (*name, calls + more.map_or(0, |(_, more)| *more))
                })
                .chain(
                    more.iter()
                        .copied()
                        .filter(|(name, _)| !calls.iter().any(|(known, _)| known == name)),
                )
                .collect();
            counters("a", ended, &now)
                .since(&before)
                .expect("the same count")
        };
        assert_eq!(since(3, &[]).takes, Some(0));
        assert_eq!(
            since(5, &[("get", 7), ("set", 4), ("getdel", 2)]).takes,
            Some(8)
        );
        assert_eq!(since(3, &[("del", 1)]).takes, None);
        assert_eq!(since(3, &[("json.del", 1)]).takes, None);
        let moved = since(3, &[("migrate", 2), ("restore-asking", 30)]);
        assert_eq!(
            (moved.takes, moved.migrates, moved.restores),
            (Some(0), 2, 30)
        );
    }

    #[test]
    fn another_count_says_nothing() {
        let before = counters("a", 3, &[("info", 4), ("get", 5)]);
        assert!(
            counters("a", 3, &[("info", 5), ("get", 5)])
                .since(&before)
                .is_some()
        );
        // Started anew; counted anew; the same, with as many commands since.
        assert_eq!(
            counters("b", 3, &[("info", 5), ("get", 5)]).since(&before),
            None
        );
        assert_eq!(
            counters("a", 0, &[("info", 5), ("get", 5)]).since(&before),
            None
        );
        assert_eq!(counters("a", 3, &[("info", 1)]).since(&before), None);
        assert_eq!(
            counters("a", 3, &[("info", 1), ("get", 90)]).since(&before),
            None
        );
        assert_eq!(counters("a", 3, &[("info", 90)]).since(&before), None);
    }

    #[test]
    fn a_server_that_tells_less_says_nothing() {
        let whole = [
            "run_id:a\r\n",
            "total_commands_processed:1\r\nexpired_keys:0\r\nevicted_keys:0\r\n",
            "cmdstat_info:calls=1,usec=2\r\n",
        ];
        let read = |without: usize| {
            let texts = [0, 1, 2].map(|place| {
                if place == without {
                    String::new()
                } else {
                    whole[place].to_owned()
                }
            });
            Counters::read(&texts)
        };
        assert!(read(9).is_some());
        assert!((0..3).all(|without| read(without).is_none()));
    }
}

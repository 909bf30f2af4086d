//! What a primary without a slot of its own would refuse: a full one, one with too few replicas, one
//! that can't save.
//!
//! Servers look at whom a key belongs to before they look at memory, replicas and disk, so such a node
//! answers each trial with `MOVED`. What it would answer once it imports a slot follows from `INFO` and
//! `CONFIG`, by the servers' own conditions (`processCommand`, `writeCommandsDeniedByDiskError`; the
//! same from Redis 3.2 to Valkey 9.1).

use super::facts::setting;
use super::max_memory::MaxMemory;
use super::trial::{Bar, Obstacle, Part, RESTORE};
use crate::cluster::parse::info_field;
use crate::cluster::verb::{NodeLink, Refusal, Verb};
use crate::cluster::{LiveCluster, NodeId};
use crate::error::Result;

/// The old names: every server knows them, the newer ones as second names.
const MIN_REPLICAS: &str = "min-slaves-to-write";
const STOPS_AT_BGSAVE_ERROR: &str = "stop-writes-on-bgsave-error";

/// What a node says of itself that its refusals follow from.
#[derive(Clone, Debug, Default)]
struct State {
    /// `INFO memory`, `replication` and `persistence`.
    info: String,
    /// How many replicas it wants, where we may ask.
    min_replicas: Option<u64>,
    /// Whether it refuses writes when a snapshot failed, where we may ask.
    stops_at_bgsave_error: Option<bool>,
    /// When it saves snapshots by itself, where we may ask; empty where never.
    save_points: Option<String>,
}

/// What such a node would refuse of what is sent to it; nothing where it doesn't tell.
///
/// # Errors
/// When the link breaks, or the node doesn't give `INFO`.
pub(super) fn obstacles<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    id: NodeId,
) -> Result<Vec<Obstacle>> {
    let mut state = State::default();
    for section in ["memory", "replication", "persistence"] {
        state.info += &cluster.ask_text(id, &Verb::Info(section))?;
        state.info.push('\n');
    }
    let mut text = |name| -> Result<Option<String>> {
        let value = setting(cluster, id, name)?;
        Ok(value.and_then(|value| String::from_utf8(value).ok()))
    };
    // Only what its INFO gives a reason for is asked for: refusals are logged where there are ACLs.
    if state.number("min_slaves_good_slaves").is_some() {
        state.min_replicas = text(MIN_REPLICAS)?.and_then(|count| count.parse().ok());
    }
    if state.says("rdb_last_bgsave_status", "err") {
        state.stops_at_bgsave_error = text(STOPS_AT_BGSAVE_ERROR)?.map(|value| value == "yes");
        state.save_points = text("save")?;
    }
    let found = [state.is_full(), state.lacks_replicas(), state.cannot_save()];
    let found = found.into_iter().flatten();
    let obstacle = |(code, words): Foreseen| Obstacle {
        command: RESTORE,
        part: Part::Receives,
        bar: Bar::Foreseen(Refusal {
            code: code.to_owned(),
            detail: words,
        }),
    };
    Ok(found.map(obstacle).collect())
}

/// The code of a refusal, and what it follows from.
type Foreseen = (&'static str, String);

impl State {
    fn number(&self, field: &str) -> Option<u64> {
        info_field(&self.info, field)?.parse().ok()
    }

    fn says(&self, field: &str, value: &str) -> bool {
        info_field(&self.info, field) == Some(value)
    }

    fn is_full(&self) -> Option<Foreseen> {
        let limit = MaxMemory::from_info(&self.info).bytes()?;
        // What replicas have yet to be sent isn't the data's.
        let uncounted = self.number("mem_not_counted_for_evict").unwrap_or(0);
        let used = self.number("used_memory")?.saturating_sub(uncounted);
        let is_full = used > limit && self.says("maxmemory_policy", "noeviction");
        is_full.then(|| {
            (
                "OOM",
                format!("it uses {used} bytes of its maxmemory {limit}"),
            )
        })
    }

    /// The field is there where a number of replicas is wanted.
    fn lacks_replicas(&self) -> Option<Foreseen> {
        let good = self.number("min_slaves_good_slaves")?;
        let (is_short, wanted) = match self.min_replicas {
            Some(wanted) => (good < wanted, format!("of {wanted}")),
            None => (good == 0, "of those".to_owned()),
        };
        let words = format!(
            "{good} {wanted} replicas that it wants to write (min-replicas-to-write) follow it"
        );
        is_short.then_some(("NOREPLICAS", words))
    }

    fn cannot_save(&self) -> Option<Foreseen> {
        let saves = self
            .save_points
            .as_ref()
            .is_some_and(|points| !points.is_empty());
        let stops = self.stops_at_bgsave_error == Some(true) && saves;
        if stops && self.says("rdb_last_bgsave_status", "err") {
            return Some((
                "MISCONF",
                "its last snapshot failed (rdb_last_bgsave_status:err)".to_owned(),
            ));
        }
        let appends = self.says("aof_enabled", "1");
        (appends && self.says("aof_last_write_status", "err")).then(|| {
            (
                "MISCONF",
                "it couldn't write its append-only file (aof_last_write_status:err)".to_owned(),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(lines: &[&str]) -> State {
        State {
            info: lines.join("\r\n"),
            ..State::default()
        }
    }

    #[test]
    fn a_full_one_is_foreseen() {
        let of = |used: u64, uncounted: u64, limit: u64, policy: &str| {
            let lines = [
                format!("used_memory:{used}"),
                format!("maxmemory:{limit}"),
                format!("maxmemory_policy:{policy}"),
                format!("mem_not_counted_for_evict:{uncounted}"),
            ];
            state(&lines.each_ref().map(String::as_str))
                .is_full()
                .is_some()
        };
        assert!(of(101, 0, 100, "noeviction"));
        // Servers refuse above the limit, not at it; without a limit never; a cache makes room.
        assert!(!of(100, 0, 100, "noeviction") && !of(101, 1, 100, "noeviction"));
        assert!(!of(101, 0, 0, "noeviction") && !of(101, 0, 100, "allkeys-lru"));
        assert_eq!(state(&["used_memory:101"]).is_full(), None);
    }

    #[test]
    fn too_few_replicas_are_foreseen() {
        let of = |good: &str, wanted: Option<u64>| {
            let mut state = state(&[good]);
            state.min_replicas = wanted;
            state.lacks_replicas().is_some()
        };
        assert!(of("min_slaves_good_slaves:1", Some(2)));
        assert!(!of("min_slaves_good_slaves:2", Some(2)));
        // How many it wants may not be asked: one at least.
        assert!(of("min_slaves_good_slaves:0", None));
        assert!(!of("min_slaves_good_slaves:1", None));
        assert!(!of("connected_slaves:0", Some(2)));
    }

    #[test]
    fn one_that_cannot_save_is_foreseen() {
        let failed = |stops: bool, points: &str| {
            let mut state = state(&["rdb_last_bgsave_status:err", "aof_enabled:0"]);
            state.stops_at_bgsave_error = Some(stops);
            state.save_points = Some(points.to_owned());
            state.cannot_save().is_some()
        };
        assert!(failed(true, "3600 1"));
        assert!(!failed(false, "3600 1") && !failed(true, ""));
        let appends = |on: &str| {
            let lines = [on, "aof_last_write_status:err"];
            state(&lines).cannot_save().is_some()
        };
        assert!(appends("aof_enabled:1") && !appends("aof_enabled:0"));
        assert!(
            state(&["rdb_last_bgsave_status:err"])
                .cannot_save()
                .is_none()
        );
    }
}

//! Monitors the health of the nodes: what somebody who stands beside them sees, held against what the
//! user allows.
//!
//! ```text
//!            over a limit
//!   fine ─────────────────> over: no slot begins, no key is sent
//!     ▲                         │   │
//!     └── within it, or no news ┘   │ over it for too long, all in all
//!                                   ▼
//!                                overload: the run stops
//! ```
//!
//! Time over a limit adds up, and time within it takes it off again at half the speed: what is
//! over its limit every other moment stops a run too. Pure: the time is told.

use super::super::options::Limits;
use crate::cluster::NodeId;
use std::collections::BTreeMap;

/// How long a reading holds: a node that nobody can look at any more holds up nobody.
const NEWS_MS: u64 = 3_000;
/// How long a node may keep its clients waiting, or be short of memory.
const PATIENCE_MS: u64 = 10_000;
/// How long a replica may take to catch up while no keys come.
const CATCHING_UP_MS: u64 = 60_000;
/// How long a replica may be without its primary's data: it is sent all of them anew meanwhile.
const RESYNC_MS: u64 = 600_000;

/// What was seen of a node; none is not known, or without a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthReading {
    /// The node.
    pub node: NodeId,
    /// The longest that a client waited since the last reading, in milliseconds.
    pub latency_ms: Option<u64>,
    /// What it uses, in bytes, as far as that counts against `maxmemory`.
    pub used_bytes: Option<u64>,
    /// `maxmemory` in bytes, where it refuses writes beyond that.
    pub max_bytes: Option<u64>,
    /// How far the last of its connected replicas is behind it, in bytes.
    pub replica_lag_bytes: Option<u64>,
    /// Of a replica that followed its primary when the run began: whether it doesn't any more.
    pub is_detached: Option<bool>,
}

/// What is over its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Overload {
    Latency,
    Memory,
    ReplicaLag,
    ReplicaDetached,
}

impl Overload {
    fn patience_ms(self) -> u64 {
        match self {
            Overload::Latency | Overload::Memory => PATIENCE_MS,
            Overload::ReplicaLag => CATCHING_UP_MS,
            Overload::ReplicaDetached => RESYNC_MS,
        }
    }

    /// Whether a reading is over this limit; none when there is no limit, or nothing was seen.
    fn is_over(self, reading: &HealthReading, limits: &Limits) -> Option<bool> {
        match self {
            Overload::Latency => Some(reading.latency_ms? > limits.max_latency_ms?),
            Overload::Memory => {
                let (used, most) = (reading.used_bytes?, reading.max_bytes?);
                let percent = u128::from(limits.max_memory_percent?);
                Some(u128::from(used) * 100 > u128::from(most) * percent)
            }
            Overload::ReplicaLag => {
                Some(reading.replica_lag_bytes? > limits.max_replica_lag_bytes?)
            }
            // Without a link nobody knows how far it is behind: beyond any limit.
            Overload::ReplicaDetached => limits.max_replica_lag_bytes.and(reading.is_detached),
        }
    }
}

/// How long something has been over its limit.
#[derive(Clone, Copy, Debug, Hash)]
struct TimeOver {
    is_over: bool,
    over_ms: u64,
    read_at_ms: u64,
}

/// The health monitor: everything that is, or was lately, over its limit.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct HealthMonitor {
    over_limit: BTreeMap<(NodeId, Overload), TimeOver>,
}

/// What a reading says of its node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Assessment {
    /// Clients of the node wait for too long.
    pub is_slow: bool,
    /// What has been over its limit for too long.
    pub overload: Option<Overload>,
}

impl HealthMonitor {
    /// Takes in what was seen of a node.
    pub fn observe(&mut self, reading: &HealthReading, limits: &Limits, now_ms: u64) -> Assessment {
        let mut assessment = Assessment::default();
        for overload in [
            Overload::Latency,
            Overload::Memory,
            Overload::ReplicaLag,
            Overload::ReplicaDetached,
        ] {
            let Some(is_over) = overload.is_over(reading, limits) else {
                continue;
            };
            assessment.is_slow |= is_over && overload == Overload::Latency;
            if self.time_over_ms(reading.node, overload, is_over, now_ms) >= overload.patience_ms()
            {
                assessment.overload = assessment.overload.or(Some(overload));
            }
        }
        assessment
    }

    /// For how long it has been over its limit, all in all.
    fn time_over_ms(
        &mut self,
        node: NodeId,
        overload: Overload,
        is_over: bool,
        now_ms: u64,
    ) -> u64 {
        let over = self.over_limit.entry((node, overload)).or_insert(TimeOver {
            is_over: false,
            over_ms: 0,
            read_at_ms: now_ms,
        });
        let passed = now_ms.saturating_sub(over.read_at_ms).min(NEWS_MS);
        over.over_ms = if over.is_over {
            over.over_ms.saturating_add(passed)
        } else {
            over.over_ms.saturating_sub(passed / 2)
        };
        (over.is_over, over.read_at_ms) = (is_over, now_ms);
        over.over_ms
    }

    /// Until when nothing is sent, as far as is known; none when nothing is over its limit.
    pub fn until_ms(&self, now_ms: u64) -> Option<u64> {
        let over = self.over_limit.values().filter(|over| over.is_over);
        let until = over.map(|over| over.read_at_ms.saturating_add(NEWS_MS));
        until.max().filter(|until| *until > now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::id;

    const LIMITS: Limits = Limits {
        keys_per_second: None,
        bytes_per_second: None,
        max_latency_ms: Some(20),
        max_memory_percent: Some(90),
        max_replica_lag_bytes: Some(1_000),
    };

    fn reading() -> HealthReading {
        HealthReading {
            node: id('a'),
            latency_ms: Some(1),
            used_bytes: Some(10),
            max_bytes: Some(100),
            replica_lag_bytes: Some(0),
            is_detached: None,
        }
    }

    /// After how long of readings like these, in turns, ten a second, a run stops.
    fn overload_by(readings: &[HealthReading]) -> Option<(u64, Overload)> {
        let mut health = HealthMonitor::default();
        (0..800_000).step_by(100).find_map(|now_ms: u64| {
            let reading = readings[(now_ms / 100) as usize % readings.len()];
            let found = health.observe(&reading, &LIMITS, now_ms).overload;
            found.map(|overload| (now_ms, overload))
        })
    }

    #[test]
    fn what_stays_over_its_limit_stops_a_run() {
        let slow = HealthReading {
            latency_ms: Some(21),
            ..reading()
        };
        let full = HealthReading {
            used_bytes: Some(91),
            ..reading()
        };
        let behind = HealthReading {
            replica_lag_bytes: Some(1_001),
            ..reading()
        };
        assert_eq!(overload_by(&[slow]), Some((10_000, Overload::Latency)));
        assert_eq!(overload_by(&[full]), Some((10_000, Overload::Memory)));
        assert_eq!(overload_by(&[behind]), Some((60_000, Overload::ReplicaLag)));
        let detached = HealthReading {
            replica_lag_bytes: None,
            is_detached: Some(true),
            ..reading()
        };
        assert_eq!(
            overload_by(&[detached]),
            Some((600_000, Overload::ReplicaDetached))
        );
        assert_eq!(overload_by(&[reading()]), None);
        // Half of the time is too much, a quarter isn't.
        assert!(overload_by(&[slow, reading()]).is_some());
        assert_eq!(overload_by(&[slow, reading(), reading(), reading()]), None);
    }

    #[test]
    fn an_overload_ends_with_a_good_reading_or_without_news() {
        let mut health = HealthMonitor::default();
        let slow = HealthReading {
            latency_ms: Some(21),
            ..reading()
        };
        assert!(health.observe(&slow, &LIMITS, 0).is_slow);
        assert_eq!(health.until_ms(100), Some(NEWS_MS));
        assert_eq!(health.until_ms(NEWS_MS), None);
        assert!(!health.observe(&reading(), &LIMITS, 200).is_slow);
        assert_eq!(health.until_ms(200), None);
    }

    #[test]
    fn where_there_is_no_limit_nothing_is_over_it() {
        let mut health = HealthMonitor::default();
        let slow = HealthReading {
            latency_ms: Some(1 << 40),
            used_bytes: Some(1 << 60),
            replica_lag_bytes: Some(1 << 60),
            is_detached: Some(true),
            ..reading()
        };
        let assessment = health.observe(&slow, &Limits::default(), 0);
        assert_eq!(assessment, Assessment::default());
        let unlimited = HealthReading {
            max_bytes: None,
            latency_ms: None,
            replica_lag_bytes: None,
            is_detached: None,
            ..slow
        };
        assert_eq!(
            health.observe(&unlimited, &LIMITS, 0),
            Assessment::default()
        );
    }
}

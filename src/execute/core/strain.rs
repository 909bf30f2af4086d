//! What somebody who stands beside the nodes sees of them, held against what the user allows.
//!
//! ```text
//!            over a limit
//!   eased ────────────────> strained: no slot begins, no key is sent
//!     ▲                         │   │
//!     └── within it, or no news ┘   │ over it for too long, all in all
//!                                   ▼
//!                                worn out: the run stops
//! ```
//!
//! Time over a limit adds up, and time within it takes it off again at half the speed: what is
//! over its limit every other moment wears a run out too. Pure: the time is told.

use super::super::options::Limits;
use crate::cluster::NodeId;
use std::collections::BTreeMap;

/// How long a reading holds: a node that nobody can look at any more strains nobody.
const NEWS_MS: u64 = 3_000;
/// How long a node may keep its clients waiting, or be short of memory.
const PATIENCE_MS: u64 = 10_000;
/// How long a replica may take to catch up while no keys come.
const CATCHING_UP_MS: u64 = 60_000;
/// How long a replica may be without its primary's data: it is sent all of them anew meanwhile.
const RESYNC_MS: u64 = 600_000;

/// What was seen of a node; none is not known, or without a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
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
    pub is_astray: Option<bool>,
}

/// What is over its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Strain {
    Latency,
    Memory,
    ReplicaLag,
    ReplicaAstray,
}

impl Strain {
    fn patience_ms(self) -> u64 {
        match self {
            Strain::Latency | Strain::Memory => PATIENCE_MS,
            Strain::ReplicaLag => CATCHING_UP_MS,
            Strain::ReplicaAstray => RESYNC_MS,
        }
    }

    /// Whether a reading is over this limit; none when there is no limit, or nothing was seen.
    fn is_over(self, reading: &Reading, limits: &Limits) -> Option<bool> {
        match self {
            Strain::Latency => Some(reading.latency_ms? > limits.max_latency_ms?),
            Strain::Memory => {
                let (used, most) = (reading.used_bytes?, reading.max_bytes?);
                let percent = u128::from(limits.max_memory_percent?);
                Some(u128::from(used) * 100 > u128::from(most) * percent)
            }
            Strain::ReplicaLag => Some(reading.replica_lag_bytes? > limits.max_replica_lag_bytes?),
            // Without a link nobody knows how far it is behind: beyond any limit.
            Strain::ReplicaAstray => limits.max_replica_lag_bytes.and(reading.is_astray),
        }
    }
}

/// How long something has been over its limit.
#[derive(Clone, Copy, Debug, Hash)]
struct Wear {
    is_over: bool,
    over_ms: u64,
    read_at_ms: u64,
}

/// Everything that is, or was lately, over its limit.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Strains {
    worn: BTreeMap<(NodeId, Strain), Wear>,
}

/// What a reading means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Felt {
    /// Clients of the node wait for too long.
    pub is_slow: bool,
    /// What has been over its limit for too long.
    pub worn_out: Option<Strain>,
}

impl Strains {
    /// Takes in what was seen of a node.
    pub fn felt(&mut self, reading: &Reading, limits: &Limits, now_ms: u64) -> Felt {
        let mut felt = Felt::default();
        for strain in [
            Strain::Latency,
            Strain::Memory,
            Strain::ReplicaLag,
            Strain::ReplicaAstray,
        ] {
            let Some(is_over) = strain.is_over(reading, limits) else {
                continue;
            };
            felt.is_slow |= is_over && strain == Strain::Latency;
            if self.wears(reading.node, strain, is_over, now_ms) >= strain.patience_ms() {
                felt.worn_out = felt.worn_out.or(Some(strain));
            }
        }
        felt
    }

    /// For how long it has been over its limit, all in all.
    fn wears(&mut self, node: NodeId, strain: Strain, is_over: bool, now_ms: u64) -> u64 {
        let wear = self.worn.entry((node, strain)).or_insert(Wear {
            is_over: false,
            over_ms: 0,
            read_at_ms: now_ms,
        });
        let passed = now_ms.saturating_sub(wear.read_at_ms).min(NEWS_MS);
        wear.over_ms = match wear.is_over {
            true => wear.over_ms.saturating_add(passed),
            false => wear.over_ms.saturating_sub(passed / 2),
        };
        (wear.is_over, wear.read_at_ms) = (is_over, now_ms);
        wear.over_ms
    }

    /// Until when nothing is sent, as far as is known; none when nothing is over its limit.
    pub fn until_ms(&self, now_ms: u64) -> Option<u64> {
        let over = self.worn.values().filter(|wear| wear.is_over);
        let until = over.map(|wear| wear.read_at_ms.saturating_add(NEWS_MS));
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

    fn reading() -> Reading {
        Reading {
            node: id('a'),
            latency_ms: Some(1),
            used_bytes: Some(10),
            max_bytes: Some(100),
            replica_lag_bytes: Some(0),
            is_astray: None,
        }
    }

    /// After how long of readings like these, in turns, ten a second, a run is worn out.
    fn worn_out(readings: &[Reading]) -> Option<(u64, Strain)> {
        let mut strains = Strains::default();
        (0..800_000).step_by(100).find_map(|now_ms: u64| {
            let reading = readings[(now_ms / 100) as usize % readings.len()];
            let worn = strains.felt(&reading, &LIMITS, now_ms).worn_out;
            worn.map(|strain| (now_ms, strain))
        })
    }

    #[test]
    fn what_stays_over_its_limit_wears_a_run_out() {
        let slow = Reading {
            latency_ms: Some(21),
            ..reading()
        };
        let full = Reading {
            used_bytes: Some(91),
            ..reading()
        };
        let behind = Reading {
            replica_lag_bytes: Some(1_001),
            ..reading()
        };
        assert_eq!(worn_out(&[slow]), Some((10_000, Strain::Latency)));
        assert_eq!(worn_out(&[full]), Some((10_000, Strain::Memory)));
        assert_eq!(worn_out(&[behind]), Some((60_000, Strain::ReplicaLag)));
        let astray = Reading {
            replica_lag_bytes: None,
            is_astray: Some(true),
            ..reading()
        };
        assert_eq!(worn_out(&[astray]), Some((600_000, Strain::ReplicaAstray)));
        assert_eq!(worn_out(&[reading()]), None);
        // Half of the time is too much, a quarter isn't.
        assert!(worn_out(&[slow, reading()]).is_some());
        assert_eq!(worn_out(&[slow, reading(), reading(), reading()]), None);
    }

    #[test]
    fn a_strain_ends_with_a_good_reading_or_without_news() {
        let mut strains = Strains::default();
        let slow = Reading {
            latency_ms: Some(21),
            ..reading()
        };
        assert!(strains.felt(&slow, &LIMITS, 0).is_slow);
        assert_eq!(strains.until_ms(100), Some(NEWS_MS));
        assert_eq!(strains.until_ms(NEWS_MS), None);
        assert!(!strains.felt(&reading(), &LIMITS, 200).is_slow);
        assert_eq!(strains.until_ms(200), None);
    }

    #[test]
    fn where_there_is_no_limit_nothing_is_over_it() {
        let mut strains = Strains::default();
        let slow = Reading {
            latency_ms: Some(1 << 40),
            used_bytes: Some(1 << 60),
            replica_lag_bytes: Some(1 << 60),
            is_astray: Some(true),
            ..reading()
        };
        let felt = strains.felt(&slow, &Limits::default(), 0);
        assert_eq!(felt, Felt::default());
        let unlimited = Reading {
            max_bytes: None,
            latency_ms: None,
            replica_lag_bytes: None,
            is_astray: None,
            ..slow
        };
        assert_eq!(strains.felt(&unlimited, &LIMITS, 0), Felt::default());
    }
}

//! Throttles how fast keys go: token buckets for what the user allows, and smaller
//! batches where a batch holds its node up for too long, or its clients say so.
//!
//! Pure: the time is told, nothing sleeps.

use super::super::figure::Figure;
use super::super::options::Limits;
use super::health::{HealthMonitor, HealthReading, Overload};

/// How often in a row the smallest batch may be too slow before the run stops.
const MAX_SLOW_BATCHES: u32 = 20;

/// A bucket that fills with time and may be overdrawn by one batch.
#[derive(Clone, Debug, Hash)]
struct Bucket {
    per_second: u64,
    /// In thousandths of a token, so that a millisecond adds a whole number.
    level: i128,
    at_ms: u64,
}

impl Bucket {
    fn new(per_second: u64, now_ms: u64) -> Bucket {
        Bucket {
            per_second: per_second.max(1),
            level: 0,
            at_ms: now_ms,
        }
    }

    /// When the next batch may go.
    fn ready_at(&mut self, now_ms: u64) -> u64 {
        let passed = now_ms.saturating_sub(self.at_ms);
        self.at_ms = self.at_ms.max(now_ms);
        // A tenth of a second is saved up at most: a burst after a pause is what users notice.
        let most = i128::from(self.per_second) * 100;
        self.level = (self.level + i128::from(passed) * i128::from(self.per_second)).min(most);
        match self.level {
            0.. => now_ms,
            debt => {
                let wait = (-debt).div_euclid(i128::from(self.per_second)) + 1;
                now_ms.saturating_add(u64::try_from(wait).unwrap_or(u64::MAX))
            }
        }
    }

    fn take(&mut self, tokens: u64) {
        self.level -= i128::from(tokens) * 1000;
    }
}

/// The pace of one run.
#[derive(Clone, Debug, Hash)]
pub(super) struct Throttle {
    keys: Option<Bucket>,
    bytes: Option<Bucket>,
    limits: Limits,
    health: HealthMonitor,
    /// What the user allows in one write, and what is taken at the moment.
    most_keys: u32,
    keys_now: u32,
    slow_batches: u32,
    largest_stall_ms: Figure<u64>,
    rest_until_ms: u64,
}

/// What a batch's time says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BatchTiming {
    /// Go on.
    Fine,
    /// Even the smallest batches hold the node up for too long.
    TooSlow,
}

impl Throttle {
    pub fn new(limits: Limits, most_keys: u32, now_ms: u64) -> Throttle {
        let bucket = |limit: Option<u64>| limit.map(|limit| Bucket::new(limit, now_ms));
        Throttle {
            keys: bucket(limits.keys_per_second),
            bytes: bucket(limits.bytes_per_second),
            limits,
            health: HealthMonitor::default(),
            most_keys: most_keys.max(1),
            keys_now: most_keys.max(1),
            slow_batches: 0,
            largest_stall_ms: Figure(0),
            rest_until_ms: 0,
        }
    }

    /// How many keys may go into one write now.
    pub fn keys_now(&self) -> u32 {
        self.keys_now
    }

    /// The longest that a write with keys took.
    pub fn largest_stall_ms(&self) -> u64 {
        self.largest_stall_ms.0
    }

    /// When the next batch may go.
    pub fn ready_at(&mut self, now_ms: u64) -> u64 {
        let buckets = [&mut self.keys, &mut self.bytes];
        let ready = buckets
            .into_iter()
            .flatten()
            .map(|bucket| bucket.ready_at(now_ms));
        let until = self.health.until_ms(now_ms).unwrap_or(now_ms);
        let ready = ready.max().unwrap_or(now_ms);
        ready.max(self.rest_until_ms).max(until)
    }

    /// Whether something is over a limit now, so that nothing new should begin.
    pub fn is_over_limit(&self, now_ms: u64) -> bool {
        self.health.until_ms(now_ms).is_some()
    }

    /// Takes in what was seen of a node; what has been over its limit for too long.
    pub fn observe(&mut self, reading: &HealthReading, now_ms: u64) -> Option<Overload> {
        let assessment = self.health.observe(reading, &self.limits, now_ms);
        if assessment.is_slow {
            self.keys_now = (self.keys_now / 2).max(1);
        }
        assessment.overload
    }

    /// A batch goes out.
    pub fn sends(&mut self, keys: u64, bytes: u64) {
        if let Some(bucket) = &mut self.keys {
            bucket.take(keys);
        }
        if let Some(bucket) = &mut self.bytes {
            bucket.take(bytes);
        }
    }

    /// A batch came back: its time is what it held the source up.
    ///
    /// Down by half, up by an eighth; after a batch that was too slow the node rests for as long.
    pub fn took(&mut self, ms: u64, now_ms: u64) -> BatchTiming {
        self.largest_stall_ms.0 = self.largest_stall_ms.0.max(ms);
        let Some(limit) = self.limits.max_latency_ms else {
            return BatchTiming::Fine;
        };
        if ms > limit {
            self.slow_batches = if self.keys_now == 1 {
                self.slow_batches + 1
            } else {
                0
            };
            self.keys_now = (self.keys_now / 2).max(1);
            self.rest_until_ms = now_ms.saturating_add(ms);
        } else {
            self.slow_batches = 0;
            if ms * 2 <= limit {
                let more = self.keys_now.saturating_add(self.keys_now / 8 + 1);
                self.keys_now = more.min(self.most_keys);
            }
        }
        if self.slow_batches >= MAX_SLOW_BATCHES {
            BatchTiming::TooSlow
        } else {
            BatchTiming::Fine
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many batches of this size go in ten seconds, asked every millisecond.
    fn batches(limits: Limits, keys: u64, bytes: u64) -> u64 {
        let mut throttle = Throttle::new(limits, 100, 0);
        let mut sent = 0;
        for now_ms in 0..10_000 {
            if throttle.ready_at(now_ms) <= now_ms {
                throttle.sends(keys, bytes);
                sent += 1;
            }
        }
        sent
    }

    #[test]
    fn the_limits_hold_over_time() {
        let keys = Limits {
            keys_per_second: Some(1_000),
            ..Limits::default()
        };
        assert!((100..=102).contains(&batches(keys, 100, 1)));
        let bytes = Limits {
            bytes_per_second: Some(5_000),
            ..keys
        };
        assert!((50..=52).contains(&batches(bytes, 1, 1_000)));
        assert_eq!(batches(Limits::default(), 100, 1_000), 10_000);
    }

    #[test]
    fn waiting_as_told_is_enough() {
        let limits = Limits {
            keys_per_second: Some(3),
            ..Limits::default()
        };
        let mut throttle = Throttle::new(limits, 100, 0);
        throttle.sends(7, 0);
        let ready = throttle.ready_at(0);
        assert!(
            ready > 2_000 && throttle.ready_at(ready) == ready,
            "{ready}"
        );
    }

    #[test]
    fn slow_batches_shrink_and_recover_and_stop_at_last() {
        let limits = Limits {
            max_latency_ms: Some(20),
            ..Limits::default()
        };
        let mut throttle = Throttle::new(limits, 100, 0);
        assert_eq!(throttle.took(50, 0), BatchTiming::Fine);
        assert_eq!((throttle.keys_now(), throttle.ready_at(0)), (50, 50));
        // By an eighth and one, where a batch takes half of the limit at most; else it stays.
        throttle.took(11, 60);
        assert_eq!(throttle.keys_now(), 50);
        throttle.took(10, 60);
        assert_eq!(throttle.keys_now(), 57);
        for _ in 0..100 {
            throttle.took(5, 60);
        }
        assert_eq!(throttle.keys_now(), 100, "never more than the user allows");
        let stop = (0..100).find(|_| throttle.took(21, 100) == BatchTiming::TooSlow);
        assert!(stop.is_some_and(|batches| batches >= 20), "{stop:?}");
        assert_eq!(throttle.largest_stall_ms(), 50);
    }
}

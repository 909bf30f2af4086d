//! A target that stands still blocks its source for as long as a `MIGRATE` waits for it, and nobody
//! is served there meanwhile. So after one that was broken off the whole pair rests:
//!
//! ```text
//!            IOERR               the pause is over           it answers
//!  keys go ────────> Pauses ─────────────────────────> Asked ───────────> keys go, one at first
//!                      ▲                                 │
//!                      └── longer ── it doesn't answer ──┘
//! ```
//!
//! The target is asked over our own link to it. Pauses grow with each `MIGRATE` that was broken off
//! since the last batch that arrived, and with each question that wasn't answered. Slots of other
//! pairs go on.

use super::Core;
use super::flight::Flight;
use super::flight_state::FlightState;
use super::schedule::Pair;
use crate::cluster::NodeId;
use crate::cluster::verb::Reply;
use crate::error::{Error, ErrorKind};
use std::collections::BTreeMap;

/// The first pause, and the longest.
const PAUSE_MS: u64 = 250;
const PAUSE_MAX_MS: u64 = 8_000;

/// What a pair waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// Keys go.
    Over,
    /// Nothing before this moment.
    Pauses { until_ms: u64 },
    /// Its target has been asked, or is about to be.
    Asked,
}

/// One pair's rest, remembered until a batch has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Rest {
    phase: Phase,
    /// How often in a row a `MIGRATE` was broken off, or a question not answered.
    times: u32,
    since_ms: u64,
}

impl Rest {
    fn pause(&mut self, now_ms: u64) {
        let pause_ms = (PAUSE_MS << self.times.min(16)).min(PAUSE_MAX_MS);
        self.times = self.times.saturating_add(1);
        self.phase = Phase::Pauses {
            until_ms: now_ms.saturating_add(pause_ms),
        };
    }
}

/// The pairs that rest, or did before their last batch.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Rests(BTreeMap<Pair, Rest>);

impl Rests {
    /// A `MIGRATE` was broken off; those of one write count once.
    pub fn begin(&mut self, pair: Pair, now_ms: u64) {
        if self.holds(pair) {
            return;
        }
        let rest = self.0.entry(pair).or_insert(Rest {
            phase: Phase::Over,
            times: 0,
            since_ms: now_ms,
        });
        rest.since_ms = now_ms;
        rest.pause(now_ms);
    }

    /// Whether a `MIGRATE` of this pair was broken off since the last batch that arrived.
    pub fn remembers(&self, pair: Pair) -> bool {
        self.0.contains_key(&pair)
    }

    /// A batch has arrived.
    pub fn forget(&mut self, pair: Pair) {
        if self
            .0
            .get(&pair)
            .is_some_and(|rest| rest.phase == Phase::Over)
        {
            self.0.remove(&pair);
        }
    }

    /// Whether no key goes between these two.
    pub fn holds(&self, pair: Pair) -> bool {
        let rest = self.0.get(&pair);
        rest.is_some_and(|rest| rest.phase != Phase::Over)
    }

    /// The target answered, or didn't.
    fn answered(&mut self, pair: Pair, is_well: bool, now_ms: u64) {
        let Some(rest) = self.0.get_mut(&pair) else {
            return;
        };
        if is_well {
            rest.phase = Phase::Over;
        } else {
            rest.pause(now_ms);
        }
    }

    /// The next pair whose target is to be asked, if it can be now; it counts as asked.
    fn next(&mut self, now_ms: u64, is_free: impl Fn(NodeId) -> bool) -> Option<Pair> {
        let is_due = |phase| matches!(phase, Phase::Pauses { until_ms } if until_ms <= now_ms);
        let mut rests = self.0.iter_mut();
        let (pair, rest) = rests.find(|(pair, rest)| is_due(rest.phase) && is_free(pair.1))?;
        rest.phase = Phase::Asked;
        Some(*pair)
    }

    fn next_moment(&self, is_free: impl Fn(NodeId) -> bool) -> Option<u64> {
        let rests = self.0.iter();
        let moments = rests.filter_map(|(pair, rest)| match rest.phase {
            Phase::Pauses { until_ms } if is_free(pair.1) => Some(until_ms),
            _ => None,
        });
        moments.min()
    }

    /// Since when a pair rests.
    fn since_ms(&self, pair: Pair) -> Option<u64> {
        let rest = self.0.get(&pair)?;
        (rest.phase != Phase::Over).then_some(rest.since_ms)
    }
}

impl Core {
    /// A target to be asked whether it answers.
    pub(super) fn next_rest(&mut self) -> Option<Pair> {
        let writes = &self.writes;
        self.rests
            .next(self.now_ms, |node| !writes.contains_key(&node))
    }

    pub(super) fn next_rest_ends(&self) -> Option<u64> {
        self.rests
            .next_moment(|node| !self.writes.contains_key(&node))
    }

    /// A target answered, whatever it says, if it isn't that it can't serve; none where its link
    /// broke.
    pub(super) fn rested(&mut self, pair: Pair, replies: Option<&[Reply]>) {
        let is_well = replies.is_some_and(|replies| match replies.first() {
            Some(Reply::Refused(refusal)) => !refusal.error().is_about_state(),
            Some(_) => true,
            None => false,
        });
        self.rests.answered(pair, is_well, self.now_ms);
    }

    /// Slots whose target hasn't answered for so long that nobody waits any more: one that wants to
    /// send keys stops where it is, and is closed again if none of it has moved.
    pub(super) fn leave_resting(&mut self) {
        let (now_ms, wait_ms) = (self.now_ms, self.options.how.failover_wait_ms);
        if self.rests.0.is_empty() || self.control == super::RunControl::Pause {
            return;
        }
        let is_over = |flight: &Flight| {
            let since_ms = self.rests.since_ms(flight.pair());
            let sends = matches!(flight.state(), FlightState::Asks { .. }) && flight.sends_keys();
            sends && since_ms.is_some_and(|since| now_ms >= since.saturating_add(wait_ms))
        };
        let late = self.flights.iter().filter(|(_, flight)| is_over(flight));
        for slot in late.map(|(slot, _)| *slot).collect::<Vec<_>>() {
            let Some(flight) = self.flights.get(&slot) else {
                continue;
            };
            let name = self.options.name(flight.scheduled.unit.target);
            let message = format!(
                "{}: {name} broke off a MIGRATE, and hasn't answered for {} s",
                flight.scheduled.unit,
                wait_ms / 1_000
            );
            self.give_up(slot, Error::new(ErrorKind::Stopped, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::id;

    #[test]
    fn a_pair_rests_for_longer_each_time_until_a_batch_arrives() {
        let pair = (id('a'), id('b'));
        let mut rests = Rests::default();
        assert!(!rests.holds(pair));
        let mut now_ms = 0;
        for pause_ms in [250, 500, 1_000, 2_000, 4_000, 8_000, 8_000] {
            rests.begin(pair, now_ms);
            assert!(rests.holds(pair));
            assert_eq!(rests.next(now_ms + pause_ms - 1, |_| true), None);
            now_ms += pause_ms;
            assert_eq!(rests.next_moment(|_| true), Some(now_ms));
            assert_eq!(rests.next(now_ms, |_| false), None, "its link is in use");
            assert_eq!(rests.next(now_ms, |_| true), Some(pair));
            assert_eq!(rests.next(now_ms, |_| true), None, "asked once");
            assert!(rests.holds(pair));
            rests.answered(pair, true, now_ms);
            assert!(!rests.holds(pair));
        }
        rests.forget(pair);
        rests.begin(pair, 0);
        // It doesn't answer.
        assert_eq!(rests.next(250, |_| true), Some(pair));
        rests.answered(pair, false, 300);
        assert_eq!(rests.next_moment(|_| true), Some(800));
        assert_eq!(rests.since_ms(pair), Some(0));
        // One whose batch was under way at the time isn't over for it.
        rests.forget(pair);
        assert!(rests.holds(pair));
        assert!(!rests.holds((id('a'), id('c'))));
    }
}

//! Whether the targets keep what they take, judged over all slots that go from one node to another.
//!
//! ```text
//!             a batch was found on the target
//!   on trial ─────────────────────────────────> trusted ──┐
//!      ▲  │                                        │      │ found: go on
//!      │  └─ gone: the next single key             │ ◄────┘
//!      └────────────────────────────────────────────┘ most of a batch is gone
//!   too many are gone: given up, nothing more is sent, the run stops
//! ```
//!
//! On trial, one slot of the pair sends one key at a time, and the next when that one was asked for
//! on the target: something that swallows what it takes gets [`GIVEN_UP_AT`] keys at most from the
//! beginning on, and a batch more, of all slots together, where it begins to swallow later. A key
//! may be gone because a client has deleted it, or because its life has ended, in the moment since
//! it was sent; that so many in a row, or more than a quarter of all batches, have gone so isn't
//! believed, nor that more than a part in [`GONE_PART`] of all keys that live long has. A slot of
//! which none was found last, or of which the target has less than half when it is to be handed
//! over, isn't before others of the pair have shown that it keeps what it takes.

use super::Core;
use super::flight::Flight;
use super::flight_state::FlightState;
use super::schedule::Pair;
use crate::execute::mover::Finding;
use std::collections::BTreeMap;

/// What a batch that is gone weighs, where one that was found takes off one.
const MISSED_WEIGHT: u8 = 3;
/// How many batches in a row may be gone.
const GIVEN_UP_AT: u8 = 4;
/// Which part of all keys may be gone a moment after they were sent: clients would have to delete
/// each in a tenth of a second.
const GONE_PART: u64 = 32;
/// How many keys have to be gone for that.
const GONE_MIN: u64 = 8;
/// How many slots that were held to the end weigh up one that wasn't.
const HELD_MAX: i8 = 3;

/// What is known of one pair's target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Trust {
    weight: u8,
    is_kept: bool,
    /// Keys that were sent, and of these such that were gone a moment later.
    sent: u64,
    gone: u64,
    /// As the weight, of slots that were to be handed over; below 0 where they were held.
    falls: i8,
}

/// What is known of the pairs' targets.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Trusts(BTreeMap<Pair, Trust>);

impl Trusts {
    /// A batch was asked for on the target.
    pub fn note(&mut self, pair: Pair, finding: Finding) {
        let trust = self.0.entry(pair).or_default();
        match finding {
            Finding::Kept { sent, gone } => {
                trust.weight = trust.weight.saturating_sub(1);
                trust.is_kept = true;
                trust.sent = trust.sent.saturating_add(sent);
                trust.gone = trust.gone.saturating_add(gone);
            }
            Finding::Held => trust.falls = (trust.falls - 1).max(-HELD_MAX),
            Finding::Fell => trust.falls = trust.falls.saturating_add(HELD_MAX),
            Finding::Missed => {
                trust.weight = trust.weight.saturating_add(MISSED_WEIGHT);
                trust.is_kept = false;
            }
        }
    }

    /// A `MIGRATE` was broken off: the next one is of one key.
    pub fn begin_anew(&mut self, pair: Pair) {
        if let Some(trust) = self.0.get_mut(&pair) {
            trust.is_kept = false;
        }
    }

    /// Whether the last batch was found on the target, and slots weren't lost there later.
    pub fn is_trusted(&self, pair: Pair) -> bool {
        let trust = self.0.get(&pair);
        trust.is_some_and(|trust| trust.is_kept && trust.falls <= 0)
    }

    /// Whether nothing more is sent.
    pub fn is_given_up(&self, pair: Pair) -> bool {
        let Some(trust) = self.0.get(&pair) else {
            return false;
        };
        let is_thinned = trust.gone >= GONE_MIN && trust.gone * GONE_PART > trust.sent;
        let fallen = i8::try_from(GIVEN_UP_AT).unwrap_or(i8::MAX) * HELD_MAX;
        is_thinned || trust.weight >= GIVEN_UP_AT * MISSED_WEIGHT || trust.falls >= fallen
    }
}

impl Core {
    /// What a slot's last batch has shown of its target.
    pub(super) fn note_finding(&mut self, slot: u16) {
        let Some(flight) = self.flights.get_mut(&slot) else {
            return;
        };
        let pair = flight.pair();
        let Some(batches) = flight.machine.batches_mut() else {
            return;
        };
        let Some(finding) = batches.take_finding() else {
            return;
        };
        let swallowed = batches.swallowed();
        let was_given_up = self.trusts.is_given_up(pair);
        self.trusts.note(pair, finding);
        if matches!(finding, Finding::Kept { .. }) {
            self.rests.forget(pair);
        }
        if self.trusts.is_given_up(pair) && !was_given_up {
            self.trip(swallowed);
        }
    }

    /// A pair on trial sends one key at a time, of one slot.
    pub(super) fn put_on_trial(&mut self) {
        let most = self.options.how.keys_on_trial.max(1).into();
        for flight in self.flights.values_mut() {
            let is_waiting = matches!(flight.state(), FlightState::Asks { .. });
            let is_trusted = self.trusts.is_trusted(flight.pair());
            if is_waiting && flight.sends() > most && !is_trusted {
                flight.send_at_most(most);
            }
        }
    }

    /// Slots that wait for another one to show that their target keeps what it takes.
    pub(super) fn vouch(&mut self) {
        let waiting = self.flights.iter();
        let waiting = waiting.filter_map(|(slot, flight)| match flight.state() {
            FlightState::Vouches { until_ms } => Some((*slot, flight.pair(), *until_ms)),
            _ => None,
        });
        let mut late = Vec::new();
        for (slot, pair, until_ms) in waiting.collect::<Vec<_>>() {
            let Some(flight) = self.flights.get_mut(&slot) else {
                continue;
            };
            let Some(batches) = flight.machine.batches_mut() else {
                continue;
            };
            if self.trusts.is_trusted(pair) {
                batches.vouched();
                flight.turn(FlightState::Ready);
            } else if self.now_ms >= until_ms || self.trusts.is_given_up(pair) {
                late.push((slot, batches.swallowed()));
            }
        }
        for (slot, error) in late {
            self.strand(slot, error);
        }
    }

    /// The keys of each pair that its target hasn't been found to keep.
    pub(super) fn unproven(&self) -> Unproven {
        let mut sums = BTreeMap::new();
        for flight in self.flights.values() {
            let keys = flight.unproven();
            if keys > 0 {
                *sums.entry(flight.pair()).or_default() += keys;
            }
        }
        Unproven(sums)
    }

    /// Whether a slot that wants to send keys may: none that aren't written down, of a pair that
    /// rests none, of one on trial one at a time, of a trusted one as many together as
    /// [`Core::is_within_a_batch`] allows.
    pub(super) fn may_send(&self, flight: &Flight, unproven: &Unproven) -> bool {
        if !flight.sends_keys() {
            return true;
        }
        let may_send = !self.rests.holds(flight.pair()) && self.is_noted(flight);
        may_send && self.is_within_a_batch(flight, unproven)
    }

    /// Whether the keys of a pair that the target hasn't been found to keep are one batch at most
    /// when this slot's go too: what begins to swallow while one slot is asked for gets no batch of
    /// each of the others.
    pub(super) fn is_within_a_batch(&self, flight: &Flight, unproven: &Unproven) -> bool {
        let pair = flight.pair();
        let sends = flight.sends();
        let before = unproven.0.get(&pair).copied().unwrap_or_default();
        let most = if self.trusts.is_trusted(pair) {
            u64::from(self.options.how.keys_per_migrate)
        } else {
            0
        };
        sends == 0 || before == 0 || before + sends <= most
    }
}

/// Keys that are on their way, or asked for on their target, by pair.
pub(super) struct Unproven(BTreeMap<Pair, u64>);

impl Unproven {
    /// These go too.
    pub fn add(&mut self, pair: Pair, keys: u64) {
        *self.0.entry(pair).or_default() += keys;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::id;

    fn after(findings: &str) -> (bool, bool) {
        let pair = (id('a'), id('b'));
        let mut trusts = Trusts::default();
        for finding in findings.chars() {
            trusts.note(
                pair,
                match finding {
                    '+' => Finding::Kept { sent: 80, gone: 0 },
                    'o' => Finding::Kept { sent: 80, gone: 4 },
                    '.' => Finding::Kept { sent: 80, gone: 2 },
                    'h' => Finding::Held,
                    'f' => Finding::Fell,
                    _ => Finding::Missed,
                },
            );
        }
        (trusts.is_trusted(pair), trusts.is_given_up(pair))
    }

    #[test]
    fn a_target_is_trusted_by_what_it_has_and_given_up_by_what_it_loses() {
        assert_eq!(after(""), (false, false));
        assert_eq!(after("+"), (true, false));
        assert_eq!(after("---"), (false, false));
        assert_eq!(after("---+"), (true, false));
        assert_eq!(after("----"), (false, true));
        assert_eq!(after("+++++++++++++----"), (false, true));
        // Every second batch.
        assert!(after(&"-+".repeat(10)).1);
        // Every fifth.
        assert_eq!(after(&"-++++".repeat(100)), (true, false));
    }

    #[test]
    fn a_target_that_drops_a_part_is_given_up() {
        assert_eq!(after("o"), (true, false), "too few to tell");
        assert!(after("oo").1, "every 20th key");
        assert_eq!(after(&".".repeat(100)), (true, false), "every 40th");
    }

    #[test]
    fn a_target_that_drops_keys_later_is_given_up() {
        assert_eq!(after("+f"), (false, false));
        assert_eq!(
            after("+f+"),
            (false, false),
            "what it has now it may lose later"
        );
        assert_eq!(after("+fhhh"), (true, false));
        assert_eq!(
            after("+hhhf"),
            (true, false),
            "one slot that clients have emptied"
        );
        assert!(after("+ffff").1);
        assert!(after(&"+fh".repeat(10)).1);
    }
}

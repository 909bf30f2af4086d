//! Metrics (slots, keys, bytes, CPU, network) and what each slot weighs by them.

use crate::slot::{SLOT_COUNT, Slot};
use std::fmt;
use std::str::FromStr;

/// Something a slot has more or less of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// One for each slot: what `redis-cli --cluster rebalance` counts.
    Slots,
    /// Keys in the slot.
    Keys,
    /// Memory of the slot's keys, in bytes.
    Bytes,
    /// Processor time spent on the slot, in microseconds (`cpu-usec` of `CLUSTER SLOT-STATS`).
    Cpu,
    /// Bytes received for the slot (`network-bytes-in`).
    NetIn,
    /// Bytes sent for the slot (`network-bytes-out`).
    NetOut,
}

impl Metric {
    /// Every metric, in the order of the help.
    pub const ALL: [Metric; 6] = [
        Metric::Slots,
        Metric::Keys,
        Metric::Bytes,
        Metric::Cpu,
        Metric::NetIn,
        Metric::NetOut,
    ];

    /// The name on the command line and in plan files.
    pub const fn name(self) -> &'static str {
        match self {
            Metric::Slots => "slots",
            Metric::Keys => "keys",
            Metric::Bytes => "bytes",
            Metric::Cpu => "cpu",
            Metric::NetIn => "net-in",
            Metric::NetOut => "net-out",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Metric {
    type Err = String;

    /// The metric of this name; the error lists the names.
    fn from_str(text: &str) -> Result<Metric, String> {
        Metric::ALL
            .into_iter()
            .find(|metric| metric.name() == text)
            .ok_or_else(|| {
                format!(
                    "expected one of {}, found `{}`",
                    listing(&Metric::ALL),
                    crate::escape::quoted(text)
                )
            })
    }
}

/// Metrics as a person lists them: `slots, keys, bytes`.
pub(super) fn listing(metrics: &[Metric]) -> String {
    let names: Vec<&str> = metrics.iter().map(|metric| metric.name()).collect();
    names.join(", ")
}

/// One figure for each slot, by slot number.
pub type PerSlot = Box<[u64; SLOT_COUNT]>;

/// What each slot weighs in each metric that the input has.
///
/// [`Metric::Slots`] is always known and is 1 everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotWeights {
    keys: Option<PerSlot>,
    bytes: Option<PerSlot>,
    cpu: Option<PerSlot>,
    net_in: Option<PerSlot>,
    net_out: Option<PerSlot>,
}

impl SlotWeights {
    /// Nothing is known but the slots themselves.
    pub fn new() -> SlotWeights {
        SlotWeights::default()
    }

    /// Adds what a metric says; [`Metric::Slots`] can't be changed and is left alone.
    #[must_use]
    pub fn with(mut self, metric: Metric, weights: PerSlot) -> SlotWeights {
        if let Some(place) = self.place(metric) {
            *place = Some(weights);
        }
        self
    }

    /// What a slot weighs; none when the input doesn't have the metric.
    pub fn get(&self, metric: Metric, slot: Slot) -> Option<u64> {
        match metric {
            Metric::Slots => Some(1),
            other => self.table(other).map(|table| table[slot.index()]),
        }
    }

    /// Whether the input has the metric.
    pub fn knows(&self, metric: Metric) -> bool {
        metric == Metric::Slots || self.table(metric).is_some()
    }

    /// The metrics that the input has.
    pub fn known(&self) -> Vec<Metric> {
        let knows = |metric: &Metric| self.knows(*metric);
        Metric::ALL.into_iter().filter(knows).collect()
    }

    fn table(&self, metric: Metric) -> Option<&PerSlot> {
        match metric {
            Metric::Slots => None,
            Metric::Keys => self.keys.as_ref(),
            Metric::Bytes => self.bytes.as_ref(),
            Metric::Cpu => self.cpu.as_ref(),
            Metric::NetIn => self.net_in.as_ref(),
            Metric::NetOut => self.net_out.as_ref(),
        }
    }

    fn place(&mut self, metric: Metric) -> Option<&mut Option<PerSlot>> {
        match metric {
            Metric::Slots => None,
            Metric::Keys => Some(&mut self.keys),
            Metric::Bytes => Some(&mut self.bytes),
            Metric::Cpu => Some(&mut self.cpu),
            Metric::NetIn => Some(&mut self.net_in),
            Metric::NetOut => Some(&mut self.net_out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for metric in Metric::ALL {
            assert_eq!(metric.to_string().parse(), Ok(metric));
        }
        let error = "memory".parse::<Metric>().expect_err("no metric");
        assert!(error.contains("slots, keys, bytes"), "{error}");
    }

    #[test]
    fn knows_what_it_was_given() {
        let weights = SlotWeights::new().with(Metric::Bytes, Box::new([7; SLOT_COUNT]));
        assert_eq!(weights.known(), [Metric::Slots, Metric::Bytes]);
        assert_eq!(weights.get(Metric::Bytes, Slot::MIN), Some(7));
        assert_eq!(weights.get(Metric::Slots, Slot::MAX), Some(1));
        assert_eq!(weights.get(Metric::Keys, Slot::MIN), None);
    }
}

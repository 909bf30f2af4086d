//! Operations on keys, from logs of MONITOR.

use super::super::key::base64_if_needed;
use super::super::rounding::{rounded, rounded_up};
use super::uncertain_slots::fullest;
use super::{CauseRow, Scope, cause_row, cut_mark};
use crate::escape::key_text;
use crate::slot::Slot;
use crate::source::Timestamp;
use crate::tally::{HotKey, Operations, Tally};
use serde::Serialize;

/// What clients asked of the server. A key of a command is an operation: `MGET a b` is two.
#[derive(Debug, Serialize)]
pub struct OperationRows {
    /// How many operations on keys there are.
    pub total: u64,
    /// How many commands scripts ran: they aren't counted, the keys that a script's own call names
    /// are. A call that names none is among [`CommandRow::keyless`].
    pub scripted: u64,
    /// The time of the first command.
    pub first: Option<String>,
    /// From the first command to the last, in seconds.
    pub seconds: Option<f64>,
    /// Operations a second over that time; unknown when it is none.
    pub per_second: Option<f64>,
    /// Over which slots the mean is.
    pub scope: Scope,
    /// The slots with operations, ascending.
    pub slots: Vec<OperationSlot>,
    /// The slots with the most operations, of equals the lower one.
    pub hot_slots: Vec<HotOperationSlot>,
    /// The keys with the most operations.
    pub hot_keys: Vec<HotKeyRow>,
    /// The commands by operations and calls without a key together, most first, of equals by name.
    pub commands: Vec<CommandRow>,
}

/// A slot with operations.
#[derive(Debug, Serialize)]
pub struct OperationSlot {
    /// The slot, 0 to 16383.
    pub slot: u16,
    /// How many operations there are on its keys.
    pub operations: u64,
}

/// A slot with many operations.
#[derive(Debug, Serialize)]
pub struct HotOperationSlot {
    /// The slot, 0 to 16383.
    pub slot: u16,
    /// How many operations there are on its keys.
    pub operations: u64,
    /// Their share of all operations.
    pub share: f64,
    /// How many times the mean slot it is.
    pub times_mean: f64,
    /// Why it is hot.
    pub cause: CauseRow,
}

/// A key with many operations.
#[derive(Debug, Serialize)]
pub struct HotKeyRow {
    /// The key as text, cut where it is long.
    pub key: String,
    /// Whether only the beginning of the key was kept, or may have been: true or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_cut: Option<bool>,
    /// The key's bytes, when the text isn't exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_base64: Option<String>,
    /// The slot, 0 to 16383.
    pub slot: u16,
    /// How many operations there are on its keys.
    pub operations: u64,
    /// Their share of all operations.
    pub share: f64,
    /// Whether they were counted, not estimated.
    pub exact: bool,
    /// By how much an estimated share may be off, with 95 % confidence for all of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<f64>,
    /// The same in operations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_operations: Option<u64>,
}

/// What was asked with a command.
#[derive(Debug, Serialize)]
pub struct CommandRow {
    /// Its name in lower case; `other` for all that slotkit doesn't know.
    pub command: &'static str,
    /// Its operations on keys.
    pub operations: u64,
    /// Its calls without a key.
    pub keyless: u64,
    /// Whether its time grows with the size of the value, or of the keyspace, that it works on.
    pub heavy: bool,
}

/// The operations of a tally, when there were logs of MONITOR.
pub(super) fn operations(tally: &Tally, top: usize) -> Option<OperationRows> {
    let operations = tally.operations()?;
    let slots: Vec<Slot> = Slot::all()
        .filter(|slot| operations.slot(*slot) > 0)
        .collect();
    let scope = Scope::new(tally.coverage(), &slots.iter().copied().collect());
    let rows = slots.iter().map(|slot| OperationSlot {
        slot: slot.number(),
        operations: operations.slot(*slot),
    });
    let rows = rows.collect();
    let slots = fullest(top, |slot| operations.slot(slot));
    let span = operations.span_us();
    let seconds = span.map(|(first, last)| (last - first) as f64 / 1e6);
    let rate = |seconds: f64| rounded(operations.total() as f64 / seconds);
    Some(OperationRows {
        total: operations.total(),
        scripted: operations.scripted(),
        first: span.map(|(first, _)| Timestamp::from_unix_ms(first / 1000).to_string()),
        seconds: seconds.map(rounded),
        per_second: seconds.filter(|seconds| *seconds > 0.0).map(rate),
        slots: rows,
        hot_slots: hot_slots(tally, operations, &scope, &slots),
        hot_keys: operations.hot_keys(top).into_iter().map(hot_key).collect(),
        commands: commands(operations),
        scope,
    })
}

fn hot_slots(
    tally: &Tally,
    operations: &Operations,
    scope: &Scope,
    slots: &[Slot],
) -> Vec<HotOperationSlot> {
    let causes = tally.operation_causes(slots);
    slots
        .iter()
        .zip(causes)
        .map(|(slot, cause)| {
            let count = operations.slot(*slot);
            let share = count as f64 / operations.total() as f64;
            HotOperationSlot {
                slot: slot.number(),
                operations: count,
                share: rounded(share),
                times_mean: rounded(scope.times_mean(share)),
                cause: cause_row(cause, false),
            }
        })
        .collect()
}

fn hot_key(hot: HotKey) -> HotKeyRow {
    HotKeyRow {
        key: key_text(&hot.key).into_owned(),
        key_cut: cut_mark(Some(&hot.key)),
        key_base64: base64_if_needed(&hot.key),
        slot: hot.slot.number(),
        operations: hot.operations,
        share: rounded(hot.share.value),
        exact: hot.share.error == 0.0,
        error: (hot.share.error > 0.0).then(|| rounded_up(hot.share.error)),
        error_operations: (hot.share.error > 0.0).then_some(hot.error_operations),
    }
}

fn commands(operations: &Operations) -> Vec<CommandRow> {
    let called = operations.commands().into_iter();
    called
        .map(|(command, count)| CommandRow {
            command: command.name(),
            operations: count.operations,
            keyless: count.keyless,
            heavy: command.is_heavy(),
        })
        .collect()
}

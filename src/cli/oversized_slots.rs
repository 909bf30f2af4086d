//! Names the key or hash tag that makes a slot too big for any node.

use crate::numbers::counted_text;
use crate::plan::{Metric, NoteKind, Plan};
use crate::slot::Slot;
use crate::tally::{Cause, Tally, Weight};

/// A line for each slot that is above its node's share by itself: what in it makes it so.
///
/// Keys and bytes of a dump explain a plan by keys or bytes; load has no such evidence.
pub(super) fn advice(plan: &Plan, tally: &Tally) -> Vec<String> {
    let weighs_by = |wanted| plan.objective().mix().any(|(metric, _)| metric == wanted);
    let (weight, word) = if weighs_by(Metric::Bytes) && tally.knows_bytes() {
        (Weight::Bytes, "bytes")
    } else if weighs_by(Metric::Keys) {
        (Weight::Keys, "keys")
    } else {
        return Vec::new();
    };
    let oversized_slots = plan.notes().iter();
    let slots: Vec<Slot> = oversized_slots
        .filter(|note| note.kind == NoteKind::OversizedSlot)
        .filter_map(|note| note.slot)
        .collect();
    let causes = tally.causes(&slots, weight);
    let lines = slots.iter().zip(&causes);
    lines
        .map(|(slot, cause)| format!("slot {slot}: {}", words(cause, word)))
        .collect()
}

fn words(cause: &Cause, of: &str) -> String {
    let part = |share: &crate::tally::Share| {
        let about = if share.error > 0.0 { "about " } else { "" };
        format!("{about}{:.1} % of its {of}", 100.0 * share.value)
    };
    match cause {
        Cause::Key { name, share } => format!(
            "{} is {}: only splitting the key helps",
            name.as_ref().map_or_else(
                || "one key".to_owned(),
                |name| format!("the key `{}`", name.line())
            ),
            part(share)
        ),
        Cause::HashTag { name, share } => format!(
            "the hash tag `{}` is {}: give its keys several tags",
            name.line(),
            part(share)
        ),
        Cause::Prefix { name, share } => format!(
            "keys that start with `{}` are {}, under no single hash tag",
            name.line(),
            part(share)
        ),
        Cause::ManyKeys { sampled: None } => {
            format!("no single key or hash tag is half of its {of}")
        }
        Cause::ManyKeys {
            sampled: Some(sampled),
        } => format!(
            "no single key or hash tag that is half of its {of} was seen in a sample of {}",
            counted_text(*sampled, "key")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::{KeptName, Share};

    #[test]
    fn every_cause_has_its_words() {
        let name = KeptName {
            bytes: b"a\n\xff".as_slice().into(),
            length: Some(300),
        };
        let share = Share {
            value: 0.6,
            error: 0.05,
        };
        let tag = Cause::HashTag {
            name: name.clone(),
            share,
        };
        let expected = "the hash tag `a\\x0A\\xFF…` is about 60.0 % of its keys: \
                        give its keys several tags";
        assert_eq!(words(&tag, "keys"), expected);
        let share = Share {
            value: 1.0,
            error: 0.0,
        };
        let name = Some(name);
        let key = Cause::Key { name, share };
        assert!(words(&key, "bytes").contains("is 100.0 % of its bytes"));
        let unknown = Cause::Key { name: None, share };
        assert!(words(&unknown, "keys").starts_with("one key is 100.0 % of its keys"));
        let many = |sampled| words(&Cause::ManyKeys { sampled }, "keys");
        assert_eq!(many(None), "no single key or hash tag is half of its keys");
        assert!(many(Some(7)).ends_with("was seen in a sample of 7 keys"));
    }
}

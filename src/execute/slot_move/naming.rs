//! Names the keys that need a choice, for a person: which they are, what each side has, and
//! which side is fresh.

use super::super::clock::age_at;
use super::super::mover::Halt;
use super::keys_in_doubt::Stops;
use super::{Opened, SlotMove};
use crate::error::{Error, ErrorKind};
use crate::escape::named_key;

impl SlotMove {
    /// The keys that need a person, all of them.
    pub(super) fn conflict(&self, stops: &Stops) -> Halt {
        let (mut said, mut fixes) = (Vec::new(), Vec::new());
        if !stops.different.is_empty() {
            let is = if stops.different.len() == 1 {
                "is"
            } else {
                "are"
            };
            let names = named(&stops.different);
            said.push(format!("{names} {is} on both nodes with different values"));
        }
        for (key, why) in &stops.untold {
            let name = named(std::slice::from_ref(key));
            said.push(format!(
                "{name} is on both nodes, and whether with one value isn't known: {why}"
            ));
        }
        if !(stops.different.is_empty() && stops.untold.is_empty()) {
            fixes.push(self.fix_of_twins());
        }
        let now_ms = self.span.map(|span| span.answered_ms);
        let has_ended = |end: &Option<u64>| end.zip(now_ms).is_some_and(|(end, now)| end <= now);
        let (ended, gone): (Vec<_>, Vec<_>) =
            stops.revived.iter().partition(|(_, end)| has_ended(end));
        if !ended.is_empty() {
            said.push(format!(
                "{} went from the source, where {} life was to end by now, while a copy is on the \
                 target that lives on: what a MIGRATE had left, or what a client has written there \
                 since",
                named_of(&ended),
                if ended.len() == 1 { "its" } else { "their" }
            ));
        }
        if !gone.is_empty() {
            said.push(format!(
                "{} went from the source while a copy that a MIGRATE had left was on the target: \
                 a client deleted it, {}or has written it anew there",
                named_of(&gone),
                if gone.iter().all(|(_, end)| end.is_some()) {
                    ""
                } else {
                    "its life has ended, "
                }
            ));
        }
        if !stops.revived.is_empty() {
            fixes.push(
                "slotkit resolve shows the copy that is left: --keep source deletes it, --keep \
                 target keeps it"
                    .to_owned(),
            );
        }
        said.push(self.who_is_fresh());
        let message = format!("slot {}: {}", self.task.slot, said.join("; "));
        Halt::Stop(Error::new(ErrorKind::Stopped, message).fix(fixes.join("; ")))
    }

    /// What to do about a key that both nodes have.
    fn fix_of_twins(&self) -> String {
        if self.is_source_promoted() {
            // What the promoted replica has may be what had moved and was written at the target
            // since.
            "slotkit resolve shows both, and keeps the one that you choose".to_owned()
        } else {
            "slotkit resolve shows both; the source's is the one that clients read and \
                      write while the slot is its own: resume with --on-conflict keep-source \
                      keeps it"
                .to_owned()
        }
    }

    /// Whether another node has taken over from the source since the slot was opened.
    fn is_source_promoted(&self) -> bool {
        let opened = self.settings.opened;
        opened.is_some_and(|opened| opened.source != self.task.source)
    }

    /// Who owns the slot, and since when its keys could be written where.
    fn who_is_fresh(&self) -> String {
        let [source, target] = &self.settings.names;
        let now_ms = self.span.map(|span| span.answered_ms);
        let opened_ms = self.settings.opened.and_then(|opened| opened.at_ms);
        let since = opened_ms.zip(now_ms);
        let since = since.map(|(opened, now)| format!(" for {}", age_at(opened, now)));
        let promoted = if self.is_source_promoted() {
            ", which has taken over since it was opened, and may have keys again that had moved"
        } else {
            ""
        };
        format!(
            "the slot is {source}'s{promoted}: clients read and write there what it has, and are sent \
             on to {target}{} for what it doesn't have",
            since.unwrap_or_default()
        )
    }

    /// The source has opened the slot, as it says.
    pub(super) fn note_opened(&mut self) {
        let opened = Opened {
            source: self.task.source,
            at_ms: self.span.map(|span| span.answered_ms),
        };
        self.settings.opened.get_or_insert(opened);
    }
}

fn named(keys: &[Vec<u8>]) -> String {
    names(keys.iter())
}

fn named_of(keys: &[&(Vec<u8>, Option<u64>)]) -> String {
    names(keys.iter().map(|(key, _)| key))
}

fn names<'a>(keys: impl ExactSizeIterator<Item = &'a Vec<u8>>) -> String {
    let word = if keys.len() == 1 { "key" } else { "keys" };
    let names = keys.map(|key| named_key(key));
    format!("{word} {}", names.collect::<Vec<_>>().join(", "))
}

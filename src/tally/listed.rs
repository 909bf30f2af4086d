//! Lists: keys of which nothing but the name is known, straight from the fused pass.

use super::Tally;
use crate::slot::{KeySpan, ListFormat, Slot, hash_tag, slots_of_list};
use crate::source::KeyFacts;
use memchr::memchr_iter;

/// How many lengths of keys are counted one by one before they go into the histogram.
const SHORT: usize = 256;

impl Tally {
    /// Counts the keys of a list that lies at `offset` in its input; the same as [`Tally::add`]
    /// with each key, [`KeyFacts::UNKNOWN`], its slot, and the offset of its line as the place.
    ///
    /// # Panics
    /// When the list has 4 GiB or more.
    pub fn add_list(&mut self, list: &[u8], format: ListFormat, offset: u64) {
        let mut lengths = [0u32; SHORT];
        let seen = slots_of_list(list, format, |spans, slots| {
            for slot in slots {
                self.slots[slot.index()].keys += 1;
            }
            for span in spans {
                let length = (span.end - span.start) as usize;
                match lengths.get_mut(length) {
                    Some(count) => *count += 1,
                    None => self.key_lengths.add(length as u64),
                }
            }
            self.add_tags_of_list(list, spans, slots);
            self.samples.add_list(list, spans, slots, offset);
        });
        for (length, count) in lengths.into_iter().enumerate() {
            self.key_lengths.add_many(length as u64, u64::from(count));
        }
        if seen.keys > 0 {
            let facts = KeyFacts::UNKNOWN;
            self.kinds[facts.kind as usize].add(seen.keys, 0);
            self.encodings[facts.encoding as usize].add(seen.keys, 0);
            self.group(facts.db).add(seen.keys, 0);
            self.unsized_keys += seen.keys;
        }
    }

    /// Looks for braces in all of the keys at once: most have none.
    fn add_tags_of_list(&mut self, list: &[u8], spans: &[KeySpan], slots: &[Slot]) {
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else {
            return;
        };
        if !self.tags.are_counted() {
            return;
        }
        let begin = first.start as usize;
        // The key that a brace is in, and those behind it: a key's first brace decides.
        let mut rest = spans.iter().zip(slots).peekable();
        for brace in memchr_iter(b'{', &list[begin..last.end as usize]) {
            let brace = (begin + brace) as u32;
            while rest.next_if(|(span, _)| span.end <= brace).is_some() {}
            let Some((span, slot)) = rest.next_if(|(span, _)| span.start <= brace) else {
                continue;
            };
            if let Some(tag) = hash_tag(span.of(list)) {
                self.tags.add(tag, *slot, 0);
            }
        }
    }
}

//! Counts lists of keys: only names are known, so that splitting, hashing and counting are one pass.

use super::{GroupCount, Tally};
use crate::slot::{KeySpan, ListFormat, Slot, hash_tag, slots_of_list};
use crate::source::KeyFacts;
use memchr::memchr_iter;

impl Tally {
    /// Counts the keys of a list that lies at `offset` in its input; the same as [`Tally::add`]
    /// with each key, [`KeyFacts::UNKNOWN`], its slot, and the offset of its line as the place.
    ///
    /// # Panics
    /// When the list has 4 GiB or more.
    pub fn add_list(&mut self, list: &[u8], format: ListFormat, offset: u64) {
        let seen = slots_of_list(list, format, |spans, slots| {
            self.slots.add_keys(slots);
            if !self.is_all_unsized {
                slots.iter().for_each(|slot| self.slots.has_unsized(*slot));
            }
            self.key_lengths.add(spans);
            self.add_tags_of_list(list, spans, slots);
            self.samples.add_list(list, spans, slots, offset);
        });
        if seen.keys > 0 {
            let facts = KeyFacts::UNKNOWN;
            let count = GroupCount {
                keys: seen.keys,
                bytes: 0,
                unsized_keys: if self.is_all_unsized { 0 } else { seen.keys },
            };
            self.kinds[facts.kind as usize].join(count);
            self.encodings[facts.encoding as usize].join(count);
            self.group(facts.db).join(count);
            self.unsized_keys += seen.keys;
        }
    }

    fn add_tags_of_list(&mut self, list: &[u8], spans: &[KeySpan], slots: &[Slot]) {
        if !self.tags.are_counted() {
            return;
        }
        for at in with_braces(list, spans) {
            if let Some(tag) = hash_tag(spans[at].of(list)) {
                self.tags.add(tag, slots[at], 0);
                if !self.is_all_unsized {
                    self.tags.has_unsized(tag);
                }
            }
        }
    }
}

/// Which keys have a `{`. The keys must lie one behind the other: all of the text is searched at
/// once, which is faster by far than key by key, since most have none.
pub(super) fn with_braces(text: &[u8], spans: &[KeySpan]) -> impl Iterator<Item = usize> {
    let begin = spans.first().map_or(0, |span| span.start as usize);
    let end = spans.last().map_or(0, |span| span.end as usize);
    debug_assert!(spans.is_sorted_by(|one, next| one.end <= next.start));
    let mut at = 0;
    memchr_iter(b'{', &text[begin..end]).filter_map(move |brace| {
        let brace = (begin + brace) as u32;
        while spans.get(at)?.end <= brace {
            at += 1;
        }
        // A brace between two keys is nobody's; of a key's braces the first one is enough.
        let is_inside = spans[at].start <= brace;
        at += usize::from(is_inside);
        is_inside.then(|| at - 1)
    })
}

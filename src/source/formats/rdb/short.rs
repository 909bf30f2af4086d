//! Strings under keys, where both are short and lie in the window as a whole: most records of most
//! files.
//!
//! Nothing has to be read for them, and where the window ends is looked at with the bytes in a
//! processor's registers. What isn't such a record is left to [`Reader::entry`].

use super::codes::{OPCODE_EXPIRETIME_MS, TYPE_STRING};
use super::opcode::timestamp;
use super::value::ValueSummary;
use super::value::is_wide_integer;
use super::window::append_beginning;
use super::{Reader, Record};
use crate::source::batch::KeyBatch;

/// A short record.
struct Short<'window> {
    expires_at_ms: Option<i64>,
    /// The rest of the window from the key on.
    from_key: &'window [u8],
    key_bytes: usize,
    value: &'window [u8],
    /// How long it is as a whole.
    bytes: usize,
}

impl Reader {
    /// Adds the next record if it is a short one; else nothing is read.
    #[inline(always)]
    pub(super) fn short_string(&mut self, batch: &mut KeyBatch) -> bool {
        let Some(short) = short_record(self.window.rest_of_window()) else {
            return false;
        };
        if short.key_bytes as u64 > self.most_key_bytes {
            return false;
        }
        let record = Record {
            expires_at: short.expires_at_ms.map(timestamp),
            ..Record::at(self.window.offset())
        };
        let length = short.value.len() as u64;
        // Shorter integers aren't written as text, longer ones are no integers.
        let is_integer = matches!(length, 10..=20) && is_wide_integer(short.value);
        let key = batch.key_start();
        append_beginning(short.from_key, short.key_bytes, batch.key_buffer());
        let bytes = short.bytes;
        self.window.advance(bytes);
        self.add(
            &record,
            key,
            &ValueSummary::string(length, is_integer),
            batch,
        );
        true
    }
}

#[inline(always)]
fn short_record(window: &[u8]) -> Option<Short<'_>> {
    let (expires_at_ms, rest) = match window {
        [OPCODE_EXPIRETIME_MS, rest @ ..] => {
            let (ms, rest) = rest.split_first_chunk()?;
            (Some(i64::from_le_bytes(*ms)), rest)
        }
        _ => (None, window),
    };
    let [TYPE_STRING, rest @ ..] = rest else {
        return None;
    };
    let (key_bytes, from_key) = short_length(rest)?;
    let (value_bytes, rest) = short_length(from_key.get(key_bytes..)?)?;
    let (value, rest) = rest.split_at_checked(value_bytes)?;
    Some(Short {
        expires_at_ms,
        from_key,
        key_bytes,
        value,
        bytes: window.len() - rest.len(),
    })
}

/// A length of one or two bytes, and what follows.
#[inline(always)]
fn short_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [first @ ..0x40, rest @ ..] => Some((usize::from(*first), rest)),
        [first @ 0x40..0x80, low, rest @ ..] => {
            Some((usize::from(first & 0x3f) << 8 | usize::from(*low), rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Reader;
    use crate::source::row_layout::KeyReader;
    use crate::source::{KeyBatch, KeyFacts, Options, SizeOf};
    use proptest::collection::vec;
    use proptest::option::of;
    use proptest::prelude::*;
    use std::io::{self, Cursor, Read};
    use std::path::Path;

    /// Gives a byte at a time, so that hardly a record is ever in the window as a whole.
    struct Trickle(Cursor<Vec<u8>>);

    impl Read for Trickle {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(1);
            self.0.read(&mut buffer[..most])
        }
    }

    fn string(text: &[u8], bytes: &mut Vec<u8>) {
        match text.len() {
            short @ ..0x40 => bytes.push(short as u8),
            long => bytes.extend([0x40 | (long >> 8) as u8, long as u8]),
        }
        bytes.extend_from_slice(text);
    }

    /// A key, what is told of it, and its place.
    type Told = (Vec<u8>, KeyFacts, u64);

    /// All keys of a file, and the error that ends it.
    fn keys(input: impl Read + Send + 'static, options: &Options) -> (Vec<Told>, Option<String>) {
        let mut reader = Reader::new(Box::new(input), Path::new("dump"), options);
        let (mut all, mut batch) = (Vec::new(), KeyBatch::new());
        loop {
            match reader.next_block(&mut batch) {
                Ok(true) => {}
                Ok(false) => return (all, None),
                Err(error) => return (all, Some(error.one_line())),
            }
            let keys = batch.records().zip(batch.places());
            all.extend(keys.map(|(record, place)| (record.key.to_vec(), record.facts, place)));
        }
    }

    fn texts() -> impl Strategy<Value = Vec<u8>> {
        let number = any::<i64>().prop_map(|number| number.to_string().into_bytes());
        prop_oneof![
            vec(any::<u8>(), 0..300),
            number,
            "[0-9]{9,21}".prop_map(String::into_bytes)
        ]
    }

    proptest! {
        #[test]
        fn short_strings_are_read_as_long_ones_are(
            records in vec((of(any::<i64>()), texts(), texts()), 0..12),
            is_serialized in any::<bool>(),
            version in 5_u8..10,
            cut in 9_usize..3000,
            longest_key in 0_usize..400,
        ) {
            let mut file = format!("REDIS{version:04}").into_bytes();
            for (expires, key, value) in &records {
                if let Some(ms) = expires {
                    file.push(252);
                    file.extend(ms.to_le_bytes());
                }
                file.push(0);
                string(key, &mut file);
                string(value, &mut file);
            }
            file.push(255);
            file.extend([0; 8]);
            file.truncate(cut.max(9));
            let options = Options {
                size: if is_serialized { SizeOf::Serialized } else { SizeOf::Memory },
                max_row_bytes: longest_key,
                ..Options::default()
            };
            let slowly = keys(Trickle(Cursor::new(file.clone())), &options);
            prop_assert_eq!(keys(Cursor::new(file), &options), slowly);
        }
    }
}

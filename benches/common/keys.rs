//! Keys as applications name them; the same on every run.

use slotkit::slot::{KeySpan, Slot, hash_tag};

/// How many keys stay in the second-level cache, spans and slots too.
pub const IN_CACHE: usize = 20_000;

/// Keys side by side in one buffer, a newline behind each.
pub struct Keys {
    pub name: String,
    pub buffer: Vec<u8>,
    pub spans: Vec<KeySpan>,
}

impl Keys {
    /// Names of 8 to 64 bytes, 25 on average, of which `tagged` in a hundred
    /// have a hash tag.
    pub fn mix(tagged: u64, count: usize) -> Keys {
        let mut mix = Mix::new(tagged);
        Keys::build(format!("mix{tagged}"), count, |buffer| mix.push(buffer))
    }

    /// Names of one length, without hash tags.
    pub fn fixed(length: usize, count: usize) -> Keys {
        let mut random = Random(length as u64);
        Keys::build(format!("{length} B"), count, |buffer| {
            for _ in 0..length {
                buffer.push(b'a' + random.below(26) as u8);
            }
        })
    }

    fn build(name: String, count: usize, mut push: impl FnMut(&mut Vec<u8>)) -> Keys {
        let mut buffer = Vec::new();
        let mut spans = Vec::with_capacity(count);
        for _ in 0..count {
            let start = buffer.len() as u32;
            push(&mut buffer);
            let end = buffer.len() as u32;
            spans.push(KeySpan { start, end });
            buffer.push(b'\n');
        }
        Keys {
            name,
            buffer,
            spans,
        }
    }

    pub fn each(&self) -> impl Iterator<Item = &[u8]> {
        self.spans.iter().map(|span| span.of(&self.buffer))
    }

    /// The right answers, by the `crc16` crate.
    pub fn slots(&self) -> Vec<Slot> {
        self.each().map(reference_slot).collect()
    }

    /// Bytes a key on average, and how many in a hundred have a hash tag.
    pub fn describe(&self) -> String {
        let count = self.spans.len();
        let bytes = self.buffer.len() - count;
        let tagged = self.each().filter(|key| hash_tag(key).is_some()).count();
        format!(
            "{}: {count} keys, {:.1} bytes on average, {:.0} % tagged",
            self.name,
            bytes as f64 / count as f64,
            100.0 * tagged as f64 / count as f64,
        )
    }
}

/// Names one after another, without end; see [`Keys::mix`].
pub struct Mix {
    tagged: u64,
    random: Random,
}

impl Mix {
    pub fn new(tagged: u64) -> Mix {
        Mix {
            tagged,
            random: Random(0x5107_5107),
        }
    }

    /// Appends the next name.
    pub fn push(&mut self, buffer: &mut Vec<u8>) {
        if self.random.below(100) < self.tagged {
            push_tagged(buffer, &mut self.random);
        } else {
            push_plain(buffer, &mut self.random);
        }
    }
}

/// The slot by the `crc16` crate and a byte-by-byte search for the tag.
pub fn reference_slot(key: &[u8]) -> Slot {
    let tag = hash_tag(key).unwrap_or(key);
    slot(crc16::State::<crc16::XMODEM>::calculate(tag))
}

/// A peer's checksum or slot as ours.
#[inline(always)]
pub fn slot(checksum: u16) -> Slot {
    Slot::new(checksum % 16_384).expect("14 bits")
}

fn push_plain(buffer: &mut Vec<u8>, random: &mut Random) {
    let id = random.below(900_000) + 100_000;
    let text = match random.below(100) {
        0..12 => format!("u:{id}"),
        12..42 => format!("user:{id}:profile"),
        42..64 => format!("cache:page:{}", id % 90_000 + 10_000),
        64..82 => {
            let (high, low) = (random.next(), random.next());
            let uuid = format!("{high:016x}{low:016x}");
            let (a, rest) = uuid.split_at(8);
            let (b, rest) = rest.split_at(4);
            let (c, rest) = rest.split_at(4);
            let (d, e) = rest.split_at(4);
            format!("session:{a}-{b}-{c}-{d}-{e}")
        }
        82..97 => format!("rate:api:tenant:{}:minute:{id}", id % 9_000 + 1_000),
        _ => format!(
            "metrics:host-{}.eu-west-1.example:disk:read_bytes:17{id}00",
            id % 900 + 100
        ),
    };
    buffer.extend_from_slice(text.as_bytes());
}

fn push_tagged(buffer: &mut Vec<u8>, random: &mut Random) {
    let id = random.below(900_000) + 100_000;
    let text = match random.below(4) {
        0 => format!("{{order:{}}}:items", id % 1_000),
        1 => format!("{{user{id}}}.followers"),
        2 => format!("{{user{id}}}.following"),
        _ => format!("cart:{{customer:{id}}}:lines"),
    };
    buffer.extend_from_slice(text.as_bytes());
}

/// xorshift64: good enough for names.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 16) % limit
    }
}

//! Rows of dumps around the keys of [`Mix`]; the same on every run.

use super::keys::{Mix, Random};
use std::io::Write;

/// The rows of one kind of dump, without end.
pub struct Rows {
    form: Form,
    mix: Mix,
    random: Random,
}

/// What a row is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A key a line.
    List,
    /// The memory CSV of rdb-tools.
    RdbTools,
    /// Standard CSV, as HDT3213/rdb writes it.
    Csv,
}

impl Form {
    pub const ALL: [(&'static str, Form); 3] = [
        ("list", Form::List),
        ("rdb-tools", Form::RdbTools),
        ("csv", Form::Csv),
    ];

    /// The line in front of the rows.
    pub fn header(self) -> &'static str {
        match self {
            Form::List => "",
            Form::RdbTools => {
                "database,type,key,size_in_bytes,encoding,num_elements,len_largest_element,expiry\n"
            }
            Form::Csv => "database,key,type,size,size_readable,element_count,encoding,expiration\n",
        }
    }
}

/// A type, its encoding, and the elements it has at most.
const TYPES: [(&str, &str, u64); 6] = [
    ("string", "string", 1),
    ("hash", "ziplist", 60),
    ("set", "hashtable", 900),
    ("sortedset", "skiplist", 2_000),
    ("list", "quicklist", 300),
    ("stream", "listpack", 400),
];

impl Rows {
    /// Rows of this form; one key in ten has a hash tag.
    pub fn new(form: Form) -> Rows {
        Rows {
            form,
            mix: Mix::new(10),
            random: Random(0x5107_0004),
        }
    }

    /// Appends the next row.
    pub fn push(&mut self, buffer: &mut Vec<u8>) {
        match self.form {
            Form::List => self.mix.push(buffer),
            Form::RdbTools => self.push_rdb_tools(buffer),
            Form::Csv => self.push_csv(buffer),
        }
        buffer.push(b'\n');
    }

    fn push_rdb_tools(&mut self, buffer: &mut Vec<u8>) {
        let (kind, encoding, elements, size) = self.value();
        let longest = size / elements;
        let _ = write!(buffer, "0,{kind},");
        self.mix.push(buffer);
        let _ = write!(buffer, ",{size},{encoding},{elements},{longest},");
        self.push_expiry(buffer, "");
    }

    fn push_csv(&mut self, buffer: &mut Vec<u8>) {
        let (kind, encoding, elements, size) = self.value();
        buffer.extend_from_slice(b"0,");
        self.mix.push(buffer);
        let readable = size as f64 / 1024.0;
        let _ = write!(
            buffer,
            ",{kind},{size},{readable:.1}K,{elements},{encoding},"
        );
        self.push_expiry(buffer, "Z");
    }

    /// Type, encoding, elements and bytes: two in three are strings, sizes have a long tail.
    fn value(&mut self) -> (&'static str, &'static str, u64, u64) {
        let which = self.random.below(15).saturating_sub(9) as usize;
        let (kind, encoding, most) = TYPES[which];
        let elements = 1 + self.random.below(most);
        let magnitude = self.random.below(12);
        let size = 48 + elements * 24 + self.random.below(8 << magnitude);
        (kind, encoding, elements, size)
    }

    /// One key in four expires.
    fn push_expiry(&mut self, buffer: &mut Vec<u8>, zone: &str) {
        if self.random.below(4) > 0 {
            return;
        }
        let seconds = self.random.below(86_400 * 28);
        let (day, second) = (seconds / 86_400 + 1, seconds % 86_400);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        let _ = write!(
            buffer,
            "2026-12-{day:02}T{hour:02}:{minute:02}:{second:02}.518000{zone}"
        );
    }
}

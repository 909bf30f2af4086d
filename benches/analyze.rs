//! What the parts of `slotkit analyze` take a row: reading rows, their slots, counting them, and
//! the whole in memory, against counting newlines.
//!
//! `cargo bench --bench analyze` takes a million rows, `-- 10000000` that many;
//! `benches/analyze/run` times whole processes against other tools.

mod common;

use common::race::{Contender, is_measuring, race};
use common::rows::{Form, Rows};
use slotkit::slot::{Slot, slots_of};
use slotkit::source::{KeyBatch, KeySource, Options, Source};
use slotkit::tally::Tally;
use std::hint::black_box;
use std::io::Cursor;
use std::sync::Arc;

fn main() {
    let rows = std::env::args().find_map(|argument| argument.parse().ok());
    let (rows, rounds) = if is_measuring() {
        (rows.unwrap_or(1_000_000), 5)
    } else {
        (10_000, 0)
    };
    for (name, form) in Form::ALL {
        compare(name, &Text::new(form, rows), rounds);
    }
}

/// A dump in memory, and how many keys it has.
struct Text {
    bytes: Arc<[u8]>,
    keys: usize,
}

impl Text {
    fn new(form: Form, keys: usize) -> Text {
        let mut bytes = form.header().as_bytes().to_vec();
        let mut rows = Rows::new(form);
        (0..keys).for_each(|_| rows.push(&mut bytes));
        let bytes = bytes.into();
        Text { bytes, keys }
    }

    /// Reads the dump; each batch is shown.
    fn read(&self, mut show: impl FnMut(&KeyBatch)) {
        let reader = Cursor::new(Arc::clone(&self.bytes));
        let mut source =
            Source::from_reader("memory", reader, &Options::default()).expect("it opens");
        let mut batch = KeyBatch::new();
        while source.next_batch(&mut batch).expect("it reads") {
            show(&batch);
        }
    }

    fn rows(&self) -> usize {
        let mut keys = 0;
        self.read(|batch| keys += batch.len());
        keys
    }

    fn slots(&self) -> usize {
        let (mut keys, mut slots) = (0, Vec::new());
        self.read(|batch| {
            slots.resize(batch.len(), Slot::MIN);
            slots_of(batch.bytes(), batch.spans(), &mut slots);
            keys += black_box(&slots).len();
        });
        keys
    }

    fn tally(&self) -> Tally {
        let (mut tally, mut slots) = (Tally::new(), Vec::new());
        self.read(|batch| {
            slots.resize(batch.len(), Slot::MIN);
            slots_of(batch.bytes(), batch.spans(), &mut slots);
            tally.add_batch(batch, &slots);
        });
        tally
    }
}

/// Checks the answers against one key at a time, then races the parts and prints the table.
fn compare(name: &str, text: &Text, rounds: usize) {
    let mut truth = Tally::new();
    text.read(|batch| {
        for (record, place) in batch.records().zip(batch.places()) {
            truth.add(record, Slot::for_key(record.key), place);
        }
    });
    let tally = text.tally();
    assert_eq!(
        (text.rows(), text.slots()),
        (text.keys, text.keys),
        "{name}"
    );
    for slot in Slot::all() {
        assert_eq!(tally.slot(slot), truth.slot(slot), "{name}, {slot}");
        assert_eq!(
            tally.biggest_key(slot),
            truth.biggest_key(slot),
            "{name}, {slot}"
        );
    }
    assert!(tally.kinds().eq(truth.kinds()), "{name}");
    assert!(tally.sizes().eq(truth.sizes()), "{name}");
    assert_eq!(tally.expiries(), truth.expiries(), "{name}");
    if rounds == 0 {
        return;
    }
    let mut contenders = [
        Contender::new("memchr count of newlines", || {
            black_box(memchr::memchr_iter(b'\n', black_box(&text.bytes)).count());
        }),
        Contender::new("rows", || {
            black_box(text.rows());
        }),
        Contender::new("rows and their slots", || {
            black_box(text.slots());
        }),
        Contender::new("rows, slots and tally", || {
            black_box(text.tally());
        }),
    ];
    let times = race(&mut contenders, rounds, text.keys);
    let row_bytes = text.bytes.len() as f64 / text.keys as f64;
    println!("\n### {name}: {} rows of {row_bytes:.1} bytes\n", text.keys);
    println!("| part | ns a row | against the newlines |\n|---|---|---|");
    for (contender, time) in contenders.iter().zip(&times) {
        println!(
            "| {} | {time:.1} | {:.1} |",
            contender.name,
            time / times[0]
        );
    }
}

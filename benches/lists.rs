//! The fused pass over a list of keys, against the loop it replaces and against
//! counting newlines.
//!
//! `cargo bench --bench lists` takes a million lines, `-- 20000000` that many.

mod common;

use common::keys::{Keys, reference_slot, slot};
use common::race::{Contender, is_measuring, race};
use slotkit::slot::{Kernel, ListFormat, SLOT_COUNT, Slot};
use std::cell::RefCell;
use std::hint::black_box;

type Counts = [u64; SLOT_COUNT];

fn main() {
    let lines = std::env::args().find_map(|argument| argument.parse().ok());
    let (lines, rounds) = if is_measuring() {
        (lines.unwrap_or(1_000_000), 5)
    } else {
        (10_000, 0)
    };
    for tagged in [10, 0, 100] {
        compare(&Keys::mix(tagged, lines), rounds);
    }
}

/// Checks every contender's counts, then races them and prints the table.
fn compare(keys: &Keys, rounds: usize) {
    let list = &keys.buffer;
    let counts = RefCell::new(Box::new([0; SLOT_COUNT]));
    let mut expected: Box<Counts> = Box::new([0; SLOT_COUNT]);
    count_by_loop(list, &mut expected, reference_slot);
    let mut contenders = vec![
        Contender::new("memchr count of newlines", || {
            black_box(memchr::memchr_iter(b'\n', black_box(list)).count());
        }),
        Contender::new("memchr loop + byte-search tag + crc16 crate", || {
            count_by_loop(list, &mut counts.borrow_mut(), searched_slot);
        }),
        Contender::new("memchr loop + memchr tag + crc16 crate", || {
            count_by_loop(list, &mut counts.borrow_mut(), reference_slot);
        }),
    ];
    // The `crc16` kernel is the loop again.
    let kernels = Kernel::available().into_iter();
    for kernel in kernels.filter(|kernel| kernel.name() != "crc16") {
        let counts = &counts;
        contenders.push(Contender::new(format!("{kernel}, counts"), move || {
            kernel.count_list(list, ListFormat::LINES, &mut counts.borrow_mut());
        }));
        contenders.push(Contender::new(
            format!("{kernel}, a slot a line"),
            move || {
                let mut counts = counts.borrow_mut();
                kernel.slots_of_list(list, ListFormat::LINES, |_, slots| {
                    slots.iter().for_each(|slot| counts[slot.index()] += 1);
                });
            },
        ));
    }
    for contender in &mut contenders[1..] {
        counts.borrow_mut().fill(0);
        // A race of no rounds is one run to warm up.
        race(std::slice::from_mut(contender), 0, 1);
        assert!(*counts.borrow() == expected, "{} is wrong", contender.name);
    }
    if rounds == 0 {
        return;
    }
    let times = race(&mut contenders, rounds, keys.spans.len());
    println!("\n{}\n", keys.describe());
    println!("| pass | ns a line | against the loop | bandwidth of the newline count |");
    println!("|---|---|---|---|");
    for (contender, time) in contenders.iter().zip(&times) {
        let bandwidth = 100.0 * times[0] / time;
        let against_loop = times[1] / time;
        println!(
            "| {} | {time:.2} | {against_loop:.1} | {bandwidth:.0} % |",
            contender.name
        );
    }
}

/// What everybody writes.
fn count_by_loop(list: &[u8], counts: &mut Counts, slot_of: impl Fn(&[u8]) -> Slot) {
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', list) {
        counts[slot_of(&list[start..end]).index()] += 1;
        start = end + 1;
    }
}

/// The slot with the tag searched byte by byte, as the redis crate does.
fn searched_slot(key: &[u8]) -> Slot {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let length = rest.iter().position(|byte| *byte == b'}')?;
        (length > 0).then(|| &rest[..length])
    });
    slot(crc16::State::<crc16::XMODEM>::calculate(tag.unwrap_or(key)))
}

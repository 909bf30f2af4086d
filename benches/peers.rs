//! slotkit against the other crates that compute slots, hash tags included.
//!
//! `cargo bench --bench peers` prints a table for each set of keys in the cache,
//! `cargo bench --bench peers -- memory` for 20 million keys in memory.

mod common;

use common::keys::{IN_CACHE, Keys, reference_slot, slot};
use common::race::{Contender, is_measuring, race};
use slotkit::slot::{Kernel, Slot, hash_tag};
use std::cell::RefCell;

const TABLE_16: crc::Crc<u16, crc::Table<16>> =
    crc::Crc::<u16, crc::Table<16>>::new(&crc::CRC_16_XMODEM);

fn main() {
    let in_memory = std::env::args().any(|argument| argument == "memory");
    let (count, rounds) = match (is_measuring(), in_memory) {
        (false, _) => (1_000, 0),
        (true, false) => (IN_CACHE, 101),
        (true, true) => (20_000_000, 3),
    };
    let mixes = [10, 0, 100].map(|tagged| move || Keys::mix(tagged, count));
    let mixes = if in_memory { &mixes[..1] } else { &mixes[..] };
    for keys in mixes {
        compare(&keys(), rounds);
    }
    if !in_memory {
        for length in [8, 16, 24, 40, 64, 200] {
            compare(&Keys::fixed(length, count), rounds);
        }
    }
}

/// Checks every contender's answers, then races them and prints the table.
fn compare(keys: &Keys, rounds: usize) {
    let expected = keys.slots();
    let out = RefCell::new(vec![Slot::MIN; expected.len()]);
    let mut contenders = contenders(keys, &out);
    for contender in &mut contenders {
        out.borrow_mut().fill(Slot::MIN);
        race(std::slice::from_mut(contender), 0, 1);
        assert!(*out.borrow() == expected, "{} is wrong", contender.name);
    }
    if rounds == 0 {
        return;
    }
    let times = race(&mut contenders, rounds, expected.len());
    println!("\n{}\n", keys.describe());
    println!("| slot for key | ns a key | against the redis crate | against the best peer |");
    println!("|---|---|---|---|");
    let best_peer = times[..PEERS].iter().copied().fold(f64::INFINITY, f64::min);
    for (contender, time) in contenders.iter().zip(&times) {
        let (redis, best) = (times[0] / time, best_peer / time);
        println!(
            "| {} | {time:.2} | {redis:.1} | {best:.1} |",
            contender.name
        );
    }
}

/// How many of the contenders, from the first, are peers.
const PEERS: usize = 5;

fn contenders<'a>(keys: &'a Keys, out: &'a RefCell<Vec<Slot>>) -> Vec<Contender<'a>> {
    let crc_fast = |key: &[u8]| {
        let part = hash_tag(key).unwrap_or(key);
        slot(crc_fast::checksum(crc_fast::CrcAlgorithm::Crc16Xmodem, part) as u16)
    };
    let mut contenders = vec![
        redis_crate(keys, out),
        one("redis-protocol", keys, out, |key| {
            slot(redis_protocol::redis_keyslot(key))
        }),
        one("crc16 crate + memchr tag", keys, out, reference_slot),
        one("crc crate, Table<16> + memchr tag", keys, out, |key| {
            slot(TABLE_16.checksum(hash_tag(key).unwrap_or(key)))
        }),
        one("crc-fast + memchr tag", keys, out, crc_fast),
        one("**Slot::for_key**", keys, out, Slot::for_key),
    ];
    for kernel in Kernel::available() {
        contenders.push(one(&format!("{kernel}, one key"), keys, out, move |key| {
            kernel.slot_of(key)
        }));
        contenders.push(Contender::new(format!("{kernel}, batch"), move || {
            kernel.slots_of(&keys.buffer, &keys.spans, &mut out.borrow_mut());
        }));
    }
    contenders
}

/// The redis crate's slots can be compared, but don't give their number: the
/// first run compares them with the right ones made from numbers.
fn redis_crate<'a>(keys: &'a Keys, out: &'a RefCell<Vec<Slot>>) -> Contender<'a> {
    use redis::cluster_routing::Slot as Theirs;
    let mut theirs = vec![Theirs::new(0).expect("a slot"); keys.spans.len()];
    let mut is_first = true;
    Contender::new("redis crate", move || {
        for (slot, key) in theirs.iter_mut().zip(keys.each()) {
            *slot = Theirs::for_key(key);
        }
        if std::mem::take(&mut is_first) {
            let right = keys.slots();
            let equal = |(theirs, right): (&Theirs, &Slot)| {
                Theirs::new(right.number()).as_ref() == Some(theirs)
            };
            assert!(
                theirs.iter().zip(&right).all(equal),
                "the redis crate is wrong"
            );
            *out.borrow_mut() = right;
        }
    })
}

/// A contender that takes one key at a time.
fn one<'a>(
    name: &str,
    keys: &'a Keys,
    out: &'a RefCell<Vec<Slot>>,
    slot_of: impl Fn(&[u8]) -> Slot + 'a,
) -> Contender<'a> {
    Contender::new(name, move || {
        for (slot, key) in out.borrow_mut().iter_mut().zip(keys.each()) {
            *slot = slot_of(key);
        }
    })
}

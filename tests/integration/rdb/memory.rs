//! The estimated size of keys against `MEMORY USAGE key SAMPLES 0`.
//!
//! `SLOTKIT_SIZES=1 cargo test --test integration rdb::memory -- --nocapture` prints the tables
//! of `docs/memory-model.md`, on more keys, and on others than the model was fitted to.

use super::client::{Client, Reply};
use super::dataset::{Abilities, mixed};
use super::server::Server;
use crate::command;
use crate::servers::installed;
use slotkit::source::{Allocator, Encoding, Input, KeyBatch, KeyFacts, KeySource, Options, open};
use std::collections::BTreeMap;
use std::path::Path;

/// What was estimated and measured of a type and encoding.
#[derive(Clone, Copy, Default)]
struct Sum {
    keys: u64,
    estimated: u64,
    measured: u64,
    /// Keys whose estimate is more than a tenth off.
    far: u64,
}

impl Sum {
    fn add(&mut self, estimated: u64, measured: u64) {
        self.keys += 1;
        self.estimated += estimated;
        self.measured += measured;
        self.far += u64::from(estimated.abs_diff(measured) * 10 > measured);
    }

    fn error(self) -> f64 {
        self.estimated as f64 / self.measured as f64 - 1.0
    }

    fn near(self) -> f64 {
        1.0 - self.far as f64 / self.keys as f64
    }
}

/// The data that the model was fitted to.
const FITTED_SEED: u64 = 2;

/// Other data: other texts, lengths and numbers of elements, drawn the same way.
const UNSEEN_SEED: u64 = 20_261_125;

type Sums = BTreeMap<String, Sum>;

/// What `MEMORY USAGE` of Valkey 8.1 leaves out of a key: it takes the object for the 16 bytes of its
/// head, though the key and its expiry lie in the same allocation. Only of a text that lies there too it
/// asks the allocator.
/// <https://github.com/valkey-io/valkey/blob/8.1/src/object.c>
fn left_out(key: &[u8], facts: &KeyFacts) -> u64 {
    if facts.encoding == Encoding::Embstr {
        return 0;
    }
    let key_head = if key.len() < 32 { 1 } else { 3 };
    let expiry = if facts.expires { 8 } else { 0 };
    // The object's head, the length of the key's head, the key with its head and its NUL.
    let bytes = 16 + expiry + 1 + key_head + key.len() + 1;
    let grain = if bytes <= 128 { 16 } else { 32 };
    assert!(bytes <= 256, "a longer key than the data set has");
    (bytes.next_multiple_of(grain) - 16) as u64
}

/// What the server says of its allocator: no file does.
fn allocator_of(client: &mut Client) -> Allocator {
    let info = client.run(command!["INFO", "memory"]);
    let info = String::from_utf8_lossy(info.text()).into_owned();
    let name = info
        .lines()
        .find_map(|line| line.strip_prefix("mem_allocator:"))
        .expect("INFO memory names it");
    let version = name.strip_prefix("jemalloc-").map(|version| {
        let numbers = version.split(['.', '-']).map(str::parse::<u32>);
        numbers
            .take(3)
            .map(|number| number.expect("a version"))
            .collect::<Vec<_>>()
    });
    match version {
        Some(version) if version >= vec![5, 3, 1] => Allocator::Jemalloc531,
        Some(_) => Allocator::Jemalloc530,
        None => Allocator::Libc,
    }
}

/// Loads a mixed data set and compares key by key.
fn compare(name: &str, server: &Path, keys: usize, seed: u64) -> Sums {
    let leaves_keys_out = name == "valkey-8.1";
    let server = Server::start(server, None, false);
    let mut client = server.client();
    let abilities = Abilities::of(&mut client, false);
    for reply in client.all(mixed(&abilities, keys, seed)) {
        if let Reply::Refused(why) = reply {
            panic!("{why}");
        }
    }
    let options = Options {
        wants_longest: true,
        allocator: Some(allocator_of(&mut client)),
        ..Options::default()
    };
    let mut source = open(&Input::File(server.save()), &options).expect("it opens");
    let mut batch = KeyBatch::new();
    let mut sums = Sums::new();
    while source.next_batch(&mut batch).expect("it is read") {
        let usage = |key: &[u8]| command!["MEMORY", "USAGE", key, "SAMPLES", "0"];
        let measured = client.all(batch.records().map(|record| usage(record.key)).collect());
        for ((record, longest), measured) in batch.records().zip(batch.longest()).zip(measured) {
            let estimated = record.facts.size_bytes.expect("an estimate");
            let measured = if leaves_keys_out {
                measured.number() as u64 + left_out(record.key, &record.facts)
            } else {
                measured.number() as u64
            };
            let name = format!("{} {}", record.facts.kind, record.facts.encoding.word());
            for name in [name.as_str(), "all"] {
                sums.entry(name.to_owned())
                    .or_default()
                    .add(estimated, measured);
            }
            if std::env::var_os("SLOTKIT_SIZES_FAR").is_some()
                && estimated.abs_diff(measured) * 25 > measured
            {
                println!(
                    "{name}: key {} elements {:?} longest {} expires {}: {estimated} for {measured}",
                    record.key.len(),
                    record.facts.elements,
                    longest,
                    record.facts.expires
                );
            }
        }
    }
    sums
}

/// Values of 16 KiB to 2 MiB: what they take depends on the allocator more than on anything else.
#[test]
fn large_values_are_near_those_of_the_server() {
    for name in ["redis-6.2", "redis-7.0", "redis-8.0", "valkey-9.1"] {
        let Some(server) = installed(name) else {
            continue;
        };
        let server = Server::start(&server, None, false);
        let mut client = server.client();
        // 120 lengths, each 4 % above the one before: every part of every size class.
        let lengths = (0..120).map(|step| (f64::from(1 << 14) * 1.04_f64.powi(step)) as usize);
        let set = |(number, length): (usize, usize)| {
            let value = vec![b'a' + (number % 26) as u8; length];
            vec![
                b"SET".to_vec(),
                format!("blob:{number}").into_bytes(),
                value,
            ]
        };
        for command in lengths.enumerate().map(set) {
            client.run(command);
        }
        let options = Options {
            allocator: Some(allocator_of(&mut client)),
            ..Options::default()
        };
        let mut source = open(&Input::File(server.save()), &options).expect("it opens");
        let (mut batch, mut sum) = (KeyBatch::new(), Sum::default());
        while source.next_batch(&mut batch).expect("it is read") {
            for record in batch.records() {
                let usage = command!["MEMORY", "USAGE", record.key, "SAMPLES", "0"];
                let measured = client.run(usage).number() as u64;
                sum.add(record.facts.size_bytes.expect("an estimate"), measured);
            }
        }
        assert_eq!(sum.keys, 120, "{name}");
        assert!(sum.error().abs() < 0.03, "{name}: {:+.4}", sum.error());
        assert!(sum.near() > 0.95, "{name}: {:.4}", sum.near());
    }
}

#[test]
fn sizes_are_near_those_of_the_server() {
    let is_table = std::env::var_os("SLOTKIT_SIZES").is_some();
    // Redis 6.2 is built without jemalloc here.
    for name in ["redis-7.0", "redis-8.0", "valkey-8.1", "valkey-9.1"] {
        let Some(server) = installed(name) else {
            continue;
        };
        let (keys, seed) = if is_table {
            (20_000, UNSEEN_SEED)
        } else {
            (2000, FITTED_SEED)
        };
        let sums = compare(name, &server, keys, seed);
        if is_table || std::env::var_os("SLOTKIT_SIZES_FAR").is_some() {
            println!(
                "\n### {name}\n\n| type | keys | measured bytes | estimate is off by | within 10 % |"
            );
            println!("|---|---|---|---|---|");
            for (name, sum) in &sums {
                println!(
                    "| {name} | {} | {} | {:+.2} % | {:.1} % |",
                    sum.keys,
                    sum.measured,
                    sum.error() * 100.0,
                    sum.near() * 100.0
                );
            }
            continue;
        }
        let all = sums["all"];
        assert!(all.error().abs() < 0.03, "{name}: {:+.4}", all.error());
        assert!(all.near() > 0.95, "{name}: {:.4}", all.near());
    }
}

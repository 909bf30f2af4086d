//! Tally files: whatever stands in one, it is an error or a tally that can be merged, shown and saved.
//!
//! With an even first byte the rest is a file; with an odd one it is a body, and gets the right
//! header and checksum: otherwise the checksum would keep the fuzzer from everything behind it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use slotkit::report::Analysis;
use slotkit::source::Timestamp;
use slotkit::tally::Outcome;
use std::path::Path;

const MAGIC: &[u8] = b"SLOTKIT\0TALLY\r\n\0";
const VERSION: u32 = 8;

fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else {
        return;
    };
    let file = if first & 1 == 0 {
        rest.to_vec()
    } else {
        sealed(rest)
    };
    let Ok(mut outcome) = Outcome::from_saved(&file[..], Path::new("tally")) else {
        return;
    };
    outcome.merge(outcome.clone());
    let report = Analysis::new(&outcome, None, 10, Timestamp::from_unix_ms(1 << 40));
    assert!(serde_json::to_string(&report).is_ok());
});

fn sealed(body: &[u8]) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    file.extend(VERSION.to_le_bytes());
    file.extend((body.len() as u64).to_le_bytes());
    file.extend(body);
    let checksum = Sha256::digest(&file);
    file.extend(checksum);
    file
}

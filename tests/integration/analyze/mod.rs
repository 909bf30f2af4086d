//! `slotkit analyze`.

mod causes;
mod chosen;
mod inputs;
mod monitor;
mod recognised;
mod refused;
mod round_trips;
mod told;

use super::tool::{Run, run_in};
use serde_json::Value;
use std::fs;

const HEADER: &str =
    "database,type,key,size_in_bytes,encoding,num_elements,len_largest_element,expiry\n";

/// A folder with one file.
fn with_file(name: &str, bytes: impl AsRef<[u8]>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(name), bytes).expect("a file");
    folder
}

fn json(run: &Run) -> Value {
    assert_eq!(run.exit, 0, "{}", run.stderr);
    serde_json::from_slice(&run.stdout).expect("JSON")
}

/// Runs analyze on bytes that can't be used and gives its one line.
fn refused(bytes: impl AsRef<[u8]>, args: &[&str]) -> String {
    let folder = with_file("input", bytes);
    let run = run_in(folder.path(), [&["analyze", "input"], args].concat(), b"");
    assert_eq!(run.exit, 2, "{}", run.stderr);
    assert_eq!(run.text(), "", "nothing on stdout");
    assert_eq!(run.stderr.lines().count(), 1, "one line: {}", run.stderr);
    run.stderr
}

/// Whether the line has all these words.
fn says(line: &str, words: &[&str]) {
    for word in words {
        assert!(line.contains(word), "`{word}` is missing: {line}");
    }
}

/// A dump of several parts with every kind of trouble that a key can have.
fn large_dump() -> Vec<u8> {
    let mut text = HEADER.as_bytes().to_vec();
    for index in 0..60_000u32 {
        let odd = match index % 97 {
            0 => "a,b\n\"c\"",
            1 => "\n\n,",
            2 => "{tag",
            _ => "",
        };
        let tag = if index % 5 == 0 { "{hot}" } else { "" };
        let size = 50 + index.wrapping_mul(2_654_435_761) % 5000;
        text.extend_from_slice(
            format!(
                "{},string,{tag}family{}:{index}:{odd}",
                index % 3,
                index % 11
            )
            .as_bytes(),
        );
        text.push(if index % 89 == 0 { 0xE9 } else { b'.' });
        text.extend_from_slice(format!(",{size},string,1,1,\n").as_bytes());
    }
    text
}

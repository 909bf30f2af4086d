//! Memory doesn't grow with the input: rows come through a pipe, for as long as the test likes.
//!
//! `SLOTKIT_TEST_ROWS=50000000` asks for more rows than the usual run has.

use super::servers;
use super::tool::slotkit;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Child, Stdio};

const MAX_PEAK_KB: u64 = 100_000;

const MEMORY_HEADER: &str =
    "database,type,key,size_in_bytes,encoding,num_elements,len_largest_element,expiry\n";

/// Enough for every bounded list to be full: tags, samples, big keys, hours of expiry.
const ROWS: u64 = 400_000;

/// The most memory that a process had so far, in kB.
fn peak_kb(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
    let status = status.expect("the process is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number.expect("a peak").parse().expect("a number")
}

fn row(text: &mut String, number: u64) {
    let hash = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let (tag, size) = (hash >> 40, 50 + (hash >> 52));
    let (month, day, hour) = (1 + number % 12, 1 + number % 28, hash >> 32 & 15);
    let _ = writeln!(
        text,
        "{},hash,{{t{tag}}}:family{}:{number},{size},hashtable,3,8,20{}-{month:02}-{day:02}T{hour:02}:00:00",
        number % 16,
        number % 100_003,
        10 + number % 80,
    );
}

/// Keys with long names, one for each slot at least, and with long tags and prefixes.
fn long_row(text: &mut String, number: u64) {
    let url = "/a/long/way/to/go".repeat(if number.is_multiple_of(100) {
        3_000
    } else {
        80
    });
    let _ = writeln!(
        text,
        "0,string,https://{{{number}{url}}}:{number}{url},{},string,1,1,",
        50 + number % 1_000
    );
}

/// A row nearly as long as one may be, which is put together from quotes.
fn largest_row(text: &mut String, number: u64) {
    let name = "a key\"\"s name ".repeat(15 << 16);
    let _ = writeln!(text, "\"{number}{name}\",{number}");
}

/// Rows of which a few fit into a block.
fn large_row(text: &mut String, number: u64) {
    let name = "a key\"\"s name ".repeat(40 << 10);
    let _ = writeln!(text, "\"{number}{name}\",{number}");
}

#[test]
fn a_stream_of_rows_takes_no_more_memory_than_its_lists() {
    let rows =
        std::env::var("SLOTKIT_TEST_ROWS").map_or(ROWS, |rows| rows.parse().expect("a number"));
    assert_flat(MEMORY_HEADER, &[], rows, row);
}

#[test]
fn long_names_take_no_more() {
    assert_flat(MEMORY_HEADER, &[], 40_000, long_row);
}

#[test]
fn the_longest_rows_take_no_more() {
    // As many threads as a run takes by itself at most.
    let most = ["--threads", "8"];
    assert_flat("key,size\n", &most, 5, largest_row);
    assert_flat("key,size\n", &most, 60, large_row);
}

fn assert_flat(header: &str, more: &[&str], rows: u64, row: impl Fn(&mut String, u64)) {
    if !std::path::Path::new("/proc/self/status").exists() {
        servers::skip("this system has no /proc that tells the peak of a process");
        return;
    }
    let args = [
        "analyze",
        "-",
        "--json",
        "--top",
        "1",
        "--expired",
        "out",
        "--as-of",
        "2000-01-01",
    ];
    let mut child = slotkit([&args[..], more].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    pipe.write_all(header.as_bytes()).expect("it reads");
    let mut text = String::new();
    for number in 0..rows {
        row(&mut text, number);
        if text.len() > 1 << 20 || number + 1 == rows {
            pipe.write_all(text.as_bytes()).expect("it reads");
            text.clear();
        }
    }
    let peak = peak_kb(&child);
    drop(pipe);
    assert!(child.wait().expect("it ends").success());
    eprintln!("{rows} rows, peak {peak} kB");
    assert!(peak < MAX_PEAK_KB, "{peak} kB for {rows} rows");
}

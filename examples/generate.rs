//! Writes a dump of any length to stdout, the same bytes on every machine: what
//! benches/analyze/run times.
//!
//! `cargo run --release --example generate -- rdb-tools 10000000 > memory.csv`

#[path = "../benches/common/mod.rs"]
mod common;

use common::rows::{Form, Rows};
use std::io::{self, Write};
use std::process::ExitCode;

/// How many bytes are written at once.
const WRITE_BYTES: usize = 1 << 20;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let form = arguments.next().and_then(|name| {
        let mut forms = Form::ALL.into_iter();
        forms.find(|(known, _)| *known == name)
    });
    let count = arguments.next().and_then(|count| count.parse().ok());
    let (Some((_, form)), Some(count)) = (form, count) else {
        let names = Form::ALL.map(|(name, _)| name).join("|");
        eprintln!("usage: generate {names} ROWS > FILE");
        return ExitCode::from(2);
    };
    match write(form, count) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("generate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(form: Form, count: u64) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut rows = Rows::new(form);
    let mut buffer = form.header().as_bytes().to_vec();
    for _ in 0..count {
        rows.push(&mut buffer);
        if buffer.len() >= WRITE_BYTES {
            out.write_all(&buffer)?;
            buffer.clear();
        }
    }
    out.write_all(&buffer)
}

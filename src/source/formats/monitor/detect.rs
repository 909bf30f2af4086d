//! Recognises logs of MONITOR.

use super::{Log, begins_command, is_blank};
use crate::error::Result;
use crate::source::detect::{Beginning, EXAMINED_LINES, Recognised};
use crate::source::format::Format;

const NOTE: &str =
    "it is a log of MONITOR: what is counted are operations on keys, not the keys that are there";

const CUT_NOTE: &str = "it is a log of MONITOR whose first line isn't whole and is passed over: what is counted are \
                        operations on keys, not the keys that are there";

/// A log, as the user says.
pub(in crate::source::formats) fn said(beginning: &Beginning<'_>) -> Result<Recognised> {
    Ok(rows(beginning.text).unwrap_or_else(|| log(0, NOTE)))
}

/// A log, where nobody says what it is.
pub(in crate::source::formats) fn guess(beginning: &Beginning<'_>) -> Result<Option<Recognised>> {
    Ok(rows(beginning.text))
}

/// A log by its first lines; of a rotated one, the first may be the end of a command.
fn rows(text: &[u8]) -> Option<Recognised> {
    let mut lines = text
        .split_inclusive(|byte| *byte == b'\n')
        .take(EXAMINED_LINES);
    let mut behind_first = 0;
    let first = lines.find(|line| {
        behind_first += line.len();
        !is_blank(line)
    })?;
    if begins_command(first) {
        return Some(log(0, NOTE));
    }
    let (mut commands, mut others) = (0, 0);
    for line in lines.filter(|line| !is_blank(line)) {
        others += 1;
        commands += usize::from(begins_command(line));
    }
    (commands * 2 > others).then(|| log(behind_first, CUT_NOTE))
}

fn log(skip: usize, note: &'static str) -> Recognised {
    Recognised::new(Log, Format::MONITOR, skip, Some(note))
}

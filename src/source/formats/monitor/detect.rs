//! Logs of MONITOR.

use super as monitor;
use crate::source::Format;
use crate::source::cut::Layout;
use crate::source::detect::{LOOKED_AT, Recognised};

const NOTE: &str =
    "it is a log of MONITOR: what is counted are operations on keys, not the keys that are there";

const CUT_NOTE: &str = "it is a log of MONITOR whose first line isn't whole and is passed over: what is counted are \
                        operations on keys, not the keys that are there";

/// A log, as the user says.
pub(in crate::source) fn said(text: &[u8]) -> Recognised {
    rows(text).unwrap_or_else(|| log(0, NOTE))
}

/// A log by its first lines; of a rotated one, the first may be the end of a command.
pub(in crate::source) fn rows(text: &[u8]) -> Option<Recognised> {
    let mut lines = text.split_inclusive(|byte| *byte == b'\n').take(LOOKED_AT);
    let mut behind_first = 0;
    let first = lines.find(|line| {
        behind_first += line.len();
        !monitor::is_blank(line)
    })?;
    if monitor::begins_command(first) {
        return Some(log(0, NOTE));
    }
    let (mut commands, mut others) = (0, 0);
    for line in lines.filter(|line| !monitor::is_blank(line)) {
        others += 1;
        commands += usize::from(monitor::begins_command(line));
    }
    (commands * 2 > others).then(|| log(behind_first, CUT_NOTE))
}

fn log(skip: usize, note: &'static str) -> Recognised {
    Recognised::new(Layout::Monitor, Format::Monitor, skip, Some(note))
}

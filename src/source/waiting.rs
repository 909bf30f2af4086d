//! Inputs that were looked at and wait for their turn.
//!
//! All are opened first, so that a wrong name among many is told at once. Few are kept open: a
//! process may have some hundred files open (256 on macOS), and a folder may have thousands.

use super::opened::{Opened, Opening};
use super::{Format, Input, Options};
use crate::error::Result;

/// How many files that can be opened again stay open.
const KEPT_OPEN: usize = 16;

/// An input that was recognised.
pub(crate) struct Waiting<'run> {
    input: &'run Input,
    opening: Option<Opening>,
    /// What it was taken for.
    pub(crate) format: &'static str,
    /// How many bytes it has; unknown of pipes.
    pub(crate) length: Option<u64>,
    /// Whether it is an RDB file.
    pub(crate) is_snapshot: bool,
}

impl Waiting<'_> {
    /// All inputs, in the order given.
    ///
    /// # Errors
    /// When one can't be read, or isn't anything that holds keys.
    pub(crate) fn all<'run>(
        inputs: &'run [Input],
        options: &Options,
    ) -> Result<Vec<Waiting<'run>>> {
        let mut kept = 0;
        let each = inputs.iter().map(|input| {
            let opening = Opened::any(input, options)?;
            let length = opening.length();
            // What has no length may be a pipe, which gives its bytes once.
            let can_wait_closed = length.is_some() && kept >= KEPT_OPEN;
            kept += usize::from(!can_wait_closed);
            Ok(Waiting {
                input,
                format: match &opening {
                    Opening::Keys(opened) => opened.format_name(),
                    Opening::Tally { .. } => Format::Tally.name(),
                },
                length,
                is_snapshot: opening.is_snapshot(),
                opening: (!can_wait_closed).then_some(opening),
            })
        });
        each.collect()
    }

    /// The input, open.
    ///
    /// # Errors
    /// As [`Waiting::all`], when it isn't what it was any more.
    pub(crate) fn open(self, options: &Options) -> Result<Opening> {
        match self.opening {
            Some(opening) => Ok(opening),
            None => Opened::any(self.input, options),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_files_few_stay_open_and_all_can_be_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let inputs: Vec<Input> = (0..3 * KEPT_OPEN)
            .map(|number| {
                let path = folder.path().join(format!("{number}.txt"));
                std::fs::write(&path, format!("key:{number}\n")).expect("written");
                Input::File(path)
            })
            .collect();
        let options = Options::default();
        let waiting = Waiting::all(&inputs, &options).expect("lists");
        let open = waiting.iter().filter(|input| input.opening.is_some());
        assert_eq!(open.count(), KEPT_OPEN);
        for input in waiting {
            assert_eq!(input.format, "list");
            let length = input.length;
            let opening = input.open(&options).expect("it is still there");
            assert_eq!(opening.length(), length);
        }
    }
}

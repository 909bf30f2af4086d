//! Inputs that were looked at and wait for their turn.
//!
//! All are opened first, so that a wrong name among many is told at once. Few are kept open: a
//! process may have some hundred files open (256 on macOS), and a folder may have thousands.

use super::opened::{Opened, Opening};
use super::{Input, Options};
use crate::error::{Error, ErrorKind, Position, Result};

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
                format: opening.format_name(),
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
        let opening = match self.opening {
            Some(opening) => opening,
            None => Opened::any(self.input, options)?,
        };
        if opening.format_name() == self.format {
            return Ok(opening);
        }
        let (before, now) = (self.format, opening.format_name());
        let message = format!("expected {before}, as it was a moment ago, found {now}");
        Err(Error::new(ErrorKind::Input, message).at(Position::file(self.input.path())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_another_by_its_turn_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("dump");
        let inputs = vec![Input::File(path.clone()); KEPT_OPEN + 1];
        let options = Options::default();
        std::fs::write(&path, "key:1\n").expect("written");
        let mut waiting = Waiting::all(&inputs, &options).expect("lists");
        std::fs::write(&path, "key,size\na,1\n").expect("written");
        let last = waiting.pop().expect("some");
        let error = last.open(&options).map(drop).expect_err("it is a CSV now");
        assert!(
            error.one_line().contains("as it was a moment ago"),
            "{error:?}"
        );
    }

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

//! Inputs that were looked at and wait for their turn.
//!
//! All are opened first, so that a wrong name among many is told at once. Few are kept open: a
//! process may have some hundred files open (256 on macOS), and a folder may have thousands.

use super::format::Format;
use super::input::Input;
use super::opened::{Opened, Opening};
use super::options::Options;
use crate::error::{Error, ErrorKind, Position, Result};
use std::path::{Path, PathBuf};

/// How many files that can be opened again stay open.
const KEPT_OPEN: usize = 16;

/// An input that was recognised.
pub(crate) struct Waiting<'run> {
    pub(crate) input: &'run Input,
    opening: Option<Opening>,
    /// What it was taken for.
    pub(crate) format: Format,
    /// How many bytes it has; unknown of pipes.
    pub(crate) length: Option<u64>,
}

/// A file of a folder that wasn't read, since nothing in it is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Its path.
    pub path: PathBuf,
    /// What it looks like.
    pub found: String,
}

impl PassedOver {
    fn new(path: &Path, error: &Error) -> PassedOver {
        let message = error.message();
        let found = message.rsplit_once(", found ");
        PassedOver {
            path: path.to_path_buf(),
            found: found.map_or(message, |(_, found)| found).to_owned(),
        }
    }
}

impl Waiting<'_> {
    /// All inputs, in the order given, and the files of folders that aren't any.
    ///
    /// # Errors
    /// When one can't be read, or isn't anything that holds keys, or nothing is left of a folder.
    pub(crate) fn all<'run>(
        inputs: &'run [Input],
        options: &Options,
    ) -> Result<(Vec<Waiting<'run>>, Vec<PassedOver>)> {
        let (mut kept, mut passed) = (0, Vec::new());
        let mut waiting = Vec::with_capacity(inputs.len());
        for input in inputs {
            let opening = Opened::any(input, options)?;
            let format = match opening.format() {
                Ok(format) => format,
                Err(error) => {
                    passed.push(PassedOver::new(input.path(), error));
                    continue;
                }
            };
            let length = opening.length();
            // What has no length may be a pipe, which gives its bytes once.
            let can_wait_closed = length.is_some() && kept >= KEPT_OPEN;
            kept += usize::from(!can_wait_closed);
            waiting.push(Waiting {
                input,
                format,
                length,
                opening: (!can_wait_closed).then_some(opening),
            });
        }
        match passed.first() {
            Some(first) if waiting.is_empty() => Err(nothing_in(first, passed.len())),
            _ => Ok((waiting, passed)),
        }
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
        let now = match opening.format() {
            Ok(format) if format == self.format => return Ok(opening),
            other => other.map_or("unknown", Format::name),
        };
        let before = self.format;
        let message = format!("expected {before}, as it was a moment ago, found {now}");
        Err(Error::new(ErrorKind::Input, message).at(Position::file(self.input.path())))
    }
}

/// The error when no file of any folder is an input.
fn nothing_in(first: &PassedOver, files: usize) -> Error {
    let folder = first.path.parent().unwrap_or(&first.path);
    let name = first.path.file_name().unwrap_or_default().to_string_lossy();
    let others = match files {
        1 => String::new(),
        more => format!(", and {} more like it", more - 1),
    };
    let message = format!(
        "expected a file with keys, found {} ({name}){others}",
        first.found
    );
    Error::new(ErrorKind::Input, message)
        .at(Position::file(folder))
        .mend("name what you mean; if all its files are lists of keys, pass --format list")
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
        let (mut waiting, _) = Waiting::all(&inputs, &options).expect("lists");
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
        let (waiting, _) = Waiting::all(&inputs, &options).expect("lists");
        let open = waiting.iter().filter(|input| input.opening.is_some());
        assert_eq!(open.count(), KEPT_OPEN);
        for input in waiting {
            assert_eq!(input.format, Format::LIST);
            let length = input.length;
            let opening = input.open(&options).expect("it is still there");
            assert_eq!(opening.length(), length);
        }
    }
}

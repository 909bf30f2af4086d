//! The queue of inputs: each was recognised, and waits for its turn.
//!
//! All are opened first, so that a wrong name among many is told at once. Few are kept open: a
//! process may have some hundred files open (256 on macOS), and a folder may have thousands.

use super::format::Format;
use super::input::Input;
use super::open_input::{InputContent, OpenInput};
use super::options::Options;
use crate::error::{Error, ErrorKind, Position, Result};
use std::path::{Path, PathBuf};

/// How many files that can be opened again stay open.
const KEPT_OPEN: usize = 16;

/// An input that was recognised.
pub(crate) struct QueuedInput<'run> {
    pub(crate) input: &'run Input,
    content: Option<InputContent>,
    /// What it was taken for.
    pub(crate) format: Format,
    /// How many bytes it has; unknown of pipes.
    pub(crate) length: Option<u64>,
}

/// A file of a folder that wasn't read, since nothing in it is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedFile {
    /// The path of the file.
    pub path: PathBuf,
    /// What it looks like.
    pub found: String,
}

impl SkippedFile {
    fn new(path: &Path, error: &Error) -> SkippedFile {
        let message = error.message();
        let found = message.rsplit_once(", found ");
        SkippedFile {
            path: path.to_path_buf(),
            found: found.map_or(message, |(_, found)| found).to_owned(),
        }
    }
}

impl QueuedInput<'_> {
    /// All inputs, in the order given, and the files of folders that aren't any.
    ///
    /// # Errors
    /// When one can't be read, or isn't anything that holds keys, or nothing is left of a folder.
    pub(crate) fn open_all<'run>(
        inputs: &'run [Input],
        options: &Options,
    ) -> Result<(Vec<QueuedInput<'run>>, Vec<SkippedFile>)> {
        let (mut kept, mut passed) = (0, Vec::new());
        let mut queued = Vec::with_capacity(inputs.len());
        for input in inputs {
            let content = OpenInput::open(input, options)?;
            let format = match content.format() {
                Ok(format) => format,
                Err(error) => {
                    passed.push(SkippedFile::new(input.path(), error));
                    continue;
                }
            };
            let length = content.length();
            // What has no length may be a pipe, which gives its bytes once.
            let can_wait_closed = length.is_some() && kept >= KEPT_OPEN;
            kept += usize::from(!can_wait_closed);
            queued.push(QueuedInput {
                input,
                format,
                length,
                content: (!can_wait_closed).then_some(content),
            });
        }
        match passed.first() {
            Some(first) if queued.is_empty() => Err(nothing_in(first, passed.len())),
            _ => Ok((queued, passed)),
        }
    }

    /// The input, open.
    ///
    /// # Errors
    /// As [`QueuedInput::open_all`], when it isn't what it was any more.
    pub(crate) fn open(self, options: &Options) -> Result<InputContent> {
        let content = match self.content {
            Some(content) => content,
            None => OpenInput::open(self.input, options)?,
        };
        let now = match content.format() {
            Ok(format) if format == self.format => return Ok(content),
            other => other.map_or("unknown", Format::name),
        };
        let before = self.format;
        let message = format!("expected {before}, as it was a moment ago, found {now}");
        Err(Error::new(ErrorKind::Input, message).at(Position::file(self.input.path())))
    }
}

/// The error when no file of any folder is an input.
fn nothing_in(first: &SkippedFile, files: usize) -> Error {
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
        .fix("name what you mean; if all its files are lists of keys, pass --format list")
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
        let (mut queued, _) = QueuedInput::open_all(&inputs, &options).expect("lists");
        std::fs::write(&path, "key,size\na,1\n").expect("written");
        let last = queued.pop().expect("some");
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
        let (queued, _) = QueuedInput::open_all(&inputs, &options).expect("lists");
        let open = queued.iter().filter(|input| input.content.is_some());
        assert_eq!(open.count(), KEPT_OPEN);
        for input in queued {
            assert_eq!(input.format, Format::LIST);
            let length = input.length;
            let content = input.open(&options).expect("it is still there");
            assert_eq!(content.length(), length);
        }
    }
}

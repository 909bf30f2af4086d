//! The inputs that arguments name: files, stdin, and what lies in folders.

use super::terminal;
use crate::error::{Error, ErrorKind, Position, Result};
use crate::numbers::{bytes_text, count_text};
use crate::source::{self, AppendOnly, Folder, Input, SkippedFile};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// The inputs that were named; of a folder, the files in it. What is named twice is said, since it
/// counts twice.
///
/// # Errors
/// When a folder can't be read or has no file, and for stdin named twice: it ends once.
pub(super) fn inputs_of(args: &[OsString]) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for input in args.iter().map(|arg| Input::from_arg(arg)) {
        let folder = match &input {
            Input::File(path) if path.is_dir() => source::files_of(path)?,
            Input::File(path) if path.is_file() => {
                match AppendOnly::of_manifest(path)? {
                    Some(parts) => inputs.push(base_of(&parts)?),
                    None => inputs.push(file(path)),
                }
                continue;
            }
            _ => {
                inputs.push(input);
                continue;
            }
        };
        let others: Vec<PathBuf> = of_append_only(&folder, &mut inputs)?;
        say_not_read(&others, "it is no file", "they are no files");
        say_not_read(&folder.empty, "it is empty", "they are empty");
        say_not_read(
            &folder.unfinished,
            "it was never finished",
            "they were never finished",
        );
        let bases = |path: &PathBuf| {
            let parts = &folder.append_only;
            parts.iter().any(|parts| parts.base.as_ref() == Some(path))
        };
        let files = folder.files.iter().filter(|path| !bases(path));
        inputs.extend(files.cloned().map(Input::Found));
    }
    let is_stdin = |input: &&Input| matches!(input, Input::Stdin);
    if inputs.iter().filter(is_stdin).count() > 1 {
        let message = "`-` is named twice, and stdin ends once";
        return Err(Error::new(ErrorKind::Usage, message));
    }
    let again: Vec<&Path> = named_again(&inputs).map(Input::path).collect();
    match again.as_slice() {
        [] => {}
        [one] => terminal::say(format!(
            "warning: {} is named twice, and counted twice",
            one.display()
        )),
        more => terminal::say(format!(
            "warning: {} are named twice, and counted twice",
            some_of(more.iter().map(|path| path.display()))
        )),
    }
    Ok(inputs)
}

/// A file that was named, and what is said of it by its name.
fn file(path: &Path) -> Input {
    if source::is_named_as_base(path) {
        terminal::say(format!(
            "{}: by its name it is the base of an append-only file: what was written since, in its increments, isn't \
             counted",
            path.display()
        ));
    }
    Input::File(path.to_path_buf())
}

/// The base of an append-only file; says what isn't counted.
///
/// # Errors
/// When it has none.
fn base_of(parts: &AppendOnly) -> Result<Input> {
    let manifest = parts.manifest.display();
    let Some(base) = &parts.base else {
        let message = "expected a base in the append-only file, found increments alone";
        return Err(Error::new(ErrorKind::Input, message)
            .at(Position::file(&parts.manifest))
            .fix("let the server write one (BGREWRITEAOF), or analyze an RDB file (BGSAVE writes one)"));
    };
    terminal::say(
        match (parts.increments.as_slice(), parts.increment_bytes()) {
            ([], _) | (_, 0) => {
                format!("{manifest}: its base is read; nothing stands in its increments")
            }
            (increments, bytes) => format!(
                "{manifest}: its base is read; what was written since isn't counted: {}, {}",
                some_of(increments.iter().map(|file| file.display())),
                bytes_text(bytes)
            ),
        },
    );
    Ok(Input::File(base.clone()))
}

/// The bases of a folder's append-only files, of one below it only where it has no RDB file itself: both are of the
/// same server, and would count twice. Returns what else in it is no file.
fn of_append_only(folder: &Folder, inputs: &mut Vec<Input>) -> Result<Vec<PathBuf>> {
    for parts in &folder.append_only {
        inputs.push(base_of(parts)?);
    }
    let mut others = folder.others.clone();
    let snapshot = folder.files.iter().find(|file| source::is_rdb_file(file));
    for (below, all) in &folder.below {
        others.retain(|other| other != below);
        match snapshot {
            Some(snapshot) => terminal::say(format!(
                "{}: not read: it is an append-only file, most likely of the server that wrote {}, and its keys would \
                 count twice; name it alone to count it",
                below.display(),
                snapshot.display()
            )),
            None => {
                for parts in all {
                    inputs.push(base_of(parts)?);
                }
            }
        }
    }
    Ok(others)
}

/// How many names are said where there are many.
const SAID_NAMES: usize = 3;

/// The first few of them, and how many more there are.
pub(super) fn some_of(names: impl ExactSizeIterator<Item = impl Display>) -> String {
    let more = names.len().saturating_sub(SAID_NAMES);
    let mut text = String::new();
    for (at, name) in names.take(SAID_NAMES).enumerate() {
        let before = if at > 0 { ", " } else { "" };
        text += &format!("{before}{name}");
    }
    match more {
        0 => text,
        more => format!("{text} and {} more", count_text(more as u64)),
    }
}

/// Says in one line what of a folder isn't read.
fn say_not_read(paths: &[PathBuf], why: &str, why_many: &str) {
    match paths {
        [] => {}
        [one] => terminal::say(format!("{}: not read, {why}", one.display())),
        many => terminal::say(format!(
            "{}: not read, {why_many}",
            some_of(many.iter().map(|path| path.display()))
        )),
    }
}

/// Says in one line which files of folders aren't read, since nothing in them is recognised.
pub(super) fn describe_skipped_files(files: &[SkippedFile]) {
    match files {
        [] => {}
        [one] => terminal::say(format!(
            "{}: not read, it looks like {}",
            one.path.display(),
            one.found
        )),
        many => terminal::say(format!(
            "{} files aren't read, they don't look like keys: {}",
            count_text(many.len() as u64),
            some_of(
                many.iter()
                    .map(|file| format!("{} ({})", file.path.display(), file.found))
            )
        )),
    }
}

/// The inputs that were named before, maybe by another name.
fn named_again(inputs: &[Input]) -> impl Iterator<Item = &Input> {
    let mut seen = BTreeSet::new();
    inputs.iter().filter(move |input| match input {
        Input::Stdin => false,
        // What isn't there, or is a pipe, has no name of its own.
        Input::File(path) | Input::Found(path) => {
            path.canonicalize().is_ok_and(|path| !seen.insert(path))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_same_by_any_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for name in ["a", "b"] {
            std::fs::write(path(name), "key\n").expect("written");
        }
        let inputs: Vec<Input> = [path("a"), path("./b"), path("no"), path("no"), path("../x")]
            .into_iter()
            .chain([folder.path().join(".").join("a"), path("b")])
            .map(Input::File)
            .collect();
        let again: Vec<_> = named_again(&inputs).map(|input| input.path()).collect();
        assert_eq!(again, [inputs[5].path(), inputs[6].path()]);
    }

    #[test]
    fn stdin_is_named_once() {
        let error = inputs_of(&["-".into(), "-".into()]).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(inputs_of(&["-".into()]).is_ok());
    }
}

//! Which inputs were named.

use super::terminal;
use crate::error::{Error, ErrorKind, Result};
use crate::source::{self, Input};
use std::collections::BTreeSet;
use std::ffi::OsString;

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
            _ => {
                inputs.push(input);
                continue;
            }
        };
        for other in &folder.others {
            terminal::say(format!("{}: not read, it is no file", other.display()));
        }
        for empty in &folder.empty {
            terminal::say(format!("{}: not read, it is empty", empty.display()));
        }
        inputs.extend(folder.files.into_iter().map(Input::File));
    }
    let is_stdin = |input: &&Input| matches!(input, Input::Stdin);
    if inputs.iter().filter(is_stdin).count() > 1 {
        let message = "`-` is named twice, and stdin ends once";
        return Err(Error::new(ErrorKind::Usage, message));
    }
    for input in named_again(&inputs) {
        terminal::say(format!(
            "warning: {} is named twice, and counted twice",
            input.path().display()
        ));
    }
    Ok(inputs)
}

/// The inputs that were named before, maybe by another name.
fn named_again(inputs: &[Input]) -> impl Iterator<Item = &Input> {
    let mut seen = BTreeSet::new();
    inputs.iter().filter(move |input| match input {
        Input::Stdin => false,
        // What isn't there, or is a pipe, has no name of its own.
        Input::File(path) => path.canonicalize().is_ok_and(|path| !seen.insert(path)),
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

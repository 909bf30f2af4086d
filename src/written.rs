//! Files that are there whole or not at all.

use crate::error::{Error, ErrorKind, Position, Result};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes a file beside its place, syncs it and renames it, so that no half of one is ever seen.
///
/// # Errors
/// [`ErrorKind::Io`], for a folder or a path without a name too; what stood there
/// before stands there still.
pub fn write_whole(path: impl AsRef<Path>, content: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let beside = beside(path)?;
    let written = File::create_new(&beside).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&beside, path));
    renamed.map_err(|cause| {
        // The file isn't there either way; what matters is the first error.
        let _ = fs::remove_file(&beside);
        not_written(path, cause)
    })
}

/// Looks whether a file could be written, before the work whose result it is to hold.
///
/// # Errors
/// As [`write_whole`].
pub fn check_writable(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let beside = beside(path)?;
    let tried = File::create_new(&beside).and_then(|_| fs::remove_file(&beside));
    tried.map_err(|cause| not_written(path, cause))
}

/// Where the content is written before it takes its place.
fn beside(path: &Path) -> Result<PathBuf> {
    let Some(name) = path.file_name().filter(|_| !path.is_dir()) else {
        let message = "expected the name of a file, found a folder";
        return Err(no_place(path, message));
    };
    let mut beside = name.to_owned();
    beside.push(format!(".{}.partial", std::process::id()));
    Ok(path.with_file_name(beside))
}

fn not_written(path: &Path, cause: io::Error) -> Error {
    match cause.kind() {
        io::ErrorKind::NotFound => no_place(path, "there is no such folder to write it in"),
        _ => Error::io(path, cause),
    }
}

fn no_place(path: &Path, message: &str) -> Error {
    Error::new(ErrorKind::Io, message).at(Position::file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_there_and_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("plan.json");
        write_whole(&path, b"first").expect("written");
        write_whole(&path, b"second").expect("written again");
        assert_eq!(fs::read(&path).expect("read"), b"second");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
    }

    #[test]
    fn a_place_that_is_none_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let refused = |path: &Path| {
            let early = check_writable(path).expect_err("refused").one_line();
            let late = write_whole(path, b"x").expect_err("refused").one_line();
            assert_eq!(early, late);
            late
        };
        assert!(refused(&folder.path().join("no/such")).ends_with("no such folder to write it in"));
        assert!(refused(folder.path()).ends_with("found a folder"));
        assert!(refused(Path::new("/")).ends_with("found a folder"));
        check_writable(folder.path().join("plan.json")).expect("a place");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0);
    }
}

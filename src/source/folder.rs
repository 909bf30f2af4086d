//! Folders of dumps.

use crate::error::{Error, ErrorKind, Position, Result};
use std::path::{Path, PathBuf};

/// More files in a folder than anybody's dumps.
const MAX_FILES: usize = 1 << 16;

/// What lies in a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// Its files that aren't empty, by name.
    pub files: Vec<PathBuf>,
    /// Its empty files, by name: a dump that was never written, or a mark that one is done.
    pub empty: Vec<PathBuf>,
    /// What else is in it, by name: folders, pipes, links to nothing.
    pub others: Vec<PathBuf>,
}

/// The files of a folder, in the order of their names. Hidden ones (`.name`) are none of the
/// user's dumps and left out, as a shell's `*` does.
///
/// # Errors
/// When it can't be read, or has no file but empty ones, or more than 65,536.
pub fn files_of(folder: &Path) -> Result<Folder> {
    let failed = |cause| Error::io(folder, cause);
    let mut found = Folder::default();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() && metadata.len() == 0 => found.empty.push(path),
            Ok(metadata) if metadata.is_file() => found.files.push(path),
            _ => found.others.push(path),
        }
        if found.files.len() + found.empty.len() + found.others.len() > MAX_FILES {
            return Err(refused(folder, "more than 65,536 entries"));
        }
    }
    if found.files.is_empty() {
        let instead = match found.empty.is_empty() {
            true => "none",
            false => "empty ones alone",
        };
        return Err(refused(folder, instead));
    }
    found.files.sort_unstable();
    found.empty.sort_unstable();
    found.others.sort_unstable();
    Ok(found)
}

fn refused(folder: &Path, instead: &str) -> Error {
    let message = format!("expected files in the folder, found {instead}");
    Error::new(ErrorKind::Input, message).at(Position::file(folder))
}

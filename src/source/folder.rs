//! Lists the dumps in a folder.

use super::append_only::{AppendOnly, append_only_files_of};
use super::format::TALLY_MAGIC;
use super::formats::is_rdb;
use crate::error::{Error, ErrorKind, Position, Result};
use crate::output_file::is_former_name;
use std::fs::File;
use std::io::Read;
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
    /// What a former version of slotkit left when it was killed while it saved a tally, by name.
    pub unfinished: Vec<PathBuf>,
    /// What else is in it, by name: folders, pipes, links to nothing.
    pub others: Vec<PathBuf>,
    /// The append-only files whose manifests are in it. Of their parts, the base alone is one of the files.
    pub append_only: Vec<AppendOnly>,
    /// The first folders in it that have such a manifest, and what these name.
    pub below: Vec<(PathBuf, Vec<AppendOnly>)>,
}

/// The files of a folder, in the order of their names. Hidden ones (`.name`) are none of the
/// user's dumps and left out, as a shell's `*` does.
///
/// A server's folder for data, which has nothing but the folder of an append-only file, is what is in that one.
///
/// # Errors
/// When it can't be read, or has no file but empty ones, or more than 65,536.
pub fn files_of(folder: &Path) -> Result<Folder> {
    let mut found = listed(folder)?;
    take_parts_out(&mut found)?;
    let others = found.others.iter().filter(|other| other.is_dir());
    for below in others.take(MAX_LOOKED_INTO) {
        // One that can't be read was never meant: it is said as no file.
        let Ok(mut inner) = listed(below) else {
            continue;
        };
        take_parts_out(&mut inner)?;
        if !inner.append_only.is_empty() {
            found.below.push((below.clone(), inner.append_only));
        }
    }
    if found.files.is_empty() && found.append_only.is_empty() && found.below.is_empty() {
        let instead = if found.empty.is_empty() {
            "none"
        } else {
            "empty ones alone"
        };
        return Err(refused(folder, instead));
    }
    Ok(found)
}

/// How many folders in a folder are looked into for an append-only file.
const MAX_LOOKED_INTO: usize = 16;

/// Leaves of the parts of append-only files the base alone.
fn take_parts_out(found: &mut Folder) -> Result<()> {
    found.append_only = append_only_files_of(&found.files)?;
    let append_only = &found.append_only;
    let is_other = |file: &PathBuf| {
        let mut of = append_only.iter();
        !of.any(|parts| parts.names(file) && parts.base.as_ref() != Some(file))
    };
    found.files.retain(is_other);
    found.empty.retain(is_other);
    Ok(())
}

/// What lies in it.
fn listed(folder: &Path) -> Result<Folder> {
    let failed = |cause| Error::io(folder, cause);
    let (mut found, mut entries) = (Folder::default(), 0);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() && metadata.len() == 0 => found.empty.push(path),
            Ok(metadata) if metadata.is_file() && is_unfinished(&path) => {
                found.unfinished.push(path);
            }
            Ok(metadata) if metadata.is_file() => found.files.push(path),
            _ => found.others.push(path),
        }
        entries += 1;
        if entries > MAX_FILES {
            return Err(refused(folder, "more than 65,536 entries"));
        }
    }
    found.files.sort_unstable();
    found.empty.sort_unstable();
    found.unfinished.sort_unstable();
    found.others.sort_unstable();
    Ok(found)
}

/// Whether a file is a tally in the making: it has such a name, and begins as a tally does.
/// Somebody else's file with such a name is a file as any other.
pub fn is_unfinished(path: &Path) -> bool {
    if !path.file_name().is_some_and(is_former_name) {
        return false;
    }
    let mut start = Vec::new();
    let read = File::open(path)
        .and_then(|file| file.take(TALLY_MAGIC.len() as u64).read_to_end(&mut start));
    read.is_ok() && TALLY_MAGIC.starts_with(&start)
}

/// Whether a file begins as an RDB file does; one that can't be read doesn't.
pub fn is_rdb_file(path: &Path) -> bool {
    let mut head = [0; RDB_HEAD_BYTES];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && is_rdb(&head)
}

/// How many bytes tell an RDB file.
const RDB_HEAD_BYTES: usize = 9;

fn refused(folder: &Path, instead: &str) -> Error {
    let message = format!("expected files in the folder, found {instead}");
    Error::new(ErrorKind::Input, message).at(Position::file(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_in_the_making_is_no_input() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for (name, content) in [
            ("a.tally", TALLY_MAGIC),
            ("a.tally.12.partial", TALLY_MAGIC),
            ("b.tally.12.partial", &TALLY_MAGIC[..3]),
            ("keys.12.partial", b"key:1\n"),
            ("keys.partial", TALLY_MAGIC),
            (".a.tally.12.x1y2z3.partial", TALLY_MAGIC),
        ] {
            std::fs::write(path(name), content).expect("written");
        }
        let found = files_of(folder.path()).expect("a folder");
        let unfinished = ["a.tally.12.partial", "b.tally.12.partial"].map(path);
        assert_eq!(found.unfinished, unfinished);
        let files = ["a.tally", "keys.12.partial", "keys.partial"].map(path);
        assert_eq!(found.files, files);
    }
}

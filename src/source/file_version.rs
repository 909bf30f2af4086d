//! Tells whether a file is still what it was.

use super::input::Input;
use std::os::unix::fs::MetadataExt;

/// What changes when a file is written or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileVersion {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl FileVersion {
    /// That of a file which can be read again and again; nothing of pipes, devices and stdin.
    pub(crate) fn of(input: &Input) -> Option<FileVersion> {
        let path = match input {
            Input::Stdin => return None,
            Input::File(path) | Input::Found(path) => path,
        };
        let metadata = std::fs::metadata(path).ok().filter(|file| file.is_file())?;
        Some(FileVersion {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

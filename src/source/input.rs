//! Inputs: where keys are read from.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where keys are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The standard input.
    Stdin,
    /// A file, a pipe or a device.
    File(PathBuf),
    /// A file that lies in a folder: one that isn't recognised is passed over.
    Found(PathBuf),
}

impl Input {
    /// What an argument means: `-` is stdin, everything else a path.
    pub fn from_arg(arg: &OsStr) -> Input {
        if arg == "-" {
            Input::Stdin
        } else {
            Input::File(PathBuf::from(arg))
        }
    }

    /// Its path, or `<stdin>`.
    pub fn path(&self) -> &Path {
        match self {
            Input::Stdin => Path::new("<stdin>"),
            Input::File(path) | Input::Found(path) => path,
        }
    }
}

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

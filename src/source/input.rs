//! Inputs: where keys are read from.

use std::ffi::OsStr;
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

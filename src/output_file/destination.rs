//! Finds what the name of an output leads to: a file, a stream, stdout.

use super::{folder_instead, no_place};
use crate::error::{Error, Result};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// How many links are followed, as many as Linux follows.
const MAX_LINKS: u32 = 40;

/// What an output's name stands for once every link is followed.
#[derive(Debug)]
pub(super) enum Destination {
    /// Nothing is there yet.
    New(PathBuf),
    /// A regular file, with what is known of it.
    File(PathBuf, Metadata),
    /// Our own standard output.
    Stdout,
    /// A file that somebody has opened already: `/dev/stderr`, `/dev/fd/3`.
    Opened(PathBuf),
    /// A character device, or a pipe with a name.
    Stream(PathBuf),
    /// A socket with a name.
    Socket(PathBuf),
}

/// Follows the links of a name, a dangling one too.
///
/// # Errors
/// For a folder, in a folder that isn't there, for links in a circle, for a disk, and for a
/// descriptor that is open for reading only.
pub(super) fn destination(named: &Path) -> Result<Destination> {
    let mut path = named.to_path_buf();
    for _ in 0..=MAX_LINKS {
        let name = path.file_name().filter(|_| !ends_with_slash(&path));
        let name = name.ok_or_else(|| folder_instead(named))?;
        let folder = folder_of(&path).map_err(|cause| super::not_written(named, cause))?;
        let real = folder.join(name);
        let found = match fs::symlink_metadata(&real) {
            Ok(found) => found,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                return Ok(Destination::New(real));
            }
            Err(cause) => return Err(super::not_written(named, cause)),
        };
        if !found.is_symlink() {
            return kind_of(named, real, found);
        }
        // These links lead to what is open, whatever its name was: they can't be read as a path.
        if is_descriptors(&folder) {
            return opened(named, &folder, name);
        }
        let target = fs::read_link(&real).map_err(|cause| Error::io(named, cause))?;
        path = folder.join(target);
    }
    Err(no_place(named, "its links lead in a circle"))
}

/// The folder that a path's last name is in, by its real name.
fn folder_of(path: &Path) -> io::Result<PathBuf> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    fs::canonicalize(parent.unwrap_or(Path::new(".")))
}

fn ends_with_slash(path: &Path) -> bool {
    path.as_os_str().as_bytes().ends_with(b"/")
}

fn kind_of(named: &Path, real: PathBuf, found: Metadata) -> Result<Destination> {
    let kind = found.file_type();
    if kind.is_dir() {
        return Err(folder_instead(named));
    }
    if kind.is_block_device() {
        // Nobody means that: what is on the disk would be lost.
        return Err(no_place(named, "expected the name of a file, found a disk"));
    }
    Ok(match () {
        () if kind.is_file() => Destination::File(real, found),
        () if kind.is_socket() => Destination::Socket(real),
        () => Destination::Stream(real),
    })
}

/// Whether a folder's entries are the descriptors of a process.
fn is_descriptors(folder: &Path) -> bool {
    folder.starts_with("/proc") && folder.ends_with("fd")
}

/// What a process has open under this number.
fn opened(named: &Path, folder: &Path, number: &OsStr) -> Result<Destination> {
    let real = folder.join(number);
    let about = folder.with_file_name("fdinfo").join(number);
    let about = fs::read_to_string(about).map_err(|cause| Error::io(named, cause))?;
    if is_read_only(&about) {
        let message = "expected something to write to, found what is open for reading only";
        return Err(no_place(named, message));
    }
    if fs::metadata(&real).is_ok_and(|found| found.file_type().is_block_device()) {
        return Err(no_place(named, "expected the name of a file, found a disk"));
    }
    let own = Path::new("/proc").join(std::process::id().to_string());
    Ok(if number == "1" && folder.starts_with(own) {
        Destination::Stdout
    } else {
        Destination::Opened(real)
    })
}

/// Reads `flags` of proc_pid_fdinfo(5): octal, its last two bits are how it was opened.
fn is_read_only(about: &str) -> bool {
    let flags = about.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & 0o3 == 0)
}

//! Writes output files: whole or not at all.
//!
//! A regular file of ours, or a new one, is there whole or not at all: it is made beside its place
//! and renamed. Whatever else stands there stays what it is:
//!
//! | the name leads to | what happens |
//! |---|---|
//! | nothing | a new file: for its owner alone where it holds names of keys, else as the umask says |
//! | a file | a new one takes its place, with its owner and its mode; who may not write into the file may not replace it |
//! | a file with several names, of another owner, or where nothing can be renamed (a folder without write right, a file that is mounted) | it is written where it is: what is longer first, so that a full disk leaves it as it was |
//! | a link | it is followed, a dangling one too |
//! | a device, a pipe, a socket | it is written to |
//! | `/dev/stdout`, `/dev/fd/3` | what is open there is written to, at its end |
//! | a folder, a disk, links in a circle, what is open for reading only | refused |

mod destination;
mod temporary;
#[cfg(test)]
mod tests;

#[cfg(all(feature = "cli", feature = "live"))]
pub(crate) use temporary::clean_up;
pub(crate) use temporary::is_former_name;

use crate::error::{Error, ErrorKind, Position, Result};
use destination::{Destination, destination};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, fchown};
use std::os::unix::net::UnixStream;
use std::path::Path;
use temporary::TemporaryFile;

/// Who may read a file that wasn't there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Whoever the umask lets.
    ByUmask,
    /// Its owner alone: names of keys are in it.
    Owner,
}

impl Readers {
    /// The mode of a new file, before the umask takes from it.
    fn mode(self) -> u32 {
        match self {
            Readers::ByUmask => 0o666,
            Readers::Owner => 0o600,
        }
    }
}

/// Writes an output whole.
///
/// # Errors
/// [`ErrorKind::Io`]; a file that stood there before stands there still.
pub fn write_whole(path: impl AsRef<Path>, content: &[u8], readers: Readers) -> Result<()> {
    let path = path.as_ref();
    let failed = |cause| not_written(path, cause);
    match destination(path)? {
        Destination::New(real) => replace_by_rename(&real, None, content, readers).map_err(failed),
        Destination::File(real, found) => replace(&real, &found, content, readers).map_err(failed),
        Destination::Stdout => {
            let mut out = io::stdout().lock();
            let written = out.write_all(content).and_then(|()| out.flush());
            // A reader of stdout may go when it has seen enough.
            written.map_err(|cause| Error::io("<stdout>", cause))
        }
        // Behind what was written there: it is somebody else's file.
        Destination::Opened(real) => {
            let opened = OpenOptions::new().append(true).open(&real);
            opened
                .and_then(|mut file| file.write_all(content))
                .map_err(failed)
        }
        Destination::Stream(real) => {
            let opened = OpenOptions::new().write(true).open(&real);
            opened
                .and_then(|mut file| file.write_all(content))
                .map_err(failed)
        }
        Destination::Socket(real) => UnixStream::connect(&real)
            .and_then(|mut stream| stream.write_all(content))
            .map_err(failed),
    }
}

/// Looks whether an output could be written, before the work whose result it is to hold. A device, a
/// pipe and a socket aren't touched: whoever reads there would notice.
///
/// # Errors
/// As [`write_whole`].
pub fn check_writable(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let tried = match destination(path)? {
        Destination::New(real) => TemporaryFile::create(&real, 0o600).map(drop),
        Destination::File(real, _) => open(&real).map(drop),
        Destination::Stdout
        | Destination::Opened(_)
        | Destination::Stream(_)
        | Destination::Socket(_) => Ok(()),
    };
    tried.map_err(|cause| not_written(path, cause))
}

/// Whether a name stands for our standard output.
#[cfg(any(feature = "cli", test))]
pub fn is_stdout(path: &Path) -> bool {
    path == Path::new("-") || matches!(destination(path), Ok(Destination::Stdout))
}

/// Whether a regular file stands there that would be replaced; what somebody has opened isn't.
pub fn is_file(path: &Path) -> bool {
    matches!(destination(path), Ok(Destination::File(..)))
}

/// Whether two names stand for the same file.
#[cfg(feature = "cli")]
pub fn are_same(one: &Path, other: &Path) -> bool {
    let file = |path| std::fs::metadata(path).map(|found| (found.dev(), found.ino()));
    matches!((file(one), file(other)), (Ok(one), Ok(other)) if one == other)
}

/// Opens a file as it is, to write into it.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).open(path)
}

/// Puts new content in the place of a file's.
fn replace(path: &Path, found: &Metadata, content: &[u8], readers: Readers) -> io::Result<()> {
    // Who may not write into the file may not replace it either, though the folder would allow it.
    let file = open(path)?;
    if found.nlink() > 1 {
        return in_place(&file, found.len(), content);
    }
    match replace_by_rename(path, Some(found), content, readers) {
        Err(cause) if can_only_stay(cause.kind()) => in_place(&file, found.len(), content),
        done => done,
    }
}

/// Whether a file can't be replaced by a new one, but maybe written into: a folder without write
/// right, another owner, a file that is mounted by itself.
fn can_only_stay(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::*;
    matches!(
        kind,
        PermissionDenied | ReadOnlyFilesystem | ResourceBusy | CrossesDevices
    )
}

/// Makes the file beside its place and renames it.
fn replace_by_rename(
    path: &Path,
    found: Option<&Metadata>,
    content: &[u8],
    readers: Readers,
) -> io::Result<()> {
    let mode = found.map_or(readers.mode(), |_| 0o600);
    let mut beside = TemporaryFile::create(path, mode)?;
    let file = beside.file();
    if let Some(found) = found {
        let made = file.metadata()?;
        if (made.uid(), made.gid()) != (found.uid(), found.gid()) {
            fchown(&*file, Some(found.uid()), Some(found.gid()))?;
        }
        file.set_permissions(found.permissions())?;
    }
    file.write_all(content)?;
    file.sync_all()?;
    beside.take(path)
}

/// Writes into a file as it is. What makes it longer comes first: when the disk is full, that is cut
/// off again, and nothing of the old content is lost.
fn in_place(file: &File, old_bytes: u64, content: &[u8]) -> io::Result<()> {
    let common = content
        .len()
        .min(usize::try_from(old_bytes).unwrap_or(usize::MAX));
    let (start, rest) = content.split_at(common);
    let lengthened = file
        .write_all_at(rest, common as u64)
        .and_then(|()| file.sync_all());
    if let Err(cause) = lengthened {
        let _ = file.set_len(old_bytes);
        return Err(cause);
    }
    file.write_all_at(start, 0)?;
    file.set_len(content.len() as u64)?;
    file.sync_all()
}

fn not_written(path: &Path, cause: io::Error) -> Error {
    match cause.kind() {
        io::ErrorKind::NotFound => no_place(path, "there is no such folder to write it in"),
        io::ErrorKind::NotADirectory => no_place(path, "what should be its folder is a file"),
        io::ErrorKind::BrokenPipe => no_place(path, "its reader has gone"),
        io::ErrorKind::ConnectionRefused => no_place(path, "nobody listens at this socket"),
        _ => Error::io(path, cause),
    }
}

fn folder_instead(path: &Path) -> Error {
    no_place(path, "expected the name of a file, found a folder")
}

fn no_place(path: &Path, message: &str) -> Error {
    Error::new(ErrorKind::Io, message).at(Position::file(path))
}

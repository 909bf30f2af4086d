//! A temporary file beside the file that it will replace.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tempfile::{Builder, NamedTempFile};

/// How a file in the making ends, here and in former versions.
const SUFFIX: &str = ".partial";

/// How much of the file's name is taken over, bytes: names have 255 at most.
const MAX_NAME_BYTES: usize = 200;

/// The file in the making, for who ends the program meanwhile.
static UNFINISHED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// A file that goes away unless it takes its place.
pub(super) struct TemporaryFile(NamedTempFile);

impl TemporaryFile {
    /// A new file in the folder of this one, with a hidden name that nobody else has
    /// (`.NAME.PID.RANDOM.partial`) and the mode that a new file gets.
    pub fn create(place: &Path, mode: u32) -> io::Result<TemporaryFile> {
        let name = place.file_name().unwrap_or_default();
        let name = &name.as_bytes()[..name.len().min(MAX_NAME_BYTES)];
        let mut prefix = OsString::from(".");
        prefix.push(OsStr::from_bytes(name));
        prefix.push(format!(".{}.", std::process::id()));
        let folder = place.parent().unwrap_or(Path::new("."));
        let mut making = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
        let file = Builder::new()
            .prefix(&prefix)
            .suffix(SUFFIX)
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(folder)?;
        *making = Some(file.path().to_path_buf());
        Ok(TemporaryFile(file))
    }

    pub fn file(&mut self) -> &mut File {
        self.0.as_file_mut()
    }

    /// Renames the temporary file to its place.
    pub fn take(self, place: &Path) -> io::Result<()> {
        self.0.persist(place).map(drop).map_err(|error| error.error)
    }
}

/// Removes what is in the making: the program ends here.
#[cfg(all(feature = "cli", feature = "live"))]
pub(crate) fn clean_up() {
    let making = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = &*making {
        // It may have taken its place, or have gone, long ago; its name was its own.
        let _ = std::fs::remove_file(path);
    }
}

/// Whether a name is one that versions before 0.2 gave to a file in the making: `NAME.PID.partial`.
pub(crate) fn is_former_name(name: &OsStr) -> bool {
    let stem = name.as_bytes().strip_suffix(SUFFIX.as_bytes());
    let dot = stem.and_then(|stem| Some((stem, memchr::memrchr(b'.', stem)?)));
    dot.is_some_and(|(stem, dot)| {
        let digits = &stem[dot + 1..];
        dot > 0 && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn former_names_have_a_process_in_them() {
        for (name, is_one) in [
            ("out.tally.4711.partial", true),
            ("x.1.partial", true),
            ("dump.rdb.partial", false),
            ("4711.partial", false),
            (".4711.partial", false),
            ("out.tally.47x1.partial", false),
            ("out.tally.4711.partial.gz", false),
            ("out..partial", false),
        ] {
            assert_eq!(is_former_name(OsStr::new(name)), is_one, "{name}");
        }
    }
}

//! Append-only files of several parts: a folder with a manifest, a base and increments.
//!
//! The manifest has a line for each part, `file appendonly.aof.1.base.rdb seq 1 type b`, with the types `b` for the
//! base, `i` for increments and `h` for what is about to be deleted; a name with odd bytes is in quotes (`aof.c` of
//! Redis 7.0 and later). The base is an RDB file where `aof-use-rdb-preamble` is on, as it is by default.

use super::escape::{Escape, Unescaped};
use crate::error::{Error, ErrorKind, Position, Result};
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The longest manifest that is read: servers have a few parts.
const MOST_BYTES: u64 = 1 << 20;

/// What a manifest names; files lie beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppendOnly {
    /// The path of the manifest.
    pub manifest: PathBuf,
    /// The base: a snapshot, or commands in an older server's way. A server that was never asked to rewrite has none.
    pub base: Option<PathBuf>,
    /// What was written since, in its order.
    pub increments: Vec<PathBuf>,
    /// What isn't a part any more.
    pub history: Vec<PathBuf>,
}

impl AppendOnly {
    /// Reads a file that is named as a manifest; nothing when it is something else.
    ///
    /// # Errors
    /// When it can't be read, or a line of it is damaged.
    pub fn of_manifest(path: &Path) -> Result<Option<AppendOnly>> {
        let name = path.file_name().unwrap_or_default().as_bytes();
        if !name.ends_with(b".manifest") {
            return Ok(None);
        }
        let mut text = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MOST_BYTES).read_to_end(&mut text))
            .map_err(|cause| Error::io(path, cause))?;
        if text.starts_with(b"file ") || text.starts_with(b"#") {
            AppendOnly::parse(path, &text).map(Some)
        } else {
            Ok(None)
        }
    }

    fn parse(path: &Path, text: &[u8]) -> Result<AppendOnly> {
        let mut found = AppendOnly {
            manifest: path.to_path_buf(),
            ..AppendOnly::default()
        };
        let lines = text.split(|byte| *byte == b'\n').enumerate();
        for (at, line) in lines {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let part = Part::of_line(line).ok_or_else(|| broken(path, at, line))?;
            let file = path.with_file_name(part.name);
            match part.kind {
                b'b' => found.base = Some(file),
                b'i' => found.increments.push(file),
                _ => found.history.push(file),
            }
        }
        Ok(found)
    }

    /// Whether a file is one of its parts, or the manifest.
    pub fn names(&self, file: &Path) -> bool {
        let parts = self.increments.iter().chain(&self.history);
        parts
            .chain(&self.base)
            .chain([&self.manifest])
            .any(|part| part == file)
    }

    /// How many bytes of increments there are, as far as they can be told.
    pub fn increment_bytes(&self) -> u64 {
        let lengths = self
            .increments
            .iter()
            .filter_map(|file| std::fs::metadata(file).ok());
        lengths.fold(0, |sum: u64, file| sum.saturating_add(file.len()))
    }
}

/// The manifests in a folder, by name.
///
/// # Errors
/// When one can't be read, or is damaged.
pub fn append_only_files_of(files: &[PathBuf]) -> Result<Vec<AppendOnly>> {
    let each = files
        .iter()
        .map(|file| AppendOnly::of_manifest(file).transpose());
    each.flatten().collect()
}

fn broken(path: &Path, at: usize, line: &[u8]) -> Error {
    let message = format!(
        "expected a line of a manifest such as `file appendonly.aof.1.base.rdb seq 1 type b`, found `{}`",
        line[..line.len().min(64)].escape_ascii()
    );
    Error::new(ErrorKind::Input, message)
        .at(Position::file(path).at_line(at as u64 + 1))
        .fix("name the base itself, which is an RDB file")
}

/// One line.
struct Part {
    name: OsString,
    kind: u8,
}

impl Part {
    fn of_line(line: &[u8]) -> Option<Part> {
        let rest = line.strip_prefix(b"file ")?;
        let (name, rest) = match rest.first()? {
            b'"' => {
                let end = 2 + rest[1..]
                    .windows(2)
                    .position(|near| near[1] == b'"' && near[0] != b'\\')?;
                let mut name = Vec::new();
                let read = Escape::Quoted.unescape(&rest[..=end], &mut name);
                (read == Unescaped::Exact).then_some((name, &rest[end + 1..]))?
            }
            _ => {
                let end = rest.iter().position(|byte| *byte == b' ')?;
                (rest[..end].to_vec(), &rest[end..])
            }
        };
        let mut words = rest
            .split(|byte| *byte == b' ')
            .filter(|word| !word.is_empty());
        let mut kind = None;
        while let (Some(word), Some(value)) = (words.next(), words.next()) {
            if word == b"type" {
                kind = match value {
                    [kind @ (b'b' | b'i' | b'h')] => Some(*kind),
                    _ => return None,
                };
            }
        }
        // Servers refuse a name that leads out of the folder; so must whoever opens files by it.
        let is_plain = !name.is_empty() && !name.contains(&b'/') && name != b".." && name != b".";
        is_plain.then_some(Part {
            name: OsString::from_vec(name),
            kind: kind?,
        })
    }
}

/// Whether a file's name is that of a base, `appendonly.aof.1.base.rdb`.
pub fn is_named_as_base(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".base.rdb").unwrap_or_default();
    let number = stem.rsplit('.').next().unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<AppendOnly> {
        AppendOnly::parse(Path::new("dir/a.manifest"), text.as_bytes())
    }

    #[test]
    fn manifests_name_their_parts() {
        let found = parse(
            "# made by hand\nfile a.1.base.rdb seq 1 type b\r\nfile \"a b\\\"\\x01.incr.aof\" seq 2 type i startoffset 7\n\
             file a.0.base.rdb seq 0 type h\nfile a.3.incr.aof seq 3 type i\n",
        )
        .expect("it reads");
        assert_eq!(found.base.as_deref(), Some(Path::new("dir/a.1.base.rdb")));
        assert_eq!(
            found.increments,
            [
                Path::new("dir/a b\"\u{1}.incr.aof"),
                Path::new("dir/a.3.incr.aof")
            ]
        );
        assert_eq!(found.history, [Path::new("dir/a.0.base.rdb")]);
        assert!(found.names(Path::new("dir/a.manifest")) && !found.names(Path::new("dir/other")));
    }

    #[test]
    fn damaged_manifests_are_refused_with_their_line() {
        for line in [
            "file a.rdb seq 1",
            "file ../a.rdb seq 1 type b",
            "file a seq 1 type x",
            "file \"a seq 1 type b",
            "files",
        ] {
            let error =
                parse(&format!("file a.1.base.rdb seq 1 type b\n{line}\n")).expect_err("refused");
            assert!(error.one_line().contains("line 2"), "{}", error.one_line());
        }
    }

    #[test]
    fn bases_have_their_names() {
        assert!(is_named_as_base(Path::new("x/appendonly.aof.12.base.rdb")));
        for name in [
            "dump.rdb",
            "appendonly.aof.1.incr.aof",
            "x.base.rdb",
            ".base.rdb",
        ] {
            assert!(!is_named_as_base(Path::new(name)), "{name}");
        }
    }
}

//! Saved tallies: what was counted on one machine, to be merged on another.
//!
//! A tally file is
//!
//! ```text
//! magic    16 bytes   "SLOTKIT\0TALLY\r\n\0": a transfer as text breaks it
//! version   4 bytes
//! length    8 bytes   of the body
//! body                see `write`
//! checksum 32 bytes   SHA-256 of everything before it
//! ```
//!
//! All numbers are little-endian. The same counts give the same bytes for any
//! number of threads. The checksum is compared before anything of the body is
//! believed; and what it vouches for is still checked for what no tally can
//! hold, so that a forged file is an error too, never a panic or a wrong sum.

mod fields;
mod read;
mod rising;
#[cfg(test)]
mod tests;
mod write;

use super::{Outcome, SecondPass, Tally};
use crate::error::{Error, ErrorKind, Position, Result};
use crate::output_file::{Readers, check_writable, is_file, write_whole};
use crate::source::{TALLY_MAGIC, read_error};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The version of the form that is written, and the only one that is read.
const VERSION: u32 = 8;

/// The longest body: many times what a tally of sane keys takes (about 10 MB at most).
const MAX_BODY_BYTES: u64 = 256 << 20;

/// What to do about a tally that can't be read.
const FIX: &str = "save the tally again, or copy it again as binary";

/// What to do about tallies that were joined.
const MERGE: &str = "tallies are merged by naming each file: slotkit analyze a.tally b.tally";

/// How many inputs one tally may stand for.
const MAX_INPUTS: usize = 1 << 20;

/// How many notes are kept of an input, far more than any format has.
const MAX_NOTES: usize = 64;

/// The longest text that is kept: a note, what is wrong with a row.
const MAX_TEXT_BYTES: usize = 4 << 10;

/// The longest name of an input that a system opens.
const MAX_PATH_BYTES: usize = 4 << 10;

const HEADER_BYTES: usize = TALLY_MAGIC.len() + 4 + 8;
const CHECKSUM_BYTES: usize = 32;

/// Whether a tally could be saved there, before anything is counted for one.
///
/// # Errors
/// As [`Outcome::save`].
pub fn check_place(path: impl AsRef<Path>) -> Result<()> {
    check_free(path.as_ref())?;
    check_writable(path)
}

/// Refuses to put a tally in the place of anything but another tally: a dump, say, that was
/// named twice.
fn check_free(path: &Path) -> Result<()> {
    let refused = |found: &str| {
        let message = format!("expected no file, or a saved tally to replace, found {found}");
        Err(Error::new(ErrorKind::Usage, message)
            .at(Position::file(path))
            .fix("save the tally under another name"))
    };
    match std::fs::metadata(path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(Error::io(path, cause)),
        Ok(metadata) if metadata.is_dir() => return refused("a folder"),
        // Nothing is replaced where a device or a pipe stands, or something is open.
        Ok(_) if !is_file(path) => return Ok(()),
        Ok(_) => {}
    }
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(TALLY_MAGIC.len() as u64).read_to_end(&mut start))
        .map_err(|cause| Error::io(path, cause))?;
    if start.is_empty() || start == TALLY_MAGIC {
        Ok(())
    } else {
        refused("another file")
    }
}

impl Outcome {
    /// Writes a tally file whole, or to the device or pipe that has this name.
    /// A new one is for its owner alone: keys are named in it.
    ///
    /// # Errors
    /// [`ErrorKind::Io`]; [`ErrorKind::Usage`] where something else than a tally stands; [`ErrorKind::Input`] when its keys are so long that no tally file holds them.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        check_free(path)?;
        let bytes = self
            .to_bytes()
            .map_err(|error| error.at(Position::file(path)))?;
        write_whole(path, &bytes, Readers::Owner)
    }

    /// What a tally file holds.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] when its keys are so long that no tally file holds them.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let body = write::body(&self.tally, &self.inputs);
        if body.len() as u64 > MAX_BODY_BYTES || self.inputs.len() > MAX_INPUTS {
            let message = format!(
                "expected a tally of at most {MAX_BODY_BYTES} bytes and {MAX_INPUTS} inputs, found {} bytes of {} inputs",
                body.len(),
                self.inputs.len()
            );
            return Err(Error::new(ErrorKind::Input, message));
        }
        Ok(sealed(&body))
    }

    /// Reads what [`Outcome::save`] wrote; `path` names it in errors and in [`super::InputSummary::tally`].
    ///
    /// # Errors
    /// When reading fails, or it is cut off, altered, of another version or
    /// holds what no tally can; with the byte.
    pub fn from_saved(input: impl Read, path: &Path) -> Result<Outcome> {
        let mut bytes = Vec::new();
        let most = HEADER_BYTES as u64 + MAX_BODY_BYTES + CHECKSUM_BYTES as u64;
        input
            // One byte more tells a file that is too long.
            .take(most + 1)
            .read_to_end(&mut bytes)
            .map_err(|cause| match read_error(path, cause) {
                damaged if damaged.kind() == ErrorKind::Input => damaged.fix(FIX),
                other => other,
            })?;
        let (tally, inputs) = open(&bytes)
            .and_then(|body| read::body(body, path))
            .map_err(|broken| broken.to_error(path))?;
        Ok(Outcome {
            tally,
            inputs,
            second_pass: SecondPass::None,
            skipped_files: Vec::new(),
        })
    }
}

/// What is wrong with a tally file, and where.
#[derive(Debug)]
struct Broken {
    byte: usize,
    message: String,
    fix: &'static str,
}

impl Broken {
    fn new(byte: usize, message: impl Into<String>) -> Broken {
        Broken {
            byte,
            message: message.into(),
            fix: FIX,
        }
    }

    fn fix(self, fix: &'static str) -> Broken {
        Broken { fix, ..self }
    }

    fn to_error(&self, path: &Path) -> Error {
        Error::new(ErrorKind::Input, &self.message)
            .at(Position::file(path).at_byte(self.byte as u64))
            .fix(self.fix)
    }
}

/// A body with its header and its checksum.
fn sealed(body: &[u8]) -> Vec<u8> {
    let mut bytes = TALLY_MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend((body.len() as u64).to_le_bytes());
    bytes.extend(body);
    let checksum = Sha256::digest(&bytes);
    bytes.extend(checksum);
    bytes
}

/// The body of a tally file, when header, length and checksum are right.
fn open(bytes: &[u8]) -> Result<&[u8], Broken> {
    let Some(header) = bytes.get(..HEADER_BYTES) else {
        let message = format!("the tally is cut off: expected {HEADER_BYTES} bytes of header");
        return Err(Broken::new(bytes.len(), message));
    };
    if !header.starts_with(TALLY_MAGIC) {
        return Err(Broken::new(0, "expected the magic of a saved tally"));
    }
    let mut numbers = fields::Fields::new(&header[TALLY_MAGIC.len()..], TALLY_MAGIC.len());
    let version = numbers.u32()?;
    if version != VERSION {
        let message = format!("expected a tally of version {VERSION}, found version {version}");
        return Err(Broken::new(TALLY_MAGIC.len(), message));
    }
    let length = numbers.u64()?;
    if length > MAX_BODY_BYTES {
        let message = format!("expected a length of at most {MAX_BODY_BYTES}, found {length}");
        return Err(Broken::new(TALLY_MAGIC.len() + 4, message));
    }
    let end = HEADER_BYTES + length as usize;
    let whole = end + CHECKSUM_BYTES;
    if bytes.len() < whole {
        let message = format!("the tally is cut off: expected {whole} bytes");
        return Err(Broken::new(bytes.len(), message));
    }
    if bytes[whole..].starts_with(TALLY_MAGIC) {
        let message = format!("expected the end of the tally after {whole} bytes, found another");
        return Err(Broken::new(whole, message).fix(MERGE));
    }
    if bytes.len() > whole {
        let message = format!("expected the end of the tally after {whole} bytes, found more");
        return Err(Broken::new(whole, message));
    }
    if *Sha256::digest(&bytes[..end]) != bytes[end..] {
        let message = "the tally was altered: its checksum isn't that of its content";
        return Err(Broken::new(end, message));
    }
    Ok(&bytes[HEADER_BYTES..end])
}

//! Plans as JSON: `plan-rebalance --json` and the plan file are the same document.
//!
//! The document has `"schema":1`. A reader refuses another number, and
//! tolerates fields that it doesn't know, since later versions may add some
//! beside the ones of schema 1 without changing what these mean. What is read
//! is checked: slots move once, from who owned them, to a primary that was
//! there; the fingerprint is that of the listed ownership.

use super::document::{PlanJson, SCHEMA};
use super::plan::Plan;
use crate::error::{Error, ErrorKind, Position, Result};
use crate::output_file::{Readers, check_writable, is_file, write_whole};
use serde::Deserialize;
use std::io::Read;
use std::path::Path;

/// A plan for all 16,384 slots and 1,000 nodes takes about 4 MB; more than this is no plan.
pub const MAX_PLAN_BYTES: usize = 64 << 20;

/// Only the version, to name it when the rest can't be read.
#[derive(Deserialize)]
struct SchemaJson {
    schema: u64,
}

impl Plan {
    /// The document: one line a field, ends with a line break; the same plan gives the same bytes.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(&PlanJson::from(self))
            .expect("a plan has only strings as keys and finite numbers");
        text.push('\n');
        text
    }

    /// Reads a document; `origin` is what errors call it.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] with line and column when it isn't a plan of [`SCHEMA`], or contradicts itself.
    pub fn from_json(text: &[u8], origin: &str) -> Result<Plan> {
        let place = Position::file(origin);
        let refuse = |message: String| Error::new(ErrorKind::Input, message).at(place.clone());
        if text.len() > MAX_PLAN_BYTES {
            return Err(refuse(format!(
                "expected a plan of at most {MAX_PLAN_BYTES} bytes, found {}",
                text.len()
            )));
        }
        if let Err(error) = std::str::from_utf8(text) {
            return Err(refuse("expected a plan in UTF-8".to_owned())
                .at(place.at_byte(error.valid_up_to() as u64)));
        }
        // The version first: a document of another version may differ in everything else.
        let SchemaJson { schema } =
            serde_json::from_slice(text).map_err(|error| unreadable(&error, origin))?;
        if schema != SCHEMA {
            return Err(refuse(format!(
                "expected a plan of schema {SCHEMA}, found schema {schema}"
            ))
            .fix("plan again with this version of slotkit"));
        }
        let json: PlanJson =
            serde_json::from_slice(text).map_err(|error| unreadable(&error, origin))?;
        Plan::try_from(json)
            .map_err(|(field, message)| refuse(message).at(Position::file(origin).at_field(field)))
    }

    /// Reads a plan file.
    ///
    /// # Errors
    /// [`ErrorKind::Io`], or as [`Plan::from_json`].
    pub fn read(path: impl AsRef<Path>) -> Result<Plan> {
        let path = path.as_ref();
        let file = std::fs::File::open(path).map_err(|error| Error::io(path, error))?;
        let mut text = Vec::new();
        // One byte more than is allowed, so that a longer file is told from one of just that size.
        file.take(MAX_PLAN_BYTES as u64 + 1)
            .read_to_end(&mut text)
            .map_err(|error| Error::io(path, error))?;
        if text.len() > MAX_PLAN_BYTES {
            let message = format!("expected a plan of at most {MAX_PLAN_BYTES} bytes, found more");
            return Err(Error::new(ErrorKind::Input, message).at(Position::file(path)));
        }
        Plan::from_json(&text, &path.display().to_string())
    }

    /// Writes a plan file whole, or to the device or pipe that has this name.
    ///
    /// # Errors
    /// [`ErrorKind::Io`]; [`ErrorKind::Usage`] where something else than a plan stands.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        check_free(path)?;
        write_whole(path, self.to_json().as_bytes(), Readers::ByUmask)
    }

    /// Whether a plan could be written there, before the work for one is done.
    ///
    /// # Errors
    /// As [`Plan::write`].
    pub fn check_place(path: impl AsRef<Path>) -> Result<()> {
        check_free(path.as_ref())?;
        check_writable(path)
    }
}

/// Refuses to put a plan in the place of anything but another plan: a dump, say, that was named
/// twice.
fn check_free(path: &Path) -> Result<()> {
    let is_free = match std::fs::metadata(path) {
        Ok(found) if is_file(path) => found.len() == 0 || Plan::read(path).is_ok(),
        // A folder or a missing one is told apart by writing.
        _ => true,
    };
    if is_free {
        return Ok(());
    }
    let message = "expected no file, or a plan to replace, found another file";
    Err(Error::new(ErrorKind::Usage, message)
        .at(Position::file(path))
        .fix("write the plan under another name"))
}

fn unreadable(error: &serde_json::Error, origin: &str) -> Error {
    let message = match error.classify() {
        serde_json::error::Category::Eof => "the plan is cut off".to_owned(),
        _ => format!("expected a plan: {error}"),
    };
    let place = Position::file(origin).at_line(error.line() as u64);
    Error::new(ErrorKind::Input, message).at(place)
}

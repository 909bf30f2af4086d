//! The magic of an RDB file: its family and its version.

use super::Reader;
use crate::error::Result;

/// The digits behind a magic.
const MAGICS: [(&[u8], usize); 2] = [(b"REDIS", 4), (b"VALKEY", 3)];

/// The length of both magics.
const MAGIC_BYTES: usize = 9;

/// The newest versions that are known: newer ones are tried, and it is said.
const NEWEST_REDIS: u32 = 12;
const NEWEST_VALKEY: u32 = 80;

/// Whether these are the first bytes of an RDB file.
pub(in crate::source) fn is_rdb(head: &[u8]) -> bool {
    magic(head).is_some()
}

/// Whether a magic is Valkey's, and its version.
fn magic(head: &[u8]) -> Option<(bool, u32)> {
    MAGICS.iter().find_map(|(word, digits)| {
        let number = head.strip_prefix(*word)?.get(..*digits)?;
        let text = std::str::from_utf8(number).ok()?;
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let version = text.parse().ok().filter(|_| is_number)?;
        Some((*word == b"VALKEY", version))
    })
}

impl Reader {
    /// Reads the magic and takes from it how the rest is read.
    pub(super) fn begin(&mut self) -> Result<()> {
        let head = self.window.look(MAGIC_BYTES)?;
        let Some((is_valkey, version)) = magic(head) else {
            let message = "expected the magic of an RDB file, found something else";
            return Err(self.window.error(0, message));
        };
        self.origin.is_valkey = is_valkey;
        self.origin.rdb_version = version;
        self.values.model.renew(&self.origin);
        if self.verifies && version >= 5 {
            self.window.sum();
        }
        self.window.skip(MAGIC_BYTES as u64)?;
        let newest = if is_valkey {
            NEWEST_VALKEY
        } else {
            NEWEST_REDIS
        };
        if version > newest {
            self.note(format!(
                "it is of RDB version {version}, newer than slotkit knows ({newest}): it is tried"
            ));
        }
        Ok(())
    }
}

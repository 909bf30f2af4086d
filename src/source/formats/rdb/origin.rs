//! The server that wrote an RDB file, by its magic and its auxiliary fields.

use crate::source::options::Allocator;

/// What the file says of its writer.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    /// Whether the magic is Valkey's, or a field says that it is Valkey.
    pub(super) is_valkey: bool,
    /// The number in the magic.
    pub(super) rdb_version: u32,
    /// The server's version as it says it.
    pub(super) server_version: Option<String>,
    /// The width of its pointers.
    pub(super) bits: Option<u64>,
    /// Whether it was a node of a cluster, as far as that can be seen.
    pub(super) is_cluster: bool,
    /// Whether it is the base of an append-only file of several parts, whose increments stand beside it.
    pub(super) is_aof_base: bool,
    /// The server's allocator, where the user says it: no file does.
    pub(super) allocator: Option<Allocator>,
}

impl Origin {
    /// Takes an auxiliary field.
    pub(super) fn field(&mut self, name: &[u8], value: &[u8]) {
        let text = || String::from_utf8_lossy(value).into_owned();
        match name {
            b"redis-ver" => self.server_version = Some(text()),
            b"valkey-ver" => {
                self.is_valkey = true;
                self.server_version = Some(text());
            }
            b"aof-base" => self.is_aof_base = value == b"1",
            b"redis-bits" => self.bits = text().parse().ok(),
            b"slot-info" | b"cluster-asm-task" => self.is_cluster = true,
            _ => {}
        }
    }

    /// Major and minor version of the server; without a field the first that wrote such files.
    pub(super) fn version(&self) -> (u32, u32) {
        self.said_version().unwrap_or(match self.rdb_version {
            ..=6 => (2, 8),
            7 => (3, 2),
            8 => (4, 0),
            9 => (5, 0),
            10 => (7, 0),
            11 => (7, 2),
            12 => (7, 4),
            _ if self.is_valkey => (9, 0),
            _ => (8, 6),
        })
    }

    fn said_version(&self) -> Option<(u32, u32)> {
        let mut numbers = self.server_version.as_deref()?.split('.');
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        // Unstable builds call themselves 255.255.255.
        (major < 255).then_some((major, minor))
    }

    /// How reports call it.
    pub(super) fn name(&self) -> String {
        let family = if self.is_valkey { "Valkey" } else { "Redis" };
        match &self.server_version {
            Some(version) => {
                let shown: String = version
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(32)
                    .collect();
                format!("{family} {shown}")
            }
            None => family.to_owned(),
        }
    }
}

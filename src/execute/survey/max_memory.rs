//! `maxmemory`, and that a node may not tell it.

use crate::cluster::parse::info_field;

/// `maxmemory`, as a node tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MaxMemory {
    /// It has none.
    Unlimited,
    /// It has this one, bytes.
    Bytes(u64),
    /// It doesn't tell: there may be one.
    #[default]
    Unknown,
}

impl MaxMemory {
    /// What `INFO memory` says of it.
    pub fn from_info(memory: &str) -> MaxMemory {
        match info_field(memory, "maxmemory").map(str::parse::<u64>) {
            Some(Ok(0)) => MaxMemory::Unlimited,
            Some(Ok(bytes)) => MaxMemory::Bytes(bytes),
            Some(Err(_)) | None => MaxMemory::Unknown,
        }
    }

    /// The limit, where there is one and it is known.
    pub fn bytes(self) -> Option<u64> {
        match self {
            MaxMemory::Bytes(bytes) => Some(bytes),
            MaxMemory::Unlimited | MaxMemory::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_is_not_unlimited() {
        let of = |line: &str| MaxMemory::from_info(&format!("used_memory:1\r\n{line}\r\n"));
        assert_eq!(of("maxmemory:0"), MaxMemory::Unlimited);
        assert_eq!(of("maxmemory:7"), MaxMemory::Bytes(7));
        for line in [
            "maxmemory_human:7B",
            "maxmemory:",
            "maxmemory:-1",
            "maxmemory:7mb",
        ] {
            assert_eq!(of(line), MaxMemory::Unknown, "{line}");
        }
    }
}

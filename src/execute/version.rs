//! Reads which server a node runs, as far as its abilities differ.

use crate::cluster::parse::info_field;
use std::fmt;

/// Below which Redis version a server writes dumps of which RDB version.
const DUMPS_OF_REDIS: [([u32; 2], u16); 10] = [
    ([3, 2], 6),
    ([4, 0], 7),
    ([5, 0], 8),
    ([7, 0], 9),
    ([7, 2], 10),
    ([7, 4], 11),
    ([8, 6], 12),
    ([8, 8], 13),
    ([8, 10], 14),
    ([8, 11], 15),
];
/// From here on the versions of dumps are Valkey's own.
const FIRST_OF_VALKEY: u16 = 80;

/// A server's version, from `INFO server`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// Whether it is Valkey.
    pub is_valkey: bool,
    /// The Redis version it is, or claims to be compatible with.
    pub redis: [u32; 3],
    /// Its own version where it is a Valkey.
    valkey: Option<[u32; 3]>,
    /// What it calls itself.
    name: String,
}

impl Version {
    /// Reads it from the answer of `INFO server`.
    pub fn from_info(info: &str) -> Option<Version> {
        let redis = numbers(info_field(info, "redis_version")?)?;
        let valkey = info_field(info, "valkey_version");
        let name = match valkey {
            Some(version) => format!("Valkey {version}"),
            None => format!("Redis {}", info_field(info, "redis_version")?),
        };
        Some(Version {
            is_valkey: valkey.is_some(),
            redis,
            valkey: valkey.and_then(numbers),
            name,
        })
    }

    /// Whether `MIGRATE` takes several keys (3.0.6).
    pub fn migrates_many_keys(&self) -> bool {
        self.redis >= [3, 0, 6]
    }

    /// Whether `MIGRATE` can log in on the target (4.0.7).
    pub fn migrates_with_password(&self) -> bool {
        self.redis >= [4, 0, 7]
    }

    /// Whether `MIGRATE` can log in as a named user (6.0).
    pub fn migrates_with_user(&self) -> bool {
        self.redis >= [6, 0, 0]
    }

    /// The RDB version that the dumps of its values name (`rdb.h`; seen in `DUMP` of Redis 3.2 to
    /// 8.0 and Valkey 8.1 to 9.1); none for servers that are newer than this table.
    pub fn dump_version(&self) -> Option<u16> {
        match self.valkey {
            Some(version) if version < [9, 0, 0] => Some(11),
            Some(version) if version < [9, 2, 0] => Some(FIRST_OF_VALKEY),
            Some(version) if version < [9, 3, 0] => Some(81),
            Some(_) => None,
            None => {
                let is_before = |(below, _): &&([u32; 2], u16)| self.redis[..2] < below[..];
                let row = DUMPS_OF_REDIS.iter().find(is_before);
                row.map(|(_, dump)| *dump)
            }
        }
    }

    /// Whether a dump of this version is loaded; nothing where this table doesn't know.
    ///
    /// A server refuses each dump that is newer than its own. To Valkey 9 the numbers from 12 to 79
    /// are another project's, which it refuses unless `rdb-version-check` is `relaxed`.
    pub fn loads_dump(&self, version: u16) -> Option<bool> {
        let own = self.dump_version()?;
        let is_foreign = own >= FIRST_OF_VALKEY && (12..FIRST_OF_VALKEY).contains(&version);
        Some(version <= own && !is_foreign)
    }

    /// Whether `ACL DRYRUN` exists (7.0).
    pub fn tells_permissions(&self) -> bool {
        self.redis >= [7, 0, 0]
    }

    /// Whether there are functions (7.0).
    pub fn has_functions(&self) -> bool {
        self.redis >= [7, 0, 0]
    }

    /// Whether it may be of those that move slots by themselves: Valkey 9.0, which calls itself
    /// Redis 7.2, and Redis 8.4.
    pub fn may_move_slots_itself(&self) -> bool {
        self.is_valkey || self.redis >= [8, 0, 0]
    }

    /// Whether a primary that gives its last slot away may turn into a replica (7.0).
    pub fn may_turn_into_replica(&self) -> bool {
        self.redis >= [7, 0, 0]
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

fn numbers(text: &str) -> Option<[u32; 3]> {
    let mut parts = text.split('.').map(|part| {
        let digits = part.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok()
    });
    let mut next = || parts.next().unwrap_or(Some(0));
    Some([next()?, next()?, next()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_servers_are_told_apart() {
        let redis = Version::from_info("redis_version:4.0.7\r\n").expect("a version");
        assert!(redis.migrates_with_password() && !redis.migrates_with_user());
        assert_eq!(redis.to_string(), "Redis 4.0.7");
        let info = "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.2\r\n";
        let valkey = Version::from_info(info).expect("a version");
        assert!(valkey.is_valkey && valkey.tells_permissions());
        assert_eq!(valkey.to_string(), "Valkey 9.1.2");
        let candidate = Version::from_info("redis_version:8.4-rc1").expect("a version");
        assert_eq!(candidate.redis, [8, 4, 0]);
        assert_eq!(Version::from_info("nothing"), None);
    }
    #[test]
    fn dumps_load_on_servers_that_are_not_older() {
        let redis = |version: &str| {
            let info = format!("redis_version:{version}\r\n");
            Version::from_info(&info).expect("a version")
        };
        let valkey = |version: &str| {
            let info = format!("redis_version:7.2.4\r\nvalkey_version:{version}\r\n");
            Version::from_info(&info).expect("a version")
        };
        let seen = [
            (redis("3.2.13"), 7),
            (redis("5.0.14"), 9),
            (redis("6.2.14"), 9),
            (redis("7.0.15"), 10),
            (redis("8.0.6"), 12),
            (valkey("8.1.4"), 11),
            (valkey("9.1.2"), 80),
        ];
        // What each of these took of the others' dumps, asked on 2026-11-29.
        let taken: [&[u16]; 7] = [
            &[7],
            &[7, 9],
            &[7, 9],
            &[7, 9, 10],
            &[7, 9, 10, 11, 12],
            &[7, 9, 10, 11],
            &[7, 9, 10, 11, 80],
        ];
        for ((server, own), taken) in seen.iter().zip(taken) {
            assert_eq!(server.dump_version(), Some(*own), "{server}");
            for (_, dump) in &seen {
                let loads = Some(taken.contains(dump));
                assert_eq!(server.loads_dump(*dump), loads, "{dump} on {server}");
            }
        }
        assert_eq!(redis("8.10.1").dump_version(), Some(15));
        // Newer than what is known.
        assert_eq!(redis("255.255.255").dump_version(), None);
        assert_eq!(valkey("10.0.0").loads_dump(80), None);
    }
}

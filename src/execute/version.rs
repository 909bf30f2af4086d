//! Which server a node runs, as far as its abilities differ.

use crate::cluster::parse::info_field;
use std::fmt;

/// A server's version, from `INFO server`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Whether it is Valkey.
    pub is_valkey: bool,
    /// The Redis version it is, or claims to be compatible with.
    pub redis: [u32; 3],
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

    /// Whether `ACL DRYRUN` exists (7.0).
    pub fn tells_permissions(&self) -> bool {
        self.redis >= [7, 0, 0]
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
}

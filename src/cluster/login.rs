//! Who we say we are to a server.

use std::fmt;

/// A password. Nothing prints it: `Debug` shows asterisks, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a password.
    pub fn new(password: impl Into<String>) -> Secret {
        Secret(password.into())
    }

    /// The password itself, for the wire only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A password, and the user it belongs to when that isn't the default user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The ACL user (Redis 6.0 and later); none is the default user.
    pub user: Option<String>,
    /// The password.
    pub password: Secret,
}

//! Who we say we are to a server.

use crate::masked::Mask;
use std::borrow::Cow;
use std::fmt;

/// A password. Nothing prints it: `Debug` shows asterisks, and there is no `Display`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret {
    password: String,
    mask: Mask,
}

impl Secret {
    /// Wraps a password.
    pub fn new(password: impl Into<String>) -> Secret {
        let password = password.into();
        let mask = Mask::of(&password);
        Secret { password, mask }
    }

    /// The password itself, for the wire only.
    pub fn reveal(&self) -> &str {
        &self.password
    }

    /// Somebody else's words, of somebody who knows the password, without it.
    pub fn mask<'text>(&self, words: &'text str) -> Cow<'text, str> {
        self.mask.mask(words)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A password, and the user it belongs to when that isn't the default user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Login {
    /// The ACL user (Redis 6.0 and later); none is the default user.
    pub user: Option<String>,
    /// The password.
    pub password: Secret,
}

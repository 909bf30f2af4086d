//! What nodes answer.

use super::verb::Verb;
use crate::error::{Error, ErrorKind, Result};
use std::fmt;

/// What a node answers to one verb.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing there.
    Nil,
    /// A number.
    Int(i64),
    /// A status or a string, as bytes.
    Text(Vec<u8>),
    /// Several replies.
    List(Vec<Reply>),
    /// An error reply.
    Refused(Refusal),
}

/// An error reply of a server: `CODE detail`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The first word, such as `ERR`, `MOVED`, `NOPERM`.
    pub code: String,
    /// The rest.
    pub detail: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.detail)
    }
}

impl Reply {
    /// The reply, unless it is an error reply.
    ///
    /// # Errors
    /// [`ErrorKind::Auth`] for a missing login or permission, [`ErrorKind::Server`] for the rest.
    pub fn accepted(self, verb: &Verb) -> Result<Reply> {
        match self {
            Reply::Refused(refusal) => Err(refusal_error(verb, &refusal)),
            reply => Ok(reply),
        }
    }

    /// A reply that must be a number, not negative.
    ///
    /// # Errors
    /// As [`Reply::accepted`], or when it is something else.
    pub fn count(self, verb: &Verb) -> Result<u64> {
        match self.accepted(verb)? {
            Reply::Int(number) if number >= 0 => Ok(number as u64),
            other => Err(unexpected(verb, "a number", &other)),
        }
    }

    /// A reply that must be text.
    ///
    /// # Errors
    /// As [`Reply::accepted`], or when it is something else.
    pub fn text(self, verb: &Verb) -> Result<String> {
        match self.accepted(verb)? {
            Reply::Text(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            other => Err(unexpected(verb, "a text", &other)),
        }
    }

    /// A reply that must be a list of byte strings.
    ///
    /// # Errors
    /// As [`Reply::accepted`], or when it is something else.
    pub fn byte_strings(self, verb: &Verb) -> Result<Vec<Vec<u8>>> {
        let list = match self.accepted(verb)? {
            Reply::List(list) => list,
            other => return Err(unexpected(verb, "a list", &other)),
        };
        list.into_iter()
            .map(|entry| match entry {
                Reply::Text(bytes) => Ok(bytes),
                other => Err(unexpected(verb, "a list of strings", &other)),
            })
            .collect()
    }
}

fn refusal_error(verb: &Verb, refusal: &Refusal) -> Error {
    let message = format!("{} was refused: {refusal}", verb.name());
    match refusal.code.as_str() {
        "NOAUTH" => Error::new(ErrorKind::Auth, message)
            .mend("give the password with REDISCLI_AUTH, --askpass or -a"),
        "WRONGPASS" => Error::new(ErrorKind::Auth, message).mend("check the user and the password"),
        "NOPERM" => Error::new(ErrorKind::Auth, message)
            .mend("log in as a user that may run this command (ACL SETUSER)"),
        _ => Error::new(ErrorKind::Server, message),
    }
}

fn unexpected(verb: &Verb, expected: &str, found: &Reply) -> Error {
    let found = match found {
        Reply::Nil => "nil",
        Reply::Int(_) => "a number",
        Reply::Text(_) => "a text",
        Reply::List(_) => "a list",
        Reply::Refused(_) => "an error",
    };
    let message = format!(
        "{} should answer {expected}, but answered {found}",
        verb.name()
    );
    Error::new(ErrorKind::Server, message)
}

//! What nodes answer.

use super::refusal::{Refusal, ServerError};
use super::verb::Verb;
use crate::error::{Error, ErrorKind, Result};

/// What a node answers to one verb.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

/// The most that a reply may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes on the wire, all entries and lengths together.
    pub bytes: u64,
    /// Entries of lists, those in lists of lists too; 0 where no list is an answer.
    pub entries: u64,
}

/// The most keys that a node is believed to have: with 50 bytes each they would take 50 TB. Sums of
/// such numbers over all slots and nodes stay far from what a `u64` holds.
const COUNT_MAX: i64 = 1 << 40;

impl Reply {
    /// What it is, in words: its contents may be half a gigabyte.
    pub fn kind(&self) -> &'static str {
        match self {
            Reply::Nil => "nil",
            Reply::Int(_) => "a number",
            Reply::Text(_) => "a text",
            Reply::List(_) => "a list",
            Reply::Refused(_) => "an error",
        }
    }

    /// The reply, unless it is an error reply.
    ///
    /// # Errors
    /// [`ErrorKind::Auth`] for a missing login or permission, [`ErrorKind::NotReady`] from one that
    /// loads its data or runs a script, [`ErrorKind::Server`] for the rest.
    pub fn accepted(self, verb: &Verb) -> Result<Reply> {
        match self {
            Reply::Refused(refusal) => Err(refusal_error(verb, &refusal)),
            reply => Ok(reply),
        }
    }

    /// A reply that must be a number of keys: not negative, and not more than any node can hold.
    ///
    /// # Errors
    /// As [`Reply::accepted`], or when it is something else.
    pub fn count(self, verb: &Verb) -> Result<u64> {
        match self.accepted(verb)? {
            Reply::Int(number @ 0..=COUNT_MAX) => Ok(number as u64),
            Reply::Int(number) => {
                let message = format!(
                    "{} should answer a number of keys, but answered {number}",
                    verb.name()
                );
                Err(Error::new(ErrorKind::Server, message))
            }
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
    let error = match refusal.error() {
        ServerError::LoginMissing => Error::new(ErrorKind::Auth, message)
            .fix("give the password with REDISCLI_AUTH, --askpass or -a"),
        ServerError::LoginWrong => {
            Error::new(ErrorKind::Auth, message).fix("check the user and the password")
        }
        ServerError::Forbidden => Error::new(ErrorKind::Auth, message)
            .fix("log in as a user that may run this command (ACL SETUSER)"),
        ServerError::Loading | ServerError::Busy => {
            Error::new(ErrorKind::NotReady, message).fix("wait until it is done")
        }
        _ => Error::new(ErrorKind::Server, message),
    };
    error.because(refusal.why())
}

fn unexpected(verb: &Verb, expected: &str, found: &Reply) -> Error {
    let found = found.kind();
    let message = format!(
        "{} should answer {expected}, but answered {found}",
        verb.name()
    );
    Error::new(ErrorKind::Server, message)
}

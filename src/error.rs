//! What can go wrong, where it went wrong, and how to fix it.
//!
//! Every floor returns the same [`Error`]. It says *what* failed, the
//! [`Position`] in the input where there is one, and, where slotkit knows it,
//! the fix: a sentence that tells the user what to do. No error text ever
//! holds a password.

use crate::escape::{key_line, shortened};
use std::error::Error as StdError;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How long an error on one line is, characters: thousands of slots may have failed alike.
const LINE_CHARS_MAX: usize = 1_900;

/// The result of everything in slotkit that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it was; decides the exit code of the binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call makes no sense: flags that exclude each other, a node that isn't in the cluster.
    Usage,
    /// Reading or writing failed: missing file, full disk, closed pipe.
    Io,
    /// The input was read, but isn't what it should be.
    Input,
    /// A server can't be reached.
    Connect,
    /// A server refuses the user or the password.
    Auth,
    /// A server answers, but to nothing of use yet: it loads its data, or runs a script.
    NotReady,
    /// A server answered with an error, or with something that isn't an answer.
    Server,
    /// The cluster is in a state in which moving slots isn't safe; nothing was changed.
    Unsafe,
    /// The plan was made for another cluster, or for a state that has passed; nothing was changed.
    StalePlan,
    /// A move stopped part-way; it can be gone on with.
    Stopped,
}

/// Why a server can't be asked: what to do about it depends on that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Why {
    /// Nobody who was asked knows where it listens.
    NoAddress,
    /// Its host name isn't known here.
    UnknownHost,
    /// There is no way to its address from here.
    NoRoute,
    /// The machine is there, and nobody listens at the port.
    Refused,
    /// No answer in time.
    Silent,
    /// Somebody accepts, and hangs up without an answer.
    HungUp,
    /// Somebody answers who isn't such a server.
    NotAServer,
    /// A server without cluster mode.
    NoCluster,
    /// Another node of this or another cluster.
    AnotherNode,
    /// It wants a login, and was given none.
    LoginMissing,
    /// It refuses the login.
    LoginWrong,
    /// It has no password, and was given one.
    LoginUnknown,
    /// The user may not ask it.
    Forbidden,
    /// It is in protected mode: it has no password, and answers its own machine alone.
    Protected,
    /// It is loading its data.
    Loading,
}

impl Why {
    /// Of a failed connection, as the system tells it.
    pub fn of_io(error: &std::io::Error) -> Option<Why> {
        use std::io::ErrorKind::*;
        match error.kind() {
            ConnectionRefused => Some(Why::Refused),
            TimedOut | WouldBlock => Some(Why::Silent),
            HostUnreachable | NetworkUnreachable | NetworkDown | AddrNotAvailable => {
                Some(Why::NoRoute)
            }
            ConnectionReset | ConnectionAborted | UnexpectedEof | BrokenPipe => Some(Why::HungUp),
            // The standard library has no kind for it.
            _ if error.to_string().contains("lookup address") => Some(Why::UnknownHost),
            _ => None,
        }
    }
}

/// A place in an input: as much of it as is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The file, or `<stdin>`.
    pub file: Option<PathBuf>,
    /// The line, counted from 1.
    pub line: Option<u64>,
    /// The field's name, or its number counted from 1.
    pub field: Option<String>,
    /// The byte offset in the file, counted from 0.
    pub byte: Option<u64>,
}

impl Position {
    /// A whole file.
    pub fn file(path: impl AsRef<Path>) -> Position {
        Position {
            file: Some(path.as_ref().to_path_buf()),
            ..Position::default()
        }
    }

    /// A line, counted from 1.
    #[must_use]
    pub fn at_line(self, line: u64) -> Position {
        Position {
            line: Some(line),
            ..self
        }
    }

    /// A field, by name.
    #[must_use]
    pub fn at_field(self, field: impl Into<String>) -> Position {
        Position {
            field: Some(field.into()),
            ..self
        }
    }

    /// A byte offset, counted from 0.
    #[must_use]
    pub fn at_byte(self, byte: u64) -> Position {
        Position {
            byte: Some(byte),
            ..self
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        if let Some(file) = &self.file {
            parts.push(key_line(file.as_os_str().as_bytes()).into_owned());
        }
        if let Some(line) = self.line {
            parts.push(format!("line {line}"));
        }
        if let Some(field) = &self.field {
            parts.push(format!("field {field}"));
        }
        if let Some(byte) = self.byte {
            parts.push(format!("byte {byte}"));
        }
        f.write_str(&parts.join(", "))
    }
}

/// One failure: kind, message, place, fix and cause.
///
/// `Display` gives place and message on one line; the causes are reached
/// through [`StdError::source`], the fix through [`Error::fix`].
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    position: Option<Position>,
    fix: Option<String>,
    why: Option<Why>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A failure of this kind, with what happened and what was expected.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            position: None,
            fix: None,
            why: None,
            source: None,
        }))
    }

    /// A failed read or write of a file.
    pub fn io(path: impl AsRef<Path>, cause: std::io::Error) -> Error {
        let message = match cause.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::IsADirectory => "expected a file, found a folder".to_owned(),
            _ => cause.to_string(),
        };
        let error = Error::new(ErrorKind::Io, message).at(Position::file(path));
        // The message says it all already; the cause is kept only where it adds its kind.
        match cause.kind() {
            std::io::ErrorKind::BrokenPipe => error.caused_by(cause),
            _ => error,
        }
    }

    /// Says where it happened.
    #[must_use]
    pub fn at(mut self, position: Position) -> Error {
        self.0.position = Some(position);
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Error {
        self.0.fix = Some(fix.into());
        self
    }

    /// Says why the server can't be asked, where that is known.
    #[must_use]
    pub fn because(mut self, why: Option<Why>) -> Error {
        self.0.why = why;
        self
    }

    /// Says what it was caused by.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.0.source = Some(Arc::from(cause.into()));
        self
    }

    /// Puts who or what failed before the message.
    #[must_use]
    pub fn context(mut self, who: impl fmt::Display) -> Error {
        self.0.message = format!("{who}: {}", self.0.message);
        self
    }

    /// Puts what came of it behind the message.
    #[must_use]
    pub fn followed_by(mut self, what: impl fmt::Display) -> Error {
        self.0.message = format!("{}{what}", self.0.message);
        self
    }

    /// Adds another failure, which came of something else: both have to be told, and fixed.
    #[must_use]
    pub fn beside(self, other: Error) -> Error {
        if self.message().contains(other.message()) {
            return self;
        }
        let message = format!("{}; {}", self.message(), other.message());
        let fix = match (self.fix_text(), other.fix_text()) {
            (Some(fix), Some(more)) if !fix.contains(more) => Some(format!("{fix}; {more}")),
            (fix, more) => fix.or(more).map(str::to_owned),
        };
        let both = Error::new(self.kind(), message);
        match fix {
            Some(fix) => both.fix(fix),
            None => both,
        }
    }

    /// Makes it a failure of another kind: what went wrong depends on when it does.
    #[must_use]
    pub fn of_kind(mut self, kind: ErrorKind) -> Error {
        self.0.kind = kind;
        self
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Where it happened, if it has a place.
    pub fn position(&self) -> Option<&Position> {
        self.0.position.as_ref()
    }

    /// What to do about it, if slotkit knows.
    pub fn fix_text(&self) -> Option<&str> {
        self.0.fix.as_deref()
    }

    /// Why the server can't be asked, where that is known.
    pub fn why(&self) -> Option<Why> {
        self.0.why
    }

    /// What happened, without the place.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The whole chain on one line: place, message, causes, then the fix. Where that is more than
    /// anybody reads, words are left out before the fix, which is followed to the letter.
    pub fn one_line(&self) -> String {
        let mut line = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        if let Some(fix) = self.fix_text() {
            let room = LINE_CHARS_MAX.saturating_sub(fix.chars().count());
            let words = shortened(&line, room.max(LINE_CHARS_MAX / 4));
            line = format!("{words}; {fix}");
        }
        // A server's or a file's words may hold line breaks; the promise is one line.
        line.replace(['\n', '\r'], " ")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.position {
            Some(position) => write!(f, "{position}: {}", self.0.message),
            None => f.write_str(&self.0.message),
        }
    }
}

/// By what failed: its kind, why, and the message. Where it was, what to do about it and what it was
/// caused by are for people, and decide nothing.
impl Hash for Error {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Inner {
            kind,
            message,
            position: _,
            fix: _,
            why,
            source: _,
        } = &*self.0;
        (kind, message, why).hash(state);
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.one_line())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|cause| cause as &(dyn StdError + 'static))
    }
}

/// What to do about a finding, as JSON: `fix`, and `mend` beside it, which was its name before 1.0.
pub(crate) fn fix_by_both_names<S: serde::Serializer>(
    fix: &str,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap;
    let mut map = serializer.serialize_map(Some(2))?;
    map.serialize_entry("fix", fix)?;
    map.serialize_entry("mend", fix)?;
    map.end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{BuildHasher, RandomState};

    #[test]
    fn a_line_holds_place_message_cause_and_fix() {
        let cause = std::io::Error::other("disk\non fire");
        let error = Error::new(ErrorKind::Input, "expected an integer, found `x`")
            .at(Position::file("a.csv")
                .at_line(3)
                .at_field("size")
                .at_byte(41))
            .caused_by(cause)
            .fix("fix the line, or pass --on-error skip");
        assert_eq!(
            error.one_line(),
            "a.csv, line 3, field size, byte 41: expected an integer, found `x`: disk on fire; \
             fix the line, or pass --on-error skip"
        );
    }

    #[test]
    fn the_fix_of_a_long_message_is_whole() {
        let message = "slot 1: key `k` is on both nodes; ".repeat(1_000);
        let fix = "look at both; ".repeat(50);
        let line = Error::new(ErrorKind::Stopped, message)
            .fix(fix.clone())
            .one_line();
        assert!(
            line.starts_with("slot 1: key `k`") && line.ends_with(&fix),
            "{line}"
        );
        assert!(line.chars().count() < LINE_CHARS_MAX + 50, "{}", line.len());
    }

    #[test]
    fn a_name_of_a_file_is_escaped_as_keys_are() {
        let place = Position::file(std::ffi::OsStr::from_bytes(b"a\n\x1b[2J\xe9"));
        assert_eq!(place.to_string(), "a\\x0A\\x1B[2J\\xE9");
    }

    #[test]
    fn what_failed_is_told_apart_and_its_fix_is_not() {
        let hasher = RandomState::new();
        let error = || Error::new(ErrorKind::Server, "it says no");
        let number = hasher.hash_one(error());
        assert_eq!(hasher.hash_one(error().fix("ask again")), number);
        assert_ne!(hasher.hash_one(error().of_kind(ErrorKind::Unsafe)), number);
        assert_ne!(hasher.hash_one(error().context("slot 1")), number);
        assert_ne!(hasher.hash_one(error().because(Some(Why::Silent))), number);
    }

    #[test]
    fn a_missing_file_is_named() {
        let cause = std::io::Error::from(std::io::ErrorKind::NotFound);
        assert_eq!(
            Error::io("no/such.csv", cause).one_line(),
            "no/such.csv: there is no such file"
        );
    }
}

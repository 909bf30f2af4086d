//! Compares two copies of a big value, element by element.
//!
//! What is in memory at a time is one chunk of each copy: some 256 KiB, or one element where that
//! is more (an old server's small collections come in one piece, as its configuration bounds them).
//! The source's elements are read in turn and asked for on the target by name, since two servers
//! scan a table in different orders; with equal counts the copies are the same where each is found.
//!
//! ```text
//!  Type ──> Length ──> Part (strings, lists) ──────────────────────┐
//!                  ├─> Scan (sets, sorted sets, hashes) ◄─► Lives ─┼─> the same
//!                  └─> Entries (streams without groups) ───────────┘
//!  each: source, then target
//!        equal: the next     other: read once more; the same again: different
//!                                   not the same again: it changes, not compared
//! ```

mod hash;
mod list;
mod scan;
mod set;
mod sorted_set;
mod stream;
mod string;
/// An element with what belongs to it: a value, a score or nothing.
struct Element<'a> {
    name: &'a [u8],
    value: &'a [u8],
}

/// The scan from this cursor on, unless it has come to its end.
fn scan_on(cursor: Vec<u8>) -> Option<Step> {
    (cursor != b"0").then_some(Step::Scan { cursor })
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use crate::cluster::verb::{Reply, ServerError, Verb};

/// What is read of each copy at a time, bytes.
const CHUNK_BYTES: u64 = 256 * 1024;
/// The most elements that are asked for at once.
const MAX_CHUNK_ELEMENTS: u64 = 1_000;
/// A value with more elements isn't compared: it would take tens of thousands of round trips.
const MAX_ELEMENTS: u64 = 20_000_000;
/// How often a chunk that differs is read again while it changes.
const MAX_REPEATS: u32 = 3;
/// How many more round trips than its length needs a comparison may take: a scan comes back to
/// elements while a table is rebuilt.
const ROUNDS_SLACK: u64 = 10_000;

/// Which copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::execute) enum Side {
    Source,
    Target,
}

/// What came of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::execute) enum Compared {
    Same,
    Different,
    /// One copy has gone meanwhile.
    Gone(Side),
    /// Nobody knows whether they are the same, and why.
    Not(String),
}

/// A comparison under way.
#[derive(Clone, Debug, Hash)]
pub(in crate::execute) struct Walk {
    key: Vec<u8>,
    /// What it takes in memory, or is thought to.
    bytes: u64,
    kind: Kind,
    length: u64,
    /// How many elements are asked for at once.
    chunk: u64,
    /// Whether a server may know fields that expire.
    has_lives: bool,
    step: Step,
    /// What the source has answered in this step.
    mine: Option<Vec<Reply>>,
    /// What both have answered before, where it differed.
    before: Option<[Vec<Reply>; 2]>,
    repeats: u32,
    rounds: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    String,
    List,
    Set,
    SortedSet,
    Hash,
    Stream,
}

#[derive(Clone, Debug, Hash)]
enum Step {
    Type,
    Length,
    /// Bytes of a string or elements of a list, from here on.
    Part {
        from: u64,
    },
    Scan {
        cursor: Vec<u8>,
    },
    /// When these fields of a hash expire; the scan goes on behind them.
    Lives {
        fields: Vec<Vec<u8>>,
        cursor: Vec<u8>,
    },
    /// Entries of a stream, from this id on.
    Entries {
        from: Vec<u8>,
    },
}

/// What one step has shown.
enum Found {
    Equal(Option<Step>),
    Other,
    Ends(Compared),
}

impl Kind {
    fn named(name: &[u8]) -> Option<Kind> {
        Some(match name {
            b"string" => Kind::String,
            b"list" => Kind::List,
            b"set" => Kind::Set,
            b"zset" => Kind::SortedSet,
            b"hash" => Kind::Hash,
            b"stream" => Kind::Stream,
            _ => return None,
        })
    }
}

impl Walk {
    /// The comparison of a key's copies, which take about so much memory.
    pub fn new(key: Vec<u8>, bytes: u64) -> Walk {
        Walk {
            key,
            bytes,
            kind: Kind::String,
            length: 0,
            chunk: 1,
            has_lives: true,
            step: Step::Type,
            mine: None,
            before: None,
            repeats: 0,
            rounds: 0,
        }
    }

    /// Who is asked next.
    pub fn side(&self) -> Side {
        match self.mine {
            None => Side::Source,
            Some(_) => Side::Target,
        }
    }

    /// What is asked next, each a command of its own.
    pub fn ask(&self) -> Vec<Verb> {
        match &self.mine {
            None => vec![self.of_source()],
            Some(mine) => self.of_target(mine),
        }
    }

    /// Takes the replies to that; what came of it, once that is known.
    pub fn answer(&mut self, replies: Vec<Reply>) -> Option<Compared> {
        let side = self.side();
        self.rounds += 1;
        let refusal = replies.iter().find_map(|reply| match reply {
            Reply::Refused(refusal) => Some(refusal),
            _ => None,
        });
        if let Some(refusal) = refusal {
            if refusal.error() == ServerError::Ask {
                return Some(Compared::Gone(side));
            }
            if !(self.is_about_lives() && refusal.detail.starts_with("unknown command")) {
                return Some(Compared::Not(format!("it can't be read ({refusal})")));
            }
        }
        let Some(mine) = self.mine.take() else {
            let is_asked = !self.of_target(&replies).is_empty();
            if is_asked {
                self.mine = Some(replies);
                return None;
            }
            return self.found(replies, Vec::new());
        };
        self.found(mine, replies)
    }

    fn found(&mut self, mine: Vec<Reply>, theirs: Vec<Reply>) -> Option<Compared> {
        if self.rounds > self.max_rounds() {
            return Some(Compared::Not("its elements come without end".to_owned()));
        }
        match self.compare(&mine, &theirs) {
            Found::Ends(end) => Some(end),
            Found::Equal(None) => Some(Compared::Same),
            Found::Equal(Some(next)) => {
                (self.before, self.repeats) = (None, 0);
                self.step = next;
                None
            }
            Found::Other => {
                let now = [mine, theirs];
                if self.before.as_ref() == Some(&now) {
                    return Some(Compared::Different);
                }
                self.repeats += 1;
                self.before = Some(now);
                let changes = "it changes while it is compared";
                (self.repeats > MAX_REPEATS).then(|| Compared::Not(changes.to_owned()))
            }
        }
    }

    fn max_rounds(&self) -> u64 {
        // Source and target, elements and lives, each chunk perhaps twice.
        let chunks = self.length / self.chunk.max(1) + 1;
        chunks.saturating_mul(8).saturating_add(ROUNDS_SLACK)
    }

    fn is_about_lives(&self) -> bool {
        matches!(self.step, Step::Lives { .. })
    }

    fn verb(&self, name: &str, rest: &[&[u8]]) -> Verb {
        let words = [name.as_bytes(), &self.key]
            .into_iter()
            .chain(rest.iter().copied());
        Verb::Client(words.map(<[u8]>::to_vec).collect())
    }

    fn of_source(&self) -> Verb {
        let count = decimal(self.chunk);
        match &self.step {
            Step::Type => self.verb("TYPE", &[]),
            Step::Length => match self.kind {
                Kind::String => string::length(self),
                Kind::List => list::length(self),
                Kind::Set => set::length(self),
                Kind::SortedSet => sorted_set::length(self),
                Kind::Hash => hash::length(self),
                Kind::Stream => stream::length(self),
            },
            Step::Part { from } => {
                let last = decimal(from.saturating_add(self.chunk) - 1);
                match self.kind {
                    Kind::String => string::part(self, &decimal(*from), &last),
                    _ => list::part(self, &decimal(*from), &last),
                }
            }
            Step::Scan { cursor } => match self.kind {
                Kind::Set => set::scan(self, cursor, &count),
                Kind::SortedSet => sorted_set::scan(self, cursor, &count),
                _ => hash::scan(self, cursor, &count),
            },
            Step::Lives { fields, .. } => hash::lives(self, fields),
            Step::Entries { from } => stream::entries(self, from, &count),
        }
    }

    /// The same of the target, but that scanned elements are asked for by name.
    fn of_target(&self, mine: &[Reply]) -> Vec<Verb> {
        match self.step {
            Step::Scan { .. } => scan::ask_for(self, mine),
            _ => vec![self.of_source()],
        }
    }

    fn compare(&mut self, mine: &[Reply], theirs: &[Reply]) -> Found {
        match self.step.clone() {
            Step::Type => self.compare_types(mine, theirs),
            Step::Length if self.kind == Kind::Stream => stream::compare(self, mine, theirs),
            Step::Length => match (mine, theirs) {
                ([Reply::Int(one)], [Reply::Int(other)]) => self.compare_lengths(*one, *other),
                _ => odd(),
            },
            Step::Part { from } => {
                let next = from.saturating_add(self.chunk);
                let next = (next < self.length).then_some(Step::Part { from: next });
                equal_if(mine == theirs, next)
            }
            Step::Scan { .. } => scan::compare(self, mine, theirs),
            Step::Lives { fields, cursor } => {
                hash::compare_lives(self, &fields, cursor, [mine, theirs])
            }
            Step::Entries { .. } => stream::compare_entries(mine, theirs),
        }
    }

    fn compare_types(&mut self, mine: &[Reply], theirs: &[Reply]) -> Found {
        let ([Reply::Text(one)], [Reply::Text(other)]) = (mine, theirs) else {
            return odd();
        };
        if one == b"none" {
            return Found::Ends(Compared::Gone(Side::Source));
        }
        if other == b"none" {
            return Found::Ends(Compared::Gone(Side::Target));
        }
        let Some(kind) = Kind::named(one).filter(|_| one == other) else {
            let name = String::from_utf8_lossy(one).escape_debug().to_string();
            let why = format!("values of the type {name} have no elements that could be read");
            return if one == other {
                Found::Ends(Compared::Not(why))
            } else {
                Found::Other
            };
        };
        self.kind = kind;
        Found::Equal(Some(Step::Length))
    }

    fn compare_lengths(&mut self, one: i64, other: i64) -> Found {
        let gone = |side| Found::Ends(Compared::Gone(side));
        match (one, other) {
            (0, _) => return gone(Side::Source),
            (_, 0) => return gone(Side::Target),
            _ if one != other => return Found::Other,
            _ => {}
        }
        self.length = u64::try_from(one).unwrap_or(0);
        let most = match self.kind {
            Kind::String => string::MAX_BYTES,
            _ => MAX_ELEMENTS,
        };
        if self.length > most {
            let why = format!("its length of {} is above {most}", self.length);
            return Found::Ends(Compared::Not(why));
        }
        let element_bytes = (self.bytes / self.length.max(1)).max(1);
        let elements = (CHUNK_BYTES / element_bytes).clamp(1, MAX_CHUNK_ELEMENTS);
        self.chunk = match self.kind {
            Kind::String => CHUNK_BYTES,
            _ => elements,
        };
        let cursor = b"0".to_vec();
        Found::Equal(Some(match self.kind {
            Kind::String | Kind::List => Step::Part { from: 0 },
            Kind::Set | Kind::SortedSet | Kind::Hash => Step::Scan { cursor },
            Kind::Stream => Step::Entries {
                from: b"-".to_vec(),
            },
        }))
    }
}

fn odd() -> Found {
    Found::Ends(Compared::Not("its nodes answer something odd".to_owned()))
}

fn equal_if(is_equal: bool, next: Option<Step>) -> Found {
    if is_equal {
        Found::Equal(next)
    } else {
        Found::Other
    }
}

fn decimal(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}

//! Parses one line of a MONITOR log.
//!
//! `1795370754.356650 [0 127.0.0.1:47358] "SET" "q\"uote" "value"`: time, database and client,
//! arguments quoted as `sdscatrepr` in the server's `sds.c` does. The client may be `lua`, the
//! path of a socket, or an IPv6 address.

use crate::source::commands::{Command, KeyPositions};
use crate::source::escape::{Escape, Unescaped};
use crate::source::number;
use memchr::{memchr2, memmem};
use std::ops::Range;

/// More arguments than a server takes (`PROTO_MBULK_MAX`): the line is damaged.
const MAX_ARGUMENTS: usize = 1 << 20;

/// What stands before the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Microseconds since 1970.
    pub(super) time_us: u64,
    pub(super) db: u16,
    /// Whether a script ran it.
    pub(super) is_scripted: bool,
}

/// Where the arguments lie in their line, quotes included; a buffer that is used again.
#[derive(Debug, Default)]
pub(super) struct Arguments(Vec<Range<u32>>);

/// Takes a line apart; nothing when it isn't one of a MONITOR log.
pub(super) fn split(line: &[u8], arguments: &mut Arguments) -> Option<Head> {
    arguments.0.clear();
    let (head, begin) = head(line)?;
    arguments.fill(line, begin)?;
    Some(head)
}

/// What stands before the arguments, and where these begin.
pub(super) fn head(line: &[u8]) -> Option<(Head, usize)> {
    let point = line.iter().take(20).position(|byte| *byte == b'.')?;
    let (seconds, rest) = line.split_at(point);
    let micros = rest.get(1..7)?;
    let rest = rest[7..].strip_prefix(b" [")?;
    let time_us = number::size(seconds)?
        .checked_mul(1_000_000)?
        .checked_add(number::size(micros)?)?;
    let space = rest.iter().take(6).position(|byte| *byte == b' ')?;
    let db = number::database(&rest[..space])?;
    let client = &rest[space + 1..];
    let end = memmem::find(client, b"] \"")?;
    let head = Head {
        time_us,
        db,
        is_scripted: &client[..end] == b"lua",
    };
    Some((head, line.len() - client.len() + end + 2))
}

impl Arguments {
    fn fill(&mut self, line: &[u8], mut begin: usize) -> Option<()> {
        loop {
            if line.get(begin) != Some(&b'"') || self.0.len() == MAX_ARGUMENTS {
                return None;
            }
            let mut end = begin + 1;
            loop {
                end += memchr2(b'"', b'\\', line.get(end..)?)?;
                if line[end] == b'"' {
                    break;
                }
                end += 2;
            }
            // A line is at most as long as a block, far below 4 GiB.
            self.0.push(begin as u32..end as u32 + 1);
            begin = end + 2;
            match line.get(end + 1) {
                None => return Some(()),
                Some(b' ') => {}
                Some(_) => return None,
            }
        }
    }

    fn quoted<'line>(&self, line: &'line [u8], argument: usize) -> Option<&'line [u8]> {
        let range = self.0.get(argument)?;
        line.get(range.start as usize..range.end as usize)
    }

    /// An argument that is a word or a number, which is never escaped, without its quotes.
    fn word<'line>(&self, line: &'line [u8], argument: usize) -> Option<&'line [u8]> {
        let quoted = self.quoted(line, argument)?;
        quoted.get(1..quoted.len() - 1)
    }

    fn is_word(&self, line: &[u8], argument: usize, word: &str) -> bool {
        self.word(line, argument)
            .is_some_and(|found| found.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// What command it is.
    pub(super) fn command(&self, line: &[u8]) -> Command {
        Command::from_name(self.word(line, 0).unwrap_or_default())
    }

    /// Where an argument begins in its line.
    pub(super) fn place(&self, argument: usize) -> usize {
        self.0.get(argument).map_or(0, |range| range.start as usize)
    }

    /// Appends an argument's bytes; false when its escapes are none.
    pub(super) fn unescape(&self, line: &[u8], argument: usize, out: &mut Vec<u8>) -> bool {
        let quoted = self.quoted(line, argument).unwrap_or_default();
        Escape::Quoted.unescape(quoted, out) == Unescaped::Exact
    }

    /// Calls this with the number of each argument that is a key.
    pub(super) fn keys(&self, line: &[u8], command: Command, mut key: impl FnMut(usize)) {
        let count = self.0.len();
        let mut all = |range: Range<usize>, step| {
            range
                .step_by(step)
                .filter(|at| *at < count)
                .for_each(&mut key);
        };
        match command.keys() {
            KeyPositions::None => {}
            KeyPositions::One => all(1..2, 1),
            KeyPositions::Two => all(1..3, 1),
            KeyPositions::All => all(1..count, 1),
            KeyPositions::Pairs => all(1..count, 2),
            KeyPositions::AllButLast => all(1..count - 1, 1),
            KeyPositions::FromSecond => all(2..count, 1),
            KeyPositions::Second => all(2..3, 1),
            KeyPositions::SecondOf(word) if self.is_word(line, 1, word) => all(2..3, 1),
            KeyPositions::SecondOf(_) => {}
            KeyPositions::Counted(at) => all(self.counted(line, at), 1),
            KeyPositions::OneAndCounted => {
                all(1..2, 1);
                all(self.counted(line, 2), 1);
            }
            KeyPositions::CountedPairs => {
                let pairs = self.counted(line, 1);
                all(pairs.start..pairs.start + 2 * pairs.len(), 2);
            }
            KeyPositions::Triples => all(1..count, 3),
            KeyPositions::Streams => {
                let begin = self.behind_word(line, 1, "streams", &[("group", 2)]);
                all(begin..begin + (count - begin) / 2, 1);
            }
            KeyPositions::OneAndBehind(from, words) => {
                all(1..2, 1);
                for word in words {
                    let at = self.behind_word(line, from, word, &[("by", 1), ("get", 1)]);
                    all(at..at + 1, 1);
                }
            }
            KeyPositions::Migrate if self.word(line, 3).is_some_and(|key| !key.is_empty()) => {
                all(3..4, 1);
            }
            KeyPositions::Migrate => {
                let logins = [("auth", 1), ("auth2", 2)];
                all(self.behind_word(line, 6, "keys", &logins)..count, 1);
            }
        }
    }

    /// The argument behind a word, or the end where it isn't there. Behind the other words stand so many
    /// arguments of any text, which may look like it.
    fn behind_word(&self, line: &[u8], from: usize, word: &str, others: &[(&str, usize)]) -> usize {
        let count = self.0.len();
        let mut at = from;
        while at < count {
            if self.is_word(line, at, word) {
                return at + 1;
            }
            let other = others
                .iter()
                .find(|(other, _)| self.is_word(line, at, other));
            at += 1 + other.map_or(0, |(_, passed)| *passed);
        }
        count
    }

    /// The arguments behind one that says how many they are.
    fn counted(&self, line: &[u8], at: usize) -> Range<usize> {
        let said = self.word(line, at).and_then(number::size).unwrap_or(0);
        let said = usize::try_from(said).unwrap_or(usize::MAX);
        at + 1..(at + 1).saturating_add(said).min(self.0.len().max(at + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys of a command as MONITOR shows it.
    fn keys(command: &str) -> Vec<String> {
        let quoted: Vec<String> = command
            .split(' ')
            .map(|word| format!("\"{}\"", if word == "-" { "" } else { word }))
            .collect();
        let line = format!("1795370754.356650 [0 [::1]:47358] {}", quoted.join(" "));
        let line = line.as_bytes();
        let mut arguments = Arguments::default();
        split(line, &mut arguments).expect("a line");
        let mut keys = Vec::new();
        arguments.keys(line, arguments.command(line), |at| {
            let mut key = Vec::new();
            assert!(arguments.unescape(line, at, &mut key));
            keys.push(String::from_utf8(key).expect("text"));
        });
        keys
    }

    #[test]
    fn keys_stand_where_the_server_says() {
        for (command, expected) in [
            ("GET a", "a"),
            ("get", ""),
            ("ping", ""),
            ("no.such a", ""),
            ("mget a b c", "a b c"),
            ("MSET a 1 b 2", "a b"),
            ("rename a b", "a b"),
            ("blpop a b 5", "a b"),
            ("bitop AND d a b", "d a b"),
            ("object encoding a", "a"),
            ("object help", ""),
            ("memory usage a samples 0", "a"),
            ("memory doctor a", ""),
            ("eval return 2 a b arg", "a b"),
            ("eval return 0", ""),
            ("eval return 99 a", "a"),
            ("eval return -1 a", ""),
            ("fcall f 1 a", "a"),
            ("zunionstore d 2 a b weights 1 2", "d a b"),
            ("zinter 2 a b", "a b"),
            ("blmpop 1 2 a b left", "a b"),
            ("xread count 2 block 5 STREAMS a b 0 $", "a b"),
            ("xreadgroup group g c streams a >", "a"),
            ("xread streams", ""),
            ("sort a by w_* get # store d", "a d"),
            ("georadius a 1 2 3 km store d", "a d"),
            ("migrate host 6379 a 0 5000", "a"),
            ("migrate host 6379 - 0 5000 copy keys a b", "a b"),
            ("migrate host 6379 - 0 5000 auth keys keys a", "a"),
            ("migrate host 6379 - 0 5000 auth2 keys auth keys a", "a"),
            ("msetex 2 a 1 b 2 ex 10", "a b"),
            ("msetex 99 a 1 b", "a b"),
            ("xreadgroup group streams c streams a >", "a"),
            ("xreadgroup count 1 group g streams streams a >", "a"),
            ("sort a by store get store store d", "a d"),
            ("georadiusbymember a store 3 km", "a"),
            ("vadd a values 1 2 x", "a"),
            ("json.set a $ 1", "a"),
            ("json.mset a $ 1 b $ 2", "a b"),
            ("ft.search a b", ""),
            ("xinfo stream a", "a"),
        ] {
            assert_eq!(keys(command).join(" "), expected, "{command}");
        }
    }

    #[test]
    fn heads_are_of_any_client() {
        let head = |text: &str| split(text.as_bytes(), &mut Arguments::default());
        for (client, is_scripted) in [
            ("lua", true),
            ("127.0.0.1:1", false),
            ("unix:/run/a socket [1]", false),
            ("[::1]:1", false),
        ] {
            assert_eq!(
                head(&format!("17.000002 [15 {client}] \"GET\" \"a\"")),
                Some(Head {
                    time_us: 17_000_002,
                    db: 15,
                    is_scripted
                })
            );
        }
        for text in [
            "",
            "OK",
            "17 [0 x] \"GET\"",
            "17.000002 [0 x]",
            "17.000002 [0 x] GET",
            "17.000002 [0 x] \"GET",
            "17.000002 [0 x] \"GET\\\"",
            "17.000002 [0 x] \"GET\"x",
            "17.000002 [0 x] \"GET\" ",
            "17.000002 [x x] \"GET\"",
            "99999999999999999.000002 [0 x] \"GET\"",
            "17.00000é [0 x] \"GET\"",
        ] {
            assert_eq!(head(text), None, "{text}");
        }
    }
}

//! Reading one reply of RESP2, within bounds that the verb states.
//!
//! The redis crate's parser believes what a server announces: an array of two thousand million
//! entries is read until the memory ends. Here a reply that announces more than its verb can have is
//! refused at the announcement, and RESP3's types, which nobody asks for, at their first byte. What
//! is allocated follows what has come, not what was announced.

use super::refusal::Refusal;
use super::reply::{Bounds, Reply};
use std::io::{self, BufRead, Read};

/// How deep lists may be in lists: `CLUSTER SLOT-STATS` and `CLUSTER SLOTS` have three floors.
const DEPTH_MAX: u32 = 8;

/// The longest line: a status, an error, a number, a length.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// For how many bytes and entries memory is taken before they have come.
const AT_ONCE: u64 = 1 << 10;

/// Reads one reply.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] when it is none or goes beyond its bounds,
/// [`io::ErrorKind::UnexpectedEof`] when it ends before its end, and whatever reading ends with.
pub fn read(input: &mut impl BufRead, bounds: Bounds) -> io::Result<Reply> {
    let mut left = bounds;
    // An error is an answer to anything.
    left.bytes = left.bytes.max(LINE_BYTES_MAX);
    Reader::new(input, bounds, left).reply(0)
}

struct Reader<'input, R> {
    input: &'input mut R,
    bounds: Bounds,
    left: Bounds,
    /// The line that is read; kept so that a list of many entries takes no memory for each anew.
    line: Vec<u8>,
}

/// What the first line of a reply says.
enum Head {
    Whole(Reply),
    Text(Option<u64>),
    List(Option<u64>),
}

impl<'input, R: BufRead> Reader<'input, R> {
    fn new(input: &'input mut R, bounds: Bounds, left: Bounds) -> Reader<'input, R> {
        Reader {
            input,
            bounds,
            left,
            line: Vec::new(),
        }
    }

    fn reply(&mut self, depth: u32) -> io::Result<Reply> {
        self.read_line()?;
        match head(&self.line)? {
            Head::Whole(reply) => Ok(reply),
            Head::Text(length) => self.text(length),
            Head::List(length) => self.list(length, depth),
        }
    }

    /// Reads a line, and takes its end off.
    fn read_line(&mut self) -> io::Result<()> {
        let limit = LINE_BYTES_MAX.min(self.left.bytes);
        self.line.clear();
        let count = self
            .input
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut self.line)?;
        self.left.bytes -= count as u64;
        match self.line.as_slice() {
            [text @ .., b'\r', b'\n'] => {
                let length = text.len();
                self.line.truncate(length);
                Ok(())
            }
            [.., b'\n'] => Err(odd("a line that ends without a carriage return".to_owned())),
            _ if count as u64 == limit => Err(if limit == LINE_BYTES_MAX {
                odd(format!("a line of more than {LINE_BYTES_MAX} bytes"))
            } else {
                self.too_long()
            }),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn text(&mut self, length: Option<u64>) -> io::Result<Reply> {
        let Some(length) = length else {
            return Ok(Reply::Nil);
        };
        if length.saturating_add(2) > self.left.bytes {
            return Err(self.too_long());
        }
        self.left.bytes -= length + 2;
        let mut text = Vec::with_capacity((length + 2).min(AT_ONCE) as usize);
        self.input
            .by_ref()
            .take(length + 2)
            .read_to_end(&mut text)?;
        if (text.len() as u64) < length + 2 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if text.ends_with(b"\r\n") {
            text.truncate(length as usize);
        } else {
            return Err(odd("a text that is longer than announced".to_owned()));
        }
        Ok(Reply::Text(text))
    }

    fn list(&mut self, length: Option<u64>, depth: u32) -> io::Result<Reply> {
        let Some(length) = length else {
            return Ok(Reply::Nil);
        };
        if length > self.left.entries {
            let most = self.bounds.entries;
            return Err(odd(format!("a list of more than {most} entries")));
        }
        if depth == DEPTH_MAX {
            return Err(odd(format!("lists in lists, more than {DEPTH_MAX} deep")));
        }
        self.left.entries -= length;
        let mut list = Vec::with_capacity(length.min(AT_ONCE) as usize);
        for _ in 0..length {
            list.push(self.reply(depth + 1)?);
        }
        Ok(Reply::List(list))
    }

    fn too_long(&self) -> io::Error {
        odd(format!("a reply of more than {} bytes", self.bounds.bytes))
    }
}

fn head(line: &[u8]) -> io::Result<Head> {
    let Some((kind, rest)) = line.split_first() else {
        return Err(odd("a reply without a type".to_owned()));
    };
    match *kind {
        b'+' => Ok(Head::Whole(Reply::Text(rest.to_vec()))),
        b'-' => Ok(Head::Whole(Reply::Refused(refusal(rest)))),
        b':' => number(rest).map(|number| Head::Whole(Reply::Int(number))),
        b'$' => length(rest).map(Head::Text),
        b'*' => length(rest).map(Head::List),
        b'_' | b'#' | b',' | b'(' | b'!' | b'=' | b'%' | b'|' | b'~' | b'>' => {
            let kind = char::from(*kind);
            Err(odd(format!(
                "a reply of type `{kind}`, which RESP2 doesn't have"
            )))
        }
        _ => Err(odd("a reply of no type that there is".to_owned())),
    }
}

fn odd(found: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, found)
}

fn number(digits: &[u8]) -> io::Result<i64> {
    let text = std::str::from_utf8(digits).ok();
    // `+5` is a number to Rust, and none in the protocol's words.
    let number = text.filter(|text| !text.starts_with('+'));
    number
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| odd("what should be a number and is none".to_owned()))
}

/// A length; -1 stands for nothing there.
fn length(digits: &[u8]) -> io::Result<Option<u64>> {
    match number(digits)? {
        -1 => Ok(None),
        length => u64::try_from(length)
            .map(Some)
            .map_err(|_| odd("a negative length".to_owned())),
    }
}

/// `CODE detail`, as a server words it.
fn refusal(line: &[u8]) -> Refusal {
    let text = String::from_utf8_lossy(line);
    let (code, detail) = text.split_once(' ').unwrap_or((&text, ""));
    Refusal {
        code: code.to_owned(),
        detail: detail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        bytes: 100,
        entries: 5,
    };

    fn read_all(mut bytes: &[u8]) -> io::Result<Reply> {
        let reply = read(&mut bytes, BOUNDS)?;
        assert_eq!(bytes, b"", "nothing is left");
        Ok(reply)
    }

    fn text(words: &str) -> Reply {
        Reply::Text(words.as_bytes().to_vec())
    }

    #[test]
    fn every_type_of_resp2() {
        let refused = Reply::Refused(Refusal {
            code: "ERR".to_owned(),
            detail: "no such key".to_owned(),
        });
        for (bytes, reply) in [
            (&b"+OK\r\n"[..], text("OK")),
            (b"+\r\n", text("")),
            (b"-ERR no such key\r\n", refused),
            (b":-5\r\n", Reply::Int(-5)),
            (b"$3\r\na\r\n\r\n", text("a\r\n")),
            (b"$0\r\n\r\n", text("")),
            (b"$-1\r\n", Reply::Nil),
            (b"*-1\r\n", Reply::Nil),
            (b"*0\r\n", Reply::List(Vec::new())),
            (
                b"*2\r\n*1\r\n:1\r\n$1\r\na\r\n",
                Reply::List(vec![Reply::List(vec![Reply::Int(1)]), text("a")]),
            ),
        ] {
            assert_eq!(read_all(bytes).expect("a reply"), reply, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for bytes in [
            &b"HTTP/1.1 400 Bad\r\n"[..],
            b"\r\n",
            b"+OK\n",
            b":\r\n",
            b":+5\r\n",
            b": 5\r\n",
            b":99999999999999999999\r\n",
            b"$-2\r\n",
            b"$\r\n",
            b"*-7\r\n",
            b"$1\r\nabc\r\n",
            b"%1\r\n+a\r\n+b\r\n",
            b"%9223372036854775807\r\n",
            b"|1\r\n+a\r\n+b\r\n+OK\r\n",
            b">2\r\n+invalidate\r\n*0\r\n",
            b"~2000000000\r\n+a\r\n",
            b"=7\r\ntxt:abc\r\n",
            b"!-1\r\n",
            b"#t\r\n",
            b"_\r\n",
        ] {
            let mut rest = bytes;
            let error = read(&mut rest, BOUNDS).expect_err("none");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{bytes:?}");
        }
        for bytes in [&b""[..], b"+OK", b"$9\r\nabc", b"*2\r\n:1\r\n"] {
            let error = read_all(bytes).expect_err("cut off");
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{bytes:?}");
        }
    }

    /// Gives the start once, then the rest again and again, and counts what was taken.
    struct Endless {
        start: &'static [u8],
        rest: &'static [u8],
        taken: u64,
    }

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.start.is_empty() {
                self.start = self.rest;
            }
            let count = self.start.read(buffer)?;
            self.taken += count as u64;
            Ok(count)
        }
    }

    #[test]
    fn what_has_no_end_is_given_up_early() {
        for (start, rest, why) in [
            (&b"*2000000000\r\n"[..], &b"$-1\r\n"[..], "5 entries"),
            (b"*5\r\n", b"*5\r\n", "5 entries"),
            (b"*1\r\n", b"*1\r\n", "5 entries"),
            (b"$9000000000\r\n", b"a", "100 bytes"),
            (b"$9223372036854775807\r\n", b"a", "100 bytes"),
            (b"*3\r\n$80\r\n", b"aaaaaaaa\r\n", "longer than announced"),
            (
                b"*3\r\n",
                b"$30\r\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
                "100 bytes",
            ),
            (b"+", b"a", "65536 bytes"),
            (b"-ERR ", b"e", "65536 bytes"),
            (b":", b"1", "65536 bytes"),
        ] {
            let taken = 0;
            let mut input = io::BufReader::with_capacity(64, Endless { start, rest, taken });
            let bounds = if why == "65536 bytes" {
                Bounds {
                    bytes: 1 << 20,
                    entries: 0,
                }
            } else {
                BOUNDS
            };
            let mut left = bounds;
            // Errors may always take a line: the bound of bytes is then seen without that.
            left.bytes = bounds.bytes;
            let error = Reader::new(&mut input, bounds, left).reply(0);
            let error = error.expect_err("no end");
            assert!(error.to_string().contains(why), "{start:?}: {error}");
            assert!(input.get_ref().taken <= 2 * (64 << 10), "{start:?}");
        }
    }

    #[test]
    fn lists_are_not_deep() {
        let bounds = Bounds {
            bytes: 1 << 20,
            entries: 1 << 20,
        };
        let deep = [b"*1\r\n".repeat(100_000), b":1\r\n".to_vec()].concat();
        let error = read(&mut deep.as_slice(), bounds).expect_err("deep");
        assert!(error.to_string().contains("8 deep"), "{error}");
    }
}

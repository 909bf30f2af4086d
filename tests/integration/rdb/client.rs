//! One connection that speaks the servers' protocol: commands out, replies in, many at a time.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Text(Vec<u8>),
    Number(i64),
    Nothing,
    List(Vec<Reply>),
    Refused(String),
}

impl Reply {
    pub fn number(&self) -> i64 {
        match self {
            Reply::Number(number) => *number,
            other => panic!("expected a number, found {other:?}"),
        }
    }

    pub fn text(&self) -> &[u8] {
        match self {
            Reply::Text(text) => text,
            other => panic!("expected text, found {other:?}"),
        }
    }

    pub fn word(&self) -> &str {
        std::str::from_utf8(self.text()).expect("a word")
    }

    pub fn list(&self) -> &[Reply] {
        match self {
            Reply::List(list) => list,
            other => panic!("expected a list, found {other:?}"),
        }
    }
}

pub type Command = Vec<Vec<u8>>;

/// A command of words and bytes.
#[macro_export]
macro_rules! command {
    ($($part:expr),* $(,)?) => {
        vec![$(AsRef::<[u8]>::as_ref(&$part).to_vec()),*]
    };
}

pub struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    pub fn connect(port: u16) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(120)))
            .expect("a timeout");
        Client {
            reader: BufReader::new(stream),
        }
    }

    /// One command; what the server refuses fails the test.
    pub fn run(&mut self, command: Command) -> Reply {
        match self.all(vec![command]).remove(0) {
            Reply::Refused(why) => panic!("{why}"),
            reply => reply,
        }
    }

    /// Many commands, written in portions so that neither side's buffer fills.
    pub fn all(&mut self, commands: Vec<Command>) -> Vec<Reply> {
        let mut replies = Vec::with_capacity(commands.len());
        for portion in commands.chunks(200) {
            let mut bytes = Vec::new();
            for command in portion {
                write!(bytes, "*{}\r\n", command.len()).expect("memory");
                for part in command {
                    write!(bytes, "${}\r\n", part.len()).expect("memory");
                    bytes.extend_from_slice(part);
                    bytes.extend_from_slice(b"\r\n");
                }
            }
            self.reader.get_mut().write_all(&bytes).expect("written");
            replies.extend(portion.iter().map(|_| self.reply()));
        }
        replies
    }

    fn reply(&mut self) -> Reply {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line).expect("an answer");
        let line = line.strip_suffix(b"\r\n").expect("a whole line");
        let (kind, rest) = line.split_first().expect("a kind");
        let number = || -> i64 {
            let text = std::str::from_utf8(rest).expect("text");
            text.parse().expect("a number")
        };
        match kind {
            b'+' => Reply::Text(rest.to_vec()),
            b'-' => Reply::Refused(String::from_utf8_lossy(rest).into_owned()),
            b':' => Reply::Number(number()),
            b'$' if number() < 0 => Reply::Nothing,
            b'$' => {
                let mut text = vec![0; number() as usize + 2];
                self.reader.read_exact(&mut text).expect("the text");
                text.truncate(text.len() - 2);
                Reply::Text(text)
            }
            b'*' if number() < 0 => Reply::Nothing,
            b'*' => Reply::List((0..number()).map(|_| self.reply()).collect()),
            other => panic!("unknown reply {other}"),
        }
    }
}

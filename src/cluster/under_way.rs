//! A round trip over a [`RedisLink`], in halves.
//!
//! ```text
//!  begin ──> under way ──┬── heard: a part has come ──┐
//!               ▲        │                            │
//!               └────────┼────────────────────────────┘
//!                        ├── heard: all has come ──> nothing under way
//!                        ├── finish: waits for it ──> nothing under way
//!                        └── broken: nothing is asked any more
//! ```

use super::asked::UnderWay;
use super::link::RedisLink;
use super::packed::packed;
use super::resp;
use super::verb::{Bounds, Halves, Heard, Reply, Verb};
use crate::error::Result;
use std::io::{self, BufRead, Write};
use std::os::fd::{AsFd, BorrowedFd};

impl Halves for RedisLink {
    fn begin(&mut self, verbs: &[Verb]) -> Result<bool> {
        if let Some(why) = &self.broken {
            return Err(why.clone());
        }
        if self.under_way.is_some() {
            return Err(self.break_off(io::Error::other("asked before it has answered")));
        }
        let commands = verbs.iter().map(|verb| packed(&verb.words()));
        let commands = commands.collect::<Vec<_>>().concat();
        let name = verbs.first().map(Verb::name).unwrap_or_default();
        let bounds = verbs.iter().map(Verb::bounds).collect();
        self.under_way = Some(UnderWay::new(&name, commands, bounds));
        self.send_now().map_err(|error| self.break_off(error))
    }

    fn heard(&mut self) -> Result<Heard> {
        self.take_in().map_err(|error| self.break_off(error))
    }

    fn finish(&mut self) -> Result<Vec<Reply>> {
        let replies = self.wait_for_all(self.patience.answer_ms);
        replies.map_err(|error| self.break_off(error))
    }

    fn socket(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl RedisLink {
    /// Sends as much as is taken at once; whether that is all.
    pub(super) fn send_now(&mut self) -> io::Result<bool> {
        self.stream.require_silence()?;
        let Some(under_way) = &mut self.under_way else {
            return Ok(true);
        };
        let sent = self.stream.send_now(&under_way.unsent)?;
        under_way.unsent.drain(..sent);
        Ok(under_way.unsent.is_empty())
    }

    fn take_in(&mut self) -> io::Result<Heard> {
        self.stream.take_in()?;
        while let Some(bounds) = self.next_bounds() {
            let (mut rest, before) = (self.stream.arrived(), self.stream.arrived().len());
            // A reply that isn't whole is read again from its start, when more has come.
            let reply = match resp::read(&mut rest, bounds) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(Heard::Part(before));
                }
                reply => reply?,
            };
            let taken = before - rest.len();
            self.stream.consume(taken);
            self.note(reply);
        }
        match self.under_way.take() {
            // That more has come than was asked for is noticed where the next question is asked.
            Some(under_way) if under_way.unsent.is_empty() => Ok(Heard::All(under_way.replies)),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "an answer to what wasn't asked",
            )),
        }
    }

    /// Sends what wasn't, and reads the replies, each of which may take so long.
    pub(super) fn wait_for_all(&mut self, timeout_ms: u64) -> io::Result<Vec<Reply>> {
        self.stream.allow(timeout_ms);
        if let Some(under_way) = &mut self.under_way {
            let unsent = std::mem::take(&mut under_way.unsent);
            self.stream.write_all(&unsent)?;
        }
        while let Some(bounds) = self.next_bounds() {
            self.stream.allow(timeout_ms);
            let reply = resp::read(&mut self.stream, bounds)?;
            self.note(reply);
        }
        let under_way = self.under_way.take();
        under_way
            .map(|under_way| under_way.replies)
            .ok_or_else(|| io::Error::other("nothing was asked"))
    }

    /// The bounds of the next reply; none when all have come.
    fn next_bounds(&self) -> Option<Bounds> {
        let under_way = self.under_way.as_ref()?;
        under_way.bounds.get(under_way.replies.len()).copied()
    }

    fn note(&mut self, reply: Reply) {
        let reply = self.without_password(reply);
        if let Some(under_way) = &mut self.under_way {
            under_way.replies.push(reply);
        }
    }
}

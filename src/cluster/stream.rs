//! A TCP stream that is given up at a moment, however slowly it goes on.
//!
//! A socket's own timeout is that of one read: a server that sends a byte now and then, broken or
//! hostile, is waited for without end. How much an answer may be is for who reads it
//! ([`super::resp`]).

use super::NodeAddr;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send};
use std::io::{self, BufRead, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

/// How much is read at once.
const CHUNK_BYTES: usize = 16 << 10;

/// A stream with a deadline.
pub(super) struct Stream {
    socket: TcpStream,
    until: Instant,
    /// When all answers together must have come, whatever each of them may take.
    end: Option<Instant>,
    /// What has come and wasn't taken yet: `buffer[taken..]`.
    buffer: Vec<u8>,
    taken: usize,
}

impl Stream {
    /// Connects to the first address of a host that accepts.
    ///
    /// # Errors
    /// When none does in time, or the name isn't known.
    pub fn connect(addr: &NodeAddr, timeout_ms: u64) -> io::Result<Stream> {
        let until = deadline(timeout_ms);
        let mut last = None;
        for socket_addr in (addr.host.as_str(), addr.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&socket_addr, time_left(until)?) {
                Ok(socket) => {
                    // Each write is a whole request: without this the end of a long one waits until
                    // the server has acknowledged its start, 40 ms (Nagle's algorithm, delayed ACK).
                    socket.set_nodelay(true)?;
                    return Ok(Stream {
                        socket,
                        until,
                        end: None,
                        buffer: Vec::new(),
                        taken: 0,
                    });
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no address")))
    }

    /// Nothing is waited for after this moment, however often [`Stream::allow`] is called.
    pub fn end_at(&mut self, end: Option<Instant>) {
        self.end = end;
    }

    /// Makes sure that nothing is there before something is asked: the next answer would be taken
    /// for that of another question.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when something has come.
    pub fn require_silence(&mut self) -> io::Result<()> {
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_PEEK;
        let waiting = recv(self.socket.as_raw_fd(), &mut [0], flags);
        let is_silent = self.taken == self.buffer.len();
        match waiting {
            // That the other end has hung up is seen where its answer is read.
            Ok(0) | Err(_) if is_silent => Ok(()),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "an answer that nobody asked for",
            )),
        }
    }

    /// From now on it may take so long.
    pub fn allow(&mut self, timeout_ms: u64) {
        let until = deadline(timeout_ms);
        self.until = self.end.map_or(until, |end| end.min(until));
    }
}

/// What never waits.
impl Stream {
    /// Sends as much as is taken at once; says how much that is.
    ///
    /// # Errors
    /// The system's own; that nothing is taken at once is none.
    pub fn send_now(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        at_once(send(self.socket.as_raw_fd(), bytes, flags)).map(Option::unwrap_or_default)
    }

    /// Takes in what has come, a chunk at most.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when the other end has hung up, and the system's own.
    pub fn take_in(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let before = self.buffer.len();
        self.buffer.resize(before + CHUNK_BYTES, 0);
        let fd = self.socket.as_raw_fd();
        let came = at_once(recv(fd, &mut self.buffer[before..], MsgFlags::MSG_DONTWAIT));
        let count = came.as_ref().map_or(0, |came| came.unwrap_or(0));
        self.buffer.truncate(before + count);
        match came? {
            Some(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// What has come and wasn't taken yet.
    pub fn arrived(&self) -> &[u8] {
        &self.buffer[self.taken..]
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// None where it would have had to wait.
fn at_once(result: nix::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.buffer.len() && buffer.len() >= CHUNK_BYTES {
            self.socket.set_read_timeout(Some(time_left(self.until)?))?;
            return self.socket.read(buffer);
        }
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Stream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken == self.buffer.len() {
            self.buffer.resize(CHUNK_BYTES, 0);
            self.taken = self.buffer.len();
            self.socket.set_read_timeout(Some(time_left(self.until)?))?;
            let count = self.socket.read(&mut self.buffer)?;
            self.buffer.truncate(count);
            self.taken = 0;
        }
        Ok(&self.buffer[self.taken..])
    }

    fn consume(&mut self, count: usize) {
        self.taken += count;
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket
            .set_write_timeout(Some(time_left(self.until)?))?;
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

fn deadline(timeout_ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(timeout_ms)
}

/// The time until then, which is never nothing: to a socket that means no timeout.
fn time_left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        Err(io::ErrorKind::TimedOut.into())
    } else {
        Ok(left)
    }
}

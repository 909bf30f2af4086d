//! A TCP stream that is given up at a moment, however slowly it goes on.
//!
//! A socket's own timeout is that of one read: a server that sends a byte now and then, broken or
//! hostile, is waited for without end.

use super::NodeAddr;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// The longest answer that is read, bytes: a value is 512 MiB at most, and what is longer is
/// nobody's answer to what we ask.
const MAX_ANSWER_BYTES: u64 = 1 << 30;

/// A stream with a deadline.
pub(super) struct Stream {
    socket: TcpStream,
    until: Instant,
    left_bytes: u64,
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
                        left_bytes: MAX_ANSWER_BYTES,
                    });
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no address")))
    }

    /// From now on it may take so long, and bring one more answer.
    pub fn allow(&mut self, timeout_ms: u64) {
        self.until = deadline(timeout_ms);
        self.left_bytes = MAX_ANSWER_BYTES;
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(time_left(self.until)?))?;
        let count = self.socket.read(buffer)?;
        self.left_bytes = self.left_bytes.saturating_sub(count as u64);
        match self.left_bytes {
            0 => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("an answer of more than {MAX_ANSWER_BYTES} bytes"),
            )),
            _ => Ok(count),
        }
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
    match left.is_zero() {
        true => Err(io::ErrorKind::TimedOut.into()),
        false => Ok(left),
    }
}

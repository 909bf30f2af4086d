//! One server on a folder of its own, which may load an RDB file.

use super::wait;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a server may take to load its file and to answer.
const MOST_TIME: Duration = Duration::from_secs(60);

/// A server that a test has started; it ends with this.
pub struct Single {
    /// Where it listens.
    pub port: u16,
    process: Child,
    folder: tempfile::TempDir,
}

impl Single {
    /// Starts a server with more options, and with a copy of this file to load.
    pub fn start(server: &Path, load: Option<&Path>, options: &[&str]) -> Single {
        let folder = tempfile::tempdir().expect("a folder");
        if let Some(file) = load {
            fs::copy(file, folder.path().join("dump.rdb")).expect("a copy");
        }
        let port = free_port();
        let process = Command::new(server)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .args(["--dbfilename", "dump.rdb", "--dir"])
            .arg(folder.path())
            .args(options)
            .stdout(Stdio::null())
            .spawn()
            .expect("the server starts");
        let single = Single {
            port,
            process,
            folder,
        };
        wait::until("the server answers", MOST_TIME, || {
            single.answers().unwrap_or(false)
        });
        single
    }

    /// Whether it answers: one that is still loading says so instead.
    fn answers(&self) -> io::Result<bool> {
        let mut link = TcpStream::connect(("127.0.0.1", self.port))?;
        link.set_read_timeout(Some(MOST_TIME))?;
        link.write_all(b"PING\r\n")?;
        let mut line = String::new();
        BufReader::new(link).read_line(&mut line)?;
        Ok(line == "+PONG\r\n")
    }

    /// The folder that it writes into.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// A port whose cluster bus port (10,000 above) exists too.
fn free_port() -> u16 {
    for _ in 0..100 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        if port < 55_000 {
            return port;
        }
    }
    panic!("no free port below 55,000");
}

impl Drop for Single {
    fn drop(&mut self) {
        // Its folder goes too; there is nothing to save.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

//! Real servers for the tests: found on this machine, started on loopback, stopped by the test.

pub mod load;

use slotkit::cluster::local::{LocalCluster, Shape, find_server};
use std::path::PathBuf;

/// The server that the tests run against: `SLOTKIT_TEST_SERVER`, or the one on PATH.
///
/// Without a server the test says so and passes over: `make test` installs one first.
pub fn server() -> Option<PathBuf> {
    let named = std::env::var_os("SLOTKIT_TEST_SERVER").map(PathBuf::from);
    let found = named.or_else(find_server);
    if found.is_none() {
        let test = std::thread::current();
        let name = test.name().unwrap_or("a test").to_owned();
        eprintln!("skipped {name}: no redis-server on PATH (make test installs one)");
    }
    found
}

/// A cluster of this shape, or nothing when there is no server.
pub fn cluster(shape: &Shape) -> Option<LocalCluster> {
    let server = server()?;
    Some(LocalCluster::start(&server, shape).expect("a cluster on loopback"))
}

/// A server that isn't in cluster mode.
pub struct Single {
    /// Where it listens.
    pub port: u16,
    process: std::process::Child,
    _folder: tempfile::TempDir,
}

/// Starts a server that isn't in cluster mode.
pub fn single(server: &std::path::Path) -> Single {
    let folder = tempfile::tempdir().expect("a folder");
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port();
    let process = std::process::Command::new(server)
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
        ])
        .arg(folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the server starts");
    let single = Single {
        port,
        process,
        _folder: folder,
    };
    for _ in 0..400 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return single;
        }
        std::thread::sleep(std::time::Duration::from_millis(25));
    }
    panic!("the server on port {port} doesn't listen");
}

impl Drop for Single {
    fn drop(&mut self) {
        // Its folder goes too; there is nothing to save.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

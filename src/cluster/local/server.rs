//! One server process on loopback.

use super::{POLL, Shape};
use crate::cluster::link::{Patience, RedisLink};
use crate::cluster::login::Login;
use crate::cluster::verb::{NodeLink, Verb};
use crate::cluster::{NodeAddr, NodeId};
use crate::error::{Error, ErrorKind, Result};
use std::fmt::Write as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The cluster bus listens this far above the clients' port.
const BUS_OFFSET: u16 = 10_000;
/// Where ports are looked for: below the range that the system hands out by itself.
const PORTS: std::ops::Range<u16> = 16_500..32_000;
/// How long a server may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// One server of a cluster.
pub struct LocalNode {
    /// Where it listens.
    pub addr: NodeAddr,
    /// Its id.
    pub id: NodeId,
    process: Child,
}

impl LocalNode {
    /// The server's process id, for tests that stop or kill it.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(super) fn stop(&mut self) {
        // It may have been killed by a test already; there is nothing to save in it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for LocalNode {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(super) fn start_server(
    server: &Path,
    folder: &Path,
    shape: &Shape,
    login: Option<&Login>,
) -> Result<LocalNode> {
    std::fs::create_dir_all(folder).map_err(|cause| Error::io(folder, cause))?;
    let port = free_port()?;
    let config = folder.join("redis.conf");
    std::fs::write(&config, config_text(port, folder, shape))
        .map_err(|cause| Error::io(&config, cause))?;
    let mut process = Command::new(server)
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C on the terminal goes to a whole process group: the cluster is stopped by us.
        .process_group(0)
        .spawn()
        .map_err(|cause| {
            let message = format!("can't start the server ({cause})");
            Error::new(ErrorKind::Io, message).at(crate::error::Position::file(server))
        })?;
    match wait_for_id(port, login, &mut process, &folder.join("server.log")) {
        Ok((addr, id)) => Ok(LocalNode { addr, id, process }),
        Err(error) => {
            let _ = process.kill();
            let _ = process.wait();
            Err(error)
        }
    }
}

fn config_text(port: u16, folder: &Path, shape: &Shape) -> String {
    let mut text = format!(
        "port {port}\nbind 127.0.0.1\ndir \"{}\"\nlogfile \"server.log\"\nsave \"\"\n\
         appendonly no\nrepl-diskless-sync-delay 0\ncluster-enabled yes\ncluster-config-file nodes.conf\n\
         cluster-node-timeout 5000\n",
        folder.display()
    );
    if let Some(password) = &shape.password {
        // Writing to a String can't fail.
        let _ = writeln!(text, "requirepass \"{}\"", password.reveal());
        let _ = writeln!(text, "masterauth \"{}\"", password.reveal());
    }
    for line in &shape.config {
        text.push_str(line);
        text.push('\n');
    }
    text
}

fn wait_for_id(
    port: u16,
    login: Option<&Login>,
    process: &mut Child,
    log: &Path,
) -> Result<(NodeAddr, NodeId)> {
    let addr = NodeAddr::new("127.0.0.1", port);
    let start = Instant::now();
    loop {
        let said = RedisLink::connect(&addr, login, Patience::default())
            .and_then(|mut link| link.ask(&Verb::MyId)?.text(&Verb::MyId));
        match said {
            Ok(id) => {
                let id = id
                    .parse()
                    .map_err(|message: String| Error::new(ErrorKind::Server, message))?;
                return Ok((addr, id));
            }
            // It listens and refuses: waiting doesn't help.
            Err(error) if error.kind() == ErrorKind::Server => return Err(error),
            Err(_) => {}
        }
        let has_ended = process
            .try_wait()
            .map_err(|cause| Error::io(log, cause))?
            .is_some();
        if has_ended || start.elapsed() > START_TIMEOUT {
            let message = format!("the server on port {port} didn't start: {}", last_line(log));
            return Err(Error::new(ErrorKind::Server, message));
        }
        std::thread::sleep(POLL);
    }
}

fn last_line(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().last().unwrap_or("no log").to_owned()
}

/// A port that is free now, with a free one for the cluster bus.
fn free_port() -> Result<u16> {
    // Tests run side by side, in several processes: each starts its search elsewhere.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let width = u32::from(PORTS.end - PORTS.start);
    for _ in 0..width {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let offset = (std::process::id().wrapping_mul(97).wrapping_add(step)) % width;
        let port = PORTS.start + offset as u16;
        let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if is_free(port) && is_free(port + BUS_OFFSET) {
            return Ok(port);
        }
    }
    Err(Error::new(
        ErrorKind::Connect,
        "no port is free on loopback",
    ))
}

/// The `redis-server` or `valkey-server` on PATH.
pub fn find_server() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    ["redis-server", "valkey-server"].iter().find_map(|name| {
        folders
            .iter()
            .map(|folder| folder.join(name))
            .find(|candidate| candidate.is_file())
    })
}

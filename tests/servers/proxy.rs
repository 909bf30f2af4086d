//! A proxy before every node that kills the program before it at an exact command, or interrupts it.
//!
//! The nodes announce the proxies' ports, so that slotkit and the nodes' own `MIGRATE`s go through
//! them. Commands that change a slot, or delete a key, are counted as they pass, one by one, however many came in
//! one write; at the one that is wanted, slotkit is killed before the command goes on, or right
//! behind it, before its answer comes back.

use super::runs::{client, send};
use super::wait;
use slotkit::cluster::local::LocalCluster;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Where the first option of a `MIGRATE` stands.
const OPTION: usize = 6;

/// How long a program may take to die, or the nodes to announce other ports.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the proxies share.
#[derive(Default)]
struct Trap {
    /// Whom to kill; 0 until it is known.
    pid: AtomicU32,
    /// Commands that may still pass; when it gets to 0 the trap closes.
    passes: AtomicU32,
    /// Commands that have passed.
    passed: AtomicU32,
    /// 1 when the last command goes on before the kill.
    is_behind: AtomicU32,
    /// 1 when it gets what Ctrl-C sends.
    is_interrupt: AtomicU32,
}

/// Proxies before all nodes of a cluster.
pub struct Proxies {
    trap: Arc<Trap>,
    ports: Vec<u16>,
}

impl Proxies {
    /// Puts a proxy before every node, and waits until all nodes have heard of it.
    pub fn before(cluster: &LocalCluster) -> Proxies {
        let trap = Arc::new(Trap::default());
        let mut ports = Vec::new();
        for (index, node) in cluster.nodes().iter().enumerate() {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let port = listener.local_addr().expect("an address").port();
            ports.push(port);
            let (behind, trap) = (node.addr.port, trap.clone());
            std::thread::spawn(move || accept(&listener, behind, &trap));
            announce(cluster, index, port);
        }
        wait_until_announced(cluster, &ports);
        Proxies { trap, ports }
    }

    /// Where the first node is reached through its proxy.
    pub fn port(&self) -> u16 {
        self.ports[0]
    }

    /// Lets so many commands pass, and kills at the next one: before it, or right behind it.
    pub fn set(&self, passes: u32, is_behind: bool) {
        self.trap.pid.store(0, Ordering::SeqCst);
        self.trap.passed.store(0, Ordering::SeqCst);
        self.trap
            .is_behind
            .store(u32::from(is_behind), Ordering::SeqCst);
        self.trap
            .passes
            .store(passes.saturating_add(1), Ordering::SeqCst);
    }

    /// Lets everything pass.
    pub fn open(&self) {
        self.set(u32::MAX - 1, false);
    }

    /// Whom to kill.
    pub fn aim(&self, pid: u32) {
        self.trap.pid.store(pid, Ordering::SeqCst);
    }

    /// From now on the program gets what Ctrl-C sends, or is killed again.
    pub fn interrupt(&self, is_interrupt: bool) {
        let is_interrupt = u32::from(is_interrupt);
        self.trap.is_interrupt.store(is_interrupt, Ordering::SeqCst);
    }

    /// How many commands that change a slot have passed.
    pub fn passed(&self) -> u32 {
        self.trap.passed.load(Ordering::SeqCst)
    }
}

/// From now on a node says that it is reached at another port.
pub(super) fn announce(cluster: &LocalCluster, node: usize, port: u16) {
    let number = port.to_string();
    let set = [
        b"CONFIG",
        &b"SET"[..],
        b"cluster-announce-port",
        number.as_bytes(),
    ];
    send(cluster, node, &[client(&set)]);
}

/// Waits until all nodes have heard of these ports.
pub(super) fn wait_until_announced(cluster: &LocalCluster, ports: &[u16]) {
    let announced = |index: usize| {
        let view = cluster.view(index).expect("a view");
        let known = view.nodes().iter().filter_map(|node| node.addr.clone());
        known.filter(|addr| ports.contains(&addr.port)).count() == ports.len()
    };
    wait::until("the nodes announce the proxies", PATIENCE, || {
        (0..ports.len()).all(announced)
    });
}

fn accept(listener: &TcpListener, behind: u16, trap: &Arc<Trap>) {
    for stream in listener.incoming() {
        let (Ok(front), Ok(back)) = (stream, TcpStream::connect(("127.0.0.1", behind))) else {
            continue;
        };
        // Commands go on one by one: else each would wait for the answer to the one before.
        for side in [&front, &back] {
            side.set_nodelay(true).expect("a socket");
        }
        let (to_front, from_back) = (front.try_clone(), back.try_clone());
        let (Ok(mut to_front), Ok(mut from_back)) = (to_front, from_back) else {
            continue;
        };
        std::thread::spawn(move || {
            // Whichever side ends first, the other is told.
            let _ = std::io::copy(&mut from_back, &mut to_front);
            let _ = to_front.shutdown(Shutdown::Both);
        });
        let trap = trap.clone();
        std::thread::spawn(move || pass(front, back, &trap));
    }
}

/// Passes commands on one by one.
fn pass(mut front: TcpStream, mut back: TcpStream, trap: &Trap) {
    let (mut buffer, mut chunk) = (Vec::new(), [0; 1 << 16]);
    while let Ok(length) = front.read(&mut chunk) {
        if length == 0 {
            break;
        }
        buffer.extend_from_slice(&chunk[..length]);
        while let Some((end, changes)) = command(&buffer) {
            let rest = buffer.split_off(end);
            let whole = std::mem::replace(&mut buffer, rest);
            if changes && trap.closes() {
                if trap.is_behind.load(Ordering::SeqCst) == 1 {
                    let _ = back.write_all(&whole);
                    trap.passed.fetch_add(1, Ordering::SeqCst);
                }
                trap.kill();
                let _ = front.shutdown(Shutdown::Both);
                // The server works the command off before it sees the end.
                let _ = back.shutdown(Shutdown::Write);
                return;
            }
            trap.passed.fetch_add(u32::from(changes), Ordering::SeqCst);
            if back.write_all(&whole).is_err() {
                return;
            }
        }
    }
    let _ = back.shutdown(Shutdown::Write);
}

impl Trap {
    /// Whether this command is the one; after it, every one is.
    fn closes(&self) -> bool {
        let less = |left: u32| Some(left.saturating_sub(1));
        let before = self
            .passes
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        before.is_ok_and(|before| before <= 1)
    }

    fn kill(&self) {
        let start = Instant::now();
        while self.pid.load(Ordering::SeqCst) == 0 && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
        let pid = self.pid.load(Ordering::SeqCst).to_string();
        // It may be dead by now: another node's command came first.
        let signal = match self.is_interrupt.load(Ordering::SeqCst) {
            0 => "-KILL",
            _ => "-INT",
        };
        let _ = Command::new("kill").args([signal, &pid]).status();
    }
}

/// The first command of a buffer, when it is whole: where it ends, and whether it changes a slot.
fn command(buffer: &[u8]) -> Option<(usize, bool)> {
    let line = |from: usize| {
        let length = buffer[from..].windows(2).position(|two| two == b"\r\n")?;
        let text = std::str::from_utf8(&buffer[from + 1..from + length]).expect("a number");
        let number: usize = text.parse().expect("a number");
        Some((number, from + length + 2))
    };
    if buffer.is_empty() {
        return None;
    }
    let (words, mut at) = line(0)?;
    let mut first: Vec<&[u8]> = Vec::new();
    for _ in 0..words {
        if at >= buffer.len() {
            return None;
        }
        let (length, start) = line(at)?;
        at = start + length + 2;
        if at > buffer.len() {
            return None;
        }
        if first.len() <= OPTION {
            first.push(&buffer[start..start + length]);
        }
    }
    let changes = match first.as_slice() {
        // What is tried before a run, to see whether it would be refused, changes nothing.
        [b"CLUSTER", b"SETSLOT", b"16384", ..] => false,
        [b"MIGRATE", ..] => first.get(OPTION) != Some(&&b"SLOTKIT-PROBE"[..]),
        [b"DEL", ..] => true,
        words => words.starts_with(&[b"CLUSTER", b"SETSLOT"]),
    };
    Some((at, changes))
}

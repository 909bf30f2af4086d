//! A proxy before every node that answers in its place.
//!
//! The nodes announce the proxies' ports, so that slotkit, clients and the nodes' own `MIGRATE`s go
//! through them. A lie looks at each command, and answers it itself or lets it pass.

use super::proxy::{announce, wait_until_announced};
use slotkit::cluster::local::LocalCluster;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, RwLock};

/// A command's words.
pub type Words = [Vec<u8>];
/// What a node (by its index) is made to answer to a command, as it goes over the wire; nothing
/// where it answers itself.
type Lie = Box<dyn Fn(usize, &Words) -> Option<Vec<u8>> + Send + Sync>;

/// Proxies before all nodes of a cluster.
pub struct Liars {
    lie: Arc<RwLock<Option<Lie>>>,
    ports: Vec<u16>,
}

impl Liars {
    /// Puts a proxy before every node, and waits until all nodes have heard of it.
    pub fn before(cluster: &LocalCluster) -> Liars {
        let lie = Arc::new(RwLock::new(None));
        let mut ports = Vec::new();
        for (node, behind) in cluster.nodes().iter().enumerate() {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let port = listener.local_addr().expect("an address").port();
            ports.push(port);
            let (behind, lie) = (behind.addr.port, lie.clone());
            std::thread::spawn(move || {
                for front in listener.incoming().flatten() {
                    let lie = lie.clone();
                    std::thread::spawn(move || pass(node, front, behind, &lie));
                }
            });
            announce(cluster, node, port);
        }
        wait_until_announced(cluster, &ports);
        Liars { lie, ports }
    }

    /// Where a node is reached through its proxy.
    pub fn addr(&self, node: usize) -> String {
        format!("127.0.0.1:{}", self.ports[node])
    }

    /// From now on they lie so.
    pub fn lie(&self, lie: impl Fn(usize, &Words) -> Option<Vec<u8>> + Send + Sync + 'static) {
        *self.lie.write().expect("a lock") = Some(Box::new(lie));
    }

    /// From now on everything passes.
    pub fn be_honest(&self) {
        *self.lie.write().expect("a lock") = None;
    }
}

/// What has come in one write passes in one write. A side that ends ends the other.
fn pass(node: usize, front: TcpStream, behind: u16, lie: &RwLock<Option<Lie>>) -> Option<()> {
    let back = TcpStream::connect(("127.0.0.1", behind)).ok()?;
    for side in [&front, &back] {
        side.set_nodelay(true).ok()?;
    }
    let (mut to_front, mut to_back) = (front.try_clone().ok()?, back.try_clone().ok()?);
    let (mut front, mut back) = (BufReader::new(front), BufReader::new(back));
    loop {
        let (mut passed, mut lies) = (Vec::new(), Vec::new());
        while lies.is_empty() || !front.buffer().is_empty() {
            let mut command = Vec::new();
            let words = element(&mut front, &mut command)?;
            let lied = match lie.read().expect("a lock").as_ref() {
                Some(lie) => lie(node, &words),
                None => None,
            };
            if lied.is_none() {
                passed.extend(command);
            }
            lies.push(lied);
        }
        to_back.write_all(&passed).ok()?;
        let mut answers = Vec::new();
        for lied in lies {
            match lied {
                Some(answer) => answers.extend(answer),
                None => drop(element(&mut back, &mut answers)?),
            }
        }
        to_front.write_all(&answers).ok()?;
    }
}

/// Reads one command or answer whole, and its strings.
fn element(from: &mut impl BufRead, whole: &mut Vec<u8>) -> Option<Vec<Vec<u8>>> {
    let start = whole.len();
    if from.read_until(b'\n', whole).ok()? == 0 {
        return None;
    }
    let line = std::str::from_utf8(&whole[start..])
        .ok()?
        .trim_end()
        .to_owned();
    let length = || line[1..].parse::<i64>().ok();
    match line.as_bytes().first()? {
        b'$' => {
            let Ok(length) = usize::try_from(length()?) else {
                return Some(Vec::new());
            };
            let start = whole.len();
            whole.resize(start + length + 2, 0);
            from.read_exact(&mut whole[start..]).ok()?;
            Some(vec![whole[start..start + length].to_vec()])
        }
        b'*' | b'%' | b'~' | b'>' => {
            let each = if line.starts_with('%') { 2 } else { 1 };
            let mut words = Vec::new();
            for _ in 0..(length()?.max(0) * each) {
                words.extend(element(from, whole)?);
            }
            Some(words)
        }
        _ => Some(Vec::new()),
    }
}

//! Nodes of a cluster that isn't there: they answer as a test tells them to, or not at all.

use slotkit::slot::SLOT_COUNT;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// Primaries with slots, evenly, as far as anybody can tell from their answers.
pub struct FakeCluster {
    ports: Vec<u16>,
}

impl FakeCluster {
    /// Starts so many; where the test has no answer of its own, each says what a healthy node does.
    /// Their threads end with the test's process.
    pub fn start(
        count: usize,
        own: impl Fn(&FakeCluster, usize, &[String]) -> Said + Send + Sync + 'static,
    ) -> Arc<FakeCluster> {
        let listeners: Vec<TcpListener> = (0..count)
            .map(|_| TcpListener::bind("127.0.0.1:0").expect("a port"))
            .collect();
        let port = |listener: &TcpListener| listener.local_addr().expect("an address").port();
        let cluster = Arc::new(FakeCluster {
            ports: listeners.iter().map(port).collect(),
        });
        let own = Arc::new(own);
        for (node, listener) in listeners.into_iter().enumerate() {
            let (cluster, own) = (Arc::clone(&cluster), Arc::clone(&own));
            std::thread::spawn(move || {
                for link in listener.incoming().map_while(Result::ok) {
                    let (cluster, own) = (Arc::clone(&cluster), Arc::clone(&own));
                    std::thread::spawn(move || {
                        serve(&link, |words| match own(&cluster, node, words) {
                            Said::AsUsual => Some(cluster.healthy(node, words)),
                            Said::This(answer) => Some(answer),
                            Said::Nothing => None,
                        });
                    });
                }
            });
        }
        cluster
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.ports.len()
    }

    /// Where a node listens, on loopback.
    pub fn port(&self, node: usize) -> u16 {
        self.ports[node]
    }

    /// A node's id.
    pub fn id(node: usize) -> String {
        format!("{:040x}", 0xabc_0000 + node)
    }

    /// A node's line in `CLUSTER NODES`.
    pub fn line(&self, node: usize, flags: &str) -> String {
        let (count, port) = (self.ports.len(), self.ports[node]);
        let slots = [node, node + 1].map(|node| SLOT_COUNT * node / count);
        let (first, last) = (slots[0], slots[1] - 1);
        let (id, epoch) = (FakeCluster::id(node), node + 1);
        format!("{id} 127.0.0.1:{port}@1 {flags} - 0 0 {epoch} connected {first}-{last}")
    }

    /// What a node says of the cluster.
    pub fn nodes(&self, of: usize) -> String {
        let line = |node| {
            self.line(
                node,
                if node == of {
                    "myself,master"
                } else {
                    "master"
                },
            )
        };
        (0..self.ports.len())
            .map(line)
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn healthy(&self, node: usize, words: &[String]) -> String {
        let words: Vec<String> = words.iter().map(|word| word.to_uppercase()).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["CLUSTER", "MYID"] => bulk(&FakeCluster::id(node)),
            ["CLUSTER", "NODES"] => bulk(&self.nodes(node)),
            ["CLUSTER", "INFO"] => {
                let epoch = node + 1;
                bulk(&format!(
                    "cluster_state:ok\r\ncluster_current_epoch:{epoch}\r\ncluster_my_epoch:{epoch}\r\n"
                ))
            }
            ["INFO", ..] => bulk(
                "redis_version:7.0.15\r\nused_memory:1000\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\nrole:master\r\nconnected_slaves:0\r\ndb0:keys=1,expires=0,avg_ttl=0\r\n",
            ),
            ["CLUSTER", "COUNTKEYSINSLOT", _] | ["DBSIZE"] => ":0\r\n".to_owned(),
            ["CONFIG", ..] | ["CLUSTER", "GETKEYSINSLOT", ..] | ["FUNCTION", "LIST", ..] => {
                "*0\r\n".to_owned()
            }
            ["ACL", "WHOAMI"] => bulk("default"),
            ["PING"] => "+PONG\r\n".to_owned(),
            // What a healthy server says to commands that can't do anything.
            ["CLUSTER", "SETSLOT", "16384", ..] | ["MIGRATE" | "RESTORE-ASKING", ..] => {
                "-ERR no\r\n".to_owned()
            }
            ["ASKING"] => "+OK\r\n".to_owned(),
            ["PTTL", _] => ":-2\r\n".to_owned(),
            ["DUMP", _] => "$-1\r\n".to_owned(),
            ["ACL", "DRYRUN", ..] | ["SELECT", "0"] | ["AUTH", ..] => "+OK\r\n".to_owned(),
            ["SELECT", _] => "-ERR SELECT is not allowed in cluster mode\r\n".to_owned(),
            _ => format!("-ERR unknown command '{}'\r\n", words.join(" ")),
        }
    }
}

/// What a node says to one command.
pub enum Said {
    /// What a healthy one does.
    AsUsual,
    /// This, as it goes over the wire.
    This(String),
    /// Nothing, for as long as the other side waits.
    Nothing,
}

/// A string as a reply.
pub fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn serve(link: &TcpStream, answer: impl Fn(&[String]) -> Option<String>) {
    let mut reader = BufReader::new(link);
    while let Some(words) = command(&mut reader) {
        match answer(&words) {
            Some(answer) => {
                let mut writer = link;
                if writer.write_all(answer.as_bytes()).is_err() {
                    return;
                }
            }
            // Until the other side gives up.
            None => drop(reader.read_to_end(&mut Vec::new())),
        }
    }
}

fn command(reader: &mut impl BufRead) -> Option<Vec<String>> {
    let count = number(reader, '*')?;
    let word = |_| {
        let mut word = vec![0; number(reader, '$')? + 2];
        reader.read_exact(&mut word).ok()?;
        word.truncate(word.len() - 2);
        Some(String::from_utf8_lossy(&word).into_owned())
    };
    (0..count).map(word).collect()
}

fn number(reader: &mut impl BufRead, sign: char) -> Option<usize> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    line.trim_end().strip_prefix(sign)?.parse().ok()
}

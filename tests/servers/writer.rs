//! A client that goes on writing while nodes die and stand still, and knows which of its writes
//! were acknowledged.

use super::load::LIFE_MS;
use slotkit::cluster::NodeAddr;
use slotkit::cluster::client::ClusterClient;
use slotkit::cluster::link::Patience;
use slotkit::cluster::verb::Reply;
use slotkit::cluster::witness::Expected;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long it waits for a node. One that stands still answers what lies in its buffers when it
/// wakes, replaced or not: nobody must be waiting any more.
const PATIENCE: Patience = Patience {
    connect_ms: 300,
    answer_ms: 300,
};
/// After this time nobody waits for a node that others took for gone at its beginning.
pub const PATIENCE_AT_MOST: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(1);
/// A server acknowledges a write before its replica has it: what was acknowledged this shortly
/// before a node was gone may be lost, by whatever the node did (a bystander of Valkey 9.1 too).
const IN_DOUBT: Duration = Duration::from_millis(500);

/// What became of the writes; each key was written once.
#[derive(Default)]
pub struct Written {
    /// Acknowledged.
    pub kept: Expected,
    /// Acknowledged, and they expire.
    pub lives: Vec<Vec<u8>>,
    /// Written, or not: nobody answered, or a node was gone right after.
    pub unclear: Vec<Vec<u8>>,
}

/// A client in a thread of its own.
pub struct Writer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Written>,
}

impl Writer {
    /// Starts to write keys below `writer:`; the seed is a node that stays.
    pub fn start(seed: &NodeAddr) -> Writer {
        let stop = Arc::new(AtomicBool::new(false));
        let (asked, seed) = (stop.clone(), seed.clone());
        let thread = std::thread::spawn(move || write_until(&asked, &seed));
        Writer { stop, thread }
    }

    /// Stops; what nobody answered is deleted, so that what must be there is known.
    pub fn stop(self, seed: &NodeAddr) -> Written {
        self.stop.store(true, Ordering::Relaxed);
        let written = self.thread.join().expect("the writer goes on");
        let mut client = ClusterClient::connect(seed, None).expect("a client");
        for key in &written.unclear {
            let reply = client.run(&[b"DEL", key]).expect("an answer");
            assert!(matches!(reply, Reply::Int(0 | 1)), "{reply:?}");
        }
        written
    }
}

fn write_until(asked: &AtomicBool, seed: &NodeAddr) -> Written {
    let mut written = Written::default();
    let mut recent: VecDeque<(Instant, Vec<u8>, Option<Vec<u8>>)> = VecDeque::new();
    let mut client = None;
    let life = LIFE_MS.to_string();
    for number in 0_u64.. {
        if asked.load(Ordering::Relaxed) {
            break;
        }
        let (key, value) = (format!("writer:{number}"), number.to_string());
        let (key, value) = (key.into_bytes(), value.into_bytes());
        let expires = number % 4 == 0;
        let mut words: Vec<&[u8]> = vec![b"SET", &key, &value];
        if expires {
            words.extend([&b"PX"[..], life.as_bytes()]);
        }
        // A new client reads the slot map anew.
        if client.is_none() {
            client = ClusterClient::patient(seed, None, PATIENCE).ok();
        }
        let reply = client.as_mut().map(|client| client.run(&words));
        match reply {
            Some(Ok(Reply::Text(text))) if text == b"OK" => {
                recent.push_back((Instant::now(), key, (!expires).then_some(value)));
            }
            _ => {
                written
                    .unclear
                    .extend(recent.drain(..).map(|(_, key, _)| key));
                written.unclear.push(key);
                client = None;
            }
        }
        while recent
            .front()
            .is_some_and(|(at, ..)| at.elapsed() > IN_DOUBT)
        {
            let (_, key, value) = recent.pop_front().expect("one");
            written.keep(key, value);
        }
        std::thread::sleep(PAUSE);
    }
    for (_, key, value) in recent {
        written.keep(key, value);
    }
    written
}

impl Written {
    /// One without a value to remember expires.
    fn keep(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        match value {
            Some(value) => drop(self.kept.insert(key, Some(value))),
            None => self.lives.push(key),
        }
    }
}

//! Clients that write while slots move, and remember every write that was acknowledged.

use slotkit::cluster::NodeAddr;
use slotkit::cluster::client::ClusterClient;
use slotkit::cluster::login::Login;
use slotkit::cluster::verb::Reply;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Keys with the values that must be there.
pub type Expected = BTreeMap<Vec<u8>, Vec<u8>>;

/// Writes keys with values of this size under a prefix; odd bytes in some.
pub fn fill(
    seed: &NodeAddr,
    login: Option<&Login>,
    prefix: &str,
    count: usize,
    value_bytes: usize,
) -> Expected {
    let mut client = ClusterClient::connect(seed, login).expect("a client");
    let mut expected = Expected::new();
    for index in 0..count {
        let mut key = format!("{prefix}:{index}").into_bytes();
        if index % 50 == 0 {
            key.extend_from_slice(b"\n \"'\\\x00\xff");
        }
        let mut value = format!("{index}-").into_bytes();
        value.resize(value.len() + value_bytes, b'v');
        set(&mut client, &key, &value).expect("the key is written");
        expected.insert(key, value);
    }
    expected
}

/// Reads every key and compares; says the first differences.
pub fn assert_all_there(seed: &NodeAddr, login: Option<&Login>, expected: &Expected) {
    let mut client = ClusterClient::connect(seed, login).expect("a client");
    let mut wrong = Vec::new();
    for (key, value) in expected {
        let found = client.run(&[b"GET", key]).expect("an answer");
        if found != Reply::Text(value.clone()) {
            wrong.push(format!("{}: {found:?}", key.escape_ascii()));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} keys are wrong: {:?}",
        wrong.len(),
        expected.len(),
        &wrong[..wrong.len().min(5)]
    );
}

fn set(client: &mut ClusterClient, key: &[u8], value: &[u8]) -> Result<(), String> {
    match client.run(&[b"SET", key, value]) {
        Ok(Reply::Text(text)) if text == b"OK" => Ok(()),
        Ok(other) => Err(format!("{other:?}")),
        Err(error) => Err(error.one_line()),
    }
}

/// A client in a thread of its own that writes until it is stopped.
pub struct Writer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Expected>,
}

impl Writer {
    /// Starts to write: new keys, and old ones again and again.
    pub fn start(seed: &NodeAddr, login: Option<&Login>) -> Writer {
        let stop = Arc::new(AtomicBool::new(false));
        let (seed, login, asked) = (seed.clone(), login.cloned(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut client = ClusterClient::connect(&seed, login.as_ref()).expect("a client");
            let mut acknowledged = Expected::new();
            let mut round: u64 = 0;
            while !asked.load(Ordering::Relaxed) {
                // Every second write goes to one of 500 keys that are written again and again.
                let key = match round % 2 {
                    0 => format!("again:{}", round % 500),
                    _ => format!("once:{round}"),
                };
                let value = round.to_string().into_bytes();
                set(&mut client, key.as_bytes(), &value).expect("a write is acknowledged");
                acknowledged.insert(key.into_bytes(), value);
                round += 1;
            }
            acknowledged
        });
        Writer { stop, thread }
    }

    /// Stops; returns what was acknowledged.
    pub fn stop(self) -> Expected {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the writer ends well")
    }
}

//! A client that writes while slots move, and remembers every write that was
//! acknowledged, so that a lost, doubled or revived one is seen.

use super::NodeAddr;
use super::client::ClusterClient;
use super::login::Login;
use super::verb::Reply;
use crate::error::{Error, ErrorKind, Result};
use crate::escape;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// What must be where: a value, or nothing where the last write was a deletion.
pub type Expected = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// How many counters are incremented again and again.
const COUNTERS: u64 = 500;

/// A client in a thread of its own.
pub struct Witness {
    stop: Arc<AtomicBool>,
    writes: Arc<AtomicU64>,
    thread: JoinHandle<Result<Expected>>,
}

impl Witness {
    /// Starts to write keys below `witness:`: counters, new keys, and deletions.
    ///
    /// # Errors
    /// When the cluster can't be reached.
    pub fn start(seed: &NodeAddr, login: Option<&Login>) -> Result<Witness> {
        let client = ClusterClient::connect(seed, login)?;
        let stop = Arc::new(AtomicBool::new(false));
        let writes = Arc::new(AtomicU64::new(0));
        let (asked, count) = (stop.clone(), writes.clone());
        let thread = std::thread::spawn(move || write_until(client, &asked, &count));
        Ok(Witness {
            stop,
            writes,
            thread,
        })
    }

    /// How many writes were acknowledged so far.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Stops, and says what must be there now.
    ///
    /// # Errors
    /// When a write was refused, or its answer showed that an earlier one was lost.
    pub fn stop(self) -> Result<Expected> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|_| {
            let message = "the writing client broke off";
            Err(Error::new(ErrorKind::Server, message))
        })
    }
}

/// The keys that aren't as they must be, with what was found.
///
/// # Errors
/// When a key can't be read.
pub fn differences(
    seed: &NodeAddr,
    login: Option<&Login>,
    expected: &Expected,
) -> Result<Vec<String>> {
    let mut client = ClusterClient::connect(seed, login)?;
    let mut wrong = Vec::new();
    for (key, value) in expected {
        let wanted = value.clone().map_or(Reply::Nil, Reply::Text);
        let found = client.run(&[b"GET", key])?;
        if found != wanted {
            wrong.push(format!("{}: {}", escape::key_line(key), found.kind()));
        }
    }
    Ok(wrong)
}

fn write_until(
    mut client: ClusterClient,
    asked: &AtomicBool,
    count: &AtomicU64,
) -> Result<Expected> {
    let mut counters = vec![0_u64; COUNTERS as usize];
    let mut expected = Expected::new();
    let mut round: u64 = 0;
    while !asked.load(Ordering::Relaxed) {
        let new = format!("witness:key:{round}").into_bytes();
        match round % 4 {
            // Every fourth write deletes the key that was written two rounds ago.
            3 => {
                let old = format!("witness:key:{}", round - 2).into_bytes();
                require(&client.run(&[b"DEL", &old])?, &Reply::Int(1), &old)?;
                expected.insert(old, None);
            }
            1 | 2 => {
                let value = round.to_string().into_bytes();
                let ok = Reply::Text(b"OK".to_vec());
                require(&client.run(&[b"SET", &new, &value])?, &ok, &new)?;
                expected.insert(new, Some(value));
            }
            _ => {
                let counter = (round / 4) % COUNTERS;
                let value = &mut counters[counter as usize];
                *value += 1;
                let key = format!("witness:counter:{counter}").into_bytes();
                // The answer tells at once whether an increment was lost or done twice.
                require(
                    &client.run(&[b"INCR", &key])?,
                    &Reply::Int(*value as i64),
                    &key,
                )?;
                expected.insert(key, Some(value.to_string().into_bytes()));
            }
        }
        round += 1;
        count.store(round, Ordering::Relaxed);
    }
    Ok(expected)
}

fn require(found: &Reply, wanted: &Reply, key: &[u8]) -> Result<()> {
    if found == wanted {
        return Ok(());
    }
    let key = escape::key_line(key);
    let message = format!(
        "a write to {key} was answered with {}, which isn't what was expected",
        found.kind()
    );
    Err(Error::new(ErrorKind::Server, message))
}

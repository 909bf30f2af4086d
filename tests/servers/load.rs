//! Keys with known values, loaded before slots move and compared after.

use slotkit::cluster::NodeAddr;
use slotkit::cluster::client::ClusterClient;
use slotkit::cluster::login::Login;
use slotkit::cluster::verb::Reply;
use slotkit::cluster::witness::{self, Expected};

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
        let reply = client.run(&[b"SET", &key, &value]).expect("an answer");
        assert_eq!(reply, Reply::Text(b"OK".to_vec()));
        expected.insert(key, Some(value));
    }
    expected
}

/// Reads every key and compares; says the first differences.
pub fn assert_all_there(seed: &NodeAddr, login: Option<&Login>, expected: &Expected) {
    let wrong = witness::differences(seed, login, expected).expect("answers");
    assert!(
        wrong.is_empty(),
        "{} of {} keys are wrong: {:?}",
        wrong.len(),
        expected.len(),
        &wrong[..wrong.len().min(5)]
    );
}

/// How long the keys live that [`fill_expiring`] writes: longer than any test.
pub const LIFE_MS: i64 = 10_000_000;
/// What a test may take of that.
const LIFE_USED_MS: i64 = 1_000_000;

/// Writes keys that expire, but not before the test's end.
pub fn fill_expiring(seed: &NodeAddr, prefix: &str, count: usize) -> Vec<Vec<u8>> {
    let mut client = ClusterClient::connect(seed, None).expect("a client");
    let life = LIFE_MS.to_string();
    let keys = (0..count).map(|index| format!("{prefix}:{index}").into_bytes());
    keys.inspect(|key| {
        let words = [b"SET", key.as_slice(), b"v", b"PX", life.as_bytes()];
        let reply = client.run(&words).expect("an answer");
        assert_eq!(reply, Reply::Text(b"OK".to_vec()));
    })
    .collect()
}

/// Whether anybody has this key.
pub fn is_there(seed: &NodeAddr, key: &[u8]) -> bool {
    let mut client = ClusterClient::connect(seed, None).expect("a client");
    let reply = client.run(&[b"EXISTS", key]).expect("an answer");
    matches!(reply, Reply::Int(1))
}

/// Each of these keys is there, with the rest of its life.
pub fn assert_lives(seed: &NodeAddr, keys: &[Vec<u8>]) {
    let mut client = ClusterClient::connect(seed, None).expect("a client");
    for key in keys {
        match client.run(&[b"PTTL", key]).expect("an answer") {
            Reply::Int(left) if left > LIFE_MS - LIFE_USED_MS && left <= LIFE_MS => {}
            other => panic!("{}: {other:?}", String::from_utf8_lossy(key)),
        }
    }
}

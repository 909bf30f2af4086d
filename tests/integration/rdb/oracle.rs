//! Keys, types, elements, expiries and encodings of files against the server that loads them.

use super::client::{Client, Reply};
use super::dataset::{Abilities, varied};
use super::server::Server;
use crate::command;
use crate::servers::{self, installed};
use slotkit::source::{Encoding, Input, KeyBatch, KeyKind, KeySource, Options, open};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What is known of a key, whoever says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub kind: String,
    pub elements: u64,
    pub expires_at_ms: Option<i64>,
    pub encoding: String,
}

type Keys = BTreeMap<(u16, Vec<u8>), Known>;

/// The keys of a file, as slotkit reads them.
fn read(file: &Path, options: &Options) -> (Keys, Vec<String>) {
    let mut source = open(&Input::File(file.to_path_buf()), options).expect("it opens");
    let mut batch = KeyBatch::new();
    let mut keys = Keys::new();
    while source.next_batch(&mut batch).expect("it is read") {
        for record in batch.records() {
            let known = Known {
                kind: record.facts.kind.word().to_owned(),
                elements: record.facts.elements.expect("a count"),
                expires_at_ms: record.facts.expires_at.map(|at| at.unix_ms() as i64),
                encoding: record.facts.encoding.word().to_owned(),
            };
            assert_eq!(record.facts.expires, record.facts.expires_at.is_some());
            let before = keys.insert((record.facts.db, record.key.to_vec()), known);
            assert_eq!(before, None, "a key twice");
        }
    }
    (keys, source.findings().notes.clone())
}

fn detailed() -> Options {
    Options {
        wants_longest: true,
        ..Options::default()
    }
}

/// The keys of a server, as it says them.
fn ask(client: &mut Client) -> Keys {
    let mut keys = Keys::new();
    for db in 0..16_u16 {
        if let Reply::Refused(_) = client
            .all(vec![command!["SELECT", db.to_string()]])
            .remove(0)
        {
            break;
        }
        let mut cursor = b"0".to_vec();
        loop {
            let reply = client.run(command!["SCAN", cursor, "COUNT", "1000"]);
            cursor = reply.list()[0].text().to_vec();
            for key in reply.list()[1].list() {
                let key = key.text().to_vec();
                let known = ask_one(client, &key);
                keys.insert((db, key), known);
            }
            if cursor == b"0" {
                break;
            }
        }
    }
    keys
}

fn ask_one(client: &mut Client, key: &[u8]) -> Known {
    let kind = client.run(command!["TYPE", key]).word().to_owned();
    let count = match kind.as_str() {
        "string" => "STRLEN",
        "list" => "LLEN",
        "set" => "SCARD",
        "zset" => "ZCARD",
        "hash" => "HLEN",
        "stream" => "XLEN",
        other => panic!("a type {other}"),
    };
    let replies = client.all(vec![
        command![count, key],
        command!["PEXPIRETIME", key],
        command!["OBJECT", "ENCODING", key],
        command!["TIME"],
        command!["PTTL", key],
    ]);
    let expires_at_ms = match &replies[1] {
        Reply::Number(-1) => None,
        Reply::Number(at) => Some(*at),
        // Before Redis 7.0: what is left, which changes while it is asked.
        _ => match replies[4].number() {
            -1 => None,
            left => {
                let part = |index: usize| -> i64 {
                    replies[3].list()[index].word().parse().expect("a number")
                };
                Some(part(0) * 1000 + part(1) / 1000 + left)
            }
        },
    };
    Known {
        kind,
        elements: replies[0].number() as u64,
        expires_at_ms,
        // The same with times in it.
        encoding: replies[2].word().replace("listpackex", "listpack"),
    }
}

/// Loads a file on a server and holds it against what slotkit reads.
fn hold(file: &Path, server: &Path, knows_encodings: bool) {
    let loaded = Server::start(server, Some(file), false);
    let truth = ask(&mut loaded.client());
    let (mut keys, _) = read(file, &detailed());
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    // A server drops what has expired when it loads.
    keys.retain(|_, known| {
        known
            .expires_at_ms
            .is_none_or(|at| at > now.as_millis() as i64)
    });
    let shown = |keys: &Keys| keys.keys().cloned().collect::<Vec<_>>();
    assert_eq!(shown(&keys), shown(&truth), "{}", file.display());
    for ((db, key), truth) in &truth {
        let mut known = keys[&(*db, key.clone())].clone();
        let mut truth = truth.clone();
        let name = format!("{} in {}", key.escape_ascii(), file.display());
        if let (Some(a), Some(b)) = (known.expires_at_ms, truth.expires_at_ms) {
            assert!((a - b).abs() < 3000, "{name}: {a} {b}");
            (known.expires_at_ms, truth.expires_at_ms) = (None, None);
        }
        // Redis 5 has no word for a stream's encoding.
        if !knows_encodings || truth.encoding == "unknown" {
            truth.encoding.clone_from(&known.encoding);
        }
        assert_eq!(known, truth, "{name}");
    }
}

/// Files that servers of these versions wrote: `fixtures/rdb/README.md`.
fn fixtures() -> Vec<PathBuf> {
    let folder = crate::fixtures::folder("rdb");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "rdb"))
        .collect();
    files.sort();
    assert!(files.len() > 20, "there are fixtures");
    files
}

/// The version in a file's magic; Valkey's are above Redis'.
fn version(file: &Path) -> u32 {
    let bytes = std::fs::read(file).expect("the file");
    let digits = std::str::from_utf8(&bytes[6..9]).expect("text");
    digits.parse().expect("a number")
}

/// Not loadable: a module that isn't there, and damage.
fn is_loadable(file: &Path) -> bool {
    let name = file.file_name().expect("a name").to_string_lossy();
    !name.contains("module") && !name.contains("corrupt")
}

/// Every fixture that a version can load, on the newest server that is there.
#[test]
fn fixtures_are_what_servers_load() {
    for (name, newest) in [("redis-7.0", 10), ("redis-8.0", 12), ("valkey-9.1", 80)] {
        let Some(server) = installed(name) else {
            continue;
        };
        for file in fixtures() {
            let version = version(&file);
            // Versions 12 to 79 are those of Redis' newer releases, unknown to Valkey.
            let is_known = version <= newest && (newest < 80 || version <= 11 || version == 80);
            if is_known && is_loadable(&file) {
                hold(&file, &server, false);
            }
        }
    }
}

/// Writes all types and encodings and reads them back, in this mode.
fn round_trip(server: &Path, is_cluster: bool) {
    let writer = Server::start(server, None, false);
    let writer = if is_cluster {
        drop(writer);
        let writer = Server::start(server, None, true);
        writer.own_all_slots();
        writer
    } else {
        writer
    };
    let mut client = writer.client();
    let abilities = Abilities::of(&mut client, is_cluster);
    for (command, reply) in varied(&abilities)
        .iter()
        .zip(client.all(varied(&abilities)))
    {
        if let Reply::Refused(why) = reply {
            panic!("{}: {why}", command[0].escape_ascii());
        }
    }
    let file = writer.save();
    let (_, notes) = read(&file, &detailed());
    assert_eq!(notes, Vec::<String>::new());
    hold(&file, server, true);
    // What only heads are read of gives the same counts.
    let (with, without) = (read(&file, &detailed()).0, counts(&file));
    for ((db, key), known) in &with {
        assert_eq!(
            without[&(*db, key.clone())],
            known.elements,
            "{}",
            key.escape_ascii()
        );
    }
    if let Some(folder) = std::env::var_os("SLOTKIT_KEEP_RDB") {
        let name = std::env::var("SLOTKIT_KEEP_NAME").unwrap_or_else(|_| "server".into());
        let mode = if is_cluster { "-cluster" } else { "" };
        std::fs::copy(&file, Path::new(&folder).join(format!("{name}{mode}.rdb"))).expect("kept");
    }
}

fn counts(file: &Path) -> BTreeMap<(u16, Vec<u8>), u64> {
    let mut source = open(&Input::File(file.to_path_buf()), &Options::default()).expect("it opens");
    let mut batch = KeyBatch::new();
    let mut counts = BTreeMap::new();
    while source.next_batch(&mut batch).expect("it is read") {
        for record in batch.records() {
            let elements = record.facts.elements.expect("a count");
            counts.insert((record.facts.db, record.key.to_vec()), elements);
        }
    }
    counts
}

#[test]
fn a_server_says_the_same_of_what_it_wrote() {
    if let Some(server) = servers::server() {
        round_trip(&server, false);
    }
}

#[test]
fn a_cluster_node_says_the_same_of_what_it_wrote() {
    if let Some(server) = servers::server() {
        round_trip(&server, true);
    }
}

#[test]
fn every_version_says_the_same_of_what_it_wrote() {
    let newer = ["redis-6.2", "redis-8.0", "valkey-8.1", "valkey-9.1"].map(installed);
    let oldest = servers::compiled("redis-5.0");
    for server in oldest.into_iter().chain(newer.into_iter().flatten()) {
        round_trip(&server, false);
        round_trip(&server, true);
    }
}

/// A kind and an encoding that no server says.
#[test]
fn a_module_is_stepped_over() {
    let file = crate::fixtures::folder("rdb").join("redis_40_with_module.rdb");
    let mut source = open(&Input::File(file), &detailed()).expect("it opens");
    let mut batch = KeyBatch::new();
    let mut found = Vec::new();
    while source.next_batch(&mut batch).expect("it is read") {
        for record in batch.records() {
            found.push((
                record.facts.kind,
                record.facts.size_bytes,
                record.facts.encoding,
            ));
        }
    }
    assert!(
        found.contains(&(KeyKind::Module, None, Encoding::Unknown)),
        "{found:?}"
    );
}

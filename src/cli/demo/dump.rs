//! Writes what a cluster holds as the memory CSV that `analyze` reads: a key a
//! row, its size as the server itself says.

use crate::cluster::LiveCluster;
use crate::cluster::NodeId;
use crate::cluster::link::RedisLink;
use crate::cluster::verb::{Reply, Verb};
use crate::error::{Error, ErrorKind, Result};
use std::path::Path;

const SCAN_COUNT: &[u8] = b"1000";

/// Writes the file; `going` is asked between two pages of keys whether to go on.
pub(super) fn write(
    cluster: &mut LiveCluster<RedisLink>,
    path: &Path,
    going: impl Fn() -> Result<()>,
) -> Result<()> {
    let io = |cause: csv::Error| Error::io(path, cause.into());
    let mut file = csv::Writer::from_path(path).map_err(io)?;
    file.write_record(["database", "type", "key", "size_in_bytes"])
        .map_err(io)?;
    let view = cluster.seed_view()?;
    for node in view.primaries() {
        let mut cursor = b"0".to_vec();
        loop {
            going()?;
            let (next, keys) = page(cluster, node.id, cursor)?;
            for (key, size_bytes) in sized(cluster, node.id, keys)? {
                let size = size_bytes.to_string();
                file.write_record([b"0", &b"string"[..], &key, size.as_bytes()])
                    .map_err(io)?;
            }
            if next == b"0" {
                break;
            }
            cursor = next;
        }
    }
    file.flush().map_err(|cause| Error::io(path, cause))
}

/// One page of `SCAN`: the next cursor and keys.
fn page(
    cluster: &mut LiveCluster<RedisLink>,
    node: NodeId,
    cursor: Vec<u8>,
) -> Result<(Vec<u8>, Vec<Vec<u8>>)> {
    let verb = Verb::Client(vec![
        b"SCAN".to_vec(),
        cursor,
        b"COUNT".to_vec(),
        SCAN_COUNT.to_vec(),
    ]);
    let reply = cluster.ask(node, &verb)?.accepted(&verb)?;
    let Reply::List(mut parts) = reply else {
        return Err(odd("SCAN"));
    };
    let (keys, cursor) = (parts.pop(), parts.pop());
    match (cursor, keys) {
        (Some(Reply::Text(cursor)), Some(keys)) => Ok((cursor, keys.byte_strings(&verb)?)),
        _ => Err(odd("SCAN")),
    }
}

/// The keys that still exist, with their sizes.
fn sized(
    cluster: &mut LiveCluster<RedisLink>,
    node: NodeId,
    keys: Vec<Vec<u8>>,
) -> Result<Vec<(Vec<u8>, i64)>> {
    let usage =
        |key: &Vec<u8>| Verb::Client(vec![b"MEMORY".to_vec(), b"USAGE".to_vec(), key.clone()]);
    let verbs: Vec<Verb> = keys.iter().map(usage).collect();
    let sizes = cluster.round_trip(node, &verbs)?;
    keys.into_iter()
        .zip(sizes)
        .filter_map(|(key, size)| match size {
            Reply::Int(bytes) => Some(Ok((key, bytes))),
            Reply::Nil => None,
            _ => Some(Err(odd("MEMORY USAGE"))),
        })
        .collect()
}

fn odd(command: &str) -> Error {
    Error::new(
        ErrorKind::Server,
        format!("{command} answered something odd"),
    )
}

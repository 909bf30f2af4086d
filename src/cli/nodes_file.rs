//! A saved `CLUSTER NODES`.

use crate::cluster::{ClusterView, parse};
use crate::error::{Error, ErrorKind, Position, Result};
use std::io::Read;
use std::path::Path;

/// A cluster of 1,000 nodes with the slots in tatters prints less than 1 MiB.
const MAX_BYTES: u64 = 16 << 20;

/// Reads a file with the output of `CLUSTER NODES`; `-` is stdin.
///
/// # Errors
/// When it can't be read, or isn't such an output; with line and field.
pub(super) fn read_view(path: &Path) -> Result<ClusterView> {
    let (origin, text) = if path == Path::new("-") {
        (
            "<stdin>".into(),
            read(std::io::stdin().lock(), Path::new("<stdin>"))?,
        )
    } else {
        let file = std::fs::File::open(path).map_err(|cause| Error::io(path, cause))?;
        (path.display().to_string(), read(file, path)?)
    };
    parse::cluster_nodes(&text, &origin)
}

fn read(source: impl Read, path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    source
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|cause| Error::io(path, cause))?;
    let refuse = |what: &str| {
        Error::new(
            ErrorKind::Input,
            format!("expected the output of CLUSTER NODES, found {what}"),
        )
        .at(Position::file(path))
        .mend("save it with redis-cli -h HOST CLUSTER NODES > FILE")
    };
    if bytes.len() as u64 > MAX_BYTES {
        return Err(refuse("more than 16 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| refuse("bytes that are no text"))
}

//! Reads a file that holds what `CLUSTER NODES` printed.

use crate::cluster::{ClusterView, parse};
use crate::error::{Error, ErrorKind, Position, Result};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A thousand nodes with every slot on its own line part take less than this.
const MAX_BYTES: u64 = 16 << 20;

/// Reads a file with the output of `CLUSTER NODES`; `-` is stdin.
///
/// # Errors
/// When it can't be read, or isn't such an output; with line and field.
pub(super) fn read(path: &Path) -> Result<ClusterView> {
    if path == Path::new("-") {
        return read_from(std::io::stdin().lock(), Path::new("<stdin>"));
    }
    let file = File::open(path).map_err(|cause| Error::io(path, cause))?;
    read_from(file, path)
}

fn read_from(source: impl Read, path: &Path) -> Result<ClusterView> {
    let mut bytes = Vec::new();
    source
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|cause| Error::io(path, cause))?;
    let refuse = |found: &str| {
        let message = format!("expected the output of CLUSTER NODES, found {found}");
        Error::new(ErrorKind::Input, message)
            .at(Position::file(path))
            .fix("save it with redis-cli -h HOST CLUSTER NODES > FILE")
    };
    if bytes.len() as u64 > MAX_BYTES {
        return Err(refuse("more than 16 MiB"));
    }
    let text = String::from_utf8(bytes).map_err(|_| refuse("bytes that are not text"))?;
    parse::cluster_nodes(&text, &path.display().to_string())
}

//! Real servers for the tests: found on this machine, started on loopback, stopped by the test.

pub mod load;

use slotkit::cluster::local::{LocalCluster, Shape, find_server};
use std::path::PathBuf;

/// The server that the tests run against: `SLOTKIT_TEST_SERVER`, or the one on PATH.
///
/// Without a server the test says so and passes over: `make test` installs one first.
pub fn server() -> Option<PathBuf> {
    let named = std::env::var_os("SLOTKIT_TEST_SERVER").map(PathBuf::from);
    let found = named.or_else(find_server);
    if found.is_none() {
        let test = std::thread::current();
        let name = test.name().unwrap_or("a test").to_owned();
        eprintln!("skipped {name}: no redis-server on PATH (make test installs one)");
    }
    found
}

/// A cluster of this shape, or nothing when there is no server.
pub fn cluster(shape: &Shape) -> Option<LocalCluster> {
    let server = server()?;
    Some(LocalCluster::start(&server, shape).expect("a cluster on loopback"))
}

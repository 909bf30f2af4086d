//! Real servers for the tests: found on this machine, started on loopback, stopped by the test.

pub mod fake;
pub mod liar;
pub mod load;
pub mod proxy;
pub mod runs;
pub mod single;
pub mod wait;
pub mod writer;

use slotkit::cluster::local::{LocalCluster, Shape, find_server};
use std::path::PathBuf;
use std::process::Command;

/// The server that the tests run against: `SLOTKIT_TEST_SERVER`, or the one on PATH.
///
/// Without a server the test says so and passes over: `make test` installs one first.
pub fn server() -> Option<PathBuf> {
    let named = std::env::var_os("SLOTKIT_TEST_SERVER").map(PathBuf::from);
    let found = named.or_else(find_server);
    if found.is_none() {
        missing("no redis-server on PATH (make test installs one)");
    }
    found
}

/// The server that `tests/servers/install NAME` has put into the cache folder, such as `valkey-9.1`.
///
/// A test that needs just this one says that it is skipped where it is missing.
pub fn installed(name: &str) -> Option<PathBuf> {
    let found = find_installed(name);
    if found.is_none() {
        missing(&not_installed(name));
    }
    found
}

/// The same of a server that is compiled first: CI goes without, `make test-matrix` has it.
pub fn compiled(name: &str) -> Option<PathBuf> {
    let found = find_installed(name);
    if found.is_none() {
        skip(&not_installed(name));
    }
    found
}

fn find_installed(name: &str) -> Option<PathBuf> {
    let found = cache_folder().map(|folder| folder.join(name).join("server"));
    found.filter(|server| server.is_file())
}

fn not_installed(name: &str) -> String {
    format!("{name} isn't installed (sh tests/servers/install {name} does it)")
}

/// The `rdb` of rdb-tools, beside the servers, where somebody has put it.
pub fn rdb_tools() -> Option<PathBuf> {
    let folder = cache_folder()?.join("rdb-tools");
    let found = Some(folder.join("bin/rdb")).filter(|tool| tool.is_file());
    if found.is_none() {
        let folder = folder.display();
        skip(&format!(
            "rdb-tools isn't there (python3 -m venv {folder} && {folder}/bin/pip install rdbtools python-lzf)"
        ));
    }
    found
}

/// Where `tests/servers/install` puts servers; the same rule as there.
fn cache_folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(folder) = set("SLOTKIT_SERVERS") {
        return Some(folder.into());
    }
    let cache = match set("XDG_CACHE_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(set("HOME")?).join(".cache"),
    };
    Some(cache.join("slotkit/servers"))
}

/// Whether a server is a Valkey.
pub fn is_valkey(server: &std::path::Path) -> bool {
    said_by(server).starts_with("Valkey")
}

/// Major and minor version of a server, from what it prints of itself (`v=9.1.2`).
pub fn version(server: &std::path::Path) -> (u32, u32) {
    let said = said_by(server);
    let text = said.split(" v=").nth(1).expect("a version");
    let mut numbers = text.split(['.', ' ']).map(str::parse);
    let mut next = || numbers.next().expect("a part").expect("a number");
    (next(), next())
}

/// What a server prints of itself.
fn said_by(server: &std::path::Path) -> String {
    let output = Command::new(server).arg("--version").output();
    String::from_utf8(output.expect("it runs").stdout).expect("text")
}

/// Passes over the running test for want of a server, or fails it where `SLOTKIT_REQUIRE_SERVERS` is
/// 1: what nobody saw run isn't green.
fn missing(why: &str) {
    let is_required = std::env::var_os("SLOTKIT_REQUIRE_SERVERS").is_some_and(|set| set == "1");
    assert!(!is_required, "{why}, and SLOTKIT_REQUIRE_SERVERS is 1");
    skip(why);
}

/// Says that the running test is passed over, and why.
pub fn skip(why: &str) {
    let test = std::thread::current();
    eprintln!("skipped {}: {why}", test.name().unwrap_or("a test"));
}

/// A cluster of this shape, or nothing when there is no server.
pub fn cluster(shape: &Shape) -> Option<LocalCluster> {
    let server = server()?;
    Some(LocalCluster::start(&server, shape).expect("a cluster on loopback"))
}

//! What rdb-tools writes of a real server's snapshot, against the server: tests/dump_truth.py with few keys.

use super::servers;
use std::process::Command;

#[test]
fn a_dump_of_rdb_tools_has_the_keys_of_its_server() {
    // rdb-tools reads no snapshots of later versions.
    let Some(server) = servers::installed("redis-6.2") else {
        return;
    };
    let Some(rdb_tools) = servers::rdb_tools() else {
        return;
    };
    let output = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dump_truth.py"))
        .arg("--server")
        .arg(server)
        .arg("--rdb")
        .arg(rdb_tools)
        .args(["--slotkit", env!("CARGO_BIN_EXE_slotkit")])
        .args(["--keys", "8000"])
        .output()
        .expect("python3 runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{complaints}");
    assert!(said.contains("8000 keys in 16384 slots"), "{said}");
}

//! What a tired person does with a fix: types its commands where it says, and nothing else.

use crate::servers::runs::run;
use crate::servers::wait;
use crate::tool::{Run, ended, slotkit};
use serde_json::Value;
use slotkit::cluster::NodeAddr;
use slotkit::cluster::link::{Patience, RedisLink};
use slotkit::cluster::local::LocalCluster;
use slotkit::cluster::login::Login;
use slotkit::cluster::verb::{NodeLink, Reply, Verb};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long what passes by itself may take: a forgotten node isn't let in again for a minute.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What `check` finds: the kind and the fix of each finding.
pub fn found(cluster: &LocalCluster, state: &Path) -> Vec<(String, String)> {
    let check = run(cluster, state, &["check", "--json"]);
    read(&check)
}

/// What `check` finds, asked at this node.
pub fn found_at(addr: &NodeAddr, state: &Path) -> Vec<(String, String)> {
    let port = addr.port.to_string();
    let mut check = slotkit(["check", "--json", "-h", &addr.host, "-p", &port]);
    read(&ended(
        check
            .env("XDG_STATE_HOME", state)
            .output()
            .expect("it runs"),
    ))
}

fn read(check: &Run) -> Vec<(String, String)> {
    let document: Value = serde_json::from_slice(&check.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", check.stderr));
    let all = document["findings"].as_array().expect("findings");
    let word = |finding: &Value, name: &str| finding[name].as_str().expect("a word").to_owned();
    all.iter()
        .map(|finding| (word(finding, "kind"), word(finding, "fix")))
        .collect()
}

/// The one fix of this kind that `check` tells, when it tells it.
pub fn fix_of(cluster: &LocalCluster, state: &Path, kind: &str) -> String {
    fix_in(kind, || found(cluster, state))
}

/// The same, where it lets pass by itself for a second only what may.
pub fn fix_at_once(cluster: &LocalCluster, state: &Path, kind: &str) -> String {
    fix_in(kind, || {
        read(&run(cluster, state, &["check", "--json", "--wait", "1s"]))
    })
}

fn fix_in(kind: &str, found: impl Fn() -> Vec<(String, String)>) -> String {
    let mut fix = None;
    wait::until(&format!("check finds {kind}"), PATIENCE, || {
        let mut found = found().into_iter();
        fix = found.find(|(of, _)| of == kind).map(|(_, fix)| fix);
        fix.is_some()
    });
    fix.expect("a fix")
}

/// Types what stands behind each `at HOST:PORT: `, up to the next `;`, a command a `, then `.
/// Each must be accepted.
pub fn follow(fix: &str, login: Option<&Login>) {
    let mut count = 0;
    for part in fix.split("at ").skip(1) {
        let Some((place, rest)) = part.split_once(' ') else {
            continue;
        };
        let Some(addr) = place.strip_suffix(':').and_then(|addr| addr.parse().ok()) else {
            continue;
        };
        let commands = rest.split(';').next().expect("a part");
        for command in commands.split(", then ") {
            typed(&addr, login, &shell(command.trim()));
            count += 1;
        }
    }
    assert!(count > 0, "nothing to type in: {fix}");
}

/// The words that a shell makes of a command: `$(seq 1 3)` is written out.
fn shell(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = command;
    while let Some((before, after)) = rest.split_once("$(seq ") {
        words.extend(before.split_whitespace().map(str::to_owned));
        let (ends, behind) = after.split_once(')').expect("its end");
        let ends: Vec<u16> = ends
            .split(' ')
            .map(|end| end.parse().expect("a slot"))
            .collect();
        words.extend((ends[0]..=ends[1]).map(|slot| slot.to_string()));
        rest = behind;
    }
    words.extend(rest.split_whitespace().map(str::to_owned));
    words
}

/// One command at a node, which must accept it.
pub fn typed(addr: &NodeAddr, login: Option<&Login>, words: &[String]) {
    let mut link = RedisLink::connect(addr, login, Patience::default()).expect("a link");
    let command = words.iter().map(|word| word.clone().into_bytes()).collect();
    let reply = link.ask(&Verb::Client(command)).expect("an answer");
    assert!(
        !matches!(reply, Reply::Refused(_)),
        "{addr}: {words:?}: {reply:?}"
    );
}

/// The words of a command, for [`typed`].
pub fn words(command: &str) -> Vec<String> {
    command.split_whitespace().map(str::to_owned).collect()
}

/// Sends a command to a node of a cluster, which must accept it.
pub fn send(cluster: &LocalCluster, node: usize, command: &str) {
    let addr = &cluster.nodes()[node].addr;
    typed(addr, cluster.login(), &words(command));
}

/// Waits until `check` finds none of these kinds.
pub fn wait_until_fixed(cluster: &LocalCluster, state: &Path, kinds: &[&str]) {
    let mut last = Vec::new();
    let start = std::time::Instant::now();
    loop {
        last.clear();
        last.extend(found(cluster, state));
        if !last.iter().any(|(kind, _)| kinds.contains(&kind.as_str())) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "still: {last:?}");
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// A server that a test starts again with the files that it had; it ends with this.
pub struct Again(Child);

impl Drop for Again {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What starts a node's server again: the program, and the configuration that is in its folder.
pub fn command_line(cluster: &LocalCluster, node: usize) -> Vec<String> {
    let folder = format!("/proc/{}/cwd", cluster.nodes()[node].pid());
    let config = std::fs::read_link(folder)
        .expect("its folder")
        .join("redis.conf");
    // The program by its own name: one file may be several, by how it is called.
    let server = crate::servers::server().expect("a server");
    [server, config]
        .map(|path| path.to_str().expect("a path").to_owned())
        .to_vec()
}

/// Starts a server again, with more arguments.
pub fn start_again(line: &[String], more: &[&str]) -> Again {
    let child = Command::new(&line[0])
        .args(&line[1..])
        .args(more)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Again(child.expect("the server starts"))
}

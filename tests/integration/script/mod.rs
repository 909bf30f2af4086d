//! The script of a plan, run by real shells: with a redis-cli that lies, and on real servers.
//!
//! Whatever one answer is, the script ends, and a slot's target is never told that it owns the slot
//! while the source has a key.

use super::servers;
use super::tool::{Run, ended, run_in};
use slotkit::cluster::local::{LocalCluster, Shape};
use slotkit::cluster::login::Secret;
use slotkit::cluster::verb::{NodeLink, Verb};
use slotkit::slot::Slot;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

const SHELLS: [&str; 2] = ["dash", "bash"];
const KEYS: usize = 3;
/// What only one of the two is asked.
const NEVER_ASKED: [(u16, &str); 5] = [
    (7001, "CLUSTER_SETSLOT_100_IMPORTING"),
    (7002, "CLUSTER_GETKEYSINSLOT"),
    (7002, "CLUSTER_KEYSLOT"),
    (7002, "CLUSTER_SETSLOT_100_MIGRATING"),
    (7002, "MIGRATE"),
];
const PASSWORD: &str = "hunter2-and-more";

/// Three nodes that aren't there, with a script that moves slot 100 from the first to the second.
struct Fake(tempfile::TempDir);

impl Fake {
    fn new() -> Fake {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path();
        let program = |name: &str, text: &str| {
            let path = at.join("bin").join(name);
            fs::write(&path, text).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
        };
        fs::create_dir(at.join("bin")).expect("a folder");
        program("redis-cli", include_str!("redis-cli.sh"));
        // What is waited for never comes.
        program("sleep", "#!/bin/sh\n");
        let mut nodes = String::new();
        for (port, digit, slots) in [
            (7001, "a", "0-5000"),
            (7002, "b", "5001-9000"),
            (7003, "c", "9001-16383"),
        ] {
            let (node, id) = (at.join(port.to_string()), digit.repeat(40));
            fs::create_dir_all(node.join("keys")).expect("a folder");
            let flags = if port == 7001 {
                "myself,master"
            } else {
                "master"
            };
            nodes += &format!("{id} 127.0.0.1:{port}@1 {flags} - 0 0 1 connected {slots}\n");
            fs::write(node.join("id"), id).expect("written");
            fs::write(node.join("owner"), "7001").expect("written");
            fs::write(node.join("open"), "").expect("written");
        }
        for key in 0..KEYS {
            let name = format!("key{key}");
            fs::write(at.join("7001/keys").join(&name), &name).expect("written");
        }
        fs::write(at.join("nodes.txt"), nodes).expect("written");
        let words = ["plan-rebalance", "--nodes", "nodes.txt", "--move", "100"];
        let to = ["--to", "127.0.0.1:7002", "--script"];
        let run = run_in(at, words.iter().chain(&to), b"");
        assert_eq!(run.exit, 1, "{}", run.stderr);
        fs::write(at.join("plan.sh"), &run.stdout).expect("written");
        let fake = Fake(folder);
        fake.lie("");
        fake
    }

    fn lie(&self, lie: &str) {
        fs::write(self.0.path().join("lie"), format!("{lie}\n")).expect("written");
    }

    fn run(&self, shell: &str) -> Run {
        let at = self.0.path();
        let path = std::env::var("PATH").expect("a path");
        // A test that hangs says nothing: no run takes two minutes.
        let output = Command::new("timeout")
            .args(["120", shell, "plan.sh"])
            .current_dir(at)
            .env("PATH", format!("{}:{path}", at.join("bin").display()))
            .env("FAKE", at)
            .env("REDISCLI_AUTH", PASSWORD)
            .env("REDISCLI_USER", "op")
            .env_remove("REDISCLI_OPTIONS")
            .stdin(Stdio::null())
            .output();
        ended(output.expect("it runs"))
    }

    /// How many keys are at a node.
    fn keys(&self, port: u16) -> usize {
        let keys = self.0.path().join(format!("{port}/keys"));
        fs::read_dir(keys).expect("listed").count()
    }

    fn owner(&self, port: u16) -> String {
        let owner = self.0.path().join(format!("{port}/owner"));
        fs::read_to_string(owner).expect("read").trim().to_owned()
    }
}

#[test]
fn a_slot_moves_and_a_second_run_changes_nothing() {
    for shell in SHELLS {
        let fake = Fake::new();
        for _ in 0..2 {
            let run = fake.run(shell);
            assert_eq!(run.exit, 0, "{shell}: {}", run.stderr);
            assert_eq!((fake.keys(7001), fake.keys(7002)), (0, KEYS));
            assert!(
                [7001, 7002, 7003]
                    .iter()
                    .all(|port| fake.owner(*port) == "7002")
            );
        }
    }
}

#[test]
fn no_answer_that_is_missing_refused_or_odd_costs_a_key() {
    let commands = [
        "CLUSTER_MYID",
        "CLUSTER_INFO",
        "CLUSTER_NODES",
        "CLUSTER_COUNTKEYSINSLOT",
        "CLUSTER_GETKEYSINSLOT",
        "CLUSTER_KEYSLOT",
        "CLUSTER_SETSLOT_100_IMPORTING",
        "CLUSTER_SETSLOT_100_MIGRATING",
        "CLUSTER_SETSLOT_100_NODE",
        "INFO_keyspace",
        "MIGRATE",
    ];
    let lies = ["refuse", "empty", "odd", "0", "OK", "echo"];
    let mut count = 0;
    for command in commands {
        for port in [7001, 7002] {
            if NEVER_ASKED.contains(&(port, command)) {
                continue;
            }
            for (number, lie) in lies.iter().enumerate() {
                count += 1;
                let fake = Fake::new();
                fake.lie(&format!("{port} {command} {lie}"));
                let run = fake.run(SHELLS[(count + number) % 2]);
                let case = format!("{command} at {port}: {lie}: {}", run.stderr);
                assert_ne!(run.exit, 124, "it hangs: {case}");
                assert!(!run.stderr.contains(PASSWORD), "{case}");
                let kept = fake.keys(7001) + fake.keys(7002);
                assert!(kept == KEYS, "{kept} keys: {case}");
                // The source hears from the others what it says to have been told already.
                let is_harmless = (command, port, *lie) == ("CLUSTER_SETSLOT_100_NODE", 7001, "OK");
                assert!(run.exit != 0 || is_harmless, "{case}");
                // With the truth told, it goes on to the end.
                fake.lie("");
                let run = fake.run("dash");
                assert_eq!(run.exit, 0, "then: {case}{}", run.stderr);
                assert!(fake.keys(7002) == KEYS, "then: {case}");
            }
        }
    }
}

/// No tool can tell whether one key was deleted by a client: that every third is gone isn't believed.
#[test]
fn a_target_that_drops_a_part_of_what_it_takes_is_given_up() {
    for shell in SHELLS {
        let fake = Fake::new();
        for key in KEYS..40 {
            let path = fake.0.path().join(format!("7001/keys/key{key}"));
            fs::write(path, format!("key{key}")).expect("written");
        }
        fake.lie("7001 MIGRATE drop");
        let run = fake.run(shell);
        assert_eq!(run.exit, 1, "{shell}: {}", run.stderr);
        assert!(run.stderr.contains("does it keep them?"), "{}", run.stderr);
        let lost = 40 - fake.keys(7001) - fake.keys(7002);
        assert_eq!(lost, 3, "{shell}: {}", run.stderr);
        assert_eq!(fake.owner(7002).trim(), "7001", "{shell}");
    }
}

#[test]
fn nothing_is_begun_in_another_cluster_or_beside_another_move() {
    for (lie, words) in [
        (
            format!("7003 CLUSTER_MYID {}", "d".repeat(40)),
            "another node",
        ),
        (
            "7003 CLUSTER_INFO cluster_state:fail".to_owned(),
            "cluster_state:ok",
        ),
        (
            format!(
                "7003 CLUSTER_NODES {} 127.0.0.1:7003@1 myself,master - 0 0 1 connected 0-16383 [5->-{}]",
                "c".repeat(40),
                "a".repeat(40)
            ),
            "slot",
        ),
    ] {
        let fake = Fake::new();
        fake.lie(&lie);
        let run = fake.run("dash");
        assert_eq!(run.exit, 1, "{lie}: {}", run.stderr);
        assert!(run.stderr.contains(words), "{lie}: {}", run.stderr);
        let heard = fs::read_to_string(fake.0.path().join("heard")).expect("read");
        assert!(!heard.contains("SETSLOT"), "{lie}: {heard}");
    }
}

#[test]
fn what_is_cut_off_begins_nothing() {
    let fake = Fake::new();
    let path = fake.0.path().join("plan.sh");
    let whole = fs::read_to_string(&path).expect("read");
    let end = whole.len();
    for cut in [end / 3, end / 2, end - 200, end - 60, end - 22] {
        fs::write(&path, &whole[..cut]).expect("written");
        fake.run("dash");
        assert!(
            !fake.0.path().join("heard").exists(),
            "{cut} of {end} bytes"
        );
    }
}

/// A cluster whose password the script is told by the environment.
fn cluster() -> Option<LocalCluster> {
    let shape = Shape {
        primaries: 3,
        password: Some(Secret::new(PASSWORD)),
        ..Shape::default()
    };
    servers::cluster(&shape)
}

fn says_its_version(program: &str) -> bool {
    let output = Command::new(program).arg("--version").output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).starts_with("redis-cli 7"))
}

#[test]
fn on_real_servers_every_key_arrives() {
    if !says_its_version("redis-cli") {
        return servers::skip("no redis-cli 7 on PATH");
    }
    let Some(cluster) = cluster() else { return };
    let at = tempfile::tempdir().expect("a folder");
    let slot = Slot::for_key(b"{script}");
    let view = cluster.view(0).expect("a view");
    let source = view.map().owner(slot).expect("an owner");
    let index = |id| {
        cluster
            .nodes()
            .iter()
            .position(|node| node.id == id)
            .expect("a node")
    };
    let source = index(source);
    let target = (source + 1) % cluster.nodes().len();
    let mut link = cluster.link(source).expect("a link");
    let keys: [&[u8]; 5] = [
        b"{script}",
        b"{script}\n",
        b"{script} a b",
        b"{script}\xff\x00",
        b"{script}'\"$x",
    ];
    for key in keys {
        let set = Verb::Client(vec![b"SET".to_vec(), key.to_vec(), b"v".to_vec()]);
        link.ask(&set)
            .expect("an answer")
            .accepted(&set)
            .expect("set");
    }
    let seed = cluster.nodes()[0].addr.port.to_string();
    let (slot_text, to) = (slot.to_string(), cluster.nodes()[target].addr.to_string());
    let words = [
        "plan-rebalance",
        "-p",
        &seed,
        "-a",
        PASSWORD,
        "--move",
        &slot_text,
        "--to",
        &to,
        "--script",
    ];
    let run = run_in(at.path(), words, b"");
    assert_eq!(run.exit, 1, "{}", run.stderr);
    assert!(!run.text().contains(PASSWORD));
    fs::write(at.path().join("plan.sh"), &run.stdout).expect("written");
    for shell in SHELLS {
        let mut command = Command::new(shell);
        command
            .arg("plan.sh")
            .current_dir(at.path())
            .env("REDISCLI_AUTH", PASSWORD);
        let run = ended(command.output().expect("it runs"));
        assert_eq!(run.exit, 0, "{}", run.stderr);
        let count = Verb::CountKeys(slot);
        let count_at = |index| {
            let mut link = cluster.link(index).expect("a link");
            link.ask(&count)
                .expect("an answer")
                .count(&count)
                .expect("a count")
        };
        assert_eq!((count_at(source), count_at(target)), (0, keys.len() as u64));
    }
}

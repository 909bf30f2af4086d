//! Nodes that can't be asked, and why.

use super::letter::{
    PATIENCE, command_line, fix_of, follow, found, found_at, send, start_again, typed,
    wait_until_fixed, words,
};
use crate::servers::runs::{run, state};
use crate::servers::{self, load, wait};
use slotkit::cluster::NodeAddr;
use slotkit::cluster::local::{LocalCluster, Shape};
use slotkit::cluster::login::Secret;
use std::io::{Read, Write};
use std::net::TcpListener;

const GONE: [&str; 3] = ["node_unreachable", "node_failed", "slots_uncovered"];

/// Three primaries that others take for failed after so long.
fn three(node_timeout_ms: u32) -> Shape {
    Shape {
        primaries: 3,
        config: vec![format!("cluster-node-timeout {node_timeout_ms}")],
        ..Shape::default()
    }
}

fn wait_for_all(cluster: &LocalCluster) {
    wait::until("every node sees every slot served", PATIENCE, || {
        (0..3).all(|node| {
            let Ok(view) = cluster.view(node) else {
                return false;
            };
            let mut nodes = view.nodes().iter();
            view.map().unassigned().is_empty() && nodes.all(|node| !node.flags.fail)
        })
    });
}

#[test]
fn one_that_owns_slots_is_started_again_with_its_files() {
    let Some(mut cluster) = servers::cluster(&three(2_000)) else {
        return;
    };
    let state = state();
    let expected = load::fill(cluster.seed(), None, "key", 1_000, 10);
    let line = command_line(&cluster, 2);
    send(&cluster, 2, "SAVE");
    cluster.stop_node(2);
    for kind in ["node_unreachable", "node_failed"] {
        let fix = fix_of(&cluster, state.path(), kind);
        assert!(fix.contains("start it again with its files"), "{fix}");
        assert!(!fix.contains("FORGET"), "{fix}");
    }
    let _again = start_again(&line, &[]);
    wait_for_all(&cluster);
    wait_until_fixed(&cluster, state.path(), &GONE);
    load::assert_all_there(cluster.seed(), None, &expected);
}

#[test]
fn one_that_came_back_at_another_address_is_met() {
    let Some(mut cluster) = servers::cluster(&three(2_000)) else {
        return;
    };
    let state = state();
    let expected = load::fill(cluster.seed(), None, "key", 1_000, 10);
    // All go, and each comes back elsewhere: none finds another where it was.
    let lines: Vec<Vec<String>> = (0..3).map(|node| command_line(&cluster, node)).collect();
    let ids: Vec<String> = (0..3)
        .map(|node| cluster.nodes()[node].id.to_string())
        .collect();
    for node in 0..3 {
        send(&cluster, node, "SAVE");
    }
    let mut port = cluster.nodes()[2].addr.port;
    for node in 0..3 {
        cluster.stop_node(node);
    }
    let (mut addrs, mut again) = (Vec::new(), Vec::new());
    for line in &lines {
        port = free_port_after(port);
        addrs.push(NodeAddr::new("127.0.0.1", port));
        again.push(start_again(line, &["--port", &port.to_string()]));
    }
    for (addr, id) in addrs.iter().zip(&ids) {
        wait::until("it says who it is", PATIENCE, || {
            asked_id(addr).as_deref() == Some(id)
        });
    }
    let told = found_at(&addrs[0], state.path());
    for (addr, id) in addrs.iter().zip(&ids).skip(1) {
        let of_it =
            |(kind, fix): &&(String, String)| kind == "node_unreachable" && fix.contains(id);
        let (_, fix) = told
            .iter()
            .find(of_it)
            .unwrap_or_else(|| panic!("{told:?}"));
        assert!(
            !fix.contains("FORGET") && fix.contains("CLUSTER MEET"),
            "{fix}"
        );
        // `CLUSTER MYID there says …`: it does.
        let meet = format!("CLUSTER MEET {} {}", addr.host, addr.port);
        typed(&addrs[0], None, &words(&meet));
    }
    wait::until("nothing is missed any more", PATIENCE, || {
        let found = found_at(&addrs[0], state.path());
        !found
            .iter()
            .any(|(kind, _)| GONE.contains(&kind.as_str()) || kind == "cluster_down")
    });
    load::assert_all_there(&addrs[0], None, &expected);
}

/// A port that is free with its bus's, above another one.
fn free_port_after(port: u16) -> u16 {
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let mut ports = (port + 50)..(port + 1_000);
    let free = ports.find(|port| is_free(*port) && is_free(port + 10_000));
    free.expect("a port")
}

fn asked_id(addr: &NodeAddr) -> Option<String> {
    use slotkit::cluster::link::{Patience, RedisLink};
    use slotkit::cluster::verb::{NodeLink, Verb};
    let mut link = RedisLink::connect(addr, None, Patience::default()).ok()?;
    link.ask(&Verb::MyId).ok()?.text(&Verb::MyId).ok()
}

#[test]
fn a_new_one_without_the_password_is_given_it() {
    let Some(server) = servers::server() else {
        return;
    };
    let shape = Shape {
        password: Some(Secret::new("fix me")),
        ..three(5_000)
    };
    let cluster = LocalCluster::start(&server, &shape).expect("a cluster");
    let state = state();
    let login = cluster.login().cloned();
    let expected = load::fill(cluster.seed(), login.as_ref(), "key", 500, 10);
    let bare = servers::single::Single::start(&server, None, &["--cluster-enabled", "yes"]);
    let meet = format!("CLUSTER MEET 127.0.0.1 {}", bare.port);
    send(&cluster, 0, &meet);
    let mut fix = String::new();
    wait::until("check tells the fix", PATIENCE, || {
        let found = found(&cluster, state.path());
        let found = found
            .into_iter()
            .find(|(_, fix)| fix.contains("it has no password"));
        found.map(|(_, told)| fix = told).is_some()
    });
    assert!(!fix.contains("FORGET") && !fix.contains("fix me"), "{fix}");
    let (_, typed_in) = fix.split_once("there: ").expect("commands");
    let (commands, _) = typed_in.split_once(", and in its").expect("their end");
    let addr = NodeAddr::new("127.0.0.1", bare.port);
    for command in commands.split(", then ") {
        let mut words = words(command);
        let last = words.last_mut().expect("a word");
        assert_eq!(last, "PASSWORD");
        "fix me".clone_into(last);
        typed(&addr, None, &words);
    }
    wait_until_fixed(&cluster, state.path(), &GONE);
    load::assert_all_there(cluster.seed(), login.as_ref(), &expected);
}

#[test]
fn one_whose_announced_address_leads_to_somebody_else_stays() {
    let Some(server) = servers::server() else {
        return;
    };
    if servers::version(&server).0 < 4 {
        servers::skip("a node announces another port from 4.0 on");
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.expect("a client");
            let mut request = [0; 64];
            let _ = socket.read(&mut request);
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let mut cluster = LocalCluster::start(&server, &three(5_000)).expect("a cluster");
    let state = state();
    let expected = load::fill(cluster.seed(), None, "key", 500, 10);
    let shape = Shape {
        config: vec![format!("cluster-announce-port {port}")],
        ..Shape::default()
    };
    let index = cluster.add_server(&server, &shape).expect("a server");
    cluster.meet(index).expect("met");
    let mut fix = String::new();
    wait::until("check tells the fix", PATIENCE, || {
        let found = found(&cluster, state.path());
        let found = found
            .into_iter()
            .find(|(_, fix)| fix.contains("something else listens"));
        found.map(|(_, told)| fix = told).is_some()
    });
    assert!(!fix.contains("FORGET"), "{fix}");
    load::assert_all_there(cluster.seed(), None, &expected);
}

#[test]
fn a_dead_replica_is_taken_out_where_all_say_that_it_is_dead() {
    let shape = Shape {
        replicas: 1,
        ..three(2_000)
    };
    let Some(mut cluster) = servers::cluster(&shape) else {
        return;
    };
    let state = state();
    let expected = load::fill(cluster.seed(), None, "key", 500, 10);
    cluster.stop_node(5);
    let mut fix = String::new();
    wait::until("all take it for dead", PATIENCE, || {
        let found = found(&cluster, state.path());
        let mut found = found
            .into_iter()
            .filter(|(kind, _)| kind == "node_unreachable");
        found.next().is_some_and(|(_, told)| {
            fix = told;
            fix.contains("CLUSTER FORGET")
        })
    });
    let (command, nodes) = fix
        .split_once("take it out: ")
        .expect("a command")
        .1
        .split_once(" at every other node, all within a minute: ")
        .expect("where");
    let nodes: Vec<&str> = nodes.split(", ").collect();
    assert_eq!(nodes.len(), 5, "{fix}");
    for node in nodes {
        typed(&node.parse().expect("an address"), None, &words(command));
    }
    wait_until_fixed(&cluster, state.path(), &GONE);
    load::assert_all_there(cluster.seed(), None, &expected);
}

#[test]
fn an_address_where_nobody_is_vanishes() {
    let Some(cluster) = servers::cluster(&three(2_000)) else {
        return;
    };
    let state = state();
    let expected = load::fill(cluster.seed(), None, "key", 300, 10);
    send(&cluster, 0, "CLUSTER MEET 127.0.0.1 1");
    let check = run(&cluster, state.path(), &["check", "--json"]);
    let said = String::from_utf8_lossy(&check.stdout).into_owned() + &check.stderr;
    assert!(!said.contains("FORGET"), "{said}");
    wait_until_fixed(&cluster, state.path(), &GONE);
    load::assert_all_there(cluster.seed(), None, &expected);
}

#[test]
fn two_that_disagree_hear_of_the_owner() {
    let Some(cluster) = servers::cluster(&three(2_000)) else {
        return;
    };
    let state = state();
    let expected = load::fill(cluster.seed(), None, "key", 500, 10);
    // The third one is told that a slot of the first is the second's, with the second's later epoch.
    send(&cluster, 1, "CLUSTER BUMPEPOCH");
    let id = cluster.nodes()[1].id;
    send(&cluster, 2, &format!("CLUSTER SETSLOT 0 NODE {id}"));
    let found = found(&cluster, state.path());
    let told = found
        .iter()
        .find(|(kind, _)| kind == "ownership_disagreement");
    // Gossip may have been faster.
    if let Some((_, fix)) = told {
        assert!(fix.contains("by its own word"), "{fix}");
        follow(fix, None);
    }
    wait_until_fixed(&cluster, state.path(), &["ownership_disagreement"]);
    load::assert_all_there(cluster.seed(), None, &expected);
}

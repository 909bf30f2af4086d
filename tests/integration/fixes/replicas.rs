//! Replicas that don't follow, and who takes over from a dead primary.

use super::letter::{
    PATIENCE, command_line, fix_of, follow, found, send, start_again, typed, wait_until_fixed,
    words,
};
use crate::servers::runs::{run, state};
use crate::servers::{self, load, wait};
use slotkit::cluster::local::{LocalCluster, Shape};
use slotkit::cluster::login::Secret;
use slotkit::cluster::verb::{NodeLink, Verb};

const PASSWORD: &str = "fix me";

/// Three primaries with a replica each, a password, and no failover by itself.
fn shape(server: &std::path::Path) -> Shape {
    let never = if servers::version(server).0 >= 5 || servers::is_valkey(server) {
        "cluster-replica-no-failover yes"
    } else {
        "cluster-slave-no-failover yes"
    };
    Shape {
        primaries: 3,
        replicas: 1,
        password: Some(Secret::new(PASSWORD)),
        config: vec!["cluster-node-timeout 2000".to_owned(), never.to_owned()],
        ..Shape::default()
    }
}

fn cluster() -> Option<LocalCluster> {
    let server = servers::server()?;
    if servers::version(&server).0 < 4 {
        servers::skip("a replica can be kept from taking over from 4.0 on");
        return None;
    }
    Some(LocalCluster::start(&server, &shape(&server)).expect("a cluster"))
}

/// Takes a replica's login away, and its link.
fn cut(cluster: &LocalCluster, replica: usize) {
    let addr = &cluster.nodes()[replica].addr;
    let mut command = words("CONFIG SET masterauth");
    command.push(String::new());
    typed(addr, cluster.login(), &command);
    send(cluster, replica, "CLIENT KILL TYPE master");
    wait::until("its link is down", PATIENCE, || {
        info(cluster, replica).contains("master_link_status:down")
    });
}

fn info(cluster: &LocalCluster, node: usize) -> String {
    let mut link = cluster.link(node).expect("a link");
    let verb = Verb::Info("replication");
    let reply = link.ask(&verb).expect("an answer");
    reply.text(&verb).expect("text")
}

fn keys_of(cluster: &LocalCluster, node: usize) -> u64 {
    let mut link = cluster.link(node).expect("a link");
    let reply = link.ask(&Verb::DbSize).expect("an answer");
    reply.count(&Verb::DbSize).expect("a number")
}

/// Types what the fix of a replica without a login says, with the password.
fn give_login(cluster: &LocalCluster, replica: usize, fix: &str) {
    let (_, command) = fix.split_once("CONFIG SET").expect("a command");
    let command = command.split(" there").next().expect("its end");
    let mut words = words(&format!("CONFIG SET{command}"));
    assert_eq!(words.pop().as_deref(), Some("PASSWORD"), "{fix}");
    words.push(PASSWORD.to_owned());
    typed(&cluster.nodes()[replica].addr, cluster.login(), &words);
}

#[test]
fn a_replica_without_masterauth_is_found_and_given_it() {
    let Some(cluster) = cluster() else {
        return;
    };
    let state = state();
    let login = cluster.login().cloned();
    let expected = load::fill(cluster.seed(), login.as_ref(), "key", 600, 10);
    assert_eq!(found(&cluster, state.path()), []);
    // Whether it is behind by some keys `check` doesn't say, and here it must have some to lose.
    wait::until("the replica has keys", PATIENCE, || {
        keys_of(&cluster, 3) > 0
    });
    cut(&cluster, 3);
    let fix = fix_of(&cluster, state.path(), "replica_not_following");
    assert!(
        fix.contains("it has no masterauth") && fix.contains("BGSAVE"),
        "{fix}"
    );
    assert!(!fix.contains(PASSWORD), "{fix}");
    let found = found(&cluster, state.path());
    assert!(
        found.iter().any(|(kind, _)| kind == "no_replica"),
        "{found:?}"
    );
    // No slot moves while its primary's death would cost something.
    let target = cluster.nodes()[1].addr.to_string();
    let args = [
        "plan-rebalance",
        "--move",
        "0-9",
        "--to",
        &target,
        "--apply",
        "--yes",
    ];
    let refused = run(&cluster, state.path(), &args);
    assert_eq!(refused.exit, 3, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("has no masterauth"),
        "{}",
        refused.stderr
    );
    give_login(&cluster, 3, &fix);
    wait_until_fixed(
        &cluster,
        state.path(),
        &["replica_not_following", "no_replica"],
    );
    let moved = run(&cluster, state.path(), &args);
    assert_eq!(moved.exit, 0, "{}", moved.stderr);
    load::assert_all_there(cluster.seed(), login.as_ref(), &expected);
}

#[test]
fn who_says_that_replicas_do_not_matter_is_warned_alone() {
    let Some(cluster) = cluster() else {
        return;
    };
    let state = state();
    let login = cluster.login().cloned();
    let expected = load::fill(cluster.seed(), login.as_ref(), "key", 300, 10);
    cut(&cluster, 3);
    let target = cluster.nodes()[1].addr.to_string();
    let mut args = vec![
        "plan-rebalance",
        "--move",
        "0-9",
        "--to",
        &target,
        "--apply",
        "--yes",
    ];
    args.extend(["--max-replica-lag", "0"]);
    let moved = run(&cluster, state.path(), &args);
    let is_valkey = info(&cluster, 0).contains("valkey");
    assert!(moved.exit == 0 || is_valkey, "{}", moved.stderr);
    assert!(moved.stderr.contains("warning"), "{}", moved.stderr);
    load::assert_all_there(cluster.seed(), login.as_ref(), &expected);
}

#[test]
fn a_replica_that_was_in_step_takes_over_when_it_is_told() {
    let Some(mut cluster) = cluster() else {
        return;
    };
    let state = state();
    let login = cluster.login().cloned();
    let expected = load::fill(cluster.seed(), login.as_ref(), "key", 600, 10);
    for node in 0..3 {
        send(&cluster, node, "WAIT 1 5000");
    }
    cluster.stop_node(1);
    wait::until("the others take it for dead", PATIENCE, || {
        let view = cluster.view(0).expect("a view");
        view.node(cluster.nodes()[1].id)
            .is_some_and(|node| node.flags.fail)
    });
    let fix = fix_of(&cluster, state.path(), "node_failed");
    assert!(fix.contains("only if it is gone for good"), "{fix}");
    follow(&fix, login.as_ref());
    wait::until("its replica has taken over", PATIENCE, || {
        let view = cluster.view(0).expect("a view");
        let promoted = view.node(cluster.nodes()[4].id);
        promoted.is_some_and(|node| node.is_primary() && !node.slots.is_empty())
    });
    wait::until("the cluster is up", PATIENCE, || {
        let found = found(&cluster, state.path());
        found.iter().all(|(kind, _)| kind != "cluster_down")
    });
    load::assert_all_there(cluster.seed(), login.as_ref(), &expected);
}

#[test]
fn a_replica_that_never_had_its_keys_does_not_take_over() {
    let Some(server) = servers::server() else {
        return;
    };
    let Some(mut cluster) = cluster() else {
        return;
    };
    let state = state();
    let login = cluster.login().cloned();
    let expected = load::fill(cluster.seed(), login.as_ref(), "key", 600, 10);
    // One more replica of the second node, which can't log in from the beginning.
    let bare = Shape {
        config: vec![
            "masterauth \"\"".to_owned(),
            "cluster-node-timeout 2000".to_owned(),
        ],
        ..shape(&server)
    };
    let index = cluster.add_server(&server, &bare).expect("a server");
    for node in 0..6 {
        let addr = &cluster.nodes()[node].addr;
        send(
            &cluster,
            index,
            &format!("CLUSTER MEET {} {}", addr.host, addr.port),
        );
    }
    let primary = cluster.nodes()[1].id;
    wait::until("it knows the primary", PATIENCE, || {
        let view = cluster.view(index).expect("a view");
        view.nodes().len() == 7 && view.nodes().iter().all(slotkit::cluster::Node::is_usable)
    });
    send(&cluster, index, &format!("CLUSTER REPLICATE {primary}"));
    // The replica that has the keys is gone, and then the primary.
    let line = command_line(&cluster, 1);
    send(&cluster, 1, "SAVE");
    cluster.stop_node(4);
    cluster.stop_node(1);
    wait::until("the others take it for dead", PATIENCE, || {
        let view = cluster.view(0).expect("a view");
        view.node(primary).is_some_and(|node| node.flags.fail)
    });
    let mut fix = String::new();
    wait::until("check tells who must not take over", PATIENCE, || {
        let found = found(&cluster, state.path());
        let mut found = found.into_iter().filter(|(kind, _)| kind == "node_failed");
        found.any(|(_, told)| {
            fix = told;
            fix.contains("must not take over")
        })
    });
    assert!(
        !fix.contains("FAILOVER") && !fix.contains("FORGET"),
        "{fix}"
    );
    let _again = start_again(&line, &[]);
    wait::until("the cluster is whole", PATIENCE, || {
        let view = cluster.view(0).expect("a view");
        view.node(primary)
            .is_some_and(|node| !node.flags.fail && !node.flags.pfail)
    });
    wait::until("all keys can be read", PATIENCE, || {
        let found = found(&cluster, state.path());
        found.iter().all(|(kind, _)| kind != "cluster_down")
    });
    load::assert_all_there(cluster.seed(), login.as_ref(), &expected);
}

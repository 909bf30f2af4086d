//! The throw-away cluster itself: everything else stands on it.

use super::servers;
use slotkit::cluster::client::ClusterClient;
use slotkit::cluster::link::Patience;
use slotkit::cluster::local::Shape;
use slotkit::cluster::login::Secret;
use slotkit::cluster::verb::Reply;
use slotkit::cluster::{LiveCluster, NodeAddr, keyspace};
use slotkit::slot::SLOT_COUNT;

#[test]
fn starts_agrees_and_serves() {
    let shape = Shape {
        primaries: 2,
        empty: 1,
        replicas: 1,
        // A replica of Redis 3.2 can't log in with a blank in its password.
        password: Some(Secret::new("pa#ss")),
        ..Shape::default()
    };
    let Some(cluster) = servers::cluster(&shape) else {
        return;
    };
    let view = cluster.view(0).expect("a view");
    assert_eq!(view.primaries().count(), 3);
    assert_eq!(
        view.shards()
            .iter()
            .map(|shard| shard.replicas.len())
            .sum::<usize>(),
        2
    );

    let mut client = ClusterClient::connect(cluster.seed(), cluster.login()).expect("a client");
    for index in 0..200 {
        let key = format!("key:{index}");
        let reply = client
            .run(&[b"SET", key.as_bytes(), b"v"])
            .expect("an answer");
        assert_eq!(reply, Reply::Text(b"OK".to_vec()));
    }
    let mut live =
        LiveCluster::connect(cluster.seed(), cluster.login(), Patience::default()).expect("links");
    let mut counts = [0; SLOT_COUNT];
    for node in view.primaries() {
        keyspace::add_keys_per_slot(&mut live, node.id, &node.slots, &mut counts).expect("counts");
    }
    assert_eq!(counts.iter().sum::<u64>(), 200);
}

#[test]
fn a_wrong_password_and_a_closed_port_are_told_apart() {
    let shape = Shape {
        primaries: 1,
        password: Some(Secret::new("right")),
        ..Shape::default()
    };
    let Some(cluster) = servers::cluster(&shape) else {
        return;
    };
    let refused = |login| LiveCluster::connect(cluster.seed(), login, Patience::default());
    let error = refused(None).err().expect("no entry without a password");
    assert_eq!(error.kind(), slotkit::ErrorKind::Auth, "{error:?}");
    let wrong = slotkit::cluster::login::Login {
        user: None,
        password: Secret::new("wrong"),
    };
    let error = refused(Some(&wrong))
        .err()
        .expect("no entry with a wrong one");
    assert_eq!(error.kind(), slotkit::ErrorKind::Auth, "{error:?}");
    assert!(!error.one_line().contains("wrong "), "{error:?}");

    let closed = NodeAddr::new("127.0.0.1", 1);
    let error = LiveCluster::connect(&closed, None, Patience::default())
        .err()
        .expect("closed");
    assert_eq!(error.kind(), slotkit::ErrorKind::Connect, "{error:?}");
}

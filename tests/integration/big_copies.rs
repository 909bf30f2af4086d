//! Keys that both nodes have and whose values are too big to be dumped: compared element by element,
//! and what can't be compared is never called different.

use super::servers;
use super::servers::runs::{client, run, slots, state};
use super::tool::Run;
use slotkit::cluster::local::{LocalCluster, Shape};
use slotkit::cluster::verb::{NodeLink, Reply, SetSlot, Verb};
use slotkit::slot::Slot;

/// Elements of a value: far above 256 KiB.
const MANY: usize = 20_000;
/// Of this tag, all keys are in one slot.
const SOURCE: usize = 0;
const TARGET: usize = 1;

/// Two primaries, and the tag of a slot of the first.
fn two() -> Option<(LocalCluster, String, Slot)> {
    let cluster = servers::cluster(&Shape {
        primaries: 2,
        ..Shape::default()
    })?;
    let mut tags = (0..).map(|number| format!("{{tag{number}}}"));
    let of_first = |tag: &String| Slot::for_key(tag.as_bytes()).number() < 8_000;
    let tag = tags.find(of_first).expect("a tag");
    let slot = Slot::for_key(tag.as_bytes());
    Some((cluster, tag, slot))
}

fn ask(cluster: &LocalCluster, node: usize, verbs: &[Verb]) -> Vec<Reply> {
    let mut link = cluster.link(node).expect("a link");
    link.round_trip(verbs).expect("answers")
}

/// Runs a command with many elements, a thousand at a time.
fn add(cluster: &LocalCluster, command: &str, key: &str, elements: &[Vec<Vec<u8>>]) {
    for part in elements.chunks(500) {
        let words = [command.as_bytes().to_vec(), key.as_bytes().to_vec()];
        let words = words.into_iter().chain(part.iter().flatten().cloned());
        let replies = ask(cluster, SOURCE, &[Verb::Client(words.collect())]);
        assert!(!matches!(replies[0], Reply::Refused(_)), "{replies:?}");
    }
}

/// Values of each kind, at the source.
fn fill(cluster: &LocalCluster, tag: &str, has_streams: bool) -> Vec<String> {
    let name = |number: usize| format!("element-{number}-of-many").into_bytes();
    let number = |number: usize| number.to_string().into_bytes();
    let each = |of: &dyn Fn(usize) -> Vec<Vec<u8>>| (0..MANY).map(of).collect::<Vec<_>>();
    let key = |kind: &str| format!("{tag}{kind}");
    add(
        cluster,
        "HMSET",
        &key("hash"),
        &each(&|at| vec![name(at), number(at)]),
    );
    add(cluster, "SADD", &key("set"), &each(&|at| vec![name(at)]));
    add(
        cluster,
        "ZADD",
        &key("zset"),
        &each(&|at| vec![number(at), name(at)]),
    );
    add(cluster, "RPUSH", &key("list"), &each(&|at| vec![name(at)]));
    let long: Vec<u8> = (0..1 << 20)
        .map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    add(cluster, "SET", &key("string"), &[vec![long]]);
    let mut keys = vec!["hash", "set", "zset", "list", "string"];
    if has_streams {
        let entries = each(&|at| {
            vec![
                format!("{}-1", at + 1).into_bytes(),
                b"f".to_vec(),
                name(at),
            ]
        });
        for entries in entries.chunks(500) {
            let words = |entry: &Vec<Vec<u8>>| {
                let head = [b"XADD".to_vec(), key("stream").into_bytes()];
                Verb::Client(head.into_iter().chain(entry.iter().cloned()).collect())
            };
            ask(
                cluster,
                SOURCE,
                &entries.iter().map(words).collect::<Vec<_>>(),
            );
        }
        keys.push("stream");
    }
    keys.into_iter().map(key).collect()
}

fn open(cluster: &LocalCluster, slot: Slot) {
    let [source, target] = [SOURCE, TARGET].map(|node| cluster.nodes()[node].id);
    let importing = SetSlot::Importing { source };
    let migrating = SetSlot::Migrating { target };
    ask(
        cluster,
        TARGET,
        &[Verb::SetSlot {
            slot,
            state: importing,
        }],
    );
    ask(
        cluster,
        SOURCE,
        &[Verb::SetSlot {
            slot,
            state: migrating,
        }],
    );
}

/// What a `MIGRATE` leaves that the source gave up too early: the same value on both nodes.
fn copy_over(cluster: &LocalCluster, key: &str) {
    let dump = ask(cluster, SOURCE, &[Verb::Dump(key.as_bytes().to_vec())]);
    let [Reply::Text(dump)] = &dump[..] else {
        panic!("no dump of {key}: {dump:?}");
    };
    let restored = client(&[b"RESTORE-ASKING", key.as_bytes(), b"0", dump]);
    let replies = ask(cluster, TARGET, &[restored]);
    assert_eq!(replies, [Reply::Text(b"OK".to_vec())], "{key}");
}

fn resume(cluster: &LocalCluster, state: &std::path::Path, more: &[&str]) -> Run {
    run(cluster, state, &[&["resume", "--yes"], more].concat())
}

fn has_streams() -> bool {
    servers::server().is_some_and(|server| servers::version(&server) >= (5, 0))
}

#[test]
fn equal_values_are_taken_as_moved() {
    let Some((cluster, tag, slot)) = two() else {
        return;
    };
    let keys = fill(&cluster, &tag, has_streams());
    open(&cluster, slot);
    keys.iter().for_each(|key| copy_over(&cluster, key));
    let state = state();
    let run = resume(&cluster, state.path(), &["--from-cluster"]);
    assert_eq!(run.exit, 0, "{}", run.stderr);
    assert_eq!(slots(&cluster), [8191, 8193]);
    for (node, count) in [(SOURCE, 0), (TARGET, keys.len() as i64)] {
        let found = ask(&cluster, node, &[Verb::CountKeys(slot)]);
        assert_eq!(found, [Reply::Int(count)]);
    }
    let fields = ask(&cluster, TARGET, &[client(&[b"HLEN", keys[0].as_bytes()])]);
    assert_eq!(fields, [Reply::Int(MANY as i64)]);
}

#[test]
fn one_field_makes_a_difference_and_the_fix_decides_it() {
    let Some((cluster, tag, slot)) = two() else {
        return;
    };
    let keys = fill(&cluster, &tag, false);
    open(&cluster, slot);
    keys.iter().for_each(|key| copy_over(&cluster, key));
    let (hash, field) = (keys[0].as_bytes(), b"element-17000-of-many");
    ask(
        &cluster,
        SOURCE,
        &[client(&[b"HSET", hash, field, b"newer"])],
    );
    let state = state();
    let stopped = resume(&cluster, state.path(), &["--from-cluster"]);
    assert_eq!(stopped.exit, 4, "{}", stopped.stderr);
    let says = |words: &str| stopped.stderr.contains(words);
    assert!(
        says("hash` is on both nodes with different values"),
        "{}",
        stopped.stderr
    );
    assert!(!says("set`"), "the others are equal: {}", stopped.stderr);
    assert!(says("--on-conflict keep-source"), "{}", stopped.stderr);
    // To the letter.
    let resumed = resume(&cluster, state.path(), &["--on-conflict", "keep-source"]);
    assert_eq!(resumed.exit, 0, "{}", resumed.stderr);
    let newer = ask(&cluster, TARGET, &[client(&[b"HGET", hash, field])]);
    assert_eq!(newer, [Reply::Text(b"newer".to_vec())]);
    assert_eq!(slots(&cluster), [8191, 8193]);
}

#[test]
fn what_cannot_be_compared_is_told_as_that() {
    let Some((cluster, tag, slot)) = two() else {
        return;
    };
    if !has_streams() {
        return servers::skip("before 5.0 there are no streams");
    }
    let keys = fill(&cluster, &tag, true);
    let stream = keys.last().expect("a stream");
    let group = client(&[b"XGROUP", b"CREATE", stream.as_bytes(), b"readers", b"0"]);
    ask(&cluster, SOURCE, &[group]);
    open(&cluster, slot);
    copy_over(&cluster, stream);
    let state = state();
    let stopped = resume(&cluster, state.path(), &["--from-cluster"]);
    assert_eq!(stopped.exit, 4, "{}", stopped.stderr);
    let says = |words: &str| stopped.stderr.contains(words);
    assert!(
        says("whether with one value isn't known"),
        "{}",
        stopped.stderr
    );
    assert!(says("consumer groups"), "{}", stopped.stderr);
    assert!(!says("different values"), "{}", stopped.stderr);
    assert!(says("--on-conflict keep-source"), "{}", stopped.stderr);
    let resumed = resume(&cluster, state.path(), &["--on-conflict", "keep-source"]);
    assert_eq!(resumed.exit, 0, "{}", resumed.stderr);
    let length = ask(&cluster, TARGET, &[client(&[b"XLEN", stream.as_bytes()])]);
    assert_eq!(length, [Reply::Int(MANY as i64)]);
    assert_eq!(slots(&cluster), [8191, 8193]);
}

//! Real servers behind proxies that lie: whatever one of them says, no key is lost by it, or a few
//! where something swallows them, and the run says so.

use super::servers::liar::{Liars, Words};
use super::servers::runs::{client, slots, state, three_and_one};
use super::servers::{self, load};
use super::tool::{self, Run, slotkit};
use slotkit::cluster::NodeAddr;
use slotkit::cluster::link::{Patience, RedisLink};
use slotkit::cluster::local::{LocalCluster, Shape};
use slotkit::cluster::verb::{NodeLink, Reply, Verb};
use slotkit::cluster::witness::{self, Expected};
use slotkit::slot::{Slot, tag_for};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The slots that move, from the first node to the second.
const SLOTS: [u16; 3] = [100, 101, 102];
const KEYS: usize = 30;

/// A cluster with keys in the slots that move, behind proxies.
struct Stage {
    cluster: LocalCluster,
    liars: Liars,
    expected: Expected,
    state: tempfile::TempDir,
}

fn tag(slot: u16) -> String {
    let slot = Slot::new(slot).expect("a slot");
    format!("{{{}}}", String::from_utf8_lossy(tag_for(slot)))
}

fn stage() -> Option<Stage> {
    let server = servers::server()?;
    if servers::version(&server) < (7, 0) {
        servers::skip("announced ports can't be set at run time before 7.0");
        return None;
    }
    let cluster = servers::cluster(&three_and_one())?;
    let mut expected = load::fill(cluster.seed(), None, "key", 200, 10);
    for slot in SLOTS {
        expected.extend(load::fill(cluster.seed(), None, &tag(slot), KEYS, 10));
    }
    Some(Stage {
        liars: Liars::before(&cluster),
        state: state(),
        cluster,
        expected,
    })
}

impl Stage {
    /// A run through the proxies.
    fn run(&self, args: &[&str]) -> Run {
        let (command, rest) = args.split_first().expect("a command");
        let addr = self.liars.addr(0);
        let (host, port) = addr.split_once(':').expect("a port");
        let mut tool = slotkit([command, "-h", host, "-p", port]);
        tool.args(rest)
            .env("XDG_STATE_HOME", self.state.path())
            .stdin(Stdio::null());
        tool::ended(tool.output().expect("the binary runs"))
    }

    fn moves(&self, slots: &str, target: usize) -> Run {
        let target = self.liars.addr(target);
        let plan = ["plan-rebalance", "--move", slots, "--to", &target];
        self.run(&[&plan[..], &["--apply", "--yes"]].concat())
    }

    /// The keys that aren't as they must be, when nobody lies any more.
    fn wrong(&self) -> Vec<String> {
        self.liars.be_honest();
        witness::differences(self.cluster.seed(), None, &self.expected).expect("answers")
    }

    /// Nothing was changed: every key is there, every slot where it was, none open.
    fn assert_unchanged(&self, case: &str, ended: &Run) {
        assert_eq!(ended.exit, 3, "{case}: {}", ended.stderr);
        assert!(
            ended.stderr.contains("nothing was changed"),
            "{case}: {}",
            ended.stderr
        );
        assert_eq!(self.wrong(), Vec::<String>::new(), "{case}");
        assert_eq!(slots(&self.cluster), [5461, 5461, 5462, 0], "{case}");
        let check = self.run(&["check"]);
        assert!(!check.text().contains("open"), "{case}: {}", check.text());
    }
}

fn is(words: &Words, names: &[&str]) -> bool {
    let same = |(word, name): (&Vec<u8>, &&str)| word.eq_ignore_ascii_case(name.as_bytes());
    words.len() >= names.len() && words.iter().zip(names).all(same)
}

/// Whether a command brings one of our keys.
fn restores(words: &Words) -> bool {
    is(words, &["RESTORE-ASKING"]) && words[1].starts_with(b"{")
}

fn bulk(text: &str) -> Vec<u8> {
    format!("${}\r\n{text}\r\n", text.len()).into_bytes()
}

fn list(keys: &[String]) -> Vec<u8> {
    let keys = keys.iter().flat_map(|key| bulk(key));
    let head = format!("*{}\r\n", keys.clone().filter(|byte| *byte == b'$').count());
    head.into_bytes().into_iter().chain(keys).collect()
}

#[test]
fn a_target_that_begins_to_swallow_gets_a_batch_and_a_few_keys() {
    let Some(stage) = stage() else {
        return;
    };
    let taken = Arc::new(AtomicUsize::new(0));
    stage.liars.lie(move |node, words| {
        let is_over = node == 1 && restores(words) && taken.fetch_add(1, Ordering::SeqCst) >= 20;
        is_over.then(|| b"+OK\r\n".to_vec())
    });
    let ended = stage.moves("100-102", 1);
    assert_eq!(ended.exit, 4, "{}", ended.stderr);
    let lost = stage.wrong();
    assert!((1..=84).contains(&lost.len()), "{} keys", lost.len());
    assert!(lost.len() < SLOTS.len() * KEYS - 20, "{} keys", lost.len());
}

#[test]
fn a_source_that_lists_without_end_or_foreign_keys_is_given_up_and_closed() {
    let Some(stage) = stage() else {
        return;
    };
    let rounds = Arc::new(AtomicUsize::new(0));
    let new = move || {
        let round = rounds.fetch_add(1, Ordering::SeqCst);
        vec![format!("{}:new{round}", tag(100))]
    };
    let lists = |node, words: &Words, keys: &dyn Fn() -> Vec<String>| {
        (node == 0 && is(words, &["CLUSTER", "GETKEYSINSLOT"])).then(|| list(&keys()))
    };
    stage.liars.lie(move |node, words| lists(node, words, &new));
    stage.assert_unchanged("new keys", &stage.moves("100", 1));
    stage
        .liars
        .lie(move |node, words| lists(node, words, &|| vec!["foreign".to_owned()]));
    stage.assert_unchanged("foreign keys", &stage.moves("100", 1));
    stage
        .liars
        .lie(move |node, words| lists(node, words, &Vec::new));
    stage.assert_unchanged("no keys", &stage.moves("100", 1));
}

/// Valkey 9 has numbered databases: one that INFO leaves out moves with the others.
#[test]
fn a_database_that_info_leaves_out_moves_too() {
    let Some(server) = servers::installed("valkey-9.1") else {
        return;
    };
    let shape = Shape {
        config: vec!["cluster-databases 16".to_owned()],
        ..three_and_one()
    };
    let cluster = LocalCluster::start(&server, &shape).expect("a cluster on loopback");
    let expected = load::fill(cluster.seed(), None, &tag(100), KEYS, 10);
    let in_third = |node: usize, verb: Verb| {
        let mut link = cluster.link(node).expect("a link");
        let replies = link.round_trip(&[Verb::Select(3), verb]).expect("answers");
        replies.into_iter().nth(1).expect("an answer")
    };
    for index in 0..KEYS {
        let key = format!("{}:{index}", tag(100));
        let set = client(&[b"SET", key.as_bytes(), b"v"]);
        assert_eq!(in_third(0, set), Reply::Text(b"OK".to_vec()));
    }
    let stage = Stage {
        liars: Liars::before(&cluster),
        state: state(),
        expected,
        cluster,
    };
    stage.liars.lie(|_, words| {
        is(words, &["INFO", "keyspace"]).then(|| bulk("# Keyspace\r\ndb0:keys=30,expires=0\r\n"))
    });
    let ended = stage.moves("100", 1);
    assert_eq!(ended.exit, 0, "{}", ended.stderr);
    assert_eq!(stage.wrong(), Vec::<String>::new());
    let slot = Slot::new(100).expect("a slot");
    let mut link = stage.cluster.link(1).expect("a link");
    let count = [Verb::Select(3), Verb::CountKeys(slot)];
    let replies = link.round_trip(&count).expect("answers");
    assert_eq!(replies[1], Reply::Int(KEYS as i64));
}

/// How many keys of each slot a node drops.
const DROPPED: usize = 10;

/// The second node drops keys that it has taken, a moment after it was given the last slot. Whether it
/// counts that, as it counts what clients delete, or nobody ever hears of it.
fn drop_late(stage: &Stage, is_counted: bool) {
    let names = SLOTS.map(|slot| (1..=DROPPED).map(move |index| format!("{}:{index}", tag(slot))));
    let keys: Vec<String> = names.into_iter().flatten().collect();
    let behind = stage.cluster.nodes()[1].addr.clone();
    let given = Arc::new(AtomicUsize::new(0));
    stage.liars.lie(move |node, words| {
        if node != 1 {
            return None;
        }
        let is_given = is(words, &["CLUSTER", "SETSLOT"]) && words[3].eq_ignore_ascii_case(b"NODE");
        if is_given && given.fetch_add(1, Ordering::SeqCst) + 1 == SLOTS.len() {
            let (behind, keys) = (behind.clone(), keys.clone());
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(300));
                for key in keys {
                    assert_eq!(ask(&behind, &["DEL", &key]), Reply::Int(1));
                }
            });
        }
        let is_hidden = !is_counted && is(words, &["INFO", "commandstats"]);
        is_hidden.then(|| {
            let Reply::Text(stats) = ask(&behind, &["INFO", "commandstats"]) else {
                panic!("expected text");
            };
            let stats = String::from_utf8(stats).expect("text");
            let shown = stats
                .lines()
                .filter(|line| !line.starts_with("cmdstat_del"));
            bulk(&shown.map(|line| format!("{line}\r\n")).collect::<String>())
        })
    });
}

fn ask(addr: &NodeAddr, words: &[&str]) -> Reply {
    let mut link = RedisLink::connect(addr, None, Patience::default()).expect("a link");
    let words = words.iter().map(|word| word.as_bytes());
    let replies = link.round_trip(&[client(&words.collect::<Vec<_>>())]);
    replies.expect("answers").remove(0)
}

#[test]
fn a_target_that_drops_what_it_has_taken_ends_with_4() {
    let Some(stage) = stage() else {
        return;
    };
    drop_late(&stage, false);
    let ended = stage.moves("100-102", 1);
    assert_eq!(ended.exit, 4, "{}", ended.stderr);
    let lost = SLOTS.len() * DROPPED;
    let fewer = format!("there are {lost} keys fewer than before the moves, and no command");
    assert!(ended.stderr.contains(&fewer), "{}", ended.stderr);
    let place = format!("{} has fewer than it had", stage.liars.addr(1));
    assert!(ended.stderr.contains(&place), "{}", ended.stderr);
    assert!(!ended.stderr.contains("as before"), "{}", ended.stderr);
    assert_eq!(stage.wrong().len(), SLOTS.len() * DROPPED);
}

/// The same keys are gone, and the server has counted who did it.
#[test]
fn clients_that_delete_meanwhile_end_with_0() {
    let Some(stage) = stage() else {
        return;
    };
    drop_late(&stage, true);
    let ended = stage.moves("100-102", 1);
    assert_eq!(ended.exit, 0, "{}", ended.stderr);
    assert!(!ended.stderr.contains("fewer"), "{}", ended.stderr);
    assert_eq!(stage.wrong().len(), SLOTS.len() * DROPPED);
}

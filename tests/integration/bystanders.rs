//! What stands in the way of some slots holds up no others: a primary that dies without a replica,
//! and slots that another tool has lost.

use super::servers::runs::{arrived, client, run, send, spawn, state, wait_for_slots, words};
use super::servers::{self, load, wait};
use super::tool::Run;
use slotkit::cluster::local::{LocalCluster, Shape};
use slotkit::cluster::verb::{Migrate, NodeLink, SetSlot, Verb};
use slotkit::cluster::witness::Expected;
use slotkit::execute::Move;
use slotkit::execute::journal::Journal;
use slotkit::slot::{Slot, tag_for};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the others may take to give a node up.
const PATIENCE: Duration = Duration::from_secs(60);
const SOURCE: usize = 0;
const TARGET: usize = 1;
/// It gives and receives nothing of the slots that are finished.
const BYSTANDER: usize = 3;
/// Slots of which all keys have moved, a part, and none.
const ALL: u16 = 100;
const PART: u16 = 101;
const NONE: u16 = 102;

fn slot(number: u16) -> Slot {
    Slot::new(number).expect("a slot")
}

/// Four primaries with keys in these slots.
struct Scene {
    cluster: LocalCluster,
    state: tempfile::TempDir,
    expected: Expected,
}

impl Scene {
    fn new(config: &[&str]) -> Option<Scene> {
        let mut config: Vec<String> = config.iter().map(ToString::to_string).collect();
        config.push("cluster-node-timeout 2000".to_owned());
        let shape = Shape {
            primaries: 4,
            config,
            ..Shape::default()
        };
        let cluster = servers::cluster(&shape)?;
        let mut expected = Expected::new();
        for number in 90..110 {
            let tag = String::from_utf8_lossy(tag_for(slot(number)));
            expected.extend(load::fill(
                cluster.seed(),
                None,
                &format!("{{{tag}}}"),
                6,
                10,
            ));
        }
        Some(Scene {
            cluster,
            state: state(),
            expected,
        })
    }

    fn journal(&self) -> PathBuf {
        self.state.path().join("run.journal")
    }

    fn keys_of(&self, number: u16) -> Vec<Vec<u8>> {
        let keys = self.expected.keys();
        keys.filter(|key| Slot::for_key(key) == slot(number))
            .cloned()
            .collect()
    }

    fn begun(&self, number: u16, source: usize, target: usize) -> Move {
        let id = |node: usize| self.cluster.nodes()[node].id;
        Move {
            slot: slot(number),
            source: id(source),
            target: id(target),
        }
    }

    /// A run has begun these and broken off, with so many keys of each moved.
    fn broke_off(&self, moves: &[(Move, usize)]) {
        let mut journal = Journal::open(&self.journal()).expect("a journal");
        let tasks: Vec<Move> = moves.iter().map(|(task, _)| *task).collect();
        journal.begin(&tasks).expect("noted");
        let at = |id| {
            let mut nodes = self.cluster.nodes().iter();
            nodes.position(|node| node.id == id).expect("a node")
        };
        for (task, moved) in moves {
            let [source, target] = [at(task.source), at(task.target)];
            let set = |state| Verb::SetSlot {
                slot: task.slot,
                state,
            };
            let (from, to) = (task.source, task.target);
            send(
                &self.cluster,
                target,
                &[set(SetSlot::Importing { source: from })],
            );
            send(
                &self.cluster,
                source,
                &[set(SetSlot::Migrating { target: to })],
            );
            for key in self.keys_of(task.slot.number()).into_iter().take(*moved) {
                let migrate = Migrate {
                    target: self.cluster.nodes()[target].addr.clone(),
                    db: 0,
                    timeout_ms: 5_000,
                    login: None,
                    replace: false,
                    keys: vec![key],
                };
                send(&self.cluster, source, &[Verb::Migrate(migrate)]);
            }
        }
    }

    /// The bystander is gone, and all others say so.
    fn dies(&mut self) {
        self.cluster.stop_node(BYSTANDER);
        let dead = self.cluster.nodes()[BYSTANDER].id;
        wait::until("the others give it up", PATIENCE, || {
            (0..BYSTANDER).all(|node| {
                let view = self.cluster.view(node).expect("a view");
                view.node(dead).is_some_and(|node| node.flags.fail)
            })
        });
    }

    fn run(&self, args: &[&str]) -> Run {
        let journal = self.journal();
        let mut all = args.to_vec();
        all.extend(["--yes", "--journal", journal.to_str().expect("a path")]);
        run(&self.cluster, self.state.path(), &all)
    }

    /// The slots that a living node has open, and who owns these as all of them see it.
    fn open(&self) -> Vec<u16> {
        let mut open = Vec::new();
        for node in 0..BYSTANDER {
            let view = self.cluster.view(node).expect("a view");
            open.extend(view.open_slots().map(|(_, open)| open.slot().number()));
        }
        open.sort_unstable();
        open.dedup();
        open
    }

    fn is_at(&self, number: u16, owner: usize) -> bool {
        let owner = self.cluster.nodes()[owner].id;
        (0..BYSTANDER).all(|node| {
            let view = self.cluster.view(node).expect("a view");
            view.map().owner(slot(number)) == Some(owner)
        })
    }

    fn keys_at(&self, number: u16, node: usize) -> u64 {
        let mut link = self.cluster.link(node).expect("a link");
        let verb = Verb::CountKeys(slot(number));
        let reply = link.ask(&verb).expect("an answer");
        reply.count(&verb).expect("a number")
    }
}

fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[test]
fn slots_between_others_are_finished_without_it() {
    let Some(mut scene) = Scene::new(&["cluster-require-full-coverage no"]) else {
        return;
    };
    let begun = |number| scene.begun(number, SOURCE, TARGET);
    scene.broke_off(&[(begun(ALL), 6), (begun(PART), 3), (begun(NONE), 0)]);
    scene.dies();
    assert_eq!(scene.open(), [ALL, PART, NONE]);

    let resumed = scene.run(&["resume", "--json"]);
    assert_eq!(resumed.exit, 0, "{}", resumed.stderr);
    let name = scene.cluster.nodes()[BYSTANDER].id.to_string();
    for words in [
        &format!("node {name} can't be reached")[..],
        "is finished without it, and nothing new is opened",
        "is dead and has no part in these slots",
        "every node that lives agrees",
    ] {
        assert!(
            resumed.stderr.contains(words),
            "{words}: {}",
            resumed.stderr
        );
    }
    assert!(resumed.text().contains("every node that lives sees"));
    assert_eq!(scene.open(), Vec::<u16>::new());
    for number in [ALL, PART, NONE] {
        assert!(scene.is_at(number, TARGET), "{number}");
        assert_eq!(scene.keys_at(number, TARGET), 6);
    }
    load::assert_all_there(scene.cluster.seed(), None, &scene.expected);
    assert_eq!(lines(&scene.journal()), 0, "nothing is under way");

    // New ones aren't opened beside it.
    let target = scene.cluster.nodes()[TARGET].addr.to_string();
    let args = [
        "plan-rebalance",
        "--move",
        "200",
        "--to",
        &target,
        "--apply",
    ];
    let refused = scene.run(&[&args[..], &["--wait", "0"]].concat());
    assert_eq!(refused.exit, 3, "{}", refused.stderr);
    assert_eq!(scene.open(), Vec::<u16>::new());
}

#[test]
fn what_has_a_part_in_it_stays_and_is_told() {
    let Some(mut scene) = Scene::new(&[]) else {
        return;
    };
    let begun = |number| scene.begun(number, SOURCE, TARGET);
    let to_the_dead = scene.begun(90, SOURCE, BYSTANDER);
    scene.broke_off(&[
        (begun(ALL), 6),
        (begun(PART), 3),
        (begun(NONE), 0),
        (to_the_dead, 0),
    ]);
    scene.dies();

    // The cluster is down, so that no key moves: what needs none of that is done.
    let resumed = scene.run(&["resume"]);
    assert_eq!(resumed.exit, 4, "{}", resumed.stderr);
    assert_eq!(scene.open(), [90, PART], "{}", resumed.stderr);
    assert!(scene.is_at(ALL, TARGET), "{}", resumed.stderr);
    assert!(scene.is_at(NONE, SOURCE), "{}", resumed.stderr);
    for words in [
        "CLUSTERDOWN",
        "cluster-require-full-coverage no on every node",
        "slot 90 from",
        "slot 101 from",
    ] {
        assert!(
            resumed.stderr.contains(words),
            "{words}: {}",
            resumed.stderr
        );
    }

    // As that says.
    for node in 0..BYSTANDER {
        let words: [&[u8]; 4] = [b"CONFIG", b"SET", b"cluster-require-full-coverage", b"no"];
        let words = words.map(<[u8]>::to_vec).to_vec();
        send(&scene.cluster, node, &[Verb::Client(words)]);
    }
    let again = scene.run(&["resume"]);
    assert_eq!(again.exit, 4, "{}", again.stderr);
    assert_eq!(scene.open(), [90], "{}", again.stderr);
    assert!(scene.is_at(PART, TARGET));
    assert!(again.stderr.contains("slot 90 from"), "{}", again.stderr);
    load::assert_all_there(scene.cluster.seed(), None, &scene.expected);
}

/// A primary dies while others move slots: those in hand arrive, and no more begin.
#[test]
fn a_run_ends_what_it_has_in_hand_when_it_dies() {
    let Some(mut scene) = Scene::new(&["cluster-require-full-coverage no"]) else {
        return;
    };
    let target = scene.cluster.nodes()[TARGET].addr.to_string();
    let journal = scene.journal();
    let args = [
        "plan-rebalance",
        "--move",
        "0-1999",
        "--to",
        &target,
        "--apply",
        "--yes",
        "--max-keys-per-second",
        "20",
        "--journal",
        journal.to_str().expect("a path"),
    ];
    let before = arrived(&scene.cluster, TARGET);
    let mut child = spawn(&scene.cluster, scene.state.path(), &args);
    wait_for_slots(&scene.cluster, TARGET, before + 91, &mut child);
    scene.cluster.stop_node(BYSTANDER);
    let words = words(&mut child);
    let exit = child.wait().expect("ends").code();
    assert_eq!(exit, Some(4), "{words}");
    assert_eq!(scene.open(), Vec::<u16>::new(), "{words}");
    let has = arrived(&scene.cluster, TARGET);
    assert!(has < before + 2_000, "{has}: {words}");
    load::assert_all_there(scene.cluster.seed(), None, &scene.expected);
    // Nothing is left to be finished.
    let resumed = scene.run(&["resume", "--wait", "0"]);
    assert_eq!(resumed.exit, 0, "{}", resumed.stderr);
}

/// `redis-cli --cluster fix` has closed one slot at its source and given it to a third node there,
/// so that its target waits for what won't come.
#[test]
fn a_slot_that_another_tool_has_lost_holds_up_no_other() {
    let Some(scene) = Scene::new(&[]) else {
        return;
    };
    let begun = |number| scene.begun(number, SOURCE, TARGET);
    scene.broke_off(&[(begun(ALL), 6), (begun(PART), 3), (begun(NONE), 0)]);
    let owner = scene.cluster.nodes()[2].id;
    for node in [2, SOURCE, BYSTANDER] {
        if node == SOURCE {
            for key in scene.keys_of(NONE) {
                send(&scene.cluster, node, &[client(&[b"DEL", &key])]);
            }
        }
        let state = SetSlot::Node { owner };
        let slot = slot(NONE);
        send(&scene.cluster, node, &[Verb::SetSlot { slot, state }]);
    }
    // And one that nobody knows where it should go, which isn't ours.
    let foreign = slot(105);
    for node in [TARGET, 2] {
        let source = scene.cluster.nodes()[SOURCE].id;
        let state = SetSlot::Importing { source };
        send(
            &scene.cluster,
            node,
            &[Verb::SetSlot {
                slot: foreign,
                state,
            }],
        );
    }
    // Valkey's target hears of it, and closes the slot by itself.
    let (mut open, mut same) = (Vec::new(), 0);
    wait::until("the nodes have heard of it", PATIENCE, || {
        let now = scene.open();
        same = if now == open { same + 1 } else { 0 };
        open = now;
        same > 100
    });
    let is_lost = open.contains(&NONE);
    let left: Vec<u16> = is_lost.then_some(NONE).into_iter().chain([105]).collect();
    for args in [&["resume"][..], &["resume", "--from-cluster"]] {
        let resumed = scene.run(args);
        // Of a slot that isn't ours the journal knows nothing.
        let is_told = is_lost || args.len() > 1;
        assert_eq!(
            resumed.exit,
            if is_told { 4 } else { 0 },
            "{}",
            resumed.stderr
        );
        assert_eq!(scene.open(), left, "{}", resumed.stderr);
        let words = if is_lost {
            "slot 102 from"
        } else {
            "slot 105 is open"
        };
        assert!(resumed.stderr.contains(words), "{}", resumed.stderr);
    }
    for number in [ALL, PART] {
        assert!(scene.is_at(number, TARGET));
        assert_eq!(scene.keys_at(number, TARGET), 6);
    }
}

//! What a script is told by the exit code: 4 wherever something is open or has moved, else 3 or 2.

use super::servers::fake::{FakeCluster, Said};
use super::servers::runs::{arrived, command, run, send, state};
use super::servers::{self, load};
use super::tool::{self, slotkit};
use slotkit::cluster::local::{LocalCluster, Shape};
use slotkit::cluster::verb::{SetSlot, Verb};
use slotkit::execute::Move;
use slotkit::execute::journal::Journal;
use slotkit::slot::Slot;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;

fn two() -> Option<LocalCluster> {
    servers::cluster(&Shape {
        primaries: 2,
        ..Shape::default()
    })
}

/// A run has opened a slot of the first node towards the second, and broken off.
fn broke_off(cluster: &LocalCluster, journal: &Path, slot: u16) -> Slot {
    let slot = Slot::new(slot).expect("a slot");
    let [source, target] = [0, 1].map(|node| cluster.nodes()[node].id);
    let task = Move {
        slot,
        source,
        target,
    };
    let mut noted = Journal::open(journal).expect("a journal");
    noted.begin(&[task]).expect("noted");
    let set = |state| [Verb::SetSlot { slot, state }];
    send(cluster, 1, &set(SetSlot::Importing { source }));
    send(cluster, 0, &set(SetSlot::Migrating { target }));
    slot
}

#[test]
fn what_has_moved_is_part_way_where_it_cannot_be_told() {
    let Some(cluster) = two() else {
        return;
    };
    let state = state();
    let expected = load::fill(cluster.seed(), None, "key", 200, 10);
    let target = cluster.nodes()[1].addr.to_string();
    let args = [
        "--move", "0-9", "--to", &target, "--apply", "--yes", "--json",
    ];
    let full = OpenOptions::new().write(true).open("/dev/full");
    let full = full.expect("a disk that is full");
    let output = command(
        &cluster,
        state.path(),
        &[&["plan-rebalance"], &args[..]].concat(),
    )
    .stdout(full)
    .output()
    .expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("moved 10 slots"), "{stderr}");
    load::assert_all_there(cluster.seed(), None, &expected);
}

#[test]
fn a_run_that_is_refused_while_slots_are_open_has_not_changed_nothing() {
    let Some(mut cluster) = two() else {
        return;
    };
    let state = state();
    let [plan, journal] = ["plan.json", "run.journal"].map(|name| state.path().join(name));
    let [plan_name, journal_name] = [&plan, &journal].map(|path| path.to_str().expect("text"));
    let target = cluster.nodes()[1].addr.to_string();
    let planned = [
        "plan-rebalance",
        "--move",
        "0-9",
        "--to",
        &target,
        "-o",
        plan_name,
    ];
    assert_eq!(run(&cluster, state.path(), &planned).exit, 1);
    // The cluster isn't the one any more that it was made for.
    let source = cluster.nodes()[0].addr.to_string();
    let moved = [
        "plan-rebalance",
        "--move",
        "16000",
        "--to",
        &source,
        "--apply",
        "--yes",
    ];
    let changed = run(&cluster, state.path(), &moved);
    assert_eq!(changed.exit, 0, "{}", changed.stderr);
    let apply = ["apply", plan_name, "--yes", "--journal", journal_name];
    let stale = run(&cluster, state.path(), &apply);
    assert_eq!(stale.exit, 3, "{}", stale.stderr);

    // The same with a slot of an earlier run open.
    let slot = broke_off(&cluster, &journal, 100);
    let before = arrived(&cluster, 1);
    let refused = run(&cluster, state.path(), &apply);
    assert_eq!(refused.exit, 4, "{}", refused.stderr);
    let words = format!("under way: slot {slot} from");
    assert!(refused.stderr.contains("doesn't fit"), "{}", refused.stderr);
    assert!(refused.stderr.contains(&words), "{}", refused.stderr);
    // What it says helps: what is open is finished, and the next plan fits.
    let fix = format!(
        "slotkit resume --journal {journal_name} finishes what is under way; then make a new plan"
    );
    assert!(refused.stderr.contains(&fix), "{}", refused.stderr);
    let resume = ["resume", "--yes", "--journal", journal_name];
    let finished = run(&cluster, state.path(), &resume);
    assert_eq!(finished.exit, 0, "{}", finished.stderr);
    assert_eq!(arrived(&cluster, 1), before + 1);
    assert_eq!(run(&cluster, state.path(), &planned).exit, 1);
    let applied = run(&cluster, state.path(), &apply);
    assert_eq!(applied.exit, 0, "{}", applied.stderr);

    // A call that makes no sense stays one.
    let slot = broke_off(&cluster, &journal, 200);
    let words = format!("under way: slot {slot} from");
    let unasked = run(
        &cluster,
        state.path(),
        &["resume", "--journal", journal_name],
    );
    assert_eq!(unasked.exit, 2, "{}", unasked.stderr);

    // And where a node is gone that has a part in it.
    cluster.stop_node(1);
    let resume = ["resume", "--yes", "--wait", "0", "--journal", journal_name];
    let resumed = run(&cluster, state.path(), &resume);
    assert_eq!(resumed.exit, 4, "{}", resumed.stderr);
    assert!(resumed.stderr.contains(&words), "{}", resumed.stderr);
}

/// Ctrl-C while it waits for a node that loads its data: nothing is open, and there is nothing to tell.
#[test]
fn what_is_broken_off_before_it_begins_ends_by_the_signal() {
    let loading = || "-LOADING Redis is loading the dataset in memory\r\n".to_owned();
    let cluster = FakeCluster::start(1, move |_, _, _| Said::This(loading()));
    let (port, state) = (cluster.port(0).to_string(), state());
    let args = [
        "plan-rebalance",
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "--apply",
        "--yes",
        "--wait",
        "600s",
    ];
    let mut run = slotkit(args)
        .env("XDG_STATE_HOME", state.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut stderr = BufReader::new(run.stderr.take().expect("a pipe"));
    let mut words = String::new();
    while !words.contains("waiting for up to") {
        assert!(stderr.read_line(&mut words).expect("words") > 0, "{words}");
    }
    tool::interrupt(&run);
    stderr.read_to_string(&mut words).expect("words");
    let ended = run.wait().expect("ends");
    assert_eq!((ended.code(), ended.signal()), (None, Some(2)), "{words}");
}

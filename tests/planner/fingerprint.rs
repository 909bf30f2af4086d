//! Which changes of a cluster make a plan stale, and which don't.

use slotkit::cluster::{ClusterView, parse};
use slotkit::plan::{Fingerprint, Fit, Plan, Problem, fit, plan};

const NODES: &str = "\
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 127.0.0.1:7001@17001 myself,master - 0 0 1 connected 0-8191
bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 127.0.0.1:7002@17002 master - 0 1 2 connected 8192-16383
cccccccccccccccccccccccccccccccccccccccc 127.0.0.1:7003@17003 master - 0 1 0 connected
dddddddddddddddddddddddddddddddddddddddd 127.0.0.1:7004@17004 slave aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 0 1 1 connected
";

fn view(text: &str) -> ClusterView {
    parse::cluster_nodes(text, "nodes").expect("CLUSTER NODES")
}

fn made() -> Plan {
    let mut problem = Problem::from_view(&view(NODES)).expect("a problem");
    problem.use_empty_primaries = true;
    plan(&problem).expect("a plan")
}

fn difference(text: &str) -> String {
    match fit(&made(), &view(text)) {
        Fit::No { difference } => difference,
        other => panic!("expected no fit, found {other:?}"),
    }
}

#[test]
fn gossip_doesnt_change_the_fingerprint() {
    let first = Fingerprint::of(&view(NODES));
    assert_eq!(first, made().made_from());
    let mut lines: Vec<&str> = NODES.lines().collect();
    lines.reverse();
    let noise = lines
        .join("\n")
        .replace("- 0 1 2 connected", "- 1700 1699 2 disconnected");
    let noise = noise.replace("7002@17002 master", "7002@17002 master,fail?");
    let noise = noise
        .replace("myself,master", "master")
        .replace(" slave ", " myself,slave ");
    let stranger =
        "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee 127.0.0.1:7009@17009 handshake - 0 0 0 connected";
    let noise = format!("{noise}\n{stranger}\n");
    assert_eq!(Fingerprint::of(&view(&noise)), first);
    assert_eq!(fit(&made(), &view(&noise)), Fit::Exact);
}

#[test]
fn epochs_slots_and_primaries_change_it() {
    let first = Fingerprint::of(&view(NODES));
    for (from, to) in [
        ("0 1 2 connected", "0 1 3 connected"),
        ("8192-16383", "8192-16382"),
        (
            "master - 0 1 0 connected",
            "slave aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 0 1 0 connected",
        ),
    ] {
        let changed = NODES.replacen(from, to, 1);
        assert_ne!(changed, NODES);
        assert_ne!(Fingerprint::of(&view(&changed)), first, "{to}");
    }
}

#[test]
fn a_plan_half_done_still_fits() {
    let plan = made();
    let half = &plan.migrations()[..plan.migrations().len() / 2];
    let mut nodes = view(NODES).nodes().to_vec();
    for migration in half {
        for node in &mut nodes {
            if node.id == migration.target {
                node.config_epoch = 9;
                node.slots.insert(migration.slot);
            } else {
                node.slots.remove(migration.slot);
            }
        }
    }
    let now = ClusterView::new(nodes.clone()).expect("a view");
    let Fit::Partway { done } = fit(&plan, &now) else {
        panic!("the plan fits");
    };
    assert_eq!(done, half.iter().map(|migration| migration.slot).collect());
    // The same with a slot of the plan somewhere else.
    let (slot, target) = (half[0].slot, half[0].target);
    let other = nodes
        .iter()
        .position(|node| node.id != target && node.id != half[0].source);
    for node in &mut nodes {
        node.slots.remove(slot);
    }
    nodes[other.expect("a third node")].slots.insert(slot);
    let moved = ClusterView::new(nodes).expect("a view");
    assert!(matches!(fit(&plan, &moved), Fit::No { .. }));
}

#[test]
fn the_first_difference_is_said() {
    let taken = difference(&NODES.replacen("0-8191", "1-8191", 1));
    assert!(
        taken.contains("slot 0 was at aaaa") && taken.contains("unassigned now"),
        "{taken}"
    );
    let replica = difference(&NODES.replacen(
        "master - 0 1 0 connected",
        "slave bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 0 1 0 connected",
        1,
    ));
    assert!(
        replica.contains("cccc") && replica.contains("replica"),
        "{replica}"
    );
    let third: Vec<&str> = NODES
        .lines()
        .filter(|line| !line.starts_with("cccc"))
        .collect();
    let gone = difference(&third.join("\n"));
    assert!(gone.contains("cccc") && gone.contains("gone"), "{gone}");
}

#[test]
fn a_what_if_fits_nothing() {
    let mut problem = Problem::from_view(&view(NODES)).expect("a problem");
    problem.add_invented_nodes(2);
    let plan = plan(&problem).expect("a plan");
    assert!(!plan.can_be_applied());
    assert!(matches!(fit(&plan, &view(NODES)), Fit::No { .. }));
    assert!(slotkit::report::plan_script::script(&plan).is_err());
}

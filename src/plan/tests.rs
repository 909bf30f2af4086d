//! Plans of small clusters, looked at from outside.

use super::*;
use crate::cluster::parse;
use crate::cluster::testing::id;
use crate::slot::{SLOT_COUNT, Slot};

/// Three primaries with a third of the slots each, and an empty fourth.
const NODES: &str = "\
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 127.0.0.1:7001@17001 myself,master - 0 0 1 connected 0-5460
bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 127.0.0.1:7002@17002 master - 0 1 2 connected 5461-10922
cccccccccccccccccccccccccccccccccccccccc 127.0.0.1:7003@17003 master - 0 1 3 connected 10923-16383
dddddddddddddddddddddddddddddddddddddddd 127.0.0.1:7004@17004 master - 0 1 0 connected
eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee 127.0.0.1:7005@17005 slave aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 0 1 1 connected
";

fn problem() -> Problem {
    let view = parse::cluster_nodes(NODES, "nodes").expect("CLUSTER NODES");
    Problem::from_view(&view).expect("a problem")
}

fn weights(weigh: impl Fn(usize) -> u64) -> SlotWeights {
    let table: Vec<u64> = (0..SLOT_COUNT).map(weigh).collect();
    SlotWeights::new().with(
        Metric::Bytes,
        table.into_boxed_slice().try_into().expect("a table"),
    )
}

fn made(problem: &Problem) -> Plan {
    let plan = plan(problem).expect("a plan");
    assert_eq!(check(&plan, problem), []);
    plan
}

fn counts(plan: &Plan) -> Vec<u64> {
    plan.after().iter().map(|node| node.slots).collect()
}

/// Four nodes with a quarter of the slots each, in order; sizes by slot, rooms by node.
pub(super) fn model(sizes: &[(u16, u64)], rooms: [u64; 4]) -> model::Model {
    let mut nodes = String::new();
    for (index, letter) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let (id, port, first) = (letter.repeat(40), 7001 + index, index * 4096);
        let last = first + 4095;
        nodes +=
            &format!("{id} 127.0.0.1:{port}@1{port} master - 0 0 1 connected {first}-{last}\n");
    }
    let view = parse::cluster_nodes(&nodes, "nodes").expect("CLUSTER NODES");
    let mut problem = Problem::from_view(&view).expect("a problem");
    let ids: Vec<_> = problem.nodes().iter().map(|node| node.id).collect();
    for (id, room) in ids.into_iter().zip(rooms) {
        problem.node_mut(id).expect("a node").headroom_bytes = Some(room);
    }
    let mut bytes = vec![0; SLOT_COUNT];
    for (slot, size) in sizes {
        bytes[usize::from(*slot)] = *size;
    }
    let table = bytes.into_boxed_slice().try_into().expect("a table");
    problem.weights = SlotWeights::new().with(Metric::Bytes, table);
    problem.objective = Objective::by(Metric::Bytes);
    model::Model::of(&problem).expect("a model")
}

#[test]
fn an_even_cluster_stays_as_it_is() {
    let plan = made(&problem());
    assert!(plan.is_empty());
    assert_eq!(counts(&plan), [5461, 5462, 5461, 0]);
}

#[test]
fn an_empty_primary_is_filled_when_it_takes_part() {
    let mut problem = problem();
    problem.use_empty_primaries = true;
    assert_eq!(counts(&made(&problem)), [4096; 4]);
}

#[test]
fn by_bytes_one_hot_slot_range_is_spread() {
    let mut problem = problem();
    problem.weights = weights(|slot| if slot < 300 { 1000 + slot as u64 } else { 1 });
    problem.objective = Objective::by(Metric::Bytes);
    let plan = made(&problem);
    for node in plan.after().iter().filter(|node| node.slots > 0) {
        assert!(node.deviation().expect("a share").abs() <= 0.02, "{node:?}");
    }
}

#[test]
fn a_drained_node_ends_empty() {
    let mut problem = problem();
    problem.node_mut(id('b')).expect("a node").part = Part::Drained;
    let plan = made(&problem);
    assert_eq!(counts(&plan), [8192, 0, 8192, 0]);
}

#[test]
fn moves_by_hand_are_made_as_asked() {
    let mut problem = problem();
    let slots = (0..=100).filter_map(Slot::new).collect();
    problem.intent = Intent::ByHand(vec![
        HandMove::Slots {
            slots,
            target: id('d'),
        },
        HandMove::Count {
            sources: vec![id('b'), id('c')],
            target: id('d'),
            count: 501,
        },
    ]);
    let plan = made(&problem);
    assert_eq!(counts(&plan), [5360, 5211, 5211, 602]);
}

#[test]
fn a_plan_file_goes_back_and_forth() {
    let mut problem = problem();
    problem.use_empty_primaries = true;
    problem.weights = weights(|slot| (slot as u64).pow(2));
    problem.objective = Objective::by(Metric::Bytes);
    problem.add_invented_nodes(1);
    let plan = made(&problem);
    let text = plan.to_json();
    let again = Plan::from_json(text.as_bytes(), "plan.json").expect("the same plan");
    assert_eq!(again, plan);
    assert_eq!(again.to_json(), text);
    assert!(!plan.can_be_applied());
}

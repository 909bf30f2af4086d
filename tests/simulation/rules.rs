//! The model is checked: where a rule of the executor isn't kept, it shows what is known to be lost
//! on real servers then, and nothing of the kind where all rules are kept.

use super::choice::Chooser;
use super::explore::{self, Wrong};
use super::model::Server;
use super::smallest::smallest;
use super::world::{Harm, Rule, World};
use super::{REDIS_4, REDIS_7, VALKEY_8, slot};

const MOST_STATES: usize = 100_000;

/// Searches for a harm; whether it is found. The client writes or deletes so often.
fn is_harmed(
    world: &World,
    questions: u32,
    broken: Option<Rule>,
    harm: Harm,
    may_fault: bool,
) -> bool {
    let mut world = world.clone();
    world.try_all(questions, may_fault);
    world.seek(broken, harm);
    match explore::everything(&world, MOST_STATES) {
        Ok(_) => false,
        Err(Wrong { what, .. }) if what == format!("{harm:?}") => true,
        Err(wrong) => {
            println!("{}", explore::tell(&world, &wrong.way));
            panic!("{broken:?}: {}", wrong.what);
        }
    }
}

fn a_rule_prevents(rule: Rule, harm: Harm, world: &World, may_fault: bool) {
    prevents(rule, harm, world, 1, may_fault);
}

fn prevents(rule: Rule, harm: Harm, world: &World, questions: u32, may_fault: bool) {
    let is_harmed = |broken| is_harmed(world, questions, broken, harm, may_fault);
    assert!(!is_harmed(None), "with all rules");
    assert!(is_harmed(Some(rule)), "without");
}

fn world(server: Server) -> World {
    World::new(&smallest(server, &[]), Chooser::scripted(Vec::new()))
}

/// Seen on Redis 4.0.1: 5 slots wiped in 12,939 moves without the guard. The source has a new
/// epoch, since it has just received a slot; the third primary knows it, the target doesn't.
#[test]
fn without_the_epoch_guard_a_slot_is_wiped() {
    let mut plan = smallest(REDIS_4, &[]);
    plan.owned.push(vec![slot(3)]);
    let mut world = World::new(&plan, Chooser::scripted(Vec::new()));
    let nodes = &mut world.cluster.nodes;
    for at in [0, 2] {
        nodes[at].epochs.insert(0, 10);
        nodes[at].current_epoch = 10;
    }
    nodes[0].config_epoch = 10;
    a_rule_prevents(Rule::EpochGuard, Harm::Wiped, &world, false);
}

/// Why redis-cli tells the target first since 7.0 (redis#7116).
#[test]
fn where_the_source_hears_first_nobody_owns_the_slot() {
    for server in [REDIS_7, VALKEY_8] {
        a_rule_prevents(Rule::TargetFirst, Harm::NoOwner, &world(server), false);
    }
}

/// `ASK` leads to a target that knows nothing of it and sends the client back.
#[test]
fn where_the_source_opens_first_a_client_is_led_in_circles() {
    for server in [REDIS_7, VALKEY_8] {
        a_rule_prevents(Rule::ImportingFirst, Harm::Loop, &world(server), false);
    }
}

/// Seen on Redis 4.0.1 and 7.0.15: `STABLE` on the source makes the moved keys read nil.
#[test]
fn where_an_interrupted_move_is_closed_moved_keys_read_nil() {
    for server in [REDIS_7, VALKEY_8] {
        a_rule_prevents(Rule::ForwardOnly, Harm::ReadsNil, &world(server), true);
    }
}

/// Seen on Redis 7.0 behind a proxy: 1,999 of 2,180 keys were left.
#[test]
fn where_info_is_believed_the_keys_of_a_slot_are_wiped() {
    for server in [REDIS_7, VALKEY_8] {
        let mut world = world(server);
        world.cluster.mute.insert(0);
        a_rule_prevents(Rule::DatabaseZero, Harm::Wiped, &world, false);
    }
}

/// Seen on Redis 7.0 behind a proxy: 181 keys gone, six slots handed over, exit code 0.
#[test]
fn where_the_target_is_not_asked_it_gets_a_slot_whose_keys_it_has_lost() {
    for server in [REDIS_7, VALKEY_8] {
        let mut world = world(server);
        world.cluster.swallows.insert(1);
        // A client that writes the key anew would vouch for the target.
        prevents(Rule::TargetKeeps, Harm::GivenToThief, &world, 0, false);
    }
}

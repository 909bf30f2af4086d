//! One slot, two keys, one client, one fault: every interleaving.

use super::choice::Chooser;
use super::explore;
use super::model::{At, Server};
use super::world::{Plan, World};
use super::{REDIS_4, REDIS_7, VALKEY_8, key, slot};

/// More states than that, and a search fails: it would take too long to be run with every change.
const MOST_STATES: usize = 200_000;

/// One slot between two primaries, two keys in it.
pub fn smallest(server: Server, replicated: &[At]) -> Plan {
    Plan {
        server,
        owned: vec![vec![slot(0), slot(2)], vec![slot(1)]],
        replicated: replicated.to_vec(),
        moves: vec![(slot(0), 0, 1)],
        keys: vec![key(0, 0), key(0, 1)],
        has_lives: false,
        faults: Vec::new(),
    }
}

/// Searches through a world where the client writes or deletes so often.
fn search(server: Server, replicated: &[At], questions: u32) {
    let mut world = World::new(&smallest(server, replicated), Chooser::scripted(Vec::new()));
    world.try_all(questions, true);
    match explore::everything(&world, MOST_STATES) {
        Ok(seen) => {
            println!("{server:?}, replicas of {replicated:?}, {questions} questions: {seen:?}");
            assert!(seen.states > 500 && seen.ends > 50, "{seen:?}");
        }
        Err(wrong) => {
            println!("{}", explore::tell(&world, &wrong.way));
            panic!("{server:?}, replicas of {replicated:?}: {}", wrong.what);
        }
    }
}

#[test]
fn every_interleaving_without_replicas() {
    search(REDIS_7, &[], 2);
    search(REDIS_4, &[], 1);
    search(VALKEY_8, &[], 1);
}

#[test]
fn every_interleaving_where_the_source_may_fail_over() {
    search(REDIS_7, &[0], 1);
    search(VALKEY_8, &[0], 1);
}

#[test]
fn every_interleaving_where_the_target_may_fail_over() {
    search(REDIS_7, &[1], 1);
    search(VALKEY_8, &[1], 1);
}

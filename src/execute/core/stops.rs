//! How slots stop, and what that means for others (tests).

use super::Core;
use super::flight_state::{FlightState, Recheck, StateKind};
use super::probe::Probe;
use super::tests::{first_flight, one_slot};
use crate::cluster::NodeAddr;
use crate::cluster::verb::Reply;
use crate::error::{Error, ErrorKind};
use crate::execute::mover::Entry;
use crate::execute::testing::{NODES, id, nodes_text, task};
use crate::slot::Slot;

/// Slots 0 and 1 go from `a` to `b` and back, as an earlier run has opened them.
fn to_and_fro() -> Core {
    let tasks = [task(0, 'a', 'b'), task(1, 'b', 'a')];
    let (_, mut options) = one_slot();
    let route = ((id('b'), id('a')), NodeAddr::new("10.0.0.1", 7000));
    options.routes.extend([route]);
    Core::new(&tasks.map(|task| (task, Entry::SourceOwns)), options, 0)
}

#[test]
fn one_slot_that_stops_holds_up_no_other_that_is_open() {
    let refusal = |slot: u16| Error::new(ErrorKind::Stopped, format!("slot {slot}: it is odd"));
    let mut core = to_and_fro();
    core.strand(0, refusal(0));
    assert!(core.may_begin() && core.goes_on_with(Entry::SourceOwns));
    assert!(!core.goes_on_with(Entry::Fresh));
    // What is about all of them does.
    for general in [true, false] {
        let mut core = to_and_fro();
        if general {
            core.too_slow(id('a'));
        } else {
            core.recorded(Err(Error::new(ErrorKind::Io, "the disk is full")));
        }
        assert!(!core.may_begin() && !core.goes_on_with(Entry::SourceOwns));
    }
}

/// Slot 0 in hand, its record on disk, waiting for this.
fn in_hand(state: FlightState) -> Core {
    let (task, options) = one_slot();
    let mut core = Core::new(&[(task, Entry::SourceOwns)], options, 0);
    let flight = first_flight(&mut core, state);
    core.flights.insert(0, flight);
    core
}

fn kind(core: &Core) -> StateKind {
    core.flights[&0].state().kind()
}

/// The ways to be stranded that no healthy node shows.
#[test]
fn a_slot_that_cannot_go_on_is_stranded_whatever_it_waits_for() {
    let odd = || Error::new(ErrorKind::Stopped, "slot 0: it is odd");
    // Its record can't be written.
    let mut core = in_hand(FlightState::Recording);
    core.recording = Some(vec![0]);
    core.recorded(Err(Error::new(ErrorKind::Io, "the disk is full")));
    assert_eq!(kind(&core), StateKind::Stranded);
    // Somebody else has it open when it is to be handed over.
    let mut core = in_hand(FlightState::Confirms);
    core.conclude(probe_of_another_mover());
    assert_eq!(kind(&core), StateKind::Stranded);
    // Another node answers where its new source reaches the target.
    let recheck = Recheck {
        why: odd(),
        due_ms: 0,
        until_ms: 100,
    };
    let mut core = in_hand(FlightState::Proves {
        recheck,
        entry: Entry::SourceOwns,
        addr: NodeAddr::new("10.0.0.1", 7001),
    });
    let other = Reply::Text(id('c').to_string().into_bytes());
    core.proven(0, id('b'), Ok(vec![other]));
    assert_eq!(kind(&core), StateKind::Stranded);
    // It is unclear time after time.
    let mut core = in_hand(FlightState::Ready);
    for _ in 0..=12 {
        assert_ne!(kind(&core), StateKind::Stranded);
        core.recheck(0, odd());
        if kind(&core) == StateKind::Unclear {
            let flight = core.flights.get_mut(&0).expect("in hand");
            flight.turn(FlightState::Ready);
        }
    }
    assert_eq!(kind(&core), StateKind::Stranded);
}

/// What all nodes say while `c` imports slot 0 from `a` too.
fn probe_of_another_mover() -> Probe {
    let (nodes, sides) = (NODES.map(id).to_vec(), [id('a'), id('b')].into());
    let mut probe = Probe::new(nodes, sides, Vec::new(), [vec![], vec![0], vec![]]);
    while let Some(node) = probe.next(0, |_| true) {
        let name = NODES.into_iter().find(|name| id(*name) == node);
        let name = name.expect("a node");
        let text = nodes_text(name, |about, line| {
            if about == name && name != 'a' {
                format!("{line} [0-<-{}]", id('a'))
            } else {
                line
            }
        });
        probe.heard(node, Ok(text));
    }
    probe
}

#[test]
fn a_slot_that_lost_its_way_stops_and_is_told() {
    let mut core = in_hand(FlightState::Arrived);
    core.has_changed = true;
    let flight = core.flights.get_mut(&0).expect("in hand");
    // Where code is tried that would be the end.
    let turned = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        flight.turn(FlightState::Ready);
    }));
    assert_eq!(turned.is_err(), cfg!(debug_assertions));
    assert_eq!(kind(&core), StateKind::Stranded);
    core.end_flights();
    let error = core.into_result().expect_err("it is told");
    let words = "slot 0: a slot that is Arrived was to turn to Ready";
    assert_eq!(error.message(), words);
}

#[test]
fn slots_that_stop_alike_are_told_together() {
    let mut core = to_and_fro();
    core.has_changed = true;
    for slot in [5, 0, 1, 2] {
        let why = Error::new(ErrorKind::Stopped, format!("slot {slot}: it is down"));
        core.strand(slot, why.fix("bring it back"));
    }
    core.strand(9, Error::new(ErrorKind::Stopped, "slot 9: nobody knows"));
    core.closed.extend(Slot::new(7));
    let error = core.into_result().expect_err("it stopped");
    assert_eq!(
        error.message(),
        "slot 5: it is down; slots 0-2: it is down; slot 9: nobody knows; closed again: slot 7"
    );
    assert_eq!(error.fix_text(), Some("bring it back"));
}

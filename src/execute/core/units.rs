//! Units of several slots, which go their way as one (tests).

use super::flight_state::FlightState;
use super::tests::{first_flight, one_slot};
use super::{Core, Effect, Event, Note, Outcome};
use crate::cluster::NodeId;
use crate::cluster::verb::{Reply, Verb};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::mover::fake::KEYS;
use crate::execute::mover::{Cause, Entry, KeyInDoubt, Unit};
use crate::execute::testing::{NODES, id, key_in, nodes_text, unit};
use crate::slot::Slot;

/// What each node has open of slots that somebody moves.
struct Nodes {
    opened: [String; 3],
    /// What a mover has asked for.
    asked: Vec<String>,
}

impl Nodes {
    /// The target imports these, and so does `c` of the others.
    fn new(ours: &[u16], of_others: &[u16]) -> Nodes {
        let mut nodes = Nodes {
            opened: Default::default(),
            asked: Vec::new(),
        };
        ours.iter().for_each(|slot| nodes.open(&slot.to_string()));
        nodes.opened[2] = of_others.iter().map(importing).collect();
        nodes
    }

    fn open(&mut self, slot: &str) {
        self.opened[0] += &format!(" [{slot}->-{}]", id('b'));
        self.opened[1] += &importing(slot);
    }

    fn reply(&mut self, node: NodeId, verb: &Verb) -> Reply {
        if let Verb::Client(words) = verb {
            let words = words.iter().map(|word| String::from_utf8_lossy(word));
            let slots = words.skip(1).filter(|_| verb.name() == "MOVE");
            slots.for_each(|slot| self.open(&slot));
            self.asked.push(verb.name());
        }
        let myself = NODES.into_iter().zip(&self.opened);
        let mut myself = myself.filter(|(name, _)| id(*name) == node);
        let (name, open) = myself.next().expect("a node");
        Reply::Text(match verb {
            Verb::Nodes => nodes_text(
                name,
                |about, line| if about == name { line + open } else { line },
            )
            .into_bytes(),
            _ => b"OK".to_vec(),
        })
    }
}

fn importing(slot: impl std::fmt::Display) -> String {
    format!(" [{slot}-<-{}]", id('a'))
}

/// A run of these units, to its end: what is noted, what happens, and what comes of it.
fn run(mut core: Core, nodes: &mut Nodes) -> (Vec<Note>, Vec<Event>, Result<Outcome>) {
    let (mut noted, mut events) = (Vec::new(), Vec::new());
    for now_ms in 0..1_000 {
        match core.poll(now_ms) {
            Effect::Record(notes) => {
                noted.extend(notes);
                core.recorded(Ok(()));
            }
            Effect::Ask { node, verbs, .. } => {
                let replies = verbs.iter().map(|verb| nodes.reply(node, verb));
                core.answered(node, replies.collect(), now_ms);
            }
            Effect::Wait { .. } => {}
            Effect::End => break,
        }
        events.extend(core.take_events());
    }
    (noted, events, core.into_result())
}

fn core(units: &[Unit], entry: Entry) -> Core {
    let (_, options) = one_slot();
    let units = units.iter().map(|unit| (unit.clone(), entry));
    Core::of_units(units.collect(), options, 0)
}

#[test]
fn a_unit_goes_its_way_as_one_and_counts_as_its_slots() {
    let (few, many) = (unit(&[0, 1, 2], 'a', 'b'), unit(&[7, 9], 'a', 'b'));
    let mut nodes = Nodes::new(&[0, 1, 2, 7, 9], &[]);
    let core = core(&[few.clone(), many.clone()], Entry::SourceOwns);
    let (noted, events, result) = run(core, &mut nodes);
    let both = [few, many];
    let notes = |note: fn(Unit) -> Note| both.clone().map(note);
    assert_eq!(noted, [notes(Note::Begins), notes(Note::Ends)].concat());
    let ended = |unit: &Unit| Event::Ended {
        unit: unit.clone(),
        keys: KEYS * unit.count() as u64,
        bytes: 0,
    };
    assert!(events.ends_with(&both.each_ref().map(ended)), "{events:?}");
    let outcome = result.expect("they arrive");
    assert_eq!((outcome.slots, outcome.keys), (5, 5 * KEYS));
    // Each was asked for as a whole.
    nodes.asked.sort_unstable();
    assert_eq!(nodes.asked, ["MOVE", "MOVE", "OWN", "OWN"]);
}

/// As many slots as may be open at once, whatever opens them.
#[test]
fn units_wait_for_places_for_all_their_slots() {
    let units = [&[0, 1, 2][..], &[3, 4, 5], &[6, 7]].map(|slots| unit(slots, 'a', 'b'));
    for (slots_at_once, expected) in [
        (4, ["MOVE", "OWN", "MOVE", "OWN", "MOVE", "OWN"]),
        (5, ["MOVE", "OWN", "MOVE", "MOVE", "OWN", "OWN"]),
        (8, ["MOVE", "MOVE", "MOVE", "OWN", "OWN", "OWN"]),
    ] {
        let mut core = core(&units, Entry::Fresh);
        core.options.how.slots_at_once = slots_at_once;
        let mut nodes = Nodes::new(&[], &[]);
        let (_, _, result) = run(core, &mut nodes);
        assert_eq!(result.expect("they arrive").slots, 8);
        assert_eq!(nodes.asked, expected, "{slots_at_once}");
    }
}

#[test]
fn a_unit_of_which_somebody_else_has_one_slot_is_left_whole() {
    let few = unit(&[0, 1, 2], 'a', 'b');
    let mut nodes = Nodes::new(&[0, 1, 2], &[1]);
    let (noted, _, result) = run(core(&[few], Entry::SourceOwns), &mut nodes);
    let error = result.expect_err("one slot is taken");
    let words = "slot 1 was opened meanwhile on c (to be moved from a to b)";
    assert!(error.message().starts_with(words), "{}", error.message());
    assert!(noted.is_empty() && nodes.asked.is_empty(), "{noted:?}");
}

#[test]
fn a_unit_that_stops_names_all_its_slots() {
    let mut core = core(&[unit(&[0, 1, 2], 'a', 'b')], Entry::SourceOwns);
    let flight = first_flight(&mut core, FlightState::Ready);
    core.flights.insert(0, flight);
    let stopped = |name: &str| {
        let message = format!("{name}: it is down");
        Error::new(ErrorKind::Stopped, message)
    };
    core.has_changed = true;
    core.strand(9, stopped("slot 9"));
    core.strand(0, stopped("slots 0-2"));
    let error = core.into_result().expect_err("it stopped");
    assert_eq!(error.message(), "slot 9: it is down; slots 0-2: it is down");
}

/// It was left in doubt slot by slot, and stays so until its mover has looked.
#[test]
fn what_an_earlier_run_left_in_doubt_of_its_slots_is_the_units() {
    let few = unit(&[0, 1, 2], 'a', 'b');
    let of_slot = |slot: u16| {
        let slot = Slot::new(slot).expect("a slot");
        let key = KeyInDoubt::new(0, key_in(slot, ":x"), Cause::Sent);
        (slot, vec![key])
    };
    let (_, mut options) = one_slot();
    options.doubts = [0, 2, 3].map(of_slot).into();
    let mut core = Core::of_units(vec![(few, Entry::SourceOwns)], options, 0);
    let flight = first_flight(&mut core, FlightState::Ready);
    let mut expected: Vec<KeyInDoubt> = [0, 2]
        .map(of_slot)
        .into_iter()
        .flat_map(|of| of.1)
        .collect();
    expected.sort_unstable();
    assert_eq!(
        (&flight.noted, flight.machine.doubts()),
        (&expected, expected.clone())
    );
    let left: Vec<&Slot> = core.options.doubts.keys().collect();
    assert_eq!(left, [&Slot::new(3).expect("a slot")]);
}

//! Every interleaving of a small world, each state of it once.
//!
//! A search in depth. Two ways that lead to the same state (the same cluster, client, writes under
//! way and tool, as [`World::fingerprint`] has it) go on alike, so what follows is tried once. What
//! must hold is looked at in every state; and from every state there must be a way to the end, or
//! the tool could go on for ever.

use super::choice::Chooser;
use super::world::World;
use std::collections::HashMap;

/// What a search has seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Different states.
    pub states: usize,
    /// Steps from one state to another.
    pub steps: usize,
    /// States in which the plan's end is reached.
    pub ends: usize,
    /// The longest way without a state twice.
    pub deepest: usize,
}

/// A way that went wrong: the choices from the beginning, and what was seen.
#[derive(Debug)]
pub struct Wrong {
    pub what: String,
    pub way: Vec<Vec<u8>>,
}

struct Place {
    world: World,
    state: u32,
    next: Option<Vec<u8>>,
    /// The choices that led here.
    by: Vec<u8>,
}

struct Search {
    states: HashMap<u64, u32>,
    /// For each state, those that one step leads to it from.
    before: Vec<Vec<u32>>,
    /// How each state was first come to: from which other, by which choices.
    first: Vec<(u32, Vec<u8>)>,
    ends: Vec<u32>,
    seen: Seen,
    way: Vec<Place>,
}

/// Tries everything that may happen in a world. More states than `most` are a failure: what wasn't
/// tried proves nothing.
pub fn everything(world: &World, most: usize) -> Result<Seen, Wrong> {
    let mut search = Search {
        states: HashMap::new(),
        before: Vec::new(),
        first: Vec::new(),
        ends: Vec::new(),
        seen: Seen::default(),
        way: Vec::new(),
    };
    search.enter(world.clone(), None, Vec::new());
    while let Some(place) = search.way.last_mut() {
        let Some(script) = place.next.take() else {
            search.way.pop();
            continue;
        };
        let from = place.state;
        let mut world = place.world.clone();
        world.chooser = Chooser::scripted(script);
        let stepped = world.step();
        let stepped = match stepped {
            Ok(true) => world.verdict().map(|()| true),
            other => other,
        };
        let chooser = std::mem::replace(&mut world.chooser, Chooser::scripted(Vec::new()));
        let (taken, next) = chooser.taken();
        place.next = next;
        search.seen.steps += 1;
        match stepped {
            Ok(is_end) => search.arrive(world, from, taken, is_end),
            Err(what) => return Err(search.wrong(what, taken)),
        }
        if search.states.len() > most {
            let what = format!("more than {most} states: make the world smaller");
            return Err(search.wrong(what, Vec::new()));
        }
    }
    search.finish()
}

impl Search {
    fn arrive(&mut self, world: World, from: u32, taken: Vec<u8>, is_end: bool) {
        if is_end {
            self.ends.push(from);
            return;
        }
        self.enter(world, Some(from), taken);
    }

    fn enter(&mut self, world: World, from: Option<u32>, by: Vec<u8>) {
        let number = self.states.len() as u32;
        let known = *self.states.entry(world.fingerprint()).or_insert(number);
        if known == number {
            self.before.push(Vec::new());
            self.first.push((from.unwrap_or_default(), by.clone()));
            self.way.push(Place {
                world,
                state: number,
                next: Some(Vec::new()),
                by,
            });
            self.seen.deepest = self.seen.deepest.max(self.way.len());
        }
        if let Some(from) = from.filter(|from| *from != known) {
            self.before[known as usize].push(from);
        }
    }

    fn wrong(&self, what: String, taken: Vec<u8>) -> Wrong {
        let mut way: Vec<Vec<u8>> = self.way.iter().skip(1).map(|p| p.by.clone()).collect();
        way.push(taken);
        Wrong { what, way }
    }

    /// Whether every state has a way to an end.
    fn finish(mut self) -> Result<Seen, Wrong> {
        let mut reaches = vec![false; self.before.len()];
        self.seen.ends = self.ends.len();
        let mut open = std::mem::take(&mut self.ends);
        while let Some(state) = open.pop() {
            if !std::mem::replace(&mut reaches[state as usize], true) {
                open.extend(&self.before[state as usize]);
            }
        }
        let stuck: Vec<usize> = (0..reaches.len())
            .filter(|state| !reaches[*state])
            .collect();
        self.seen.states = self.states.len();
        let Some(one) = stuck.first() else {
            return Ok(self.seen);
        };
        let (count, all) = (stuck.len(), reaches.len());
        Err(Wrong {
            what: format!("from {count} of {all} states no way leads to the end"),
            way: self.way_to(*one),
        })
    }

    /// The choices that first led to a state.
    fn way_to(&self, mut state: usize) -> Vec<Vec<u8>> {
        let mut way = Vec::new();
        while state > 0 {
            let (from, by) = &self.first[state];
            way.push(by.clone());
            state = *from as usize;
        }
        way.reverse();
        way
    }
}

/// Plays a way again and tells it.
pub fn tell(world: &World, way: &[Vec<u8>]) -> String {
    let mut world = world.clone();
    world.is_told = true;
    for script in way {
        world.chooser = Chooser::scripted(script.clone());
        if world.step().is_err() {
            break;
        }
    }
    format!("{}\n{:#?}", world.log.join("\n"), world.cluster.nodes)
}

//! Drives slot moves over links: several slots at once, each through its own
//! machine, with the journal ahead of every slot.
//!
//! In each round every machine says what it wants to ask; what goes to one
//! node goes there in one write. Many `SETSLOT`s in one write cost a node one
//! save of its configuration instead of one each, which is where most of the
//! time of an empty slot goes.
//!
//! The executor makes no choices. At the first surprise it begins nothing new,
//! lets the other slots in hand arrive, and returns the surprise; when the
//! person asks it to stop, it does the same without one. It leaves nothing
//! that the same command can't go on with.

use super::Move;
use super::guard;
use super::journal::Journal;
use super::slot_move::{Action, Entry, Settings, SlotMove};
use crate::cluster::login::Login;
use crate::cluster::verb::{NodeLink, Reply, Verb};
use crate::cluster::{LiveCluster, NodeAddr, NodeId};
use crate::error::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How a run moves keys.
#[derive(Clone, Debug)]
pub struct Options {
    /// What a source logs in with on its target.
    pub login: Option<Login>,
    /// The longest silence between the two servers of a `MIGRATE`.
    pub timeout_ms: u64,
    /// How many keys go into one `MIGRATE`, and into all `MIGRATE`s of one write: the source
    /// serves nobody else before a write is worked off.
    pub keys_per_migrate: u32,
    /// How many slots may be open at once, at least one.
    pub slots_at_once: usize,
    /// All primaries: each is told of every new owner.
    pub primaries: Vec<NodeId>,
    /// For each pair of source and target, where the source reaches the target.
    pub routes: BTreeMap<(NodeId, NodeId), NodeAddr>,
}

/// Who watches a run, and may ask it to stop.
pub trait Watcher {
    /// A slot is about to move.
    fn begins(&mut self, task: Move);
    /// Keys were sent; the number is what the slot has so far.
    fn moved(&mut self, task: Move, keys: u64);
    /// A slot is where it should be.
    fn ended(&mut self, task: Move, keys: u64);
    /// Whether the run should begin no further slot.
    fn wants_stop(&self) -> bool;
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Slots that have arrived.
    pub slots: u64,
    /// Keys that were sent and acknowledged.
    pub keys: u64,
    /// Whether the watcher stopped it before the end.
    pub is_stopped: bool,
}

/// Moves these slots, begun in this order.
///
/// # Errors
/// [`ErrorKind::Stopped`] with the first surprise, the slot and what was seen;
/// what has arrived stays where it is.
pub fn run<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    tasks: &[(Move, Entry)],
    options: &Options,
    journal: &mut Journal,
    watcher: &mut dyn Watcher,
) -> Result<Outcome> {
    let mut window = Window::default();
    let mut waiting = tasks;
    loop {
        window.outcome.is_stopped |= watcher.wants_stop() && !waiting.is_empty();
        if window.surprise.is_none() && !window.outcome.is_stopped {
            // Half a window at least: before slots are opened, every primary is asked.
            let room = options.slots_at_once.max(1) - window.flights.len();
            let free = if 2 * room >= options.slots_at_once {
                room
            } else {
                0
            };
            let (next, later) = waiting.split_at(free.min(waiting.len()));
            if let Err(error) = window.begin(next, cluster, options, journal, watcher) {
                window.trip(error);
            }
            waiting = later;
        }
        if window.flights.is_empty() {
            break;
        }
        window.confirm(cluster, options);
        window.round(cluster, options.keys_per_migrate as usize, watcher);
        window.land(journal, watcher);
    }
    match window.surprise {
        Some(surprise) => Err(surprise),
        None => Ok(window.outcome),
    }
}

/// A slot in hand.
struct Flight {
    task: Move,
    machine: SlotMove,
    /// What its machine asks next.
    wish: Wish,
}

/// What a slot in hand waits for.
enum Wish {
    /// Its machine hasn't been asked yet.
    Unknown,
    /// A place in a write to this node.
    Ask { node: NodeId, verbs: Vec<Verb> },
    /// A look at who has its slot open.
    Confirm,
    /// This moment.
    Until(Instant),
    /// Nothing: it has arrived.
    Arrived,
    /// Nothing: it stopped where it is.
    Stranded,
}

/// The slots in hand, and what became of the others.
#[derive(Default)]
struct Window {
    flights: Vec<Flight>,
    outcome: Outcome,
    surprise: Option<Error>,
    /// Whether anything may have been changed.
    has_begun: bool,
}

impl Window {
    /// Remembers the first surprise; once something has begun, it means that the run stopped.
    fn trip(&mut self, error: Error) {
        let kind = match self.has_begun {
            true => ErrorKind::Stopped,
            false => error.kind(),
        };
        self.surprise.get_or_insert_with(|| error.of_kind(kind));
    }

    /// Looks who has the slots open whose keys have all left, and lets go on what is ours alone.
    fn confirm<L: NodeLink>(&mut self, cluster: &mut LiveCluster<L>, options: &Options) {
        self.flights.iter_mut().for_each(Flight::make_wish);
        let waits = |flight: &&mut Flight| matches!(flight.wish, Wish::Confirm);
        let tasks: Vec<Move> = self
            .flights
            .iter_mut()
            .filter(waits)
            .map(|flight| flight.task)
            .collect();
        if tasks.is_empty() {
            return;
        }
        let ours = guard::require_ours_alone(cluster, &options.primaries, &tasks);
        for flight in self.flights.iter_mut().filter(waits) {
            flight.wish = match &ours {
                Ok(()) => {
                    flight.machine.confirmed();
                    Wish::Unknown
                }
                Err(_) => Wish::Stranded,
            };
        }
        if let Err(error) = ours {
            self.trip(error);
        }
    }

    fn begin<L: NodeLink>(
        &mut self,
        tasks: &[(Move, Entry)],
        cluster: &mut LiveCluster<L>,
        options: &Options,
        journal: &mut Journal,
        watcher: &mut dyn Watcher,
    ) -> Result<()> {
        if tasks.is_empty() {
            return Ok(());
        }
        let begun = tasks
            .iter()
            .map(|(task, entry)| {
                let machine = SlotMove::new(*task, settings(*task, options)?, *entry);
                let wish = Wish::Unknown;
                Ok(Flight {
                    task: *task,
                    machine,
                    wish,
                })
            })
            .collect::<Result<Vec<Flight>>>()?;
        // Between the plan and this moment another tool may have opened or taken a slot.
        guard::require_fit_to_begin(cluster, &options.primaries, tasks)?;
        let moves: Vec<Move> = tasks.iter().map(|(task, _)| *task).collect();
        journal.begin(&moves)?;
        self.has_begun = true;
        moves.iter().for_each(|task| watcher.begins(*task));
        self.flights.extend(begun);
        Ok(())
    }

    /// Asks every machine for its wish, and grants what fits into one write a node.
    fn round<L: NodeLink>(
        &mut self,
        cluster: &mut LiveCluster<L>,
        keys_per_write: usize,
        watcher: &mut dyn Watcher,
    ) {
        self.flights.iter_mut().for_each(Flight::make_wish);
        let writes = self.writes(keys_per_write);
        if writes.is_empty() {
            self.rest();
        }
        for (node, indices) in writes {
            let questions: Vec<Vec<Verb>> = indices
                .iter()
                .map(|index| self.flights[*index].take_verbs())
                .collect();
            match cluster.round_trip(node, &questions.concat()) {
                Ok(replies) => self.hand_out(&indices, &questions, replies, watcher),
                Err(error) => self.lose(&indices, &error),
            }
        }
    }

    /// For each node, the slots whose wish goes into its next write.
    fn writes(&self, keys_per_write: usize) -> BTreeMap<NodeId, Vec<usize>> {
        let mut writes: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
        let mut keys: BTreeMap<NodeId, usize> = BTreeMap::new();
        for (index, flight) in self.flights.iter().enumerate() {
            let Wish::Ask { node, verbs } = &flight.wish else {
                continue;
            };
            let (size, before) = (keys_sent(verbs), keys.entry(*node).or_default());
            // A wish above the limit goes alone: each makes headway in some round.
            if *before == 0 || size == 0 || *before + size <= keys_per_write {
                *before += size;
                writes.entry(*node).or_default().push(index);
            }
        }
        writes
    }

    fn hand_out(
        &mut self,
        indices: &[usize],
        questions: &[Vec<Verb>],
        replies: Vec<Reply>,
        watcher: &mut dyn Watcher,
    ) {
        let mut replies = replies.into_iter();
        for (index, verbs) in indices.iter().zip(questions) {
            let flight = &mut self.flights[*index];
            let answered = flight
                .machine
                .answer(replies.by_ref().take(verbs.len()).collect());
            watcher.moved(flight.task, flight.machine.keys_moved());
            if let Err(error) = answered {
                flight.wish = Wish::Stranded;
                self.surprise.get_or_insert(error);
            }
        }
    }

    /// A link broke: nobody knows how much of the write was carried out.
    fn lose(&mut self, indices: &[usize], error: &Error) {
        for index in indices {
            let flight = &mut self.flights[*index];
            flight.wish = Wish::Stranded;
            let message = format!("slot {}: {error}", flight.task.slot);
            self.surprise
                .get_or_insert_with(|| Error::new(ErrorKind::Stopped, message));
        }
    }

    /// Takes the slots that have arrived, and those that can't go on, out of the window.
    fn land(&mut self, journal: &mut Journal, watcher: &mut dyn Watcher) {
        let (in_hand, out): (Vec<Flight>, Vec<Flight>) = std::mem::take(&mut self.flights)
            .into_iter()
            .partition(|flight| !matches!(flight.wish, Wish::Arrived | Wish::Stranded));
        self.flights = in_hand;
        for flight in out
            .iter()
            .filter(|flight| matches!(flight.wish, Wish::Arrived))
        {
            let keys = flight.machine.keys_moved();
            self.outcome.slots += 1;
            self.outcome.keys += keys;
            watcher.ended(flight.task, keys);
            // A record that can't be written stops the run, but not the other slots in hand.
            if let Err(error) = journal.end(flight.task) {
                self.trip(error);
            }
        }
    }

    /// Nobody has anything to ask: sleeps until the first one may.
    fn rest(&self) {
        let moments = self.flights.iter().filter_map(|flight| match flight.wish {
            Wish::Until(moment) => Some(moment),
            _ => None,
        });
        if let Some(first) = moments.min() {
            std::thread::sleep(first.saturating_duration_since(Instant::now()));
        }
    }
}

impl Flight {
    fn make_wish(&mut self) {
        let is_due = match &self.wish {
            Wish::Unknown => true,
            Wish::Until(moment) => *moment <= Instant::now(),
            Wish::Ask { .. } | Wish::Confirm | Wish::Arrived | Wish::Stranded => false,
        };
        if is_due {
            self.wish = match self.machine.action() {
                Action::Ask { node, verbs } => Wish::Ask { node, verbs },
                Action::Confirm => Wish::Confirm,
                Action::Pause { ms } => Wish::Until(Instant::now() + Duration::from_millis(ms)),
                Action::Done => Wish::Arrived,
            };
        }
    }

    fn take_verbs(&mut self) -> Vec<Verb> {
        match std::mem::replace(&mut self.wish, Wish::Unknown) {
            Wish::Ask { verbs, .. } => verbs,
            other => {
                self.wish = other;
                Vec::new()
            }
        }
    }
}

/// How many keys the `MIGRATE`s of a question send.
fn keys_sent(verbs: &[Verb]) -> usize {
    let keys = verbs.iter().map(|verb| match verb {
        Verb::Migrate(migrate) => migrate.keys.len(),
        _ => 0,
    });
    keys.sum()
}

fn settings(task: Move, options: &Options) -> Result<Settings> {
    let route = options
        .routes
        .get(&(task.source, task.target))
        .ok_or_else(|| {
            let message = format!("slot {}: no proven route from source to target", task.slot);
            Error::new(ErrorKind::Unsafe, message)
        })?;
    let is_bystander = |id: &NodeId| *id != task.source && *id != task.target;
    Ok(Settings {
        route: route.clone(),
        login: options.login.clone(),
        timeout_ms: options.timeout_ms,
        keys_per_migrate: options.keys_per_migrate,
        others: options
            .primaries
            .iter()
            .copied()
            .filter(is_bystander)
            .collect(),
    })
}

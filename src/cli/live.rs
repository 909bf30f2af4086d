//! A command's session with a live cluster: surveyed, checked, and then changed.

use super::connection::Connection;
use super::terminal;
use crate::cluster::link::{Patience, RedisLink};
use crate::cluster::verb::{SetSlot, Verb};
use crate::cluster::{ClusterView, LiveCluster, NodeId, Role, agreement};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::executor::{self, Outcome, Watcher};
use crate::execute::finding::Finding;
use crate::execute::journal::Journal;
use crate::execute::preflight::{self, Intent, LoginNeed};
use crate::execute::resume::{self, Standing};
use crate::execute::slot_move::Entry;
use crate::execute::survey::Survey;
use crate::execute::{Move, route};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How long after the last move the nodes may take to agree: gossip needs some seconds.
const AGREE_TIMEOUT: Duration = Duration::from_secs(60);
const AGREE_POLL: Duration = Duration::from_millis(200);
/// How often replicas that don't follow are reminded meanwhile.
const REMIND_EVERY: Duration = Duration::from_secs(2);
/// A `MIGRATE` blocks the node beyond its own limit while the target loads a big value.
const ANSWER_SLACK_MS: u64 = 30_000;

/// How slots are moved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// The longest silence between two servers in a `MIGRATE`.
    pub(super) timeout_ms: u64,
    /// How many keys go into one `MIGRATE`.
    pub(super) keys_per_migrate: u32,
    /// How many slots may be open at once.
    pub(super) slots_at_once: usize,
}

/// A cluster that this command talks to.
pub(super) struct Session {
    pub(super) cluster: LiveCluster<RedisLink>,
    connection: Connection,
    patience: Patience,
    pace: Pace,
}

/// What is about to move, beyond the moves themselves.
#[derive(Clone, Debug, Default)]
pub(super) struct Work {
    /// The moves, in order.
    pub(super) moves: Vec<Move>,
    /// The bytes that each target receives, where that is known.
    pub(super) incoming_bytes: BTreeMap<NodeId, u64>,
}

impl Session {
    /// Connects to every node.
    ///
    /// # Errors
    /// When the first node can't be reached, refuses the login, or isn't in cluster mode.
    pub(super) fn open(connection: Connection, pace: Pace) -> Result<Session> {
        let patience = Patience {
            answer_ms: pace.timeout_ms.saturating_add(ANSWER_SLACK_MS),
            ..Patience::default()
        };
        let cluster = connection.open(patience)?;
        Ok(Session {
            cluster,
            connection,
            patience,
            pace,
        })
    }

    /// Asks every node what it is and believes.
    ///
    /// # Errors
    /// As [`Survey::take`].
    pub(super) fn survey(&mut self) -> Result<Survey> {
        Survey::take(&mut self.cluster)
    }

    /// What would make this work unsafe.
    pub(super) fn findings(&self, survey: &Survey, work: &Work, ours: &[Move]) -> Vec<Finding> {
        let login = match &self.connection.login {
            None => LoginNeed::Nothing,
            Some(login) if login.user.is_none() => LoginNeed::Password,
            Some(_) => LoginNeed::User,
        };
        let intent = Intent {
            moves: &work.moves,
            ours,
            login,
            incoming_bytes: work.incoming_bytes.clone(),
        };
        preflight::findings(survey, &intent)
    }

    /// Finishes what an earlier run had begun; returns what that did.
    ///
    /// # Errors
    /// [`ErrorKind::Unsafe`] when the cluster isn't fit for it, [`ErrorKind::Stopped`] at a surprise.
    pub(super) fn finish_begun(
        &mut self,
        journal: &mut Journal,
        watcher: &mut dyn Watcher,
    ) -> Result<Outcome> {
        let begun = journal.open_moves();
        if begun.is_empty() {
            return Ok(Outcome::default());
        }
        let survey = self.survey()?;
        let mut tasks = Vec::new();
        for task in &begun {
            match resume::standing(&survey, *task)? {
                Standing::GoesOn(task, entry) => tasks.push((task, entry)),
                Standing::Settled => journal.end(*task)?,
            }
        }
        let work = Work {
            moves: tasks.iter().map(|(task, _)| *task).collect(),
            ..Work::default()
        };
        let ours = [begun.as_slice(), &work.moves].concat();
        refuse_if_forbidden(&self.findings(&survey, &work, &ours))?;
        for (task, _) in &tasks {
            let (source, target) = (survey.name(task.source), survey.name(task.target));
            terminal::say(format!(
                "slot {} from {source} to {target} was begun by an earlier run: finishing it",
                task.slot
            ));
        }
        self.run(&survey, &tasks, journal, watcher)
    }

    /// Moves slots that nobody has begun to move.
    ///
    /// # Errors
    /// As [`Session::finish_begun`].
    pub(super) fn carry_out(
        &mut self,
        survey: &Survey,
        moves: &[Move],
        journal: &mut Journal,
        watcher: &mut dyn Watcher,
    ) -> Result<Outcome> {
        let fresh = |task: &Move| (*task, Entry::Fresh);
        let tasks: Vec<(Move, Entry)> = moves.iter().map(fresh).collect();
        self.run(survey, &tasks, journal, watcher)
    }

    fn run(
        &mut self,
        survey: &Survey,
        tasks: &[(Move, Entry)],
        journal: &mut Journal,
        watcher: &mut dyn Watcher,
    ) -> Result<Outcome> {
        if tasks.is_empty() {
            return Ok(Outcome::default());
        }
        let pairs: BTreeSet<(NodeId, NodeId)> = tasks
            .iter()
            .map(|(task, _)| (task.source, task.target))
            .collect();
        let login = self.connection.login.clone();
        let options = executor::Options {
            routes: route::prove(survey, &pairs, login.as_ref(), self.patience)?,
            login,
            timeout_ms: self.pace.timeout_ms,
            keys_per_migrate: self.pace.keys_per_migrate,
            slots_at_once: self.pace.slots_at_once,
            primaries: survey.primaries().map(|(id, _)| id).collect(),
        };
        let outcome = executor::run(&mut self.cluster, tasks, &options, journal, watcher)?;
        let done = &tasks[..(outcome.slots as usize).min(tasks.len())];
        // Slots have moved: whatever fails from here on, the run stopped part-way.
        let agreed = self.wait_until_agreed(done);
        agreed.map_err(|error| error.of_kind(ErrorKind::Stopped))?;
        Ok(outcome)
    }

    /// Waits until every node, replicas too, sees the moved slots at their targets and nothing open.
    fn wait_until_agreed(&mut self, tasks: &[(Move, Entry)]) -> Result<()> {
        let start = Instant::now();
        let mut reminded = start;
        loop {
            if reminded.elapsed() > REMIND_EVERY {
                self.remind_replicas(tasks)?;
                reminded = Instant::now();
            }
            match self.first_doubt(tasks)? {
                None => return Ok(()),
                Some(doubt) if start.elapsed() > AGREE_TIMEOUT => {
                    let message =
                        format!("{doubt}, {} s after the last move", AGREE_TIMEOUT.as_secs());
                    return Err(Error::new(ErrorKind::Stopped, message)
                        .mend("look at CLUSTER NODES there; no key is lost by waiting"));
                }
                Some(_) => std::thread::sleep(AGREE_POLL),
            }
        }
    }

    /// Says `NODE` again to the primaries whose replicas still show a slot as open.
    ///
    /// Valkey replicates `SETSLOT` (8.0 and later), and a replica of 9.1 was seen to stay at
    /// `MIGRATING` for good, after its primary had accepted `NODE`. To the primary, which sees the
    /// slot at its target, a second `NODE` is nothing new; but it goes to the replica once more.
    fn remind_replicas(&mut self, tasks: &[(Move, Entry)]) -> Result<()> {
        let (views, _) = self.reachable_views();
        for (id, view) in &views {
            let Some(Role::Replica {
                primary: Some(primary),
            }) = view.node(*id).map(|node| node.role)
            else {
                continue;
            };
            let Some(of_primary) = views.get(&primary) else {
                continue;
            };
            let verbs: Vec<Verb> = tasks
                .iter()
                .map(|(task, _)| (task.slot, task.target))
                .filter(|(slot, _)| view.open_slots().any(|(_, open)| open.slot() == *slot))
                .filter(|(slot, target)| of_primary.map().owner(*slot) == Some(*target))
                .map(|(slot, owner)| Verb::SetSlot {
                    slot,
                    state: SetSlot::Node { owner },
                })
                .collect();
            if !verbs.is_empty() {
                // A refusal leaves the doubt, which is told when it lasts.
                self.cluster.round_trip(primary, &verbs)?;
            }
        }
        Ok(())
    }

    /// What each node believes that can be asked, and which primaries can't.
    fn reachable_views(&mut self) -> (BTreeMap<NodeId, ClusterView>, Vec<NodeId>) {
        let mut views = BTreeMap::new();
        let mut silent = Vec::new();
        for id in self.cluster.ids() {
            match self.cluster.view_of(id) {
                Ok(view) => drop(views.insert(id, view)),
                Err(_) => silent.push(id),
            }
        }
        // A replica that died meanwhile has no say in who owns what.
        let is_replica = |id: &NodeId| {
            let mut nodes = views
                .values()
                .filter_map(|view: &ClusterView| view.node(*id));
            nodes.any(|node| !node.is_primary())
        };
        silent.retain(|id| !is_replica(id));
        (views, silent)
    }

    fn first_doubt(&mut self, tasks: &[(Move, Entry)]) -> Result<Option<String>> {
        let (views, silent) = self.reachable_views();
        if let Some(id) = silent.first() {
            return Ok(Some(format!("{} can't be asked", self.cluster.name(*id))));
        }
        for (id, view) in &views {
            let name = self.cluster.name(*id);
            if let Some((task, _)) = tasks
                .iter()
                .find(|(task, _)| view.map().owner(task.slot) != Some(task.target))
            {
                return Ok(Some(format!(
                    "{name} doesn't see slot {} at its target",
                    task.slot
                )));
            }
            if let Some((_, open)) = view
                .open_slots()
                .find(|(_, open)| tasks.iter().any(|(task, _)| task.slot == open.slot()))
            {
                return Ok(Some(format!("{name} has slot {} open", open.slot())));
            }
        }
        let views: Vec<_> = views.iter().map(|(id, view)| (*id, view)).collect();
        let found = agreement::disagreements(&views);
        Ok(found.first().map(|found| {
            let [one, other] = found.observers.map(|id| self.cluster.name(id));
            format!("{one} and {other} disagree on {} slots", found.slots.len())
        }))
    }
}

/// Says the warnings, and refuses when something forbids moving slots.
///
/// # Errors
/// [`ErrorKind::Unsafe`] with the first finding; the others are said before.
pub(super) fn refuse_if_forbidden(findings: &[Finding]) -> Result<()> {
    let (errors, warnings): (Vec<&Finding>, Vec<&Finding>) =
        findings.iter().partition(|finding| finding.forbids());
    for warning in warnings {
        terminal::say(format!("warning: {warning}"));
    }
    let Some((first, more)) = errors.split_first() else {
        return Ok(());
    };
    for error in more {
        terminal::say(error.to_string());
    }
    Err(Error::new(ErrorKind::Unsafe, first.message.clone()).mend(first.mend.clone()))
}

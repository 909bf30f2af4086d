//! A command's session with a live cluster: surveyed, checked, and then changed.

mod agree;
mod arrivals;
mod left_over;

use super::canary::Canary;
use super::connection::Connection;
use super::findings;
use super::terminal;
use super::work::Work;
use crate::cluster::link::{Patience, RedisLink};
use crate::cluster::{LiveCluster, NodeId};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::big_keys::{self, BigKeys};
use crate::execute::executor::{self, Limits, OnConflict, Outcome, Watcher};
use crate::execute::families::Families;
use crate::execute::finding::Finding;
use crate::execute::journal::{Journal, Story};
use crate::execute::preflight::{self, Intent, LoginNeed};
use crate::execute::resume::{self, Standing};
use crate::execute::slot_move::Entry;
use crate::execute::survey::Survey;
use crate::execute::{Move, route};
use crate::slot::Slot;
use arrivals::Arrivals;
use std::collections::{BTreeMap, BTreeSet};

/// A `MIGRATE` blocks the node beyond its own limit while the target loads a big value.
const ANSWER_SLACK_MS: u64 = 30_000;

/// How many slots of an earlier run are named; of the others the number is said.
const NAMED_MAX: usize = 10;

/// How slots are moved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// The longest silence between two servers in a `MIGRATE`.
    pub(super) timeout_ms: u64,
    /// How many keys go into one `MIGRATE`.
    pub(super) keys_per_migrate: u32,
    /// How many slots may be open at once.
    pub(super) slots_at_once: usize,
    /// How many pairs of source and target one node takes part in at once.
    pub(super) pairs_per_node: usize,
    /// How many bytes go into one `MIGRATE`, where they are measured.
    pub(super) bytes_per_migrate: Option<u64>,
    /// What the user allows.
    pub(super) limits: Limits,
    /// What becomes of a key that both nodes have with different values.
    pub(super) on_conflict: OnConflict,
}

/// A cluster that this command talks to.
pub(super) struct Session {
    pub(super) cluster: LiveCluster<RedisLink>,
    connection: Connection,
    patience: Patience,
    pace: Pace,
    /// The keys of the slots that were counted.
    keys: BTreeMap<Slot, u64>,
    /// Who was a replica of whom when what is under way began.
    families: Families,
}

/// The moves that an earlier run of this user began, and what this one does with them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Begun<'a> {
    /// It goes on with them.
    Continued(&'a [Move]),
    /// It leaves them, and says so.
    Left(&'a Story),
}

impl<'a> Begun<'a> {
    fn ours(self) -> &'a [Move] {
        match self {
            Begun::Continued(moves) => moves,
            Begun::Left(_) => &[],
        }
    }

    fn unfinished(self) -> &'a [Move] {
        match self {
            Begun::Continued(_) => &[],
            Begun::Left(story) => &story.open,
        }
    }
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
            keys: BTreeMap::new(),
            families: Families::default(),
        })
    }

    /// Asks every node what it is and believes.
    ///
    /// # Errors
    /// As [`Survey::take`].
    pub(super) fn survey(&mut self) -> Result<Survey> {
        Survey::take(&mut self.cluster)
    }

    /// Who is, or was, a replica of whom.
    fn families_in(&self, survey: &Survey) -> Families {
        let mut families = survey.families();
        families.join(&self.families);
        families
    }

    /// What would make this work unsafe.
    pub(super) fn findings(&self, survey: &Survey, work: &Work, begun: Begun<'_>) -> Vec<Finding> {
        let login = match &self.connection.login {
            None => LoginNeed::Nothing,
            Some(login) if login.user.is_none() => LoginNeed::Password,
            Some(_) => LoginNeed::User,
        };
        let mut families = self.families_in(survey);
        if let Begun::Left(story) = begun {
            families.join(&story.families);
        }
        let intent = Intent {
            moves: &work.moves,
            ours: begun.ours(),
            unfinished: begun.unfinished(),
            families,
            login,
            incoming_bytes: work.incoming_bytes.clone(),
        };
        preflight::findings(survey, &intent)
    }

    /// The keys of this work that are above a limit, where the sources can be asked.
    ///
    /// # Errors
    /// As [`big_keys::measure`].
    pub(super) fn big_keys(&mut self, work: &Work, limit_bytes: u64) -> Result<BigKeys> {
        let is_reached = |task: &&Move| self.cluster.addr(task.source).is_some();
        let moves: Vec<Move> = work.moves.iter().filter(is_reached).copied().collect();
        let measured = big_keys::measure(&mut self.cluster, &moves, limit_bytes)?;
        self.keys.clone_from(&measured.counts);
        Ok(measured)
    }

    /// A canary at every node that gives or receives, and at whoever may take over from one.
    pub(super) fn canary(&self, survey: &Survey, moves: &[Move]) -> Canary {
        let ends = moves.iter().flat_map(|task| [task.source, task.target]);
        let ends: BTreeSet<NodeId> = ends.collect();
        let families = self.families_in(survey);
        let is_heir = |id: &NodeId| {
            let may_follow = ends.iter().any(|end| families.are_kin(*id, *end));
            may_follow && !ends.contains(id)
        };
        let heirs = survey.nodes.keys().copied().filter(is_heir);
        let nodes = ends.iter().copied().chain(heirs);
        let watched = nodes.filter_map(|id| Some((id, survey.nodes.get(&id)?.addr.clone())));
        Canary::watch(watched.collect(), &self.connection)
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
        self.families.join(journal.families());
        self.give_to_heirs(&begun)?;
        let survey = self.survey()?;
        let (mut tasks, mut settled) = (Vec::new(), Vec::new());
        for task in &begun {
            match resume::standing(&survey, &self.families_in(&survey), *task)? {
                Standing::GoesOn(task, entry) => tasks.push((task, entry)),
                Standing::Settled => settled.push(*task),
            }
        }
        let work = Work {
            moves: tasks.iter().map(|(task, _)| *task).collect(),
            ..Work::default()
        };
        let ours = [begun.as_slice(), &work.moves].concat();
        refuse_if_forbidden(&self.findings(&survey, &work, Begun::Continued(&ours)))?;
        for (task, _) in tasks.iter().take(NAMED_MAX) {
            let (source, target) = (survey.name(task.source), survey.name(task.target));
            terminal::say(format!(
                "slot {} from {source} to {target} was begun by an earlier run: finishing it",
                task.slot
            ));
        }
        if tasks.len() > NAMED_MAX {
            terminal::say(format!("and {} more", tasks.len() - NAMED_MAX));
        }
        let outcome = self.run(&survey, &tasks, journal, watcher)?;
        let cleared = self.clear_strays(&settled, journal);
        cleared.map_err(|error| error.of_kind(ErrorKind::Stopped))?;
        journal.end(&settled)?;
        Ok(outcome)
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
        self.families = self.families_in(survey);
        journal.know(&self.families)?;
        let login = self.connection.login.clone();
        let options = executor::Options {
            routes: route::prove(survey, &pairs, login.as_ref(), self.patience)?,
            login,
            timeout_ms: self.pace.timeout_ms,
            keys_per_migrate: self.pace.keys_per_migrate,
            slots_at_once: self.pace.slots_at_once,
            pairs_per_node: self.pace.pairs_per_node,
            bytes_per_migrate: self.pace.bytes_per_migrate,
            limits: self.pace.limits,
            on_conflict: self.pace.on_conflict,
            primaries: survey.primaries().map(|(id, _)| id).collect(),
            families: self.families.clone(),
            keys: self.keys.clone(),
            ..executor::Options::default()
        };
        let mut arrivals = Arrivals::of(watcher);
        let outcome = executor::run(&mut self.cluster, tasks, &options, journal, &mut arrivals);
        let arrived = arrivals.arrived;
        let ended = outcome.and_then(|outcome| {
            // Slots have moved: whatever fails from here on, the run stopped part-way.
            let agreed = self.wait_until_agreed(&arrived, journal);
            agreed.map_err(|error| error.of_kind(ErrorKind::Stopped))?;
            Ok(outcome)
        });
        if ended.is_err() {
            self.keep_what_may_be_left(&arrived, journal)?;
        }
        ended
    }

    /// After a run that stopped: slots that have arrived are begun still in the journal's eyes
    /// where a node died or came back beside its heir, so that the next run looks at them.
    fn keep_what_may_be_left(&mut self, arrived: &[Move], journal: &mut Journal) -> Result<()> {
        let is_in_order = match self.first_doubt(arrived) {
            Ok(doubt) => doubt.is_none(),
            Err(_) => false,
        };
        match arrived.is_empty() || is_in_order {
            true => Ok(()),
            false => journal.begin(arrived),
        }
    }
}

/// Says the warnings, and refuses when something forbids moving slots.
///
/// # Errors
/// [`ErrorKind::Unsafe`] with the first finding; the others are said before.
pub(super) fn refuse_if_forbidden(findings: &[Finding]) -> Result<()> {
    let (errors, warnings): (Vec<Finding>, Vec<Finding>) =
        findings.iter().cloned().partition(Finding::forbids);
    for (_, warning) in findings::lines(&warnings) {
        terminal::say(format!("warning: {warning}"));
    }
    let Some((first, more)) = errors.split_first() else {
        return Ok(());
    };
    for (_, error) in findings::lines(more) {
        terminal::say(error);
    }
    Err(Error::new(ErrorKind::Unsafe, first.message.clone()).mend(first.mend.clone()))
}

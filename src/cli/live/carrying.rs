//! Slots on their way: what an earlier run had begun, then what is planned.

use super::arrivals::Arrivals;
use super::{Begun, Session, refuse_if_forbidden};
use crate::cli::journalled::Changed;
use crate::cli::terminal;
use crate::cli::work::Work;
use crate::cluster::NodeId;
use crate::error::{ErrorKind, Result};
use crate::execute::executor::{self, Outcome, Watcher};
use crate::execute::journal::Journal;
use crate::execute::resume::{self, Standing};
use crate::execute::slot_move::Entry;
use crate::execute::survey::Survey;
use crate::execute::{Move, route};
use std::collections::BTreeSet;

/// How many slots of an earlier run are named; of the others the number is said.
const NAMED_MAX: usize = 10;

impl Session {
    /// Finishes what an earlier run had begun; returns what that did.
    ///
    /// # Errors
    /// [`ErrorKind::Unsafe`] when the cluster isn't fit for it, [`ErrorKind::Stopped`] at a surprise.
    pub(in crate::cli) fn finish_begun(
        &mut self,
        journal: &mut Journal,
        watcher: &mut dyn Watcher,
    ) -> Result<Outcome> {
        let begun = journal.open_moves();
        if begun.is_empty() {
            return Ok(Outcome::default());
        }
        self.families.join(journal.families());
        let changed = Changed(self.give_to_heirs(&begun)?);
        let finished = self.finish(&begun, journal, watcher);
        finished.map_err(|error| changed.told(error))
    }

    fn finish(
        &mut self,
        begun: &[Move],
        journal: &mut Journal,
        watcher: &mut dyn Watcher,
    ) -> Result<Outcome> {
        let survey = self.survey()?;
        let (mut tasks, mut settled) = (Vec::new(), Vec::new());
        for task in begun {
            match resume::standing(&survey, &self.families_in(&survey), *task)? {
                Standing::GoesOn(task, entry) => tasks.push((task, entry)),
                Standing::Settled => settled.push(*task),
            }
        }
        let work = Work {
            moves: tasks.iter().map(|(task, _)| *task).collect(),
            ..Work::default()
        };
        let ours = [begun, &work.moves].concat();
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
        let ended = cleared.and_then(|()| journal.end(&settled));
        ended.map_err(|error| error.of_kind(ErrorKind::Stopped))?;
        self.say_settled(&survey, &settled);
        Ok(outcome)
    }

    /// Says of slots that nobody has open any more where they are.
    fn say_settled(&self, survey: &Survey, settled: &[Move]) {
        let is_at_source = |task: &&Move| {
            let source = survey.nodes.get(&task.source);
            let owner = source.and_then(|facts| facts.view.map().owner(task.slot));
            owner == Some(task.source)
        };
        for task in settled.iter().filter(is_at_source).take(NAMED_MAX) {
            terminal::say(format!(
                "slot {} is at {} still, open nowhere, and none of its keys has left: it counts as \
                 not begun",
                task.slot,
                survey.name(task.source)
            ));
        }
    }

    /// Moves slots that nobody has begun to move.
    ///
    /// # Errors
    /// As [`Session::finish_begun`].
    pub(in crate::cli) fn carry_out(
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
            unclear: journal.unclear(),
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
            let kept = self.keep_what_may_be_left(&arrived, journal);
            // Why it stopped matters more than that the journal can't be written either.
            if let Err(error) = kept {
                terminal::say(format!("warning: {}", error.one_line()));
            }
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

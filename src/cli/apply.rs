//! `slotkit apply`: carries a plan out, and the part of `plan-rebalance --apply` that does.

use super::confirm::confirm;
use super::connection::ConnectionArgs;
use super::exit::Exit;
use super::interrupt::{Interrupt, Second};
use super::journal_path::journal_of;
use super::live::{self, Begun, Session};
use super::move_progress::{MoveProgress, per_second};
use super::pace::PaceArgs;
use super::terminal;
use super::work::{Work, work};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Move;
use crate::execute::executor::Outcome;
use crate::execute::journal::Journal;
use crate::execute::open_moves::open_moves;
use crate::plan::{Fit, Plan, fit};
use crate::slot::Slot;
use indicatif::{HumanBytes, HumanCount, HumanDuration};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

/// The arguments of `apply`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A plan that `plan-rebalance -o` wrote.
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    /// Print the plan with what was done as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pace: PaceArgs,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
}

/// How many slots under way are named; of the others the number is said.
const NAMED_MAX: usize = 10;

/// How a run tells what it did on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing: the words on stderr are enough.
    Words,
    /// The plan with `applied`.
    Json,
}

/// Reads a plan, looks whether it still fits the cluster, and carries it out.
pub(super) fn run(args: &Args) -> Result<Exit> {
    let plan = Plan::read(&args.plan)?;
    if !args.connection.is_given() {
        return Err(
            Error::new(ErrorKind::Usage, "which cluster?").mend("name a node with -h HOST -p PORT")
        );
    }
    let mut session = Session::open(args.connection.connection()?, args.pace.pace())?;
    require_fit(&plan, &mut session)?;
    let mut run = Run::begin(&mut session, &args.pace)?;
    if !run.finish_begun(&mut session, &args.pace)? {
        return Ok(Exit::Finding);
    }
    let told = if args.json { Told::Json } else { Told::Words };
    run.apply(&mut session, &plan, &args.pace, told)
}

pub(super) fn require_fit(plan: &Plan, session: &mut Session) -> Result<()> {
    match fit(plan, &session.cluster.seed_view()?) {
        Fit::Exact | Fit::Partway { .. } => Ok(()),
        Fit::No { difference } => {
            let message = format!("the plan doesn't fit this cluster: {difference}");
            Err(Error::new(ErrorKind::StalePlan, message)
                .mend("make a new plan with slotkit plan-rebalance"))
        }
    }
}

/// A run that may change the cluster: it holds the journal.
pub(super) struct Run {
    journal: Journal,
}

impl Run {
    /// Opens the journal.
    ///
    /// # Errors
    /// When another slotkit holds it, or it can't be read.
    pub(super) fn begin(session: &mut Session, pace: &PaceArgs) -> Result<Run> {
        let path = journal_of(pace.journal.as_deref(), &session.cluster.seed_view()?);
        let journal = Journal::open(&path)?;
        Ok(Run { journal })
    }

    /// How many slots were begun and not finished.
    pub(super) fn begun(&self) -> u64 {
        self.journal.open_moves().len() as u64
    }

    /// Takes every slot that is open on the cluster for begun, whoever opened it; whether the
    /// person agrees.
    ///
    /// # Errors
    /// [`ErrorKind::Unsafe`] when a slot is open towards several nodes, or a node can't be asked.
    pub(super) fn adopt_open_slots(&mut self, session: &mut Session, yes: bool) -> Result<bool> {
        let known = self.journal.open_moves();
        let survey = session.survey()?;
        let views = survey.nodes.iter();
        let views = views.map(|(id, facts)| (*id, facts.view.clone())).collect();
        let open = open_moves(&views)?;
        // Where the journal knows the slot it knows what was meant.
        let is_new = |task: &Move| known.iter().all(|begun| begun.slot != task.slot);
        let adopted: Vec<Move> = open.moves.into_iter().filter(is_new).collect();
        let question = format!(
            "finish {} slots that somebody has opened, and nobody moves now?",
            adopted.len()
        );
        if adopted.is_empty() {
            self.journal.know(&open.beside)?;
            return Ok(true);
        }
        let is_agreed = yes || confirm(&question)?;
        if is_agreed {
            self.journal.know(&open.beside)?;
            self.journal.begin(&adopted)?;
        }
        Ok(is_agreed)
    }

    /// Removes the journal when nothing is under way any more.
    ///
    /// # Errors
    /// When it can't be removed.
    pub(super) fn close(self) -> Result<()> {
        self.journal.close()
    }

    /// Finishes the slots that an earlier run had begun; whether nothing is left of that.
    ///
    /// # Errors
    /// As [`Session::finish_begun`].
    pub(super) fn finish_begun(&mut self, session: &mut Session, pace: &PaceArgs) -> Result<bool> {
        let total = self.journal.open_moves().len() as u64;
        if total == 0 {
            return Ok(true);
        }
        let question = format!("finish {total} slots that an earlier run began?");
        if !pace.yes && !confirm(&question)? {
            terminal::say("nothing was changed");
            return Ok(false);
        }
        let interrupt = Interrupt::watch(Second::Ends)?;
        let (begun, survey) = (self.journal.open_moves(), session.survey()?);
        let canary = session.canary(&survey, &begun);
        let keys = BTreeMap::new();
        let mut progress =
            MoveProgress::new(&begun, &keys, &survey, pace.progress, interrupt, canary);
        let outcome = session.finish_begun(&mut self.journal, &mut progress);
        drop(progress);
        let outcome = outcome.map_err(|error| self.explain(error, total))?;
        self.stop_if_asked(outcome, total)?;
        Ok(true)
    }

    /// Asks, checks, moves, verifies, and says what was done.
    ///
    /// # Errors
    /// [`ErrorKind::Unsafe`] before anything was changed, [`ErrorKind::Stopped`] after that.
    pub(super) fn apply(
        mut self,
        session: &mut Session,
        plan: &Plan,
        pace: &PaceArgs,
        told: Told,
    ) -> Result<Exit> {
        let survey = session.survey()?;
        require_fit(plan, session)?;
        let mut work = work(plan, &survey);
        if work.moves.is_empty() {
            terminal::say("nothing to move");
            self.journal.close()?;
            return tell(plan, told, None).map(|()| Exit::Done);
        }
        live::refuse_if_forbidden(&session.findings(&survey, &work, Begun::Continued(&[])))?;
        let left = leave_big_keys(session, &mut work, pace)?;
        if work.moves.is_empty() {
            terminal::say("nothing else is to move: nothing was changed");
            self.journal.close()?;
            return tell(plan, told, None).map(|()| Exit::Finding);
        }
        if !pace.yes && !confirm(&question(plan, &work))? {
            terminal::say("nothing was changed");
            self.journal.close()?;
            return Ok(Exit::Finding);
        }
        let total = work.moves.len() as u64;
        // Signals are watched before there is another thread: each inherits what is blocked.
        let interrupt = Interrupt::watch(Second::Ends)?;
        let canary = session.canary(&survey, &work.moves);
        let start = Instant::now();
        let keys = keys_of(plan);
        let form = pace.progress;
        let mut progress = MoveProgress::new(&work.moves, &keys, &survey, form, interrupt, canary);
        let outcome = session.carry_out(&survey, &work.moves, &mut self.journal, &mut progress);
        let stall = progress.largest_stall();
        drop(progress);
        let outcome = outcome.map_err(|error| self.explain(error, total))?;
        let elapsed = start.elapsed();
        self.stop_if_asked(outcome, total)?;
        terminal::say(format!(
            "moved {total} slots with {} keys in {} ({} keys a second); every node agrees",
            HumanCount(outcome.keys),
            HumanDuration(elapsed),
            HumanCount(per_second(outcome.keys, elapsed))
        ));
        if outcome.bytes > 0 {
            terminal::say(format!(
                "{} as the sources estimate them ({} a second)",
                HumanBytes(outcome.bytes),
                HumanBytes(per_second(outcome.bytes, elapsed))
            ));
        }
        if outcome.retries > 0 {
            terminal::say(format!(
                "{} times a slot had to be looked at anew, after a lost link or a failover",
                HumanCount(outcome.retries)
            ));
        }
        if outcome.conflicts > 0 {
            terminal::say(format!(
                "{} keys were on both nodes with different values; one was kept as asked",
                HumanCount(outcome.conflicts)
            ));
        }
        if let Some(stall) = &stall {
            terminal::say(format!(
                "the longest that a node let a client wait: {} ms, {}",
                stall.time.as_millis(),
                stall.addr
            ));
        }
        // The slots are where they should be: a node that can't count its keys now is a pity.
        let keys_after = session.survey().map(|survey| survey.keys()).ok();
        say_key_counts(survey.keys(), keys_after);
        let applied = json!({
            "slots": outcome.slots,
            "keys": outcome.keys,
            "keys_before": survey.keys(),
            "keys_after": keys_after,
            "seconds": elapsed.as_secs_f64(),
            "keys_per_second": per_second(outcome.keys, elapsed),
            "bytes": (outcome.bytes > 0).then_some(outcome.bytes),
            "bytes_per_second": (outcome.bytes > 0).then(|| per_second(outcome.bytes, elapsed)),
            "retries": outcome.retries,
            "conflicts": outcome.conflicts,
            "largest_batch_ms": outcome.largest_stall_ms,
            "largest_stall_ms": stall.as_ref().map(|stall| stall.time.as_secs_f64() * 1e3),
            "largest_stall_at": stall.as_ref().map(|stall| stall.addr.to_string()),
            "verified": "every node sees every moved slot at its target and none open",
            "slots_left_for_big_keys": left.iter().map(|task| task.slot).collect::<Vec<_>>(),
        });
        self.journal.close()?;
        tell(plan, told, Some(applied))?;
        if left.is_empty() {
            return Ok(Exit::Done);
        }
        terminal::say(format!(
            "{} slots stayed where they are, with their big keys",
            left.len()
        ));
        Ok(Exit::Finding)
    }

    fn stop_if_asked(&self, outcome: Outcome, total: u64) -> Result<()> {
        if !outcome.is_stopped {
            return Ok(());
        }
        let open = match self.journal.open_moves().len() {
            0 => "none open".to_owned(),
            open => format!("{open} still open"),
        };
        let message = format!(
            "stopped as asked: {} of {total} slots moved, {open}",
            outcome.slots
        );
        Err(Error::new(ErrorKind::Stopped, message).mend("run the same command again to go on"))
    }

    /// Adds to a failure what is open and how to go on.
    fn explain(&self, error: Error, total: u64) -> Error {
        if error.kind() != ErrorKind::Stopped {
            return error;
        }
        let begun = self.journal.open_moves();
        let open: Vec<String> = begun
            .iter()
            .take(NAMED_MAX)
            .map(|task| {
                format!(
                    "slot {} from {} to {}",
                    task.slot,
                    task.source.short(),
                    task.target.short()
                )
            })
            .collect();
        let open = match open.is_empty() {
            true => "no slot is open".to_owned(),
            false => {
                let more = begun.len().saturating_sub(NAMED_MAX);
                let more = (more > 0).then(|| format!(", and {more} more"));
                format!("under way: {}{}", open.join(", "), more.unwrap_or_default())
            }
        };
        let mend = format!(
            "{open} (of {total} to move; noted in {}); mend what was said, then run the same \
             command again: it goes on from there",
            self.journal.path().display()
        );
        error.mend(mend)
    }
}

/// Looks for keys above the limit, and takes their slots out of the work, or puts them last.
fn leave_big_keys(session: &mut Session, work: &mut Work, pace: &PaceArgs) -> Result<Vec<Move>> {
    let big = session.big_keys(work, pace.big_key_limit)?;
    if pace.move_big_keys {
        work.put_big_keys_last(&big);
        return Ok(Vec::new());
    }
    live::refuse_if_forbidden(&big.findings())?;
    Ok(work.leave_big_keys(&big))
}

/// The keys of each slot, where the plan knows them.
fn keys_of(plan: &Plan) -> BTreeMap<Slot, u64> {
    let migrations = plan.migrations().iter();
    migrations
        .filter_map(|migration| Some((migration.slot, migration.keys?)))
        .collect()
}

fn question(plan: &Plan, work: &Work) -> String {
    let cost = plan.cost();
    let keys = cost.keys.map(|keys| format!(", {} keys", HumanCount(keys)));
    let bytes = cost.bytes.map(|bytes| format!(", {}", HumanBytes(bytes)));
    format!(
        "move {} slots{}{} now?",
        work.moves.len(),
        keys.unwrap_or_default(),
        bytes.unwrap_or_default()
    )
}

/// Clients write and delete and keys expire while slots move, so a difference is said, not judged.
fn say_key_counts(before: u64, after: Option<u64>) {
    let Some(after) = after else {
        terminal::say("warning: the keys can't be counted now, a node doesn't answer");
        return;
    };
    let (before_text, after_text) = (HumanCount(before), HumanCount(after));
    if before == after {
        terminal::say(format!("verified: {after_text} keys, as before"));
    } else if after > before {
        terminal::say(format!(
            "{after_text} keys, {before_text} before: clients were writing"
        ));
    } else {
        terminal::say(format!(
            "warning: {after_text} keys, {before_text} before: unless clients deleted the others \
             or they expired, find out what else changed the cluster meanwhile"
        ));
    }
}

fn tell(plan: &Plan, told: Told, applied: Option<Value>) -> Result<()> {
    if told == Told::Words {
        return Ok(());
    }
    let mut document: Value = serde_json::from_str(&plan.to_json()).map_err(|cause| {
        Error::new(ErrorKind::Input, "the plan can't be printed").caused_by(cause)
    })?;
    document["applied"] = applied.unwrap_or(Value::Null);
    terminal::print(|out| {
        serde_json::to_writer_pretty(&mut *out, &document)?;
        writeln!(out)
    })
}

//! A plan is carried out, and what was done is told: for `apply`, and `plan-rebalance --apply`.

use super::apply::require_fit;
use super::confirm::confirm;
use super::exit::Exit;
use super::interrupt::{Interrupt, Second};
use super::journalled::Run;
use super::live::{self, Begun, Session};
use super::move_progress::MoveProgress;
use super::pace::PaceArgs;
use super::terminal;
use super::work::{Work, work};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Move;
use crate::plan::{Migration, Plan};
use crate::report::{bytes_text, count_text, counted_text};
use crate::slot::Slot;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// How a run tells what it did on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing: the words on stderr are enough.
    Words,
    /// The plan with `applied`.
    Json,
}

impl Run {
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
            self.close();
            return tell(plan, told, None).map(|()| Exit::Done);
        }
        live::refuse_if_forbidden(&session.findings(&survey, &work, Begun::Continued(&[])))?;
        let left = leave_big_keys(session, &mut work, pace)?;
        if work.moves.is_empty() {
            terminal::say("nothing else is to move");
            self.say_unchanged();
            self.close();
            return tell(plan, told, None).map(|()| Exit::Finding);
        }
        if !pace.yes && !confirm(&question(plan, &work))? {
            self.say_unchanged();
            self.close();
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
        let done = self.done(outcome, progress, start, total)?;
        done.say("moved");
        // The slots are where they should be: a node that can't count its keys now is a pity.
        let keys_after = session.survey().map(|survey| survey.keys()).ok();
        say_key_counts(survey.keys(), keys_after);
        let slots: Vec<Slot> = left.iter().map(|task| task.slot).collect();
        let mut applied = done.to_json();
        applied["keys_before"] = json!(survey.keys());
        applied["keys_after"] = json!(keys_after);
        applied["slots_left_for_big_keys"] = json!(slots);
        self.close();
        tell(plan, told, Some(applied))?;
        if left.is_empty() {
            return Ok(Exit::Done);
        }
        let (keys, its) = match left.len() {
            1 => ("key", "its"),
            _ => ("keys", "their"),
        };
        terminal::say(format!(
            "{} stayed, with {its} big {keys}",
            counted_text(left.len() as u64, "slot")
        ));
        Ok(Exit::Finding)
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
    // Of a plan that was carried out in part, or whose slots with big keys stay, only what is to come.
    let slots: BTreeSet<Slot> = work.moves.iter().map(|task| task.slot).collect();
    let migrations = plan.migrations().iter();
    let coming: Vec<_> = migrations
        .filter(|migration| slots.contains(&migration.slot))
        .collect();
    let sum = |figure: &dyn Fn(&Migration) -> Option<u64>| {
        let mut figures = coming.iter().map(|migration| figure(migration));
        figures.try_fold(0_u64, |sum, figure| Some(sum.saturating_add(figure?)))
    };
    let keys = sum(&|migration| migration.keys);
    let bytes = sum(&|migration| migration.bytes);
    let keys = keys.map(|keys| format!(", {}", counted_text(keys, "key")));
    let bytes = bytes.map(|bytes| format!(", {}", bytes_text(bytes)));
    format!(
        "move {}{}{} now?",
        counted_text(work.moves.len() as u64, "slot"),
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
    let (before_text, after_text) = (count_text(before), counted_text(after, "key"));
    if before == after {
        terminal::say(format!("verified: {after_text}, as before"));
    } else if after > before {
        terminal::say(format!(
            "{after_text}, {before_text} before: clients were writing"
        ));
    } else {
        terminal::say(format!(
            "warning: {after_text}, {before_text} before: unless clients deleted the others \
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

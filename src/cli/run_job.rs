//! Runs a job: asks, applies a plan and prints the result, for `apply` and `plan-rebalance --apply`.

use super::confirm::confirm;
use super::exit::Exit;
use super::interrupt::{Interrupt, SecondSignal};
use super::job_summary::JobSummary;
use super::move_args::MoveArgs;
use super::move_progress::MoveProgress;
use super::terminal;
use super::unfinished_job::say_unchanged;
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Move;
use crate::execute::job::{JobRun, PendingMoves, PreparedJob, Session};
use crate::execute::survey::Survey;
use crate::numbers::{bytes_text, count_text, counted_text};
use crate::plan::{Migration, Plan};
use crate::slot::{Slot, SlotSet};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// How a run tells what it did on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobOutput {
    /// Nothing: the words on stderr are enough.
    Text,
    /// The plan with `applied`.
    Json,
}

/// Asks, checks, moves, verifies, and says what was done.
///
/// # Errors
/// [`ErrorKind::Unsafe`] before anything was changed, [`ErrorKind::Stopped`] after that.
pub(super) fn run_job(
    run: &mut JobRun,
    session: &mut Session,
    plan: &Plan,
    move_args: &MoveArgs,
    output: JobOutput,
) -> Result<Exit> {
    let prepared = run.prepare(session, plan)?;
    let PreparedJob {
        plan,
        survey,
        pending,
        left,
    } = &prepared;
    if pending.moves.is_empty() {
        if left.is_empty() {
            terminal::say("nothing to move");
        } else {
            terminal::say("nothing else is to move");
            say_unchanged(run);
        }
        return print_result(plan, output, None).map(|()| exit_of(left));
    }
    if !move_args.yes && !confirm(&question(plan, pending))? {
        say_unchanged(run);
        return Ok(Exit::Finding);
    }
    // Signals are watched before there is another thread: each inherits what is blocked.
    let interrupt = Interrupt::watch(SecondSignal::Ends)?;
    let canary = session.canary(survey, &pending.moves);
    let start = Instant::now();
    let keys = keys_of(plan);
    let form = move_args.progress;
    let mut progress = MoveProgress::new(&pending.moves, &keys, survey, form, interrupt, canary);
    let outcome = run.apply(session, &prepared, &mut progress)?;
    let summary = JobSummary::of(outcome, progress, start);
    summary.say("moved");
    let kept = run.require_keys_kept(session, &summary.outcome);
    // The slots are where they should be: a node that can't count its keys now is a pity.
    let after = session.survey().ok();
    if kept.is_ok() {
        say_key_counts(survey, after.as_ref());
    }
    print_result(
        plan,
        output,
        Some(applied(&summary, &prepared, after.as_ref())),
    )?;
    kept?;
    if let Some(words) = stayed(left.len()) {
        terminal::say(words);
    }
    Ok(exit_of(left))
}

fn exit_of(left: &[Move]) -> Exit {
    if left.is_empty() {
        Exit::Done
    } else {
        Exit::Finding
    }
}

/// What was done, for programs.
fn applied(summary: &JobSummary, prepared: &PreparedJob, after: Option<&Survey>) -> Value {
    let slots: Vec<Slot> = prepared.left.iter().map(|task| task.slot).collect();
    let mut applied = summary.to_json();
    applied["keys_before"] = json!(whole_keys(&prepared.survey).ok());
    applied["keys_after"] = json!(after.and_then(|survey| whole_keys(survey).ok()));
    applied["slots_left_for_big_keys"] = json!(slots);
    applied
}

fn stayed(slots: usize) -> Option<String> {
    let (keys, its) = match slots {
        0 => return None,
        1 => ("key", "its"),
        _ => ("keys", "their"),
    };
    let slots = counted_text(slots as u64, "slot");
    Some(format!("{slots} stayed, with {its} big {keys}"))
}

/// The keys of each slot, where the plan knows them.
fn keys_of(plan: &Plan) -> BTreeMap<Slot, u64> {
    let migrations = plan.migrations().iter();
    migrations
        .filter_map(|migration| Some((migration.slot, migration.keys?)))
        .collect()
}

fn question(plan: &Plan, pending: &PendingMoves) -> String {
    // Of a plan that was carried out in part, or whose slots with big keys stay, only what is to
    // come.
    let slots: BTreeSet<Slot> = pending.moves.iter().map(|task| task.slot).collect();
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
        counted_text(pending.moves.len() as u64, "slot"),
        keys.unwrap_or_default(),
        bytes.unwrap_or_default()
    )
}

/// The keys of all slots that have an owner; those slots whose owner can't be asked, where there
/// are.
fn whole_keys(survey: &Survey) -> Result<u64, SlotSet> {
    let uncounted = survey.uncounted();
    if uncounted.is_empty() {
        Ok(survey.keys())
    } else {
        Err(uncounted)
    }
}

/// Clients write and delete and keys expire while slots move, so a difference is said, not judged.
fn say_key_counts(before: &Survey, after: Option<&Survey>) {
    let Some(after) = after else {
        terminal::say("warning: the keys can't be counted now, a node doesn't answer");
        return;
    };
    // A part of the keys can't be compared with all of them.
    let (before, after) = match (whole_keys(before), whole_keys(after)) {
        (Ok(before), Ok(after)) => (before, after),
        (Err(slots), _) | (_, Err(slots)) => {
            terminal::say(format!(
                "warning: the keys can't be compared with those before: {} can't be asked, which \
                 says nothing of keys lost or gained",
                match slots.len() {
                    1 => "the owner of 1 slot".to_owned(),
                    count => format!("the owners of {count} slots"),
                }
            ));
            return;
        }
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

fn print_result(plan: &Plan, output: JobOutput, applied: Option<Value>) -> Result<()> {
    if output == JobOutput::Text {
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

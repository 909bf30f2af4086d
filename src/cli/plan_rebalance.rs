//! `slotkit plan-rebalance`: what should move, and with `--apply`, move it.

use super::connection::ConnectionArgs;
use super::exit::Exit;
use super::input_args::InputArgs;
use super::move_args::MoveArgs;
use super::nodes_file;
use super::plan_args::{MaxMemories, PlanArgs};
use super::plan_output::PlanOutput;
use super::run_job::{JobOutput, run_job};
use super::size::size;
use super::stderr_observer::StderrObserver;
use super::unfinished_job::{EarlierJob, finish_begun};
use super::{oversized_slots, terminal, weights};
use crate::cluster::ClusterView;
use crate::error::{Error, ErrorKind, Result};
use crate::execute::finding::Finding;
use crate::execute::job::{self, Begun, JobRun, OpenSlotPolicy, PendingMoves, Session};
use crate::execute::preflight;
use crate::execute::survey::{NodeFacts, Survey};
use crate::plan::{Plan, Problem, SlotWeights, plan};
use crate::report::{analysis, plan_script, plan_table};
use crate::source::Filter;
use crate::tally::{Outcome, Tally};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The arguments of `plan-rebalance`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Plan from a saved CLUSTER NODES instead of a live cluster (`-` is stdin).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["host", "port", "uri", "apply"])]
    nodes: Option<PathBuf>,
    /// Weigh slots by this dump of keys, anything that `analyze` reads; several make one.
    #[arg(long, value_name = "INPUT")]
    keyspace: Vec<OsString>,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    plan: PlanArgs,
    /// Estimate the time at so many bytes a second: 50mb
    #[arg(long, value_name = "BYTES_PER_SECOND", value_parser = rate, help_heading = "Output")]
    rate: Option<u64>,
    /// Write the plan to this file; `-` is stdout, where nothing else is printed then.
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    out: Option<PathBuf>,
    /// Print the plan as JSON, the same document as in the file.
    #[arg(long, help_heading = "Output", conflicts_with = "script")]
    json: bool,
    /// Print the plan as a script of redis-cli commands.
    #[arg(long, help_heading = "Output", conflicts_with = "apply")]
    script: bool,
    /// Carry the plan out on the live cluster.
    #[arg(long, help_heading = "Moving")]
    apply: bool,
    #[command(flatten)]
    move_args: MoveArgs,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
}

/// Plans, shows the plan, and carries it out where that is wanted.
pub(super) fn run(args: &Args) -> Result<Exit> {
    if args.nodes.is_none() && !args.connection.is_given() {
        let message = "which cluster?";
        let fix = "name a node with -h HOST -p PORT, or a saved CLUSTER NODES with --nodes FILE";
        return Err(Error::new(ErrorKind::Usage, message).fix(fix));
    }
    // What can be wrong is said before a long run, not after it.
    let out = PlanOutput::of(&args.out);
    out.check(match (args.script, args.json && args.apply) {
        (true, _) => Some("the script"),
        (_, true) => Some("what was done"),
        _ => None,
    })?;
    let inputs = args.keyspace.iter().map(Path::new);
    for input in inputs.chain(args.nodes.as_deref()) {
        out.spare(input)?;
    }
    let saved = args.nodes.as_deref().map(nodes_file::read).transpose()?;
    let outcome = match args.keyspace.as_slice() {
        [] => None,
        inputs => Some(args.input.tally(inputs, Filter::default())?),
    };
    let keyspace = outcome.as_ref();
    let has_no_keys = |tally: &Tally| tally.operations().is_some() && tally.total().keys == 0;
    if keyspace.is_some_and(|keyspace| has_no_keys(&keyspace.tally)) {
        let message = "--keyspace: a log of MONITOR has operations, not the keys that are there";
        let fix = "pass a dump of the keys; for the load of live nodes there are --by cpu, net-in and net-out";
        return Err(Error::new(ErrorKind::Usage, message).fix(fix));
    }
    if let Some(keyspace) = keyspace {
        weights::require_whole(&keyspace.tally)?;
    }
    let exit = match &saved {
        Some(view) => plan_saved(args, view, keyspace)?,
        None if args.apply => return plan_and_apply(args, keyspace),
        None => plan_only(args, keyspace)?,
    };
    match outcome {
        // A plan from a part of the keys is shown, but isn't a success.
        Some(outcome) if outcome.skipped() > 0 => Ok(Exit::Unusable),
        _ => Ok(exit),
    }
}

fn plan_saved(args: &Args, view: &ClusterView, keyspace: Option<&Outcome>) -> Result<Exit> {
    job::refuse_if_forbidden(&StderrObserver, &preflight::findings_of_view(view))?;
    let weights = keyspace
        .map(|keyspace| weights_of(keyspace, view))
        .unwrap_or_default();
    require_sizes(args, keyspace, &weights)?;
    let plan = solve(args, problem(view, weights)?, &None)?;
    show(args, &plan, keyspace)?;
    Ok(exit_of(&plan))
}

fn plan_only(args: &Args, keyspace: Option<&Outcome>) -> Result<Exit> {
    let mut session = args.move_args.open(&args.connection)?;
    let survey = args.move_args.settled_state(&mut session)?;
    let plan = make_live(args, &mut session, &survey, keyspace)?;
    show(args, &plan, keyspace)?;
    Ok(exit_of(&plan))
}

fn plan_and_apply(args: &Args, keyspace: Option<&Outcome>) -> Result<Exit> {
    let mut session = args.move_args.open(&args.connection)?;
    args.move_args
        .settle(&mut session, OpenSlotPolicy::GoesOn)?;
    let mut run = JobRun::begin(&mut session, args.move_args.journal_args.journal.as_deref())?;
    let applied = match finish_begun(&mut run, &mut session, &args.move_args) {
        Ok(EarlierJob::Left) => Ok(Exit::Finding),
        Ok(_) => plan_now(args, keyspace, &mut session, &mut run),
        Err(error) => Err(error),
    };
    run.end(&session, applied)
}

/// Plans for the cluster as it is now, and carries that out.
fn plan_now(
    args: &Args,
    keyspace: Option<&Outcome>,
    session: &mut Session,
    run: &mut JobRun,
) -> Result<Exit> {
    let survey = session.survey()?;
    // Before the plan: a plan made from an unsafe state would only mislead. What a node can't do
    // depends on its part in the plan.
    let findings = session.findings(&survey, &PendingMoves::default(), Begun::Continued(&[]));
    let is_first = |finding: &Finding| finding.forbids() && finding.kind.is_about_state();
    let errors: Vec<Finding> = findings.into_iter().filter(is_first).collect();
    job::refuse_if_forbidden(&StderrObserver, &errors)?;
    let plan = make_live(args, session, &survey, keyspace)?;
    let output = if args.json {
        JobOutput::Json
    } else {
        JobOutput::Text
    };
    if output == JobOutput::Text {
        show(args, &plan, keyspace)?;
    } else {
        PlanOutput::of(&args.out).write(&plan, args.apply)?;
    }
    run_job(run, session, &plan, &args.move_args, output)
}

fn make_live(
    args: &Args,
    session: &mut Session,
    survey: &Survey,
    keyspace: Option<&Outcome>,
) -> Result<Plan> {
    let view = session.cluster.seed_view()?;
    let weights = match keyspace.map(|keyspace| weights_of(keyspace, &view)) {
        Some(weights) => {
            if survey.uncounted().is_empty() {
                weights::warn_if_foreign(&weights, survey.keys());
            }
            weights
        }
        None => weights::from_live(&mut session.cluster, &view)?,
    };
    let stats = weights::stats(&mut session.cluster, &view)?;
    let weights = weights::with_stats(weights, &stats);
    require_sizes(args, keyspace, &weights)?;
    if let Some(by) = &args.plan.by {
        weights::require(by, &weights, &stats, &session.cluster)?;
    }
    let mut problem = problem(&view, weights)?;
    for (id, facts) in survey.primaries() {
        if let (Some(node), Some(max)) = (problem.node_mut(id), facts.max_memory.bytes()) {
            node.headroom_bytes = Some(max.saturating_sub(facts.used_bytes));
        }
    }
    let with_limit = |(id, facts): (_, &NodeFacts)| (id, facts.max_memory);
    let max_memory = survey.primaries().map(with_limit).collect();
    solve(args, problem, &Some(max_memory))
}

/// What slots weigh in the dumps; says so where that can't be the whole truth.
fn weights_of(keyspace: &Outcome, view: &ClusterView) -> SlotWeights {
    for finding in analysis::file_findings(&keyspace.inputs, Some(view)) {
        terminal::say(format!("warning: {}: {}", finding.message, finding.fix));
    }
    weights::from_dumps(keyspace)
}

/// Sizes matter to a plan that balances; one by hand moves what it was told.
fn require_sizes(args: &Args, keyspace: Option<&Outcome>, weights: &SlotWeights) -> Result<()> {
    match keyspace.filter(|_| !args.plan.is_by_hand()) {
        Some(keyspace) => weights::require_sizes(args.plan.by.as_ref(), keyspace, weights),
        None => Ok(()),
    }
}

fn problem(view: &ClusterView, weights: SlotWeights) -> Result<Problem> {
    let mut problem = Problem::from_view(view)?;
    problem.weights = weights;
    Ok(problem)
}

fn solve(args: &Args, mut problem: Problem, max_memory: &MaxMemories) -> Result<Plan> {
    args.plan.apply_to(&mut problem, max_memory)?;
    let plan = plan(&problem)?;
    // The checker knows nothing of the planner: what both let pass can be trusted.
    match crate::plan::check(&plan, &problem).first() {
        None => Ok(plan),
        Some(finding) => {
            let message = format!("the plan fails its own check: {finding:?}");
            Err(Error::new(ErrorKind::Unsafe, message)
                .fix("please report this, with the output of CLUSTER NODES"))
        }
    }
}

fn show(args: &Args, plan: &Plan, keyspace: Option<&Outcome>) -> Result<()> {
    let out = PlanOutput::of(&args.out);
    // What can't be told as a script isn't written either.
    let script = args.script.then(|| plan_script::script(plan)).transpose()?;
    out.write(plan, args.apply)?;
    if out.is_stdout() {
        // The plan is what stdout has.
    } else if let Some(script) = script {
        terminal::print(|out| out.write_all(script.as_bytes()))?;
    } else if args.json {
        terminal::print(|out| out.write_all(plan.to_json().as_bytes()))?;
    } else {
        let options = plan_table::Options {
            bytes_per_second: args.rate,
        };
        let table = plan_table::render(plan, options);
        terminal::print_words(|out| out.write_all(table.as_bytes()))?;
    }
    for line in keyspace
        .map(|keyspace| oversized_slots::advice(plan, &keyspace.tally))
        .unwrap_or_default()
    {
        terminal::say(line);
    }
    Ok(())
}

fn exit_of(plan: &Plan) -> Exit {
    if plan.is_empty() {
        Exit::Done
    } else {
        Exit::Finding
    }
}

/// Reads bytes per second, above 0: a size, with or without `/s`.
fn rate(text: &str) -> Result<u64, String> {
    match size(text.strip_suffix("/s").unwrap_or(text))? {
        0 => Err("expected a rate above 0".to_owned()),
        rate => Ok(rate),
    }
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn a_rate_is_a_size_above_nothing() {
        assert_eq!(rate("50mb"), Ok(50 << 20));
        assert_eq!(rate("50mb/s"), Ok(50 << 20));
        assert!(rate("0").is_err() && rate("/s").is_err() && rate("-1").is_err());
    }
}

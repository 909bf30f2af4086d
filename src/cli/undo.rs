//! `slotkit undo`: plans the way back of what a plan, or a journal, has moved.

use super::connection::ConnectionArgs;
use super::exit::Exit;
use super::move_args::MoveArgs;
use super::plan_output::PlanOutput;
use super::terminal;
use super::weights;
use crate::cluster::{ClusterView, NodeId};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Move;
use crate::execute::journal::Journal;
use crate::numbers::counted_text;
use crate::plan::{self, HandMove, Intent, Plan, Problem};
use crate::report::plan_table;
use crate::slot::{Slot, SlotSet};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The arguments of `undo`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The plan that was applied, in full or in part, or the journal of a run.
    #[arg(value_name = "PLAN|JOURNAL")]
    done: PathBuf,
    /// Write the plan of the way back to this file; `-` is stdout, where nothing else is printed then.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the plan as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    move_args: MoveArgs,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
}

/// Plans, and moves nothing: `apply` runs the plan.
pub(super) fn run(args: &Args) -> Result<Exit> {
    let out = PlanOutput::of(&args.out);
    out.spare(&args.done)?;
    out.check(None)?;
    let done = read(&args.done)?;
    if !args.connection.is_given() {
        return Err(
            Error::new(ErrorKind::Usage, "which cluster?").fix("name a node with -h HOST -p PORT")
        );
    }
    let mut session = args.move_args.open(&args.connection)?;
    args.move_args.settled_state(&mut session)?;
    let view = session.cluster.seed_view()?;
    let back = way_back(&done, &view);
    if back.elsewhere > 0 {
        terminal::say(format!(
            "not where they were brought, and left where they are: {}",
            counted_text(back.elsewhere as u64, "slot")
        ));
    }
    let mut problem = Problem::from_view(&view)?;
    problem.weights = weights::from_live(&mut session.cluster, &view)?;
    let plan = plan_back(problem, back.moves)?;
    show(args, &plan)?;
    Ok(if plan.is_empty() {
        Exit::Done
    } else {
        Exit::Finding
    })
}

/// The moves of a plan file, or of a journal: told apart by how the file begins.
fn read(path: &Path) -> Result<Vec<Move>> {
    if Journal::is_one(path)? {
        return Journal::history(path);
    }
    let plan = Plan::read(path)?;
    let moves = plan.migrations().iter().map(|migration| Move {
        slot: migration.slot,
        source: migration.source,
        target: migration.target,
    });
    Ok(moves.collect())
}

/// What goes back, and how many slots don't.
#[derive(Debug, PartialEq, Eq)]
struct WayBack {
    moves: Vec<HandMove>,
    /// They never left, or were moved on since.
    elsewhere: usize,
}

/// Every slot that is where it was brought goes to where it came from.
fn way_back(done: &[Move], view: &ClusterView) -> WayBack {
    // A slot that a journal shows twice was begun again: where it first came from counts.
    let mut first_source: BTreeMap<Slot, NodeId> = BTreeMap::new();
    let mut last_target: BTreeMap<Slot, NodeId> = BTreeMap::new();
    for task in done {
        first_source.entry(task.slot).or_insert(task.source);
        last_target.insert(task.slot, task.target);
    }
    let mut slots_of: BTreeMap<NodeId, SlotSet> = BTreeMap::new();
    let mut elsewhere = 0;
    for (slot, target) in &last_target {
        let home = first_source[slot];
        if view.map().owner(*slot) == Some(*target) && home != *target {
            slots_of.entry(home).or_default().insert(*slot);
        } else {
            elsewhere += 1;
        }
    }
    let moves = slots_of
        .into_iter()
        .map(|(target, slots)| HandMove::Slots { slots, target });
    WayBack {
        moves: moves.collect(),
        elsewhere,
    }
}

fn plan_back(mut problem: Problem, moves: Vec<HandMove>) -> Result<Plan> {
    problem.intent = Intent::ByHand(moves);
    let plan = plan::plan(&problem)?;
    match plan::check(&plan, &problem).first() {
        None => Ok(plan),
        Some(finding) => {
            let message = format!("the plan fails its own check: {finding:?}");
            Err(Error::new(ErrorKind::Unsafe, message)
                .fix("please report this, with the output of CLUSTER NODES"))
        }
    }
}

fn show(args: &Args, plan: &Plan) -> Result<()> {
    let out = PlanOutput::of(&args.out);
    out.write(plan, false)?;
    if out.is_stdout() {
        return Ok(());
    }
    if args.json {
        return terminal::print(|out| out.write_all(plan.to_json().as_bytes()));
    }
    let table = plan_table::render(plan, plan_table::Options::default());
    terminal::print_words(|out| out.write_all(table.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::parse;
    use crate::execute::testing::{id, task};

    #[test]
    fn what_has_arrived_goes_back_to_where_it_first_came_from() {
        let line = |node: char, slots: &str| {
            format!(
                "{} 10.0.0.1:7000@17000 master - 0 0 1 connected {slots}",
                id(node)
            )
        };
        let text = [line('a', "0"), line('b', "1-3"), line('c', "4-16383")].join("\n");
        let view = parse::cluster_nodes(&text, "test").expect("a view");
        let done = [
            // Never left; arrived; arrived in two steps; moved on since.
            task(0, 'a', 'b'),
            task(1, 'a', 'b'),
            task(2, 'c', 'a'),
            task(2, 'a', 'b'),
            task(4, 'a', 'b'),
        ];
        let slots = |numbers: &[u16]| numbers.iter().filter_map(|n| Slot::new(*n)).collect();
        let back = way_back(&done, &view);
        let expected = WayBack {
            moves: vec![
                HandMove::Slots {
                    slots: slots(&[1]),
                    target: id('a'),
                },
                HandMove::Slots {
                    slots: slots(&[2]),
                    target: id('c'),
                },
            ],
            elsewhere: 2,
        };
        assert_eq!(back, expected);
    }
}

//! Carries out a plan that `slotkit plan-rebalance -o plan.json` wrote, by the library alone.
//!
//! `cargo run --example apply_plan -- plan.json 127.0.0.1 7000`

use slotkit::cluster::NodeAddr;
use slotkit::execute::job::{self, AppliedPlan, Connection, Quiet, Session};
use slotkit::execute::options::MoveOptions;
use slotkit::plan::Plan;
use slotkit::{Error, ErrorKind, Result};
use std::path::Path;
use std::sync::Arc;

/// Moves what the plan wants; a run that broke off is gone on with.
pub fn apply_plan(plan: &Path, seed: NodeAddr, journal: Option<&Path>) -> Result<AppliedPlan> {
    let plan = Plan::read(plan)?;
    let connection = Connection { seed, login: None };
    let how = MoveOptions::default();
    let mut session = Session::open(connection, how, Arc::new(Quiet))?;
    job::apply_plan(&mut session, &plan, journal, &mut Quiet)
}

#[allow(dead_code, reason = "a test calls the function above by itself")]
fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [plan, host, port] = words.as_slice() else {
        return Err(Error::new(ErrorKind::Usage, "expected PLAN HOST PORT"));
    };
    let port = port.parse();
    let port = port.map_err(|_| Error::new(ErrorKind::Usage, "expected the port's number"))?;
    let applied = apply_plan(Path::new(plan), NodeAddr::new(host, port), None)?;
    let moved = applied.moved;
    println!("{} slots moved with {} keys", moved.slots, moved.keys);
    Ok(())
}

//! How long planning takes, and how good the plans are.
//!
//! `cargo bench --bench plan` prints a line for each seeded instance; the
//! figures of one run are kept in RESULTS.md.

#[path = "../tests/planner/instances.rs"]
mod instances;

use instances::{PLACEMENTS, WEIGHTS, instance};
use slotkit::plan::{Plan, check, plan};
use std::time::Instant;

const SEED: u64 = 6;

fn main() {
    println!(
        "{:>5} {:8} {:10} {:>7} {:>9} {:>8} {:>8} {:>9} {:>9} {:>5} {:>8}",
        "nodes",
        "weights",
        "placement",
        "slots",
        "bytes MB",
        "bound MB",
        "ratio",
        "max over",
        "max under",
        "notes",
        "ms"
    );
    for nodes in [3, 10, 30, 100, 300, 1000] {
        for weights in WEIGHTS {
            for placement in PLACEMENTS {
                let problem = instance(nodes, weights, placement, SEED);
                let (plan, millis) = timed(&problem);
                assert_eq!(check(&plan, &problem), []);
                let cost = plan.cost();
                let bytes = cost.bytes.unwrap_or(0) as f64 / 1e6;
                let bound = cost.lower_bound as f64 / 1e6;
                let (over, under) = spread(&plan);
                println!(
                    "{nodes:>5} {:8} {:10} {:>7} {bytes:>9.1} {bound:>8.1} {:>8.4} {over:>8.3}% {under:>8.3}% {:>5} {millis:>8.2}",
                    format!("{weights:?}"),
                    format!("{placement:?}"),
                    cost.slots,
                    bytes / bound.max(1e-9),
                    plan.notes().len(),
                );
            }
        }
    }
}

/// The plan, and the median of five runs.
fn timed(problem: &slotkit::plan::Problem) -> (Plan, f64) {
    let mut runs = Vec::new();
    let mut made = None;
    for _ in 0..5 {
        let start = Instant::now();
        made = Some(plan(problem).expect("a plan"));
        runs.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    runs.sort_by(f64::total_cmp);
    (made.expect("five runs"), runs[2])
}

/// The largest deviation above and below the fair share, in percent.
fn spread(plan: &Plan) -> (f64, f64) {
    let all = plan.after().iter().filter_map(|node| node.deviation());
    all.fold((0.0, 0.0), |(over, under): (f64, f64), deviation| {
        (over.max(100.0 * deviation), under.min(100.0 * deviation))
    })
}

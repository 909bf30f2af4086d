//! Finds whether a plan still fits the cluster, and who stands in for its nodes: who took over from them
//! since it was made.

use super::session::Session;
use crate::cluster::{ClusterView, NodeId};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::promoted;
use crate::plan::{self, Fit, Plan, fit_but_for};
use crate::slot::SlotSet;
use std::collections::BTreeMap;

/// Nodes of a plan that serve no more, with who took over.
pub type StandIns = BTreeMap<NodeId, NodeId>;

/// The plan as it can be applied now, with who took over in the place of nodes that failed; and who
/// that is.
///
/// # Errors
/// [`ErrorKind::StalePlan`] where it doesn't fit this view, whatever becomes of the slots under
/// way.
pub fn fitting(
    plan: &Plan,
    session: &mut Session,
    view: &ClusterView,
    under_way: &SlotSet,
) -> Result<(Plan, StandIns)> {
    let stand_ins = match fit_but_for(under_way, plan, view) {
        Fit::No { .. } => session.stand_ins(plan, view),
        Fit::Exact | Fit::Partway { .. } => StandIns::new(),
    };
    let plan = plan.clone().with_stand_ins(&stand_ins);
    match fit_but_for(under_way, &plan, view) {
        Fit::Exact | Fit::Partway { .. } => Ok((plan, stand_ins)),
        Fit::No { difference } => {
            let message = format!("the plan doesn't fit this cluster: {difference}");
            Err(Error::new(ErrorKind::StalePlan, message)
                .fix("make a new plan with slotkit plan-rebalance"))
        }
    }
}

impl Session {
    /// Nodes of a plan that serve no more, with who took over.
    fn stand_ins(&mut self, plan: &Plan, view: &ClusterView) -> StandIns {
        let (views, _) = self.reachable_views();
        let shards = &self.context.shards;
        plan::stand_ins(plan, view, |id| promoted::in_place_of(&views, shards, id))
    }
}

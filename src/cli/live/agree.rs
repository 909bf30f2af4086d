//! After the last move: every node must see it.

use super::Session;
use crate::cluster::verb::{SetSlot, Verb};
use crate::cluster::{ClusterView, NodeId, Role, agreement};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Move;
use crate::execute::journal::Journal;
use crate::execute::views::Views;
use crate::slot::Slot;
use std::time::{Duration, Instant};

/// How long after the last move the nodes may take to agree: gossip needs some seconds.
const AGREE_TIMEOUT: Duration = Duration::from_secs(60);
const AGREE_POLL: Duration = Duration::from_millis(200);
/// How often replicas that don't follow are reminded meanwhile.
const REMIND_EVERY: Duration = Duration::from_secs(2);

impl Session {
    /// Waits until every node, replicas too, sees the moved slots at their targets and nothing open.
    pub(super) fn wait_until_agreed(
        &mut self,
        tasks: &[Move],
        journal: &mut Journal,
    ) -> Result<()> {
        self.clear_strays(tasks, journal)?;
        let start = Instant::now();
        let mut reminded = start;
        loop {
            if reminded.elapsed() > REMIND_EVERY {
                self.give_to_heirs(tasks)?;
                self.clear_strays(tasks, journal)?;
                self.remind_replicas(tasks)?;
                reminded = Instant::now();
            }
            match self.first_doubt(tasks)? {
                None => return Ok(()),
                Some(doubt) if start.elapsed() > AGREE_TIMEOUT => {
                    let message =
                        format!("{doubt}, {} s after the last move", AGREE_TIMEOUT.as_secs());
                    return Err(Error::new(ErrorKind::Stopped, message)
                        .mend("look at CLUSTER NODES there; no key is lost by waiting"));
                }
                Some(_) => std::thread::sleep(AGREE_POLL),
            }
        }
    }

    /// Says `NODE` again to the primaries whose replicas still show a slot as open.
    ///
    /// Valkey replicates `SETSLOT` (8.0 and later), and a replica of 9.1 was seen to stay at
    /// `MIGRATING` for good, after its primary had accepted `NODE`. To the primary, which sees the
    /// slot at its target, a second `NODE` is nothing new; but it goes to the replica once more.
    fn remind_replicas(&mut self, tasks: &[Move]) -> Result<()> {
        let (views, _) = self.reachable_views();
        for (id, view) in &views {
            let Some(Role::Replica {
                primary: Some(primary),
            }) = view.node(*id).map(|node| node.role)
            else {
                continue;
            };
            let Some(of_primary) = views.get(&primary) else {
                continue;
            };
            let is_open = |slot: Slot| view.open_slots().any(|(_, open)| open.slot() == slot);
            let open = tasks.iter().filter(|task| is_open(task.slot));
            let verbs: Vec<Verb> = open
                .filter_map(|task| Some((task, of_primary.map().owner(task.slot)?)))
                .filter(|(task, owner)| self.has_arrived(task, *owner))
                .map(|(task, owner)| Verb::SetSlot {
                    slot: task.slot,
                    state: SetSlot::Node { owner },
                })
                .collect();
            if !verbs.is_empty() {
                // A refusal leaves the doubt, which is told when it lasts.
                self.cluster.round_trip(primary, &verbs)?;
            }
        }
        Ok(())
    }

    /// Whether a slot is where it was to go: at its target, or at whoever took over from it.
    fn has_arrived(&self, task: &Move, owner: NodeId) -> bool {
        owner == task.target || self.families.are_kin(owner, task.target)
    }

    /// What each node believes that can be asked, and which primaries can't.
    pub(super) fn reachable_views(&mut self) -> (Views, Vec<NodeId>) {
        let mut views = Views::new();
        let mut silent = Vec::new();
        for id in self.cluster.ids() {
            // A link may have broken with its node, which is back by now.
            let view = self.cluster.view_of(id);
            match view.or_else(|_| {
                self.cluster.renew(id)?;
                self.cluster.view_of(id)
            }) {
                Ok(view) => drop(views.insert(id, view)),
                Err(_) => silent.push(id),
            }
        }
        // A replica that died meanwhile has no say in who owns what, nor has a primary that was
        // replaced by one.
        let has_no_say = |id: &NodeId| {
            let mut nodes = views
                .values()
                .filter_map(|view: &ClusterView| view.node(*id));
            nodes.any(|node| !node.is_primary() || (node.flags.fail && node.slots.is_empty()))
        };
        silent.retain(|id| !has_no_say(id));
        (views, silent)
    }

    pub(super) fn first_doubt(&mut self, tasks: &[Move]) -> Result<Option<String>> {
        let (views, silent) = self.reachable_views();
        if let Some(id) = silent.first() {
            return Ok(Some(format!("{} can't be asked", self.cluster.name(*id))));
        }
        for (id, view) in &views {
            let name = self.cluster.name(*id);
            let is_there = |task: &&Move| {
                let owner = view.map().owner(task.slot);
                owner.is_some_and(|owner| self.has_arrived(task, owner))
            };
            if let Some(task) = tasks.iter().find(|task| !is_there(task)) {
                return Ok(Some(format!(
                    "{name} doesn't see slot {} at its target",
                    task.slot
                )));
            }
            if let Some((_, open)) = view
                .open_slots()
                .find(|(_, open)| tasks.iter().any(|task| task.slot == open.slot()))
            {
                return Ok(Some(format!("{name} has slot {} open", open.slot())));
            }
        }
        let views: Vec<_> = views.iter().map(|(id, view)| (*id, view)).collect();
        let found = agreement::disagreements(&views);
        Ok(found.first().map(|found| {
            let [one, other] = found.observers.map(|id| self.cluster.name(id));
            format!("{one} and {other} disagree on {} slots", found.slots.len())
        }))
    }
}

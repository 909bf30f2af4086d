//! After the last move: what a failover left of the slots on nodes that don't own them.

use super::{Session, terminal};
use crate::cluster::verb::{Reply, SetSlot, Verb};
use crate::error::{ErrorKind, Result};
use crate::execute::executor::OnConflict;
use crate::execute::families::Families;
use crate::execute::journal::Journal;
use crate::execute::strays::{self, Manner, Stray};
use crate::execute::survey::Survey;
use crate::execute::views::{Views, primaries, primary};
use crate::execute::{Move, heirs, route};
use crate::report::{count_text, counted_text};
use std::collections::BTreeSet;

impl Session {
    /// Gives the slots of these moves that a node took with it when it died to its heir; whether any
    /// was given.
    ///
    /// # Errors
    /// When a link breaks. A refusal leaves the slot where it is, which is told when it lasts.
    pub(super) fn give_to_heirs(&mut self, tasks: &[Move]) -> Result<bool> {
        let (views, silent) = self.reachable_views();
        // Another one that can't be asked may have the slot.
        if silent.len() > 1 {
            return Ok(false);
        }
        let mut has_given = false;
        for (slot, heir) in heirs::left_to(&views, &self.families, tasks) {
            let state = SetSlot::Node { owner: heir };
            let reply = self.cluster.ask(heir, &Verb::SetSlot { slot, state });
            let reply = reply.map_err(|error| error.of_kind(ErrorKind::Stopped))?;
            if matches!(reply, Reply::Text(_)) {
                has_given = true;
                let heir = self.cluster.name(heir);
                terminal::say(format!(
                    "slot {slot} had just gone to a node that died: {heir} has it, which took over"
                ));
            }
        }
        Ok(has_given)
    }

    /// Clears up what is left of these moves, which have ended, where a family has two primaries.
    ///
    /// Each is noted in the journal first, so that a run that breaks off here is gone on with.
    ///
    /// # Errors
    /// As [`strays::clear`].
    pub(super) fn clear_strays(&mut self, ended: &[Move], journal: &mut Journal) -> Result<()> {
        if ended.is_empty() {
            return Ok(());
        }
        // A node that died and was replaced has no say, and can't be asked any more.
        let (views, silent) = self.reachable_views();
        if !self.may_be_left(&views, ended) {
            return Ok(());
        }
        let asked = views.into_keys().chain(silent);
        let survey = Survey::of(&mut self.cluster, asked)?;
        let found = strays::find(&survey, &self.families, ended);
        let slots: BTreeSet<_> = found.iter().map(|stray| stray.slot).collect();
        let ended = ended.iter().filter(|task| slots.contains(&task.slot));
        let ended: Vec<Move> = ended.copied().collect();
        if ended.is_empty() {
            return Ok(());
        }
        journal.begin(&ended)?;
        let mut copies = 0;
        for stray in &found {
            let manner = self.manner(&survey, *stray)?;
            copies += strays::clear(&mut self.cluster, *stray, &manner)?.copies;
        }
        terminal::say(format!(
            "left after the failover on a node that doesn't own it, and closed there: {}; copies of \
             keys deleted that their owner has: {}",
            counted_text(slots.len() as u64, "slot"),
            count_text(copies)
        ));
        journal.end(&ended)
    }

    /// Whether a survey could find anything: it takes longer than a look at the views.
    fn may_be_left(&self, views: &Views, ended: &[Move]) -> bool {
        let slots: BTreeSet<_> = ended.iter().map(|task| task.slot).collect();
        if self
            .families
            .besides()
            .any(|(slot, _)| slots.contains(&slot))
        {
            return true;
        }
        let mut open = primaries(views).flat_map(|node| &node.open);
        open.any(|open| slots.contains(&open.slot())) || has_failed_over(views, &self.families)
    }

    fn manner(&self, survey: &Survey, stray: Stray) -> Result<Manner> {
        let login = self.connection.login.clone();
        let on_conflict = self.pace.on_conflict;
        let pair = (stray.holder, stray.owner);
        let route = match on_conflict {
            OnConflict::KeepSource => {
                let pairs = BTreeSet::from([pair]);
                route::prove(survey, &pairs, login.as_ref(), self.patience)?.remove(&pair)
            }
            OnConflict::Stop | OnConflict::KeepTarget => None,
        };
        Ok(Manner {
            on_conflict,
            route,
            login,
            timeout_ms: self.pace.timeout_ms,
        })
    }
}

/// Whether one that was a replica takes itself for a primary.
fn has_failed_over(views: &Views, families: &Families) -> bool {
    let mut replicas = families.pairs().map(|(_, replica)| replica);
    replicas.any(|replica| primary(views, replica).is_some())
}

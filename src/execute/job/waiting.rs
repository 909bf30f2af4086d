//! Waits for what passes by itself: a node that was just met, gossip that hasn't come everywhere, a
//! failover, a node that loads its data.

use super::connection::Connection;
use super::journal_path::journal_of;
use super::notice::{Notice, Observer};
use super::pending_moves::PendingMoves;
use super::recheck::sleep_until;
use super::session::{Begun, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::finding::{Finding, FindingKind};
use crate::execute::fix;
use crate::execute::journal::{Journal, JournalSummary};
use crate::execute::options::MoveOptions;
use crate::execute::survey::Survey;
use crate::slot::{Slot, SlotSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long between two looks at a cluster that isn't settled.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often the word is said again.
const SAY_EVERY: Duration = Duration::from_secs(5);
/// How often the nodes are asked anew because a run began or ended meanwhile.
const SURVEYS_MAX: usize = 3;

/// What the nodes and this user's journal say, of the same moment, and what follows.
pub struct Diagnosis {
    /// What the nodes say.
    pub survey: Survey,
    /// What would make it unsafe to move slots.
    pub findings: Vec<Finding>,
}

/// What a command does with slots that are open, and what it has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenSlotPolicy {
    /// It leaves them, and says all that stands in the way of a move.
    Checks,
    /// It leaves them, and moves nothing.
    Plans,
    /// It finishes those of an earlier run first.
    GoesOn,
    /// It finishes all of them, whoever opened them.
    Adopts,
}

impl OpenSlotPolicy {
    /// Whether a run goes on with what was begun, and sees by itself what a move needs.
    fn moves(self) -> bool {
        matches!(self, OpenSlotPolicy::GoesOn | OpenSlotPolicy::Adopts)
    }

    /// Whether a finding is one that this command fixes.
    fn fixes(self, finding: &Finding) -> bool {
        self == OpenSlotPolicy::Adopts && finding.kind == FindingKind::OpenSlot
    }
}

impl Session {
    /// Connects to every node; waits for a first one that loads its data.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn open_patiently(
        connection: Connection,
        how: MoveOptions,
        wait: Duration,
        observer: Arc<dyn Observer>,
    ) -> Result<Session> {
        let mut waits = Waits::new(wait, observer.clone());
        loop {
            match Session::open(connection.clone(), how, observer.clone()) {
                Err(error) if error.kind() == ErrorKind::NotReady => {
                    if !waits.pause(error.message())? {
                        return Err(error);
                    }
                }
                opened => return opened,
            }
        }
    }

    /// Looks at the cluster until nothing is found that may pass by itself, or the time is over, or
    /// something is found that waiting doesn't fix.
    ///
    /// # Errors
    /// When a node can't be asked, or the journal can't be read.
    pub fn wait_until_settled(
        &mut self,
        wait: Duration,
        journal: Option<&Path>,
        policy: OpenSlotPolicy,
        pending: impl Fn(&Survey) -> PendingMoves,
    ) -> Result<Diagnosis> {
        let mut waits = Waits::new(wait, self.observer.clone());
        let mut denied = SlotSet::default();
        loop {
            let (mut survey, summary) = self.look(journal)?;
            self.denied_before = std::mem::replace(&mut denied, fix::denied(&survey));
            let begun = match policy {
                policy if policy.moves() && summary.running.is_none() => {
                    Begun::Continued(&summary.open)
                }
                _ => Begun::Left(&summary),
            };
            let findings = self.findings(&survey, &pending(&survey), begun);
            let reason =
                worth_waiting_for(&findings, policy).map(|finding| finding.message.clone());
            let is_over = match reason {
                Some(reason) => !waits.pause(&reason)?,
                None => true,
            };
            if is_over {
                if summary.running.is_none() && !wait.is_zero() {
                    self.recheck_open_slots(&survey, &summary.open)?;
                }
                // Of slots that are denied now and weren't before what is said is followed.
                let is_new = |slot: Slot| !self.denied_before.contains(slot);
                if !wait.is_zero() && denied.iter().any(is_new) {
                    sleep_until(Instant::now() + LOOK_EVERY, &*self.observer)?;
                    survey = self.survey()?;
                    self.denied_before = denied;
                }
                if policy == OpenSlotPolicy::Checks {
                    self.try_moves(&mut survey)?;
                }
                let findings = self.findings(&survey, &pending(&survey), begun);
                return Ok(Diagnosis { survey, findings });
            }
            // Whoever has joined meanwhile is asked too.
            self.cluster = self.connection.open(self.patience, &*self.observer)?;
        }
    }

    /// A survey, and what the journal says of what was open in it: a run beside this one opens and
    /// closes slots meanwhile.
    fn look(&mut self, journal: Option<&Path>) -> Result<(Survey, JournalSummary)> {
        let mut before = self.journal_summary(journal)?;
        let mut survey = self.survey()?;
        for _ in 1..SURVEYS_MAX {
            let after = self.journal_summary(journal)?;
            let has_changed = before.running.is_some() != after.running.is_some();
            before = after;
            if !has_changed {
                break;
            }
            survey = self.survey()?;
        }
        Ok((survey, before))
    }

    /// An error that came before a run held the journal, as it has to be told: where slots are open
    /// that an earlier run has begun, and nobody moves now, something is part-way.
    pub fn part_way(&mut self, journal: Option<&Path>, error: Error) -> Error {
        let summary = self.journal_summary(journal).unwrap_or_default();
        let is_left = !summary.open.is_empty() && summary.running.is_none();
        match error.kind() {
            ErrorKind::Usage | ErrorKind::Stopped => error,
            _ if is_left => error.of_kind(ErrorKind::Stopped),
            _ => error,
        }
    }

    fn journal_summary(&mut self, journal: Option<&Path>) -> Result<JournalSummary> {
        Journal::peek(&journal_of(journal, &self.cluster.seed_view()?))
    }
}

/// The first finding that may pass by itself; none where waiting doesn't help, since another one
/// forbids it all the same.
fn worth_waiting_for(findings: &[Finding], policy: OpenSlotPolicy) -> Option<&Finding> {
    let stays = |finding: &Finding| finding.forbids() && !finding.passes && !policy.fixes(finding);
    if findings.iter().any(stays) {
        None
    } else {
        findings.iter().find(|finding| finding.passes)
    }
}

/// A wait that ends, with a word now and then.
struct Waits {
    begun: Instant,
    wait: Duration,
    said: Option<Instant>,
    observer: Arc<dyn Observer>,
}

impl Waits {
    fn new(wait: Duration, observer: Arc<dyn Observer>) -> Waits {
        Waits {
            begun: Instant::now(),
            wait,
            said: None,
            observer,
        }
    }

    /// Waits a little; whether there was time left for it.
    ///
    /// # Errors
    /// [`ErrorKind::Unsafe`] when a signal has come: nothing was changed.
    fn pause(&mut self, reason: &str) -> Result<bool> {
        let Some(left) = self.wait.checked_sub(self.begun.elapsed()) else {
            return Ok(false);
        };
        if left.is_zero() {
            return Ok(false);
        }
        if self.said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
            self.said = Some(Instant::now());
            self.observer.notice(&Notice::Waits {
                reason: reason.to_owned(),
                left,
            });
        }
        sleep_until(Instant::now() + left.min(LOOK_EVERY), &*self.observer)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::super::notice::Quiet;
    use super::*;

    #[test]
    fn only_what_passes_by_itself_is_waited_for() {
        let down = Finding::error(FindingKind::ClusterDown, "down", "wait").passing();
        let meets = Finding::warning(FindingKind::NotAcquainted, "meets", "wait").passing();
        let open = Finding::error(FindingKind::OpenSlot, "open", "close it");
        let alone = Finding::warning(FindingKind::NoReplica, "alone", "add one");
        let first_of = |policy: OpenSlotPolicy, findings: &[&Finding]| {
            let findings: Vec<Finding> =
                findings.iter().map(|finding| (*finding).clone()).collect();
            worth_waiting_for(&findings, policy).map(|finding| finding.message.clone())
        };
        let first = |findings: &[&Finding]| first_of(OpenSlotPolicy::GoesOn, findings);
        assert_eq!(first(&[]), None);
        assert_eq!(first(&[&alone]), None);
        assert_eq!(first(&[&alone, &down]).as_deref(), Some("down"));
        assert_eq!(first(&[&meets]).as_deref(), Some("meets"));
        assert_eq!(first(&[&open, &down]), None);
        // Who takes open slots for its own fixes that itself.
        let adopted = first_of(OpenSlotPolicy::Adopts, &[&open, &down]);
        assert_eq!(adopted.as_deref(), Some("down"));
    }

    #[test]
    fn a_wait_of_nothing_is_none() {
        assert!(
            !Waits::new(Duration::ZERO, Arc::new(Quiet))
                .pause("down")
                .expect("no signal")
        );
    }
}

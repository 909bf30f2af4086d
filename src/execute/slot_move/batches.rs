//! Tells of a slot's batches, and is told of them.

use super::super::failures::Failures;
use super::super::mover::{Batches, Cause, Finding, KeyInDoubt, LateBatch, Wait};
use super::SlotMove;
use super::state::State;
use crate::cluster::verb::{Reply, ServerError};
use crate::error::Error;

impl Batches for SlotMove {
    fn set_keys_per_migrate(&mut self, keys: u32) {
        self.settings.how.keys_per_migrate = keys.max(1);
    }

    fn set_timeout_ms(&mut self, timeout_ms: u64) {
        self.timeout_ms = timeout_ms.max(self.settings.timeout_ms);
    }

    fn batch(&self) -> (u64, u64) {
        match &self.state {
            State::Send { batch } | State::Replace { batch, .. } => {
                (batch.keys.len() as u64, batch.bytes)
            }
            _ => (0, 0),
        }
    }

    fn sends(&self) -> usize {
        match &self.state {
            State::Send { batch } => batch.keys.len(),
            _ => 0,
        }
    }

    fn send_at_most(&mut self, most: usize) {
        if let State::Send { batch } = &mut self.state {
            let (all, some) = (batch.keys.len().max(1) as u64, most as u64);
            batch.bytes = batch.bytes / all * some.min(all);
            batch.keys.truncate(most);
        }
    }

    fn sends_after(&mut self, failures: Option<Failures>) {
        if self.batch().0 > 0 {
            self.doubts.sends_after(self.task.source, failures);
        }
    }

    fn doubts_of_batch(&self) -> Vec<KeyInDoubt> {
        let next = match &self.state {
            State::Prove { next, .. } => next,
            state => state,
        };
        let mut batch = self.batch_of(next, Cause::Sent);
        if self.doubts.is_empty() {
            batch.sort_unstable_by(|one, other| (one.db, &one.key).cmp(&(other.db, &other.key)));
            batch.dedup_by(|one, other| (one.db, &one.key) == (other.db, &other.key));
            return batch;
        }
        let mut doubts = self.doubts.clone();
        doubts.take_in(batch);
        doubts.all()
    }

    fn broken_off(&self, replies: &[Reply]) -> Option<Vec<Vec<u8>>> {
        let is_lost = |reply: &Reply| matches!(reply, Reply::Refused(refusal) if refusal.error() == ServerError::TargetLost);
        match &self.state {
            State::Send { batch } | State::Replace { batch, .. } if replies.iter().any(is_lost) => {
                Some(batch.keys.clone())
            }
            _ => None,
        }
    }

    fn batch_if_late(&self, took_ms: u64) -> LateBatch {
        self.late_batch(took_ms)
    }

    fn answered_late(&mut self, batch: LateBatch) {
        self.take_late(batch);
    }

    fn proves(&self) -> usize {
        match &self.state {
            State::Prove { asked, rest, .. } => asked.len() + rest.len(),
            _ => 0,
        }
    }

    fn take_finding(&mut self) -> Option<Finding> {
        self.finding.take()
    }

    fn vouched(&mut self) {
        if matches!(self.state, State::Vouch) {
            self.state = State::Confirm { waits: 0 };
        }
    }

    fn swallowed(&self) -> Error {
        self.lost_at_target()
    }

    fn take_wait(&mut self) -> Option<Wait> {
        self.untold_wait.take()
    }

    fn conflicts(&self) -> u64 {
        self.conflicts.0
    }
}

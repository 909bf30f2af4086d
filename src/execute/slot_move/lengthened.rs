//! Cuts lives back that a batch has lengthened, which was answered late.
//!
//! `MIGRATE` sends what is left of a key's life, and on the target that begins anew when the target
//! gets to it. Where the target stood still meanwhile, the key lives longer by as long. So after a
//! batch that took long, each key of it with an end that was noted is asked for its life on the
//! target, before the slot goes on, and one that lives too long gets its end back.
//!
//! A client may have given a key another life: at the source after its end was noted, or at the
//! target since it arrived. That must not be undone, and nothing in a life says who has given it.
//! So only those are touched that live longer by just as long as the batch took, to within
//! [`CLOSE_MS`]: what is left before the source reads the batch and after the target has it is that
//! short where the target stood still. A client that renews a key's life at the target gives it one
//! that ends later by the time since the last renewal, which is the batch's time and what came
//! before and behind it, so it isn't touched either, unless it had renewed it within that moment
//! before the batch and again within that moment behind it: then the first of the two counts. What
//! a client changes between the look and the cut shows in the end, which must be the same to the
//! millisecond: a script on the target compares and cuts in one. Where that isn't allowed, or
//! `PEXPIRETIME` isn't known (before 7.0), the life stays as it is: a key that lives too long by
//! seconds harms less than one that a client had just renewed, a lock for instance, and that ends.
//!
//! Where the key's time has come already nothing is deleted: its copy ends by itself within the
//! time that the batch took, and is waited for before the target owns the slot.

use super::super::mover::{Halt, LateBatch, Span};
use super::comparing::is_of_a_state;
use super::state::{Cut, Lengthened, State};
use super::{Cause, SlotMove, Wait};
use crate::cluster::NodeId;
use crate::cluster::verb::{Reply, Verb};

/// How exactly a life is known to have been lengthened by what the batch took.
const CLOSE_MS: u64 = 100;
/// How long an answer about lives may take: they are no more exact than that.
const EXACT_MS: u64 = 50;
/// How often the target is asked, where it answers too slowly for that.
const TRIES_MAX: u32 = 3;
const TRY_PAUSE_MS: u64 = 100;

/// Sets a key's end where it is still what it was: key, that end, the new end.
const CUT: &str = "if redis.call('PEXPIRETIME',KEYS[1])==tonumber(ARGV[1]) then \
                   return redis.call('PEXPIREAT',KEYS[1],ARGV[2]) end return 0";

/// What is to be done about a life on the target.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Judged {
    /// Nothing: it isn't longer by what the batch took, or nobody knows.
    Stays,
    /// Its time has come: it ends by itself after so long.
    LetEnd(u64),
    /// Its end comes so much too late.
    CutBy(u64),
}

impl Lengthened {
    /// Judges a life by what is left of it on the target.
    fn judged(&self, left_ms: u64, span: Span) -> Judged {
        let ends_ms = span.answered_ms.saturating_add(left_ms);
        let longer_ms = ends_ms.saturating_sub(self.ends_ms);
        let is_longer = longer_ms.saturating_add(CLOSE_MS) >= self.took_ms;
        if !is_longer || longer_ms > self.took_ms.saturating_add(span.length_ms()) {
            return Judged::Stays;
        }
        // At the least: no life may become shorter than it was.
        let by_ms = longer_ms.saturating_sub(span.length_ms());
        if left_ms <= by_ms {
            Judged::LetEnd(left_ms)
        } else {
            Judged::CutBy(by_ms)
        }
    }
}

impl SlotMove {
    /// The batch that it wants to send, should its answer have taken so long.
    pub(super) fn late_batch(&self, took_ms: u64) -> LateBatch {
        LateBatch {
            keys: self.batch_as(Cause::Late),
            took_ms,
            is_exact: self.ends.slack_ms <= EXACT_MS,
        }
    }

    /// Says that these keys were answered so late that the source may have been replaced by then.
    pub(super) fn take_late(&mut self, batch: LateBatch) {
        let LateBatch {
            keys,
            took_ms,
            is_exact,
        } = batch;
        // What wasn't moved is in doubt already.
        let moved = keys
            .iter()
            .filter(|one| is_exact && !self.doubts.has(one.db, &one.key));
        let lengthened = moved.filter_map(|one| {
            Some(Lengthened {
                db: one.db,
                key: one.key.clone(),
                ends_ms: one.ends_ms?,
                took_ms,
            })
        });
        self.lengthened.extend(lengthened);
        self.doubts.take_in(keys);
    }

    /// What an earlier machine of the same slot has left to be looked at: where the source is
    /// another one nobody knows what it sends.
    pub(super) fn lengthened_since(&self, source: NodeId) -> Vec<Lengthened> {
        if source == self.task.source {
            self.lengthened.clone()
        } else {
            Vec::new()
        }
    }

    /// The lives that are looked at next, of one database.
    pub(super) fn next_lengthened(&mut self) -> Option<State> {
        let db = self.lengthened.first()?.db;
        let all = std::mem::take(&mut self.lengthened);
        let (keys, rest) = all.into_iter().partition(|one| one.db == db);
        self.lengthened = rest;
        let db = self.place_of(db);
        Some(State::LookAtLives { db, keys, tries: 1 })
    }

    pub(super) fn looked_at_lives(
        &mut self,
        db: usize,
        keys: Vec<Lengthened>,
        tries: u32,
        replies: Vec<Reply>,
    ) -> Result<State, Halt> {
        let span = self.span.unwrap_or_default();
        if span.length_ms() > EXACT_MS && tries < TRIES_MAX {
            self.pause_ms = Some(TRY_PAUSE_MS);
            let tries = tries + 1;
            return Ok(State::LookAtLives { db, keys, tries });
        }
        // SELECT, then ASKING PTTL ASKING PEXPIRETIME for each key, then SELECT.
        let mut replies = replies.into_iter().skip(2).step_by(2);
        let (mut cuts, mut wait) = (Vec::new(), Wait::default());
        for one in keys {
            let (left, end) = (replies.next(), replies.next());
            for reply in [&left, &end].into_iter().flatten() {
                self.require_same_role(reply)?;
            }
            let (Some(left_ms), Some(is_ms)) = (number(left), number(end)) else {
                continue;
            };
            if span.length_ms() > EXACT_MS {
                continue;
            }
            match one.judged(left_ms, span) {
                Judged::Stays => {}
                Judged::LetEnd(left_ms) => wait.add(left_ms),
                Judged::CutBy(by_ms) => cuts.push(Cut {
                    key: one.key,
                    is_ms,
                    to_ms: is_ms.saturating_sub(by_ms),
                }),
            }
        }
        if cuts.is_empty() {
            self.after_lives(wait)
        } else {
            Ok(State::CutLives { db, cuts, wait })
        }
    }

    /// Whatever became of each: one that a client has changed meanwhile stays as it is.
    pub(super) fn cut_lives(&mut self, wait: Wait, replies: Vec<Reply>) -> Result<State, Halt> {
        for reply in replies.iter().skip(2).step_by(2) {
            self.require_same_role(reply)?;
        }
        self.after_lives(wait)
    }

    fn after_lives(&mut self, wait: Wait) -> Result<State, Halt> {
        if wait.ms > 0 {
            self.wait_for(wait);
        }
        self.pass()
    }

    fn require_same_role(&self, reply: &Reply) -> Result<(), Halt> {
        match reply {
            Reply::Refused(refusal) if is_of_a_state(refusal) => {
                Err(self.refused("asking the target for a life", Some(reply.clone())))
            }
            _ => Ok(()),
        }
    }
}

fn number(reply: Option<Reply>) -> Option<u64> {
    match reply? {
        Reply::Int(number) => u64::try_from(number).ok(),
        _ => None,
    }
}

/// What is left of each life, and when it ends by the target's clock.
pub(super) fn looks(keys: &[Lengthened]) -> Vec<Verb> {
    let each = keys.iter().flat_map(|one| {
        let end = Verb::Client(vec![b"PEXPIRETIME".to_vec(), one.key.clone()]);
        [Verb::Asking, Verb::Pttl(one.key.clone()), Verb::Asking, end]
    });
    each.collect()
}

pub(super) fn set_ends(cuts: &[Cut]) -> Vec<Verb> {
    let each = cuts.iter().flat_map(|cut| {
        let text = |text: &str| text.as_bytes().to_vec();
        let (is, to) = (cut.is_ms.to_string(), cut.to_ms.to_string());
        let words = vec![
            text("EVAL"),
            text(CUT),
            text("1"),
            cut.key.clone(),
            text(&is),
            text(&to),
        ];
        [Verb::Asking, Verb::Client(words)]
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_life_that_is_longer_by_what_the_batch_took_is_cut() {
        let one = Lengthened {
            db: 0,
            key: b"k".to_vec(),
            ends_ms: 60_000,
            took_ms: 5_000,
        };
        let span = Span {
            asked_ms: 19_990,
            answered_ms: 20_000,
        };
        // It would have 40 s left.
        let judged = |left_ms| one.judged(left_ms, span);
        assert_eq!(judged(45_000), Judged::CutBy(4_990));
        assert_eq!(judged(44_900), Judged::CutBy(4_890));
        assert_eq!(judged(45_010), Judged::CutBy(5_000));
        // Not lengthened, or by something else: a client's word, or a stall of which nothing is
        // known.
        for left_ms in [0, 40_000, 44_899, 45_011, 90_000] {
            assert_eq!(judged(left_ms), Judged::Stays, "{left_ms}");
        }
        let over = Span {
            asked_ms: 61_990,
            answered_ms: 62_000,
        };
        assert_eq!(one.judged(3_000, over), Judged::LetEnd(3_000));
    }
}

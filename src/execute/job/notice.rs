//! Defines what a job tells whoever watches it, in data and in words.

use crate::execute::core::Watcher;
use crate::execute::mover::Unit;
use crate::numbers::{count_text, counted_text, time_text};
use crate::slot::Slot;
use std::fmt;
use std::time::Duration;

/// Who hears what a job has to say, and may end its waits. It is told from several threads.
pub trait Observer: Send + Sync {
    /// Something that a person who watches should know.
    fn notice(&self, what: &Notice);
    /// Whether to wait no more for what hasn't begun.
    fn wants_stop(&self) -> bool {
        false
    }
}

/// Nobody: what matters is in the result too.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Observer for Quiet {
    fn notice(&self, _: &Notice) {}
}

impl Watcher for Quiet {
    fn begins(&mut self, _: &Unit) {}
    fn moved(&mut self, _: &Unit, _: u64, _: u64) {}
    fn ended(&mut self, _: &Unit, _: u64, _: u64) {}
    fn wants_stop(&self) -> bool {
        false
    }
}

/// How many nodes that are waited for are named; of the others the number is said.
const AWAITED_MAX: usize = 3;

/// Something that a person who watches should know.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// Nodes that let us wait.
    Awaited {
        /// How many were asked.
        asked: usize,
        /// Who hasn't answered.
        pending: Vec<String>,
        /// For how long by now.
        waited: Duration,
    },
    /// Something passes by itself, and is waited for.
    Waits {
        /// What.
        reason: String,
        /// For how long at most.
        left: Duration,
    },
    /// A slot is open that nobody of ours has opened: it is looked at again.
    LooksAgain {
        /// The first one.
        slot: Slot,
        /// For how long.
        time: Duration,
    },
    /// A finding that doesn't forbid to move slots, or what went wrong beside what the job ends
    /// with.
    Warning(String),
    /// A finding that forbids it, beside the one that the job ends with.
    Forbids(String),
    /// A slot that an earlier run had begun is finished.
    Finishes {
        /// The slot.
        slot: Slot,
        /// From which node.
        source: String,
        /// To which.
        target: String,
    },
    /// So many more are.
    FinishesMore(usize),
    /// A slot that an earlier run had begun is at its source as if it hadn't.
    NotBegun {
        /// The slot.
        slot: Slot,
        /// Where it is.
        source: String,
    },
    /// A function library was loaded.
    LibraryLoaded {
        /// Its name.
        name: String,
        /// On which node.
        target: String,
    },
    /// A slot went with a node that died, and was given to who took over.
    Reassigned {
        /// The slot.
        slot: Slot,
        /// Who took over.
        promoted: String,
    },
    /// So many did while slots were moving.
    ReassignedMeanwhile {
        /// How many.
        slots: usize,
        /// Who took over.
        promoted: String,
    },
    /// A slot waits for keys that end by themselves; later slots may, without a word.
    LetsEnd {
        /// The first one.
        slot: Slot,
        /// How many keys of it.
        keys: u64,
        /// For how long at most.
        time: Duration,
    },
    /// What a failover had left of slots where they don't belong is gone.
    Cleared {
        /// How many slots.
        slots: usize,
        /// How many copies of keys.
        copies: u64,
    },
    /// A dead node without a part in the slots that have moved isn't waited for.
    PassedOver {
        /// Which.
        node: String,
    },
    /// Who took over from a node of a plan stands in for it.
    StandsIn {
        /// Who took over.
        promoted: String,
        /// The start of the id of the node that is gone.
        gone: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Awaited {
                asked,
                pending,
                waited,
            } => {
                let named = pending.iter().take(AWAITED_MAX).map(String::as_str);
                let named = named.collect::<Vec<_>>().join(", ");
                let more = match pending.len().saturating_sub(AWAITED_MAX) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                write!(
                    f,
                    "{} of {} answered after {}, waiting for {named}{more}",
                    asked.saturating_sub(pending.len()),
                    counted_text(*asked as u64, "node"),
                    time_text(*waited),
                )
            }
            Notice::Waits { reason, left } => {
                write!(
                    f,
                    "{reason}: waiting for up to {} (--wait)",
                    time_text(*left)
                )
            }
            Notice::LooksAgain { slot, time } => write!(
                f,
                "slot {slot} is open: looking for {} s whether something moves it now",
                time.as_secs()
            ),
            Notice::Warning(words) => write!(f, "warning: {words}"),
            Notice::Forbids(words) => f.write_str(words),
            Notice::Finishes {
                slot,
                source,
                target,
            } => write!(
                f,
                "slot {slot} from {source} to {target} was begun by an earlier run: finishing it"
            ),
            Notice::FinishesMore(more) => write!(f, "and {more} more"),
            Notice::NotBegun { slot, source } => write!(
                f,
                "slot {slot} is at {source} still, open nowhere, and none of its keys has left: it \
                 counts as not begun"
            ),
            Notice::LibraryLoaded { name, target } => {
                write!(f, "function library {name} loaded on {target}")
            }
            Notice::Reassigned { slot, promoted } => write!(
                f,
                "slot {slot} had just gone to a node that died: {promoted} has it, which took over"
            ),
            Notice::ReassignedMeanwhile { slots, promoted } => write!(
                f,
                "{} had just gone to a node that died: {promoted} took over from it, and has its keys",
                counted_text(*slots as u64, "slot")
            ),
            Notice::LetsEnd { slot, keys, time } => write!(
                f,
                "slot {slot} waits for {} to expire on its target, {} at most (other slots may \
                 wait too)",
                counted_text(*keys, "key"),
                time_text(*time)
            ),
            Notice::Cleared { slots, copies } => write!(
                f,
                "left after the failover on a node that doesn't own it, and closed there: {}; \
                 copies of keys deleted that their owner has: {}",
                counted_text(*slots as u64, "slot"),
                count_text(*copies)
            ),
            Notice::PassedOver { node } => write!(
                f,
                "warning: {node} is dead and has no part in these slots: it isn't waited for, and \
                 hears of them when it comes back"
            ),
            Notice::StandsIn { promoted, gone } => write!(
                f,
                "{promoted} took over from node {gone} since the plan was made, and stands in for it"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_about_nodes_names_some_and_counts_the_others() {
        let names = ["a:1", "b:1", "c:1", "d:1"].map(str::to_owned);
        let said = |pending: &[String]| {
            let told = Notice::Awaited {
                asked: 6,
                pending: pending.to_vec(),
                waited: Duration::from_secs(5),
            };
            told.to_string()
        };
        let all = said(&names);
        assert!(all.starts_with("2 of 6 nodes answered after 5"), "{all}");
        assert!(
            all.ends_with("waiting for a:1, b:1, c:1 and 1 more"),
            "{all}"
        );
        let one = said(&names[..1]);
        assert!(one.ends_with("waiting for a:1"), "{one}");
    }
}

//! Runs a job: all that a command, or a program, has to do to apply a plan.
//!
//! A `Session` talks to the cluster: it waits for what passes by itself, surveys, and says what
//! would make it unsafe to move slots. A `JobRun` holds the journal: it finishes what an earlier
//! run has begun, and then moves what a plan wants. Whoever watches is told by an [`Observer`], and
//! how far the slots are by a [`Watcher`](super::executor::Watcher). Nothing here asks a person or
//! prints. A program that has nothing to ask calls `apply_plan` (`examples/apply_plan.rs`).
//!
//! What is done, and in which order, is a state machine's without I/O, the [`Job`].

#[cfg(feature = "live")]
mod arrivals;
#[cfg(feature = "live")]
mod canary;
#[cfg(feature = "live")]
mod connection;
mod convergence;
#[cfg(feature = "live")]
mod driver;
#[cfg(feature = "live")]
mod findings;
mod finishing;
#[cfg(feature = "live")]
mod journal_path;
#[cfg(feature = "live")]
mod key_check;
mod machine;
mod notice;
mod orphaned_cleanup;
#[cfg(feature = "live")]
mod pending_moves;
mod reassigning;
#[cfg(feature = "live")]
mod recheck;
mod recovery;
#[cfg(feature = "live")]
mod run;
#[cfg(feature = "live")]
mod session;
#[cfg(feature = "live")]
mod stand_ins;
mod steps;
#[cfg(test)]
mod tests;
#[cfg(feature = "live")]
mod waiting;

#[cfg(feature = "live")]
pub use canary::{Canary, Stall};
#[cfg(feature = "live")]
pub use connection::{Connection, patiently};
#[cfg(feature = "live")]
pub use findings::{lines, refuse_if_forbidden};
#[cfg(feature = "live")]
pub use journal_path::journal_of;
pub use machine::Job;
pub use notice::{Notice, Observer, Quiet};
#[cfg(feature = "live")]
pub use pending_moves::{PendingMoves, pending_moves};
#[cfg(feature = "live")]
pub use recovery::left_as_it_is;
#[cfg(feature = "live")]
pub use run::{AppliedPlan, JobRun, PreparedJob, apply_plan};
#[cfg(feature = "live")]
pub use session::{Begun, Session};
#[cfg(feature = "live")]
pub use stand_ins::{StandIns, fitting};
pub use steps::{Answer, BlockedSlots, JobContext, JobNote, JobStep, SurveyScope};
#[cfg(feature = "live")]
pub use waiting::{Diagnosis, OpenSlotPolicy};

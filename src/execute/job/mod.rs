//! A whole run, as a job: what a command, or a program, has to do to carry a plan out.
//!
//! A `Session` talks to the cluster: it waits for what passes by itself, surveys, and says what
//! would make it unsafe to move slots. A `Run` holds the journal: it finishes what an earlier run
//! has begun, and then moves what a plan wants. Whoever watches is told by an [`Observer`], and how
//! far the slots are by a [`Watcher`](super::executor::Watcher). Nothing here asks a person or
//! prints. A program that has nothing to ask calls `carry_out` (`examples/carry_out.rs`).
//!
//! What is done, and in which order, is a state machine's without I/O, the [`Job`].

#[cfg(feature = "live")]
mod arrivals;
#[cfg(feature = "live")]
mod awaited;
#[cfg(feature = "live")]
mod canary;
mod cleaning;
mod clearing;
#[cfg(feature = "live")]
mod connection;
#[cfg(feature = "live")]
mod driver;
#[cfg(feature = "live")]
mod findings;
#[cfg(feature = "live")]
mod journal_path;
#[cfg(feature = "live")]
mod kept;
mod machine;
mod noting;
mod reassigning;
mod recovery;
mod reminding;
#[cfg(feature = "live")]
mod run;
#[cfg(feature = "live")]
mod session;
#[cfg(feature = "live")]
mod settled;
mod settling;
#[cfg(feature = "live")]
mod stand_ins;
#[cfg(test)]
mod tests;
mod told;
#[cfg(feature = "live")]
mod twice;
#[cfg(feature = "live")]
mod whole;
#[cfg(feature = "live")]
mod work;

#[cfg(feature = "live")]
pub use awaited::patiently;
#[cfg(feature = "live")]
pub use canary::{Canary, Stall};
#[cfg(feature = "live")]
pub use connection::Connection;
#[cfg(feature = "live")]
pub use findings::{lines, refuse_if_forbidden};
#[cfg(feature = "live")]
pub use journal_path::journal_of;
pub use machine::{Answer, Apart, Asked, Job, Known, Step};
pub use noting::JobNote;
#[cfg(feature = "live")]
pub use recovery::left_as_it_is;
#[cfg(feature = "live")]
pub use run::{Prepared, Run};
#[cfg(feature = "live")]
pub use session::{Begun, Session};
#[cfg(feature = "live")]
pub use settled::{Look, Manner};
#[cfg(feature = "live")]
pub use stand_ins::{StandIns, fitting};
pub use told::{Observer, Quiet, Told};
#[cfg(feature = "live")]
pub use whole::{Carried, carry_out};
#[cfg(feature = "live")]
pub use work::{Work, work};

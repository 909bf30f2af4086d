//! What moves a slot from its source to its target, and the words that it and its callers share.

mod action;
mod batches;
mod doubtful;
mod halt;
mod settings;
mod time;

pub use action::Action;
pub use batches::{Finding, LateBatch};
pub use doubtful::{Cause, Doubtful};
pub use halt::Halt;
pub use settings::{Entry, Opened, Settings};
pub use time::{Span, Wait};

//! Why a slot's move can't go on by itself.

use crate::cluster::verb::Refusal;
use crate::error::Error;

/// Why a slot's move can't go on by itself. The slot stays as it is: every state can be entered
/// again.
#[derive(Debug)]
pub enum Halt {
    /// A node may have another role by now, or hasn't loaded yet: look where the slot stands, and
    /// go on from there.
    Unclear(Error),
    /// A surprise that nobody but a person can make something of.
    Stop(Error),
}

impl Halt {
    /// What was seen.
    pub fn error(&self) -> &Error {
        match self {
            Halt::Unclear(error) | Halt::Stop(error) => error,
        }
    }

    /// What was seen.
    pub fn into_error(self) -> Error {
        match self {
            Halt::Unclear(error) | Halt::Stop(error) => error,
        }
    }

    /// The same, for a look at the cluster to clear up.
    #[must_use]
    pub(super) fn unclear(self) -> Halt {
        Halt::Unclear(self.into_error())
    }
}

const NOT_THE_OWNER: &str = "not the owner of hash slot";

/// Whether a primary says that the slot isn't its own: somebody else has it, for good.
pub(super) fn denies_ownership(refusal: &Refusal) -> bool {
    refusal.detail.contains(NOT_THE_OWNER)
}

/// Whether a refusal may come from a node that took over, went down or hasn't loaded yet: who is
/// who must be looked at before anything is made of it.
pub(super) fn is_about_roles(refusal: &Refusal) -> bool {
    const CODES: [&str; 8] = [
        "MOVED",
        "ASK",
        "CLUSTERDOWN",
        "READONLY",
        "LOADING",
        "MASTERDOWN",
        "NOREPLICAS",
        "IOERR",
    ];
    const DETAILS: [&str; 3] = [
        "use SETSLOT only with",
        NOT_THE_OWNER,
        "already the owner of hash slot",
    ];
    // A refusal of MIGRATE's target stands inside the source's own.
    let inner = refusal
        .detail
        .strip_prefix("Target instance replied with error: ")
        .and_then(|detail| detail.split(' ').next());
    let has_code = |code: &str| CODES.contains(&code);
    has_code(&refusal.code)
        || inner.is_some_and(has_code)
        || DETAILS.iter().any(|detail| refusal.detail.contains(detail))
}

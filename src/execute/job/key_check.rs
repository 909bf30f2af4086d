//! Checks that the keys are there still, a moment after the last slot has arrived.

use super::session::Session;
use crate::cluster::NodeId;
use crate::error::{Error, ErrorKind, Result};
use crate::execute::executor::Outcome;
use crate::execute::survey::Survey;
use crate::execute::vanished::{self, KeyCount, Vanished};
use crate::numbers::counted_text;
use std::time::Duration;

/// How long after the last hand-over keys are counted: what drops them at once has done so by then.
const DROP_TIME: Duration = Duration::from_millis(500);
/// How long until they are counted again where some are gone.
const AGAIN: Duration = Duration::from_secs(1);
/// How often they have to be gone: a `MIGRATE` that a source carries out late moves keys from a
/// node that is counted after its target.
const COUNTS: u32 = 2;

/// What was counted before slots moved.
pub(super) struct KeysBefore {
    count: KeyCount,
    /// How many keys may have been on two nodes.
    doubled: u64,
}

impl KeysBefore {
    /// Counts, where every node tells.
    pub fn of(session: &mut Session, survey: &Survey) -> Option<KeysBefore> {
        let doubled = vanished::doubled(survey);
        let count = KeyCount::before(&mut session.cluster)?;
        Some(KeysBefore { count, doubled })
    }

    /// Looks whether keys are gone since then that nothing has taken away which the servers count.
    /// Waits a moment before that.
    ///
    /// # Errors
    /// [`ErrorKind::Stopped`] with how many keys, and where. What can't be known is no error.
    pub fn require_kept(&self, session: &mut Session, outcome: &Outcome) -> Result<()> {
        let mut found = None;
        for count in 0..COUNTS {
            std::thread::sleep(if count == 0 { DROP_TIME } else { AGAIN });
            let after = KeyCount::after(&mut session.cluster);
            found = after.and_then(|after| {
                after.vanished_since(&self.count, outcome.migrates, self.doubled)
            });
            if found.is_none() {
                break;
            }
        }
        match found {
            None => Ok(()),
            Some(vanished) => Err(gone(&vanished, |id| session.cluster.name(id).to_string())),
        }
    }
}

fn gone(vanished: &Vanished, name: impl Fn(NodeId) -> String) -> Error {
    let Vanished {
        keys,
        explained,
        suspects,
    } = vanished;
    let suspects: Vec<String> = suspects.iter().map(|id| name(*id)).collect();
    let place = match suspects.as_slice() {
        [] => String::new(),
        [one] => format!("; {one} has fewer than it had and was sent"),
        all => format!(
            "; {} have fewer than they had and were sent",
            all.join(" and ")
        ),
    };
    let explained = match explained {
        0 => "no command, expiry or eviction that the servers have counted explains it".to_owned(),
        some => format!(
            "commands, expiry and eviction that the servers have counted explain {some} of them at most"
        ),
    };
    let keys = counted_text(*keys, "key");
    let message = format!("there are {keys} fewer than before the moves, and {explained}{place}");
    Error::new(ErrorKind::Stopped, message).fix(
        "move nothing more there, keep the dumps and append-only files that there are, and find out \
         what drops keys (a fault of the server, or a proxy that answers in its place)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::testing::id;

    #[test]
    fn what_is_gone_is_said_with_what_explains_a_part_of_it() {
        let said = |explained, suspects: &[char]| {
            let vanished = Vanished {
                keys: 12,
                explained,
                suspects: suspects.iter().map(|node| id(*node)).collect(),
            };
            gone(&vanished, |id| id.short()).message().to_owned()
        };
        assert_eq!(
            said(0, &['b']),
            format!(
                "there are 12 keys fewer than before the moves, and no command, expiry or eviction \
                 that the servers have counted explains it; {} has fewer than it had and was sent",
                id('b').short()
            )
        );
        assert!(said(3, &[]).ends_with("explain 3 of them at most"));
        assert!(said(0, &['a', 'b']).contains(" have fewer than they had"));
    }
}

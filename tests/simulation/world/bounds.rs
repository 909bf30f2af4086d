//! How many keys one fault may cost at most, by the kind of the loss.
//!
//! A kind of loss is excused where the servers alone would have it, and a rule that excuses more
//! than it should would hide what the tool loses. So each seed is held against the faults that it
//! had: a fault that can't open a window costs nothing by it. No kind is excused by a kill of the
//! tool, a lost link, lost replies, a full disk or one that doesn't sync: what was sent is in the
//! journal, or isn't sent.

use super::{Fault, World};
use crate::model::Excuse;

/// Keys that are on their way at once: of two slots, a batch of two keys each.
const UNDER_WAY: usize = 4;
/// Keys of one question of a client.
const ASKED: usize = 2;
/// Keys that clients or moves change while a replica gets no writes: a dozen writes of the tool
/// pass at most until its primary goes, and a client acts about as often.
const BEHIND: usize = 6;
/// Keys of one slot.
const SLOT: usize = 4;
/// Keys of all slots that an old primary wins back when it wakes: two of its own and two that have
/// come, three keys each, and one more (8 were the most in 100,000 seeds).
const WON_BACK: usize = 13;

impl World {
    /// Whether no fault has cost more than it can.
    pub fn require_bounds(&self, faults: &[(usize, Fault)]) -> Result<(), String> {
        for (why, keys) in &self.excused {
            let most: usize = faults.iter().map(|(_, fault)| costs(*fault, *why)).sum();
            if *keys > most {
                return Err(format!(
                    "{why:?}: {keys} keys, {most} can be lost so at most"
                ));
            }
        }
        Ok(())
    }
}

fn costs(fault: Fault, why: Excuse) -> usize {
    match why {
        // What was on its way when it began: the first key that isn't found stops its slot.
        Excuse::Swallowed if fault == Fault::Swallows => UNDER_WAY,
        Excuse::NotReplicated if matches!(fault, Fault::Lags { .. }) => BEHIND,
        Excuse::WonBack if fault.replaces() && !gives_way(fault) => WON_BACK,
        // The slot that nobody had heard of.
        Excuse::GivenByHearsay if fault == Fault::DiesUntold => SLOT,
        Excuse::WrittenAtPromoted if fault.replaces() => ASKED,
        // What lay in the buffers of a node that stood still.
        Excuse::OverwrittenLate if matches!(fault, Fault::StandsStill { .. }) => UNDER_WAY,
        // The key that was left behind, of those that a client asks for together.
        Excuse::AskedWithMoved if loses_replies(fault) => ASKED,
        // The promoted replica has copies of what was on its way, and nobody heard of them; or the
        // journal that told of it is gone, as far as it wasn't on disk.
        Excuse::DeletedUnheard if fault.replaces() || forgets(fault) => UNDER_WAY,
        _ => 0,
    }
}

/// Whether the old primary knows of its promoted replica at once.
fn gives_way(fault: Fault) -> bool {
    matches!(fault, Fault::HandsOver { .. })
}

/// Whether a copy may be on a target that the source knows nothing of.
fn loses_replies(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::MigrateReplies { .. }
            | Fault::CrashUnheard { .. }
            | Fault::StandsStill { .. }
            | Fault::Partition
    )
}

/// Whether the tool forgets what was on its way.
fn forgets(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::CrashWithoutJournal | Fault::MachineCrash | Fault::CrashUnheard { machine: true }
    )
}

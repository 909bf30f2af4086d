//! Looks again at slots that are open, before anybody is told what to do about them.

use super::notice::{Notice, Observer};
use super::session::Session;
use crate::cluster::NodeId;
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Move;
use crate::execute::fix::table;
use crate::execute::movement::{Movement, OpenSlots};
use crate::execute::survey::Survey;
use crate::slot::Slot;
use std::time::{Duration, Instant};

/// When it is looked at again, after the survey: at once, since a survey doesn't tell what has
/// moved keys until then, soon, and once more.
const LOOKS: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(3),
];
/// How long the nodes may take to answer one look.
const LOOK_TIME: Duration = Duration::from_secs(5);
/// How often a signal is looked for meanwhile.
const WATCH_EVERY: Duration = Duration::from_millis(50);

impl Session {
    /// Looks again at what is open and none of these moves; what was seen is told by
    /// [`Session::findings`] from now on.
    ///
    /// # Errors
    /// [`ErrorKind::Unsafe`] when a signal has come: nothing was changed.
    pub(super) fn recheck_open_slots(&mut self, survey: &Survey, known: &[Move]) -> Result<()> {
        let first = OpenSlots::of(survey);
        let is_known = |slot: Slot| known.iter().any(|task| task.slot == slot);
        let Some(slot) = first.slots().iter().find(|slot| !is_known(*slot)) else {
            return Ok(());
        };
        let time = LOOKS[LOOKS.len() - 1];
        self.tell(Notice::LooksAgain { slot, time });
        let begun = Instant::now();
        let mut before = first;
        for wait in LOOKS {
            sleep_until(begun + wait, &*self.observer)?;
            let later = OpenSlots::ask(&mut self.cluster, Instant::now() + LOOK_TIME);
            if let Some(change) = before.change_until(&later) {
                self.movement = Movement::Seen(change);
                return Ok(());
            }
            before = later;
        }
        self.movement = Movement::Still(LOOKS[LOOKS.len() - 1]);
        Ok(())
    }

    /// Refuses where something was seen to move slots: two that close the same slot get in each
    /// other's way.
    ///
    /// # Errors
    /// [`ErrorKind::Unsafe`]: nothing was changed.
    pub fn refuse_if_something_moves(&self) -> Result<()> {
        let Movement::Seen(change) = &self.movement else {
            return Ok(());
        };
        let name = |id: NodeId| self.cluster.name(id);
        let message = format!("something moves slots now: {}", change.words(name));
        Err(Error::new(ErrorKind::Unsafe, message).fix(table::SOMETHING_MOVES.say(&[])))
    }
}

/// Waits, as long as nobody wants to stop.
///
/// # Errors
/// [`ErrorKind::Unsafe`] when a signal has come: nothing was changed.
pub(super) fn sleep_until(until: Instant, observer: &dyn Observer) -> Result<()> {
    while Instant::now() < until {
        if observer.wants_stop() {
            let message = "stopped as asked; nothing was changed";
            return Err(Error::new(ErrorKind::Unsafe, message));
        }
        std::thread::sleep(WATCH_EVERY);
    }
    Ok(())
}

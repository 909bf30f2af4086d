//! `-o FILE`: writes a plan to a file. Where that is stdout, nothing else is printed there.

use super::terminal;
use crate::error::{Error, ErrorKind, Position, Result};
use crate::output_file::{are_same, is_stdout};
use crate::plan::Plan;
use std::path::Path;

/// Where a plan is written, beside what is printed of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlanOutput<'args>(Option<&'args Path>);

impl<'args> PlanOutput<'args> {
    /// What was asked for.
    pub(super) fn of(path: &'args Option<std::path::PathBuf>) -> PlanOutput<'args> {
        PlanOutput(path.as_deref())
    }

    /// Looks before a long run whether a plan could be written there. From now on Ctrl-C leaves no
    /// half of one.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where something else than a plan stands, and for stdout when `printed`,
    /// another document, goes there; [`ErrorKind::Io`] when it can't be written.
    pub(super) fn check(self, printed: Option<&str>) -> Result<()> {
        let Some(path) = self.0 else { return Ok(()) };
        super::interrupt::Interrupt::tidy();
        match printed {
            Some(printed) if self.is_stdout() => {
                let message = format!("-o writes the plan to stdout, where {printed} goes");
                Err(Error::new(ErrorKind::Usage, message).fix("write the plan to a file"))
            }
            _ if path == Path::new("-") => Ok(()),
            _ => Plan::check_place(path),
        }
    }

    /// Refuses to write over what the plan is made from.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when it is this file.
    pub(super) fn spare(self, input: &Path) -> Result<()> {
        match self.0.filter(|path| are_same(path, input)) {
            None => Ok(()),
            Some(path) => {
                let message = "-o names what is read, which would be gone";
                Err(Error::new(ErrorKind::Usage, message)
                    .at(Position::file(path))
                    .fix("write the plan under another name"))
            }
        }
    }

    /// Whether the plan goes to stdout.
    pub(super) fn is_stdout(self) -> bool {
        self.0.is_some_and(is_stdout)
    }

    /// Writes the plan, and says how to run it unless that happens now.
    ///
    /// # Errors
    /// As [`Plan::write`].
    pub(super) fn write(self, plan: &Plan, is_run_now: bool) -> Result<()> {
        let Some(path) = self.0 else { return Ok(()) };
        if path == Path::new("-") {
            return terminal::print(|out| out.write_all(plan.to_json().as_bytes()));
        }
        plan.write(path)?;
        // A pipe or a device can't be read again.
        if plan.can_be_applied() && !is_run_now && path.is_file() && !self.is_stdout() {
            let path = path.display();
            terminal::say(format!("plan written; run it with: slotkit apply {path}"));
        }
        Ok(())
    }
}

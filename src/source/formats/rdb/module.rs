//! Steps over values of modules.

use super::codes::*;
use super::model::Heap;
use super::value::ValueSummary;
use super::window::Window;
use crate::error::Result;
use crate::source::encoding::Encoding;
use crate::source::kind::KeyKind;

/// Steps over a module's value. What it takes in memory only the module knows.
pub(super) fn step(window: &mut Window) -> Result<ValueSummary> {
    // The module's name and version, in 64 bits.
    window.length()?;
    step_parts(window)?;
    Ok(ValueSummary {
        kind: KeyKind::Module,
        encoding: Encoding::Unknown,
        elements: None,
        longest: 0,
        heap: Heap::Unknown,
    })
}

/// Steps over what a module saved beside the keys.
pub(super) fn step_aux(window: &mut Window) -> Result<()> {
    window.length()?;
    step_parts(window)
}

/// Every part takes a byte at least, so that the file's end bounds the loop.
fn step_parts(window: &mut Window) -> Result<()> {
    loop {
        match window.length()? {
            MODULE_OPCODE_EOF => return Ok(()),
            MODULE_OPCODE_SINT | MODULE_OPCODE_UINT => {
                window.length()?;
            }
            MODULE_OPCODE_FLOAT => window.skip(4)?,
            MODULE_OPCODE_DOUBLE => window.skip(8)?,
            MODULE_OPCODE_STRING => {
                window.step_text()?;
            }
            other => {
                let message = format!("expected a module's part (0 to 5), found {other}");
                return Err(window.error(window.offset() - 1, message));
            }
        }
    }
}

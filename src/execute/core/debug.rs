//! What decides how a run goes on, and nothing else.

use super::Core;
use std::fmt;

/// Two runs that print alike go on alike. So figures and events are left out, and what never
/// changes: `tests/simulation/` tries every interleaving once by it.
impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("schedule", &self.schedule)
            .field("flights", &self.flights)
            .field("writes", &self.writes)
            .field("look", &self.look)
            .field("selves", &self.selves)
            .field("notes", &self.notes)
            .field("failures", &self.failures)
            .field("noting", &self.noting)
            .field("recording", &self.recording)
            .field("primaries", &self.options.primaries)
            .field("routes", &self.options.routes)
            .field("unproven", &self.unproven)
            .field("pace", &self.pace)
            .field("surprise", &self.surprise)
            .field("trusts", &self.trusts)
            .field("rests", &self.rests)
            .field("has_changed", &self.has_changed)
            .field("has_closed", &self.has_closed)
            .field("is_worn_out", &self.is_worn_out)
            .field("wish", &self.wish)
            .finish_non_exhaustive()
    }
}

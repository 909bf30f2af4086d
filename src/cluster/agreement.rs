//! Do several nodes believe the same?

use super::{ClusterView, NodeId};
use crate::slot::{Slot, SlotSet};

/// Slots on whose owner two nodes disagree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// The two nodes that were asked.
    pub observers: [NodeId; 2],
    /// The slots that they see at different owners.
    pub slots: SlotSet,
}

/// Where each view differs from the first one; empty when all agree on every slot.
pub fn disagreements(views: &[(NodeId, &ClusterView)]) -> Vec<Disagreement> {
    let Some(((first, reference), others)) = views.split_first() else {
        return Vec::new();
    };
    others
        .iter()
        // Mostly they are the same, which is seen at once.
        .filter(|(_, view)| reference.map() != view.map())
        .filter_map(|(observer, view)| {
            let slots: SlotSet = Slot::all()
                .filter(|slot| reference.map().owner(*slot) != view.map().owner(*slot))
                .collect();
            (!slots.is_empty()).then_some(Disagreement {
                observers: [*first, *observer],
                slots,
            })
        })
        .collect()
}

//! `CLUSTER NODES` of a node of the model.

use super::{At, Cluster};

impl Cluster {
    pub(super) fn nodes_text(&self, at: At) -> String {
        let me = &self.nodes[at];
        let mut text = String::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let follows = if index == at {
                me.follows
            } else {
                me.roles.get(&index).copied().flatten()
            };
            let myself = if index == at { "myself," } else { "" };
            let (role, primary) = match follows {
                None => ("master", "-".to_owned()),
                Some(primary) => ("slave", self.nodes[primary].id.to_string()),
            };
            let is_alone = |at: &At| self.isolated.contains(at);
            let fail = match () {
                () if !node.is_alive || (is_alone(&index) && index != at) => ",fail",
                // It is alone, and nobody is there to agree with.
                () if is_alone(&at) && index != at => ",fail?",
                () => "",
            };
            text.push_str(&format!(
                "{} {}@17000 {myself}{role}{fail} {primary} 0 0 {} connected",
                node.id,
                Cluster::addr(index),
                self.epoch_of(at, index)
            ));
            for (slot, owner) in &me.owners {
                if *owner == index {
                    text.push_str(&format!(" {slot}"));
                }
            }
            if index == at {
                for (slot, target) in &me.migrating {
                    text.push_str(&format!(" [{slot}->-{}]", self.nodes[*target].id));
                }
                for (slot, source) in &me.importing {
                    text.push_str(&format!(" [{slot}-<-{}]", self.nodes[*source].id));
                }
            }
            text.push('\n');
        }
        text
    }
}

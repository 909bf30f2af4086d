//! From numbers to an assignment: who should own each slot.

use super::counts;
use super::model::{Limits, Model, NOBODY};
use super::objective::Threshold;

/// Where every slot should be, and which limits that was made for.
#[derive(Clone, Debug)]
pub(super) struct Assignment {
    /// The node of each slot, by slot number.
    pub at: Vec<u16>,
    /// The limits that were aimed at, by node.
    pub limits: Vec<Limits>,
}

/// The assignment that keeps the limits for the least cost that we find.
pub(super) fn solve(model: &Model, threshold: Threshold) -> Assignment {
    let limits: Vec<Limits> = match model.by_slots {
        true => match counts::targets(model, threshold) {
            Some(targets) => targets
                .into_iter()
                .map(|count| Limits {
                    lower: count,
                    upper: count,
                })
                .collect(),
            None => return stay(model),
        },
        false => (0..model.nodes.len())
            .map(|node| model.within(node, threshold))
            .collect(),
    };
    let mut work = Work::new(model, limits);
    work.shed();
    work.place();
    Assignment {
        at: work.at,
        limits: work.limits,
    }
}

fn stay(model: &Model) -> Assignment {
    let limits = vec![
        Limits {
            lower: 0,
            upper: i64::MAX
        };
        model.nodes.len()
    ];
    Assignment {
        at: model.home.clone(),
        limits,
    }
}

struct Work<'model> {
    model: &'model Model,
    limits: Vec<Limits>,
    at: Vec<u16>,
    load: Vec<i64>,
    count: Vec<usize>,
    pool: Vec<u16>,
}

impl<'model> Work<'model> {
    fn new(model: &'model Model, limits: Vec<Limits>) -> Work<'model> {
        let mut work = Work {
            model,
            limits,
            at: model.home.clone(),
            load: vec![0; model.nodes.len()],
            count: vec![0; model.nodes.len()],
            pool: Vec::new(),
        };
        for (slot, home) in model.home.iter().enumerate() {
            if *home != NOBODY {
                work.load[*home as usize] += model.load[slot];
                work.count[*home as usize] += 1;
            }
        }
        work
    }

    fn shed(&mut self) {
        let owned = self.model.owned();
        let mut missing: i64 = 0;
        for node in 0..owned.len() {
            missing += (self.limits[node].lower - self.load[node]).max(0);
        }
        for (node, owned) in owned.iter().enumerate() {
            let mut slots: Vec<u16> = owned
                .iter()
                .copied()
                .filter(|slot| self.model.movable[*slot as usize])
                .collect();
            slots.sort_by_key(|slot| (std::cmp::Reverse(self.model.load[*slot as usize]), *slot));
            let drained = self.model.nodes[node].is_drained;
            for slot in slots {
                let load = self.model.load[slot as usize];
                let excess = self.load[node] - self.limits[node].upper;
                if !drained && (excess <= 0 || load > excess || load == 0) {
                    continue;
                }
                if self.count[node] == 1 && self.model.nodes[node].keeps_one {
                    break;
                }
                self.take_out(slot, node);
                missing -= load;
            }
        }
        for (node, owned) in owned.iter().enumerate() {
            for slot in owned.iter().copied() {
                let load = self.model.load[slot as usize];
                if missing <= 0 {
                    return;
                }
                let keeps = self.count[node] == 1 && self.model.nodes[node].keeps_one;
                let fits = self.load[node] - load >= self.limits[node].lower;
                let here = self.at[slot as usize] as usize == node;
                if here && self.model.movable[slot as usize] && load > 0 && fits && !keeps {
                    self.take_out(slot, node);
                    missing -= load;
                }
            }
        }
    }

    fn take_out(&mut self, slot: u16, node: usize) {
        self.load[node] -= self.model.load[slot as usize];
        self.count[node] -= 1;
        self.at[slot as usize] = NOBODY;
        self.pool.push(slot);
    }

    fn place(&mut self) {
        let mut pool = std::mem::take(&mut self.pool);
        pool.sort_by_key(|slot| (std::cmp::Reverse(self.model.load[*slot as usize]), *slot));
        let mut arrived = vec![0_u64; self.load.len()];
        for slot in pool {
            let index = slot as usize;
            let home = self.model.home[index] as usize;
            let room = |node: &usize| {
                let it = &self.model.nodes[*node];
                it.capacity > 0
                    && (*node == home
                        || arrived[*node].saturating_add(self.model.bytes[index]) <= it.headroom)
            };
            let best = (0..self.load.len()).filter(room).min_by_key(|node| {
                let after = self.load[*node] + self.model.load[index];
                (after.saturating_sub(self.limits[*node].upper), *node)
            });
            let node = best.unwrap_or(home);
            self.at[index] = node as u16;
            self.load[node] += self.model.load[index];
            self.count[node] += 1;
            if node != home {
                arrived[node] += self.model.bytes[index];
            }
        }
    }
}

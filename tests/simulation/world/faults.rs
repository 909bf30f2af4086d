//! What goes wrong.

use super::World;
use super::journal::Trouble;
use crate::model::{At, LostReplies};

/// What goes wrong, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    Nothing,
    /// The tool dies; writes that are under way may still arrive.
    Crash,
    /// The tool dies and its journal is lost too.
    CrashWithoutJournal,
    /// The tool dies while it writes to its journal, now or a little later.
    CrashNoting {
        part: Part,
    },
    /// A `MIGRATE` is broken off with a copy on its target, and the tool, or its machine, dies
    /// before it hears of that.
    CrashUnheard {
        machine: bool,
    },
    /// The tool's machine crashes, and with it what of the journal wasn't on disk.
    MachineCrash,
    /// The disk is full that the journal is on, until another run begins.
    DiskFull {
        can_cut: bool,
    },
    /// The journal is said not to be on disk, once.
    SyncFails,
    /// The link breaks before the node has done anything.
    LinkBefore,
    /// The link breaks when the node has done a part of it.
    LinkAmidst,
    /// The link breaks after the node has done all of it.
    LinkAfter,
    /// A `MIGRATE` whose replies are lost.
    MigrateReplies {
        applied: usize,
        acked: usize,
    },
    /// A node dies and its replica takes over; it comes back later.
    Dies {
        source: bool,
    },
    /// The target dies with the next slot that it is given, before anybody else hears of it, and
    /// its replica takes over. It is back when another run begins, or later.
    DiesUntold,
    /// A node stands still, and its replica takes over, if it has one; what reaches it lies in
    /// its buffers, and is carried out when it wakes.
    StandsStill {
        source: bool,
    },
    /// A node's bus is cut off from everybody, and its replica takes over; the tool reaches all.
    IsAlone {
        source: bool,
    },
    /// The replicas' word doesn't reach a primary in time that waits for it before it carries out
    /// a `SETSLOT`; they may have carried it out themselves.
    LostAcks {
        is_carried_out: bool,
    },
    /// A node gives its place to its replica.
    HandsOver {
        source: bool,
    },
    /// A node's replica gets no writes any more, and its primary doesn't wait for it.
    Lags {
        source: bool,
    },
    /// Two nodes don't hear each other for a while.
    Partition,
    /// The target says OK to what it is sent, and keeps nothing, until another run begins.
    Swallows,
    /// The source's `INFO` says nothing of its keys from now on.
    InfoLies,
}

/// A replica takes over from a node that has been gone for longer than this at the least.
const NODE_TIMEOUT_MS: u64 = 1_500;

impl Fault {
    /// Whether a replica takes over.
    pub fn replaces(self) -> bool {
        matches!(
            self,
            Fault::Dies { .. }
                | Fault::DiesUntold
                | Fault::HandsOver { .. }
                | Fault::StandsStill { .. }
                | Fault::IsAlone { .. }
        )
    }
}

/// How much is there of what was being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    None,
    Half,
    All,
}

impl Part {
    pub fn of(self, whole: usize) -> usize {
        match self {
            Part::None => 0,
            Part::Half => whole / 2,
            Part::All => whole,
        }
    }
}

pub const FAULTS: [Fault; 32] = [
    Fault::CrashUnheard { machine: true },
    Fault::CrashUnheard { machine: false },
    Fault::CrashNoting { part: Part::None },
    Fault::CrashNoting { part: Part::Half },
    Fault::CrashNoting { part: Part::All },
    Fault::MachineCrash,
    Fault::DiskFull { can_cut: true },
    Fault::DiskFull { can_cut: false },
    Fault::SyncFails,
    Fault::Swallows,
    Fault::InfoLies,
    Fault::Nothing,
    Fault::Crash,
    Fault::CrashWithoutJournal,
    Fault::LinkBefore,
    Fault::LinkAmidst,
    Fault::LinkAfter,
    Fault::MigrateReplies {
        applied: 1,
        acked: 0,
    },
    Fault::MigrateReplies {
        applied: 2,
        acked: 1,
    },
    Fault::Dies { source: true },
    Fault::Dies { source: false },
    Fault::HandsOver { source: true },
    Fault::HandsOver { source: false },
    Fault::Partition,
    Fault::Lags { source: true },
    Fault::Lags { source: false },
    Fault::StandsStill { source: true },
    Fault::StandsStill { source: false },
    Fault::IsAlone { source: true },
    Fault::IsAlone { source: false },
    Fault::LostAcks {
        is_carried_out: true,
    },
    Fault::LostAcks {
        is_carried_out: false,
    },
];

impl World {
    /// The fault; whether it took the write with it.
    pub(super) fn strike(&mut self, fault: Fault, index: usize) -> bool {
        self.tell(|| format!("fault {fault:?}"));
        let task = self.plan[0];
        match fault {
            Fault::Nothing => false,
            Fault::Crash => {
                self.kill();
                true
            }
            Fault::CrashWithoutJournal => {
                self.kill();
                self.has_journal = false;
                self.cluster.windows.forget();
                true
            }
            Fault::MachineCrash => {
                self.crash_machine();
                true
            }
            Fault::CrashUnheard { machine } => {
                self.cluster.lost_replies = Some(LostReplies {
                    applied: 1,
                    acked: 0,
                });
                self.carry_out(index, usize::MAX, true);
                if machine {
                    self.crash_machine();
                } else {
                    self.kill();
                }
                true
            }
            Fault::CrashNoting { part } => {
                let after = self.a_while(3);
                self.trouble(Trouble::Kills { after, part })
            }
            Fault::DiskFull { can_cut } => self.trouble(Trouble::Full { can_cut }),
            Fault::SyncFails => self.trouble(Trouble::SyncFails),
            Fault::LinkBefore => {
                self.carry_out(index, 0, true);
                true
            }
            Fault::LinkAmidst => {
                let most = self.chooser.pick(self.messages[index].verbs.len() + 1);
                self.carry_out(index, most, true);
                true
            }
            Fault::LinkAfter => {
                self.carry_out(index, usize::MAX, true);
                true
            }
            Fault::MigrateReplies { applied, acked } => {
                self.cluster.lost_replies = Some(LostReplies { applied, acked });
                false
            }
            Fault::Dies { source } | Fault::HandsOver { source } => {
                let Some((at, promoted)) = self.with_replica(source) else {
                    return false;
                };
                self.cluster.nodes[at].is_alive = matches!(fault, Fault::HandsOver { .. });
                if self.cluster.nodes[at].is_alive {
                    self.cluster.catch_up(at);
                }
                if matches!(fault, Fault::Dies { .. }) {
                    self.let_pass(NODE_TIMEOUT_MS);
                }
                self.cluster.fail_over(at, promoted);
                if matches!(fault, Fault::Dies { .. }) {
                    self.heal_in = Some(20 + self.a_while(100));
                }
                false
            }
            Fault::DiesUntold => {
                self.cluster.dying = self.with_replica(false);
                false
            }
            Fault::StandsStill { source } => {
                let (at, promoted) = match self.with_replica(source) {
                    Some((at, promoted)) => (at, Some(promoted)),
                    None => (self.side(source), None),
                };
                self.cluster.nodes[at].is_alive = false;
                self.cluster.standing.insert(at, Vec::new());
                if let Some(promoted) = promoted {
                    self.let_pass(NODE_TIMEOUT_MS);
                    self.cluster.fail_over(at, promoted);
                }
                self.heal_in = Some(20 + self.a_while(100));
                false
            }
            Fault::IsAlone { source } => {
                let Some((at, promoted)) = self.with_replica(source) else {
                    return false;
                };
                // It takes no more writes by then, and the promoted replica has them all.
                self.cluster.catch_up(at);
                self.let_pass(NODE_TIMEOUT_MS);
                self.cluster.isolated.insert(at);
                self.cluster.fail_over(at, promoted);
                self.heal_in = Some(20 + self.a_while(100));
                false
            }
            Fault::Lags { source } => {
                self.cluster
                    .lagging
                    .extend(self.with_replica(source).map(|(_, promoted)| promoted));
                false
            }
            Fault::Swallows => {
                self.cluster.swallows.insert(self.side(false));
                false
            }
            Fault::InfoLies => {
                self.cluster.mute.insert(self.side(true));
                false
            }
            Fault::LostAcks { is_carried_out } => {
                self.cluster.lost_acks = Some(is_carried_out);
                false
            }
            Fault::Partition => {
                let pair = |one: At, other: At| (one.min(other), one.max(other));
                let (source, target) = (self.cluster.at(task.source), self.cluster.at(task.target));
                let (source, target) = (source.expect("a node"), target.expect("a node"));
                self.cluster.cut.insert(pair(source, target));
                self.heal_in = Some(10 + self.a_while(60));
                false
            }
        }
    }

    /// From now on this goes wrong with the journal; that takes no write with it.
    fn trouble(&mut self, trouble: Trouble) -> bool {
        self.journal.storage_mut().troubles(Some(trouble));
        false
    }

    /// The source or target with the replica that would take over. Who has no slots isn't
    /// replaced by anybody, and a replica that is cut off from its primary replaces nobody.
    pub(super) fn with_replica(&self, source: bool) -> Option<(At, At)> {
        let at = self.side(source);
        let nodes = &self.cluster.nodes;
        let is_cut = |promoted: At| {
            self.cluster
                .cut
                .contains(&(at.min(promoted), at.max(promoted)))
        };
        let may_replace = |promoted: &At| {
            let node = &nodes[*promoted];
            node.follows == Some(at) && node.is_alive && !is_cut(*promoted)
        };
        let promoted = (0..nodes.len()).find(may_replace)?;
        let owns = nodes[at].owners.values().any(|owner| *owner == at);
        owns.then_some((at, promoted))
    }

    /// Who stands on this side of the first move by now.
    fn side(&self, source: bool) -> At {
        let task = self.plan[0];
        let id = if source { task.source } else { task.target };
        let at = self.cluster.at(id).expect("a node");
        let nodes = &self.cluster.nodes;
        let is_primary = |at: &At| nodes[*at].is_alive && nodes[*at].follows.is_none();
        let may_serve = |at: &At| is_primary(at) && self.shards.are_in_one(nodes[*at].id, id);
        if is_primary(&at) {
            at
        } else {
            (0..nodes.len()).find(may_serve).unwrap_or(at)
        }
    }

    /// A number of steps below this. Where every interleaving is tried, the healing is a choice of
    /// its own.
    fn a_while(&mut self, most: usize) -> usize {
        if self.tries_all {
            0
        } else {
            self.chooser.pick(most)
        }
    }

    /// Nothing is broken any more, and everybody has heard everybody.
    pub(super) fn heal(&mut self) {
        self.heal_in = None;
        self.cluster.dying = None;
        self.cluster.cut.clear();
        let nodes = self.cluster.nodes.iter().enumerate();
        let down = nodes.filter(|(_, node)| !node.is_alive);
        let down: Vec<At> = down.map(|(at, _)| at).collect();
        for at in 0..self.cluster.nodes.len() {
            let is_down = down.contains(&at);
            if is_down {
                self.cluster.wake(at);
                self.carry_out_late(at);
            }
            if is_down || self.cluster.isolated.contains(&at) {
                self.cluster.come_back(at);
            }
        }
        down.into_iter().for_each(|at| self.cluster.read_on(at));
        self.settle();
    }
}

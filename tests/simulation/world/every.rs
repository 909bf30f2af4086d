//! Everything that may happen next, for a search through all interleavings.
//!
//! An answer reaches the tool as soon as its node has acted: what may come between the two is a
//! broken link or the tool's death, which are faults of their own, or a question of the client,
//! which may as well come before the tool's next write arrives.

use super::faults::Part;
use super::{Fault, World};
use crate::model::At;
use slotkit::cluster::verb::Verb;

/// What is broken is whole again when time has passed so often, if not before.
const MAX_WAITS_BROKEN: u8 = 2;

/// What may happen next.
#[derive(Clone, Copy, Debug)]
enum Happening {
    /// A write reaches its node, and the answer the tool.
    Arrives(usize),
    /// Where the tool waits, the moment comes; by then the nodes have heard each other.
    TimePasses,
    /// A run of the tool begins.
    Begins,
    /// The client asks something, or asks elsewhere.
    ClientAsks,
    /// One node hears another.
    Hears { from: At, to: At },
    /// What was broken is whole again.
    Heals,
    /// Something goes wrong; where it strikes a write, that write.
    GoesWrong(Fault, usize),
}

impl World {
    /// From now on every choice is the chooser's: a client that writes or deletes so often, at any
    /// moment and any primary, and one fault at any moment if it may come.
    pub fn try_all(&mut self, questions: u32, may_fault: bool) {
        assert!(!self.has_lives, "no moment counts but what is left of it");
        self.client.questions_left = questions;
        self.tries_all = true;
        self.may_fault = may_fault;
    }

    pub(super) fn one_of_all(&mut self) -> Result<(), String> {
        let happenings = self.happenings();
        let happening = happenings[self.chooser.pick(happenings.len())];
        self.tell(|| format!("{happening:?}"));
        match happening {
            Happening::Arrives(index) => {
                self.carry_out(index, usize::MAX, false);
                self.tell_tool(index);
            }
            Happening::TimePasses => {
                let next_ms = self.wake_ms.unwrap_or_default().max(self.now_ms + 1);
                self.let_pass(next_ms - self.now_ms);
                self.settle();
                if self.is_broken() {
                    self.waits_broken += 1;
                    if self.waits_broken == MAX_WAITS_BROKEN {
                        self.heal();
                    }
                }
            }
            Happening::Begins => self.begin_run()?,
            Happening::ClientAsks => {
                let kinds: [&[u8]; 2] = [b"SET", b"DEL"];
                self.client
                    .step(&mut self.cluster, &mut self.chooser, &kinds, true);
            }
            Happening::Hears { from, to } => self.cluster.gossip(from, to),
            Happening::Heals => self.heal(),
            Happening::GoesWrong(fault, index) => {
                self.may_fault = false;
                let strikes = self.strike(fault, index);
                let comes_later = matches!(
                    fault,
                    Fault::MigrateReplies { .. } | Fault::CrashNoting { .. }
                );
                if !strikes && comes_later {
                    self.carry_out(index, usize::MAX, false);
                }
                self.deliver();
            }
        }
        if self.cluster.server.broadcasts {
            self.hear_at_once();
        }
        if let Some(harm) = self.seeks {
            return if self.harms().contains(&harm) {
                Err(format!("{harm:?}"))
            } else {
                Ok(())
            };
        }
        self.note_reads();
        match self.client.wrong.first() {
            Some(wrong) => Err(wrong.clone()),
            None => Ok(()),
        }
    }

    /// Everybody hears everybody whom it can. Who owns a slot is told at once from 6.2 on; what
    /// gossip with delay does is tried on servers before that.
    fn hear_at_once(&mut self) {
        let count = self.cluster.nodes.len();
        for _ in 0..count {
            let pairs = (0..count).flat_map(|from| (0..count).map(move |to| (from, to)));
            let mut is_news = false;
            for (from, to) in pairs {
                if self.cluster.would_learn(from, to) {
                    self.cluster.gossip(from, to);
                    is_news = true;
                }
            }
            if !is_news {
                return;
            }
        }
    }

    /// Gives the tool every answer that is there.
    fn deliver(&mut self) {
        while let Some(index) = self
            .messages
            .iter()
            .position(|message| message.done.is_some())
        {
            self.tell_tool(index);
        }
    }

    fn happenings(&self) -> Vec<Happening> {
        let mut all: Vec<Happening> = (0..self.messages.len()).map(Happening::Arrives).collect();
        match &self.running {
            None => all.push(Happening::Begins),
            Some(_) if self.messages.is_empty() => all.push(Happening::TimePasses),
            Some(_) if self.may_fault => self.add_faults(&mut all),
            Some(_) => {}
        }
        if self.client.may_ask() {
            all.push(Happening::ClientAsks);
        }
        // Where owners are told at once everybody has heard everybody already.
        let count = if self.cluster.server.broadcasts {
            0
        } else {
            self.cluster.nodes.len()
        };
        for from in 0..count {
            for to in 0..count {
                if self.cluster.would_learn(from, to) {
                    all.push(Happening::Hears { from, to });
                }
            }
        }
        if self.is_broken() {
            all.push(Happening::Heals);
        }
        all
    }

    pub(super) fn is_broken(&self) -> bool {
        let is_cut = !self.cluster.cut.is_empty() || !self.cluster.isolated.is_empty();
        is_cut || self.cluster.nodes.iter().any(|node| !node.is_alive)
    }

    /// Who has a promoted replica fails over; where nobody has one, everything else goes wrong.
    fn add_faults(&self, all: &mut Vec<Happening>) {
        let mut anywhere = Vec::new();
        for source in [true, false] {
            if self.with_replica(source).is_some() {
                anywhere.extend([
                    Fault::Dies { source },
                    Fault::HandsOver { source },
                    Fault::StandsStill { source },
                    Fault::IsAlone { source },
                ]);
            }
        }
        if anywhere.is_empty() {
            anywhere.extend([Fault::Crash, Fault::CrashWithoutJournal, Fault::Partition]);
            anywhere.extend([true, false].map(|source| Fault::StandsStill { source }));
            (0..self.messages.len()).for_each(|index| self.add_link_faults(index, all));
        }
        if self.cluster.server.replicates_open_slots && self.shards.pairs().next().is_some() {
            anywhere.extend([true, false].map(|is_carried_out| Fault::LostAcks { is_carried_out }));
        }
        let anywhere = anywhere.into_iter();
        all.extend(anywhere.map(|fault| Happening::GoesWrong(fault, 0)));
    }

    fn add_link_faults(&self, index: usize, all: &mut Vec<Happening>) {
        // Before all of it and after all of it are two of its cases.
        all.push(Happening::GoesWrong(Fault::LinkAmidst, index));
        let parts = [Part::None, Part::Half, Part::All].into_iter();
        let noting = parts.map(|part| Fault::CrashNoting { part });
        all.extend(noting.map(|fault| Happening::GoesWrong(fault, index)));
        let verbs = &self.messages[index].verbs;
        if verbs.iter().any(|verb| matches!(verb, Verb::Migrate(_))) {
            for (applied, acked) in [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1)] {
                let fault = Fault::MigrateReplies { applied, acked };
                all.push(Happening::GoesWrong(fault, index));
            }
        }
    }
}

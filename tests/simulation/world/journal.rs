//! What the tool has written down, for itself or for the run that comes after it.

use slotkit::cluster::NodeId;
use slotkit::execute::Move;
use slotkit::execute::core::Note;
use slotkit::execute::failures::Failures;
use slotkit::execute::families::Families;
use slotkit::execute::job::JobNote;
use slotkit::execute::slot_move::Doubtful;
use slotkit::slot::Slot;
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Journal {
    /// What was begun and hasn't ended, by slot.
    pub open: BTreeMap<u16, Move>,
    pub doubts: BTreeMap<Slot, Vec<Doubtful>>,
    pub failures: BTreeMap<NodeId, Failures>,
    pub families: Families,
}

impl Journal {
    /// Of these moves that another journal, or nobody, knew of.
    pub fn of(moves: &[Move], families: Families) -> Journal {
        let mut journal = Journal {
            families,
            ..Journal::default()
        };
        journal.begin(moves);
        journal
    }

    pub fn open_moves(&self) -> Vec<Move> {
        self.open.values().copied().collect()
    }

    /// What the core writes down.
    pub fn write(&mut self, note: Note) {
        match note {
            Note::Begins(task) => self.begin(&[task]),
            Note::Ends(task) => self.end(&[task]),
            Note::Doubts(slot, doubts) => drop(self.doubts.insert(slot, doubts)),
            Note::Failures(node, failures) => drop(self.failures.insert(node, failures)),
        }
    }

    /// What the job writes down.
    pub fn write_for_job(&mut self, note: &JobNote) {
        match note {
            JobNote::Families(families) => self.families.join(families),
            JobNote::Aim(_) => {}
            JobNote::Begin(moves) => self.begin(moves),
            JobNote::End(moves) => self.end(moves),
        }
    }

    fn begin(&mut self, moves: &[Move]) {
        let moves = moves.iter();
        self.open
            .extend(moves.map(|task| (task.slot.number(), *task)));
    }

    fn end(&mut self, moves: &[Move]) {
        for task in moves {
            self.open.remove(&task.slot.number());
            self.doubts.remove(&task.slot);
        }
    }
}

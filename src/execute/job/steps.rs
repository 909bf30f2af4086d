//! Names what passes between a job and its driver: the steps that it asks for, what came of them,
//! what it has in the journal before it goes on, and what it knows.

use super::notice::Notice;
use crate::cluster::verb::{Reply, Verb};
use crate::cluster::{ClusterView, NodeId};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Move;
use crate::execute::core::Outcome;
use crate::execute::journal::{Journal, Storage};
use crate::execute::mover::{Entry, KeyInDoubt};
use crate::execute::orphaned::{NotCleared, OrphanedKeys};
use crate::execute::shards::Shards;
use crate::execute::survey::Survey;
use crate::execute::views::Views;
use crate::slot::{Slot, SlotSet};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many slots of an earlier run are named; of the others the number is said.
pub(super) const NAMED_MAX: usize = 10;

/// What to do next.
#[derive(Clone, Debug)]
pub enum JobStep {
    /// Ask every node what it believes, anew: [`Answer::Views`].
    AskViews,
    /// Ask nodes for all that matters: [`Answer::Surveyed`].
    Survey(SurveyScope),
    /// Say whether it is safe to move these slots, with these of an earlier run open:
    /// [`Answer::Preflighted`].
    Preflight {
        /// What the nodes said.
        survey: Arc<Survey>,
        /// What is to move.
        moves: Vec<Move>,
        /// What is open that is gone on with.
        ours: Vec<Move>,
    },
    /// Write this down: [`Answer::Noted`].
    Note(JobNote),
    /// Send these: [`Answer::Sent`].
    Send {
        /// The node.
        node: NodeId,
        /// The verbs, in one write.
        verbs: Vec<Verb>,
    },
    /// Move these slots: [`Answer::Moved`].
    Move {
        /// What the nodes said.
        survey: Arc<Survey>,
        /// The moves, each from where its way begins.
        tasks: Vec<(Move, Entry)>,
    },
    /// Clear this up: [`Answer::Cleared`].
    Clear {
        /// What the nodes said.
        survey: Arc<Survey>,
        /// What is left over.
        orphaned: OrphanedKeys,
    },
    /// Wait so long, then ask again.
    Wait {
        /// How long.
        ms: u64,
    },
    /// Nothing: [`Job::into_result`](super::Job::into_result).
    End,
}

/// Who is asked in a survey, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SurveyScope {
    /// All nodes, also for what each primary answers to what a move needs.
    All,
    /// These, for the rest; each must answer.
    These(Vec<NodeId>),
}

/// What a preflight keeps from going on, while the rest may.
#[derive(Clone, Debug, Default)]
pub struct BlockedSlots {
    /// All slots that aren't as they should be, in hand or not.
    pub slots: SlotSet,
    /// Why those in hand stay as they are.
    pub held: Vec<(SlotSet, Error)>,
}

/// What came of a step.
#[derive(Clone, Debug)]
pub enum Answer {
    /// What those nodes believe that could be asked, and which primaries couldn't.
    Views(Views, Vec<NodeId>),
    /// What the nodes said.
    Surveyed(Result<Survey>),
    /// Whether it is safe, but for some slots.
    Preflighted(Result<BlockedSlots>),
    /// Whether it is written.
    Noted(Result<()>),
    /// A reply for each verb.
    Sent(Result<Vec<Reply>>),
    /// What the run did, and which moves have arrived, to where they did.
    Moved(Result<Outcome>, Vec<Move>),
    /// How many copies of keys were deleted.
    Cleared(Result<u64, NotCleared>),
}

impl Answer {
    /// What those nodes believe that could be asked, and who couldn't. One that has no say may be
    /// silent: a replica that died meanwhile, or a primary that was replaced by one.
    pub fn views(views: Views, mut silent: Vec<NodeId>) -> Answer {
        let has_no_say = |id: &NodeId| {
            let mut nodes = views
                .values()
                .filter_map(|view: &ClusterView| view.node(*id));
            nodes.any(|node| !node.is_primary() || (node.flags.fail && node.slots.is_empty()))
        };
        silent.retain(|id| !has_no_say(id));
        Answer::Views(views, silent)
    }

    /// What it is where another one was due: a driver's fault, told and not gone on with.
    pub(super) fn odd<T>(self) -> Result<T> {
        let message = "a step of the job was answered as another one";
        Err(Error::new(ErrorKind::Stopped, message))
    }
}

/// What a job knows and tells.
#[derive(Clone, Debug, Default, Hash)]
pub struct JobContext {
    /// Who was a replica of whom when what is under way began.
    pub shards: Shards,
    /// Slots of an earlier run that can't go on: the nodes needn't agree on them.
    pub blocked: SlotSet,
    /// How people call the nodes that can be asked.
    pub names: BTreeMap<NodeId, String>,
    /// What there is to say: [`Job::take_notices`](super::Job::take_notices).
    pub notices: Vec<Notice>,
}

impl JobContext {
    pub(super) fn tell(&mut self, what: Notice) {
        self.notices.push(what);
    }

    pub(super) fn name(&self, id: NodeId) -> String {
        let name = self.names.get(&id);
        name.map_or_else(|| id.short(), ToString::to_string)
    }

    /// Whether a slot is where it was to go: at its target, or at whoever took over from it.
    pub(super) fn has_arrived(&self, task: &Move, owner: NodeId) -> bool {
        owner == task.target || self.shards.are_in_one(owner, task.target)
    }
}

/// A part of a job that takes several steps: none is left when it is over.
pub(super) trait Subtask {
    fn next(&self) -> Option<JobStep>;
    fn hear(&mut self, context: &mut JobContext, answer: Answer) -> Result<()>;
}

/// Whether what was to be noted is on disk.
pub(super) fn noted(answer: Answer) -> Result<()> {
    match answer {
        Answer::Noted(noted) => noted,
        other => other.odd(),
    }
}

/// What has to be in the journal before anything else is done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum JobNote {
    /// Who is a replica of whom.
    Shards(Shards),
    /// So many slots are about to move.
    Aim(u64),
    /// These moves begin, or are begun still.
    Begin(Vec<Move>),
    /// These have ended.
    End(Vec<Move>),
    /// This key of a slot is in doubt, beside those that are.
    Doubt(Slot, KeyInDoubt),
}

impl JobNote {
    /// Writes it down.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write<S: Storage>(&self, journal: &mut Journal<S>) -> Result<()> {
        match self {
            JobNote::Shards(shards) => journal.know(shards),
            JobNote::Aim(slots) => journal.aim_at(*slots),
            JobNote::Begin(moves) => journal.begin(moves),
            JobNote::End(moves) => journal.end(moves),
            JobNote::Doubt(slot, key) => journal.doubt_also(*slot, key),
        }
    }
}

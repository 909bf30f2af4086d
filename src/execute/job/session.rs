//! Keeps a session with a live cluster: surveyed, checked, and then changed.

use super::canary::Canary;
use super::connection::Connection;
use super::connection::patiently;
use super::notice::{Notice, Observer};
use super::pending_moves::PendingMoves;
use super::steps::JobContext;
use crate::cluster::link::{Patience, RedisLink};
use crate::cluster::{LiveCluster, NodeId};
use crate::error::Result;
use crate::execute::Move;
use crate::execute::big_keys::{self, BigKeys};
use crate::execute::finding::Finding;
use crate::execute::journal::JournalSummary;
use crate::execute::movement::Movement;
use crate::execute::options::MoveOptions;
use crate::execute::preflight::{self, Intent, LoginNeed};
use crate::execute::survey::Survey;
use crate::slot::{Slot, SlotSet};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A `MIGRATE` blocks the node beyond the limit that a person has given it while the target loads a
/// big value.
const ANSWER_SLACK_MS: u64 = 40_000;

/// A cluster that a job talks to.
pub struct Session {
    /// The links to its nodes.
    pub cluster: LiveCluster<RedisLink>,
    pub(super) connection: Connection,
    pub(super) patience: Patience,
    /// How slots are moved.
    pub how: MoveOptions,
    pub(super) observer: Arc<dyn Observer>,
    /// The keys of the slots that were counted.
    pub(super) keys: BTreeMap<Slot, u64>,
    /// What one job has learned, for the next.
    pub(super) context: JobContext,
    /// What several looks at open slots have shown.
    pub(super) movement: Movement,
    /// The slots that every primary took for another one's in the survey before the last.
    pub(super) denied_before: SlotSet,
}

/// The moves that an earlier run of this user began, and what this one does with them.
#[derive(Clone, Copy, Debug)]
pub enum Begun<'a> {
    /// It goes on with them.
    Continued(&'a [Move]),
    /// It leaves them, and says so.
    Left(&'a JournalSummary),
}

impl<'a> Begun<'a> {
    /// What a run goes on with, this one or one beside it.
    fn ours(self) -> &'a [Move] {
        match self {
            Begun::Continued(moves) => moves,
            Begun::Left(summary) if summary.running.is_some() => &summary.begun,
            Begun::Left(_) => &[],
        }
    }

    fn unfinished(self) -> &'a [Move] {
        match self {
            Begun::Left(summary) if summary.running.is_none() => &summary.open,
            Begun::Left(_) | Begun::Continued(_) => &[],
        }
    }
}

impl Session {
    /// Connects to every node.
    ///
    /// # Errors
    /// When the first node can't be reached, refuses the login, or isn't in cluster mode.
    pub fn open(
        connection: Connection,
        how: MoveOptions,
        observer: Arc<dyn Observer>,
    ) -> Result<Session> {
        let patience = Patience {
            answer_ms: how
                .timeout_ms
                .unwrap_or_default()
                .saturating_add(ANSWER_SLACK_MS),
            ..Patience::default()
        };
        let cluster = connection.open(patience, &*observer)?;
        Ok(Session {
            cluster,
            connection,
            patience,
            how,
            observer,
            keys: BTreeMap::new(),
            context: JobContext::default(),
            movement: Movement::default(),
            denied_before: SlotSet::default(),
        })
    }

    /// Asks every node what it is and believes.
    ///
    /// # Errors
    /// As [`Survey::take`].
    pub fn survey(&mut self) -> Result<Survey> {
        let awaited = self.cluster.awaited();
        patiently(&awaited, &*self.observer, || {
            Survey::take(&mut self.cluster)
        })
    }

    /// A survey with what each primary answers to what a move needs.
    ///
    /// # Errors
    /// As [`Survey::try_moves`].
    pub fn survey_and_try(&mut self) -> Result<Survey> {
        let mut survey = self.survey()?;
        self.try_moves(&mut survey)?;
        Ok(survey)
    }

    pub(super) fn try_moves(&mut self, survey: &mut Survey) -> Result<()> {
        let awaited = self.cluster.awaited();
        patiently(&awaited, &*self.observer, || {
            survey.try_moves(&mut self.cluster)
        })
    }

    /// Tells whoever watches.
    pub(super) fn tell(&self, what: Notice) {
        self.observer.notice(&what);
    }

    /// What a job is told that begins now.
    pub(super) fn context(&self) -> JobContext {
        let ids = self.cluster.ids().into_iter();
        JobContext {
            names: ids.map(|id| (id, self.cluster.name(id))).collect(),
            ..self.context.clone()
        }
    }

    /// What would make this pending unsafe.
    pub fn findings(
        &self,
        survey: &Survey,
        pending: &PendingMoves,
        begun: Begun<'_>,
    ) -> Vec<Finding> {
        let login = match &self.connection.login {
            None => LoginNeed::Nothing,
            Some(login) if login.user.is_none() => LoginNeed::Password,
            Some(_) => LoginNeed::User,
        };
        let mut shards = survey.shards_with(&self.context.shards);
        let (mut running, mut unreadable_journal) = (None, None);
        let mut undecided = Vec::new();
        if let Begun::Left(summary) = begun {
            shards.join(&summary.shards);
            running.clone_from(&summary.running);
            unreadable_journal.clone_from(&summary.unreadable);
            undecided.clone_from(&summary.undecided);
        }
        let intent = Intent {
            moves: &pending.moves,
            ours: begun.ours(),
            unfinished: begun.unfinished(),
            running,
            movement: self.movement.clone(),
            denied_before: self.denied_before.clone(),
            unreadable_journal,
            undecided,
            shards,
            copies_functions: self.how.copies_functions,
            login,
            incoming_bytes: pending.incoming_bytes.clone(),
            max_replica_lag_bytes: self.how.limits.max_replica_lag_bytes,
        };
        preflight::findings(survey, &intent)
    }

    /// The keys of this pending that are above a limit, where the sources can be asked.
    ///
    /// # Errors
    /// As [`big_keys::measure`].
    pub fn big_keys(&mut self, pending: &PendingMoves) -> Result<BigKeys> {
        let is_reached = |task: &&Move| self.cluster.addr(task.source).is_some();
        let moves: Vec<Move> = pending.moves.iter().filter(is_reached).copied().collect();
        let limit_bytes = self.how.big_key_bytes;
        let measured = big_keys::measure(&mut self.cluster, &moves, limit_bytes)?;
        self.keys.clone_from(&measured.counts);
        Ok(measured)
    }

    /// A canary at every node that gives or receives, and at whoever may take over from one.
    pub fn canary(&self, survey: &Survey, moves: &[Move]) -> Canary {
        let ends = moves.iter().flat_map(|task| [task.source, task.target]);
        let ends: BTreeSet<NodeId> = ends.collect();
        let shards = survey.shards_with(&self.context.shards);
        let may_take_over = |id: &NodeId| {
            let may_follow = ends.iter().any(|end| shards.are_in_one(*id, *end));
            may_follow && !ends.contains(id)
        };
        let others = survey.nodes.keys().copied().filter(may_take_over);
        let nodes = ends.iter().copied().chain(others);
        let watched = nodes.filter_map(|id| Some((id, survey.nodes.get(&id)?.addr.clone())));
        Canary::watch(watched.collect(), &self.connection)
    }
}

//! A command's session with a live cluster: surveyed, checked, and then changed.

mod agree;
mod arrivals;
mod carrying;
mod left_over;

use super::canary::Canary;
use super::connection::Connection;
use super::findings;
use super::terminal;
use super::work::Work;
use crate::cluster::link::{Patience, RedisLink};
use crate::cluster::{LiveCluster, NodeId};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Move;
use crate::execute::big_keys::{self, BigKeys};
use crate::execute::executor::{Limits, OnConflict};
use crate::execute::families::Families;
use crate::execute::finding::Finding;
use crate::execute::journal::Story;
use crate::execute::preflight::{self, Intent, LoginNeed};
use crate::execute::survey::Survey;
use crate::slot::Slot;
use std::collections::{BTreeMap, BTreeSet};

/// A `MIGRATE` blocks the node beyond its own limit while the target loads a big value.
const ANSWER_SLACK_MS: u64 = 30_000;

/// How slots are moved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// The longest silence between two servers in a `MIGRATE`.
    pub(super) timeout_ms: u64,
    /// How many keys go into one `MIGRATE`.
    pub(super) keys_per_migrate: u32,
    /// How many slots may be open at once.
    pub(super) slots_at_once: usize,
    /// How many pairs of source and target one node takes part in at once.
    pub(super) pairs_per_node: usize,
    /// How many bytes go into one `MIGRATE`, where they are measured.
    pub(super) bytes_per_migrate: Option<u64>,
    /// What the user allows.
    pub(super) limits: Limits,
    /// What becomes of a key that both nodes have with different values.
    pub(super) on_conflict: OnConflict,
}

/// A cluster that this command talks to.
pub(super) struct Session {
    pub(super) cluster: LiveCluster<RedisLink>,
    connection: Connection,
    patience: Patience,
    pace: Pace,
    /// The keys of the slots that were counted.
    keys: BTreeMap<Slot, u64>,
    /// Who was a replica of whom when what is under way began.
    families: Families,
}

/// The moves that an earlier run of this user began, and what this one does with them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Begun<'a> {
    /// It goes on with them.
    Continued(&'a [Move]),
    /// It leaves them, and says so.
    Left(&'a Story),
}

impl<'a> Begun<'a> {
    fn ours(self) -> &'a [Move] {
        match self {
            Begun::Continued(moves) => moves,
            Begun::Left(_) => &[],
        }
    }

    fn unfinished(self) -> &'a [Move] {
        match self {
            Begun::Continued(_) => &[],
            Begun::Left(story) => &story.open,
        }
    }
}

impl Session {
    /// Connects to every node.
    ///
    /// # Errors
    /// When the first node can't be reached, refuses the login, or isn't in cluster mode.
    pub(super) fn open(connection: Connection, pace: Pace) -> Result<Session> {
        let patience = Patience {
            answer_ms: pace.timeout_ms.saturating_add(ANSWER_SLACK_MS),
            ..Patience::default()
        };
        let cluster = connection.open(patience)?;
        Ok(Session {
            cluster,
            connection,
            patience,
            pace,
            keys: BTreeMap::new(),
            families: Families::default(),
        })
    }

    /// Asks every node what it is and believes.
    ///
    /// # Errors
    /// As [`Survey::take`].
    pub(super) fn survey(&mut self) -> Result<Survey> {
        Survey::take(&mut self.cluster)
    }

    /// Who is, or was, a replica of whom.
    fn families_in(&self, survey: &Survey) -> Families {
        let mut families = survey.families();
        families.join(&self.families);
        families
    }

    /// What would make this work unsafe.
    pub(super) fn findings(&self, survey: &Survey, work: &Work, begun: Begun<'_>) -> Vec<Finding> {
        let login = match &self.connection.login {
            None => LoginNeed::Nothing,
            Some(login) if login.user.is_none() => LoginNeed::Password,
            Some(_) => LoginNeed::User,
        };
        let mut families = self.families_in(survey);
        if let Begun::Left(story) = begun {
            families.join(&story.families);
        }
        let intent = Intent {
            moves: &work.moves,
            ours: begun.ours(),
            unfinished: begun.unfinished(),
            families,
            login,
            incoming_bytes: work.incoming_bytes.clone(),
        };
        preflight::findings(survey, &intent)
    }

    /// The keys of this work that are above a limit, where the sources can be asked.
    ///
    /// # Errors
    /// As [`big_keys::measure`].
    pub(super) fn big_keys(&mut self, work: &Work, limit_bytes: u64) -> Result<BigKeys> {
        let is_reached = |task: &&Move| self.cluster.addr(task.source).is_some();
        let moves: Vec<Move> = work.moves.iter().filter(is_reached).copied().collect();
        let measured = big_keys::measure(&mut self.cluster, &moves, limit_bytes)?;
        self.keys.clone_from(&measured.counts);
        Ok(measured)
    }

    /// A canary at every node that gives or receives, and at whoever may take over from one.
    pub(super) fn canary(&self, survey: &Survey, moves: &[Move]) -> Canary {
        let ends = moves.iter().flat_map(|task| [task.source, task.target]);
        let ends: BTreeSet<NodeId> = ends.collect();
        let families = self.families_in(survey);
        let is_heir = |id: &NodeId| {
            let may_follow = ends.iter().any(|end| families.are_kin(*id, *end));
            may_follow && !ends.contains(id)
        };
        let heirs = survey.nodes.keys().copied().filter(is_heir);
        let nodes = ends.iter().copied().chain(heirs);
        let watched = nodes.filter_map(|id| Some((id, survey.nodes.get(&id)?.addr.clone())));
        Canary::watch(watched.collect(), &self.connection)
    }
}

/// Says the warnings, and refuses when something forbids moving slots.
///
/// # Errors
/// [`ErrorKind::Unsafe`] with the first finding; the others are said before.
pub(super) fn refuse_if_forbidden(findings: &[Finding]) -> Result<()> {
    let (errors, warnings): (Vec<Finding>, Vec<Finding>) =
        findings.iter().cloned().partition(Finding::forbids);
    for (_, warning) in findings::lines(&warnings) {
        terminal::say(format!("warning: {warning}"));
    }
    let Some((first, more)) = errors.split_first() else {
        return Ok(());
    };
    for (_, error) in findings::lines(more) {
        terminal::say(error);
    }
    Err(Error::new(ErrorKind::Unsafe, first.message.clone()).mend(first.mend.clone()))
}

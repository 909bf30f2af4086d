//! The product's own job, driven over the model: what comes before, around and after the moves.
//!
//! The moves themselves are the core's, whose writes are under way while other things happen. What
//! else the job asks for is done and answered at once; where it waits, others have their turn.

use super::wire::broken;
use super::{STEP_MS, World};
use crate::model::{At, Cluster, Node};
use slotkit::cluster::NodeId;
use slotkit::cluster::verb::{Reply, Verb};
use slotkit::error::Error;
use slotkit::execute::Move;
use slotkit::execute::core::Core;
use slotkit::execute::job::{Answer, BlockedSlots, Job, JobContext, JobStep, SurveyScope};
use std::sync::Arc;

/// The most steps that a job takes without waiting.
const MAX_STEPS: usize = 10_000;

/// A job under way.
#[derive(Clone, Hash)]
pub(super) struct Running {
    /// Shared by the worlds of a search: it stands still while slots move.
    pub job: Arc<Job>,
    /// What an earlier run has begun; none where this one is to move the rest of the plan, which is
    /// a run's last job.
    pub begun: Vec<Move>,
    /// What has arrived in this job, to where it did.
    pub arrived: Vec<Move>,
}

/// What came of a step.
enum Stepped {
    /// There is more to do at once.
    GoesOn,
    Waits,
    Ends(Result<(), Error>),
}

impl World {
    /// Does what the tool wants, until it waits; the end when it ends.
    pub(super) fn tool_step(&mut self) -> Option<Result<(), Error>> {
        for _ in 0..MAX_STEPS {
            if self.core.is_some() {
                let moved = self.core_step()?;
                let arrived = self.running.as_ref()?.arrived.clone();
                self.tell(|| format!("moved: {moved:?}"));
                self.hear(Answer::Moved(moved, arrived));
            }
            match self.job_step()? {
                Stepped::GoesOn => {}
                Stepped::Waits => return None,
                Stepped::Ends(ended) => return Some(ended),
            }
        }
        panic!("the job takes no end");
    }

    fn hear(&mut self, answer: Answer) {
        if let Some(running) = &mut self.running {
            Arc::make_mut(&mut running.job).hear(answer, self.now_ms);
        }
    }

    /// One step of the job; none where no run is under way.
    fn job_step(&mut self) -> Option<Stepped> {
        let now_ms = self.now_ms;
        let job = Arc::make_mut(&mut self.running.as_mut()?.job);
        let step = job.next(now_ms);
        let told = job.take_notices();
        self.tell(|| format!("job: {}{told:?}", name(&step)));
        let answer = match step {
            JobStep::AskViews => {
                let views = self.views();
                let nodes = self.cluster.nodes.iter();
                let silent = nodes.filter(|node| !node.is_alive).map(|node| node.id);
                Answer::views(views, silent.collect())
            }
            JobStep::Survey(SurveyScope::All) => Answer::Surveyed(Ok(self.survey())),
            JobStep::Survey(SurveyScope::These(ids)) => Answer::Surveyed(self.survey_of(&ids)),
            // What stands in the way of a move is for people: the model has none of it.
            JobStep::Preflight { .. } => Answer::Preflighted(Ok(BlockedSlots::default())),
            JobStep::Note(note) => {
                let written = note.write(&mut self.journal);
                if self.journal.storage_mut().has_killed() {
                    self.kill();
                    return None;
                }
                Answer::Noted(written)
            }
            JobStep::Send { node, verbs } => Answer::Sent(self.send(node, &verbs)),
            JobStep::Move { survey, tasks } => {
                let options = self.options(&survey, &tasks);
                self.core = Some(Core::new(&tasks, options, now_ms));
                return Some(Stepped::GoesOn);
            }
            JobStep::Clear { orphaned, .. } => Answer::Cleared(self.clear(orphaned)),
            JobStep::Wait { ms } => {
                self.wait_for_job(ms);
                return Some(Stepped::Waits);
            }
            JobStep::End => return self.end_job(),
        };
        self.hear(answer);
        Some(Stepped::GoesOn)
    }

    /// A job is over; where it has finished what was begun, the rest of the plan comes next.
    fn end_job(&mut self) -> Option<Stepped> {
        let running = self.running.take()?;
        let slots = running.begun.iter().chain(&running.arrived);
        for task in slots {
            self.require_promoted(*task);
        }
        match Arc::unwrap_or_clone(running.job).into_result() {
            Ok(_) if !running.begun.is_empty() => {
                self.begin_fresh();
                Some(Stepped::GoesOn)
            }
            ended => Some(Stepped::Ends(ended.map(drop))),
        }
    }

    /// What nobody has begun of the plan.
    pub(super) fn begin_fresh(&mut self) {
        if self.is_broken() {
            // With a node away that isn't replaced no slot is opened.
            self.heal();
        }
        let moves = self.rest();
        self.tell(|| format!("fresh: {moves:?}"));
        let survey = Arc::new(self.survey());
        let job = Job::fresh(survey, &moves, self.context());
        self.begin_job(job, Vec::new());
    }

    pub(super) fn begin_job(&mut self, job: Job, begun: Vec<Move>) {
        self.running = Some(Running {
            job: Arc::new(job),
            begun,
            arrived: Vec::new(),
        });
    }

    /// A job that is over has given a dead node's slot to its promoted replica, where it knew of
    /// that.
    fn require_promoted(&mut self, task: Move) {
        let Some((dead, promoted)) = self.cluster.left_with_the_dead(task.slot) else {
            return;
        };
        let [dead, promoted] = [dead, promoted].map(|at| self.cluster.nodes[at].id);
        let is_alone = |id: NodeId| self.cluster.nodes.iter().all(|n| n.is_alive || n.id == id);
        if self.journal.shards().are_in_one(dead, promoted) && is_alone(dead) {
            let slot = task.slot;
            self.wrong = Some(format!("slot {slot} is left with {dead}, which is dead"));
        }
    }

    /// What a job is told that begins now.
    pub(super) fn context(&self) -> JobContext {
        let nodes = self.cluster.nodes.iter();
        let name = |(at, node): (At, &Node)| (node.id, Cluster::addr(at).to_string());
        JobContext {
            shards: self.journal.shards().clone(),
            names: nodes.enumerate().map(name).collect(),
            ..JobContext::default()
        }
    }

    fn send(&mut self, node: NodeId, verbs: &[Verb]) -> Result<Vec<Reply>, Error> {
        let at: At = self.cluster.at(node).expect("a node");
        if !self.cluster.nodes[at].is_alive {
            return Err(broken());
        }
        let verbs = verbs.iter();
        Ok(verbs.map(|verb| self.cluster.answer(at, verb)).collect())
    }

    /// Time passes, by the nodes' gossip too, where no client and no other choice comes first.
    fn wait_for_job(&mut self, ms: u64) {
        self.wake_ms = Some(self.now_ms + ms);
        if !self.tries_all {
            self.wait_until(self.now_ms + ms);
            for _ in 0..ms / STEP_MS {
                self.heal_in_time();
                self.gossip_once();
            }
        }
    }
}

fn name(step: &JobStep) -> String {
    match step {
        JobStep::AskViews => "look".to_owned(),
        JobStep::Survey(asked) => format!("survey of {asked:?}"),
        JobStep::Preflight { moves, .. } => format!("judge {moves:?}"),
        JobStep::Note(note) => format!("note {note:?}"),
        JobStep::Send { node, verbs } => format!("send {}: {verbs:?}", node.short()),
        JobStep::Move { tasks, .. } => format!("move {tasks:?}"),
        JobStep::Clear { orphaned, .. } => format!("clear {orphaned:?}"),
        JobStep::Wait { ms } => format!("wait {ms}"),
        JobStep::End => "end".to_owned(),
    }
}

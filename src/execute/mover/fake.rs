//! A mover of several slots in one go, as simple as one can be, for the tests of who has them
//! moved: it asks its source once, and then all have moved.

use super::{Action, Halt, KeyInDoubt, Mover, Unit};
use crate::cluster::NodeId;
use crate::cluster::verb::{Reply, Verb};
use crate::error::{Error, ErrorKind};
use crate::execute::failures::Failures;

/// How many keys each slot has.
pub(in super::super) const KEYS: u64 = 10;

#[derive(Clone, Debug, Hash)]
enum State {
    Claim,
    Move,
    Confirm,
    Own,
    Done,
    Withdraw(Error),
}

#[derive(Clone, Debug, Hash)]
pub struct Fake {
    unit: Unit,
    state: State,
    doubts: Vec<KeyInDoubt>,
}

impl Fake {
    pub(super) fn new(unit: Unit) -> Fake {
        Fake {
            unit,
            state: State::Claim,
            doubts: Vec::new(),
        }
    }
}

impl Mover for Fake {
    fn action(&mut self) -> Action {
        let (node, word) = match self.state {
            State::Claim => return Action::Claim,
            State::Move => (self.unit.source, "MOVE"),
            State::Confirm => return Action::Confirm,
            State::Own => (self.unit.target, "OWN"),
            State::Withdraw(_) => (self.unit.target, "FORGET"),
            State::Done => return Action::Done,
        };
        let slots = self.unit.slots().map(|slot| slot.to_string());
        let words = [word.to_owned()].into_iter().chain(slots);
        let verbs = vec![Verb::Client(words.map(String::into_bytes).collect())];
        Action::Ask { node, verbs }
    }

    fn opens(&self) -> bool {
        matches!(self.state, State::Move)
    }

    fn answer(&mut self, replies: Vec<Reply>) -> Result<(), Halt> {
        if !matches!(replies.as_slice(), [Reply::Text(_)]) {
            let message = format!("{}: it is odd", self.unit);
            return Err(Halt::Stop(Error::new(ErrorKind::Stopped, message)));
        }
        self.state = match &self.state {
            State::Move => State::Confirm,
            State::Withdraw(why) => return Err(Halt::Closed(why.clone())),
            _ => State::Done,
        };
        Ok(())
    }

    fn lose_answer(&mut self) -> bool {
        false
    }

    fn claimed(&mut self) {
        self.state = State::Move;
    }

    fn withdraw(&mut self, why: Error) {
        self.state = State::Withdraw(why);
    }

    fn confirmed(&mut self, _epoch: u64, _others: Vec<NodeId>) {
        self.state = State::Own;
    }

    fn is_confirmed(&self, is_asked: bool) -> bool {
        matches!(self.state, State::Own) && !is_asked
    }

    fn outdate(&mut self, is_asked: bool) {
        if self.is_confirmed(is_asked) {
            self.state = State::Confirm;
        }
    }

    fn give_up(&mut self, _why: &Error) -> bool {
        false
    }

    fn is_unopened(&self) -> bool {
        false
    }

    fn is_closed(&self) -> bool {
        matches!(self.state, State::Done)
    }

    fn moved(&self) -> (u64, u64) {
        match self.state {
            State::Claim | State::Move | State::Withdraw(_) => (0, 0),
            State::Confirm | State::Own | State::Done => (KEYS * self.unit.count() as u64, 0),
        }
    }

    fn look_at(&mut self, doubtful: Vec<KeyInDoubt>, _failures: Option<Failures>) {
        self.doubts = doubtful;
    }

    fn doubts(&self) -> Vec<KeyInDoubt> {
        self.doubts.clone()
    }

    fn in_place_of(mut self, earlier: &Fake) -> Fake {
        self.doubts.clone_from(&earlier.doubts);
        self
    }
}

//! Asks nodes, and hears whoever answers first.
//!
//! ```text
//!                 sent at once                     all has come
//!  ask ──┬──────────────────────> listened to ───────────────────> answer
//!        │                             │ takes long, or is much       ▲
//!        │ a link to be made, or       ▼                              │
//!        └─ more than fits ────────> its lane: a thread a node, waits ┘
//! ```
//!
//! What is answered within [`QUICK`], and that is nearly everything, costs no change of threads: of
//! slots with few keys that would be a third of the time. What takes longer, such as a `MIGRATE` of
//! large values, or a node that stands still, is waited for by a thread of its own, so that it holds
//! nobody up.

use crate::cluster::verb::{Heard, NodeLink, Reply, Verb};
use crate::cluster::{LiveNode, NodeAddr, NodeId};
use crate::error::{Error, ErrorKind, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::BorrowedFd;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;
use std::time::{Duration, Instant};

/// How long an answer is listened for before its lane waits for it.
const QUICK: Duration = Duration::from_millis(20);
/// How much of an answer is taken in before its lane reads the rest: a part is read again each time
/// that more has come.
const QUICK_BYTES: usize = 64 << 10;
/// How long those who are listened to may keep a lane's answer waiting.
const BETWEEN: Duration = Duration::from_millis(1);

/// A question to a node.
pub(super) struct Question {
    /// Where somebody is asked over a link of its own, made for this question; none asks the node.
    pub at: Option<NodeAddr>,
    /// What is asked.
    pub verbs: Vec<Verb>,
}

/// What came of it.
pub(super) type Answer = (NodeId, Result<Vec<Reply>>);

/// What a lane does.
enum Errand {
    /// Asks, and waits for the answer.
    Ask(Question),
    /// Waits for what was asked already.
    Finish,
}

/// A node with what is known of its link.
struct Post<'a, L> {
    id: NodeId,
    node: &'a mut LiveNode<L>,
    /// It is made anew before anything is asked.
    is_broken: bool,
}

/// A node's post, which its lane and the desk take in turn, and how its lane is sent for.
struct Place<'a, L> {
    post: Arc<Mutex<Post<'a, L>>>,
    lane: Sender<Errand>,
}

/// Who can be asked, and who was. Each node is asked one question at a time.
pub(super) struct Desk<'a, L> {
    places: BTreeMap<NodeId, Place<'a, L>>,
    /// Those that are listened to, since when.
    asked: Vec<(NodeId, Instant)>,
    /// How many lanes have an errand.
    away: usize,
    /// What came of questions that couldn't be asked.
    failed: VecDeque<Answer>,
    answers: Receiver<Answer>,
}

impl<'a, L: NodeLink> Desk<'a, L> {
    /// A desk for these nodes; their lanes end when it is gone.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the system gives no thread.
    pub fn new<'scope>(
        nodes: impl Iterator<Item = (NodeId, &'a mut LiveNode<L>)>,
        scope: &'scope Scope<'scope, '_>,
    ) -> Result<Desk<'a, L>>
    where
        'a: 'scope,
        L: 'a,
    {
        let (answer, answers) = channel();
        let mut places = BTreeMap::new();
        for (id, node) in nodes {
            let post = Arc::new(Mutex::new(Post {
                id,
                node,
                is_broken: false,
            }));
            let (lane, errands) = channel();
            let (own, answer) = (post.clone(), answer.clone());
            let run = move || {
                while let Ok(errand) = errands.recv() {
                    let replies = taken(&own).run(errand);
                    if answer.send((id, replies)).is_err() {
                        return;
                    }
                }
            };
            let named = std::thread::Builder::new().name(format!("node {}", id.short()));
            let spawned = named.spawn_scoped(scope, run);
            spawned.map_err(|cause| Error::io("thread", cause))?;
            places.insert(id, Place { post, lane });
        }
        Ok(Desk {
            places,
            asked: Vec::new(),
            away: 0,
            failed: VecDeque::new(),
            answers,
        })
    }

    /// Asks a node; what comes of it comes from [`Desk::wait`].
    pub fn ask(&mut self, node: NodeId, question: Question) {
        let Some(place) = self.places.get(&node) else {
            let message = format!("there is no connection to node {node}");
            let error = Error::new(ErrorKind::Connect, message);
            return self.failed.push_back((node, Err(error)));
        };
        let begun = match question.at {
            Some(_) => None,
            None => taken(&place.post).begin(&question.verbs),
        };
        match begun {
            Some(Ok(true)) => self.asked.push((node, Instant::now())),
            Some(Ok(false)) => self.send_lane(node, Errand::Finish),
            Some(Err(error)) => self.failed.push_back((node, Err(error))),
            None => self.send_lane(node, Errand::Ask(question)),
        }
    }

    fn send_lane(&mut self, node: NodeId, errand: Errand) {
        let sent = self.places.get(&node).map(|place| place.lane.send(errand));
        match sent {
            Some(Ok(())) => self.away += 1,
            _ => {
                let error = Error::new(ErrorKind::Connect, format!("node {node} can't be asked"));
                self.failed.push_back((node, Err(error)));
            }
        }
    }

    /// The next answer, if one comes in so long a time.
    pub fn wait(&mut self, most: Duration) -> Option<Answer> {
        let until = Instant::now() + most;
        loop {
            if let Some(answer) = self.failed.pop_front() {
                return Some(answer);
            }
            self.send_lanes_to_the_slow();
            if let Some(answer) = self.of_a_lane(until) {
                return Some(answer);
            }
            if let Some(answer) = self.listen(until) {
                return Some(answer);
            }
            if Instant::now() >= until {
                return None;
            }
        }
    }

    fn send_lanes_to_the_slow(&mut self) {
        let is_slow = |asked: &(NodeId, Instant)| asked.1.elapsed() >= QUICK;
        let slow: Vec<_> = self.asked.extract_if(.., |asked| is_slow(asked)).collect();
        for (node, _) in slow {
            self.send_lane(node, Errand::Finish);
        }
    }

    /// What a lane brings, which is waited for where nobody is listened to.
    fn of_a_lane(&mut self, until: Instant) -> Option<Answer> {
        if self.away == 0 && !self.asked.is_empty() {
            return None;
        }
        let wait = if self.asked.is_empty() {
            until.saturating_duration_since(Instant::now())
        } else {
            Duration::ZERO
        };
        match self.answers.recv_timeout(wait) {
            Ok(answer) => {
                self.away -= 1;
                Some(answer)
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }

    /// What one of those says that are listened to.
    fn listen(&mut self, until: Instant) -> Option<Answer> {
        let wait = until
            .saturating_duration_since(Instant::now())
            .min(match self.away {
                0 => QUICK,
                _ => BETWEEN,
            });
        for node in self.heard_from(wait) {
            let place = self.places.get(&node)?;
            let heard = taken(&place.post).heard();
            match heard {
                Ok(Heard::Part(bytes)) if bytes < QUICK_BYTES => continue,
                _ => self.asked.retain(|(asked, _)| *asked != node),
            }
            match heard {
                Ok(Heard::All(replies)) => return Some((node, Ok(replies))),
                Ok(Heard::Part(_)) => self.send_lane(node, Errand::Finish),
                Err(error) => return Some((node, Err(error))),
            }
        }
        None
    }

    /// Of whom something has come, those first who were asked first.
    fn heard_from(&self, wait: Duration) -> Vec<NodeId> {
        let posts = self.asked.iter().filter_map(|(id, _)| {
            let place = self.places.get(id)?;
            Some((*id, taken(&place.post)))
        });
        let mut posts: Vec<(NodeId, MutexGuard<Post<L>>)> = posts.collect();
        let sockets = posts.iter_mut().filter_map(|(id, post)| {
            let halves = post.node.link.halves()?;
            Some((*id, halves.socket()))
        });
        who_speaks(sockets.collect(), wait)
    }
}

/// What was asked is heard to the end, before anybody else asks over the same link.
impl<L> Drop for Desk<'_, L> {
    fn drop(&mut self) {
        for (node, _) in self.asked.drain(..) {
            if let Some(place) = self.places.get(&node) {
                // A lane that is gone has nothing to wait for.
                let _ = place.lane.send(Errand::Finish);
            }
        }
    }
}

impl<L: NodeLink> Post<'_, L> {
    /// Asks at once, where that can be; else its lane has to.
    fn begin(&mut self, verbs: &[Verb]) -> Option<Result<bool>> {
        if self.is_broken {
            return None;
        }
        let begun = self.node.link.halves()?.begin(verbs);
        self.is_broken = begun.is_err();
        Some(begun)
    }

    fn heard(&mut self) -> Result<Heard> {
        let heard = match self.node.link.halves() {
            Some(halves) => halves.heard(),
            None => Ok(Heard::Part(usize::MAX)),
        };
        self.is_broken = heard.is_err();
        heard
    }

    fn run(&mut self, errand: Errand) -> Result<Vec<Reply>> {
        if let Errand::Ask(Question {
            at: Some(addr),
            verbs,
        }) = &errand
        {
            return self.node.link.another(addr)?.round_trip(verbs);
        }
        let replies = match errand {
            Errand::Ask(question) => {
                if self.is_broken {
                    self.renew()
                        .and_then(|()| self.node.link.round_trip(&question.verbs))
                } else {
                    self.node.link.round_trip(&question.verbs)
                }
            }
            Errand::Finish => match self.node.link.halves() {
                Some(halves) => halves.finish(),
                None => Err(Error::new(ErrorKind::Connect, "nothing was asked")),
            },
        };
        self.is_broken = replies.is_err();
        replies
    }

    fn renew(&mut self) -> Result<()> {
        self.node.renew(self.id)
    }
}

/// A lane that has panicked ends the run with its own words, when its scope ends.
fn taken<'post, 'a, L>(post: &'post Mutex<Post<'a, L>>) -> MutexGuard<'post, Post<'a, L>> {
    post.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whose socket has something to read, within so long a time.
fn who_speaks(sockets: Vec<(NodeId, BorrowedFd)>, wait: Duration) -> Vec<NodeId> {
    let (ids, sockets): (Vec<NodeId>, Vec<BorrowedFd>) = sockets.into_iter().unzip();
    let polled = sockets.into_iter();
    let polled = polled.map(|socket| PollFd::new(socket, PollFlags::POLLIN));
    let mut polled: Vec<PollFd> = polled.collect();
    // Rounded up: a wait of nothing would be asked for over and over.
    let wait_ms = wait.as_micros().div_ceil(1_000);
    let timeout = PollTimeout::from(u16::try_from(wait_ms).unwrap_or(u16::MAX));
    // Interrupted by a signal, nobody has said anything; whoever is refused to be listened to is read,
    // and says why.
    match poll(&mut polled, timeout) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(_) => return ids,
    }
    let has_come = |polled: &PollFd| polled.any().unwrap_or(true);
    let speaks = polled.iter().map(has_come).zip(ids);
    speaks
        .filter(|(speaks, _)| *speaks)
        .map(|(_, id)| id)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::link::{Patience, RedisLink};
    use crate::execute::testing::id;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// Somebody who answers each request with these bytes after so long, once for each link that is
    /// made to it.
    fn node(
        name: char,
        answers: &'static [&'static [u8]],
        after_ms: u64,
    ) -> (NodeId, LiveNode<RedisLink>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut socket, _) = listener.accept().expect("a client");
                std::thread::spawn(move || {
                    while socket.read(&mut [0; 1024]).is_ok_and(|count| count > 0) {
                        std::thread::sleep(Duration::from_millis(after_ms));
                        // The client may have gone.
                        if socket.write_all(answer).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        let addr = NodeAddr::new("127.0.0.1", port);
        let link = RedisLink::connect(&addr, None, Patience::default()).expect("connects");
        (id(name), LiveNode { addr, link })
    }

    fn ask(desk: &mut Desk<RedisLink>, name: char) {
        let verbs = vec![Verb::MyId];
        desk.ask(id(name), Question { at: None, verbs });
    }

    fn next(desk: &mut Desk<RedisLink>) -> (NodeId, Result<Vec<Reply>>) {
        desk.wait(Duration::from_secs(20)).expect("an answer")
    }

    #[test]
    fn who_takes_long_holds_nobody_up_and_is_heard_to_the_end() {
        let mut nodes = [node('a', &[b":1\r\n"], 300), node('b', &[b":2\r\n"], 0)];
        std::thread::scope(|scope| {
            let of = nodes.iter_mut().map(|(id, node)| (*id, node));
            let mut desk = Desk::new(of, scope).expect("threads");
            ask(&mut desk, 'a');
            let mut heard = 0;
            let slow = loop {
                ask(&mut desk, 'b');
                let (node, replies) = next(&mut desk);
                if node == id('a') {
                    break replies;
                }
                assert_eq!(replies.expect("it answers"), [Reply::Int(2)]);
                heard += 1;
            };
            assert_eq!(slow.expect("it answers"), [Reply::Int(1)]);
            assert!(heard > 1, "{heard}");
            // One answer of `b` is still to come, and `a` is left while it owes one.
            assert_eq!(next(&mut desk).0, id('b'));
            ask(&mut desk, 'a');
            assert!(desk.wait(Duration::from_millis(1)).is_none());
        });
        // So nothing is left over that would be taken for the next answer.
        let again = nodes[0].1.link.round_trip(&[Verb::MyId]);
        assert_eq!(again.expect("it answers"), [Reply::Int(1)]);
    }

    #[test]
    fn a_broken_link_is_made_anew_to_the_same_node_alone() {
        let mut nodes = [node(
            'a',
            &[
                b"oops\r\n",
                b"$1\r\nx\r\n",
                b"$40\r\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
            ],
            0,
        )];
        std::thread::scope(|scope| {
            let of = nodes.iter_mut().map(|(id, node)| (*id, node));
            let mut desk = Desk::new(of, scope).expect("threads");
            let mut said = || {
                ask(&mut desk, 'a');
                next(&mut desk)
                    .1
                    .map_err(|error| error.message().to_owned())
            };
            assert!(said().unwrap_err().contains("as a server does"));
            assert!(said().unwrap_err().contains("expected aaaa"));
            assert!(said().is_ok());
            ask(&mut desk, 'f');
            let (node, none) = next(&mut desk);
            assert!(node == id('f') && none.is_err(), "there is no such node");
        });
    }

    #[test]
    fn who_never_answers_is_given_up_as_over_any_link() {
        let (id, mut node) = node('a', &[b":1\r\n", b":1\r\n"], 60_000);
        let patience = Patience {
            answer_ms: 50,
            ..Patience::default()
        };
        node.link = RedisLink::connect(&node.addr, None, patience).expect("connects");
        std::thread::scope(|scope| {
            let mut desk = Desk::new([(id, &mut node)].into_iter(), scope).expect("threads");
            ask(&mut desk, 'a');
            let error = next(&mut desk).1.expect_err("it is silent");
            assert!(
                error.message().contains("did not answer in time"),
                "{error:?}"
            );
        });
    }
}

//! Clears up the orphaned keys of one slot on one node.

use super::find::OrphanedKeys;
use crate::cluster::login::Login;
use crate::cluster::verb::{Migrate, NodeLink, Reply, SetSlot, Verb};
use crate::cluster::{LiveCluster, NodeAddr, NodeId, keyspace};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::named_key;
use crate::execute::copies::{self, Compared, Comparison, Copy, Side, Walk};
use crate::execute::mover::{Cause, KeyInDoubt};
use crate::execute::options::OnConflict;
use crate::slot::Slot;

/// How many keys are listed and compared at once.
const KEYS_AT_ONCE: u32 = 64;
/// How often a listing may bring keys that were to be gone before we stop.
const MAX_STANDSTILLS: u32 = 16;

/// What becomes of copies that the owner doesn't have as well.
#[derive(Clone, Debug)]
pub struct ClearingOptions {
    /// `KeepSource`: the orphaned copy goes to the owner; `KeepTarget`: it is deleted.
    pub on_conflict: OnConflict,
    /// Where a holder reaches the owner, proven; for `KeepSource` alone.
    pub route: Option<NodeAddr>,
    /// What the holder logs in with there.
    pub login: Option<Login>,
    /// The longest silence between the two.
    pub timeout_ms: u64,
}

/// What was cleared up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// Orphaned copies that the owner has as well, deleted.
    pub copies: u64,
    /// Keys for which the person's wish chose.
    pub conflicts: u64,
}

/// Why orphaned keys aren't cleared up.
#[derive(Clone, Debug)]
pub struct NotCleared {
    /// What stopped it.
    pub error: Error,
    /// The key that it stopped at, where a person has to choose.
    pub key: Option<KeyInDoubt>,
}

impl From<Error> for NotCleared {
    fn from(error: Error) -> NotCleared {
        NotCleared { error, key: None }
    }
}

/// Clears up the orphaned keys of one slot on one node.
///
/// # Errors
/// [`ErrorKind::Stopped`] at a copy that the owner doesn't have as well, unless a wish says what
/// becomes of it; or when a node can't be asked, or refuses.
pub fn clear<L: NodeLink>(
    cluster: &mut LiveCluster<L>,
    orphaned: OrphanedKeys,
    options: &ClearingOptions,
) -> Result<Cleared, NotCleared> {
    let mut clearing = Clearing {
        cluster,
        orphaned,
        options,
        cleared: Cleared::default(),
    };
    clearing.set_slot(SetSlot::Importing {
        source: orphaned.owner,
    })?;
    for db in keyspace::databases(clearing.cluster, orphaned.holder)?.used {
        clearing.database(db)?;
    }
    clearing.cluster.ask(orphaned.holder, &Verb::Select(0))?;
    clearing.set_slot(SetSlot::Stable)?;
    Ok(clearing.cleared)
}

struct Clearing<'a, L> {
    cluster: &'a mut LiveCluster<L>,
    orphaned: OrphanedKeys,
    options: &'a ClearingOptions,
    cleared: Cleared,
}

impl<L: NodeLink> Clearing<'_, L> {
    fn database(&mut self, db: u32) -> Result<(), NotCleared> {
        let listing = Verb::KeysInSlot {
            slot: self.orphaned.slot,
            limit: KEYS_AT_ONCE,
        };
        let counting = Verb::CountKeys(self.orphaned.slot);
        let both = [listing.clone(), counting.clone()];
        let mut fewest = None;
        let mut standstills = 0;
        loop {
            let mut answers = self.ask_all(self.orphaned.holder, db, &both)?.into_iter();
            let mut next = || answers.next().unwrap_or(Reply::Nil);
            let (keys, left) = (next().byte_strings(&listing)?, next().count(&counting)?);
            self.require_sound(&keys, left)?;
            if keys.is_empty() {
                return Ok(());
            }
            // What is listed may be anything; what is counted must get less.
            match fewest {
                Some(fewest) if left >= fewest => standstills += 1,
                _ => fewest = Some(left),
            }
            if standstills > MAX_STANDSTILLS {
                let holder = self.cluster.name(self.orphaned.holder);
                let what = format!("{holder} lists keys that can't be cleared up");
                return Err(self.stopped(&what).into());
            }
            self.keys(db, &keys)?;
        }
    }

    /// Nothing is deleted by a list that has keys of another slot, nor the slot closed by one that
    /// is empty where keys are counted.
    fn require_sound(&self, keys: &[Vec<u8>], left: u64) -> Result<()> {
        let holder = self.cluster.name(self.orphaned.holder);
        if let Some(foreign) = keys
            .iter()
            .find(|key| Slot::for_key(key) != self.orphaned.slot)
        {
            let key = named_key(foreign);
            return Err(self.stopped(&format!("{holder} lists {key}, a key of another slot")));
        }
        if keys.is_empty() && left > 0 {
            Err(self.stopped(&format!("{holder} counts {left} keys and lists none")))
        } else {
            Ok(())
        }
    }

    fn keys(&mut self, db: u32, keys: &[Vec<u8>]) -> Result<(), NotCleared> {
        let (holder, owner) = (self.orphaned.holder, self.orphaned.owner);
        let mut weights = self.weights(holder, db, keys, &[Verb::Asking])?;
        let theirs = self.weights(owner, db, keys, &[])?;
        for (weight, other) in weights.iter_mut().zip(theirs) {
            *weight = other.max(*weight);
        }
        let mine = self.copies(holder, db, (keys, &weights), &[Verb::Asking])?;
        let theirs = self.copies(owner, db, (keys, &weights), &[])?;
        let (mut dropped, mut sent) = (Vec::new(), Vec::new());
        let both = mine.into_iter().zip(theirs).zip(&weights);
        for (key, ((mut mine, mut theirs), weight)) in keys.iter().zip(both) {
            let untold = self.read_values(db, key, (&mut mine, &mut theirs), *weight)?;
            match self.options.on_conflict {
                // It has expired since it was listed.
                _ if mine == Copy::GONE => {}
                _ if mine.is_same(&theirs) => {
                    self.cleared.copies += 1;
                    dropped.push(key.clone());
                }
                OnConflict::Stop => return Err(self.conflict((db, key), &theirs, untold)),
                OnConflict::KeepTarget => {
                    self.cleared.conflicts += 1;
                    dropped.push(key.clone());
                }
                OnConflict::KeepSource => {
                    self.cleared.conflicts += 1;
                    sent.push(key.clone());
                }
            }
        }
        self.drop_keys(db, &dropped)?;
        if !sent.is_empty() {
            self.send_home(db, sent)?;
        }
        Ok(())
    }

    /// What keys take in a node's memory, each question behind these verbs.
    fn weights(
        &mut self,
        node: NodeId,
        db: u32,
        keys: &[Vec<u8>],
        before: &[Verb],
    ) -> Result<Vec<u64>> {
        let questions = copies::weigh(keys, before);
        let answers = self.ask_all(node, db, &questions)?;
        let asked = questions.iter().zip(answers);
        let answers = asked.filter(|(verb, _)| !matches!(verb, Verb::Asking));
        Ok(answers.map(|(_, reply)| copies::weight(&reply)).collect())
    }

    /// The values and remaining lives of keys on a node, each question behind these verbs.
    fn copies(
        &mut self,
        node: NodeId,
        db: u32,
        (keys, weights): (&[Vec<u8>], &[u64]),
        before: &[Verb],
    ) -> Result<Vec<Copy>> {
        let questions = copies::questions(keys, weights, before);
        let answers = self.ask_all(node, db, &questions)?;
        let asked = questions.iter().zip(answers);
        let mut answers = asked.filter(|(verb, _)| !matches!(verb, Verb::Asking));
        let mut copies = Vec::with_capacity(keys.len());
        while let (Some((verb, dump)), Some((_, ttl))) = (answers.next(), answers.next()) {
            let weight = weights.get(copies.len()).copied().unwrap_or(0);
            let copy = Copy::of(dump, ttl, weight);
            copies.push(copy.or_else(|odd| self.odd(node, verb, odd))?);
        }
        Ok(copies)
    }

    /// Reads both values where the dumps alone don't tell whether they are the same; why they can't
    /// be compared.
    fn read_values(
        &mut self,
        db: u32,
        key: &[u8],
        (mine, theirs): (&mut Copy, &mut Copy),
        weight: u64,
    ) -> Result<Option<String>> {
        match mine.doubt(theirs, weight) {
            None => Ok(None),
            Some(Comparison::Read(kind)) => {
                let read = [Verb::Asking, kind.read(key)];
                let held = self.ask_all(self.orphaned.holder, db, &read)?.pop();
                let owned = self.ask(self.orphaned.owner, db, kind.read(key))?;
                copies::take_in(kind, (mine, theirs), (held.unwrap_or(Reply::Nil), owned));
                Ok(None)
            }
            Some(Comparison::Walk { bytes }) => {
                let compared = self.walk(db, Walk::new(key.to_vec(), bytes))?;
                Ok(copies::settle(compared, (theirs, mine)))
            }
        }
    }

    /// Compares a big value element by element: the owner's are read in turn, the holder's asked
    /// for.
    fn walk(&mut self, db: u32, mut walk: Walk) -> Result<Compared> {
        loop {
            let asked = walk.ask();
            let replies = match walk.side() {
                Side::Source => self.ask_all(self.orphaned.owner, db, &asked)?,
                Side::Target => {
                    let each = asked.iter().flat_map(|verb| [Verb::Asking, verb.clone()]);
                    let each: Vec<Verb> = each.collect();
                    let replies = self.ask_all(self.orphaned.holder, db, &each)?;
                    replies.into_iter().skip(1).step_by(2).collect()
                }
            };
            if let Some(compared) = walk.answer(replies) {
                return Ok(compared);
            }
        }
    }

    fn drop_keys(&mut self, db: u32, keys: &[Vec<u8>]) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let delete = |key: &Vec<u8>| {
            let words = vec![b"DEL".to_vec(), key.clone()];
            [Verb::Asking, Verb::Client(words)]
        };
        let verbs: Vec<Verb> = keys.iter().flat_map(delete).collect();
        let replies = self.ask_all(self.orphaned.holder, db, &verbs)?;
        for (verb, reply) in verbs.iter().zip(replies) {
            let accepted = reply.accepted(verb);
            accepted.map_err(|error| self.cluster.blame(self.orphaned.holder, error))?;
        }
        Ok(())
    }

    fn send_home(&mut self, db: u32, keys: Vec<Vec<u8>>) -> Result<()> {
        let target = self.options.route.clone().ok_or_else(|| {
            let message = "no proven route to its owner";
            self.stopped(message).of_kind(ErrorKind::Unsafe)
        })?;
        let verb = Verb::Migrate(Migrate {
            target,
            db,
            timeout_ms: self.options.timeout_ms,
            login: self.options.login.clone(),
            replace: true,
            keys,
        });
        let sent = self.ask(self.orphaned.holder, db, verb.clone())?;
        let sent = sent.accepted(&verb).map(drop);
        sent.map_err(|error| {
            let error = self.cluster.blame(self.orphaned.holder, error);
            error.of_kind(ErrorKind::Stopped)
        })
    }

    fn set_slot(&mut self, state: SetSlot) -> Result<()> {
        let (node, slot) = (self.orphaned.holder, self.orphaned.slot);
        let verb = Verb::SetSlot { slot, state };
        let accepted = self.cluster.ask(node, &verb)?.accepted(&verb).map(drop);
        accepted.map_err(|error| {
            let error = self.cluster.blame(node, error);
            error
                .context(format!("slot {slot}"))
                .of_kind(ErrorKind::Stopped)
        })
    }

    /// The answer to one verb in a database.
    fn ask(&mut self, node: NodeId, db: u32, verb: Verb) -> Result<Reply> {
        let answers = self.ask_all(node, db, std::slice::from_ref(&verb))?;
        answers.into_iter().next().ok_or_else(|| {
            let message = format!("{} got no answer", verb.name());
            self.cluster
                .blame(node, Error::new(ErrorKind::Server, message))
        })
    }

    /// The answers to verbs in a database; the link is back at the first one after them.
    fn ask_all(&mut self, node: NodeId, db: u32, verbs: &[Verb]) -> Result<Vec<Reply>> {
        let select = [Verb::Select(db)];
        let all = [&select, verbs, &[Verb::Select(0)]].concat();
        let mut replies = self.cluster.round_trip(node, &all)?.into_iter();
        let selected = replies.next().unwrap_or(Reply::Nil);
        let selected = selected.accepted(&select[0]);
        selected.map_err(|error| self.cluster.blame(node, error))?;
        Ok(replies.take(verbs.len()).collect())
    }

    fn odd<T>(&self, node: NodeId, verb: &Verb, odd: Reply) -> Result<T> {
        let odd = odd.accepted(verb).and_then(|reply| {
            let message = format!("{} answered {}", verb.name(), reply.kind());
            Err(Error::new(ErrorKind::Server, message))
        });
        odd.map_err(|error| self.cluster.blame(node, error))
    }

    fn stopped(&self, what: &str) -> Error {
        Error::new(
            ErrorKind::Stopped,
            format!("slot {}: {what}", self.orphaned.slot),
        )
    }

    fn conflict(
        &self,
        (db, key): (u32, &[u8]),
        theirs: &Copy,
        untold: Option<String>,
    ) -> NotCleared {
        let holder = self.cluster.name(self.orphaned.holder);
        let owner = self.cluster.name(self.orphaned.owner);
        let what = match (theirs.dump.as_ref(), untold) {
            (None, _) => "and no longer, or never, on its owner".to_owned(),
            (_, Some(why)) => format!("and whether with its owner's value isn't known: {why}"),
            (Some(_), None) => "with another value or life".to_owned(),
        };
        let named = named_key(key);
        let message =
            format!("key {named} is on {holder}, which doesn't own the slot, {what} ({owner})");
        let error = self.stopped(&message).fix(format!(
            "look at both (GET, after ASKING on {holder}), then resume with --on-conflict \
             keep-target to keep what the owner has, or keep-source to keep the other"
        ));
        let doubtful = KeyInDoubt::new(db, key.to_vec(), Cause::Kept);
        NotCleared {
            error,
            key: Some(doubtful),
        }
    }
}

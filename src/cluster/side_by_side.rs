//! Many nodes asked at the same time: it takes as long as the slowest of them, not as all together.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many nodes are waited for at once, a thread each: 1,000 addresses that drop packets, given
/// up after five seconds, take 40 s.
const THREADS_MAX: usize = 128;

/// Does this with each item, side by side; the results are in the items' order.
pub(super) fn each<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = items.len().min(THREADS_MAX);
    let left = Mutex::new(items.into_iter().enumerate());
    let done = Mutex::new(Vec::new());
    let one_by_one = || {
        loop {
            let Some((index, item)) = held(&left).next() else {
                return;
            };
            let result = work(item);
            held(&done).push((index, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            let named = std::thread::Builder::new().name("asks a node".to_owned());
            // Where there can be no more threads, those that are there do it all.
            if named.spawn_scoped(scope, one_by_one).is_err() {
                break;
            }
        }
        one_by_one();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Who is being asked, and hasn't answered: for a word to whom waits for it.
#[derive(Debug, Default)]
pub struct Awaited(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    asked: usize,
    pending: BTreeSet<String>,
}

impl Awaited {
    /// How many nodes are asked, and the names of those that haven't answered, ascending.
    pub fn pending(&self) -> (usize, Vec<String>) {
        let state = held(&self.0);
        (state.asked, state.pending.iter().cloned().collect())
    }

    /// From now on these are waited for, and nobody else.
    pub(super) fn begin(&self, names: impl IntoIterator<Item = String>) {
        let mut state = held(&self.0);
        state.pending = names.into_iter().collect();
        state.asked = state.pending.len();
    }

    /// This one has answered, or was given up.
    pub(super) fn end(&self, name: &str) {
        held(&self.0).pending.remove(name);
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    #[test]
    fn all_are_under_way_at_once_and_their_results_in_order() {
        // None comes through before all have come.
        let gate = Barrier::new(THREADS_MAX);
        let results = each((0..THREADS_MAX).collect(), |item| {
            gate.wait();
            item * 2
        });
        assert_eq!(
            results,
            (0..THREADS_MAX).map(|item| item * 2).collect::<Vec<_>>()
        );
        let many: Vec<usize> = (0..10 * THREADS_MAX).collect();
        assert_eq!(each(many.clone(), |item| item), many);
        assert_eq!(each(Vec::<u8>::new(), |item| item), Vec::<u8>::new());
    }

    #[test]
    fn those_that_have_answered_are_awaited_no_more() {
        let awaited = Awaited::default();
        awaited.begin(["b:1".to_owned(), "a:1".to_owned()]);
        assert_eq!(
            awaited.pending(),
            (2, vec!["a:1".to_owned(), "b:1".to_owned()])
        );
        awaited.end("b:1");
        assert_eq!(awaited.pending(), (2, vec!["a:1".to_owned()]));
    }
}

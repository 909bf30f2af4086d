//! Finds where a unit stands, by where each of its slots does.

use crate::cluster::NodeId;
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Move;
use crate::execute::mover::{Entry, Unit};
use crate::execute::resume::{self, Standing};
use crate::execute::shards::Shards;
use crate::execute::views::Views;

/// How a unit that was begun goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum UnitStanding {
    /// Nobody has it open; with who owns it, as its target says.
    Settled(Option<NodeId>),
    /// It goes on between these two, from here.
    GoesOn(Unit, Entry),
}

/// Where a unit that was begun stands.
///
/// # Errors
/// As [`resume::standing_of`] for the first slot of which nobody can tell; and where its slots
/// don't all stand alike: it goes on as a whole, and the next run sees to each.
pub(super) fn of_unit(views: &Views, shards: &Shards, begun: &Unit) -> Result<UnitStanding> {
    let first = of_slot(views, shards, begun, begun.first_move())?;
    for task in begun.moves().skip(1) {
        if of_slot(views, shards, begun, task)? != first {
            let (slot, lead) = (task.slot, begun.first());
            let message = format!("{begun}: slot {slot} doesn't stand as slot {lead} does");
            return Err(Error::new(ErrorKind::Unsafe, message));
        }
    }
    Ok(first)
}

fn of_slot(views: &Views, shards: &Shards, unit: &Unit, task: Move) -> Result<UnitStanding> {
    Ok(match resume::standing_of(views, shards, task)? {
        Standing::Settled => {
            let view = views.get(&task.target);
            UnitStanding::Settled(view.and_then(|view| view.map().owner(task.slot)))
        }
        Standing::GoesOn(task, entry) => {
            UnitStanding::GoesOn(unit.between(task.source, task.target), entry)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::parse;
    use crate::execute::testing::{id, nodes_text, unit};

    /// What `a` and `b` believe, where slots 0 and 1 go from `a` to `b` and this stands in each's
    /// own line, and these slots are `b`'s.
    fn views(open: [&str; 2], gone: &str) -> Views {
        let view = |(myself, open): (char, &str)| {
            let text = nodes_text(myself, |node, line| match node {
                _ if node == myself => changed(node, &line, gone) + open,
                _ => changed(node, &line, gone),
            });
            (
                id(myself),
                parse::cluster_nodes(&text, "test").expect("a view"),
            )
        };
        ['a', 'b'].into_iter().zip(open).map(view).collect()
    }

    fn changed(node: char, line: &str, gone: &str) -> String {
        match node {
            'a' if !gone.is_empty() => line.replace(" 0-5460", " 0 2-5460"),
            'b' => format!("{line}{gone}"),
            _ => line.to_owned(),
        }
    }

    #[test]
    fn a_unit_stands_where_all_its_slots_do() {
        let both = unit(&[0, 1], 'a', 'b');
        let of = |views: &Views| {
            let shards = &Shards::default();
            of_unit(views, shards, &both)
        };
        let migrating = |slot: u16| format!(" [{slot}->-{}]", id('b'));
        let importing = |slot: u16| format!(" [{slot}-<-{}]", id('a'));
        let settled = of(&views(["", ""], "")).expect("a standing");
        assert_eq!(settled, UnitStanding::Settled(Some(id('a'))));
        let open = [migrating(0) + &migrating(1), importing(0) + &importing(1)];
        let opened = of(&views([&open[0], &open[1]], "")).expect("a standing");
        assert_eq!(
            opened,
            UnitStanding::GoesOn(both.clone(), Entry::SourceOwns)
        );
        // One of them is open, or one of them has arrived.
        for views in [
            views([&migrating(1), &importing(1)], ""),
            views(["", ""], " 1"),
        ] {
            let error = of(&views).expect_err("two ways");
            let words = "slots 0-1: slot 1 doesn't stand as slot 0 does";
            assert_eq!(error.message(), words);
        }
    }
}

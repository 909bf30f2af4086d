//! Moves that a person asked for, slot by slot or by number.

use super::model::{Model, NOBODY};
use super::node::{Part, PlanNode};
use super::problem::{HandMove, Problem};
use crate::cluster::NodeId;
use crate::error::{Error, ErrorKind, Result};

/// Where every slot should be after the moves.
///
/// # Errors
/// [`ErrorKind::Usage`] when a move names an unknown or excluded node, a
/// pinned or too big or unassigned slot, a slot twice, or more slots than
/// the sources have.
pub(super) fn assign(problem: &Problem, model: &Model, moves: &[HandMove]) -> Result<Vec<u16>> {
    let mut at = model.home.clone();
    let mut asked = vec![false; at.len()];
    for hand_move in moves {
        match hand_move {
            HandMove::Slots { slots, target } => {
                let target = target_index(problem, *target)?;
                for slot in slots.iter() {
                    let index = slot.index();
                    if std::mem::replace(&mut asked[index], true) {
                        return Err(usage(format!("slot {slot} is moved twice")));
                    }
                    require_movable(problem, model, index)?;
                    at[index] = target as u16;
                }
            }
            HandMove::Count {
                sources,
                target,
                count,
            } => {
                let target = target_index(problem, *target)?;
                let mut from = Vec::new();
                for source in sources {
                    from.push(node_index(problem, *source)?);
                }
                from.sort_unstable();
                from.dedup();
                if from.contains(&target) {
                    return Err(usage("the target is among the sources".to_owned()));
                }
                for slot in choose(model, &asked, &from, *count)? {
                    asked[slot] = true;
                    at[slot] = target as u16;
                }
            }
        }
    }
    Ok(at)
}

/// Each source gives in proportion to what it has; the lightest slots go.
fn choose(model: &Model, asked: &[bool], sources: &[usize], count: usize) -> Result<Vec<usize>> {
    let mut lists: Vec<Vec<usize>> = Vec::with_capacity(sources.len());
    for source in sources {
        let is_free = |slot: &usize| {
            usize::from(model.home[*slot]) == *source && model.movable[*slot] && !asked[*slot]
        };
        let mut slots: Vec<usize> = (0..model.home.len()).filter(is_free).collect();
        slots.sort_by_key(|slot| (model.cost[*slot], *slot));
        lists.push(slots);
    }
    let all: usize = lists.iter().map(Vec::len).sum();
    if count > all {
        return Err(usage(format!(
            "expected at most {all} slots, which is what the sources can give, found {count}"
        )));
    }
    let mut gives: Vec<usize> = lists
        .iter()
        .map(|list| list.len() * count / all.max(1))
        .collect();
    let mut left = count - gives.iter().sum::<usize>();
    // The largest sources round up; fewer slots are left over than there are sources.
    let mut by_size: Vec<usize> = (0..lists.len()).collect();
    by_size.sort_by_key(|index| (std::cmp::Reverse(lists[*index].len()), *index));
    for index in by_size {
        if left > 0 && gives[index] < lists[index].len() {
            gives[index] += 1;
            left -= 1;
        }
    }
    let chosen = lists.into_iter().zip(gives);
    Ok(chosen
        .flat_map(|(list, gives)| list.into_iter().take(gives))
        .collect())
}

fn node_index(problem: &Problem, id: NodeId) -> Result<usize> {
    problem
        .index_of(id)
        .ok_or_else(|| usage(format!("{id} isn't a primary of the cluster")))
}

fn target_index(problem: &Problem, id: NodeId) -> Result<usize> {
    let index = node_index(problem, id)?;
    let node: &PlanNode = &problem.nodes()[index];
    match node.part {
        Part::Excluded => Err(usage(format!(
            "{} is excluded and can't take slots",
            node.name()
        ))),
        Part::Drained => Err(usage(format!(
            "{} is drained and can't take slots",
            node.name()
        ))),
        Part::Balanced => Ok(index),
    }
}

fn require_movable(problem: &Problem, model: &Model, slot: usize) -> Result<()> {
    if model.home[slot] == NOBODY {
        return Err(usage(format!("slot {slot} has no owner to move it from")));
    }
    let owner = &problem.nodes()[usize::from(model.home[slot])];
    if model.movable[slot] {
        return Ok(());
    }
    let why = match owner.part {
        Part::Excluded => format!("its owner {} is excluded", owner.name()),
        _ if problem
            .max_slot_bytes
            .is_some_and(|limit| model.bytes[slot] > limit) =>
        {
            format!("it takes {} bytes, above the size limit", model.bytes[slot])
        }
        _ => "it is pinned".to_owned(),
    };
    Err(usage(format!("slot {slot} can't move: {why}")))
}

fn usage(message: String) -> Error {
    Error::new(ErrorKind::Usage, message)
}

//! Chooses the slots that leave their nodes: as little as possible above what must.

use super::assignment::Assignment;
use super::subset;

/// How many slots are tried in threes to hit an amount.
const TRIED: usize = 100;

/// Takes slots off nodes until everything that must leave has left, and enough
/// to fill the nodes that lack; they are nowhere then.
///
/// Slots above `heaviest` stay unless they must go: nobody might have room for them.
pub(super) fn evict(assignment: &mut Assignment<'_>, heaviest: i64) -> Vec<u16> {
    let mut pool = Vec::new();
    for node in 0..assignment.load.len() {
        if assignment.model.nodes[node].is_drained {
            let slots = assignment.here[node].clone();
            lift(assignment, &slots, &mut pool);
        }
    }
    let lack: i64 = assignment
        .bearers()
        .map(|node| assignment.missing(node).max(0))
        .sum();
    let waiting: i64 = pool.iter().map(|slot| assignment.slot_load(*slot)).sum();
    let nodes: Vec<usize> = assignment.bearers().collect();
    if costs_are_loads(assignment) {
        give(assignment, &nodes, heaviest, lack - waiting, &mut pool);
    } else {
        for node in nodes {
            let chosen = cheapest(assignment, node, assignment.excess(node));
            lift(assignment, &chosen, &mut pool);
        }
        let waiting: i64 = pool.iter().map(|slot| assignment.slot_load(*slot)).sum();
        let chosen = cheapest_of_all(assignment, lack - waiting);
        lift(assignment, &chosen, &mut pool);
    }
    pool
}

/// Every node gives what it must; where that isn't enough for all that lack,
/// one node after the other gives more, the most loaded first.
fn give(
    assignment: &mut Assignment<'_>,
    nodes: &[usize],
    heaviest: i64,
    needed: i64,
    pool: &mut Vec<u16>,
) {
    let level = giving_level(assignment, needed);
    let least = |node: usize, level: i64| assignment.load[node] - limit_at(assignment, node, level);
    let gives = |node: usize, level: i64| {
        let most = assignment.load[node] - assignment.limits[node].lower;
        choose(assignment, node, heaviest, [least(node, level), most])
    };
    let weigh =
        |slots: &[u16]| -> i64 { slots.iter().map(|slot| assignment.slot_load(*slot)).sum() };
    let mut given: Vec<Vec<u16>> = nodes.iter().map(|node| gives(*node, 0)).collect();
    // Whole slots never fit what is lacking to the last unit.
    let needed = needed + needed / SPARE;
    let mut sum: i64 = given.iter().map(|slots| weigh(slots)).sum();
    let mut most_loaded: Vec<usize> = (0..nodes.len()).collect();
    most_loaded.sort_by_key(|index| {
        let node = nodes[*index];
        let fullness = assignment.relative(node, -assignment.missing(node));
        (std::cmp::Reverse(fullness), node)
    });
    for index in most_loaded {
        if sum >= needed || level == 0 {
            break;
        }
        let more = gives(nodes[index], level);
        let gain = weigh(&more) - weigh(&given[index]);
        if gain > 0 {
            sum += gain;
            given[index] = more;
        }
    }
    for slots in given {
        lift(assignment, &slots, pool);
    }
}

fn lift(assignment: &mut Assignment<'_>, slots: &[u16], pool: &mut Vec<u16>) {
    for slot in slots {
        let node = usize::from(assignment.at[usize::from(*slot)]);
        if assignment.can_spare(node) {
            assignment.lift(*slot);
            pool.push(*slot);
        }
    }
}

fn costs_are_loads(assignment: &Assignment<'_>) -> bool {
    let model = assignment.model;
    (0..model.load.len()).all(|slot| {
        !model.movable[slot] || model.load[slot] == 0 || model.load[slot] as u64 == model.cost[slot]
    })
}

/// A part of what is lacking that is given on top of it: one in so many.
const SPARE: i64 = 100;

/// How many steps there are from the upper limits down to the lower ones.
const LEVELS: i64 = 1024;

/// The upper limit lowered by so many steps towards the lower one.
fn limit_at(assignment: &Assignment<'_>, node: usize, level: i64) -> i64 {
    let limits = assignment.limits[node];
    let width = i128::from(limits.upper - limits.lower) * i128::from(level);
    limits.upper - (width / i128::from(LEVELS)) as i64
}

/// How far givers go below their upper limits so that all lacks are filled:
/// the same part of the way for every node.
fn giving_level(assignment: &Assignment<'_>, needed: i64) -> i64 {
    let given = |level: i64| -> i64 {
        assignment
            .bearers()
            .map(|node| (assignment.load[node] - limit_at(assignment, node, level)).max(0))
            .sum()
    };
    let (mut low, mut high) = (0, LEVELS);
    while low < high {
        let middle = (low + high) / 2;
        if given(middle) >= needed {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low.min(LEVELS)
}

/// Slots of a node that weigh together at least `least`, as little more as can
/// be found, and as few as possible.
fn choose(
    assignment: &Assignment<'_>,
    node: usize,
    heaviest: i64,
    [least, most]: [i64; 2],
) -> Vec<u16> {
    let mut chosen = Vec::new();
    if least <= 0 {
        return chosen;
    }
    let all = &assignment.here[node];
    let light = all.partition_point(|slot| assignment.slot_load(*slot) <= heaviest);
    let (light, heavy) = all.split_at(light);
    let enough = light
        .iter()
        .map(|slot| assignment.slot_load(*slot))
        .sum::<i64>()
        >= least;
    let mut rest: Vec<u16> = light.to_vec();
    if !enough {
        rest.extend(heavy);
    }
    let mut amount = least;
    if rest
        .iter()
        .map(|slot| assignment.slot_load(*slot))
        .sum::<i64>()
        <= least
    {
        return rest;
    }
    if rest.len() <= subset::FEW {
        let loads: Vec<i64> = rest
            .iter()
            .map(|slot| assignment.slot_load(*slot))
            .collect();
        if let Some((_, parts)) = subset::lightest(&loads, least, most) {
            return parts.into_iter().map(|part| rest[part]).collect();
        }
    }
    let three_heaviest = |slots: &[u16]| -> i64 {
        let loads = slots.iter().rev().take(3);
        loads.map(|slot| assignment.slot_load(*slot)).sum()
    };
    while amount > 0 {
        let most = most - (least - amount);
        let fitting = rest.partition_point(|slot| assignment.slot_load(*slot) <= most);
        if fitting == 0 {
            // All too heavy for the window.
            chosen.extend(rest.first());
            break;
        }
        // The heaviest first: that is the fewest slots. The last three are picked exactly.
        if three_heaviest(&rest[..fitting]) >= amount
            && let Some(three) = up_to_three(assignment, &rest[..fitting], amount, most)
        {
            chosen.extend(three);
            break;
        }
        let fitting = rest.partition_point(|slot| assignment.slot_load(*slot) <= amount);
        match fitting {
            0 => {
                chosen.extend(rest.first());
                break;
            }
            fitting => {
                let slot = rest.remove(fitting - 1);
                amount -= assignment.slot_load(slot);
                chosen.push(slot);
            }
        }
    }
    chosen
}

/// One, two or three slots with the least sum from `least` to `most`.
fn up_to_three(
    assignment: &Assignment<'_>,
    sorted: &[u16],
    least: i64,
    most: i64,
) -> Option<Vec<u16>> {
    let slots = sample(assignment, sorted, least);
    let loads: Vec<i64> = slots
        .iter()
        .map(|slot| assignment.slot_load(*slot))
        .collect();
    let (_, parts) = subset::lightest_three(&loads, least, most)?;
    Some(parts.into_iter().map(|part| slots[part]).collect())
}

/// Evenly spread representatives of a long list, those near the wanted load among them.
fn sample(assignment: &Assignment<'_>, sorted: &[u16], load: i64) -> Vec<u16> {
    if sorted.len() <= TRIED {
        return sorted.to_vec();
    }
    let near = sorted.partition_point(|slot| assignment.slot_load(*slot) < load);
    let near = near.min(sorted.len() - 1);
    let mut indices: Vec<usize> = (0..TRIED)
        .map(|step| step * (sorted.len() - 1) / (TRIED - 1))
        .collect();
    indices.push(near);
    indices.sort_unstable();
    indices.dedup();
    indices.into_iter().map(|index| sorted[index]).collect()
}

/// Slots of a node that weigh at least so much, the cheapest for their weight first.
fn cheapest(assignment: &Assignment<'_>, node: usize, amount: i64) -> Vec<u16> {
    let mut slots = assignment.here[node].clone();
    sort_by_price(assignment, &mut slots);
    let mut left = amount;
    let mut chosen = Vec::new();
    for slot in slots {
        if left <= 0 {
            break;
        }
        left -= assignment.slot_load(slot);
        chosen.push(slot);
    }
    chosen
}

fn cheapest_of_all(assignment: &Assignment<'_>, amount: i64) -> Vec<u16> {
    let mut slots: Vec<u16> = assignment
        .bearers()
        .flat_map(|node| assignment.here[node].clone())
        .collect();
    sort_by_price(assignment, &mut slots);
    let mut spare: Vec<i64> = (0..assignment.load.len())
        .map(|node| -assignment.missing(node))
        .collect();
    let mut left = amount;
    let mut chosen = Vec::new();
    for slot in slots {
        let node = usize::from(assignment.at[usize::from(slot)]);
        if left <= 0 {
            break;
        }
        if assignment.slot_load(slot) <= spare[node] {
            spare[node] -= assignment.slot_load(slot);
            left -= assignment.slot_load(slot);
            chosen.push(slot);
        }
    }
    chosen
}

/// By cost for each unit of load; among equals the heaviest, then the highest
/// number: what stays then is the lower end of a run.
fn sort_by_price(assignment: &Assignment<'_>, slots: &mut [u16]) {
    slots.sort_by(|a, b| {
        let left = i128::from(assignment.slot_cost(*a)) * i128::from(assignment.slot_load(*b));
        let right = i128::from(assignment.slot_cost(*b)) * i128::from(assignment.slot_load(*a));
        let heavier = assignment.slot_load(*b).cmp(&assignment.slot_load(*a));
        left.cmp(&right).then(heavier).then(b.cmp(a))
    });
}

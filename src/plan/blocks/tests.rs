//! Blocks held against naive counts and searches.

use super::layout::{Block, Layout, Sums};
use super::window::{self, Amount, Place};
use super::{outside, smooth};
use crate::plan::model::{Limits, Model, NOBODY};
use crate::plan::tests::model;
use crate::slot::SLOT_COUNT;

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound.max(1)
    }
}

fn weighed(random: &mut Random) -> Model {
    let sizes: Vec<(u16, u64)> = (0..SLOT_COUNT as u16)
        .map(|slot| (slot, random.below(30) * random.below(2)))
        .collect();
    model(&sizes, [u64::MAX; 4])
}

/// Runs, loads and cost counted slot by slot.
fn counted(model: &Model, at: &[u16]) -> (Vec<Vec<Block>>, Vec<i64>, i64) {
    let mut runs = vec![Vec::new(); model.nodes.len()];
    let mut loads = vec![0; model.nodes.len()];
    let mut cost = 0;
    for (slot, node) in at.iter().enumerate() {
        let before = slot.checked_sub(1).map_or(NOBODY, |slot| at[slot]);
        let list: &mut Vec<Block> = &mut runs[usize::from(*node)];
        match list.last_mut().filter(|_| before == *node) {
            Some(run) => run.last = slot as u16,
            None => list.push(Block {
                first: slot as u16,
                last: slot as u16,
            }),
        }
        loads[usize::from(*node)] += model.load[slot];
        cost += i64::from(model.home[slot] != *node) * model.cost[slot] as i64;
    }
    (runs, loads, cost)
}

/// Any limits: the steps look only at what is outside them.
fn limits(load: i64) -> Vec<Limits> {
    let limits = Limits {
        lower: load * 9 / 10,
        upper: load * 11 / 10,
    };
    vec![limits; 4]
}

fn any_block(layout: &Layout<'_>, random: &mut Random) -> Block {
    let nodes: Vec<usize> = (0..4)
        .filter(|node| !layout.runs[*node].is_empty())
        .collect();
    let node = nodes[random.below(nodes.len() as u64) as usize];
    let runs = &layout.runs[node];
    let run = runs[random.below(runs.len() as u64) as usize];
    let first = run.first + random.below(u64::from(run.len())) as u16;
    let last = first + random.below(u64::from(run.last - first) + 1) as u16;
    Block { first, last }
}

#[test]
fn the_sums_of_a_layout_are_those_of_its_slots() {
    for seed in 0..10 {
        let mut random = Random(seed);
        let model = weighed(&mut random);
        let (sums, limits) = (Sums::of(&model), limits(1 << 20));
        let fixed = vec![false; SLOT_COUNT];
        let at = model.home.clone();
        let mut layout = Layout::new(&model, &sums, &limits, at, fixed, false);
        for _ in 0..60 {
            let block = any_block(&layout, &mut random);
            let to = random.below(4) as usize;
            if !layout.may_go(block, to) {
                continue;
            }
            let expected = layout.total_runs + layout.more_runs(block, to);
            layout.shift(block, to);
            let (runs, loads, cost) = counted(&model, &layout.at);
            assert_eq!(layout.total_runs, expected, "seed {seed}");
            assert_eq!(
                layout.total_runs,
                runs.iter().map(Vec::len).sum::<usize>() as i64
            );
            assert_eq!(
                (&layout.runs, &layout.load, layout.cost),
                (&runs, &loads, cost)
            );
        }
    }
}

/// The fewest runs more of any end of a run that is heavy enough and not too heavy.
fn fewest_more(
    layout: &Layout<'_>,
    [from, to]: [usize; 2],
    [least, most]: [i64; 2],
) -> Option<i64> {
    let mut fewest = None;
    for run in &layout.runs[from] {
        for cut in run.first..=run.last {
            let ends = [(run.first, cut), (cut, run.last)];
            for block in ends.map(|(first, last)| Block { first, last }) {
                let load: i64 = block.slots().map(|slot| layout.model.load[slot]).sum();
                if (least..=most).contains(&load) && layout.may_go(block, to) {
                    let more = layout.more_runs(block, to);
                    fewest = Some(fewest.map_or(more, |known: i64| known.min(more)));
                }
            }
        }
    }
    fewest
}

#[test]
fn no_end_of_a_run_would_leave_fewer_runs() {
    for seed in 0..6 {
        let mut random = Random(100 + seed);
        let model = weighed(&mut random);
        let (sums, limits) = (Sums::of(&model), limits(1 << 20));
        let fixed = vec![false; SLOT_COUNT];
        let at = model.home.clone();
        let mut layout = Layout::new(&model, &sums, &limits, at, fixed, false);
        for _ in 0..20 {
            let (block, to) = (any_block(&layout, &mut random), random.below(4) as usize);
            if layout.may_go(block, to) && block.len() < 300 {
                layout.shift(block, to);
            }
            let pair = [random.below(4) as usize, random.below(4) as usize];
            let least = 1 + random.below(3000) as i64;
            let most = least + random.below(40) as i64;
            let amount = Amount {
                least,
                fine: most,
                most,
            };
            let found = window::best_block(&layout, pair, amount, Place::End);
            let more = found.map(|block| layout.more_runs(block, pair[1]));
            assert_eq!(
                more,
                fewest_more(&layout, pair, [least, most]),
                "seed {seed}"
            );
        }
    }
}

#[test]
fn smoothing_leaves_no_more_runs_and_no_node_worse() {
    for seed in 0..6 {
        let mut random = Random(200 + seed);
        let model = weighed(&mut random);
        let sums = Sums::of(&model);
        let limits = limits(model.total / 4);
        let fixed = (0..SLOT_COUNT).map(|slot| slot % 1000 == 7).collect();
        let at = model.home.clone();
        let mut layout = Layout::new(&model, &sums, &limits, at, fixed, false);
        for _ in 0..200 {
            let (block, to) = (any_block(&layout, &mut random), random.below(4) as usize);
            if layout.may_go(block, to) && block.len() < 60 {
                layout.shift(block, to);
            }
        }
        let before = layout.clone();
        let most = before.cost + before.cost / 10;
        smooth::smooth(&mut layout, most, smooth::FEW_LOOKS);
        let (runs, ..) = counted(&model, &layout.at);
        assert_eq!(layout.runs, runs);
        assert!(layout.total_runs * 2 < before.total_runs, "seed {seed}");
        assert!(layout.cost <= most, "seed {seed}");
        assert!(outside(&layout) <= outside(&before), "seed {seed}");
        let stays = |slot: usize| before.at[slot] == layout.at[slot];
        assert!((0..SLOT_COUNT).filter(|slot| slot % 1000 == 7).all(stays));
    }
}

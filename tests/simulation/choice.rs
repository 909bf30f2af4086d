//! Where chance decides: by a seed, or every choice in turn.

/// Who decides.
#[derive(Clone, Debug)]
pub enum Chooser {
    /// A seed's own sequence (splitmix64).
    Seeded(u64),
    /// A given sequence, then always the first; it notes how many choices there were.
    Scripted {
        script: Vec<u8>,
        taken: Vec<(u8, u8)>,
    },
}

impl Chooser {
    pub fn scripted(script: Vec<u8>) -> Chooser {
        Chooser::Scripted {
            script,
            taken: Vec::new(),
        }
    }

    /// One of `count` choices.
    pub fn pick(&mut self, count: usize) -> usize {
        if count < 2 {
            return 0;
        }
        match self {
            Chooser::Seeded(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut mixed = *state;
                mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                ((mixed ^ (mixed >> 31)) % count as u64) as usize
            }
            Chooser::Scripted { script, taken } => {
                let choice = script.get(taken.len()).copied().unwrap_or(0);
                taken.push((choice, u8::try_from(count).expect("few choices")));
                usize::from(choice)
            }
        }
    }

    /// The script of what was taken, and the script that comes after it; none after the last.
    pub fn taken(self) -> (Vec<u8>, Option<Vec<u8>>) {
        let Chooser::Scripted { mut taken, .. } = self else {
            return (Vec::new(), None);
        };
        let choices = |taken: &[(u8, u8)]| taken.iter().map(|(choice, _)| *choice).collect();
        let all: Vec<u8> = choices(&taken);
        while let Some((choice, count)) = taken.pop() {
            if choice + 1 < count {
                let mut next: Vec<u8> = choices(&taken);
                next.push(choice + 1);
                return (all, Some(next));
            }
        }
        (all, None)
    }
}

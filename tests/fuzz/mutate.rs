//! Mutations of inputs by a fixed sequence of random numbers.

/// Makes mutants.
pub struct Mutations<'s> {
    seeds: &'s [Vec<u8>],
    state: u64,
}

impl<'s> Mutations<'s> {
    /// Mutates with parts of `seeds`.
    pub fn new(seeds: &'s [Vec<u8>]) -> Self {
        Self { seeds, state: 1 }
    }

    /// The next number below `end`: SplitMix64.
    fn below(&mut self, end: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end.max(1) as u64).expect("it is below a usize")
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).expect("it is below 256")
    }

    /// `seed` with one to four changes.
    pub fn mutant(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut input = seed.to_vec();
        for _ in 0..=self.below(4) {
            self.change(&mut input);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len());
        let end = at + self.below(input.len() - at);
        match self.below(8) {
            _ if input.is_empty() => input.push(self.byte()),
            0 => input[at] = self.byte(),
            1 => input[at] ^= 1 << self.below(8),
            2 => input[at] = input[at].wrapping_add(1),
            3 => input.insert(at, self.byte()),
            4 => drop(input.drain(at..end)),
            5 => input.extend_from_within(at..end),
            6 => input.truncate(at.max(2)),
            _ => {
                let other = &self.seeds[self.below(self.seeds.len())];
                let from = self.below(other.len());
                input.splice(at..end, other[from..].iter().copied());
            }
        }
    }
}

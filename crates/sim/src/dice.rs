//! Numbers that follow from a seed: the only chance a simulation knows.

/// A generator of numbers (SplitMix64): the same seed, the same numbers, on every machine.
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// Dice that fall as the seed says.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// The next number below a limit. The bias of the remainder is far below what a test could see.
    ///
    /// # Panics
    /// When the limit is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        assert!(limit > 0, "there is no number below zero");
        self.roll() % limit
    }

    /// Heads or tails.
    pub fn coin(&mut self) -> bool {
        self.roll() >> 63 == 1
    }
}

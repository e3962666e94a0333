//! Numbers and ids that look random and are the same for the same seed.

use deeds_values::CommandId;

/// UUIDv7s of ever later milliseconds.
///
/// They must lie neither behind the duplicate window nor far ahead of the clock: a thousand ids share
/// a millisecond, so that a million take a second of it.
pub(crate) struct Ids {
    ms: u64,
    draw: Draw,
}

impl Ids {
    pub(crate) fn new(ms: u64, seed: u64) -> Self {
        Self { ms, draw: Draw(seed) }
    }

    pub(crate) fn next(&mut self) -> CommandId {
        let random = self.draw.next();
        self.ms += u64::from(random.is_multiple_of(1_000));
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&self.ms.to_be_bytes()[2..]);
        bytes[6..8].copy_from_slice(&(0x7000 | (random as u16 & 0x0fff)).to_be_bytes());
        bytes[8..].copy_from_slice(&(self.draw.next() >> 2 | 1 << 63).to_be_bytes());
        CommandId::unique(bytes).expect("version 7, variant 1")
    }
}

/// Numbers that look random: splitmix64.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below the bound; the bounds here are small enough that the bias does not matter.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// Numbers from 1 on, the n-th of which comes 1/nˢ times as often as the first.
pub(crate) struct Zipf {
    /// The share of draws up to each number.
    shares: Vec<f64>,
}

impl Zipf {
    pub(crate) fn new(count: u32, exponent: f64) -> Self {
        let mut sum = 0.0;
        let mut add = |number: u32| {
            sum += f64::from(number).powf(-exponent);
            sum
        };
        let mut shares: Vec<f64> = (1..=count).map(&mut add).collect();
        shares.iter_mut().for_each(|share| *share /= sum);
        Self { shares }
    }

    pub(crate) fn draw(&self, draw: &mut Draw) -> u32 {
        /// A double holds so many bits without rounding.
        const BITS: u32 = 53;
        let at = (draw.next() >> (u64::BITS - BITS)) as f64 / (1_u64 << BITS) as f64;
        let number = self.shares.partition_point(|share| *share <= at);
        u32::try_from(number).expect("as many as were asked for") + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_zipf_comes_as_often_as_the_law_says() {
        let (zipf, mut draw) = (Zipf::new(100_000, 1.5), Draw(1));
        let drawn: Vec<u32> = (0..100_000).map(|_| zipf.draw(&mut draw)).collect();
        let share = |number| drawn.iter().filter(|n| **n == number).count() as f64 / 1e5;
        // 1 / ζ(1.5) = 0.3828.
        assert!((share(1) - 0.383).abs() < 0.01, "{}", share(1));
        assert!((share(1) / share(2) - 2.83).abs() < 0.2, "{}", share(2));
        assert!(drawn.iter().all(|number| (1..=100_000).contains(number)));
    }

    #[test]
    fn ids_differ_and_rise() {
        let mut ids = Ids::new(1, 1);
        let (first, second) = (ids.next(), ids.next());
        assert_ne!(first, second);
    }
}

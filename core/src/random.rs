//! Reproducible random numbers: initial weights, the order of the samples.
//!
//! SplitMix64 (Steele, Lea and Flood 2014). The stream is part of the promise "same seed, same weights", so
//! it lives here rather than in a dependency that may change it.

use crate::math;

/// What a number adds to the state.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A SplitMix64 generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Random {
    state: u64,
}

impl Random {
    /// The generator of a seed.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The generator of a numbered stream of a seed: of an epoch, say, so that training can resume at any
    /// one.
    pub const fn stream(seed: u64, number: u64) -> Self {
        let mut random = Self::new(seed ^ number.wrapping_mul(0xA24B_AED4_963E_E407));
        random.state = random.next_u64();
        random
    }

    /// 64 random bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Skips so many of the numbers that [`next_u64`](Self::next_u64) gives, and [`uniform`](Self::uniform)
    /// and [`below`](Self::below), in a time that does not depend on how many.
    pub const fn skip(&mut self, count: u64) {
        self.state = self.state.wrapping_add(count.wrapping_mul(STEP));
    }

    /// Uniform in `[0, 1)`, a multiple of `2^-24`.
    pub const fn uniform(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 * (1.0 / 16_777_216.0)
    }

    /// A number below `bound` (0 for a bound of 0); its bias, under `bound / 2^32`, is not noticed in
    /// shuffling.
    pub const fn below(&mut self, bound: u32) -> u32 {
        (((self.next_u64() >> 32) * bound as u64) >> 32) as u32
    }

    /// Standard normal, by Box and Muller.
    pub fn normal(&mut self) -> f32 {
        let radius = math::sqrt(-2.0 * math::ln(1.0 - self.uniform()));
        radius * math::cos(core::f32::consts::TAU * self.uniform())
    }

    /// Puts `items` into random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        let mut rest = items;
        while rest.len() > 1 {
            let chosen = self.below(rest.len() as u32) as usize;
            let Some((last, others)) = rest.split_last_mut() else { return };
            if let Some(chosen) = others.get_mut(chosen) {
                core::mem::swap(chosen, last);
            }
            rest = others;
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    #[test]
    fn the_stream_is_the_published_one() {
        let mut random = Random::new(1_234_567);
        let numbers = [random.next_u64(), random.next_u64(), random.next_u64()];
        assert_eq!(
            numbers,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn skipped_numbers_are_those_that_would_have_come() {
        let (mut one, mut other) = (Random::new(8), Random::new(8));
        for count in [0, 1, 2, 500] {
            (0..count).for_each(|_| _ = one.next_u64());
            other.skip(count);
            assert_eq!(one.uniform(), other.uniform());
        }
    }

    #[test]
    fn normal_numbers_have_mean_0_and_deviation_1() {
        let mut random = Random::new(3);
        let numbers: Vec<f64> = (0..40_000).map(|_| f64::from(random.normal())).collect();
        let mean = numbers.iter().sum::<f64>() / 4e4;
        let variance = numbers.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 4e4;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }

    #[test]
    fn a_shuffle_is_a_permutation_and_uniform() {
        let mut counts = [[0u32; 5]; 5];
        for seed in 0..5_000 {
            let mut items = [0, 1, 2, 3, 4];
            Random::stream(seed, 7).shuffle(&mut items);
            for (place, item) in items.iter().enumerate() {
                counts[place][*item] += 1;
            }
        }
        assert!(counts.iter().flatten().all(|&c| (850..1150).contains(&c)), "{counts:?}");
    }
}

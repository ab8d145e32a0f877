//! Each channel's mean and deviation, learnt from the first samples and frozen then.
//!
//! A glitch must not spoil them: each sample is kept within a multiple of the deviation so far. What the
//! first samples are kept within comes from their order: their median, and the distance from it that nine of
//! ten do not exceed.

use crate::detect::order::kth_largest;
use crate::math::{self, clamp};
use crate::runs::column;

/// Beyond this, a number is a fault of whatever delivers it; its square is still finite.
const LARGEST: f32 = 1e15;

/// The standard normal distribution's distance from its mean that nine of ten do not exceed.
const NINE_OF_TEN: f32 = 1.645;

/// The running moments of each channel; after [`freeze`](Self::freeze), what is subtracted and by what is
/// multiplied.
pub(super) struct Conditioner<'a> {
    pub(super) means: &'a mut [f32],
    /// Sums of squared distances from the mean; later 1 over the deviation.
    pub(super) spreads: &'a mut [f32],
}

/// A number within what can be computed with; one that is not a number stays so.
pub(super) fn bounded(value: f32) -> f32 {
    clamp(value, -LARGEST, LARGEST)
}

impl Conditioner<'_> {
    /// Begins with a window of samples.
    pub(super) fn begin(&mut self, window: &[f32], saturation: f32) {
        let channels = self.means.len();
        let columns = (0..channels).zip(self.means.iter_mut().zip(self.spreads.iter_mut()));
        for (channel, (mean, spread)) in columns {
            let values = column(window, channel, channels).copied();
            let count = values.clone().count();
            let median = kth_largest(values.clone(), count.div_ceil(2));
            let distances = values.clone().map(|value| (value - median).abs());
            let deviation = kth_largest(distances, count / 10 + 1) / NINE_OF_TEN;
            // Where nine of ten are equal, nothing is known about the others.
            let limit = if deviation > 0.0 { saturation * deviation } else { LARGEST };
            (*mean, *spread) = (0.0, 0.0);
            let mut number = 0.0;
            for value in values {
                number += 1.0;
                add(number, clamp(value, median - limit, median + limit), mean, spread);
            }
        }
    }

    /// Takes in the sample after the first `count`.
    pub(super) fn add(&mut self, count: u32, sample: &[f32], saturation: f32) {
        let before = count as f32;
        for (value, (mean, spread)) in sample.iter().zip(self.means.iter_mut().zip(self.spreads.iter_mut())) {
            let distance = *value - *mean;
            let limit = saturation * saturation * *spread / before.max(1.0);
            let mut value = *value;
            // The root is taken for the few that are far away alone.
            if limit > 0.0 && distance * distance > limit {
                let limit = math::sqrt(limit);
                value = clamp(value, *mean - limit, *mean + limit);
            }
            add(before + 1.0, value, mean, spread);
        }
    }

    /// Ends the learning of `count` samples.
    pub(super) fn freeze(&mut self, count: u32) {
        for (mean, spread) in self.means.iter().zip(self.spreads.iter_mut()) {
            let deviation = math::sqrt(*spread / (count as f32).max(1.0));
            // A channel that never changed: any change is large then.
            let least = 1e-6 * mean.abs().max(1e-6);
            *spread = 1.0 / deviation.max(least);
        }
    }
}

/// One step of Welford's running moments.
fn add(number: f32, value: f32, mean: &mut f32, spread: &mut f32) {
    let distance = value - *mean;
    *mean += distance / number;
    *spread += distance * (value - *mean);
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::random::Random;
    use std::vec::Vec;

    /// Mean and deviation of each channel of noise with some samples replaced.
    fn learnt(glitches: &[(usize, f32)]) -> [(f32, f32); 2] {
        let mut random = Random::new(9);
        let mut samples: Vec<f32> =
            (0..1000).flat_map(|_| [100.0 + 3.0 * random.normal(), -5.0 + 0.5 * random.normal()]).collect();
        for (place, value) in glitches {
            samples[*place] = bounded(*value);
        }
        let (mut means, mut spreads) = ([7.0; 2], [7.0; 2]);
        let mut conditioner = Conditioner { means: &mut means, spreads: &mut spreads };
        conditioner.begin(&samples[..2 * 64], 8.0);
        for (count, row) in (64..).zip(samples[2 * 64..].chunks(2)) {
            conditioner.add(count, row, 8.0);
        }
        conditioner.freeze(1000);
        [(means[0], 1.0 / spreads[0]), (means[1], 1.0 / spreads[1])]
    }

    #[test]
    fn moments_are_those_of_the_samples() {
        let [(mean, deviation), (other_mean, other_deviation)] = learnt(&[]);
        assert!((mean - 100.0).abs() < 0.4 && (deviation - 3.0).abs() < 0.2, "{mean} {deviation}");
        assert!((other_mean + 5.0).abs() < 0.07 && (other_deviation - 0.5).abs() < 0.04);
    }

    #[test]
    fn glitches_at_any_place_move_them_a_little() {
        let clean = learnt(&[]);
        for place in if cfg!(miri) { &[50][..] } else { &[0, 1, 50, 127, 128, 400, 1999] } {
            for size in [1e2, -1e4, 1e8, 1e10, f32::INFINITY, f32::NEG_INFINITY] {
                let found = learnt(&[(*place, size)]);
                for ((mean, deviation), (clean_mean, clean_deviation)) in found.into_iter().zip(clean) {
                    assert!((mean - clean_mean).abs() < 0.02 * clean_deviation, "{place} {size}: {mean}");
                    assert!((deviation / clean_deviation - 1.0).abs() < 0.05, "{place} {size}: {deviation}");
                }
            }
        }
    }

    #[test]
    fn a_channel_that_never_changes_makes_any_change_large() {
        let (mut means, mut spreads) = ([0.0], [0.0]);
        let mut conditioner = Conditioner { means: &mut means, spreads: &mut spreads };
        conditioner.begin(&[2048.0; 32], 8.0);
        (32..100).for_each(|count| conditioner.add(count, &[2048.0], 8.0));
        conditioner.freeze(100);
        assert_eq!(means, [2048.0]);
        assert!(spreads[0].is_finite() && spreads[0] > 100.0);
    }
}

//! The Euclidean norm of a gradient, by which it is clipped.
//!
//! The order of the sum is fixed, so that every trainer finds the same bits, also one that never has the
//! whole gradient. The flat vector is cut into rows: a filter, a bias of an encoder's unit, an atom, the
//! decoder's bias. Of each row the squares are summed ([`Norm::of`]). The rows of a region
//! ([`Network::regions`]) are added one after the other, and then the regions.
//!
//! No square overflows: a sum is kept with a power of two by which its numbers were divided, the largest that
//! is not above the row's largest number.

use crate::math;
use crate::memory::part;
use crate::network::Network;
use crate::parameters::{Region, Role};
use crate::runs::pieces;

/// Partial sums of a row, for vector instructions: number i of the row goes to sum i % LANES.
const LANES: usize = 4;

/// The bits of an `f32`'s exponent.
const EXPONENT: u32 = 0x7F80_0000;

/// Numbers are divided by 2^-100 to 2^126, so that one over it is no subnormal number.
const SCALES: (u32, u32) = (27 << 23, 253 << 23);

/// A norm: the sum of the squares of some numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// What the numbers were divided by, a power of two.
    scale: f32,
    squares: f32,
}

impl Norm {
    /// Of no number.
    pub const ZERO: Self = Self { scale: f32::from_bits(SCALES.0), squares: 0.0 };

    /// The two numbers that it consists of, to send it to another process.
    pub const fn numbers(self) -> [f32; 2] {
        [self.scale, self.squares]
    }

    /// The norm that consists of these [`numbers`](Self::numbers).
    pub const fn from_numbers([scale, squares]: [f32; 2]) -> Self {
        Self { scale, squares }
    }

    // Called for every row, from several places.
    /// Of a row of finite numbers.
    #[inline(never)]
    pub fn of(row: &[f32]) -> Self {
        let largest = row.iter().fold(0, |largest: u32, v| largest.max(v.to_bits() & EXPONENT));
        let scale = f32::from_bits(largest.max(SCALES.0).min(SCALES.1));
        let factor = 1.0 / scale;
        let mut sums = [0.0; LANES];
        let (chunks, rest) = row.as_chunks::<LANES>();
        for numbers in chunks {
            for (sum, number) in sums.iter_mut().zip(numbers) {
                let number = factor * number;
                *sum += number * number;
            }
        }
        for (sum, number) in sums.iter_mut().zip(rest) {
            let number = factor * number;
            *sum += number * number;
        }
        Self { scale, squares: sums.iter().fold(0.0, |all, sum| all + sum) }
    }

    /// Adds the squares of another.
    pub fn add(&mut self, other: Self) {
        let (larger, smaller) = if other.scale > self.scale { (other, *self) } else { (*self, other) };
        let ratio = smaller.scale * (1.0 / larger.scale);
        // One after the other: the square of the ratio may be too small for an `f32`.
        self.squares = larger.squares + smaller.squares * ratio * ratio;
        self.scale = larger.scale;
    }

    /// Of the gradient of all parameters of a network.
    #[inline(never)]
    pub(crate) fn of_gradient(network: &Network, gradient: &[f32]) -> Self {
        let mut norm = Self::ZERO;
        for region in network.each_region() {
            let mut of_region = Self::ZERO;
            let rows = part(gradient, region.range.start, region.range.len());
            pieces(rows, Self::row_len(network, &region)).for_each(|row| of_region.add(Self::of(row)));
            norm.add(of_region);
        }
        norm
    }

    /// How long the rows of a region are.
    pub fn row_len(network: &Network, region: &Region) -> usize {
        let len = match region.role {
            Role::Filters { layer } => network.layer(layer).map_or(1, |layer| layer.filter_len()),
            Role::Bias { .. } => 1,
            Role::Atoms => network.decoder().filter_len(),
            Role::DecoderBias => region.range.len(),
        };
        len.max(1)
    }

    /// One over the norm; `None` if that is no ordinary number, as of zeros.
    pub(crate) fn inverse(&self) -> Option<f32> {
        let inverse = 1.0 / (self.scale * math::sqrt(self.squares));
        inverse.is_normal().then_some(inverse)
    }

    /// What a gradient is to be multiplied by so that its norm is `largest`; `None` if it is not larger.
    pub fn factor(&self, largest: f32) -> Option<f32> {
        let (root, largest) = (math::sqrt(self.squares), largest * (1.0 / self.scale));
        (root > largest).then(|| largest / root)
    }
}

/// Multiplies a run of a gradient by [`Norm::factor`].
#[inline(always)]
pub(crate) fn clip(factor: Option<f32>, gradient: &mut [f32]) {
    if let Some(factor) = factor {
        multiply(factor, gradient);
    }
}

// Not inlined: it stands in many places, and is seldom asked for.
#[inline(never)]
fn multiply(factor: f32, gradient: &mut [f32]) {
    gradient.iter_mut().for_each(|number| *number *= factor);
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::random::Random;
    use std::vec::Vec;

    fn exact(numbers: &[f32]) -> f64 {
        numbers.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt()
    }

    #[test]
    fn no_size_of_numbers_overflows_or_vanishes() {
        let mut random = Random::new(5);
        for exponent in -80..126 {
            let scale = 2.0f32.powi(exponent);
            let numbers: Vec<f32> = (0..203).map(|_| scale * (random.uniform() - 0.5)).collect();
            let mut norm = Norm::of(&numbers[..100]);
            norm.add(Norm::of(&numbers[100..101]));
            norm.add(Norm::of(&[]));
            norm.add(Norm::of(&numbers[101..]));
            let largest = 1e-3 * scale.min(1e18);
            let factor = f64::from(norm.factor(largest).unwrap());
            let expected = f64::from(largest) / exact(&numbers);
            assert!((factor / expected - 1.0).abs() < 1e-6, "2^{exponent}: {factor} {expected}");
            assert_eq!(norm.factor(20.0 * scale.max(1e-6)), None, "2^{exponent}");
        }
    }

    #[test]
    fn rows_of_very_different_sizes_are_added() {
        for (large, small) in [(1e38, 1e-38), (1e20, 1.0), (3.0, 4.0), (f32::MAX, f32::MAX)] {
            let expected = 0.5 / exact(&[large, small]);
            for numbers in [[large, small], [small, large]] {
                let mut norm = Norm::ZERO;
                numbers.iter().for_each(|number| norm.add(Norm::of(&[*number])));
                let factor = f64::from(norm.factor(0.5).unwrap());
                // Beyond 1e38 a factor is a subnormal number, with fewer digits.
                assert!((factor / expected - 1.0).abs() < 1e-5, "{numbers:?}: {factor} {expected}");
            }
        }
        assert_eq!(Norm::ZERO.factor(f32::MIN_POSITIVE), None);
    }
}

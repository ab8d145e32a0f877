//! The hot loops of quantised inference, and their definition.

use crate::field::Fields;
use crate::int8::{Int8Filters, Int8Weights, LARGEST};

/// The hot loops of quantised inference. All that an implementation gives is exact, and so the same as [`Portable`]'s.
///
/// Given slices that are too short for the description, they do nothing for what does not fit.
pub trait Int8Kernels: Copy + Send + Sync {
    /// Scratch memory of [`convolve`](Self::convolve), in lengths of a filter filled up to a multiple of four.
    const SCRATCH_FILTERS: usize;

    /// A row of an encoder layer: for each of the `fields.width` positions and each filter, the [requantised](requantise)
    /// sum of the bias and the products of filter and receptive field. The outputs of a position lie side by side.
    ///
    /// `window` begins at the first row of the fields. It and `scratch` are best [`Aligned`](crate::int8::Aligned).
    fn convolve(
        self,
        fields: &Fields,
        filters: &Int8Filters<'_>,
        window: &[i16],
        scratch: &mut [i16],
        out: &mut [i16],
    );

    /// `sums += <filter, inputs>`, for each filter. Sums wrap around where they leave `i32`.
    fn accumulate(self, filters: &Int8Weights<'_>, inputs: &[i16], sums: &mut [i32]);

    /// `to = max(to, from)`, element by element: pooling.
    fn max(self, from: &[i16], to: &mut [i16]);
}

/// What becomes of a sum: `sum * multiplier / 2^32`, rounded to the nearest (a half upwards), at least 0, which is ReLU,
/// and at most [`LARGEST`].
///
/// The multiplier is thus a factor below 1/2, in units of `2^-32`. No shift is needed besides: as a sum has 31 bits, rounding
/// the factor to such a unit changes the result by less than a quarter.
#[inline]
pub fn requantise(sum: i32, multiplier: i32) -> i16 {
    let product = i64::from(sum) * i64::from(multiplier);
    // At most 2^62 in size, so that a half of 2^32 can be added.
    let rounded = ((product + (1 << 31)) >> 32) as i32;
    rounded.clamp(0, LARGEST as i32) as i16
}

/// Kernels written as their definitions: the oracle, and what every processor runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Portable;

impl Int8Kernels for Portable {
    const SCRATCH_FILTERS: usize = 0;

    fn convolve(
        self,
        fields: &Fields,
        filters: &Int8Filters<'_>,
        window: &[i16],
        _: &mut [i16],
        out: &mut [i16],
    ) {
        let maps = filters.weights.filters();
        for (x, out) in out.chunks_exact_mut(maps.max(1)).take(fields.width).enumerate() {
            let rows = window.get(fields.offset(0, x)..).unwrap_or_default();
            let rows = rows.chunks(fields.row_stride.max(1)).take(fields.rows);
            let inputs = rows.filter_map(|row| row.get(..fields.row_len)).flatten();
            let scaled = filters.bias.iter().zip(filters.multipliers);
            for (map, (out, (bias, multiplier))) in out.iter_mut().zip(scaled).enumerate() {
                *out = requantise(dot(*bias, filters.weights.filter(map), inputs.clone()), *multiplier);
            }
        }
    }

    fn accumulate(self, filters: &Int8Weights<'_>, inputs: &[i16], sums: &mut [i32]) {
        for (filter, sum) in sums.iter_mut().enumerate().take(filters.filters()) {
            *sum = dot(*sum, filters.filter(filter), inputs);
        }
    }

    fn max(self, from: &[i16], to: &mut [i16]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = (*to).max(*from);
        }
    }
}

/// `start + <weights, inputs>`.
fn dot<'i>(start: i32, weights: impl Iterator<Item = i8>, inputs: impl IntoIterator<Item = &'i i16>) -> i32 {
    weights
        .zip(inputs)
        .fold(start, |sum, (weight, input)| sum.wrapping_add(i32::from(weight) * i32::from(*input)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_rounded_upwards() {
        let quarter = 1 << 30;
        let sums = [0, 1, 2, 3, 5, 6, 7, 10];
        assert_eq!(sums.map(|sum| requantise(sum, quarter)), [0, 0, 1, 1, 1, 2, 2, 3]);
        // The unit of the factor below and above a half.
        assert_eq!([requantise(1 << 20, (1 << 11) - 1), requantise(1 << 20, 1 << 11)], [0, 1]);
    }

    #[test]
    fn activations_are_cut_at_both_ends() {
        let quarter = 1 << 30;
        let sums = [-1, -2, -3, i32::MIN, 1017, 1018, 1021, 1022, i32::MAX];
        assert_eq!(sums.map(|sum| requantise(sum, quarter)), [0, 0, 0, 0, 254, 255, 255, 255, 255]);
        assert_eq!(requantise(i32::MIN, i32::MAX), 0);
        assert_eq!(requantise(i32::MAX, i32::MAX), 255);
        assert_eq!(requantise(i32::MAX, 0), 0);
    }

    #[test]
    fn rounding_the_factor_changes_less_than_a_quarter() {
        for (sum, factor) in [(i32::MAX, 1.18e-7), (1_500_000_000, 1.1e-7), (3_000_000, 3.3e-5), (77, 0.499)]
        {
            let exact = f64::from(sum) * factor;
            let multiplier = (factor * f64::from(1u32 << 31) * 2.0).round() as i32;
            assert!((f64::from(requantise(sum, multiplier)) - exact).abs() <= 0.75, "{sum} {factor}");
        }
    }
}

//! Activations in 8 bits: their range, what makes them of sums, and their square roots.

use crate::error::{Result, expect_len};
use crate::math::clamp;

/// The largest activation, and the largest absolute value of a pixel.
pub const MAX_ACTIVATION: i16 = 255;

/// The activation of a sum: `sum * multiplier / 2^32`, rounded to the nearest (a half upwards). It is at
/// least 0, which is ReLU, and at most [`MAX_ACTIVATION`].
///
/// The multiplier is a factor below 1/2 in units of `2^-32`. It needs no shift besides: a sum has 31 bits, so
/// rounding the factor to such a unit changes the activation by less than a quarter.
#[inline]
pub fn requantise(sum: i32, multiplier: i32) -> i16 {
    if sum <= 0 && multiplier >= 0 {
        return 0;
    }
    let product = i64::from(sum) * i64::from(multiplier);
    // At most 2^62 in size, so that a half of 2^32 can be added.
    let rounded = ((product + (1 << 31)) >> 32) as i32;
    rounded.clamp(0, MAX_ACTIVATION as i32) as i16
}

/// `sqrt(255 * activation)`, rounded: the square root of an activation, in units that make 255 the largest
/// again.
pub fn sqrt(activation: i16) -> i16 {
    ROOTS.get(usize::from(activation.unsigned_abs())).map_or(0, |root| i16::from(*root))
}

#[allow(clippy::indexing_slicing, reason = "the index is below the array's length; const has no iterators")]
const ROOTS: [u8; 256] = {
    let mut roots = [0; 256];
    let (mut activation, mut root) = (0usize, 0usize);
    while activation < 256 {
        // Rounded to the nearest: (root + 1/2)^2 = root^2 + root + 1/4 is no integer, so that there is no
        // half.
        while root * root + root < 255 * activation {
            root += 1;
        }
        roots[activation] = root as u8;
        activation += 1;
    }
    roots
};

/// A number of the input in steps: `x / step`, rounded to the nearest, halves away from 0, and at most
/// +-[`MAX_ACTIVATION`]. What is not a number becomes [`i16::MIN`], which no extractor takes.
pub fn quantise(x: f32, step: f32) -> i16 {
    let steps = x / step;
    if steps.is_nan() {
        return i16::MIN;
    }
    let most = f32::from(MAX_ACTIVATION);
    let steps = clamp(steps, -most, most);
    // A cast cuts off what is behind the point.
    (steps + if steps < 0.0 { -0.5 } else { 0.5 }) as i16
}

/// Quantised features in `f32`, for what learns on the device: each times `scale`, which
/// [`Model::int8_feature_scale`](crate::Model::int8_feature_scale) knows.
///
/// # Errors
///
/// [`Error::Length`](crate::Error::Length) unless both have the same length.
pub fn dequantise(features: &[i16], scale: f32, to: &mut [f32]) -> Result<()> {
    expect_len("features", features.len(), to.len())?;
    to.iter_mut().zip(features).for_each(|(to, feature)| *to = f32::from(*feature) * scale);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::requantise;

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

    #[test]
    fn the_table_is_the_rounded_square_root() {
        for activation in 0..=255i16 {
            let exact = (255.0 * f64::from(activation)).sqrt();
            assert_eq!(f64::from(super::sqrt(activation)), exact.round(), "{activation}");
        }
        assert_eq!(super::sqrt(256), 0);
    }
}

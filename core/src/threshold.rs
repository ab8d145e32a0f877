//! A threshold that moves with the sample: what is taken off the activations of a position before they
//! become features.

use crate::runs::runs_mut;

/// What is taken off a position's activations, before square roots and pooling. What falls below 0 becomes 0.
///
/// A layer's biases are the same for all samples. Where the contrast of a patch is high, half of the maps
/// respond; where it is low, none does. A threshold that moves with the patch keeps the maps that respond
/// more than the others, whatever the contrast.
///
/// ```
/// use wta_core::Threshold;
///
/// // Two positions of three maps; their means are 2 and 0.5.
/// let mut code = [1.0, 2.0, 3.0, 0.0, 1.5, 0.0];
/// Threshold::Triangle.apply(3, &mut code);
/// assert_eq!(code, [0.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Threshold {
    /// Nothing, as in the paper.
    #[default]
    None,
    /// The mean of the position's activations over the maps: the "triangle" activation of Coates, Lee and Ng
    /// (2011).
    Triangle,
}

impl Threshold {
    /// Takes the threshold off a code, or a part of one, position by position with `maps` activations each.
    ///
    /// The mean is the sum of eight partial sums, of every eighth map each, divided by their number: the same
    /// bits on every machine.
    pub fn apply(self, maps: usize, code: &mut [f32]) {
        if self == Self::Triangle {
            triangle(maps, code);
        }
    }

    /// The same for quantised activations. The mean is rounded to the nearest, halves upwards.
    pub fn apply_int8(self, maps: usize, code: &mut [i16]) {
        if self == Self::Triangle {
            triangle_int8(maps, code);
        }
    }
}

// Not inlined: who has no threshold should not pay for it with stack.

#[inline(never)]
fn triangle(maps: usize, code: &mut [f32]) {
    for position in runs_mut(code, maps) {
        let mean = sum(position) / position.len() as f32;
        position.iter_mut().for_each(|activation| {
            let above = *activation - mean;
            *activation = if above > 0.0 { above } else { 0.0 };
        });
    }
}

#[inline(never)]
fn triangle_int8(maps: usize, code: &mut [i16]) {
    for position in runs_mut(code, maps) {
        // A position of so many maps that these saturated would fit no device.
        let count = position.len() as u32;
        let sum = position
            .iter()
            .fold(0u32, |sum, activation| sum.saturating_add(u32::from(activation.unsigned_abs())));
        let twice = sum.saturating_mul(2).saturating_add(count);
        let mean = twice.checked_div(count.saturating_mul(2)).unwrap_or(0).min(255) as i16;
        position.iter_mut().for_each(|activation| {
            let above = activation.saturating_sub(mean);
            *activation = if above > 0 { above } else { 0 };
        });
    }
}

/// The sum of a position's activations, in a fixed order.
fn sum(position: &[f32]) -> f32 {
    let (eights, rest) = position.as_chunks::<8>();
    let mut sums = [0.0f32; 8];
    for eight in eights {
        sums.iter_mut().zip(eight).for_each(|(sum, activation)| *sum += activation);
    }
    sums.iter_mut().zip(rest).for_each(|(sum, activation)| *sum += activation);
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_position_has_a_threshold_of_its_own() {
        for maps in [1usize, 2, 7, 8, 9, 31] {
            let code: [f32; 124] = core::array::from_fn(|i| ((i * 37 + 11) % 23) as f32);
            let code = &code[..4 * maps];
            let (mut found, mut same) = ([0.0f32; 124], [0.0f32; 124]);
            let (found, same) = (&mut found[..4 * maps], &mut same[..4 * maps]);
            found.copy_from_slice(code);
            same.copy_from_slice(code);
            Threshold::Triangle.apply(maps, found);
            Threshold::None.apply(maps, same);
            assert_eq!(same, code);
            for (before, after) in code.chunks(maps).zip(found.chunks(maps)) {
                let mean = before.iter().sum::<f32>() / maps as f32;
                let expected = before.iter().map(|v| (v - mean).max(0.0));
                assert!(expected.eq(after.iter().copied()), "{maps} maps");
            }
        }
    }

    #[test]
    fn in_8_bits_the_mean_is_rounded() {
        let mut code = [0, 1, 255, 0, 0, 0, 3, 3, 4];
        Threshold::Triangle.apply_int8(3, &mut code);
        // The means are 85.3, 0 and 3.3.
        assert_eq!(code, [0, 0, 170, 0, 0, 0, 0, 0, 1]);
        let mut halves = [1, 2, 0, 3];
        Threshold::Triangle.apply_int8(2, &mut halves);
        assert_eq!(halves, [0, 0, 0, 1], "1.5 is rounded to 2");
        let mut same = [1, 2];
        Threshold::None.apply_int8(2, &mut same);
        assert_eq!(same, [1, 2]);
    }

    #[test]
    fn nothing_is_no_code_and_equal_activations_leave_nothing() {
        Threshold::Triangle.apply(3, &mut []);
        Threshold::Triangle.apply(0, &mut [1.0]);
        let mut equal = [2.0; 5];
        Threshold::Triangle.apply(5, &mut equal);
        assert_eq!(equal, [0.0; 5]);
    }
}

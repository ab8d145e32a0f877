//! The cut that separates the survivors of a competition from the rest: the k largest positive values.
//!
//! Exactly k survive, and ties go to the lowest index. What is 0 is not active and never survives. A number
//! that is not finite is refused.

use crate::error::{Error, Result};

/// What separates survivors from the rest of a sequence of candidates.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Cut {
    /// Larger values survive.
    pub threshold: f32,
    /// Equal values survive up to this index (not included).
    pub ties_below: u32,
}

impl Cut {
    /// Whether candidate `index` survives. 0 and negative values never do.
    pub fn keeps(&self, index: usize, value: f32) -> bool {
        value > 0.0
            && (value > self.threshold || (value == self.threshold && index < self.ties_below as usize))
    }

    /// Puts the survivors of a row, in their order, into `values`, and where they are into `places`, as long
    /// as there is room. Returns how many it has put there.
    pub(crate) fn note(&self, row: &[f32], values: &mut [f32], places: &mut [u32]) -> u32 {
        let mut count = 0;
        let mut room = values.iter_mut().zip(places);
        for (index, value) in row.iter().enumerate() {
            if self.keeps(index, *value) {
                let Some((to, place)) = room.next() else { break };
                (*to, *place) = (*value, index as u32);
                count += 1;
            }
        }
        count
    }

    /// Sets the candidates that do not survive to 0.
    pub(crate) fn apply<'v>(&self, candidates: impl Iterator<Item = &'v mut f32>) {
        for (index, value) in candidates.enumerate() {
            if !self.keeps(index, *value) {
                *value = 0.0;
            }
        }
    }
}

/// The cut that keeps the `keep` largest positive values.
///
/// It takes no scratch memory, no recursion and a bounded time: as many passes as `keep`, at most 31 and a
/// few.
///
/// # Errors
///
/// [`Error::NotFinite`] with the index of the first value that is not finite.
pub fn cut(values: impl Iterator<Item = f32> + Clone, keep: usize) -> Result<Cut> {
    // Positive floats are ordered as their bits are. These are integers, which processors without an FPU
    // compare too.
    let bits = values.map(|value| value.to_bits().cast_signed());
    let (mut positive, mut finite) = (0, true);
    for bits in bits.clone() {
        finite &= bits & i32::MAX < f32::INFINITY.to_bits().cast_signed();
        positive += usize::from(bits > 0);
    }
    if !finite {
        let index = bits.clone().position(|bits| !f32::from_bits(bits.cast_unsigned()).is_finite());
        return Err(Error::NotFinite { what: "candidates", index: index.unwrap_or(0) });
    }
    if positive <= keep {
        return Ok(Cut { threshold: 0.0, ties_below: 0 });
    }
    let (threshold, mut ties) =
        if keep < FEW { threshold_of_few(&bits, keep) } else { threshold(&bits, keep) };
    let mut ties_below = 0;
    for (index, bits) in bits.enumerate() {
        if ties > 0 && bits == threshold {
            ties -= 1;
            ties_below = index as u32 + 1;
        }
    }
    Ok(Cut { threshold: f32::from_bits(threshold.cast_unsigned()), ties_below })
}

/// From so many on, [`threshold`] takes fewer passes than [`threshold_of_few`].
const FEW: usize = 32;

/// The `keep`-th largest of more than `keep` positive values, and how many of those equal to it survive. It
/// goes from the largest value down, one pass for each.
fn threshold_of_few(bits: &(impl Iterator<Item = i32> + Clone), keep: usize) -> (i32, usize) {
    let (mut above, mut missing) = (i32::MAX, keep);
    loop {
        let (mut largest, mut count) = (0, 0);
        for bits in bits.clone() {
            if bits < above && bits >= largest {
                count = if bits > largest { 1 } else { count + 1 };
                largest = bits;
            }
        }
        if count >= missing || largest == 0 {
            return (largest, missing);
        }
        (above, missing) = (largest, missing - count);
    }
}

/// The same by the bits of the threshold, from the highest down: for each, one pass counts the values that
/// are at least as large.
fn threshold(bits: &(impl Iterator<Item = i32> + Clone), keep: usize) -> (i32, usize) {
    let mut threshold = 0;
    for bit in (0..31).rev() {
        let candidate = threshold | 1 << bit;
        if bits.clone().filter(|bits| *bits >= candidate).count() >= keep {
            threshold = candidate;
        }
    }
    (threshold, keep.saturating_sub(bits.clone().filter(|bits| *bits > threshold).count()))
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn kept(values: &[f32], keep: usize) -> Vec<usize> {
        let cut = cut(values.iter().copied(), keep).unwrap();
        (0..values.len()).filter(|&i| cut.keeps(i, values[i])).collect()
    }

    /// The definition: sort by value, then by index.
    fn sorted(values: &[f32], keep: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..values.len()).filter(|&i| values[i] > 0.0).collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
        order.truncate(keep);
        order.sort_unstable();
        order
    }

    #[test]
    fn ties_go_to_the_lowest_index_and_exactly_k_survive() {
        assert_eq!(kept(&[1.0, 2.0, 2.0, 2.0, 1.0], 2), [1, 2]);
        assert_eq!(kept(&[3.0; 6], 4), [0, 1, 2, 3]);
        assert_eq!(kept(&[0.0, 0.0, 0.5], 2), [2], "what is 0 is not active");
        assert_eq!(kept(&[-1.0, -2.0], 1), [0usize; 0]);
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused_by_index() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let error = cut([1.0, bad].into_iter(), 1).unwrap_err();
            assert_eq!(error, Error::NotFinite { what: "candidates", index: 1 });
        }
    }

    proptest! {
        #[test]
        fn the_cut_is_the_sort(values in prop::collection::vec(prop_oneof![
            Just(0.0f32), Just(1.5), Just(f32::MIN_POSITIVE / 2.0), Just(f32::MAX), -1.0f32..2.0, 0.0f32..1e-3
        ], 0..60), keep in 1usize..50) {
            prop_assert_eq!(kept(&values, keep), sorted(&values, keep));
        }
    }
}

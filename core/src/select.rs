//! The winner-take-all selections (sections 2 and 3 of the paper).
//!
//! - *Spatial*: of each map (or each window of a grid over it) only the largest activation lives; that is
//!   [`Encoder::compete`](crate::Encoder::compete)'s work, and gives one candidate per map and window of each image.
//! - *Lifetime*: of each map's candidates over the mini-batch, the k largest live. With fully-connected codes
//!   every activation is a candidate.
//! - *k-sparse*: of each sample's candidates, the k largest live, for comparison.
//!
//! Exactly k live; ties go to the lowest index; whatever is 0 is not active and never lives; a number that is not
//! finite is refused.

use crate::error::{Error, Result, expect_len};
use crate::kernels::Kernels;
use crate::network::Network;
use crate::shape::Size;

/// Which candidates live.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Keep {
    /// Every spatial winner: spatial sparsity alone.
    All,
    /// The share `rate` of each map's candidates over the batch, at least one.
    Lifetime {
        /// More than 0, at most 1.
        rate: f32,
    },
    /// So many candidates of each sample: the k-sparse autoencoder (Makhzani and Frey 2014).
    PerSample {
        /// At least 1.
        count: usize,
    },
}

/// How sparse the code is made in training; encoding always uses the dense code.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sparsity {
    /// Windows that each map is cut into, one winner each; 1 x 1 is the paper's spatial sparsity. Window `i` of
    /// `n` covers rows (columns) `i * size / n` up to `(i + 1) * size / n`.
    pub grid: Size,
    /// Which of the winners live.
    pub keep: Keep,
}

impl Sparsity {
    /// One winner per map, all of which live.
    pub const SPATIAL: Self = Self { grid: Size::ONE, keep: Keep::All };

    /// One winner per map; the share `rate` of each map's winners over the batch lives.
    pub const fn lifetime(rate: f32) -> Self {
        Self { grid: Size::ONE, keep: Keep::Lifetime { rate } }
    }

    /// `Ok` when this can be done with the codes of `network`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] that names the field.
    pub fn check(&self, network: &Network) -> Result<()> {
        let code = network.code();
        if self.grid.height == 0 || self.grid.width == 0 {
            return Err(Error::Invalid("a grid of winners needs at least one row and one column"));
        }
        if self.grid.height > code.height || self.grid.width > code.width {
            return Err(Error::Invalid("a grid of winners is finer than the feature maps"));
        }
        match self.keep {
            Keep::Lifetime { rate } if !(rate > 0.0 && rate <= 1.0) => {
                Err(Error::Invalid("a lifetime rate is more than 0 and at most 1"))
            }
            Keep::PerSample { count: 0 } => Err(Error::Invalid("k-sparse keeps at least 1 unit")),
            _ => Ok(()),
        }
    }

    /// The same windows with another rate or number: sparsity that changes in the course of training.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when that is another kind of selection, which needs other memory, or as for
    /// [`Sparsity::check`].
    pub fn with_keep(&self, network: &Network, keep: Keep) -> Result<Self> {
        if core::mem::discriminant(&self.keep) != core::mem::discriminant(&keep) {
            return Err(Error::Invalid("the kind of sparsity cannot be changed during training"));
        }
        let changed = Self { keep, ..*self };
        changed.check(network).map(|()| changed)
    }

    /// Candidates per image: windows x maps.
    pub const fn winners_len(&self, network: &Network) -> usize {
        self.grid.area() * network.code().channels
    }
}

/// How many of `candidates` live at a lifetime rate: `max(1, round(rate * candidates))`, half being rounded up.
pub const fn survivors(rate: f32, candidates: usize) -> usize {
    // `f32::round` is not for constants in all of Rust's versions; the difference below is exact.
    let share = rate * candidates as f32;
    let whole = share as usize;
    let rounded = if share - whole as f32 >= 0.5 { whole.saturating_add(1) } else { whole };
    if rounded > 1 { rounded } else { 1 }
}

/// What separates survivors from the rest of a sequence of candidates.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Cut {
    /// Larger values live.
    pub threshold: f32,
    /// Equal values live up to this index (not included).
    pub ties_below: u32,
}

impl Cut {
    /// Whether candidate `index` lives. 0 and negative values never do.
    pub fn keeps(&self, index: usize, value: f32) -> bool {
        value > 0.0
            && (value > self.threshold || (value == self.threshold && index < self.ties_below as usize))
    }
}

/// The cut that keeps the `keep` largest positive values.
///
/// No scratch memory, no recursion, and a bounded time: as many passes as `keep`, at most 31 and a few.
///
/// # Errors
///
/// [`Error::NotFinite`] with the index of the first such value.
pub fn cut(values: impl Iterator<Item = f32> + Clone, keep: usize) -> Result<Cut> {
    // Positive floats are ordered as their bits are, and these are integers that processors without an FPU compare too.
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

/// The `keep`-th largest of more than `keep` positive values, and how many of those equal to it live: from the largest down, one
/// pass for each.
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

/// The same by the bits of the threshold, from the first down: one pass counts how many values are at least as large.
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

/// Sets the candidates of one image that do not live to 0: `index` is its place in the batch, `cuts` those of the
/// maps.
pub fn apply_lifetime(cuts: &[Cut], index: usize, windows: usize, values: &mut [f32]) {
    for (window, row) in values.chunks_exact_mut(cuts.len().max(1)).enumerate() {
        for (value, cut) in row.iter_mut().zip(cuts) {
            if !cut.keeps(index * windows + window, *value) {
                *value = 0.0;
            }
        }
    }
}

/// Sets all but the `count` largest candidates of one sample to 0.
///
/// # Errors
///
/// [`Error::NotFinite`] with the index of the first such candidate.
pub fn apply_per_sample(count: usize, values: &mut [f32]) -> Result<()> {
    let cut = cut(values.iter().copied(), count)?;
    apply_cut(&cut, values.iter_mut());
    Ok(())
}

/// Sets the candidates that a cut does not keep to 0.
pub(crate) fn apply_cut<'v>(cut: &Cut, values: impl Iterator<Item = &'v mut f32>) {
    for (index, value) in values.enumerate() {
        if !cut.keeps(index, *value) {
            *value = 0.0;
        }
    }
}

/// Selects the survivors of a whole batch: sets the values of the others to 0.
///
/// `values` are the candidates image by image, each `windows x maps`; `cuts` is scratch, one per map.
///
/// # Errors
///
/// [`Error::Length`] for buffers of other lengths, [`Error::NotFinite`] for such a candidate.
pub fn select<K: Kernels>(
    kernels: K,
    network: &Network,
    sparsity: &Sparsity,
    values: &mut [f32],
    cuts: &mut [Cut],
) -> Result<()> {
    let maps = network.code().channels;
    let image_len = sparsity.winners_len(network).max(1);
    let batch = values.len().checked_div(image_len).unwrap_or(0);
    expect_len("winners", batch * image_len, values.len())?;
    match sparsity.keep {
        Keep::All => crate::error::expect_finite("candidates", values),
        Keep::PerSample { count } => {
            values.chunks_exact_mut(image_len).try_for_each(|row| apply_per_sample(count, row))
        }
        Keep::Lifetime { rate } => {
            expect_len("cuts", maps, cuts.len())?;
            let windows = sparsity.grid.area();
            let keep = survivors(rate, batch * windows);
            kernels.lifetime_cuts(values, maps, 0, keep, cuts)?;
            for (index, row) in values.chunks_exact_mut(image_len).enumerate() {
                apply_lifetime(cuts, index, windows, row);
            }
            Ok(())
        }
    }
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
    fn ties_go_to_the_lowest_index_and_exactly_k_live() {
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

    #[test]
    fn the_count_is_rounded_and_at_least_one() {
        assert_eq!(survivors(0.05, 100), 5);
        assert_eq!(survivors(0.05, 10), 1);
        assert_eq!(survivors(0.001, 10), 1);
        assert_eq!(survivors(0.25, 10), 3, "half is rounded up");
        assert_eq!(survivors(1.0, 7), 7);
        for thousandths in 1..=1_000 {
            for candidates in [1, 2, 7, 20, 100, 1_000, 60_000, 20_000_000] {
                let rate = thousandths as f32 / 1e3;
                let rounded = (rate * candidates as f32).round() as usize;
                assert_eq!(survivors(rate, candidates), rounded.max(1), "{rate} of {candidates}");
            }
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

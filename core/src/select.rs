//! The winner-take-all selections (sections 2 and 3 of the paper).
//!
//! - *Spatial*: only the largest activation of each map (or of each window of a grid over it) survives.
//!   [`Encoder::compete`](crate::Encoder::compete) finds it: one candidate per map and window of each image.
//! - *Lifetime*: of each map's candidates over the mini-batch, the k largest survive. With fully-connected
//!   codes every activation is a candidate.
//! - *k-sparse*: of each sample's candidates, the k largest survive (TopK).
//! - *batch*: of all candidates of the mini-batch, the k times its size largest survive (BatchTopK): some
//!   samples have more winners than others.
//!
//! A [`Cut`] says which k these are.

use crate::cut::{Cut, cut};
use crate::error::{Error, Result, expect_finite, expect_len};
use crate::kernels::Kernels;
use crate::network::Network;
use crate::runs::runs_mut;
use crate::shape::Size;

/// Which candidates survive.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Selection {
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
    /// So many candidates of each sample on average: the largest ones of the whole batch (Bussmann et al.
    /// 2024).
    Batch {
        /// At least 1.
        count: usize,
    },
}

/// How sparse the code is made in training; encoding always uses the dense code.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sparsity {
    /// Windows that each map is cut into, one winner each; 1 x 1 is the paper's spatial sparsity. Window `i`
    /// of `n` covers rows (columns) `i * size / n` up to `(i + 1) * size / n`.
    pub grid: Size,
    /// Which of the winners survive.
    pub selection: Selection,
}

impl Sparsity {
    /// One winner per map, all of which survive.
    pub const SPATIAL: Self = Self { grid: Size::ONE, selection: Selection::All };

    /// One winner per map; the share `rate` of each map's winners over the batch survives.
    pub const fn lifetime(rate: f32) -> Self {
        Self { grid: Size::ONE, selection: Selection::Lifetime { rate } }
    }

    /// `Ok` when this can be done with the codes of `network`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] that names the field.
    pub const fn check(&self, network: &Network) -> Result<()> {
        let code = network.code();
        if self.grid.height == 0 || self.grid.width == 0 {
            return Err(Error::Invalid("a grid of winners needs at least one row and one column"));
        }
        if self.grid.height > code.height || self.grid.width > code.width {
            return Err(Error::Invalid("a grid of winners is finer than the feature maps"));
        }
        match self.selection {
            Selection::Lifetime { rate } if !(rate > 0.0 && rate <= 1.0) => {
                Err(Error::Invalid("a lifetime rate is more than 0 and at most 1"))
            }
            Selection::PerSample { count: 0 } => Err(Error::Invalid("k-sparse keeps at least 1 unit")),
            Selection::Batch { count: 0 } => {
                Err(Error::Invalid("selection over the batch keeps at least 1 unit of each sample"))
            }
            _ => Ok(()),
        }
    }

    /// The same windows with another rate or number: sparsity that changes in the course of training.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when that is another kind of selection, which needs other memory, or as for
    /// [`Sparsity::check`].
    pub fn with_selection(&self, network: &Network, selection: Selection) -> Result<Self> {
        if core::mem::discriminant(&self.selection) != core::mem::discriminant(&selection) {
            return Err(Error::Invalid("the kind of sparsity cannot be changed during training"));
        }
        let changed = Self { selection, ..*self };
        changed.check(network).map(|()| changed)
    }

    /// Candidates per image: windows x maps.
    pub const fn winners_len(&self, network: &Network) -> usize {
        self.grid.area().saturating_mul(network.code().channels)
    }
}

/// How many of `candidates` survive at a lifetime rate: `max(1, round(rate * candidates))`, half being
/// rounded up.
pub const fn survivors(rate: f32, candidates: usize) -> usize {
    // `f32::round` is not for constants in all of Rust's versions; the difference below is exact.
    let share = rate * candidates as f32;
    let whole = share as usize;
    let rounded = if share - whole as f32 >= 0.5 { whole.saturating_add(1) } else { whole };
    if rounded > 1 { rounded } else { 1 }
}

/// How many candidates of a batch of so many images survive by [`Selection::Batch`].
pub const fn of_batch(count: usize, images: usize) -> usize {
    count.saturating_mul(images)
}

/// Sets the candidates of one image that do not survive to 0. `index` is its place in the batch, `cuts` has
/// the cut of each map.
pub fn apply_lifetime(cuts: &[Cut], index: usize, windows: usize, values: &mut [f32]) {
    for (window, row) in runs_mut(values, cuts.len()).enumerate() {
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
/// [`Error::NotFinite`] with the index of the first candidate that is not finite.
// Not inlined: it takes a good part of a small flash, and is called in two places.
#[inline(never)]
pub fn apply_per_sample(count: usize, values: &mut [f32]) -> Result<()> {
    let cut = cut(values.iter().copied(), count)?;
    cut.apply(values.iter_mut());
    Ok(())
}

/// Selects the survivors of a whole batch: sets the values of the others to 0.
///
/// `values` are the candidates image by image, each `windows x maps`; `cuts` is scratch, one per map.
///
/// # Errors
///
/// [`Error::Length`] for buffers of other lengths, [`Error::NotFinite`] if a candidate is not finite.
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
    match sparsity.selection {
        Selection::All => expect_finite("candidates", values),
        Selection::PerSample { count } => {
            runs_mut(values, image_len).try_for_each(|row| apply_per_sample(count, row))
        }
        Selection::Batch { count } => {
            // All candidates of the batch, as if they were of one sample.
            apply_per_sample(of_batch(count, batch), values)
        }
        Selection::Lifetime { rate } => {
            expect_len("cuts", maps, cuts.len())?;
            let windows = sparsity.grid.area();
            let keep = survivors(rate, batch * windows);
            kernels.lifetime_cuts(values, maps, 0, keep, cuts)?;
            for (index, row) in runs_mut(values, image_len).enumerate() {
                apply_lifetime(cuts, index, windows, row);
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::survivors;

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
}

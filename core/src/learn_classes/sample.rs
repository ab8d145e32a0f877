//! What both learners ask of a sample, and how long they remember it.

use crate::error::{Error, Result, expect_finite, expect_len};

/// Samples of a class after which one more counts no less. From here on a mean forgets as it learns. So it
/// follows what changes, and the share of a sample does not vanish in the rounding of `f32`: of a larger
/// number of samples, those that deviate by less than a few per cent of the mean would change nothing.
pub(super) const LONGEST_MEMORY: u32 = 1 << 16;

/// What a class without a sample gets where every class must have a score: none is smaller.
pub(super) const NEVER: f32 = f32::MIN;

/// `Ok` for a sample of a known number of features, and a class below the limit.
pub(super) fn expect_sample(features: usize, classes: usize, sample: &[f32], class: usize) -> Result<()> {
    expect_len("features", features, sample.len())?;
    expect_finite("features", sample)?;
    if class < classes { Ok(()) } else { Err(Error::Invalid(TOO_MANY)) }
}

/// Why a class is refused.
pub(super) const TOO_MANY: &str =
    "a class is not below the number that memory was lent for; lend more, or forget a class";

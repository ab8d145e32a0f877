//! The numbers that a step learns must be finite.

use crate::error::{Error, Result};

/// `Ok` if all numbers that a step has learnt are finite.
pub(super) fn expect_finite(step: &str, numbers: &[f32]) -> Result<()> {
    if numbers.iter().all(|number| number.is_finite()) {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "preprocess step {step} has learnt numbers that are not finite: the images or their sums are too large"
    )))
}

/// [`expect_finite`] of factors that grow as the images' differences shrink.
pub(super) fn expect_finite_factors(step: &str, factors: &[f32]) -> Result<()> {
    if factors.iter().all(|factor| factor.is_finite()) {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "preprocess step {step} has learnt factors that are not finite: the images differ by too little; give \
         a larger regulariser, or scale the data"
    )))
}

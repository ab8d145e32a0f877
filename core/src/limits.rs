//! How large a number of training may be: what exceeds it stops training before a weight is changed.

use crate::error::{Error, Result};

/// No gradient element of a sane step comes near this; what exceeds it (or is not a number) stops training.
/// As long as all are below, no update can make a weight infinite.
pub(crate) const GRADIENT_LIMIT: f32 = 1e18;

/// A gradient whose *bound* is below this is below the limit of [`expect_sane`] and need not be looked at.
///
/// Trainers that store no gradient bound it by sums over the survivors, which are rounded themselves. So this
/// is a tenth of the limit: far more than rounding can take away, and no sane step comes near it either.
pub const SAFE_GRADIENT: f32 = 1e17;

/// `Ok` when a run of the gradient can be applied; `start` is its place in the flat vector.
///
/// # Errors
///
/// [`Error::Diverged`] with the index of the first element that is not finite or absurdly large.
pub fn expect_sane(start: usize, gradient: &[f32]) -> Result<()> {
    expect_within(GRADIENT_LIMIT, start, gradient)
}

/// [`expect_sane`] with another limit: that of a gradient which is then made smaller.
///
/// # Errors
///
/// As for [`expect_sane`].
pub fn expect_within(limit: f32, start: usize, gradient: &[f32]) -> Result<()> {
    let is_sane = |gradient: f32| gradient.abs() <= limit;
    // Counting instead of stopping at the first lets the compiler use vector instructions.
    let insane = gradient.iter().filter(|g| !is_sane(**g)).count();
    if insane == 0 {
        return Ok(());
    }
    let index = gradient.iter().position(|g| !is_sane(*g)).unwrap_or(0);
    Err(Error::Diverged { index: start + index })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insane_gradients_are_named() {
        assert_eq!(expect_sane(10, &[0.0, 1.0, f32::NAN]), Err(Error::Diverged { index: 12 }));
        assert_eq!(expect_sane(0, &[f32::INFINITY]), Err(Error::Diverged { index: 0 }));
        assert_eq!(expect_sane(0, &[1e17, -1e17]), Ok(()));
    }
}

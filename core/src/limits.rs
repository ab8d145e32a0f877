//! How large a number of training may be: what exceeds it stops training before a weight is changed. And how
//! small a number of a sample may be: what is smaller is 0.
//!
//! Processors take many times as long for a product with a subnormal number. So numbers below the least
//! normal one, about 1.2e-38, become 0 where samples enter ([`flush`]): on a host and on a device alike, with
//! no flag of the processor. Nothing else is changed: activations between layers, weights and moments are
//! what they are computed to be.

use crate::error::{Error, Result, expect_finite};

/// No gradient element of a sane step comes near this; what exceeds it (or is not a number) stops training.
/// As long as all are below, no update can make a weight infinite.
pub(crate) const GRADIENT_LIMIT: f32 = 1e18;

/// A gradient whose *bound* is below this is below the limit of [`expect_sane`] and need not be looked at.
///
/// Trainers that store no gradient bound it by sums over the survivors, which are rounded themselves. So this
/// is a tenth of the limit: far more than rounding can take away, and no sane step comes near it either.
pub const SAFE_GRADIENT: f32 = 1e17;

/// The bits of the least normal number without a sign, which a shift takes away. Numbers are compared by
/// their bits: that is cheap where floats are not.
const LEAST_NORMAL: u32 = f32::MIN_POSITIVE.to_bits() << 1;

/// Those of infinity; those of what is not a number are larger.
const INFINITE: u32 = f32::INFINITY.to_bits() << 1;

/// A number of a sample as a network sees it: 0 for one that is below the least normal number.
#[inline(always)]
pub(crate) const fn flushed(number: f32) -> f32 {
    if number.to_bits() << 1 < LEAST_NORMAL { 0.0 } else { number }
}

/// Takes numbers of a sample in: `Ok` when every one is finite, as [`expect_finite`] says it, and those below
/// the least normal number become 0. One pass for both: a row of a signal is as short as one number.
#[inline(never)]
pub(crate) fn admit(what: &'static str, numbers: &mut [f32]) -> Result<()> {
    for number in numbers.iter_mut() {
        let bits = number.to_bits() << 1;
        // One comparison for almost all numbers: what is too small wraps around.
        if bits.wrapping_sub(LEAST_NORMAL) < INFINITE - LEAST_NORMAL {
            continue;
        }
        if bits >= INFINITE {
            return expect_finite(what, numbers);
        }
        *number = 0.0;
    }
    Ok(())
}

/// Whether the smallest of these is a subnormal number: of each the bits without the sign, less 1, so that 0
/// comes last.
pub(crate) const fn is_subnormal(smallest: u32) -> bool {
    smallest < LEAST_NORMAL - 1
}

/// Makes 0 of the numbers below the least normal one, in place.
// Not inlined, as what follows: loops are worth a call.
#[inline(never)]
pub fn flush(numbers: &mut [f32]) {
    numbers.iter_mut().for_each(|number| *number = flushed(*number));
}

/// Whether [`flush`] would make a number 0 that is not.
#[inline(never)]
pub fn has_subnormal(numbers: &[f32]) -> bool {
    // Without a branch for each number, so that the compiler can use vector instructions.
    numbers.iter().fold(false, |any, number| any | is_subnormal((number.to_bits() << 1).wrapping_sub(1)))
}

/// `Ok` when a run of the gradient can be applied; `start` is its place in the flat vector.
///
/// # Errors
///
/// [`Error::Diverged`] with the index of the first element that is not finite or absurdly large.
pub fn expect_sane(start: usize, gradient: &[f32]) -> Result<()> {
    expect_within(GRADIENT_LIMIT, start, gradient)
}

/// The loss of a step, as a number: the squares of a spike of 1e20 sum up to more than `f32` holds, where the
/// gradient is clipped or just within its limit.
pub const fn bounded_loss(loss: f32) -> f32 {
    if loss > f32::MAX { f32::MAX } else { loss }
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
    fn what_is_below_the_least_normal_number_is_0() {
        let small = f32::from_bits(f32::MIN_POSITIVE.to_bits() - 1);
        let mut numbers = [small, -small, 1e-45, -0.0, 0.0, f32::MIN_POSITIVE, -f32::MIN_POSITIVE, 1.0];
        assert!(has_subnormal(&numbers));
        flush(&mut numbers);
        assert!(!has_subnormal(&numbers));
        let expected = [0.0, 0.0, 0.0, 0.0, 0.0, f32::MIN_POSITIVE, -f32::MIN_POSITIVE, 1.0];
        assert_eq!(numbers.map(f32::to_bits), expected.map(f32::to_bits));
        assert!(flushed(f32::NAN).is_nan() && flushed(f32::NEG_INFINITY) == f32::NEG_INFINITY);
    }

    #[test]
    fn what_is_taken_in_is_finite_and_flushed() {
        let mut numbers = [1e-45, -1e-45, f32::MIN_POSITIVE, f32::MAX, -f32::MAX, -0.0];
        assert_eq!(admit("row", &mut numbers), Ok(()));
        let expected = [0.0, 0.0, f32::MIN_POSITIVE, f32::MAX, -f32::MAX, 0.0];
        assert_eq!(numbers.map(f32::to_bits), expected.map(f32::to_bits));
        for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::from_bits(0x7f80_0001)] {
            let found = admit("row", &mut [1.0, 0.0, bad, bad]);
            assert_eq!(found, Err(Error::NotFinite { what: "row", index: 2 }));
        }
    }

    #[test]
    fn insane_gradients_are_named() {
        assert_eq!(expect_sane(10, &[0.0, 1.0, f32::NAN]), Err(Error::Diverged { index: 12 }));
        assert_eq!(expect_sane(0, &[f32::INFINITY]), Err(Error::Diverged { index: 0 }));
        assert_eq!(expect_sane(0, &[1e17, -1e17]), Ok(()));
    }
}

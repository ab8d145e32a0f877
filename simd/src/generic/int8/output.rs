//! What becomes of sums: activations, or the sums as they are.

use crate::generic::int8::sums::Sums;

/// A number that a convolution writes for each position and filter.
pub(crate) trait Output: Copy {
    const ZERO: Self;

    /// Writes a register of sums.
    ///
    /// # Safety
    ///
    /// As for [`Sums`].
    unsafe fn store<S: Sums>(sums: S, multipliers: *const i32, to: *mut Self);
}

/// An activation.
impl Output for u8 {
    const ZERO: Self = 0;

    #[inline(always)]
    unsafe fn store<S: Sums>(sums: S, multipliers: *const i32, to: *mut Self) {
        // SAFETY: the caller's.
        unsafe { sums.store_activations(multipliers, to) }
    }
}

/// A sum.
impl Output for i32 {
    const ZERO: Self = 0;

    #[inline(always)]
    unsafe fn store<S: Sums>(sums: S, _: *const i32, to: *mut Self) {
        // SAFETY: the caller's.
        unsafe { sums.store(to) }
    }
}

//! What becomes of sums: activations, or the sums as they are.

use crate::generic::int8::sums::Sums;

/// A number that a convolution writes for each position and filter.
pub(crate) trait Output: Copy {
    const ZERO: Self;

    /// Writes a position's sums of a register.
    ///
    /// # Safety
    ///
    /// As for [`Sums`].
    unsafe fn store<S: Sums>(sums: S, position: usize, multipliers: *const i32, to: *mut Self);
}

/// An activation.
impl Output for u8 {
    const ZERO: Self = 0;

    #[inline(always)]
    unsafe fn store<S: Sums>(sums: S, position: usize, multipliers: *const i32, to: *mut Self) {
        // SAFETY: the caller's.
        unsafe { sums.store_activations(position, multipliers, to) }
    }
}

/// A sum.
impl Output for i32 {
    const ZERO: Self = 0;

    #[inline(always)]
    unsafe fn store<S: Sums>(sums: S, position: usize, _: *const i32, to: *mut Self) {
        // SAFETY: the caller's.
        unsafe { sums.store(position, to) }
    }
}

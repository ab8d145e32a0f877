//! Asking for memory ahead of its use.

/// Bytes that come into the cache together.
const LINE: usize = 64;

/// Tells the processor that `items` will be read soon, where it can be told; never waits for memory.
#[inline]
pub fn prefetch<T>(items: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for offset in (0..size_of_val(items)).step_by(LINE) {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let address = items.as_ptr().cast::<i8>().wrapping_add(offset);
        // SAFETY: SSE is part of x86_64, and a prefetch reads nothing that a program could notice, from any
        // address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (items, LINE);
}

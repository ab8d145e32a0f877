//! No panic is linked: the handler calls a function that nobody defines, so that a program with a reachable
//! panic does not link, and the linker's message names this function.

use core::panic::PanicInfo;

unsafe extern "C" {
    safe fn wta_a_panic_is_linked() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    wta_a_panic_is_linked()
}

/// A panic that is not optimised away: tests see that a program that calls it does not link.
#[cfg(feature = "panics")]
#[unsafe(no_mangle)]
pub extern "C" fn wta_panics(index: usize) -> u8 {
    #[allow(clippy::indexing_slicing, reason = "it is to panic")]
    b"wta"[index]
}

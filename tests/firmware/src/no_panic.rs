//! No panic is linked: the handler calls a function that nobody defines, so that a program with a reachable
//! panic does not link, and the linker's message names this function.
//!
//! This needs an optimised build: without optimisation the compiler cannot see that a panic is not reachable.

use core::panic::PanicInfo;

unsafe extern "C" {
    safe fn wta_a_panic_is_linked() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    wta_a_panic_is_linked()
}

//! The panic handler of a library without Rust's standard library.
//!
//! On bare metal no panic is linked: the handler calls a function that nobody defines, so that a program with
//! a reachable panic does not link, and the linker's message names this function. A host's linker keeps what
//! a program does not use, unless it is told otherwise; so there the handler ends the program.

use core::panic::PanicInfo;

#[cfg(target_os = "none")]
unsafe extern "C" {
    safe fn wta_a_panic_is_linked() -> !;
}

#[cfg(not(target_os = "none"))]
unsafe extern "C" {
    /// The C library's.
    safe fn abort() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    #[cfg(target_os = "none")]
    wta_a_panic_is_linked();
    #[cfg(not(target_os = "none"))]
    abort();
}

// What Rust's own library for Linux was compiled with refers to this function, although nothing unwinds here:
// it is asked for by `--whole-archive`. Weak, so that another Rust library's is taken where there is one.
#[cfg(target_os = "linux")]
core::arch::global_asm!(
    ".pushsection .text.rust_eh_personality, \"ax\"",
    ".weak rust_eh_personality",
    "rust_eh_personality:",
    ".long 0",
    ".popsection",
);

/// A panic that is not optimised away: tests see that a program that calls it does not link.
#[cfg(feature = "panics")]
#[unsafe(no_mangle)]
pub extern "C" fn wta_panics(index: usize) -> u8 {
    #[allow(clippy::indexing_slicing, reason = "it is to panic")]
    b"wta"[index]
}

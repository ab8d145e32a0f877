//! How deep the stack went.
//!
//! cortex-m-rt paints the memory below the stack before the program starts (its feature `paint-stack`); what
//! is not painted any more has been used.

use core::ptr;

/// The linker script's ends of the stack, which grows down from `_stack_start`: only their addresses mean
/// anything.
mod linked {
    unsafe extern "C" {
        pub(super) safe static _stack_start: u32;
        pub(super) safe static _stack_end: u32;
    }
}

/// cortex-m-rt's paint.
const PAINT: u32 = 0xcccc_cccc;

/// The most bytes that have been on the stack so far, interrupts included.
pub fn high_water() -> usize {
    let start = ptr::addr_of!(linked::_stack_start).addr();
    let mut word = ptr::addr_of!(linked::_stack_end);
    // SAFETY: from `_stack_end` up to `_stack_start` lies the memory of the stack, aligned to words, and
    // nothing else; the reads are volatile because the compiler knows of nothing that has been written there.
    while word.addr() < start && unsafe { ptr::read_volatile(word) } == PAINT {
        word = word.wrapping_add(1);
    }
    start - word.addr()
}

/// What a call returns, and the most bytes that it had on the stack, its caller's frame not included.
#[cfg(target_arch = "arm")]
pub fn of<R>(call: impl FnOnce() -> R) -> (R, usize) {
    let start = paint();
    let found = call();
    // Frames of other calls may lie between the paint and here, so that this is no less than what was used.
    (found, high_water().saturating_sub(ptr::addr_of!(linked::_stack_start).addr() - start))
}

/// More than [`paint`] itself has on the stack.
#[cfg(target_arch = "arm")]
const FRAME: usize = 64;

/// Paints all of the stack that is not in use; returns where that begins.
#[cfg(target_arch = "arm")]
#[inline(never)]
fn paint() -> usize {
    let pointer: usize;
    // SAFETY: it reads a register.
    unsafe { core::arch::asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
    let mut word = ptr::addr_of!(linked::_stack_end).cast_mut();
    while word.addr() < pointer - FRAME {
        // SAFETY: from `_stack_end` up to this function's frame lies memory of the stack that nobody uses: no
        // function is called from here, and what an interrupt puts there it has taken away when it returns.
        unsafe { ptr::write_volatile(word, PAINT) };
        word = word.wrapping_add(1);
    }
    pointer
}

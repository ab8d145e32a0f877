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

//! Tiny networks encode and are trained on processors without an FPU: a Cortex-M0 with 16 KB of RAM, and
//! RISC-V.

#![no_std]
#![no_main]

#[path = "../workload/tiny.rs"]
mod workload;

use workload::Memory;
use wta_firmware::{report, run};

/// No more than so many bytes are on the stack.
const STACK: usize = 5632;

/// The program; `memory` is handed out once.
fn program(memory: &mut Memory) -> ! {
    run(STACK, || workload::compute(memory, report::floats))
}

#[cfg(target_arch = "arm")]
#[cortex_m_rt::entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::new();
    program(MEMORY)
}

#[cfg(target_arch = "riscv32")]
#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    static mut MEMORY: Memory = Memory::new();
    // SAFETY: the start-up code calls this once, so that there is no other reference.
    program(unsafe { &mut *core::ptr::addr_of_mut!(MEMORY) })
}

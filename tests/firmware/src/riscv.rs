//! How a program starts on RISC-V: what cortex-m-rt does on Arm. Other boards have the `riscv-rt` crate for
//! it.

use core::arch::global_asm;

/// Switches the FPU on, where there is one: what instructions of it would otherwise trap.
#[cfg(target_feature = "f")]
global_asm!(".section .start, \"ax\"", ".global _start", "_start:", "li t0, 0x2000", "csrs mstatus, t0");

#[cfg(not(target_feature = "f"))]
global_asm!(".section .start, \"ax\"", ".global _start", "_start:");

// The stack is set up and painted as cortex-m-rt paints it (see `stack.rs`), and `.bss` is set to 0. `.data`
// lies where it is to be: QEMU has loaded it.
global_asm!(
    ".section .start, \"ax\"",
    "la sp, _stack_start",
    "la t0, _bss_start",
    "la t1, _bss_end",
    "1: bgeu t0, t1, 2f",
    "sw zero, 0(t0)",
    "addi t0, t0, 4",
    "j 1b",
    "2: la t0, _stack_end",
    "li t1, 0xcccccccc",
    "3: bgeu t0, sp, 4f",
    "sw t1, 0(t0)",
    "addi t0, t0, 4",
    "j 3b",
    "4: call start",
);

//! The crates that firmware links build for processors without an operating system, with and without an FPU,
//! hardware multiplication, or atomic operations.

#![allow(clippy::unwrap_used, reason = "helpers of tests report by panicking")]

use wta_tests::{Cross, require, run};

fn builds(target: &'static str) {
    let Some(cross) = require(Cross::for_libraries(target)) else { return };
    // All three crates; as a static library, they are compiled to the processor's instructions.
    let mut cargo = cross.cargo_as_for_firmware("rustc", env!("CARGO_TARGET_TMPDIR"));
    cargo.args(["-p", "wta-c", "--lib", "--features", "dsp", "--crate-type", "staticlib"]);
    let finished = run(cargo).unwrap();
    assert!(finished.success(), "cargo: {}\n{}", finished.ending(), finished.output);
}

#[test]
fn cortex_m4_with_fpu() {
    builds("thumbv7em-none-eabihf");
}

#[test]
fn cortex_m0_without_fpu_or_compare_and_swap() {
    builds("thumbv6m-none-eabi");
}

#[test]
fn cortex_m33_with_fpu() {
    builds("thumbv8m.main-none-eabihf");
}

#[test]
fn riscv32_without_fpu_or_atomics() {
    builds("riscv32imc-unknown-none-elf");
}

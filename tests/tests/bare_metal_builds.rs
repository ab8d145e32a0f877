//! The crates that firmware links build for processors without an operating system, with and without an FPU,
//! hardware multiplication, or atomic operations.

#![allow(clippy::unwrap_used, reason = "helpers of tests report by panicking")]

use wta_tests::{Cross, require, run};

fn builds(target: &'static str) {
    let Some(cross) = require(Cross::for_libraries(target)) else { return };
    let mut cargo = cross.cargo("build", env!("CARGO_TARGET_TMPDIR"));
    cargo.args(["--lib", "--no-default-features", "-p", "wta-core", "-p", "wta-simd", "-p", "wta-c"]);
    // Whether they build is the question: most of the time goes into `core`, when that is built from source too.
    cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "0").env("CARGO_PROFILE_DEV_DEBUG", "0");
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

//! The tests of the crates that edge boards use, built for Linux on aarch64 and run in QEMU.

use wta_tests::{Cross, announce, require, run};

/// Seconds that one test program may take in the emulator.
const LIMIT: u32 = 900;

#[test]
#[cfg_attr(all(target_arch = "aarch64", target_os = "linux"), ignore = "these tests run here as they are")]
fn core_and_simd_pass_their_tests_on_aarch64() {
    let Some(cross) = require(Cross::for_aarch64_linux(LIMIT)) else { return };
    let mut cargo = cross.cargo("test", env!("CARGO_TARGET_TMPDIR"));
    cargo.args(["--no-fail-fast", "-p", "wta-core", "-p", "wta-simd"]);
    let finished = run(cargo).unwrap();
    assert!(finished.success(), "cargo: {}\n{}", finished.ending(), finished.output);
    let passed = passed(&finished.output);
    assert!(passed > 0, "no test was run\n{}", finished.output);
    announce(&format!("aarch64: {passed} tests passed in QEMU"));
}

/// The sum over the summaries of all test programs.
fn passed(output: &str) -> usize {
    let summaries = output.lines().filter_map(|line| line.strip_prefix("test result: ok. "));
    summaries.filter_map(|summary| summary.split(' ').next()?.parse::<usize>().ok()).sum()
}

#[test]
fn summaries_are_added_up() {
    let output = "test a ... ok\n\ntest result: ok. 12 passed; 0 failed; 1 ignored;\n\
                  test result: FAILED. 7 passed; 1 failed;\ntest result: ok. 3 passed; 0 failed;\n";
    assert_eq!(passed(output), 15);
}

//! What the compiler makes of the convolution's inner loop on aarch64: the registers must suffice, and the
//! multiplications must not wait for anything else. There is no aarch64 here on which to measure time.

use std::fs;
use std::path::Path;

use wta_tests::assembly::{Loop, innermost_loops};
use wta_tests::{Cross, announce, require, run};

/// Instructions that the loop may have for each vector of multiplications and additions. Measured with rustc
/// 1.96: 83 for 64, which is 1.30.
const MOST_PER_FMLA: f64 = 1.4;

#[test]
fn the_convolution_stays_in_registers() {
    let Some(cross) = require(Cross::for_aarch64_libraries()) else { return };
    let assembly = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wta-simd-aarch64.s");
    let mut cargo = cross.cargo("rustc", env!("CARGO_TARGET_TMPDIR"));
    cargo.args(["--release", "-p", "wta-simd", "--lib", "--", "-Ccodegen-units=1"]);
    cargo.arg(format!("--emit=asm={}", assembly.display()));
    // With it, the compiler leaves the last optimisations to the linker.
    cargo.env("CARGO_PROFILE_RELEASE_LTO", "off");
    let finished = run(cargo).unwrap();
    assert!(finished.success(), "cargo: {}\n{}", finished.ending(), finished.output);

    let assembly = fs::read_to_string(&assembly).unwrap();
    let loops = innermost_loops(&assembly, "8convolve");
    let hot = loops.iter().max_by_key(|found| found.count("fmla")).expect("no loop in the convolution");
    let (instructions, fmla) = (hot.instructions.len(), hot.count("fmla"));
    let per_fmla = instructions as f64 / fmla as f64;
    announce(&format!("NEON convolution: {instructions} instructions for {fmla} fmla, {per_fmla:.2} each"));
    assert!(!on_the_stack(hot) && !stores(hot), "spilt registers:\n{}", hot.instructions.join("\n"));
    assert!(per_fmla <= MOST_PER_FMLA, "{per_fmla:.2}:\n{}", hot.instructions.join("\n"));
}

fn on_the_stack(found: &Loop<'_>) -> bool {
    found.instructions.iter().any(|instruction| instruction.contains("[sp"))
}

fn stores(found: &Loop<'_>) -> bool {
    ["str", "stur", "stp", "st1"].iter().any(|store| found.count(store) > 0)
}

//! What the compiler makes of the hot loops on aarch64: the registers must suffice, and the arithmetic must
//! not wait for anything else. There is no aarch64 here on which to measure time. `neon_instructions.rs`
//! counts what is executed.

use std::fs;
use std::path::Path;

use wta_tests::assembly::{Loop, innermost_loops};
use wta_tests::{Cross, announce, require, run};

/// A kernel, in its symbol; the instruction that its hot loop is there for; the instructions that the loop
/// may have for each of these. Measured with rustc 1.96: a tenth less. The best for `fmla` is a little above
/// 1.
const HOT: [(&str, &str, f64); 21] = [
    ("8convolve", "fmla", 1.4),
    ("19convolve_both_signs", "fmla", 1.4),
    ("14convolve_tiles", "fmla", 1.6),
    ("25convolve_tiles_both_signs", "fmla", 1.6),
    ("6screen", "fmla", 1.6),
    ("16unit_activations", "fmla", 1.5),
    ("6linear", "fmla", 1.5),
    ("16filter_gradients", "fmla", 2.0),
    ("13backpropagate", "fmla", 1.8),
    ("16weighted_row_sum", "fmla", 2.5),
    ("11activations", "fmla", 2.9),
    ("12add_to_field", "fmla", 4.4),
    ("13add_to_filter", "fmla", 4.4),
    ("3sgd", "fmul", 5.1),
    ("4adam", "fdiv", 28.0),
    ("3max", "fcmgt", 10.0),
    ("7compete", "fcmgt", 13.0),
    ("13lifetime_cuts", "cmge", 6.6),
    ("7row_cut", "cmge", 5.5),
    ("13row_survivors", "cmge", 5.5),
    ("8row_dots", "fmla", 3.0),
];

/// Kernels whose hot loop writes what it computes; in all others the sums stay in registers to the end.
const WRITES: [&str; 5] = ["12add_to_field", "13add_to_filter", "3sgd", "4adam", "3max"];

/// From so many multiply-adds on, a loop of any kernel is hot: transforms of tiles, edges of products.
const MANY: usize = 4;

/// Constants that such a loop may read from the stack each time, where there are more of them than registers.
const MOST_RELOADS: usize = 2;

#[test]
fn hot_loops_stay_in_registers() {
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
    let mut complaints = Vec::new();
    for (kernel, what, most) in HOT {
        let loops = innermost_loops(&assembly, kernel);
        let hot = loops.iter().max_by_key(|found| (found.count(what), -(found.instructions.len() as isize)));
        let hot = hot
            .filter(|hot| hot.count(what) > 0)
            .unwrap_or_else(|| panic!("no {what} in a loop of {kernel}"));
        let (instructions, count) = (hot.instructions.len(), hot.count(what));
        let each = instructions as f64 / count as f64;
        announce(&format!("NEON {kernel}: {instructions} instructions for {count} {what}, {each:.2} each"));
        if each > most || (stores(hot) && !WRITES.contains(&kernel)) {
            complaints.push(format!("{kernel}: {each:.2} for each {what}\n{}", text(hot)));
        }
        let many = loops.iter().filter(|found| found.count("fmla") >= MANY).chain([hot]);
        let spilt = many.filter(|found| spills(found));
        complaints.extend(spilt.map(|found| format!("{kernel}: spilt registers\n{}", text(found))));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}

fn text(found: &Loop<'_>) -> String {
    found.instructions.join("\n")
}

/// Whether registers do not suffice: a number is put on the stack, or too many are read from there.
fn spills(found: &Loop<'_>) -> bool {
    let on_the_stack = |instruction: &&&str| instruction.contains("[sp") || instruction.contains("[x29, #-");
    let (stored, read): (Vec<&str>, Vec<&str>) =
        found.instructions.iter().filter(on_the_stack).partition(|instruction| instruction.starts_with("st"));
    !stored.is_empty() || read.len() > MOST_RELOADS
}

fn stores(found: &Loop<'_>) -> bool {
    ["str", "stur", "stp", "st1"].iter().any(|store| found.count(store) > 0)
}

#[test]
fn numbers_on_the_stack_are_seen() {
    let spills = |instructions: &[&'static str]| spills(&Loop { instructions: instructions.to_vec() });
    assert!(!spills(&["fmla v0.4s, v1.4s, v2.s[0]", "ldr q1, [x2], #16", "str q1, [x29, x3]"]));
    assert!(spills(&["str q1, [sp, #16]"]) && spills(&["stp x1, x2, [x29, #-88]"]));
    assert!(!spills(&["ldr q1, [sp, #16]"; 2]) && spills(&["ldur q1, [x29, #-32]"; 3]));
}

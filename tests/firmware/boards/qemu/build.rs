//! Lays out the recordings that stand for an accelerometer, and hands the linker the emulated board's memory.

use std::path::Path;
use std::{env, fs};

#[path = "../../bearing.rs"]
mod bearing;

/// The repository's fixtures, from this folder.
const FIXTURES: &str = "../../../../fixtures";

/// Bytes of a fault's recording that are played: 2.5 s.
const FAULT: usize = 60_000;

fn main() {
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    let out = Path::new(&out);
    for name in ["normal", "inner_7", "ball_7", "outer_7"] {
        let mut samples = bearing::samples(name);
        if name != "normal" {
            samples.truncate(FAULT);
        }
        fs::write(out.join(name), samples).expect("OUT_DIR can be written to");
    }
    println!("cargo::rerun-if-changed={FIXTURES}/bearing");

    let memory = "../../memory/mps2-an386.x";
    fs::copy(memory, out.join("memory.x")).expect("the emulated board's memory is known");
    println!("cargo::rerun-if-changed={memory}");
    println!("cargo::rustc-link-search={}", out.display());
    for argument in ["--nmagic", "-Tlink.x", "-Tdefmt.x"] {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
}

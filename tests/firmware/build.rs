//! Lays out what the programs have in flash, and hands the linker the board's memory and the runtime's linker
//! script, which includes it as `memory.x`.

use std::path::Path;
use std::{env, fs};

mod bearing;
mod digits;
mod motions;
mod stacked;

/// The repository's fixtures, from this folder.
const FIXTURES: &str = "../../fixtures";

fn main() {
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    let out = Path::new(&out);
    let write =
        |name: &str, bytes: &[u8]| fs::write(out.join(name), bytes).expect("OUT_DIR can be written to");
    write("test_images", &digits::images("t10k", 200));
    write("few_images", &digits::images("t10k", 4));
    write("test_labels", &digits::labels("t10k", 200));
    write("train_images", &digits::images("train", 400));
    write("train_labels", &digits::labels("train", 200));
    println!("cargo::rerun-if-changed={FIXTURES}/digits");
    for name in ["normal", "inner_7", "ball_7", "outer_7"] {
        write(name, &bearing::samples(name));
    }
    println!("cargo::rerun-if-changed={FIXTURES}/bearing");
    write("motions", &motions::windows());
    println!("cargo::rerun-if-changed={FIXTURES}/motions");
    write("stack.wta", &stacked::model());
    println!("cargo::rerun-if-env-changed=WTA_MOTIONS");
    let module = env::var("WTA_MOTIONS").unwrap_or_else(|_| format!("{FIXTURES}/models/motions.rs"));
    write("motions.rs", &fs::read(&module).unwrap_or_else(|error| panic!("{module}: {error}")));
    println!("cargo::rerun-if-changed={module}");

    let target = env::var("TARGET").expect("cargo sets TARGET");
    let board = match target.as_str() {
        "thumbv7em-none-eabihf" => "mps2-an386",
        "thumbv6m-none-eabi" => "microbit",
        "thumbv8m.main-none-eabihf" => "mps2-an505",
        "riscv32imc-unknown-none-elf" | "riscv32imac-unknown-none-elf" | "riscv32imafc-unknown-none-elf" => {
            "virt"
        }
        _ => panic!("no board for {target}: add its memory to memory/ and to build.rs"),
    };
    println!("cargo::rustc-check-cfg=cfg(wta_armv8)");
    if target.starts_with("thumbv8m") {
        println!("cargo::rustc-cfg=wta_armv8");
    }
    let memory = format!("memory/{board}.x");
    write("memory.x", &fs::read(&memory).expect("the board's memory is known"));
    println!("cargo::rustc-link-search={}", out.display());
    // On RISC-V, the board's file is the whole script.
    let script = if target.starts_with("thumb") { "link.x" } else { "memory.x" };
    println!("cargo::rustc-link-arg-bins=-T{script}");
    println!("cargo::rerun-if-changed={memory}");
}

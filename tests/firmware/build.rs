//! Hands the linker the board's memory and the runtime's linker script, which includes it as `memory.x`.

use std::path::Path;
use std::{env, fs};

fn main() {
    let target = env::var("TARGET").expect("cargo sets TARGET");
    let board = match target.as_str() {
        "thumbv7em-none-eabihf" => "mps2-an386",
        _ => panic!("no board for {target}: add its memory to memory/ and to build.rs"),
    };
    let memory = format!("memory/{board}.x");
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::copy(&memory, Path::new(&out).join("memory.x")).expect("the board's memory is copied");
    println!("cargo::rustc-link-search={}", Path::new(&out).display());
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rerun-if-changed={memory}");
}

//! Tells the crate whether the target has the DSP instructions of ARMv7E-M: the compiler does not say so to
//! crates that it builds with its stable features.

use std::env;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(wta_dsp)");
    println!("cargo::rerun-if-changed=build.rs");
    let target = env::var("TARGET").unwrap_or_default();
    if target.starts_with("thumbv7em-") {
        println!("cargo::rustc-cfg=wta_dsp");
    }
}

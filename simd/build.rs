//! Tells the crate whether the target has the DSP instructions of ARMv7E-M: the compiler does not say so to
//! crates that it builds with its stable features.

use std::env;

/// Processors of ARMv8-M that have them, as `-Ctarget-cpu` names them.
const WITH_DSP: &[&str] =
    &["cortex-m33", "cortex-m35p", "cortex-m52", "cortex-m55", "cortex-m85", "star-mc1"];

fn main() {
    println!("cargo::rustc-check-cfg=cfg(wta_dsp, wta_dsp_option)");
    println!("cargo::rerun-if-changed=build.rs");
    let target = env::var("TARGET").unwrap_or_default();
    let is_option = target.starts_with("thumbv8m.main-");
    if target.starts_with("thumbv7em-") || is_option && has_dsp() {
        println!("cargo::rustc-cfg=wta_dsp");
    }
    if is_option {
        println!("cargo::rustc-cfg=wta_dsp_option");
    }
}

/// Whether a processor of ARMv8-M has them, for which they are an option: by the crate's feature, or by the
/// compiler's flags.
fn has_dsp() -> bool {
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    // `-Ctarget-cpu=x` is one argument, `-C target-cpu=x` two.
    let named = |argument: &str, key: &str| {
        let setting = argument.strip_prefix("-C").unwrap_or(argument);
        setting.strip_prefix(key).map(str::to_owned)
    };
    let cpu = flags.split('\u{1f}').filter_map(|argument| named(argument, "target-cpu=")).next_back();
    let features = flags.split('\u{1f}').filter_map(|argument| named(argument, "target-feature="));
    let features: Vec<String> =
        features.flat_map(|list| list.split(',').map(str::to_owned).collect::<Vec<_>>()).collect();
    if features.iter().any(|feature| feature == "-dsp") {
        return false;
    }
    env::var_os("CARGO_FEATURE_DSP").is_some()
        || features.iter().any(|feature| feature == "+dsp")
        || cpu.is_some_and(|cpu| WITH_DSP.contains(&cpu.as_str()))
}

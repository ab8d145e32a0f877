//! Firmware trains a network on an emulated Cortex-M4F: it must find the host's weights, bit for bit.

#![allow(clippy::unwrap_used, reason = "helpers of tests report by panicking")]

use std::path::Path;
use std::time::Duration;

use wta_tests::{Cross, emulator, require, run, run_within};

#[path = "../firmware/train-fc/src/workload.rs"]
mod workload;

#[test]
fn a_microcontroller_trains_to_the_hosts_weights() {
    let Some((cross, board)) =
        require(Cross::for_firmware("thumbv7em-none-eabihf").and(emulator::CortexM4::find()))
    else {
        return;
    };
    let tmpdir = env!("CARGO_TARGET_TMPDIR");
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware/train-fc");
    let mut cargo = cross.cargo("build", tmpdir);
    cargo.arg("--release").arg("--manifest-path").arg(package.join("Cargo.toml"));
    let built = run(cargo).unwrap();
    assert!(built.success(), "cargo: {}\n{}", built.ending(), built.output);

    let image = cross.programs(tmpdir, "release").join("train-fc");
    let ran = run_within(Duration::from_secs(120), board.command(&image)).unwrap();
    assert!(ran.success(), "QEMU: {}\n{}", ran.ending(), ran.output);
    let found = weights(&ran.output);

    let mut memory = Box::new(workload::Memory::new());
    let expected: Vec<u32> = workload::train(&mut memory).unwrap().iter().map(|w| w.to_bits()).collect();
    assert_eq!(found.len(), expected.len(), "{}", ran.output);
    for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let values = (f32::from_bits(*found), f32::from_bits(*expected));
        assert!(found == expected, "weight {index}: {:e} on the board, {:e} here", values.0, values.1);
    }
}

/// The bits of the weights that the firmware printed; it must have come to its end.
fn weights(output: &str) -> Vec<u32> {
    assert_eq!(output.lines().last(), Some("done"), "{output}");
    let lines = output.lines().filter_map(|line| line.strip_prefix("weights "));
    lines.flat_map(str::split_whitespace).map(|bits| u32::from_str_radix(bits, 16).unwrap()).collect()
}

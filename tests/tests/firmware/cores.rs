//! int8 on every kind of core: the host's scores, and the instructions of an image.

use std::path::Path;
use std::time::Duration;

use wta_core::int8::{Int8Extractor, Portable};
use wta_tests::emulator::SmallMachine;
use wta_tests::{Availability, Cross, require, run, run_within};

use crate::board::{Report, assert_same_bits};
use crate::digits;

#[path = "../../firmware/src/workload/classify_int8.rs"]
#[allow(clippy::duplicate_mod, dead_code, reason = "another program with a part of the same workload")]
mod workload;

/// Digits that the program has.
const DIGITS: usize = 4;

#[test]
fn a_cortex_m0_classifies_in_8_bits() {
    check("thumbv6m-none-eabi", &[], &[SmallMachine::cortex_m0()], &[29_000_000, 29_000_000]);
}

#[test]
fn a_riscv32_classifies_in_8_bits() {
    check("riscv32imc-unknown-none-elf", &[], &[SmallMachine::riscv32()], &[18_000_000, 18_000_000]);
}

#[test]
fn a_cortex_m33_classifies_in_8_bits_with_its_dsp_instructions_and_faster_than_in_floats() {
    // A Cortex-M55 runs the same program; it counts otherwise.
    let machines = [SmallMachine::cortex_m(&["mps2-an505"])];
    check("thumbv8m.main-none-eabihf", &["--features", "dsp"], &machines, &[5_800_000, 18_500_000]);
}

/// Builds the program, runs it on each of the machines, and compares it with the host; `most` are the
/// instructions of an image with the core's own kernels and with the portable ones.
fn check(target: &'static str, features: &[&str], machines: &[Availability<SmallMachine>], most: &[u64; 2]) {
    let Some(cross) = require(Cross::for_firmware(target)) else { return };
    let tmpdir = env!("CARGO_TARGET_TMPDIR");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware/Cargo.toml");
    let mut cargo = cross.cargo("build", tmpdir);
    cargo.args(["--release", "--bin", "cores"]).args(features).arg("--manifest-path").arg(manifest);
    let built = run(cargo).unwrap();
    assert!(built.success(), "cargo: {}\n{}", built.ending(), built.output);
    let program = cross.programs(tmpdir, "release").join("cores");
    for machine in machines {
        let Some(machine) = require(machine.clone()) else { return };
        let ran = run_within(Duration::from_secs(120), machine.command(&program)).unwrap();
        assert!(ran.success(), "QEMU: {}\n{}", ran.ending(), ran.output);
        let report = Report::new(ran.output);
        let mut rows = vec![0; Int8Extractor::<Portable>::memory_len(&workload::NETWORK, &workload::POOL)];
        let mut scores = Vec::new();
        workload::classify(Portable, &digits::images("t10k", DIGITS), &mut rows, |found| {
            scores.extend(found)
        })
        .unwrap();
        assert_same_bits("scores", &report.floats("scores"), &[scores.clone(), scores].concat());
        let counted = report.numbers("instructions");
        println!("{target}: {counted:?}");
        assert!(
            counted.len() >= 2 && counted.iter().zip(most).all(|(count, most)| count <= most),
            "{counted:?}"
        );
        if let [_, portable, floats] = counted[..] {
            assert!(portable < floats, "int8 takes {portable}, f32 {floats}");
        }
    }
}

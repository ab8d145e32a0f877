//! int8 on every kind of core: the host's scores, and the instructions of an image.

use std::path::Path;
use std::time::Duration;

use wta_core::int8::{Int8Extractor, Portable};
use wta_tests::emulator::SmallMachine;
use wta_tests::{Availability, Cross, require, run, run_within};

use crate::board::{Report, assert_same_bits};
use crate::{costs, digits};

#[path = "../../firmware/src/workload/classify_int8.rs"]
#[allow(clippy::duplicate_mod, dead_code, reason = "another program with a part of the same workload")]
mod workload;

/// Digits that the program has.
const DIGITS: usize = 4;

#[test]
fn a_cortex_m0_classifies_in_8_bits() {
    check("thumbv6m-none-eabi", &[], &[SmallMachine::cortex_m0()]);
}

#[test]
fn riscv32_classifies_in_8_bits() {
    check("riscv32imc-unknown-none-elf", &[], &[SmallMachine::riscv32()]);
}

#[test]
fn riscv32_with_an_fpu_classifies_in_8_bits_faster_than_in_floats() {
    check("riscv32imafc-unknown-none-elf", &[], &[SmallMachine::riscv32()]);
}

#[test]
fn a_cortex_m4_and_m7_classify_in_8_bits_faster_than_in_floats() {
    let machines = [SmallMachine::cortex_m(&["mps2-an386"]), SmallMachine::cortex_m(&["mps2-an500"])];
    check("thumbv7em-none-eabihf", &[], &machines);
}

#[test]
fn a_cortex_m33_and_m55_classify_in_8_bits_with_dsp_instructions_and_faster_than_in_floats() {
    let machines = [SmallMachine::cortex_m(&["mps2-an505"]), SmallMachine::cortex_m(&["mps3-an547"])];
    check("thumbv8m.main-none-eabihf", &["--features", "dsp"], &machines);
}

/// Builds the program, runs it on each of the machines, and compares it with the host. What it takes is
/// compared with what is recorded; of the first machine, as the program knows the clock of that.
fn check(target: &'static str, features: &[&str], machines: &[Availability<SmallMachine>]) {
    let Some(cross) = require(Cross::for_firmware(target)) else { return };
    let tmpdir = env!("CARGO_TARGET_TMPDIR");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware/Cargo.toml");
    let mut cargo = cross.cargo("build", tmpdir);
    cargo.args(["--release", "--bin", "cores"]).args(features).arg("--manifest-path").arg(manifest);
    let built = run(cargo).unwrap();
    assert!(built.success(), "cargo: {}\n{}", built.ending(), built.output);
    let program = cross.programs(tmpdir, "release").join("cores");
    for (index, machine) in machines.iter().enumerate() {
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
        if let [_, portable, floats] = counted[..] {
            assert!(portable < floats, "{target}: int8 takes {portable}, f32 {floats}");
        }
        if index == 0 {
            let name = format!("cores_{}", target.split_once('-').map_or(target, |(arch, _)| arch));
            let costs = costs::of(&program, report.number("stack"), counted);
            costs::check(&name.replace('.', "_"), &costs, cross.is_from_debian());
        }
    }
}

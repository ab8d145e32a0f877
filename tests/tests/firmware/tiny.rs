//! Tiny networks on processors without an FPU: what is computed in software has the host's bits too.

use std::path::Path;
use std::time::Duration;

use wta_tests::emulator::SmallMachine;
use wta_tests::{Availability, Cross, require, run, run_within};

use crate::board::{Report, assert_same_bits};

#[path = "../../firmware/src/workload/tiny.rs"]
mod workload;

#[test]
fn a_cortex_m0_encodes_and_trains_to_the_hosts_bits() {
    check("thumbv6m-none-eabi", SmallMachine::cortex_m0());
}

#[test]
fn a_riscv32_without_fpu_or_atomics_encodes_and_trains_to_the_hosts_bits() {
    check("riscv32imc-unknown-none-elf", SmallMachine::riscv32());
}

fn check(target: &'static str, machine: Availability<SmallMachine>) {
    let Some((cross, machine)) = require(Cross::for_firmware(target).and(machine)) else { return };
    let tmpdir = env!("CARGO_TARGET_TMPDIR");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware/Cargo.toml");
    let mut cargo = cross.cargo("build", tmpdir);
    cargo.args(["--release", "--bin", "tiny", "--manifest-path"]).arg(manifest);
    let built = run(cargo).unwrap();
    assert!(built.success(), "cargo: {}\n{}", built.ending(), built.output);
    let program = cross.programs(tmpdir, "release").join("tiny");
    let ran = run_within(Duration::from_secs(120), machine.command(&program)).unwrap();
    assert!(ran.success(), "QEMU: {}\n{}", ran.ending(), ran.output);
    assert_eq!(ran.output.lines().last(), Some("done"), "{}", ran.output);

    let report = Report::new(ran.output);
    let mut expected: Vec<(String, Vec<f32>)> = Vec::new();
    let mut memory = Box::new(workload::Memory::new());
    let note = |name: &str, values: &[f32]| match expected.iter_mut().find(|(other, _)| other == name) {
        Some((_, all)) => all.extend(values),
        None => expected.push((name.to_owned(), values.to_vec())),
    };
    workload::compute(&mut memory, note).unwrap();
    for name in ["code", "hidden", "loss", "weights"] {
        assert!(expected.iter().any(|(other, values)| other == name && values.iter().any(|v| *v != 0.0)));
    }
    for (name, values) in expected {
        assert_same_bits(&name, &report.floats(&name), &values);
    }
}

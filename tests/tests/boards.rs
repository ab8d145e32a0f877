//! The projects of tests/firmware/boards build; what they share runs in QEMU, and its log, as defmt's decoder
//! reads it on this computer, has what the core refuses and what the detector tells.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use defmt_decoder::{DecodeError, Table};
use wta_tests::{Cross, emulator, require, run, run_within};

#[path = "../firmware/boards/qemu/src/refusals.rs"]
mod refusals;
#[path = "../firmware/boards/qemu/src/sentences.rs"]
mod sentences;

/// One folder for all targets: most of what is built are macros and build scripts, for this computer.
fn target_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("boards")
}

/// Builds some of the projects, all for the same processor, as quickly as can be.
fn build(cross: &Cross, packages: &[&str]) {
    let mut cargo = cross.cargo_in("build", &target_dir());
    cargo.args(["--profile", "ci"]);
    packages.iter().for_each(|package| {
        cargo.args(["-p", package]);
    });
    finish(cargo);
}

/// Runs cargo in the projects' workspace.
fn finish(mut cargo: Command) {
    cargo.arg("--manifest-path");
    cargo.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware/boards/Cargo.toml"));
    cargo.env("DEFMT_LOG", "info");
    let built = run(cargo).unwrap();
    assert!(built.success(), "cargo: {}\n{}", built.ending(), built.output);
}

#[test]
fn rp2350_builds() {
    let Some(cross) = require(Cross::for_firmware("thumbv8m.main-none-eabihf")) else { return };
    build(&cross, &["wta-monitor-rp2350"]);
}

#[test]
fn esp32c3_builds() {
    let Some(cross) = require(Cross::for_firmware("riscv32imc-unknown-none-elf")) else { return };
    build(&cross, &["wta-monitor-esp32c3"]);
}

#[test]
fn nrf52840_and_stm32f4_build() {
    let Some(cross) = require(Cross::for_firmware("thumbv7em-none-eabihf")) else { return };
    build(&cross, &["wta-monitor-nrf52840", "wta-monitor-stm32f4"]);
}

#[test]
fn what_the_boards_share_learns_and_tells_faults_and_logs_it() {
    let tools = Cross::for_firmware("thumbv7em-none-eabihf").and(emulator::CortexM4::find());
    let Some((cross, emulator)) = require(tools) else { return };
    // Where the firmware's tests have built `core` with the same settings.
    let tmpdir = env!("CARGO_TARGET_TMPDIR");
    let mut cargo = cross.cargo("build", tmpdir);
    cargo.args(["--release", "-p", "wta-monitor-qemu"]);
    finish(cargo);
    let program = cross.programs(tmpdir, "release").join("wta-monitor-qemu");
    let ran = run_within(Duration::from_secs(180), emulator.command(&program)).unwrap();
    let log = decode(&fs::read(&program).unwrap(), &ran.bytes);
    assert!(ran.success(), "QEMU: {}\n{log:#?}", ran.ending());
    let mut lines = log.iter();

    for error in sentences::ERRORS {
        assert_eq!(lines.next().unwrap(), &Line::new("info", format!("error: {error}")));
        assert_eq!(sentences::ERRORS[sentences::place(&error)], error);
    }
    for (_, text) in sentences::NETWORKS {
        assert_eq!(lines.next().unwrap(), &Line::new("info", format!("network: {text}")));
    }

    let (loss, errors) = refusals::refusals();
    let step = lines.next().unwrap();
    let found: f32 = step.text.strip_prefix("step 1: loss ").unwrap().parse().unwrap();
    assert_eq!((step.level.as_str(), Some(found)), ("info", loss), "{step:?}");
    for error in errors {
        assert_eq!(lines.next().unwrap(), &Line::new("warn", error.unwrap().to_string()));
    }

    let log: Vec<&Line> = lines.collect();
    let steps = log.iter().filter(|line| line.text.starts_with("step ") && line.level == "info").count();
    assert_eq!(steps, 500, "one line for each step");
    let told: Vec<&Line> = log.into_iter().filter(|line| !line.text.starts_with("step ")).collect();
    let expected = [
        ("info", "nothing learnt yet"),
        ("info", "conditioned: "),
        ("info", "saved"),
        ("info", "learnt: loss "),
        ("info", "saved"),
        ("info", "calibrated: threshold "),
        ("info", "saved"),
        ("info", "recording: normal"),
        ("info", "watching, with the state from flash"),
        ("info", "recording: inner"),
        ("error", "alarm: score "),
        ("info", "recording: normal"),
        ("warn", "cleared: score "),
        ("info", "recording: ball"),
        ("error", "alarm: score "),
        ("info", "recording: normal"),
        ("warn", "cleared: score "),
        ("info", "recording: outer"),
        ("error", "alarm: score "),
        ("info", "recording: normal"),
        ("warn", "cleared: score "),
        ("info", "done"),
    ];
    let is_as_expected = told.len() == expected.len()
        && told
            .iter()
            .zip(expected)
            .all(|(line, (level, text))| line.level == level && line.text.starts_with(text));
    assert!(is_as_expected, "{told:#?}");
}

/// A line of a log.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    level: String,
    text: String,
}

impl Line {
    fn new(level: &str, text: impl Into<String>) -> Self {
        Self { level: level.to_owned(), text: text.into() }
    }
}

/// Reads frames by the strings in the program's file.
fn decode(program: &[u8], frames: &[u8]) -> Vec<Line> {
    let table = Table::parse(program).unwrap().unwrap();
    let mut decoder = table.new_stream_decoder();
    decoder.received(frames);
    let mut lines = Vec::new();
    loop {
        match decoder.decode() {
            Ok(frame) => {
                let level = frame.level().map_or("println", |level| level.as_str());
                lines.push(Line::new(level, frame.display_message().to_string()));
            }
            Err(DecodeError::UnexpectedEof) => return lines,
            Err(DecodeError::Malformed) => panic!("a damaged frame after {lines:#?}"),
        }
    }
}

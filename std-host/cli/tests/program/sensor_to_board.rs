//! `docs/sensor-to-board.md` as somebody follows it: its commands run one after the other, and print what
//! it says.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use wta_core::int8::Portable;
use wta_core::{Int8Pipeline, Model};
use wta_tests::emulator::CortexM4;
use wta_tests::{Availability, Cross, require, run_within};

use crate::support::Folder;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const TARGET: &str = "thumbv7em-none-eabihf";

/// A code block: its language and its text.
fn blocks(document: &str) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in document.lines() {
        match (line.strip_prefix("```"), inside) {
            (Some(language), false) => {
                blocks.push((language.to_owned(), String::new()));
                inside = true;
            }
            (Some(_), true) => inside = false,
            (None, true) => {
                *blocks.last_mut().unwrap() = {
                    let (language, text) = blocks.last().unwrap().clone();
                    (language, text + line + "\n")
                }
            }
            (None, false) => {}
        }
    }
    assert!(!inside, "a code block has no end");
    blocks
}

/// Whether a word is what the document says. Whole numbers are equal. Those with a point depend on the
/// machine: per cents are near, and others are numbers.
fn alike(said: &str, found: &str) -> bool {
    let number = |word: &str| word.trim_end_matches([',', '%']).replace(',', "").parse::<f64>().ok();
    match (number(said), number(found)) {
        (Some(a), Some(b)) if said.ends_with(['%']) || said.ends_with("%,") => (a - b).abs() <= 5.0,
        (Some(_), Some(_)) if said.contains('.') => found.contains('.'),
        _ => said == found,
    }
}

/// Asserts that the lines of a block come in this order, and next to each other where no `...` stands
/// between.
#[track_caller]
fn assert_prints(said: &str, output: &str) {
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let mut found = output.lines();
    let mut skip = true;
    for line in said.lines() {
        if line == "..." {
            skip = true;
            continue;
        }
        let said = words(line);
        let is = |found: &str| {
            let found = words(found);
            found.len() == said.len() && said.iter().zip(&found).all(|(said, found)| alike(said, found))
        };
        let matches = if skip { found.any(is) } else { found.next().is_some_and(is) };
        assert!(matches, "the document says that this is printed: {line:?}\nfound:\n{output}");
        skip = false;
    }
}

/// The firmware with the module that the tutorial exported: what it prints in QEMU, or `None` without the
/// tools.
fn on_the_board(module: &str) -> Option<String> {
    let tools = Cross::for_firmware(TARGET).and(CortexM4::find());
    let (cross, emulator) = match tools {
        Availability::Ready(tools) => tools,
        Availability::Missing(why) => return require(Availability::Missing(why)),
    };
    // A folder of its own: the firmware's tests have the committed model in theirs.
    let target = concat!(env!("CARGO_TARGET_TMPDIR"), "/sensor_to_board");
    let mut cargo = cross.cargo("build", target);
    cargo.args(["--release", "--bin", "classify_motions", "--manifest-path"]);
    cargo.arg(Path::new(REPOSITORY).join("tests/firmware/Cargo.toml")).env("WTA_MOTIONS", module);
    let built = wta_tests::run(cargo).unwrap();
    assert!(built.success(), "cargo: {}\n{}", built.ending(), built.output);
    let program = cross.programs(target, "release").join("classify_motions");
    let ran = run_within(Duration::from_secs(120), emulator.command(&program)).unwrap();
    assert!(ran.success(), "QEMU: {}\n{}", ran.ending(), ran.output);
    Some(ran.output)
}

/// The classes that the int8 model gives the test windows on this computer.
fn here(model: &Path) -> Vec<usize> {
    let bytes = fs::read(model).unwrap();
    let mut words = vec![0u128; bytes.len() / 16];
    bytemuck::cast_slice_mut(&mut words).copy_from_slice(&bytes);
    let model = Model::parse(bytemuck::cast_slice(&words)).unwrap();
    let file = fs::read(Path::new(REPOSITORY).join("fixtures/motions/test.npy")).unwrap();
    let samples: Vec<f32> = file[file.len() - 40 * 2400..]
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    let mut memory = vec![0; Int8Pipeline::<Portable>::memory_len(&model)];
    let mut pipeline = Int8Pipeline::new(Portable, model, &mut memory).unwrap();
    let classify = |window: &[f32]| {
        let row = |step: usize, row: &mut [f32]| {
            row.iter_mut().enumerate().for_each(|(axis, to)| *to = window[100 * axis + step]);
        };
        pipeline.classify(row).unwrap()
    };
    samples.chunks_exact(600).map(classify).collect()
}

#[test]
fn the_tutorial_does_what_it_says() {
    let document = fs::read_to_string(Path::new(REPOSITORY).join("docs/sensor-to-board.md")).unwrap();
    let folder = Folder::new();
    std::os::unix::fs::symlink(fs::canonicalize(REPOSITORY).unwrap(), folder.path("wta")).unwrap();
    fs::create_dir(folder.path("mine")).unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_wta")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());

    let (mut output, mut compared, mut ran) = (Some(String::new()), 0, 0);
    for (language, text) in blocks(&document) {
        match language.as_str() {
            "sh" if text.contains("cargo run") => {
                output = on_the_board(&folder.path("mine/motions.rs"));
                if let Some(output) = &output {
                    let classes: Vec<usize> =
                        output.lines().filter_map(|line| line.strip_prefix("class ")?.parse().ok()).collect();
                    assert_eq!(classes, here(Path::new(&folder.path("mine/motions.wta"))));
                    // The test windows are ten of each motion, one motion after the other.
                    let right = classes.iter().enumerate().filter(|(at, class)| at / 10 == **class).count();
                    assert!(classes.len() == 40 && right >= 38, "{right} of {}", classes.len());
                }
            }
            "sh" => {
                let mut shell = Command::new("sh");
                shell.args(["-e", "-c", &format!("exec 2>&1\n{text}")]).stdin(Stdio::null());
                let out = shell.current_dir(folder.path("mine")).env("PATH", &path).output().unwrap();
                let said = String::from_utf8(out.stdout).unwrap();
                assert!(out.status.success(), "{text}\n{said}");
                output = Some(said);
                ran += 1;
            }
            "text" => {
                if let Some(output) = &output {
                    assert_prints(&text, output);
                    compared += 1;
                }
            }
            _ => assert_eq!(language, "rust", "a block of another language is not tested"),
        }
    }
    assert!(ran >= 7 && compared >= 6, "{ran} blocks ran, {compared} were compared");
}

#[test]
fn a_document_that_lies_is_found_out() {
    assert_prints("a 1.50 s\n...\nerror: 2.00%", "x\na 2.25 s\ny\nerror: 3.00%\n");
    for lie in ["a 2 s", "b 1.50 s", "error: 9.00%", "a 1.50 s\nerror: 2.00%", "a 1.50 s more"] {
        let found = std::panic::catch_unwind(|| assert_prints(lie, "x\na 2.25 s\ny\nerror: 3.00%\n"));
        assert!(found.is_err(), "{lie:?}");
    }
}

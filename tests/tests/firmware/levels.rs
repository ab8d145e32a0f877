//! No optimisation level links a panic, and each call's stack is what README.md says: `everything`, which
//! does all that the core can, is linked and run at `opt-level` 3, `s` and `z`; every function of the C
//! library is linked at `s` and `z`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use wta_tests::{announce, emulator, require, run};

use crate::board::{Board, TMPDIR, board};

/// The profiles of tests/firmware/Cargo.toml, in the order of the table's columns.
const PROFILES: [(&str, &str); 3] = [("3", "release"), ("s", "firmware-s"), ("z", "firmware-z")];

/// Bytes of stack by call, at each of the levels.
const RECORDS: &str = include_str!("../../firmware/stacks.toml");

/// What a stack may differ from its record, in per cent.
const TOLERANCE: u64 = 3;

/// What calls may have on the stack: those that train, those in 8 bits, whole models, and all others.
const TRAINING: u64 = 3584;
const INT8: u64 = 3328;
const MODELS: u64 = 3200;
const OTHERS: u64 = 2560;

#[test]
fn every_call_links_and_has_its_stack_at_every_level() {
    let Some(board) = board() else { return };
    let mut found: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (level, profile) in PROFILES {
        let mut cargo = board.cargo_build_as(profile);
        cargo.args(["--bin", "everything"]);
        let built = run(cargo).unwrap();
        assert!(built.success(), "opt-level {level}: {}\n{}", built.ending(), built.output);
        let program = board.cross().programs(TMPDIR, profile).join("everything");
        let name = format!("everything_{level}");
        let report = board.run_file(&name, &program, Duration::from_secs(120));
        for (call, bytes) in report.pairs() {
            if call != "stack" {
                found.entry(call.to_owned()).or_default().push(bytes);
            }
        }
    }
    for (call, stacks) in &found {
        let bound = match call.as_str() {
            name if name.starts_with("train") || name == "initialise" => TRAINING,
            name if name.contains("int8") => INT8,
            name if name.starts_with("pipeline") => MODELS,
            _ => OTHERS,
        };
        assert!(stacks.iter().all(|bytes| *bytes <= bound), "{call}: {stacks:?}, more than {bound}");
    }
    if !board.cross().is_from_debian() {
        announce(&format!("SKIPPED: stacks are recorded for Debian's compiler; this one's: {found:?}"));
        return;
    }
    let records: BTreeMap<String, Vec<u64>> = toml::from_str(RECORDS).unwrap();
    let now: String = found.iter().map(|(call, stacks)| format!("{call} = {stacks:?}\n")).collect();
    let near = |found: &u64, record: &u64| found.abs_diff(*record) * 100 <= record * TOLERANCE;
    let alike = |call: &String, stacks: &Vec<u64>| {
        let record = records.get(call).map_or(&[][..], Vec::as_slice);
        record.len() == stacks.len() && stacks.iter().zip(record).all(|(found, record)| near(found, record))
    };
    assert!(
        found.len() == records.len() && found.iter().all(|(call, stacks)| alike(call, stacks)),
        "tests/firmware/stacks.toml records other stacks; find out why, then record these:\n{now}"
    );
}

/// The table that users read is made of the records.
#[test]
fn the_table_of_stacks_is_in_the_readme() {
    let readme = include_str!("../../firmware/README.md");
    let records: BTreeMap<String, Vec<u64>> = toml::from_str(RECORDS).unwrap();
    for (call, stacks) in &records {
        let cells: String = stacks.iter().map(|bytes| format!(" {bytes} |")).collect();
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{call}` |")));
        assert!(row.is_some_and(|row| row.ends_with(&cells)), "README.md: `{call}` has{cells} not {row:?}");
    }
}

/// All functions of the header, in one program.
#[test]
fn every_function_of_the_c_library_links_at_s_and_z() {
    let Some(board) = board() else { return };
    let Some(gcc) = require(emulator::find("arm-none-eabi-gcc", "gcc-arm-none-eabi")) else { return };
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/c/include");
    let header = fs::read_to_string(include.join("wta.h")).unwrap();
    let functions = functions(&header);
    assert!(functions.contains("wta_train_step") && functions.len() >= 20, "{functions:?}");
    let names: String = functions.iter().map(|name| format!("(void (*)(void)){name},")).collect();
    let source = Path::new(TMPDIR).join("all_of_c.c");
    let text = format!(
        "#include <wta.h>\nvoid reset(void);\nvoid (*const volatile all[])(void) = {{{names}}};\n\
         void reset(void) {{ for (;;) all[0](); }}\n"
    );
    fs::write(&source, text).unwrap();
    for level in ["s", "z"] {
        let library = library(board, level);
        let mut link = Command::new(&gcc);
        link.args(["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "-ffreestanding"]);
        link.args(["-Os", "-nostdlib", "-Wl,--gc-sections", "-Wl,--entry=reset"]).arg("-I").arg(&include);
        link.arg(&source).arg(&library).arg("-lgcc");
        link.arg("-o").arg(Path::new(TMPDIR).join(format!("all_of_c_{level}")));
        let linked = run(link).unwrap();
        assert!(linked.success(), "opt-level {level}: {}\n{}", linked.ending(), linked.output);
    }
}

/// What asserts or divides: at `s` and `z` the compiler may not see that it does neither, and links the
/// panic.
const PANICKING: [(&str, &str); 9] = [
    (".chunks_exact(", "runs"),
    (".chunks_exact_mut(", "runs_mut"),
    (".chunks(", "pieces"),
    (".chunks_mut(", "pieces_mut"),
    (".step_by(", "column, or column_mut"),
    (".split_at(", "split_at_checked"),
    (".split_at_mut(", "split_at_mut_checked"),
    (".copy_from_slice(", "memory::copy"),
    (".copy_within(", "memory::move_to_front"),
];

/// Even those that link today: another compiler, or another caller, may look at them otherwise.
#[test]
fn the_core_uses_its_own_rows_and_columns() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for folder in ["core/src", "core/c/src", "simd/src/arm"] {
        for file in rust_files(&root.join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for (number, line) in
                (1..).zip(code.lines()).filter(|(_, line)| !line.trim_start().starts_with("//"))
            {
                let used = PANICKING.iter().filter(|(method, _)| line.contains(method));
                found.extend(used.map(|(_, instead)| format!("{}:{number}: use {instead}", file.display())));
            }
        }
    }
    assert!(found.is_empty(), "these may link a panic at opt-level s and z:\n{}", found.join("\n"));
}

/// The Rust files below a folder.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// The library at a level.
fn library(board: &Board, level: &str) -> PathBuf {
    let profile = format!("firmware-{level}");
    let mut cargo = board.cross().cargo("build", TMPDIR);
    cargo.args(["-p", "wta-c", "--profile", &profile, "--features", "dsp"]);
    let built = run(cargo).unwrap();
    assert!(built.success(), "opt-level {level}: {}\n{}", built.ending(), built.output);
    board.cross().programs(TMPDIR, &profile).join("libwta_c.a")
}

/// The names that the header declares as functions.
fn functions(header: &str) -> BTreeSet<&str> {
    let declarations = header.lines().filter(|line| !line.starts_with([' ', '*', '/', '#', '}']));
    let name = |line: &'_ str| {
        let end = line.find('(')?;
        let start = line[..end].rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_')? + 1;
        (!line.starts_with("typedef") && line[start..end].starts_with("wta_")).then_some((start, end))
    };
    declarations.filter_map(|line| name(line).map(|(start, end)| &line[start..end])).collect()
}

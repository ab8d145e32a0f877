//! The fault harness: every change that a command makes to the disk fails once, and kills the program once,
//! at each position in turn (`std-host/src/files/disk.rs`). Afterwards nothing is lost: every file is whole,
//! readers say what they read, and the same command again ends with the same bits. No position is left out.
//!
//! `WTA_FAULTS=all cargo test -p wta-cli --test faults -- --nocapture` tries all faults at all positions,
//! also those of a row of the paper, and counts them; otherwise each position gets two of the four in turn.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tiny::{command, copy, ends_well, is_left, succeeds};

mod tiny;

/// The faults: the end of the process, an error of one change, a disk that is full from then on.
const FAULTS: [&str; 4] = ["kill", "enospc", "eio", "full"];

/// A command, and what it begins with.
struct Scenario {
    name: &'static str,
    /// Commands that make the folder it begins in.
    before: &'static [&'static str],
    command: &'static str,
    /// The command that is to end with the same bits, after a fault.
    again: &'static str,
    /// A command that reads what there is then.
    reader: &'static str,
}

const TRAIN: &str = "train r.toml --data . --run run";
const RESUME: &str = "train r.toml --data . --run run --resume";
const EVAL: &str = "eval --run run --data .";
const EXPORT: &str = "export --run run --out m.wta --rust m.rs --c m.h --onnx m.onnx";
const ENCODE: &str = "encode --run run --data . --split test --out f.npy";
const READ: &str = "encode --run run --data . --split test --out read.npy";

const SCENARIOS: [Scenario; 9] = [
    Scenario { name: "train", before: &[], command: TRAIN, again: RESUME, reader: READ },
    Scenario {
        name: "resume",
        before: &[TRAIN, EVAL],
        command: "train r.toml --data . --run run --resume --epochs 4",
        again: "train r.toml --data . --run run --resume --epochs 4",
        reader: READ,
    },
    Scenario {
        name: "eval",
        before: &[TRAIN],
        command: EVAL,
        again: EVAL,
        reader: "export --run run --out read.wta",
    },
    Scenario {
        name: "another eval",
        before: &[TRAIN, "eval --run run --data . --pool none"],
        command: EVAL,
        again: EVAL,
        reader: "export --run run --out read.wta",
    },
    Scenario {
        name: "export",
        before: &[TRAIN, EVAL],
        command: EXPORT,
        again: EXPORT,
        reader: "import m.wta --run read",
    },
    Scenario { name: "encode", before: &[TRAIN], command: ENCODE, again: ENCODE, reader: READ },
    Scenario {
        name: "encode, sparse",
        before: &[TRAIN],
        command: "encode --run run --data . --split test --sparse --out f.npz",
        again: "encode --run run --data . --split test --sparse --out f.npz",
        reader: READ,
    },
    Scenario {
        name: "import",
        before: &[TRAIN, EVAL, EXPORT],
        command: "import m.wta --run field",
        again: "import m.wta --run field",
        reader: "export --run field --out read.wta",
    },
    Scenario {
        name: "search",
        before: &[],
        command: "search r.toml --data . --run found --set features.pool.kernel=1,2 --set training.rate=1e-3,2e-3",
        again: "search r.toml --data . --run found --set features.pool.kernel=1,2 --set training.rate=1e-3,2e-3",
        reader: "recipes",
    },
];

/// Trains 1,000 units, so it takes minutes.
const PAPER: Scenario = Scenario {
    name: "paper",
    before: &[],
    command: "paper mnist --quick --run paper --only mnist-ksparse",
    again: "paper mnist --quick --run paper --only mnist-ksparse",
    reader: "export --run paper/mnist-ksparse --out read.wta",
};

fn run(folder: &Path, arguments: &str, variables: &[(&str, &str)]) -> Output {
    command(folder, arguments).envs(variables.iter().copied()).output().unwrap()
}

/// Every file below a folder with its content, but for times.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                all.insert(path.clone(), without_times(&path, bytes));
            }
        }
    }
    all.into_iter().map(|(path, bytes)| (path.strip_prefix(folder).unwrap().to_path_buf(), bytes)).collect()
}

fn without_times(path: &Path, bytes: Vec<u8>) -> Vec<u8> {
    match path.file_name().unwrap().to_str().unwrap() {
        "metrics.csv" | "search.csv" => {
            let mut reader = csv::Reader::from_reader(&bytes[..]);
            let seconds = reader.headers().unwrap().iter().position(|name| name == "seconds").unwrap();
            let rows = reader.records().map(|row| {
                let row = row.unwrap();
                let cells = row.iter().enumerate().filter(|(index, _)| *index != seconds);
                cells.map(|(_, cell)| cell).collect::<Vec<_>>().join(",")
            });
            rows.collect::<Vec<_>>().join("\n").into_bytes()
        }
        "eval.json" | "row.json" => {
            let lines = String::from_utf8(bytes).unwrap();
            let moves =
                |line: &str| ["_seconds\"", "peak_bytes", "resumed"].iter().any(|name| line.contains(name));
            let kept: Vec<&str> = lines.lines().filter(|line| !moves(line)).collect();
            kept.join("\n").into_bytes()
        }
        "paper-mnist.md" => {
            let lines = String::from_utf8(bytes).unwrap();
            // Of a row's cells those before the times and the memory.
            let kept: Vec<String> =
                lines.lines().map(|line| line.split('|').take(8).collect::<Vec<_>>().join("|")).collect();
            kept.join("\n").into_bytes()
        }
        _ => bytes,
    }
}

/// Tries all faults at all positions of a scenario; returns the number of positions and of tries.
fn harness(scenario: &Scenario, all: bool) -> (usize, usize) {
    let root = tempfile::tempdir().unwrap();
    let folder = |name: &str| root.path().join(name);
    let begin = folder("begin");
    tiny::begin(&begin);
    scenario.before.iter().for_each(|command| succeeds(&begin, command));

    let end = folder("end");
    copy(&begin, &end);
    let log = folder("log");
    let out = run(&end, scenario.command, &[("WTA_FAULT_LOG", log.to_str().unwrap())]);
    assert!(out.status.success(), "{}: {out:?}", scenario.name);
    let log = fs::read_to_string(log).unwrap();
    let changes: Vec<&str> = log.lines().collect();
    let (before, after) = (snapshot(&begin), snapshot(&end));
    assert!(changes.len() > 4 && before != after, "{}: {changes:?}", scenario.name);

    let (next, tries, broken) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let worker = || loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let (position, fault) = (index / FAULTS.len() + 1, index % FAULTS.len());
        if position > changes.len() {
            return;
        }
        if !all && fault % 2 != position % 2 {
            continue;
        }
        tries.fetch_add(1, Ordering::Relaxed);
        let work = folder(&format!("work-{index}"));
        let fault = FAULTS[fault];
        let what = format!("{}, {fault} at change {position}, {}", scenario.name, changes[position - 1]);
        let tried = std::panic::catch_unwind(|| {
            one(scenario, &what, &begin, &work, &format!("{fault}@{position}"), &before, &after);
        });
        if tried.is_err() {
            broken.lock().unwrap().push(what);
        }
        fs::remove_dir_all(&work).unwrap();
    };
    std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(worker))));
    let broken = broken.into_inner().unwrap();
    assert!(broken.is_empty(), "{} of {} tries: {broken:#?}", broken.len(), tries.load(Ordering::Relaxed));
    (changes.len(), tries.load(Ordering::Relaxed))
}

fn one(
    scenario: &Scenario,
    what: &str,
    begin: &Path,
    work: &Path,
    fault: &str,
    before: &BTreeMap<PathBuf, Vec<u8>>,
    after: &BTreeMap<PathBuf, Vec<u8>>,
) {
    copy(begin, work);
    let out = run(work, scenario.command, &[("WTA_FAULT", fault)]);
    let killed = fault.starts_with("kill");
    if killed {
        assert!(!out.status.success(), "{what}: was not killed: {out:?}");
    } else {
        ends_well(what, &out);
    }
    let then = snapshot(work);
    // Nothing that was there is gone, but what the command replaces or removes anyway.
    for (path, bytes) in before.iter().filter(|(path, bytes)| after.get(*path) == Some(bytes)) {
        assert_eq!(then.get(path), Some(bytes), "{what}: {} has changed", path.display());
    }
    // Without a kill, nothing is left over, unless its own removal failed.
    let left: Vec<&PathBuf> = then.keys().filter(|path| is_left(path)).collect();
    assert!(killed || what.contains(", remove ") || left.is_empty(), "{what}: {left:?} are left");
    ends_well(what, &run(work, scenario.reader, &[]));
    for path in fs::read_dir(work).unwrap().map(|entry| entry.unwrap().path()) {
        if path.file_name().unwrap().to_str().unwrap().starts_with("read") {
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
    }
    // A run that is there is not made again.
    if !(scenario.name == "import" && work.join("field/recipe.toml").exists()) {
        succeeds(work, scenario.again);
    } else {
        drop(fs::remove_file(work.join("field/.lock")));
        drop(fs::remove_dir(work.join("field/.import")));
    }
    let last: BTreeMap<PathBuf, Vec<u8>> = snapshot(work);
    let left: Vec<&PathBuf> = last.keys().filter(|path| is_left(path)).collect();
    assert!(left.is_empty(), "{what}: {left:?} are left after the command was run again");
    for (path, bytes) in after {
        assert!(last.get(path) == Some(bytes), "{what}: {} differs", path.display());
    }
    assert_eq!(last.len(), after.len(), "{what}: other files");
}

#[test]
fn nothing_is_lost_whatever_fails() {
    // Release builds have no faults.
    if !cfg!(debug_assertions) {
        return;
    }
    let all = std::env::var_os("WTA_FAULTS").is_some();
    let (mut positions, mut tries) = (0, 0);
    for scenario in SCENARIOS.iter().chain(all.then_some(&PAPER)) {
        let (more, tried) = harness(scenario, all);
        println!("{}: {more} positions, {tried} tries", scenario.name);
        (positions, tries) = (positions + more, tries + tried);
    }
    println!("{positions} positions, {tries} tries, 0 lost");
}

//! Several processes at once in one folder, in every pair of commands: each ends with success or with one
//! sentence, what succeeds is right, and the folder then holds one result and not parts of two.
//!
//! `WTA_ROUNDS=100 cargo test -p wta-cli --test crowd -- --nocapture` tries each pair so often; otherwise
//! once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use tiny::{command, copy, ends_well, is_left, succeeds};

mod tiny;

/// Commands on the run, by the folder that they begin in.
const NEW: [&str; 4] = [
    "train r.toml --data . --run run",
    "train r.toml --data . --run run --seed 2",
    "train r.toml --data . --run run --resume",
    "import m.wta --run run",
];
const TRAINED: [&str; 9] = [
    "train r.toml --data . --run run --resume --epochs 4",
    "eval --run run --data .",
    "eval --run run --data . --pool none",
    "export --run run --out out.wta --rust out.rs --c out.h",
    "encode --run run --data . --split test --out out.npy",
    "show --run run --data .",
    "predict --run run x.npy --format csv",
    "export --run run --out out.wta --int8 --data .",
    "search r.toml --data . --run found --set features.pool.kernel=1,2",
];

/// What can be exported from a run of a recipe: without a classifier, or with one of the two.
type Known = BTreeMap<(String, String), Vec<Vec<u8>>>;

/// The seed and the epochs that a run's recipe says.
fn settings(folder: &Path) -> (String, String) {
    let text = fs::read_to_string(folder.join("run/recipe.toml")).unwrap();
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).unwrap().to_owned();
    (value("seed = "), value("epochs = "))
}

fn exported(folder: &Path) -> Vec<u8> {
    succeeds(folder, "export --run run --out known.wta");
    let bytes = fs::read(folder.join("known.wta")).unwrap();
    fs::remove_file(folder.join("known.wta")).unwrap();
    bytes
}

/// What the runs of all commands can be, one after the other.
fn known(root: &Path) -> Known {
    let mut known = Known::new();
    // What goes on is another run than one of so many epochs: the layer above has learnt from both below.
    for (index, commands) in [&NEW[..1], &NEW[1..2], &[NEW[0], TRAINED[0]]].iter().enumerate() {
        let folder = root.join(format!("known-{index}"));
        tiny::begin(&folder);
        commands.iter().for_each(|command| succeeds(&folder, command));
        let mut all = vec![exported(&folder)];
        for eval in [TRAINED[1], TRAINED[2]] {
            succeeds(&folder, eval);
            all.push(exported(&folder));
        }
        known.insert(settings(&folder), all);
    }
    known
}

/// Runs two commands in `count` processes at once, in a copy of a folder.
fn together(begin: &Path, work: &Path, pair: [&str; 2], count: usize, known: &Known) {
    copy(begin, work);
    let what = format!("{count} processes of {pair:?}");
    let start = |index: usize| {
        let mut program = command(work, pair[index % 2]);
        program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let all: Vec<_> = (0..count).map(start).collect();
    let all: Vec<_> = all.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    all.iter().for_each(|out| ends_well(&what, out));
    assert!(all.iter().any(|out| out.status.success()), "{what}: all were refused: {all:?}");

    for folder in [work.to_path_buf(), work.join("run"), work.join("run/below")] {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            assert!(!is_left(&path), "{what}: {} is left", path.display());
        }
    }
    if !work.join("run/recipe.toml").exists() {
        return;
    }
    // The classifier may be of the weights before, which is said. Else it is one of those that were asked
    // for.
    let out = command(work, "export --run run --out known.wta").output().unwrap();
    ends_well(&what, &out);
    let imported = pair.iter().any(|command| command.starts_with("import"));
    let expected = known.get(&settings(work));
    if out.status.success() && !imported {
        let bytes = fs::read(work.join("known.wta")).unwrap();
        assert!(expected.unwrap().contains(&bytes), "{what}: exported another model");
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!said.contains("note: "), "{what}: {said}");
    } else if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(said.contains("other weights than the run has now"), "{what}: {said}");
    }
    // What was exported at the same time is one of them, too.
    if let Ok(bytes) = fs::read(work.join("out.wta"))
        && !pair.iter().any(|command| command.contains("--int8"))
    {
        assert!(known.values().flatten().any(|known| *known == bytes), "{what}: exported a mixture");
    }
}

fn pairs<'a>(commands: &'a [&'a str]) -> impl Iterator<Item = [&'a str; 2]> {
    commands.iter().enumerate().flat_map(move |(index, a)| commands[index..].iter().map(move |b| [*a, *b]))
}

#[test]
fn of_many_at_once_each_is_right_or_refused() {
    let rounds: usize = std::env::var("WTA_ROUNDS").map_or(1, |text| text.parse().unwrap());
    let root = tempfile::tempdir().unwrap();
    let known = known(root.path());
    let [new, trained] = ["new", "trained"].map(|name| root.path().join(name));
    tiny::begin(&trained);
    for command in [NEW[0], TRAINED[1], "export --run run --out m.wta"] {
        succeeds(&trained, command);
    }
    tiny::begin(&new);
    fs::copy(trained.join("m.wta"), new.join("m.wta")).unwrap();
    let all: Vec<(&Path, [&str; 2])> = pairs(&NEW)
        .map(|pair| (new.as_path(), pair))
        .chain(pairs(&TRAINED).map(|pair| (trained.as_path(), pair)))
        .collect();
    let mut tries = 0;
    for round in 0..rounds {
        for (index, (begin, pair)) in all.iter().enumerate() {
            // Two to eight of them.
            let count = 2 + (round + index) % 7;
            let work = root.path().join("work");
            together(begin, &work, *pair, count, &known);
            fs::remove_dir_all(&work).unwrap();
            tries += 1;
        }
    }
    println!("{} pairs, {rounds} rounds, {tries} tries", all.len());
}

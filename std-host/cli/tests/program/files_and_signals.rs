//! Outputs into links, pipes and standard streams; signals; two processes at once.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::wta;

const RECIPE: &str = "name = 'x'
about = 'x'
[data]
set = 'array'
train = 'x.csv'
[network]
kind = 'fully-connected'
units = [6]
initial = 'he'
[sparsity]
[training]
epochs = 2
batch = 5
optimizer = 'adam'
rate = 1e-3
";

/// A folder with forty rows of four numbers, and a recipe for them.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    rows(folder.path(), 40, 1.0);
    fs::write(folder.path().join("r.toml"), RECIPE).unwrap();
    folder
}

fn rows(folder: &Path, count: usize, factor: f64) {
    let number = |index: usize| factor * ((index * 37 % 101) as f64 / 101.0);
    let row = |row: usize| (0..4).map(|at| number(4 * row + at).to_string()).collect::<Vec<_>>().join(",");
    let text: Vec<String> = (0..count).map(row).collect();
    fs::write(folder.join("x.csv"), text.join("\n")).unwrap();
}

fn at(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

/// Trains in `folder/run` and returns the standard output.
#[track_caller]
fn train(folder: &tempfile::TempDir, run: &str, more: &[&str]) -> String {
    let (recipe, data, run) = (at(folder, "r.toml"), at(folder, ""), at(folder, run));
    let arguments = ["train", &recipe, "--data", &data, "--run", &run];
    wta(&[&arguments, more].concat()).succeeds().stdout
}

#[test]
fn results_and_recipes_pass_through_the_standard_streams() {
    let folder = folder();
    train(&folder, "run", &[]);
    let [run, data, file] = ["run", "", "codes.npy"].map(|name| at(&folder, name));
    let encode = ["encode", "--run", &run, "--data", &data, "--split", "train", "--out"];
    wta(&[&encode[..], &[&file]].concat()).succeeds();
    let program = env!("CARGO_BIN_EXE_wta");
    let out = Command::new(program).args(encode).arg("-").output().unwrap();
    assert!(out.status.success());
    assert_eq!(out.stdout, fs::read(&file).unwrap(), "nothing but the array");
    assert!(String::from_utf8_lossy(&out.stderr).contains("[40, 6] float32"));

    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(RECIPE.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    for (name, bytes) in [("piped", RECIPE.as_bytes()), ("utf16", &utf16)] {
        let arguments = ["train", "-", "--data", &data, "--run", &at(&folder, name)];
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        let mut printed = String::new();
        child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        assert!(child.wait().unwrap().success() && printed.contains("weights checksum"), "{printed}");
    }
}

#[cfg(unix)]
#[test]
fn nobody_needs_to_read_the_messages() {
    let folder = folder();
    // A pipe whose reader has gone.
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer
    };
    let (recipe, data, run) = (at(&folder, "r.toml"), at(&folder, ""), at(&folder, "run"));
    for (arguments, code) in [
        (vec!["train", &recipe, "--data", &data, "--run", &run], 0),
        (vec!["recipes", "nothing"], 1),
        (vec!["train", "--nothing"], 2),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wta"));
        let status = command.args(&arguments).stdout(closed()).stderr(closed()).status().unwrap();
        assert_eq!(status.code(), Some(code), "{arguments:?}");
    }
    assert!(Path::new(&run).join("model.safetensors").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn under_nohup_a_closed_terminal_does_not_end_the_training() {
    let folder = folder();
    for (nohup, goes_on) in [(true, true), (false, false)] {
        let run = at(&folder, if nohup { "kept" } else { "ended" });
        let (recipe, data) = (at(&folder, "r.toml"), at(&folder, ""));
        let mut command = if nohup {
            let mut command = Command::new("nohup");
            command.arg(env!("CARGO_BIN_EXE_wta"));
            command
        } else {
            // The tests themselves may run under nohup, which is inherited.
            let mut command = Command::new("env");
            command.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_wta")]);
            command
        };
        command.args(["train", &recipe, "--data", &data, "--run", &run, "--epochs", "1000000"]);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while !Path::new(&run).join("checkpoint.safetensors").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let kill =
            |signal: &str| Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        kill("-HUP");
        if goes_on {
            std::thread::sleep(Duration::from_millis(500));
            assert!(child.try_wait().unwrap().is_none(), "under nohup it goes on");
            Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        }
        assert_eq!(child.wait().unwrap().code(), Some(130), "saved and ended");
    }
}

#[test]
fn of_two_trainings_in_one_folder_one_is_refused() {
    let folder = folder();
    let [recipe, data, run] = ["r.toml", "", "run"].map(|name| at(&folder, name));
    let long = ["train", &recipe, "--data", &data, "--run", &run, "--epochs", "1000000"];
    let mut first = Command::new(env!("CARGO_BIN_EXE_wta"));
    let mut first = first.args(long).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !Path::new(&run).join("checkpoint.safetensors").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    for more in [&["--seed", "2"][..], &["--resume"]] {
        let second = ["train", &recipe, "--data", &data, "--run", &run];
        wta(&[&second, more].concat()).fails("is in use: process ");
    }
    // A process that is killed leaves no lock behind.
    first.kill().unwrap();
    first.wait().unwrap();
    wta(&["train", &recipe, "--data", &data, "--run", &run, "--resume"])
        .fails("was made with other settings");
}

#[test]
fn a_refused_resume_says_what_differs() {
    let folder = folder();
    train(&folder, "run", &[]);
    let [recipe, data, run] = ["r.toml", "", "run"].map(|name| at(&folder, name));
    let resume = ["train", &recipe, "--data", &data, "--run", &run, "--resume"];
    let out = wta(&[&resume[..], &["--seed", "7"]].concat()).fails("training.seed: 1 there, 7 here");
    assert!(out.stderr.lines().any(|line| line == "training.seed: 1 there, 7 here"), "{out:?}");
    wta(&[&resume[..], &["--epochs", "1"]].concat()).fails("training.epochs: 2 there, 1 here");
    rows(folder.path(), 45, 1.0);
    wta(&resume).fails("was begun with other data: there were 40 samples, now there are 45");
    rows(folder.path(), 40, 2.0);
    wta(&resume).fails("was begun with other data: the samples have other values");
    rows(folder.path(), 40, 1.0);
    wta(&resume).succeeds();
}

#[test]
fn training_goes_on_to_more_epochs_and_from_other_weights() {
    let folder = folder();
    let checksum = |printed: &str| printed.lines().find(|line| line.contains("checksum")).unwrap().to_owned();
    let whole = checksum(&train(&folder, "whole", &["--epochs", "5"]));
    train(&folder, "parts", &[]);
    assert_eq!(checksum(&train(&folder, "parts", &["--resume", "--epochs", "5"])), whole, "as if in one go");
    let metrics = fs::read_to_string(at(&folder, "parts/metrics.csv")).unwrap();
    assert_eq!(metrics.lines().count(), 6);
    let initial = checksum(&train(&folder, "initial", &["--epochs", "0"]));
    assert_ne!(initial, whole);
    assert_eq!(checksum(&train(&folder, "again", &["--epochs", "0", "--seed", "1"])), initial);
    assert_eq!(checksum(&train(&folder, "initial", &["--resume", "--epochs", "5"])), whole);
    let copied = checksum(&train(&folder, "copied", &["--epochs", "0", "--from", &at(&folder, "whole")]));
    assert_eq!(copied, whole, "no epoch was trained");
    rows(folder.path(), 60, 0.5);
    let warm = checksum(&train(&folder, "warm", &["--from", &at(&folder, "whole")]));
    assert_ne!(warm, checksum(&train(&folder, "cold", &[])));
}

#[test]
fn a_training_that_fails_at_once_leaves_its_folder_free() {
    let folder = folder();
    rows(folder.path(), 40, 1e20);
    let [recipe, data, run] = ["r.toml", "", "run"].map(|name| at(&folder, name));
    let arguments = ["train", &recipe, "--data", &data, "--run", &run];
    for _ in 0..2 {
        let out = wta(&arguments).fails("the samples hold numbers as large as");
        assert!(!out.stderr.contains("last good weights"), "{out:?}");
    }
    rows(folder.path(), 40, 1.0);
    // Weights to begin with that are not there, or are not trained yet.
    let gone = at(&folder, "gone");
    for _ in 0..2 {
        wta(&[&arguments[..], &["--from", &gone]].concat()).fails("gone: is not a run folder");
    }
    fs::create_dir(&gone).unwrap();
    fs::copy(&recipe, at(&folder, "gone/recipe.toml")).unwrap();
    wta(&[&arguments[..], &["--from", &gone]].concat()).fails("gone: has no model.safetensors yet");
    wta(&arguments).succeeds();
}

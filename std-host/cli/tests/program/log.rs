//! What commands say besides their results: `train --log json`, `--quiet`, `--verbose`.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Folder, STACK, wta};

/// The lines of a log, each of which has to be an object with an event and a time.
fn events(text: &str) -> Vec<(String, Value)> {
    let event = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        assert!(line["time"].as_f64().unwrap() > 1e9, "{line}");
        (line["event"].as_str().unwrap().to_owned(), line)
    };
    text.lines().map(event).collect()
}

/// A stack whose upper layer has so many epochs.
fn recipe(folder: &Folder, epochs: usize) -> String {
    folder.write("r.toml", &STACK.replacen("epochs = 1", &format!("epochs = {epochs}"), 1))
}

#[test]
fn every_line_of_the_log_is_an_object_and_results_are_unchanged() {
    let folder = Folder::new();
    let (recipe, run) = (recipe(&folder, 2), folder.path("run"));
    let plain = wta(&["train", &recipe, "--run", &run]).succeeds();
    let logged = wta(&["train", &recipe, "--run", &folder.path("run2"), "--log", "json", "-v"]).succeeds();
    let checksum = |out: &crate::support::Outcome| out.value_after("weights checksum: ");
    assert_eq!(checksum(&plain), checksum(&logged));
    let events = events(&logged.stderr);
    let of = |name: &str| {
        events.iter().filter(|(event, _)| event == name).map(|(_, line)| line).collect::<Vec<_>>()
    };
    let [begin] = of("begin")[..] else { panic!("{events:?}") };
    for key in
        ["version", "recipe", "run", "seed", "epochs", "samples", "isa", "threads", "processes", "resume"]
    {
        assert!(!begin[key].is_null(), "{key} is not in {begin}");
    }
    assert_eq!((&begin["recipe"], &begin["epochs"]), (&Value::from("stack"), &Value::from(2)));
    let epochs = of("epoch");
    assert_eq!(epochs.len(), 3, "of both layers: {events:?}");
    for key in
        ["epoch", "epochs", "loss", "pixel_mse", "dead_share", "unexplained", "active", "rate", "seconds"]
    {
        assert!(epochs.iter().all(|epoch| epoch[key].is_number()), "{key} is not in {epochs:?}");
    }
    let checkpoints = of("checkpoint");
    assert!(
        checkpoints.len() == 3 && checkpoints[0]["path"].as_str().unwrap().contains("below"),
        "{checkpoints:?}"
    );
    assert_eq!(checkpoints[2]["step"], checkpoints[2]["steps"]);
    assert!(of("phase").iter().any(|phase| phase["phase"] == "train lower"), "{events:?}");
    assert!(
        of("note").iter().any(|note| note["message"].as_str().unwrap().contains("threads")),
        "{events:?}"
    );
    let (last, end) = events.last().unwrap();
    assert_eq!((last.as_str(), end["checksum"].as_str()), ("end", Some(&*checksum(&logged))));
}

#[test]
fn a_log_in_a_file_goes_on_and_people_see_the_progress() {
    let folder = Folder::new();
    let (recipe, run, log) = (recipe(&folder, 1), folder.path("run"), folder.path("log.jsonl"));
    let train = ["train", &recipe, "--run", &run, "--log", "json", "--log-to", &log];
    let out = wta(&train).succeeds();
    assert!(out.stderr.contains("epoch 1/1: loss"), "{out:?}");
    let refused = wta(&train).fails("holds a run already");
    assert!(refused.stdout.is_empty());
    let events = events(&fs::read_to_string(&log).unwrap());
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.iter().filter(|name| **name == "begin").count(), 2, "{names:?}");
    let (last, error) = events.last().unwrap();
    assert_eq!((last.as_str(), &error["exit_code"]), ("error", &Value::from(1)));
    assert!(error["message"].as_str().unwrap().contains("holds a run already"), "{error}");
    let own = folder.path("run/metrics.csv");
    wta(&["train", &recipe, "--run", &run, "--log", "json", "--log-to", &own]).fails("is a file of the run");
    let alone = wta(&["train", &recipe, "--run", &run, "--log-to", &log]).finish();
    assert_eq!(alone.code, Some(2), "{alone:?}");
    // On standard output the log is alone, too.
    let out =
        wta(&["train", &recipe, "--run", &folder.path("b"), "--log", "json", "--log-to", "-"]).succeeds();
    assert_eq!(self::events(&out.stdout).last().unwrap().0, "end");
    assert!(out.stderr.contains("weights checksum: "), "{out:?}");
}

#[test]
fn an_interruption_is_an_event() {
    let folder = Folder::new();
    let (recipe, run, metrics) = (recipe(&folder, 1000), folder.path("run"), folder.path("run/metrics.csv"));
    let train = ["train", &recipe, "--run", &run, "--log", "json"];
    let out = wta(&train).interrupted_when(|| fs::metadata(&metrics).is_ok());
    let events = events(&out.stderr);
    let (last, interrupted) = events.last().unwrap();
    assert_eq!(
        (out.code, last.as_str(), &interrupted["exit_code"]),
        (Some(130), "interrupted", &Value::from(130))
    );
    assert_eq!(events[events.len() - 2].0, "checkpoint");
}

#[cfg(unix)]
#[test]
fn nobody_needs_to_read_the_log() {
    let folder = Folder::new();
    let (recipe, run) = (recipe(&folder, 1), folder.path("run"));
    let train = ["train", &recipe, "--run", &run, "--log", "json", "--log-to", "-"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_wta"));
    let mut child = child.args(train).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(folder.exists("run/dictionary.png"));
}

#[test]
fn quiet_and_verbose_change_what_is_said_but_no_result() {
    let folder = Folder::new();
    let recipe = recipe(&folder, 1);
    let said = |run: &str, more: &[&str]| {
        wta(&[&["train", &recipe, "--run", &folder.path(run)][..], more].concat()).succeeds()
    };
    let (normal, quiet, verbose) = (said("a", &[]), said("b", &["-q"]), said("c", &["--verbose"]));
    assert_eq!(quiet.stderr, "");
    for more in ["instructions", "threads", "train stack: "] {
        assert!(verbose.stderr.contains(more) && !normal.stderr.contains(more), "{more}: {verbose:?}");
    }
    let checksum = |out: &crate::support::Outcome| out.value_after("weights checksum: ");
    assert!(checksum(&normal) == checksum(&quiet) && checksum(&quiet) == checksum(&verbose));
    // Errors are said.
    wta(&["-q", "train", &recipe, "--run", &folder.path("b")]).fails("holds a run already");
    for both in [&["recipes", "-q", "-v"][..], &["-q", "recipes", "--verbose"]] {
        let refused = wta(both).finish();
        assert_ne!(refused.code, Some(0), "{refused:?}");
    }
    let plain = wta(&["recipes"]).succeeds().stdout;
    assert_eq!(wta(&["recipes", "-q"]).succeeds().stdout, plain);
    assert_eq!(wta(&["recipes", "-v"]).succeeds().stdout, plain);
}

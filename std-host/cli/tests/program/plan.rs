//! `wta plan` and `wta train --dry-run`: their numbers against what then happens, and that nothing is
//! written.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Folder, STACK, wta};

/// A small convolutional network on the digits, which devices compute, too.
const SMALL: &str = r#"
name = "small"
about = "for the tests"
data = { set = "digits" }
network = { kind = "convolutional", encoder = [{ maps = 4, kernel = 5 }], decoder_kernel = 7, initial = "he" }
sparsity = { lifetime = 0.2 }
training = { epochs = 2, batch = 100, optimizer = "adam", rate = 2e-3 }
features = { pool = { kernel = 7, stride = 7 } }
svm = { c = [1.0] }
"#;

fn plan_of(arguments: &[&str]) -> Value {
    let out = wta(&[&["plan"], arguments, &["--json"]].concat()).succeeds();
    serde_json::from_str(&out.stdout).unwrap()
}

fn bytes_of(path: &str) -> u64 {
    fs::metadata(path).unwrap().len()
}

/// The most memory that a command had in use, in bytes.
#[cfg(target_os = "linux")]
fn peak_of(arguments: &[&str]) -> u64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wta"));
    let mut child = command
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0) << 10);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert!(child.wait().unwrap().success());
    peak
}

#[cfg(target_os = "linux")]
#[test]
fn the_memory_is_what_the_training_takes() {
    let folder = Folder::new();
    let fc = folder.write(
        "fc.toml",
        "name = \"fc\"\nabout = \"x\"\ndata = { set = \"digits\" }\npreprocess = [{ step = \"standardise\" }]\n\
         network = { kind = \"fully-connected\", units = [1500], initial = \"he\" }\n\
         sparsity = { lifetime = 0.05 }\n\
         training = { epochs = 2, batch = 100, held_out = 300, optimizer = \"adam\", rate = 1e-3 }\n",
    );
    let out = wta(&["train", "digits-demo", "--dry-run", "--log", "json"]).finish();
    assert!(out.code == Some(2) && out.stderr.contains("cannot be used with"), "{out:?}");
    for (name, recipe) in [("demo", "digits-demo"), ("fc", &fc)] {
        let planned =
            plan_of(&[recipe, "--epochs", "1", "--threads", "2"])["memory"]["peak"].as_u64().unwrap();
        let run = folder.path(name);
        let real = peak_of(&["train", recipe, "--epochs", "1", "--run", &run, "--threads", "2"]);
        let ratio = planned as f64 / real as f64;
        assert!((0.9..1.1).contains(&ratio), "{name}: planned {planned}, was {real}: {ratio:.3}");
    }
}

#[test]
fn files_are_as_long_as_planned() {
    let folder = Folder::new();
    let recipe = folder.write("small.toml", SMALL);
    let run = folder.path("run");
    let plan = plan_of(&[&recipe, "--run", &run]);
    assert!(!folder.exists("run"), "a plan writes nothing");
    wta(&["train", &recipe, "--run", &run, "--epochs", "1"]).succeeds();
    let files =
        ["model.safetensors", "checkpoint.safetensors"].map(|name| bytes_of(&format!("{run}/{name}")));
    let planned = plan["disk"]["bytes"].as_u64().unwrap();
    // What is written of the epoch and of the recipe has no more digits here than there.
    assert!(planned.abs_diff(files.iter().sum()) <= 64, "{planned} {files:?}");
    wta(&["eval", "--run", &run]).succeeds();
    let model = folder.path("model.wta");
    for (form, flags) in [(0, &[][..]), (1, &["--no-decoder"]), (2, &["--int8"])] {
        wta(&[&["export", "--run", &run, "--out", &model], flags].concat()).succeeds();
        let flash = plan["device"]["forms"][form]["costs"]["flash"].as_array().unwrap();
        assert_eq!(flash.last().unwrap()["bytes"].as_u64(), Some(bytes_of(&model)), "{flags:?}");
    }
    let layer = &plan["layers"][0];
    // 4 maps of 5 x 5 with biases; atoms of 7 x 7, and a bias.
    assert_eq!(layer["parameters"].as_u64(), Some(4 * 26 + 4 * 49 + 1));
    assert_eq!(layer["multiply_adds"].as_u64(), Some(28 * 28 * 4 * 25));
    assert_eq!((layer["steps"].as_u64(), layer["epochs"].as_u64()), (Some(48), Some(2)));
    // The epoch that is done is not done again.
    let out = wta(&["train", &recipe, "--run", &run, "--epochs", "2", "--resume", "--dry-run"]).succeeds();
    assert!(out.stdout.contains("2 epochs, of which 1 are done"), "{out:?}");
    wta(&["train", &recipe, "--run", &run, "--dry-run"]).fails("holds a run already");
    wta(&["train", "digits-demo", "--run", &run, "--resume", "--dry-run"])
        .fails("was made with recipe small");
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = Folder::new();
    let recipe = folder.write("stack.toml", STACK);
    let (home, temporary) = (folder.path("home"), folder.path("tmp"));
    for path in [&home, &temporary] {
        fs::create_dir(path).unwrap();
    }
    let out = Command::new(env!("CARGO_BIN_EXE_wta"))
        .args(["train", &recipe, "--run", "run", "--dry-run", "--seed", "3"])
        .current_dir(&home)
        .env("TMPDIR", &temporary)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success(), "{text} {}", String::from_utf8_lossy(&out.stderr));
    assert!(text.contains("layer lower:") && text.contains("layer stack:"), "{text}");
    for path in [&home, &temporary] {
        assert_eq!(fs::read_dir(path).unwrap().count(), 0, "{path}");
    }
    assert!(!Path::new(&home).join("run").exists());
}

#[test]
fn what_will_not_fit_is_said() {
    let out = wta(&["plan", "mnist-fc2000", "--max-memory", "64"]).fails("something will not fit; see above");
    let line = out.stdout.lines().last().unwrap();
    assert!(line.starts_with("will not fit: recipe mnist-fc2000: the training needs "), "{out:?}");
    let arguments = ["plan", "digits-demo", "--device-ram", "10000", "--device-flash", "20000"];
    let out = wta(&arguments).fails("things will not fit; see above");
    let lines: Vec<&str> = out.stdout.lines().filter(|line| line.starts_with("will not fit: ")).collect();
    assert!(lines.iter().any(|line| line.contains("int8 needs 23,424 bytes of flash")), "{out:?}");
    assert!(lines.iter().any(|line| line.contains("needs 13,992 bytes of RAM, and the device has 10,000")));
}

#[test]
fn misuse_is_one_sentence() {
    let folder = Folder::new();
    wta(&["plan", "mnist-fc3"]).fails("mnist-fc3");
    wta(&["plan", "mnist-fc1000", "--data", &folder.path("none")]).fails("none");
    wta(&["plan", "faces-conv64"])
        .fails("--data is needed: the shape and the number of recipe faces-conv64's samples");
    let recipe = folder.write("large.toml", &SMALL.replace("batch = 100", "batch = 5000"));
    wta(&["plan", &recipe]).fails("training.batch is 5000, but the data set has only 4800 images");
    let out = wta(&["train", "digits-demo"]).finish();
    assert!(out.code == Some(2) && out.stderr.contains("--run <DIR>"), "{out:?}");
}

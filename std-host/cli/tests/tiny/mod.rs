//! A run so small that it is trained in a few hundredths of a second.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// A stack of two layers with preprocessing, on signals.
const RECIPE: &str = r#"
name = "faults"
about = "for the tests"
data = { set = "array", train = "x.npy", train_labels = "y.npy", test = "x.npy", test_labels = "y.npy" }
preprocess = [{ step = "standardise" }]
network = { kind = "convolutional", encoder = [{ maps = 3, kernel = [1, 3] }], decoder_kernel = [1, 5], initial = "he" }
sparsity = {}
training = { epochs = 2, batch = 10, optimizer = "adam", rate = 1e-3 }
features.pool = { kernel = [1, 4], stride = [1, 4] }
svm = { c = [1.0] }
[below]
name = "lower"
about = "for the tests"
data = { set = "array", train = "x.npy", train_labels = "y.npy", test = "x.npy", test_labels = "y.npy" }
preprocess = [{ step = "standardise" }]
network = { kind = "convolutional", encoder = [{ maps = 4, kernel = [1, 5] }], decoder_kernel = [1, 5], initial = "he" }
sparsity = { lifetime = 0.2 }
training = { epochs = 1, batch = 10, optimizer = "adam", rate = 1e-3 }
"#;

/// Makes a folder with the recipe and its data.
pub(crate) fn begin(folder: &Path) {
    fs::create_dir(folder).unwrap();
    fs::write(folder.join("r.toml"), RECIPE).unwrap();
    let numbers: Vec<u8> = (0..40 * 2 * 24)
        .flat_map(|index| (((index * index) as f32 * 0.37).sin() + (index / 48 % 2) as f32).to_le_bytes())
        .collect();
    npy(&folder.join("x.npy"), "<f4", "(40, 2, 24)", &numbers);
    npy(&folder.join("y.npy"), "|u1", "(40,)", &[0, 1].repeat(20));
}

fn npy(path: &Path, kind: &str, shape: &str, bytes: &[u8]) {
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    header += &" ".repeat(63 - (header.len() + 10) % 64);
    header.push('\n');
    let len = (header.len() as u16).to_le_bytes();
    fs::write(path, [&b"\x93NUMPY\x01\x00"[..], &len, header.as_bytes(), bytes].concat()).unwrap();
}

/// `wta` with arguments, in a folder; `WTA_PROGRAM` names another build of it.
pub(crate) fn command(folder: &Path, command: &str) -> Command {
    let program = std::env::var_os("WTA_PROGRAM").unwrap_or(env!("CARGO_BIN_EXE_wta").into());
    let mut program = Command::new(program);
    program.args(command.split(' ')).args(["--threads", "1", "--isa", "scalar"]).current_dir(folder);
    program.env_remove("WTA_FAULT").env_remove("RUST_BACKTRACE");
    program
}

#[track_caller]
pub(crate) fn succeeds(folder: &Path, command: &str) {
    let out = self::command(folder, command).output().unwrap();
    assert!(out.status.success(), "{command}: {out:?}");
}

/// An ending that a user can live with: success, or one sentence.
#[track_caller]
pub(crate) fn ends_well(what: &str, out: &Output) {
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    let last = said.lines().last().unwrap_or_default();
    let told = out.status.code() == Some(1) && last.starts_with("wta: ") && !said.contains("internal error");
    assert!(out.status.success() || told, "{what}: {out:?}");
}

/// Copies a folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// What a killed process may leave: hidden temporary files, and locks that nobody holds.
pub(crate) fn is_left(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_str().unwrap();
    name.starts_with('.') && (name.ends_with(".tmp") || name.starts_with(".lock"))
}

//! The exit codes: each is made, and docs/exit-codes.md has each. That of a job that can be put into the
//! queue again is made in std-host/mpi/tests.

use std::fs;
use std::path::Path;

use crate::support::{Folder, STACK, wta};

#[test]
fn each_exit_code_is_as_documented() {
    let folder = Folder::new();
    let success = wta(&["recipes"]).finish().code;
    let failure = wta(&["inspect", &folder.path("none")]).finish().code;
    let misuse = wta(&["recipes", "--no-such-flag"]).finish().code;
    let help = wta(&["--help"]).finish().code;
    let recipe = folder.write("r.toml", &STACK.replacen("epochs = 1", "epochs = 1000", 1));
    let metrics = folder.path("run/metrics.csv");
    let train = wta(&["train", &recipe, "--run", &folder.path("run")]);
    let interruption = train.interrupted_when(|| fs::metadata(&metrics).is_ok()).code;
    assert_eq!([success, help, failure, misuse, interruption].map(Option::unwrap), [0, 0, 1, 2, 130]);

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(root.join("../../docs/exit-codes.md")).unwrap();
    let defined = fs::read_to_string(root.join("src/exit.rs")).unwrap();
    let codes = |text: &str, before: &str, after: char| -> Vec<u8> {
        let code = |line: &str| line.split_once(before)?.1.split(after).next()?.trim().parse().ok();
        text.lines().filter_map(code).collect()
    };
    let documented = codes(&table, "| ", ' ');
    assert_eq!(documented, [0, 1, 2, 75, 130]);
    assert_eq!([&[0], &codes(&defined, ": u8 = ", ';')[..]].concat(), documented);
}

#[test]
fn the_program_says_its_name_and_version() {
    assert_eq!(wta(&["--version"]).succeeds().stdout, concat!("wta ", env!("CARGO_PKG_VERSION"), "\n"));
}

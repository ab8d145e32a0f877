//! A run folder that version 0.1 wrote: every command takes it as it is, and gives what 0.1 gave.

use std::fs;
use std::path::Path;

use crate::support::{Folder, npy, wta};

#[test]
fn a_run_of_version_0_1_is_read_as_before() {
    let folder = Folder::new();
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/runs/version-0.1");
    for part in ["run", "data"] {
        fs::create_dir(folder.path(part)).unwrap();
        for entry in fs::read_dir(old.join(part)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            fs::copy(&path, folder.path(&format!("{part}/{name}"))).unwrap();
        }
    }
    let (run, data, test) = (folder.path("run"), folder.path("data"), folder.path("data/test.npy"));
    let (features, model) = (folder.path("features.npy"), folder.path("model.wta"));
    let encode = ["encode", "--run", &run, "--data", &data, "--split", "test", "--isa", "scalar"];
    wta(&[&encode[..], &["--out", &features]].concat()).succeeds();
    assert_eq!(npy(&features), npy(old.join("features.npy").to_str().unwrap()));

    // Its classifier, whose features lie position by position, made no error: labels are 0, 1, 2 in turn.
    let right = || {
        let text = wta(&["predict", "--run", &run, &test, "--format", "csv"]).succeeds().stdout;
        let classes = text.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().to_owned());
        assert_eq!(classes.collect::<Vec<_>>(), ["0", "1", "2"].repeat(5));
    };
    right();
    // The preprocessing says the shape of a sample.
    let said = wta(&["export", "--run", &run, "--out", &model]).succeeds().stdout;
    assert!(said.contains("classifier"), "{said}");
    wta(&["show", "--run", &run, "--data", &data]).succeeds();

    let train = |more: &[&str]| {
        let recipe = folder.path("run/recipe.toml");
        let copy = folder.write("recipe.toml", &fs::read_to_string(recipe).unwrap());
        let arguments = ["train", &copy, "--data", &data, "--run", &run, "--resume", "--isa", "scalar"];
        wta(&[&arguments[..], more].concat()).succeeds()
    };
    assert_eq!(train(&["--epochs", "6"]).value_after("weights checksum: "), "12fa030d");
    let metrics = fs::read_to_string(folder.path("run/metrics.csv")).unwrap();
    assert_eq!(metrics.lines().count(), 7, "{metrics}");
    wta(&["eval", "--run", &run, "--data", &data]).succeeds();
    right();
}

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
    let note = "model.safetensors, preprocess.safetensors, svm.safetensors without a checksum";
    assert!(wta(&["export", "--run", &run, "--out", &model]).succeeds().stderr.contains(note));
    wta(&["show", "--run", &run, "--data", &data]).succeeds();

    // What its classifier belongs to stands in eval.json alone.
    let export = || wta(&["export", "--run", &run, "--out", &model]);
    let eval = fs::read_to_string(folder.path("run/eval.json")).unwrap();
    let weights = eval.split("\"weights\": \"").nth(1).unwrap().get(..8).unwrap();
    for (from, to, sentence) in [
        ("3/2", "none", "is a classifier of 48 features, but the network has"),
        ("3/2", "99/1", "window is larger"),
        ("\"pool\"", "\"pole\"", "does not say which features"),
        ("\"power\": 1.0", "\"power\": 3.0", "raised to a power"),
        (weights, "0123abcd", "other weights than the run has now; run `wta eval` again"),
        ("\"pool\"", "\"classifier\": \"01234567\", \"pool\"", "is of another classifier"),
    ] {
        assert!(eval.contains(from), "{eval}");
        folder.write("run/eval.json", &eval.replace(from, to));
        export().fails(sentence);
    }
    fs::remove_file(folder.path("run/eval.json")).unwrap();
    export().fails("eval.json");
    folder.write("run/eval.json", &eval);

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

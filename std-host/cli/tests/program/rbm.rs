//! RBMs, trained and used by the `wta` program.

use std::fs;

use crate::support::{Folder, shrunken_mnist, wta};

/// A WTA-RBM that trains in a moment.
const SMALL: &str = r#"
name = "small"
about = "for the tests"
[data]
set = "mnist"
[network]
kind = "rbm"
hidden = 90
gibbs_steps = 2
initial = { normal = 0.01 }
[sparsity]
lifetime = 0.3
[training]
epochs = 6
batch = 50
optimizer = { sgd = { momentum = 0.5 } }
rate = 0.1
decay = 2e-4
[svm]
c = [1.0, 10.0]
"#;

/// A part of the recipe replaced.
fn with(folder: &Folder, name: &str, from: &str, to: &str) -> String {
    assert!(SMALL.contains(from), "{from}");
    folder.write(name, &SMALL.replace(from, to))
}

#[test]
fn threads_and_interruptions_do_not_change_the_weights() {
    let folder = Folder::new();
    let data = shrunken_mnist(&folder);
    let two = "gibbs_steps = 2";
    let persistent = "gibbs_steps = 1\npersistent = true\nmean_bias = true";
    for (kind, from, to) in [("wta", two, two), ("plain", "lifetime = 0.3", ""), ("chains", two, persistent)]
    {
        let recipe = with(&folder, &format!("{kind}.toml"), from, to);
        let checksum = |run: &str, more: &[&str]| {
            let run = folder.path(&format!("{kind}-{run}"));
            let arguments = [&["train", &recipe, "--data", &data, "--run", &run][..], more].concat();
            wta(&arguments).succeeds().value_after("weights checksum: ")
        };
        let one = checksum("one", &["--threads", "1"]);
        assert_eq!(one, checksum("two", &["--threads", "2"]));
        assert_ne!(one, checksum("seed", &["--seed", "9"]));
        let run = folder.path(&format!("{kind}-killed"));
        for milliseconds in [40, 120, 250] {
            wta(&["train", &recipe, "--data", &data, "--run", &run, "--resume"]).killed_after(milliseconds);
        }
        assert_eq!(one, checksum("killed", &["--resume"]));
        let metrics = fs::read_to_string(folder.path(&format!("{kind}-killed/metrics.csv"))).unwrap();
        let losses: Vec<f64> =
            metrics.lines().skip(1).map(|row| row.split(',').nth(1).unwrap().parse().unwrap()).collect();
        assert_eq!(losses.len(), 6, "{metrics}");
        // From the mean, there is less to fall.
        let share = if kind == "chains" { 1.0 } else { 0.6 };
        assert!(losses[5] < share * losses[0], "the reconstruction error falls: {kind}, {metrics}");
    }
}

#[test]
fn a_trained_rbm_classifies_encodes_and_is_drawn() {
    let folder = Folder::new();
    let data = shrunken_mnist(&folder);
    let (recipe, run) = (folder.write("small.toml", SMALL), folder.path("run"));
    wta(&["train", &recipe, "--data", &data, "--run", &run]).succeeds();
    let out = wta(&["eval", "--run", &run, "--data", &data]).succeeds();
    let error: f64 = out.value_after("test error: ").trim_end_matches('%').parse().unwrap();
    assert!(error < 35.0, "test error {error}%");
    wta(&["show", "--run", &run, "--data", &data]).succeeds();
    assert!(folder.exists("run/dictionary.png") && folder.exists("run/reconstructions.png"));
    assert!(!folder.exists("run/feature_maps.png"));

    let file = folder.path("features.npy");
    let out = wta(&["encode", "--run", &run, "--data", &data, "--split", "test", "--out", &file]).succeeds();
    assert!(out.stdout.contains("[200, 90]"), "{out:?}");
    let bytes = fs::read(&file).unwrap();
    let numbers = bytes[bytes.len() - 200 * 90 * 4..].chunks_exact(4);
    let features: Vec<f32> = numbers.map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    assert!(features.iter().all(|p| (0.0..=1.0).contains(p)), "features are probabilities");
    assert!(features.iter().any(|p| *p > 0.9) && features.iter().any(|p| *p < 0.1));
}

#[test]
fn rbms_are_stacked() {
    let folder = Folder::new();
    let data = shrunken_mnist(&folder);
    let lower = SMALL.replace("[svm]\nc = [1.0, 10.0]\n", "").replace("epochs = 6", "epochs = 2");
    let lower = lower
        .replace("[data]", "[below.data]")
        .replace("[network]", "[below.network]")
        .replace("[sparsity]", "[below.sparsity]")
        .replace("[training]", "[below.training]");
    let upper = SMALL.replace("hidden = 90", "hidden = 33").replace("epochs = 6", "epochs = 2");
    let recipe = folder.write("stack.toml", &format!("{upper}\n[below]\n{lower}"));
    let run = folder.path("run");
    let out = wta(&["train", &recipe, "--data", &data, "--run", &run]).succeeds();
    let again = folder.path("again");
    wta(&["train", &recipe, "--data", &data, "--run", &again]).killed_after(200);
    let resumed = wta(&["train", &recipe, "--data", &data, "--run", &again, "--resume"]).succeeds();
    assert_eq!(out.value_after("weights checksum: "), resumed.value_after("weights checksum: "));
    let out = wta(&["eval", "--run", &run, "--data", &data]).succeeds();
    assert!(out.stdout.contains("test error: "), "{out:?}");
    wta(&["show", "--run", &run]).succeeds();
}

#[test]
fn what_makes_no_sense_for_an_rbm_is_refused_in_one_sentence() {
    let folder = Folder::new();
    let (data, run) = (shrunken_mnist(&folder), folder.path("run"));
    for (from, to, sentence) in [
        ("optimizer = { sgd = { momentum = 0.5 } }", "optimizer = \"adam\"", "not by Adam"),
        ("lifetime = 0.3", "per-sample = 5", "use sparsity.lifetime"),
        ("lifetime = 0.3", "lifetime = 0.3\ngrid = 2", "leave sparsity.grid out"),
        ("lifetime = 0.3", "lifetime = 1.3", "at most 1"),
        ("gibbs_steps = 2", "gibbs_steps = 0", "network.gibbs_steps must be at least 1"),
        ("gibbs_steps = 2", "gibs_steps = 2", "gibs_steps"),
        ("hidden = 90", "hidden = 0", "network.hidden must be at least 1"),
        ("hidden = 90", "units = [90]", "units"),
        ("set = \"mnist\"", "set = \"mnist\"\ndivide_by = 1", "between 0 and 1"),
        ("[svm]", "[features]\npool = { kernel = 2, stride = 2 }\n[svm]", "leave features.pool out"),
        ("[svm]", "[features]\nsigns = \"both\"\n[svm]", "leave features.signs out"),
        ("[svm]", "[features]\nthreshold = \"triangle\"\n[svm]", "leave features.threshold out"),
        ("decay = 2e-4", "decay = 2e-4\nrevive = true", "training.revive is for autoencoders"),
        ("{ normal = 0.01 }", "\"patches\"", "an RBM begins with small random weights"),
        ("name = \"small\"", "name = \"small\"\nbelow = \"mnist-fc1000\"", "must be an RBM"),
    ] {
        let recipe = with(&folder, "wrong.toml", from, to);
        wta(&["train", &recipe, "--data", &data, "--run", &run]).fails(sentence);
    }
    assert!(!folder.exists("run/model.safetensors"));
    let recipe = folder.write("small.toml", SMALL);
    wta(&["profile", &recipe]).fails("only autoencoders can be profiled");
    wta(&["profile", "mnist-wta-rbm"]).fails("only autoencoders can be profiled");
}

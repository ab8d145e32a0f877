//! Stacks: trained layer by layer, interrupted anywhere, from kept and from streamed features.

use std::fs;

use crate::support::{Folder, shrunken_mnist, wta};

/// What the layers have in common.
const COMMON: &str = r#"
about = "for the tests"
data = { set = "mnist" }
training = { epochs = 2, batch = 50, optimizer = "adam", rate = 2e-3 }
svm = { c = [1.0, 10.0] }
sparsity = { lifetime = 0.2 }
"#;

/// Maps on maps, and units on both.
fn stack(folder: &Folder) -> String {
    let common =
        |table: &str| COMMON.trim().lines().map(|line| format!("{table}{line}\n")).collect::<String>();
    let text = format!(
        r#"
name = "top"
{}
network = {{ kind = "fully-connected", units = [24], initial = "patches" }}
below.name = "middle"
{}
below.network = {{ kind = "convolutional", encoder = [{{ maps = 12, kernel = 5 }}], decoder_kernel = 3, initial = "patches" }}
below.features = {{ pool = {{ kernel = 3, stride = 2 }} }}
below.below.name = "bottom"
{}
below.below.network = {{ kind = "convolutional", encoder = [{{ maps = 6, kernel = 5 }}], decoder_kernel = 7, initial = "he" }}
below.below.features = {{ pool = {{ kernel = 5, stride = 3 }} }}
"#,
        common(""),
        common("below."),
        common("below.below.")
    );
    folder.write("stack.toml", &text)
}

#[test]
fn neither_threads_nor_memory_nor_interruptions_change_a_stack() {
    let folder = Folder::new();
    let (recipe, data) = (stack(&folder), shrunken_mnist(&folder));
    let train = |run: &str, more: &[&str]| {
        let run = folder.path(run);
        let arguments = [&["train", &recipe, "--data", &data, "--run", &run][..], more].concat();
        wta(&arguments).succeeds()
    };
    let checksum = |run: &str, more: &[&str]| train(run, more).value_after("weights checksum: ");
    let kept = train("one", &["--threads", "1"]);
    assert!(kept.stderr.contains("kept in memory"), "{kept:?}");
    let one = kept.value_after("weights checksum: ");
    assert_eq!(one, checksum("two", &["--threads", "2"]));
    let streamed = train("streamed", &["--memory", "0"]);
    assert!(streamed.stderr.contains("computed for every batch"), "{streamed:?}");
    assert_eq!(one, streamed.value_after("weights checksum: "));
    assert_ne!(one, checksum("seed", &["--seed", "9"]));

    let run = folder.path("killed");
    for milliseconds in [50, 120, 200, 300, 400, 500] {
        wta(&["train", &recipe, "--data", &data, "--run", &run, "--resume"]).killed_after(milliseconds);
    }
    assert_eq!(one, checksum("killed", &["--resume"]));
    for layer in ["", "below/", "below/below/"] {
        let metrics = fs::read_to_string(folder.path(&format!("killed/{layer}metrics.csv"))).unwrap();
        assert_eq!(metrics.lines().count(), 3, "a header and two epochs: {metrics}");
        assert!(folder.exists(&format!("killed/{layer}model.safetensors")));
    }
    // Finished is finished, in every layer.
    assert_eq!(one, checksum("killed", &["--resume"]));
}

#[test]
fn the_layers_below_are_locked_while_the_one_on_top_learns_from_them() {
    let folder = Folder::new();
    let (recipe, data, run) = (stack(&folder), shrunken_mnist(&folder), folder.path("run"));
    let (middle, bottom) = (folder.path("run/below"), folder.path("run/below/below"));
    let below = fs::File::options();
    let is_locked = |run: &str| {
        let lock = below.clone().read(true).open(format!("{run}/.lock"));
        lock.is_ok_and(|lock| lock.try_lock().is_err())
    };
    let long = fs::read_to_string(&recipe).unwrap().replacen(
        "\ntraining = { epochs = 2,",
        "\ntraining = { epochs = 100000,",
        1,
    );
    let recipe = folder.write("long.toml", &long);
    let out = wta(&["train", &recipe, "--data", &data, "--run", &run]).interrupted_when(|| {
        let is_on_top = folder.exists("run/model.safetensors");
        assert!(!is_on_top || (is_locked(&middle) && is_locked(&bottom)));
        is_on_top
    });
    assert_eq!(out.code, Some(130), "{out:?}");
    assert!(!folder.exists("run/below/.lock") && !folder.exists("run/below/below/.lock"));
}

#[test]
fn a_stack_is_encoded_classified_and_shown() {
    let folder = Folder::new();
    let (recipe, data, run) = (stack(&folder), shrunken_mnist(&folder), folder.path("run"));
    wta(&["train", &recipe, "--data", &data, "--run", &run]).succeeds();
    let file = folder.path("features.npy");
    let out = wta(&["encode", "--run", &run, "--data", &data, "--split", "test", "--out", &file]).succeeds();
    assert!(out.stdout.contains("[200, 24]"), "{out:?}");
    let middle = folder.path("run/below");
    let out =
        wta(&["encode", "--run", &middle, "--data", &data, "--split", "test", "--out", &file]).succeeds();
    assert!(out.stdout.contains("[200, 12, 5, 5]"), "{out:?}");
    let out = wta(&["eval", "--run", &run, "--data", &data]).succeeds();
    assert!(out.stdout.contains("24 features"), "{out:?}");
    wta(&["show", "--run", &run]).succeeds();
    assert!(folder.exists("run/dictionary.png"));
    // By the features of all three layers: 6 x 10 x 10, 12 x 5 x 5 and 24.
    let recipe = folder.path("run/recipe.toml");
    let text = fs::read_to_string(&recipe).unwrap();
    fs::write(&recipe, text.replacen("[svm]", "[svm]\nlower_layers = 0.5", 1)).unwrap();
    let out = wta(&["eval", "--run", &run, "--data", &data]).succeeds();
    assert!(out.stdout.contains("924 features"), "{out:?}");
    wta(&["export", "--run", &run, "--out", &folder.path("model.wta")]).fails("leave svm.lower_layers out");
    // The lower ones pooled once more: 6 x 2 x 2, 12 x 1 x 1 and 24.
    let pooled = "[svm]\nlower_layers = 0.5\nlower_pool = { kernel = 5, stride = 5 }\nscale = \"feature\"";
    fs::write(&recipe, text.replacen("[svm]", pooled, 1)).unwrap();
    let out = wta(&["eval", "--run", &run, "--data", &data]).succeeds();
    assert!(out.stdout.contains("60 features"), "{out:?}");
    let too_large = pooled.replace("kernel = 5", "kernel = 50");
    fs::write(&recipe, text.replacen("[svm]", &too_large, 1)).unwrap();
    wta(&["eval", "--run", &run, "--data", &data]).fails("pool");
    // The classifier of pooled features is none of the others.
    fs::write(&recipe, text.replacen("[svm]", "[svm]\nlower_layers = 0.5", 1)).unwrap();
    wta(&["export", "--run", &run, "--out", &folder.path("model.wta")]).fails("features of other settings");
    // A layer is a run like any other.
    wta(&["eval", "--run", &middle, "--data", &data]).succeeds();

    // Another network, or none, in the place of the one below.
    let model = folder.path("run/below/below/model.safetensors");
    fs::remove_file(&model).unwrap();
    wta(&["eval", "--run", &run, "--data", &data]).fails("has no model.safetensors yet");
    let recipe = folder.path("run/below/recipe.toml");
    let text = fs::read_to_string(&recipe).unwrap();
    fs::write(&recipe, text.replace("seed = 1", "seed = 2")).unwrap();
    wta(&["eval", "--run", &run, "--data", &data]).fails("was made with other settings");
}

#[test]
fn a_stack_that_makes_no_sense_gets_one_sentence() {
    let folder = Folder::new();
    let (recipe, data, run) = (stack(&folder), shrunken_mnist(&folder), folder.path("run"));
    let text = fs::read_to_string(&recipe).unwrap();
    let cases = [
        (
            text.replace("below.data = { set = \"mnist\" }", "below.data = { set = \"digits\" }"),
            "another [data]",
        ),
        (text.replace("units = [24]", "units = [0]"), "network.units.0 must be at least 1"),
        (
            text.replace("encoder = [{ maps = 12, kernel = 5 }]", "encoder = [{ maps = 12, kernel = 11 }]"),
            "kernel is larger",
        ),
        (
            "below = \"mnist-conv61\"\n".to_owned() + &text.replace("below.", "# "),
            "line 1: below = \"mnist-conv61\" is not known (did you mean \"mnist-conv16\"?)",
        ),
    ];
    for (text, sentence) in cases {
        let recipe = folder.write("bad.toml", &text);
        wta(&["train", &recipe, "--data", &data, "--run", &run]).fails(sentence);
        assert!(!folder.exists("run/recipe.toml"));
    }
}

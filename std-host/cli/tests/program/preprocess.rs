//! Preprocessing in the program: learnt in training, kept in the run, applied by every command.

use std::fs;

use crate::support::{Folder, search_results, shrunken_mnist, wta};

/// A stack on whitened images.
const STACK: &str = r#"
name = "top"
about = "for the tests"
data = { set = "mnist" }
preprocess = [{ step = "contrast", regulariser = 0.01 }, { step = "zca", regulariser = 0.1, samples = 150 }]
training = { epochs = 1, batch = 50, optimizer = "adam", rate = 2e-3 }
svm = { c = [1.0, 10.0] }
sparsity = { lifetime = 0.2 }
network = { kind = "fully-connected", units = [24], initial = "he" }
below.name = "bottom"
below.about = "for the tests"
below.data = { set = "mnist" }
below.preprocess = [{ step = "contrast", regulariser = 0.01 }, { step = "zca", regulariser = 0.1, samples = 150 }]
below.training = { epochs = 1, batch = 50, optimizer = "adam", rate = 2e-3 }
below.sparsity = { lifetime = 0.2 }
below.network = { kind = "convolutional", encoder = [{ maps = 6, kernel = 5 }], decoder_kernel = 7, initial = "he" }
below.features = { pool = { kernel = 5, stride = 3 } }
"#;

#[test]
fn neither_threads_nor_memory_nor_interruptions_change_what_is_learnt() {
    let folder = Folder::new();
    let (recipe, data) = (folder.write("stack.toml", STACK), shrunken_mnist(&folder));
    let patches = folder.write("patches.toml", &STACK.replace("samples = 150", "samples = 150, patch = 5"));
    let of = |run: &str, threads: &str| {
        let run = folder.path(run);
        wta(&["train", &patches, "--data", &data, "--run", &run, "--threads", threads])
            .succeeds()
            .value_after("weights checksum: ")
    };
    assert_eq!(of("patches-one", "1"), of("patches-two", "2"));
    let checksum = |run: &str, more: &[&str]| {
        let run = folder.path(run);
        let arguments = [&["train", &recipe, "--data", &data, "--run", &run][..], more].concat();
        wta(&arguments).succeeds().value_after("weights checksum: ")
    };
    let one = checksum("one", &["--threads", "1"]);
    assert_eq!(one, checksum("two", &["--threads", "2"]));
    assert_eq!(one, checksum("streamed", &["--memory", "0"]));
    let learnt = |run: &str| fs::read(folder.path(&format!("{run}/below/preprocess.safetensors"))).unwrap();
    assert!(learnt("one") == learnt("two"));

    let run = folder.path("killed");
    for milliseconds in [50, 120, 200, 300] {
        wta(&["train", &recipe, "--data", &data, "--run", &run, "--resume"]).killed_after(milliseconds);
    }
    assert_eq!(one, checksum("killed", &["--resume"]));
    // Only the lowest layer sees images.
    assert!(!folder.exists("one/preprocess.safetensors"));
    let other = folder.write("raw.toml", &STACK.replace("0.1, samples", "0.2, samples"));
    let raw = wta(&["train", &other, "--data", &data, "--run", &folder.path("raw")]).succeeds();
    assert_ne!(one, raw.value_after("weights checksum: "));
}

#[test]
fn every_command_preprocesses_and_misses_what_was_learnt() {
    let folder = Folder::new();
    let (recipe, data, run) =
        (folder.write("stack.toml", STACK), shrunken_mnist(&folder), folder.path("run"));
    wta(&["train", &recipe, "--data", &data, "--run", &run]).succeeds();
    let features = |name: &str| {
        let file = folder.path(name);
        let out =
            wta(&["encode", "--run", &run, "--data", &data, "--split", "test", "--out", &file]).succeeds();
        assert!(out.stdout.contains("[200, 24]"), "{out:?}");
        fs::read(file).unwrap()
    };
    let before = features("before.npy");
    wta(&["eval", "--run", &run, "--data", &data]).succeeds();
    wta(&["show", "--run", &folder.path("run/below"), "--data", &data]).succeeds();
    assert!(folder.exists("run/below/reconstructions.png"));

    // Half of what was learnt gives other features; none gives a sentence. In files of another program, which
    // prove nothing.
    let unsealed = |name: &str| {
        let path = folder.path(name);
        let mut bytes = fs::read(&path).unwrap();
        let place = |from: usize, text: &[u8]| {
            from + bytes[from..].windows(text.len()).position(|window| window == text).unwrap()
        };
        let start = place(0, b"\"__metadata__\"");
        let end = place(start, b"},") + 2;
        bytes[start..end].fill(b' ');
        fs::write(&path, &bytes).unwrap();
        bytes
    };
    unsealed("run/below/model.safetensors");
    let mut bytes = unsealed("run/below/preprocess.safetensors");
    assert!(features("same.npy") == before);
    let path = folder.path("run/below/preprocess.safetensors");
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0);
    fs::write(&path, bytes).unwrap();
    assert!(features("after.npy") != before);
    fs::remove_file(&path).unwrap();
    for command in ["eval", "show"] {
        wta(&[command, "--run", &run, "--data", &data]).fails("has no preprocess.safetensors");
    }
}

#[test]
fn a_search_does_once_what_is_the_same_for_all() {
    let folder = Folder::new();
    let (stack, data) = (folder.write("stack.toml", STACK), shrunken_mnist(&folder));
    let single: String =
        STACK.lines().filter_map(|line| line.strip_prefix("below.")).map(|l| l.to_owned() + "\n").collect();
    let single = folder.write("single.toml", &single);
    // How often an epoch was trained and whitening learnt, and the results.
    let search = |recipe: &str, name: &str, sets: &[&str]| {
        let run = folder.path(name);
        let sets = sets.iter().flat_map(|set| ["--set", set]);
        let words: Vec<&str> =
            ["search", recipe, "--data", &data, "--run", &run].into_iter().chain(sets).collect();
        let out = wta(&words).succeeds();
        let count = |what: &str| out.stderr.lines().filter(|line| line.contains(what)).count();
        assert!(!folder.exists(&format!("{name}/trial")));
        (count("epoch 1/1: loss"), count("zca: learnt from"), search_results(&folder, name))
    };
    let sets = ["below.training.rate=2e-3,5e-3", "below.features.pool.stride=3,2", "svm.c=[1.0],[10.0]"];
    let (epochs, zca, rows) = search(&stack, "stack", &sets);
    assert_eq!((epochs, zca, rows.len()), (2 + 4, 1, 8));
    let (.., alone) = search(
        &stack,
        "alone",
        &["below.training.rate=5e-3", "below.features.pool.stride=2", "svm.c=[10.0]"],
    );
    assert_eq!(alone[0], rows[7]);
    let (.., alone) =
        search(&stack, "other", &["below.training.rate=2e-3", "below.features.pool.stride=2", "svm.c=[1.0]"]);
    assert_eq!(alone[0], rows[2]);
    assert_ne!(alone[0][3..], rows[0][3..]);

    let (epochs, zca, rows) =
        search(&single, "single", &["preprocess.1.regulariser=0.1,0.2", "training.rate=2e-3,5e-3"]);
    assert_eq!((epochs, zca, rows.len()), (4, 2, 4));
    let (.., alone) = search(&single, "one", &["preprocess.1.regulariser=0.2", "training.rate=2e-3"]);
    assert_eq!(alone[0], rows[2]);
}

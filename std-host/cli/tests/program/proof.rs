//! A run folder proves what belongs together: files of different evaluations, trainings and layers beside
//! each other, flipped bits, folders that cannot be written.

use std::fs;

use crate::support::{Folder, wta};

/// A run of the bundled digits, trained for an epoch.
fn trained(folder: &Folder, name: &str, seed: &str) -> String {
    let run = folder.path(name);
    wta(&["train", "digits-demo", "--epochs", "1", "--seed", seed, "--run", &run]).succeeds();
    run
}

fn copy(folder: &Folder, from: &str, to: &str) {
    fs::copy(folder.path(from), folder.path(to)).unwrap();
}

#[test]
fn a_classifier_is_exported_as_it_was_made_whatever_lies_beside_it() {
    let folder = Folder::new();
    let (run, out) = (trained(&folder, "run", "1"), folder.path("model.wta"));
    let eval = |more: &[&str]| wta(&[&["eval", "--run", &run, "--c", "1"][..], more].concat());
    let exported = || {
        let told = wta(&["export", "--run", &run, "--out", &out, "--int8"]).succeeds();
        (told.stdout.split("test error: ").nth(1).unwrap().to_owned(), told.stderr, fs::read(&out).unwrap())
    };
    eval(&["--pool", "none"]).succeeds();
    let (_, quiet, unpooled) = exported();
    assert!(!quiet.contains("note"), "{quiet}");
    copy(&folder, "run/eval.json", "unpooled.json");
    copy(&folder, "run/svm.safetensors", "unpooled.safetensors");
    eval(&["--pool", "7/7"]).succeeds();
    let (error, _, pooled) = exported();
    assert_ne!(pooled, unpooled);
    // An evaluation that was killed between its two files, either way.
    copy(&folder, "unpooled.json", "run/eval.json");
    let (same, noted, still) = exported();
    assert!(noted.contains("eval.json: not of the classifier in svm.safetensors"), "{noted}");
    assert!(same == error && still == pooled);
    copy(&folder, "unpooled.safetensors", "run/svm.safetensors");
    assert_eq!(exported().2, unpooled);
    fs::remove_file(folder.path("run/eval.json")).unwrap();
    assert_eq!(exported().2, unpooled);
    // Powers cannot be exported, whatever eval.json says.
    eval(&["--power", "3"]).succeeds();
    copy(&folder, "unpooled.json", "run/eval.json");
    let export = || wta(&["export", "--run", &run, "--out", &out]);
    export().fails("svm.safetensors: is of a classifier for features raised to a power");
    // The features of other settings.
    copy(&folder, "unpooled.safetensors", "run/svm.safetensors");
    let recipe = fs::read_to_string(folder.path("run/recipe.toml")).unwrap();
    let changed = recipe.replace("[features.pool]", "[features]\nroot = true\n\n[features.pool]");
    assert_ne!(changed, recipe);
    folder.write("run/recipe.toml", &changed);
    export().fails("for the features of other settings than the recipe has now; run `wta eval` again");
}

#[test]
fn the_weights_of_another_recipe_are_refused() {
    let folder = Folder::new();
    let run = trained(&folder, "one", "1");
    trained(&folder, "two", "2");
    copy(&folder, "two/model.safetensors", "one/model.safetensors");
    let out = folder.path("x");
    let other = "model.safetensors: was trained with other settings than recipe.toml has";
    wta(&["export", "--run", &run, "--out", &out]).fails(other);
    wta(&["encode", "--run", &run, "--split", "test", "--out", &out]).fails(other);
    wta(&["eval", "--run", &run]).fails(other);
    copy(&folder, "two/checkpoint.safetensors", "one/checkpoint.safetensors");
    wta(&["train", "digits-demo", "--epochs", "2", "--run", &run, "--resume"])
        .fails("checkpoint.safetensors: was trained with other settings");
}

#[test]
fn preprocessing_and_layers_below_are_those_of_the_training() {
    let folder = Folder::new();
    let recipe = |seed: &str| {
        folder.write(
            "stack.toml",
            &format!(
                r#"
name = "stack"
about = "for the tests"
data = {{ set = "digits" }}
preprocess = [{{ step = "standardise", per = "all" }}]
network = {{ kind = "fully-connected", units = [8], initial = "he" }}
sparsity = {{ lifetime = 0.1 }}
training = {{ epochs = 1, batch = 100, optimizer = "adam", rate = 1e-3 }}
[below]
name = "lower"
about = "for the tests"
data = {{ set = "digits" }}
preprocess = [{{ step = "standardise", per = "all" }}]
network = {{ kind = "fully-connected", units = [9], initial = "he" }}
sparsity = {{ lifetime = 0.1 }}
training = {{ epochs = 1, batch = 100, optimizer = "adam", rate = 1e-3, seed = {seed} }}
"#
            ),
        )
    };
    let train = |name: &str, seed: &str| {
        let run = folder.path(name);
        wta(&["train", &recipe(seed), "--run", &run]).succeeds();
        run
    };
    let (run, out) = (train("one", "1"), folder.path("x"));
    train("two", "2");
    let encode = || wta(&["encode", "--run", &run, "--split", "test", "--out", &out]);
    encode().succeeds();
    // Of one more epoch, and so with the same recipe but for its length.
    copy(&folder, "one/below/model.safetensors", "model");
    let below = folder.path("two/below");
    let lower = fs::read_to_string(folder.path("one/below/recipe.toml")).unwrap();
    let lower = folder.write("lower.toml", &lower.replace("epochs = 1", "epochs = 2"));
    fs::remove_dir_all(&below).unwrap();
    wta(&["train", &lower, "--run", &below]).succeeds();
    copy(&folder, "two/below/model.safetensors", "one/below/model.safetensors");
    encode().fails("was trained on other layers below");
    copy(&folder, "model", "one/below/model.safetensors");
    // Preprocessing with one other number, and a right checksum.
    let whole = fs::read(folder.path("one/below/preprocess.safetensors")).unwrap();
    let sealed = String::from_utf8_lossy(&whole);
    let checksum = sealed.split("\"checksum_crc32\":\"").nth(1).unwrap()[..8].to_owned();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(folder.path("one/below/preprocess.safetensors"), &flipped).unwrap();
    let told = encode().fails("preprocess.safetensors: is damaged: its checksum is").stderr;
    let right = told.split("its checksum is ").nth(1).unwrap()[..8].to_owned();
    let at = whole.windows(8).position(|window| window == checksum.as_bytes()).unwrap();
    flipped[at..at + 8].copy_from_slice(right.as_bytes());
    fs::write(folder.path("one/below/preprocess.safetensors"), &flipped).unwrap();
    encode().fails("was trained with other preprocessing than preprocess.safetensors has");
    wta(&["train", &recipe("1"), "--run", &run, "--resume"]).fails("was trained with other preprocessing");
}

#[test]
fn a_flipped_bit_in_any_file_of_numbers_is_told() {
    let folder = Folder::new();
    let run = trained(&folder, "run", "1");
    wta(&["eval", "--run", &run, "--c", "1"]).succeeds();
    let out = folder.path("x");
    for file in ["model.safetensors", "svm.safetensors", "checkpoint.safetensors"] {
        let path = folder.path(&format!("run/{file}"));
        let whole = fs::read(&path).unwrap();
        for place in [whole.len() - 1, whole.len() - 2, whole.len() / 2] {
            let mut flipped = whole.clone();
            flipped[place] ^= 4;
            fs::write(&path, &flipped).unwrap();
            if file == "checkpoint.safetensors" {
                let go_on = ["train", "digits-demo", "--epochs", "2", "--run", &run, "--resume"];
                wta(&go_on).fails("checkpoint.safetensors: is damaged");
            } else {
                wta(&["export", "--run", &run, "--out", &out]).fails(&format!("{file}: is damaged"));
            }
        }
        fs::write(&path, whole).unwrap();
    }
    assert!(!folder.exists("x"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_is_evaluated_all_the_same() {
    let folder = Folder::new();
    let run = trained(&folder, "run", "1");
    let Some(disk) = folder.tmpfs("disk", "16m") else {
        return crate::support::skipped("a read-only folder: a tmpfs cannot be mounted");
    };
    let there = format!("{}/run", disk.path());
    let copied = std::process::Command::new("cp").args(["-r", &run, &there]).status().unwrap();
    let remounted =
        std::process::Command::new("mount").args(["-o", "remount,ro", disk.path()]).status().unwrap();
    assert!(copied.success() && remounted.success());
    let out = wta(&["eval", "--run", &there, "--c", "1"]).succeeds();
    assert!(out.stdout.contains("test error: ") && out.stderr.contains("the result is not kept"), "{out:?}");
    wta(&["train", "digits-demo", "--epochs", "2", "--run", &there, "--resume"]).fails("Read-only");
}

#[cfg(unix)]
#[test]
fn the_demo_replaces_its_own_run_alone_and_removes_nothing_through_a_link() {
    let folder = Folder::new();
    let run = trained(&folder, "mine", "1");
    wta(&["demo", "--run", &run]).fails("holds another run; give the demo a folder of its own");
    // With all epochs it is the same recipe, and still not the demo's run.
    let recipe = fs::read_to_string(folder.path("mine/recipe.toml")).unwrap();
    folder.write("mine/recipe.toml", &recipe.replace("epochs = 1", "epochs = 4"));
    let before = folder.snapshot("mine");
    wta(&["demo", "--run", &run]).fails("holds another run");
    assert_eq!(folder.snapshot("mine"), before);

    let demo = folder.path("demo");
    wta(&["demo", "--run", &demo]).succeeds();
    let other = folder.path("other");
    fs::create_dir(&other).unwrap();
    folder.write("other/recipe.toml", "precious");
    std::os::unix::fs::symlink(&other, folder.path("demo/below")).unwrap();
    wta(&["demo", "--run", &demo]).succeeds();
    assert_eq!(fs::read_to_string(folder.path("other/recipe.toml")).unwrap(), "precious");
    assert!(!folder.exists("demo/below"));
}

#[test]
fn a_search_removes_no_run_of_somebody_else() {
    let folder = Folder::new();
    let mine = trained(&folder, "mine", "1");
    let before = folder.snapshot("mine");
    let search = |into: &str| {
        let into = folder.path(into);
        wta(&[
            "search",
            "digits-demo",
            "--run",
            &into,
            "--set",
            "training.rate=0.001",
            "--set",
            "training.epochs=1",
        ])
    };
    trained(&folder, "one/trial", "2");
    search("one").fails("is not of a search, which would remove it");
    fs::remove_file(folder.path("one/trial/recipe.toml")).unwrap();
    search("one").fails("is not of a search, which would remove it");
    assert!(folder.exists("one/trial/model.safetensors"));
    #[cfg(unix)]
    {
        fs::create_dir(folder.path("two")).unwrap();
        std::os::unix::fs::symlink(&mine, folder.path("two/trial")).unwrap();
        search("two").fails("is not of a search, which would remove it");
    }
    assert_eq!(folder.snapshot("mine"), before);
    search("three").succeeds();
    assert!(!folder.exists("three/trial"));
}

#[test]
fn results_replace_neither_the_run_nor_what_is_read_nor_each_other() {
    let folder = Folder::new();
    let run = trained(&folder, "run", "1");
    let before = folder.snapshot("run");
    folder.write("x.csv", &format!("{}\n", vec!["0.5"; 784].join(",")));
    let x = folder.path("x.csv");
    for name in ["model.safetensors", "recipe.toml", ".lock", "./svm.safetensors"] {
        let path = format!("{run}/{name}");
        wta(&["export", "--run", &run, "--out", &path]).fails("is a file of the run");
        wta(&["encode", "--run", &run, "--images", &x, "--out", &path]).fails("is a file of the run");
    }
    wta(&["encode", "--run", &run, "--images", &x, "--out", &x]).fails("is what is read");
    let out = folder.path("m");
    wta(&["export", "--run", &run, "--out", &out, "--c", &out]).fails("would be written twice");
    wta(&["export", "--run", &run, "--out", "-", "--onnx", "-"]).fails("two results");
    assert!(!folder.exists("m"));
    assert_eq!(folder.snapshot("run"), before);
}

/// What is printed for people goes to standard error where a result goes to standard output, whatever that is
/// called.
#[cfg(target_os = "linux")]
#[test]
fn a_result_on_standard_output_is_alone_there() {
    let folder = Folder::new();
    let run = trained(&folder, "run", "1");
    let out = folder.path("m.wta");
    wta(&["export", "--run", &run, "--out", &out]).succeeds();
    let expected = fs::read(&out).unwrap();
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "-"] {
        let file = folder.path("to");
        let to = fs::File::create(&file).unwrap();
        let status = std::process::Command::new(env!("CARGO_BIN_EXE_wta"))
            .args(["export", "--run", &run, "--out", name])
            .stdout(to)
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{name}");
        assert_eq!(fs::read(&file).unwrap(), expected, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn nothing_is_written_where_a_link_in_a_run_folder_points_to() {
    let folder = Folder::new();
    folder.write("theirs", "precious");
    for name in ["model.safetensors", "metrics.csv", "dictionary.png", "sample.json"] {
        fs::create_dir_all(folder.path("run")).unwrap();
        std::os::unix::fs::symlink(folder.path("theirs"), folder.path(&format!("run/{name}"))).unwrap();
    }
    trained(&folder, "run", "1");
    assert_eq!(fs::read_to_string(folder.path("theirs")).unwrap(), "precious");
    assert!(fs::symlink_metadata(folder.path("run/model.safetensors")).unwrap().is_file());
}

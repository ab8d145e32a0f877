//! `wta paper`, rehearsed on a few of the bundled digits.

use std::fs;

use crate::support::{Folder, wta};

/// A rehearsal of some of MNIST's rows in the folder `paper`.
fn rehearse(folder: &Folder, only: &str) -> crate::support::Run {
    wta(&["paper", "mnist", "--quick", "--run", &folder.path("paper"), "--only", only])
}

/// A rehearsal of some of CIFAR-10's rows in the folder `paper`, with two seeds.
fn rehearse_cifar10(folder: &Folder, only: &str) -> crate::support::Run {
    let run = folder.path("paper");
    wta(&["paper", "cifar10", "--quick", "--run", &run, "--only", only, "--seeds", "2"])
}

/// The cells of the table's row that begins with `name`.
fn cells(report: &str, name: &str) -> Vec<String> {
    let row = report.lines().find(|line| line.starts_with(&format!("| {name} |")));
    let row = row.unwrap_or_else(|| panic!("no row {name} in {report}"));
    row.split('|').map(|cell| cell.trim().to_owned()).collect()
}

#[test]
fn rows_and_figures_are_made_once_and_told_in_one_file() {
    let folder = Folder::new();
    let rows = "mnist-conv16,mnist-conv16-seed3,figure-5";
    let first = rehearse(&folder, rows).succeeds();
    assert!(first.stderr.contains("2 of 3: mnist-conv16-seed3"), "{first:?}");
    assert!(first.stderr.contains("the layer below is mnist-conv16: copied"), "{first:?}");
    let report = fs::read_to_string(folder.path("paper/paper-mnist.md")).unwrap();
    let row = cells(&report, "mnist-conv16");
    let error = first.value_after("mnist-conv16: test error ");
    assert_eq!((row[3].as_str(), &row[4]), ("1.02%", &error), "{row:?}");
    let number: f64 = error.trim_end_matches('%').parse().unwrap();
    assert!(number < 20.0, "{number}");
    assert_eq!(row[5], if number <= 1.02 { "met" } else { "missed" });
    assert_eq!(cells(&report, "mnist-rbm")[4], "not yet");
    let other = first.value_after("mnist-conv16-seed3: test error ");
    let seeds = &report[report.find("## Other seeds").unwrap()..];
    assert_eq!(cells(seeds, "mnist-conv16")[2], format!("1: {error}, 2: not yet, 3: {other}"));
    for picture in ["figure-5a.png", "figure-5f.png"] {
        assert!(report.contains(&format!("(pictures/{picture})")), "{report}");
        assert!(fs::read(folder.path(&format!("paper/pictures/{picture}"))).unwrap().starts_with(b"\x89PNG"));
    }

    // It is what training and evaluating alone give.
    let (run, data) = (folder.path("alone"), folder.path("paper/digits"));
    let recipe = folder.path("paper/mnist-conv16/recipe.toml");
    let trained = wta(&["train", &recipe, "--data", &data, "--run", &run]).succeeds();
    assert_eq!(trained.value_after("weights checksum: "), row[13], "{row:?}");
    let evaluated = wta(&["eval", "--run", &run, "--data", &data]).succeeds();
    assert_eq!(evaluated.value_after("test error: "), error);
    // The layer below a stack was copied, and nothing that came later.
    let model = |run: &str| fs::read(folder.path(&format!("{run}/model.safetensors"))).unwrap();
    assert_eq!(model("paper/mnist-conv16-stacked/below"), model("alone"));
    assert!(!folder.exists("paper/mnist-conv16-stacked/below/eval.json"));

    // The same command again has nothing to do, and changes nothing.
    let before = [folder.snapshot("paper/mnist-conv16"), folder.snapshot("paper/pictures")];
    let again = rehearse(&folder, rows).succeeds();
    assert_eq!(again.value_after("mnist-conv16: "), format!("test error {error} (finished before)"));
    assert_eq!(again.value_after("figure-5: "), "finished before");
    assert_eq!(before, [folder.snapshot("paper/mnist-conv16"), folder.snapshot("paper/pictures")]);
    assert_eq!(report, fs::read_to_string(folder.path("paper/paper-mnist.md")).unwrap());

    rehearse(&folder, "mnist-conv17").fails("the rows are mnist-fc2000, mnist-fc-stacked");
    wta(&["paper", "mnist", "--data", &folder.path("none"), "--run", &folder.path("x")])
        .fails("is not a folder");
    // Results of other settings do not get mixed up.
    let run = folder.path("paper");
    wta(&["paper", "mnist", "--quick", "--run", &run, "--only", "mnist-conv16", "--seed", "2"])
        .fails("other settings");
}

#[test]
fn a_rehearsal_that_is_killed_goes_on_to_the_same_table() {
    let folder = Folder::new();
    let whole = rehearse(&folder, "mnist-conv16").succeeds();
    let result = |out: &crate::support::Outcome| out.value_after("mnist-conv16: test error ");
    let row = |report: &str| {
        let row = cells(report, "mnist-conv16");
        // Not the times, the memory.
        [&row[4], &row[6], &row[7], &row[13]].map(String::clone)
    };
    let expected = row(&fs::read_to_string(folder.path("paper/paper-mnist.md")).unwrap());
    fs::remove_dir_all(folder.path("paper")).unwrap();
    for milliseconds in [100, 400, 900, 1500] {
        rehearse(&folder, "mnist-conv16").killed_after(milliseconds);
    }
    let out = rehearse(&folder, "mnist-conv16").succeeds();
    assert!(result(&out).starts_with(&result(&whole)), "{out:?}");
    let report = fs::read_to_string(folder.path("paper/paper-mnist.md")).unwrap();
    assert_eq!(row(&report), expected);

    // Stopped by hand: one sentence, and the same command goes on.
    #[cfg(unix)]
    {
        fs::remove_dir_all(folder.path("paper")).unwrap();
        let started = || folder.exists("paper/mnist-conv16/recipe.toml");
        let out = rehearse(&folder, "mnist-conv16").interrupted_when(started);
        assert_eq!(out.code, Some(130), "{out:?}");
        assert!(out.stderr.contains("the same command goes on from there"), "{out:?}");
        let out = rehearse(&folder, "mnist-conv16").succeeds();
        assert_eq!(result(&out), result(&whole));
        let report = fs::read_to_string(folder.path("paper/paper-mnist.md")).unwrap();
        assert_eq!(row(&report), expected);
        assert!(cells(&report, "mnist-conv16")[8].contains("resumed"), "{report}");
    }
}

#[test]
fn few_labels_come_from_the_row_s_network() {
    let folder = Folder::new();
    let out = rehearse(&folder, "few-labels").succeeds();
    let report = fs::read_to_string(folder.path("paper/paper-mnist.md")).unwrap();
    let row = cells(&report, "300");
    let line = out.stderr.lines().find_map(|line| line.strip_prefix("300 labels: test error ")).unwrap();
    assert_eq!((row[2].as_str(), row[3].as_str()), ("3.47%", line));
    assert!(row[5].contains("mnist-conv-stacked, pooled 4/3, to the power of 1.5, weights "), "{row:?}");
    assert_eq!(row[6].split(", ").count(), 2, "{row:?}");
    assert_eq!(cells(&report, "600")[3], "not yet");
    // What the paper's classifiers do not have is said.
    let unlike =
        |recipe| cells(&report, recipe)[2].split_once(" (the classifier ").map(|(_, what)| what.to_owned());
    let both = "sees all layers and learns from moved training images)";
    assert_eq!((unlike("mnist-fc-stacked").as_deref(), unlike("mnist-fc2000")), (Some(both), None));
    // It is what evaluating alone gives.
    let (run, data) = (folder.path("paper/mnist-conv-stacked"), folder.path("paper/digits"));
    let draws = ["--labels", "300", "--draws", "2", "--pool", "4/3", "--power", "1.5", "--c", "3,10"];
    let alone = wta(&[&["eval", "--run", &run, "--data", &data][..], &draws].concat()).succeeds();
    assert_eq!(alone.value_after("test error: "), format!("{line} over 2 draws"));
    let again = rehearse(&folder, "few-labels").succeeds();
    assert_eq!(again.value_after("few-labels: "), "finished before");
}

#[test]
fn cifar10_has_its_own_rows_and_a_dictionary() {
    let folder = Folder::new();
    let rows = "cifar10-conv64,cifar10-conv64-seed2,dictionary";
    let first = rehearse_cifar10(&folder, rows).succeeds();
    assert!(first.stdout.contains("paper-cifar10.md"), "{first:?}");
    let report = fs::read_to_string(folder.path("paper/paper-cifar10.md")).unwrap();
    let row = cells(&report, "cifar10-conv64");
    let error = first.value_after("cifar10-conv64: test error ");
    let number: f64 = error.trim_end_matches('%').parse().unwrap();
    let verdict = if number <= 31.1 { "met" } else { "missed" };
    assert_eq!((row[3].as_str(), &row[4], row[5].as_str()), ("31.10%", &error, verdict), "{row:?}");
    for (name, paper) in [("conv256", "27.70%"), ("stacked", "22.10%"), ("deep", "19.90%")] {
        let row = cells(&report, &format!("cifar10-{name}"));
        assert_eq!((row[3].as_str(), row[4].as_str()), (paper, "not yet"));
    }
    assert!(report.contains("`wta paper cifar10 --seed 1 --seeds 2`"), "{report}");
    assert!(report.contains("CIFAR-10's files in `digits/`") && !report.contains("Few labels"), "{report}");
    // Every row has the seeds asked for.
    let other = first.value_after("cifar10-conv64-seed2: test error ");
    let seeds = &report[report.find("## Other seeds").unwrap()..];
    assert_eq!(cells(seeds, "cifar10-conv64")[2], format!("1: {error}, 2: {other}"));
    assert_eq!(cells(seeds, "cifar10-deep")[2], "1: not yet, 2: not yet");
    assert!(report.contains("(pictures/dictionarya.png)"), "{report}");
    assert!(fs::read(folder.path("paper/pictures/dictionarya.png")).unwrap().starts_with(b"\x89PNG"));
    assert!(folder.exists("paper/cifar10-conv64/dictionary.png"));

    // The files are CIFAR-10's in form, and the row is what training and evaluating alone give.
    let (run, data) = (folder.path("alone"), folder.path("paper/digits"));
    let recipe = folder.path("paper/cifar10-conv64/recipe.toml");
    let trained = wta(&["train", &recipe, "--data", &data, "--run", &run]).succeeds();
    assert_eq!(trained.value_after("weights checksum: "), row[13], "{row:?}");
    let evaluated = wta(&["eval", "--run", &run, "--data", &data]).succeeds();
    assert_eq!(evaluated.value_after("test error: "), error);

    // The same command again has nothing to do, and changes nothing.
    let again = rehearse_cifar10(&folder, rows).succeeds();
    assert_eq!(again.value_after("cifar10-conv64: "), format!("test error {error} (finished before)"));
    assert_eq!(again.value_after("dictionary: "), "finished before");
    assert_eq!(report, fs::read_to_string(folder.path("paper/paper-cifar10.md")).unwrap());

    rehearse_cifar10(&folder, "mnist-conv16").fails("the rows are cifar10-conv64, cifar10-conv256");
    wta(&["paper", "cifar10", "--data", &folder.path("none"), "--run", &folder.path("x")])
        .fails("is not a folder; give the one that holds cifar-10-batches-bin/");
}

#[test]
fn a_killed_rehearsal_of_cifar10_goes_on_to_the_same_table() {
    let folder = Folder::new();
    let row = || {
        let report = fs::read_to_string(folder.path("paper/paper-cifar10.md")).unwrap();
        let row = cells(&report, "cifar10-conv64");
        // Not the times, the memory.
        [&row[4], &row[6], &row[7], &row[13]].map(String::clone)
    };
    rehearse_cifar10(&folder, "cifar10-conv64").succeeds();
    let expected = row();
    fs::remove_dir_all(folder.path("paper")).unwrap();
    // By hand first: from an empty folder it can be seen that the training has begun.
    #[cfg(unix)]
    {
        let started = || folder.exists("paper/cifar10-conv64/recipe.toml");
        let out = rehearse_cifar10(&folder, "cifar10-conv64").interrupted_when(started);
        assert_eq!(out.code, Some(130), "{out:?}");
        assert!(out.stderr.contains("the same command goes on from there"), "{out:?}");
    }
    rehearse_cifar10(&folder, "cifar10-conv64").killed_after(1500);
    rehearse_cifar10(&folder, "cifar10-conv64").succeeds();
    assert_eq!(row(), expected);
}

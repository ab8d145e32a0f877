//! `wta paper mnist`, rehearsed on a few of the bundled digits.

use std::fs;

use crate::support::{Folder, wta};

/// A rehearsal of some rows in the folder `paper`.
fn rehearse(folder: &Folder, only: &str) -> crate::support::Run {
    wta(&["paper", "mnist", "--quick", "--run", &folder.path("paper"), "--only", only])
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
    // It is what evaluating alone gives.
    let (run, data) = (folder.path("paper/mnist-conv-stacked"), folder.path("paper/digits"));
    let draws = ["--labels", "300", "--draws", "2", "--pool", "4/3", "--power", "1.5", "--c", "3,10"];
    let alone = wta(&[&["eval", "--run", &run, "--data", &data][..], &draws].concat()).succeeds();
    assert_eq!(alone.value_after("test error: "), format!("{line} over 2 draws"));
    let again = rehearse(&folder, "few-labels").succeeds();
    assert_eq!(again.value_after("few-labels: "), "finished before");
}

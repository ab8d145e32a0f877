//! `wta report`: what a page says, where it goes, and what is refused. `tests/browser` opens pages in
//! Chromium.

use std::fs;

use crate::support::{Folder, STACK, shrunken_mnist, wta};

/// A run of one epoch on the digits.
fn trained(folder: &Folder, name: &str, more: &[&str]) -> String {
    let run = folder.path(name);
    let arguments = [&["train", "digits-demo", "--epochs", "1", "--run", &run][..], more].concat();
    wta(&arguments).succeeds();
    run
}

#[test]
fn a_page_says_what_a_run_is_before_and_after_its_evaluation() {
    let folder = Folder::new();
    let run = trained(&folder, "run", &[]);
    let out = wta(&["report", &run]).succeeds();
    let page = out.value_after("report: ");
    assert_eq!(page, folder.path("run/report.html"));
    let before = fs::read_to_string(&page).unwrap();
    assert!(before.contains("The run was not evaluated.") && before.contains("data-atom=\"0-0-"), "{before}");
    let checksum = wta(&["train", "digits-demo", "--epochs", "1", "--run", &folder.path("again")]).succeeds();
    assert!(before.contains(&checksum.value_after("weights checksum: ")));

    let error = wta(&["eval", "--run", &run, "--c", "1"]).succeeds().value_after("test error: ");
    wta(&["report", &run]).succeeds();
    let after = fs::read_to_string(&page).unwrap();
    assert!(after.contains(&format!("<dd>{error}</dd>")), "{error}");
    assert!(after.contains("Confusion matrix") && after.contains("taken for"), "{after}");
    // It is made again with the flags that it was made with.
    assert!(after.contains("wta eval --run again --c 1\n") && !before.contains("wta eval"));
    // Nothing from elsewhere: no address but those of data.
    let addresses = after.split("src=\"").skip(1).chain(after.split("href=\"").skip(1));
    for address in addresses {
        assert!(address.starts_with("data:") || address.starts_with('#'), "{}", &address[..40]);
    }

    // A record that is of other weights is said to be, and one that is damaged is refused.
    let record = fs::read_to_string(folder.path("run/eval.json")).unwrap();
    let weights = checksum.value_after("weights checksum: ");
    folder.write("run/eval.json", &record.replace(&weights, "00000000"));
    wta(&["report", &run]).succeeds();
    assert!(fs::read_to_string(&page).unwrap().contains("of other weights than the run has now"));
    folder.write("run/eval.json", "{");
    wta(&["report", &run]).fails("eval.json: is damaged");
    assert!(fs::read_to_string(&page).unwrap().contains("of other weights"), "the earlier page is kept");
}

#[test]
fn several_runs_stand_side_by_side() {
    let folder = Folder::new();
    let (one, two) = (trained(&folder, "one", &[]), trained(&folder, "two", &["--seed", "7"]));
    let stack = folder.path("stack");
    wta(&["train", &folder.write("stack.toml", STACK), "--run", &stack]).succeeds();
    let page = folder.path("all.html");
    wta(&["report", &one, &two, &stack, "--out", &page]).succeeds();
    let text = fs::read_to_string(&page).unwrap();
    for expected in [
        "--run again-one\n",
        "--run again-two\n",
        "<th scope=\"col\">one</th><th scope=\"col\">two</th><th scope=\"col\">stack</th>",
        "<th scope=\"row\">training.seed</th><td>1</td><td>7</td><td>1</td>",
        "Layer 2 of 2",
        "one: ",
        "stack, layer 1, training: ",
    ] {
        assert!(text.contains(expected), "{expected} is not in the page");
    }
    // The same in both, but not in the stack, which has another table for each layer.
    assert!(!text.contains("<th scope=\"row\">training.schedule</th><td>constant"), "{text}");
    // With one run twice nothing differs.
    wta(&["report", &one, &one, "--out", &page]).succeeds();
    assert!(fs::read_to_string(&page).unwrap().contains("All settings of these runs are the same."));
}

#[test]
fn without_data_the_page_says_how_to_see_samples() {
    let folder = Folder::new();
    let (data, run) = (shrunken_mnist(&folder), folder.path("run"));
    let recipe =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../recipes/digits-demo.toml")).unwrap();
    let recipe = folder.write("mnist.toml", &recipe.replace("set = \"digits\"", "set = \"mnist\""));
    wta(&["train", &recipe, "--epochs", "1", "--data", &data, "--run", &run]).succeeds();
    wta(&["report", &run]).succeeds();
    let page = fs::read_to_string(folder.path("run/report.html")).unwrap();
    assert!(
        page.contains("Give the folder of its data with --data.") && page.contains("--data DIR"),
        "{page}"
    );
    assert!(!page.contains("that excite an atom most") && page.contains("data-atom=\"0-0-15\""));
    wta(&["report", &run, "--data", &data]).succeeds();
    let page = fs::read_to_string(folder.path("run/report.html")).unwrap();
    assert!(page.contains("200 test samples in which it is active"), "{page}");
    wta(&["report", &run, "--data", &folder.path("nowhere")]).fails("nowhere");
}

#[test]
fn what_is_no_trained_run_is_refused_and_no_file_of_a_run_is_lost() {
    let folder = Folder::new();
    let run = trained(&folder, "run", &[]);
    wta(&["report", &folder.path("nothing")]).fails("is not a run folder");
    wta(&["report", &run, "--data", "a", "--data", "b"]).fails("--data is given 2 times for 1 run;");
    let own = folder.path("run/model.safetensors");
    wta(&["report", &run, "--out", &own]).fails("is a file of the run, which would be lost");
    let out = wta(&["report", &run, "--out", &folder.path("no/such/page.html")]).fails("page.html");
    assert!(!out.stderr.contains(" at path "), "{out:?}");
    let untrained = folder.path("untrained");
    fs::create_dir(&untrained).unwrap();
    fs::copy(folder.path("run/recipe.toml"), folder.path("untrained/recipe.toml")).unwrap();
    wta(&["report", &untrained]).fails("untrained");
    let metrics = fs::read_to_string(folder.path("run/metrics.csv")).unwrap();
    // Numbers that no chart can hold.
    let row = metrics.lines().nth(1).unwrap();
    let absurd = row.replacen(row.split(',').nth(1).unwrap(), "1.7e308", 1);
    folder.write("run/metrics.csv", &format!("{}\n{row}\n{}\n", metrics.lines().next().unwrap(), absurd));
    wta(&["report", &run]).succeeds();
    folder.write("run/metrics.csv", "epoch\nmany\n");
    wta(&["report", &run]).fails("metrics.csv: is no table of metrics");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_no_half_a_page() {
    let folder = Folder::new();
    let Some(disk) = folder.tmpfs("small", "64k") else {
        return crate::support::skipped("a report on a full disk: no tmpfs can be mounted");
    };
    let run = trained(&folder, "run", &[]);
    let page = format!("{}/page.html", disk.path());
    wta(&["report", &run, "--out", &page]).fails("page.html");
    assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 0);
}

//! `wta svm`: every kind of file, LIBLINEAR's models, streams, and misuse.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::codes::colour_run;
use crate::support::{Folder, Outcome, skipped, write_npy, wta};

/// Rows of 6 features and labels of three classes, told apart by their largest feature. Some values are 0.
fn examples(count: usize) -> (Vec<[f32; 6]>, Vec<usize>) {
    let row = |i: usize| {
        let class = i * 7 % 3;
        let value = |k: usize| {
            let noise = (i * 31 + k * 17) % 23;
            if k == class {
                1.0 + noise as f32 / 64.0
            } else if noise < 8 {
                0.0
            } else {
                noise as f32 / 32.0
            }
        };
        (std::array::from_fn(value), class)
    };
    (0..count).map(row).unzip()
}

/// LIBSVM's text, with these names of the classes.
fn libsvm(rows: &[[f32; 6]], labels: &[usize], names: [&str; 3]) -> String {
    let mut text = String::new();
    for (row, label) in rows.iter().zip(labels) {
        text += names[*label];
        let features = (1..).zip(row).filter(|(_, v)| **v != 0.0);
        features.for_each(|(index, v)| write!(text, " {index}:{v}").unwrap());
        text.push('\n');
    }
    text
}

fn bytes(numbers: impl IntoIterator<Item = f32>) -> Vec<u8> {
    numbers.into_iter().flat_map(f32::to_le_bytes).collect()
}

/// A `.npz` archive as scipy.sparse.save_npz writes it, of these `.npy` files.
fn archive(path: &str, members: &[(&str, String)]) {
    let mut archive = zip::ZipWriter::new(fs::File::create(path).unwrap());
    for (name, file) in members {
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(format!("{name}.npy"), options).unwrap();
        archive.write_all(&fs::read(file).unwrap()).unwrap();
    }
    archive.finish().unwrap();
}

/// The rows as a sparse matrix, the columns of each row from the last to the first.
fn sparse(folder: &Folder, name: &str, rows: &[[f32; 6]], format: &str) -> String {
    let (mut starts, mut columns, mut values) = (vec![0i32], Vec::new(), Vec::new());
    for row in rows {
        for (column, value) in (0i32..6).zip(row).rev().filter(|(_, value)| **value != 0.0) {
            columns.push(column);
            values.push(*value);
        }
        starts.push(columns.len() as i32);
    }
    let words = |words: &[i32]| -> Vec<u8> { words.iter().flat_map(|word| word.to_le_bytes()).collect() };
    let shape: Vec<u8> = [rows.len() as i64, 6].iter().flat_map(|size| size.to_le_bytes()).collect();
    let member = |name: &'static str, kind: &str, shape: String, bytes: &[u8]| {
        let path = folder.path(&format!("member-{name}.npy"));
        write_npy(&path, kind, &shape, bytes);
        (name, path)
    };
    let members = [
        member("indptr", "<i4", format!("({},)", starts.len()), &words(&starts)),
        member("indices", "<i4", format!("({},)", columns.len()), &words(&columns)),
        member("data", "<f4", format!("({},)", values.len()), &bytes(values)),
        member("shape", "<i8", "(2,)".to_owned(), &shape),
        member("format", "|S3", "()".to_owned(), format.as_bytes()),
    ];
    let path = folder.path(name);
    archive(&path, &members);
    path
}

fn npy_labels(folder: &Folder, labels: &[usize]) -> String {
    let path = folder.path("labels.npy");
    let bytes: Vec<u8> = labels.iter().flat_map(|label| (*label as i64 - 1).to_le_bytes()).collect();
    write_npy(&path, "<i8", &format!("({},)", labels.len()), &bytes);
    path
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// Fits a classifier, and returns what is told as JSON.
#[track_caller]
fn fit(arguments: &[&str]) -> Value {
    json(&wta(&[&["svm", "fit", "--json", "--gap", "1e-6"], arguments].concat()).succeeds())
}

#[test]
fn every_kind_of_file_gives_the_same_classifier() {
    let folder = Folder::new();
    let (rows, labels) = examples(300);
    let text = folder.write("a.svm", &libsvm(&rows, &labels, ["-1", "0", "+1"]));
    // Called like a table.
    let called = folder.write("a.txt", &format!("# by hand\r\n{}", fs::read_to_string(&text).unwrap()));
    let mut csv = "a,b,c,d,e,f,kind\n".to_owned();
    for (row, label) in rows.iter().zip(&labels) {
        row.iter().for_each(|v| write!(csv, "{v},").unwrap());
        writeln!(csv, "{}", *label as i64 - 1).unwrap();
    }
    let csv = folder.write("a.csv", &csv);
    let headless = folder.write("b.csv", fs::read_to_string(&csv).unwrap().split_once('\n').unwrap().1);
    let npy = folder.path("a.npy");
    write_npy(&npy, "<f4", "(300, 3, 2)", &bytes(rows.iter().flatten().copied()));
    let matrix = sparse(&folder, "a.npz", &rows, "csr");
    let names = npy_labels(&folder, &labels);
    let both = folder.path("both.npz");
    archive(&both, &[("x", npy.clone()), ("y", names.clone())]);
    let labels_csv = folder
        .write("labels.csv", &labels.iter().map(|l| format!("{}\n", *l as i64 - 1)).collect::<String>());
    let kinds: [&[&str]; 8] = [
        &[&text],
        &[&called],
        &[&csv, "--label-column", "kind"],
        &[&headless],
        &[&npy, "--labels", &names],
        &[&npy, "--labels", &labels_csv],
        &[&matrix, "--labels", &names],
        &[&both],
    ];
    let mut seen: Option<(Value, Vec<u8>, String)> = None;
    for kind in kinds {
        let model = folder.path("m.safetensors");
        let mut told = fit(&[kind, &["--model", &model]].concat());
        for key in ["read_seconds", "train_seconds"] {
            assert!(told.as_object_mut().unwrap().remove(key).unwrap().as_f64().unwrap() >= 0.0);
        }
        assert_eq!((told["examples"].as_u64(), told["classes"].as_u64()), (Some(300), Some(3)), "{kind:?}");
        // Of the table with a header, the file has the names of the features, too.
        let named = kind[0] == csv;
        let bytes = fs::read(&model).unwrap();
        let found = wta(&[&["svm", "predict", "--model", &model], kind].concat()).succeeds();
        assert!(found.stderr.starts_with("accuracy: ") && found.stderr.contains(" of 300)"), "{found:?}");
        let right = found.stdout.lines().zip(&labels).filter(|(a, b)| **a == (**b as i64 - 1).to_string());
        assert_eq!(Some(right.count() as u64), told["right"].as_u64(), "{kind:?}");
        let (other, file, classes) = seen.get_or_insert((told.clone(), bytes.clone(), found.stdout.clone()));
        assert_eq!((&*other, &*classes), (&told, &found.stdout), "{kind:?}");
        assert!(named || *file == bytes, "{kind:?}");
    }
    // Without labels: a table of as many columns as features, and lines that begin with a feature.
    let model = folder.path("m.safetensors");
    let plain: String = fs::read_to_string(&headless)
        .unwrap()
        .lines()
        .map(|l| l.rsplit_once(',').unwrap().0.to_owned() + "\n")
        .collect();
    let plain = folder.write("plain.csv", &plain);
    let bare: String = fs::read_to_string(&text)
        .unwrap()
        .lines()
        .map(|l| l.split_once(' ').unwrap().1.to_owned() + "\n")
        .collect();
    let bare = folder.write("bare.svm", &bare);
    for file in [&plain, &bare, &npy] {
        let found = wta(&["svm", "predict", "--model", &model, file]).succeeds();
        assert_eq!((&found.stdout, found.stderr.as_str()), (&seen.as_ref().unwrap().2, ""), "{file}");
    }
    wta(&["svm", "fit", &bare, "--model", &model]).fails("line 1: begins with `1:1");
    wta(&["svm", "fit", &sparse(&folder, "c.npz", &rows, "csc"), "--labels", &names, "--model", &model])
        .fails("is a sparse matrix of format csc, but csr is read");
}

#[test]
fn names_of_any_kind_weights_and_scores() {
    let folder = Folder::new();
    let (rows, labels) = examples(200);
    let file = folder.write("a.svm", &libsvm(&rows, &labels, ["new-york", "007", "ä"]));
    let model = folder.path("m.safetensors");
    let plain = fit(&[&file, "--model", &model]);
    let found = wta(&["svm", "predict", &file, "--model", &model, "--scores", "--json"]).succeeds();
    assert_eq!(found.stdout.lines().next(), Some("class,score 007,score new-york,score ä"));
    let told: Value = serde_json::from_str(&found.stderr).unwrap();
    assert_eq!((&told["right"], told["labelled"].as_u64()), (&plain["right"], Some(200)));
    for line in found.stdout.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let scores: Vec<f64> = cells[1..].iter().map(|cell| cell.parse().unwrap()).collect();
        let best = (0..3).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap();
        assert_eq!(cells[0], ["007", "new-york", "ä"][best]);
    }
    // A weight of 2 for all classes is a C of 2, but of the others' loss; balanced ones are given by hand.
    let counts = [1, 0, 2].map(|class| labels.iter().filter(|label| **label == class).count());
    let weight = |class: usize| 200.0 / (3.0 * counts[class] as f64);
    let by_hand = format!("007={},new-york={},ä={}", weight(0), weight(1), weight(2));
    let balanced = fit(&[&file, "--model", &model, "--class-weight", "balanced"]);
    let given = fit(&[&file, "--model", &model, "--class-weight", &by_hand]);
    assert_eq!(balanced["objective"], given["objective"]);
    let heavy = fit(&[&file, "--model", &model, "--class-weight", "ä=5"]);
    assert!(heavy["objective"].as_f64() > plain["objective"].as_f64());
    wta(&["svm", "fit", &file, "--model", &folder.path("l"), "--format", "liblinear"])
        .fails("one is called 007; write safetensors");
    wta(&["svm", "fit", &file, "--model", &folder.path("l"), "--class-weight", "paris=2"])
        .fails("--class-weight: no class is called paris: there are 007, new-york, ä");
    assert!(!folder.exists("l"));
    let inspected = wta(&["inspect", &model]).succeeds().stdout;
    assert!(inspected.contains("a classifier") && inspected.contains("wta svm predict"), "{inspected}");
}

#[test]
fn c_is_chosen_by_cross_validation() {
    let folder = Folder::new();
    let (rows, mut labels) = examples(240);
    // Some wrong labels, so that C matters.
    labels.iter_mut().step_by(7).for_each(|label| *label = (*label + 1) % 3);
    let file = folder.write("a.svm", &libsvm(&rows, &labels, ["1", "2", "3"]));
    let grid = ["--c", "0.0001,0.1,3", "--folds", "4", "--gap", "1e-4"];
    let table = wta(&[&["svm", "cv", &file][..], &grid].concat()).succeeds();
    assert_eq!(table.stdout.lines().count(), 5, "{table:?}");
    let told = json(&wta(&[&["svm", "cv", &file, "--json"][..], &grid].concat()).succeeds());
    let trials = told["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 3);
    let accuracy = |trial: &Value| trial["accuracy"].as_f64().unwrap();
    let best = trials.iter().map(accuracy).fold(0.0, f64::max);
    let first = trials.iter().find(|trial| accuracy(trial) == best).unwrap();
    assert_eq!(first["c"], told["best_c"]);
    assert!(trials.iter().all(|trial| trial["folds"].as_array().unwrap().len() == 4), "{told}");
    assert_eq!(table.value_after("best C: "), told["best_c"].as_f64().unwrap().to_string());
    let model = folder.path("m");
    let fitted =
        json(&wta(&[&["svm", "fit", &file, "--model", &model, "--json"][..], &grid].concat()).succeeds());
    assert_eq!((&fitted["c"], &fitted["trials"]), (&told["best_c"], &told["trials"]));
    let single = fit(&[&file, "--model", &model, "--c", "0.5"]);
    assert_eq!((single["c"].as_f64(), single.get("trials")), (Some(0.5), None));
    wta(&["svm", "cv", &file, "--folds", "241"])
        .fails("--folds 241: must be from 2 to the number of examples, 240");
    wta(&["svm", "cv", &file, "--c", "3,1"]).fails("must increase");
}

#[test]
fn liblinear_and_this_program_read_each_others_models() {
    let folder = Folder::new();
    let (rows, labels) = examples(200);
    for (names, bias) in [(["1", "2", "3"], "1"), (["1", "2", "3"], "-1"), (["-1", "1", "1"], "1")] {
        let file = folder.write("a.svm", &libsvm(&rows, &labels, names));
        let (model, text) = (folder.path("m.safetensors"), folder.path("m.model"));
        let told = fit(&[&file, "--model", &model, "-B", bias, "-c", "2"]);
        fit(&[&file, "--model", &text, "--format", "liblinear", "-B", bias, "-c", "2"]);
        let classes = |model: &str| wta(&["svm", "predict", &file, "--model", model]).succeeds().stdout;
        assert_eq!(classes(&text), classes(&model));
        let inspected = wta(&["inspect", &text]).succeeds().stdout;
        assert!(inspected.contains("a classifier of LIBLINEAR"), "{inspected}");
        let (theirs, out) = (folder.path("theirs.model"), folder.path("theirs.out"));
        let train = Command::new("liblinear-train")
            .args(["-q", "-s", "2", "-e", "1e-9", "-c", "2", "-B", bias, &file, &theirs])
            .status();
        let Ok(train) = train else {
            skipped("LIBLINEAR's own programs: there is no liblinear-train");
            continue;
        };
        assert!(train.success());
        for (from, expected) in [(&theirs, classes(&theirs)), (&text, classes(&text))] {
            let run = Command::new("liblinear-predict").args([&file, from, &out]).output().unwrap();
            assert!(run.status.success());
            assert_eq!(fs::read_to_string(&out).unwrap(), expected);
        }
        assert_eq!(classes(&theirs), classes(&text));
        assert!(told["gap"].as_f64().unwrap() <= 1e-6);
    }
}

#[test]
fn from_a_pipe_a_class_comes_as_soon_as_its_example() {
    let folder = Folder::new();
    let (rows, labels) = examples(90);
    let text = libsvm(&rows, &labels, ["1", "2", "3"]);
    let model = folder.path("m");
    // Training reads pipes, too.
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wta"));
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut training = run(&["svm", "fit", "-", "--model", &model]);
    training.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(training.wait().unwrap().success());
    let mut predicting = run(&["svm", "predict", "-", "--model", &model]);
    let (mut to, from) = (predicting.stdin.take().unwrap(), predicting.stdout.take().unwrap());
    let mut lines = BufReader::new(from).lines();
    for (line, label) in text.lines().zip(&labels) {
        to.write_all(format!("{line}\n").as_bytes()).unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), (label + 1).to_string());
    }
    // More features than the classifier has.
    to.write_all(b"1 1:2 7:100 4000000000:1e30\n").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "1");
    to.write_all(b"1 2:1 1:1\n").unwrap();
    drop(to);
    let out = predicting.wait_with_output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert_eq!(said, "wta: standard input: line 92: index 1 comes after 2; indices must ascend\n");
}

#[test]
fn a_runs_classifier_classifies_its_features_in_files() {
    let folder = Folder::new();
    let run = colour_run(&folder);
    let (images, data) = (folder.path("images.npy"), folder.path(""));
    let table = wta(&["predict", "--run", &run, &images, "--format", "csv"]).succeeds().stdout;
    let expected: String =
        table.lines().skip(1).map(|line| format!("{}\n", line.split(',').nth(1).unwrap())).collect();
    assert!(["0", "1", "2"].iter().all(|class| expected.lines().any(|line| line == *class)), "{expected}");
    let model = format!("{run}/svm.safetensors");
    for (name, flags) in [("features.npy", &[][..]), ("features.npz", &["--sparse"])] {
        let features = folder.path(name);
        let encode = ["encode", "--run", &run, "--data", &data, "--split", "test", "--out", &features];
        wta(&[&encode[..], flags].concat()).succeeds();
        let labels = folder.path("labels.npy");
        let found = wta(&["svm", "predict", &features, "--model", &model, "--labels", &labels]).succeeds();
        assert_eq!(found.stdout, expected, "{name}");
    }
}

/// The most memory that predicting takes, in KiB.
#[cfg(target_os = "linux")]
fn peak(arguments: &[&str]) -> u64 {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wta"))
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut peak = 0;
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let found = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(found.unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return peak;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn predictions_take_no_more_memory_for_more_examples() {
    let folder = Folder::new();
    let (rows, labels) = examples(1000);
    let text = libsvm(&rows, &labels, ["1", "2", "3"]);
    let few = folder.write("few.svm", &text.repeat(300));
    let many = folder.write("many.svm", &text.repeat(2400));
    let (model, out) = (folder.path("m"), folder.path("out"));
    wta(&["svm", "fit", &folder.write("one.svm", &text), "--model", &model]).succeeds();
    let numbers = bytes(rows.iter().flatten().copied());
    let (small, large) = (folder.path("few.npy"), folder.path("many.npy"));
    write_npy(&small, "<f4", "(100000, 6)", &numbers.repeat(100));
    write_npy(&large, "<f4", "(2000000, 6)", &numbers.repeat(2000));
    for [few, many] in [[&few, &many], [&small, &large]] {
        let arguments = |file| ["svm", "predict", file, "--model", &model, "--out", &out, "--threads", "2"];
        let (few, many) = (peak(&arguments(few)), peak(&arguments(many)));
        assert!(many < few + 12_000, "{few} and {many} KiB");
    }
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), 2_000_000);
}

#[test]
fn a_mistake_among_a_hundred_thousand_lines_is_told_with_its_line() {
    let folder = Folder::new();
    let (rows, labels) = examples(1000);
    let good = libsvm(&rows, &labels, ["1", "2", "3"]).repeat(100);
    let lines: Vec<&str> = good.lines().collect();
    let model = folder.path("m");
    for (line, sentence) in [
        ("1 :3", "a value has no index"),
        ("1 4:1 2:1", "index 2 comes after 4; indices must ascend"),
        ("1 4:1 4:1", "index 4 stands twice"),
        ("1 1000000000000:1", "index `1000000000000` is beyond the largest"),
        ("1 4:NaN", "the value of index 4 is `NaN`, which is not a finite number"),
        ("1 4:1e400", "the value of index 4 is `1e400`, which is not a finite number"),
        ("1 4 1", "`4` is no index:value"),
        ("1,2 4:1", "has several labels"),
    ] {
        let mut wrong = lines.clone();
        // What is legal does not move the number.
        (wrong[10], wrong[20], wrong[98_765]) = ("\t", "# a comment: 1 0:nan", line);
        let file = folder.write("wrong.svm", &wrong.join("\r\n"));
        let sentence = format!("wrong.svm: line 98766: {sentence}");
        wta(&["svm", "fit", &file, "--model", &model]).fails(&sentence);
    }
    assert!(!folder.exists("m"));
}

#[test]
fn misuse_is_one_sentence() {
    let folder = Folder::new();
    let model = folder.path("m");
    let refused = |text: &str, sentence: &str| {
        let file = folder.write("x.svm", text);
        wta(&["svm", "fit", &file, "--model", &model]).fails(sentence);
        assert!(!folder.exists("m"));
    };
    refused("", "is empty");
    refused("# nothing\n\n", "holds no examples");
    refused("1 1:1\n1 2:1\n", "has examples of one class only, 1; a classifier needs two");
    refused("1\n2\n", "has no example with a feature that is not 0");
    refused("1 4294967295:1\n2 1:1\n", "of memory");
    refused("\u{0}\u{1}\u{2} 1:1\n", "line 1: has bytes that are no text");
    fs::write(folder.path("x.gz"), [0x1f, 0x8b, 8, 0]).unwrap();
    wta(&["svm", "fit", &folder.path("x.gz"), "--model", &model]).fails("is compressed by gzip");
    let good = folder.write("good.svm", "1 1:1\n2 2:1\n2 2:2\n");
    let fails =
        |arguments: &[&str], sentence: &str| drop(wta(&[&["svm"], arguments].concat()).fails(sentence));
    fails(&["fit", &good, "--model", &good], "is what is read");
    fails(&["fit", &good, "--model", &folder.path("no/m")], "there is no folder");
    fails(&["fit", &folder.path("none"), "--model", &model], "cannot read");
    fails(&["fit", &folder.path(""), "--model", &model], "is a folder");
    for (flag, value, sentence) in [
        ("--eps", "0", "must be more than 0"),
        ("--eps", "nan", "must be more than 0"),
        ("--gap", "-1", "must be more than 0"),
        ("--gap", "inf", "must be more than 0"),
        ("--c", "0", "must be from 1e-9 to 1e9"),
        ("--c", "0.1,1e10", "must be from 1e-9 to 1e9"),
        ("--bias", "nan", "must be a number up to 1e6"),
        ("--bias", "1e7", "must be a number up to 1e6"),
        ("--max-iter", "0", "0 is not in 1.."),
        ("--folds", "1", "1 is not in 2.."),
        ("--class-weight", "1:3", "must be balanced or LABEL=W"),
        ("--seed", "-1", "invalid digit"),
    ] {
        let flag = &format!("{flag}={value}");
        for command in [&["fit", &good, "--model", &model, flag][..], &["cv", &good, flag]] {
            let out = wta(&[&["svm"], command].concat()).finish();
            assert_eq!(out.code, Some(2), "{out:?}");
            assert!(out.stderr.contains(sentence), "{out:?}");
        }
    }
    fails(
        &["fit", &good, "--model", &model, "--class-weight", "balanced,1=3"],
        "--class-weight balanced: must stand alone",
    );
    fails(&["fit", &good, "--model", &model, "--labels", &good], "--labels is for arrays and tables");
    fails(&["predict", &good, "--model", &good], "is no classifier");
    assert!(!folder.exists("m"));
    wta(&["svm", "fit", &good, "--model", &model]).succeeds();
    let wide = folder.path("wide.npy");
    write_npy(&wide, "<f4", "(2, 3)", &bytes([1.0; 6]));
    fails(&["predict", &wide, "--model", &model], "has rows of 3 numbers, but the classifier takes 2");
    fails(&["fit", &wide, "--model", &folder.path("n")], "--labels must name the file of labels");
    let labels = npy_labels(&folder, &[0, 1, 2]);
    fails(&["fit", &wide, "--labels", &labels, "--model", &folder.path("n")], "has more labels than");
    fails(&["predict", &good, "--model", &model, "--out", &model], "is what is read");
    let mut damaged = fs::read(&model).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&model, damaged).unwrap();
    fails(&["predict", &good, "--model", &model], "train the classifier again");
}

#[test]
fn ctrl_c_ends_training_with_130_and_leaves_no_file() {
    let folder = Folder::new();
    let (rows, mut labels) = examples(20_000);
    labels.iter_mut().step_by(5).for_each(|label| *label = (*label + 1) % 3);
    let file = folder.write("a.svm", &libsvm(&rows, &labels, ["1", "2", "3"]));
    let model = folder.path("m");
    let run = wta(&[
        "svm",
        "fit",
        &file,
        "--model",
        &model,
        "--solver",
        "dual",
        "-c",
        "1e6",
        "--gap",
        "1e-9",
        "--max-iter",
        "100000000",
    ]);
    let start = std::time::Instant::now();
    let out = run.interrupted_when(|| start.elapsed().as_millis() > 700);
    assert_eq!(out.code, Some(130), "{out:?}");
    assert!(out.stderr.contains("interrupted: "), "{out:?}");
    assert!(!folder.exists("m"));
}

/// A table of the rows and their class, with its columns in this order; the sixth is the class.
fn table(rows: &[[f32; 6]], labels: &[usize], order: &[usize], header: bool) -> String {
    let names = ["f0", "f1", "f2", "f3", "f4", "f5", "kind"];
    let line = |cell: &dyn Fn(usize) -> String| {
        order.iter().map(|column| cell(*column)).collect::<Vec<_>>().join(",") + "\n"
    };
    let mut text = if header { line(&|column| names[column].to_owned()) } else { String::new() };
    for (row, label) in rows.iter().zip(labels) {
        text += &line(&|column| row.get(column).map_or(format!("{label}"), f32::to_string));
    }
    text
}

#[test]
fn columns_are_taken_by_the_names_that_the_classifier_has() {
    let folder = Folder::new();
    let (rows, labels) = examples(150);
    let written =
        |name: &str, order: &[usize], header| folder.write(name, &table(&rows, &labels, order, header));
    let plain = written("t.csv", &[0, 1, 2, 3, 4, 5, 6], true);
    let model = folder.path("m");
    let told = fit(&[&plain, "--model", &model]);
    let run = |file: &str, model: &str, flags: &[&str]| {
        wta(&[&["svm", "predict", file, "--model", model], flags].concat())
    };
    let expected = run(&plain, &model, &[]).succeeds();
    let accuracy = format!("{} of 150", told["right"]);
    assert!(expected.stderr.contains(&accuracy), "{expected:?}");
    // The label is known by being the only column left, by its name, or not at all.
    for (name, order, is_labelled) in [
        ("reversed.csv", &[6, 5, 4, 3, 2, 1, 0][..], true),
        ("mixed.csv", &[3, 0, 6, 1, 5, 4, 2], true),
        ("bare.csv", &[5, 4, 3, 2, 1, 0], false),
    ] {
        let found = run(&written(name, order, true), &model, &[]).succeeds();
        assert_eq!(found.stdout, expected.stdout, "{name}");
        assert_eq!(found.stderr.contains(&accuracy), is_labelled, "{name}: {found:?}");
    }
    let found = run(&written("twice.csv", &[0, 6, 0, 1, 2, 3, 4, 5], true), &model, &[]);
    found.fails("twice.csv: has several columns called `f0`; name each once");
    let lacking = written("lacking.csv", &[5, 4, 3, 2, 0, 6], true);
    run(&lacking, &model, &[]).fails(
        "lacking.csv: has no column `f1`, which the classifier was trained on, only f5, f4, f3, f2, f0, kind; add it",
    );
    // Without a header, the place counts.
    let headless = written("headless.csv", &[0, 1, 2, 3, 4, 5, 6], false);
    assert_eq!(run(&headless, &model, &[]).succeeds().stdout, expected.stdout);
    // Some of the columns.
    let few = folder.path("few");
    fit(&[&plain, "--model", &few, "--columns", "f1,f2"]);
    let all = run(&plain, &few, &[]).succeeds().stdout;
    for columns in ["f1,f2", "f2,f1", "1,2"] {
        assert_eq!(run(&plain, &few, &["--columns", columns]).succeeds().stdout, all);
    }
    run(&plain, &few, &["--columns", "f3,f4"])
        .fails("--columns names f3, f4, but the classifier was trained on f1, f2; leave it out");
    let found = run(&plain, &few, &["--label-column", "kind"]).succeeds();
    assert!(found.stdout == all && found.stderr.contains(" of 150"), "{found:?}");
    // LIBLINEAR's text has no names, and a table without a header gives none.
    let text = folder.path("text");
    fit(&[&plain, "--model", &text, "--format", "liblinear"]);
    assert!(!fs::read_to_string(&text).unwrap().contains("f1"));
    assert_eq!(run(&plain, &text, &[]).succeeds().stdout, expected.stdout);
    let nameless = folder.path("nameless");
    fit(&[&headless, "--model", &nameless]);
    assert_eq!(run(&plain, &nameless, &[]).succeeds().stdout, expected.stdout);
}

#[test]
fn what_has_no_effect_on_a_file_is_refused() {
    let folder = Folder::new();
    let (rows, labels) = examples(60);
    let text = folder.write("a.svm", &libsvm(&rows, &labels, ["1", "2", "3"]));
    let csv = folder.write("a.csv", &table(&rows, &labels, &[0, 1, 2, 3, 4, 5, 6], true));
    let npy = folder.path("a.npy");
    write_npy(&npy, "<f4", "(60, 6)", &bytes(rows.iter().flatten().copied()));
    let names = npy_labels(&folder, &labels);
    let matrix = sparse(&folder, "a.npz", &rows, "csr");
    let model = folder.path("m");
    for (arguments, sentence) in [
        (&[&text[..], "--columns", "1,2"][..], "--columns is for tables, but "),
        (&[&text, "--label-column", "3"], "a.svm is LIBSVM's text; leave it out"),
        (&[&text, "--tensor", "x"], "--tensor is for files of several arrays, but "),
        (&[&text, "--label-tensor", "x"], "--label-tensor is for files of several arrays, but "),
        (&["-", "--columns", "1"], "--columns is for tables, but standard input is LIBSVM's text"),
        (&[&csv, "--tensor", "x"], "a.csv is a table; leave it out"),
        (&[&csv, "--label-tensor", "x"], "--label-tensor is for files of several arrays"),
        (&[&csv, "--labels", &names, "--label-column", "kind"], "labels.npy is the file of labels"),
        (&[&npy, "--labels", &names, "--columns", "1"], "a.npy is an array; leave it out"),
        (&[&npy, "--labels", &names, "--tensor", "x"], "--tensor is for files of several arrays"),
        (&[&npy, "--labels", &names, "--label-tensor", "x"], "--label-tensor is for files"),
        (&[&npy, "--labels", &names, "--label-column", "1"], "--label-column is for tables"),
        (&[&matrix, "--labels", &names, "--tensor", "data"], "a.npz is a sparse matrix; leave it out"),
        (&[&matrix, "--labels", &names, "--columns", "1"], "--columns is for tables"),
        (&[&csv, "--columns", "f1,f1"], "--columns names column f1 twice; name it once"),
        (&[&csv, "--columns", "f1,1"], "--columns names column f1 twice; name it once"),
        (
            &[&csv, "--columns", "f1,kind", "--label-column", "kind"],
            "--columns names column kind, which has the labels; leave it out",
        ),
        (&[&csv, "--columns", "f1,kind"], "a.csv has the labels: column kind is among the features"),
    ] {
        wta(&[&["svm", "fit", "--model", &model], arguments].concat()).fails(sentence);
        wta(&[&["svm", "cv"], arguments].concat()).fails(sentence);
        assert!(!folder.exists("m"));
    }
    fit(&[&text, "--model", &model]);
    wta(&["svm", "predict", &text, "--model", &model, "--columns", "1,2"]).fails("--columns is for tables");
}

#[test]
fn what_is_missing_is_called_by_its_flag() {
    let folder = Folder::new();
    let (rows, labels) = examples(60);
    let names = npy_labels(&folder, &labels);
    let npy = folder.path("a.npy");
    write_npy(&npy, "<f4", "(60, 6)", &bytes(rows.iter().flatten().copied()));
    let several = folder.path("several.npz");
    archive(&several, &[("a", npy.clone()), ("b", npy.clone()), ("c", names.clone())]);
    let model = folder.path("m");
    let fails = |arguments: &[&str], sentence: &str| {
        drop(wta(&[&["svm", "fit", "--model", &model], arguments].concat()).fails(sentence));
    };
    fails(&[&several], "--tensor must say which array of ");
    fails(&[&several], "several.npz has the examples: a, b, c");
    fails(&[&npy, "--labels", &several], "several.npz has the labels: a, b, c");
    fails(&[&npy, "--labels", &several], "--label-tensor must say which array of ");
    fit(&[&several, "--model", &model, "--tensor", "b", "--label-tensor", "c"]);
    fs::remove_file(&model).unwrap();
    let words = folder.write("t.csv", "f1,f2,f3\n1,2,cat\n3,4,dog\n5,6,cat\n");
    fails(
        &[&words, "--label-column", "f2"],
        "t.csv: line 2 has `cat` there, which is no number; labels are in column f2",
    );
    fails(&[&words, "--label-column", "f2"], "--columns must leave out column f3 of ");
    fails(&[&npy, "--labels", &words], "--label-column must say which of the 3 columns of ");
    // SciPy's other formats do not have the arrays of CSR.
    for (kind, others) in [("coo", ["row", "col"]), ("dia", ["offsets", "more"])] {
        let format = folder.path("format.npy");
        write_npy(&format, "|S3", "()", kind.as_bytes());
        let path = folder.path("other.npz");
        let member = |name| (name, npy.clone());
        let members =
            [member(others[0]), member(others[1]), ("format", format), member("shape"), member("data")];
        archive(&path, &members);
        fails(
            &[&path, "--labels", &names],
            &format!("other.npz: is a sparse matrix of format {kind}, but csr is read; save FILE.tocsr()"),
        );
    }
    assert!(!folder.exists("m"));
}

#[test]
fn numbers_are_too_large_for_both_solvers_or_for_none() {
    let folder = Folder::new();
    let file = folder.write("a.svm", "1 1:1e18\n2 1:1\n1 1:-1\n2 2:1e18\n");
    let model = folder.path("m");
    for solver in ["auto", "newton", "dual"] {
        let sentence = "the features of row 0 have a norm above 1e6, too large to train on: scale them first";
        wta(&["svm", "fit", &file, "--model", &model, "--solver", solver]).fails(sentence);
        wta(&["svm", "cv", &file, "--folds", "2", "--solver", solver]).fails(sentence);
        assert!(!folder.exists("m"));
    }
}

#[test]
fn training_ends_where_rounding_lets_nothing_come_closer() {
    let folder = Folder::new();
    let (rows, mut labels) = examples(200);
    labels.iter_mut().step_by(9).for_each(|label| *label = (*label + 1) % 3);
    let file = folder.write("a.svm", &libsvm(&rows, &labels, ["1", "2", "3"]));
    let model = folder.path("m");
    let run = |flags: &[&str]| {
        let fixed = ["svm", "fit", &file, "--model", &model, "--solver", "dual", "--json"];
        wta(&[&fixed, flags].concat()).succeeds()
    };
    let out = run(&["--eps", "1e-9"]);
    let told = json(&out);
    assert_eq!((told["converged"].as_bool(), told["rounded"].as_bool()), (Some(true), Some(true)), "{told}");
    assert!(told["iterations"].as_u64().unwrap() < 1000 && told["gap"].as_f64().unwrap() < 1e-5, "{told}");
    assert!(out.stderr.starts_with("note: solved as far as rounding lets it: "), "{out:?}");
    assert!(out.stderr.ends_with(" is reached where --eps asks for 1e-9\n"), "{out:?}");
    let out = run(&[]);
    assert_eq!((json(&out)["rounded"].as_bool(), &*out.stderr), (Some(false), ""));
}

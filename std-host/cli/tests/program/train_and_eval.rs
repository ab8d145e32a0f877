//! The `wta` program as a user runs it.

use std::fs;

use crate::support::{Folder, search_results, shrunken_mnist, write_npy, wta};

/// A recipe that trains in a moment.
const SMALL: &str = r#"
name = "small"
about = "for the tests"
[data]
set = "mnist"
[network]
kind = "convolutional"
encoder = [{ maps = 8, kernel = 5 }]
decoder_kernel = 7
initial = "he"
[sparsity]
lifetime = 0.2
[training]
epochs = 3
batch = 50
optimizer = "adam"
rate = 2e-3
[features]
pool = { kernel = 5, stride = 3 }
[svm]
c = [1.0, 10.0]
"#;

fn small(folder: &Folder) -> String {
    folder.write("small.toml", SMALL)
}

#[test]
fn the_demo_learns_digits_and_draws_them() {
    let folder = Folder::new();
    let run = folder.path("demo");
    let out = wta(&["demo", "--run", &run]).succeeds();
    let error: f64 = out.value_after("test error: ").trim_end_matches('%').parse().unwrap();
    assert!(error <= 4.0, "test error {error}%");
    for picture in ["dictionary.png", "feature_maps.png", "reconstructions.png"] {
        assert!(out.stdout.contains(picture));
        let png = fs::read(folder.path(&format!("demo/{picture}"))).unwrap();
        assert!(png.starts_with(b"\x89PNG") && png.len() > 500, "{picture}");
    }
    let eval = fs::read_to_string(folder.path("demo/eval.json")).unwrap();
    assert!(eval.contains("\"test_error\""), "{eval}");
    let page = fs::read_to_string(folder.path("demo/report.html")).unwrap();
    assert!(page.contains(&format!("<dd>{error:.2}%</dd>")) && page.len() < 3_000_000);
    // What it proposes works as it stands.
    let proposed: Vec<&str> = out.stdout.lines().filter_map(|line| line.strip_prefix("  wta ")).collect();
    assert_eq!(proposed.len(), 3, "{out:?}");
    for line in proposed {
        // Enough to see that it begins.
        let line = line.replace("--epochs 16", "--epochs 1");
        wta(&line.split(' ').collect::<Vec<_>>()).succeeds();
    }
    // A second demo replaces the first, and the weights are the same.
    let again = wta(&["demo", "--run", &run]).succeeds();
    assert_eq!(out.value_after("weights checksum: "), again.value_after("weights checksum: "));
}

#[test]
fn the_demo_learns_what_lies_in_a_folder() {
    let folder = Folder::new();
    fs::create_dir(folder.path("it's mine")).unwrap();
    // Noisy steps, at two places: vectors without labels.
    let row = |i: usize| {
        let value =
            |at: usize| ((at / 8 == i % 3) as u8 as f32 + 0.01 * ((7 * i + 13 * at) % 11) as f32).to_string();
        (0..24).map(value).collect::<Vec<_>>().join(",")
    };
    let rows: Vec<String> = (0..200).map(row).collect();
    folder.write("it's mine/steps.csv", &rows.join("\n"));
    let run = folder.path("demo");
    let own = folder.path("it's mine");
    let out = wta(&["demo", "--own", &own, "--run", &run]).succeeds();
    assert!(out.stdout.contains("FVU, variance unexplained"), "{out:?}");
    assert!(folder.exists("demo/report.html"));
    assert!(out.stdout.contains("it'\\''s mine' --epochs 600 "), "{out:?}");
    // Again the same. Other data replace it, but not what somebody has trained by its recipe.
    let again = wta(&["demo", "--own", &own, "--run", &run]).succeeds();
    assert_eq!(out.value_after("weights checksum: "), again.value_after("weights checksum: "));
    let (recipe, longer) = (folder.path("demo/recipe.toml"), folder.path("longer"));
    wta(&["train", &recipe, "--data", &own, "--epochs", "1", "--run", &longer]).succeeds();
    wta(&["demo", "--own", &own, "--run", &longer]).fails("holds another run");
    folder.write("it's mine/steps.csv", &rows[..150].join("\n"));
    let other = wta(&["demo", "--own", &own, "--run", &run]).succeeds();
    assert_ne!(out.value_after("weights checksum: "), other.value_after("weights checksum: "));
    wta(&["demo", "--own", &folder.path("nowhere"), "--run", &folder.path("x")]).fails("nowhere");
    assert!(!folder.exists("x"));
}

#[test]
fn a_demo_that_is_stopped_says_how_to_go_on() {
    let folder = Folder::new();
    let run = folder.path("demo");
    let out = wta(&["demo", "--run", &run]).interrupted_when(|| folder.exists("demo/metrics.csv"));
    assert_eq!(out.code, Some(130), "{out:?}");
    let last = out.stderr.lines().last().unwrap();
    let (_, line) = last.split_once(" goes on: wta ").unwrap_or_else(|| panic!("{last}"));
    wta(&line.split(' ').collect::<Vec<_>>()).succeeds();
    let metrics = fs::read_to_string(folder.path("demo/metrics.csv")).unwrap();
    assert_eq!(metrics.lines().count(), 9, "a header and eight epochs: {metrics}");
    wta(&["demo", "--run", &run]).succeeds();
}

#[test]
fn too_few_pictures_are_told_and_notes_come_once() {
    let folder = Folder::new();
    fs::create_dir(folder.path("two")).unwrap();
    for name in ["a.pgm", "b.pgm"] {
        folder.write(&format!("two/{name}"), &format!("P2 8 8 255\n{}", "17 200 ".repeat(32)));
    }
    folder.write("two/readme.txt", "words");
    let out = wta(&["demo", "--own", &folder.path("two"), "--run", &folder.path("x")]).finish();
    assert_eq!(out.code, Some(1), "{out:?}");
    let sentence = "has 2 pictures, too few to keep some for testing: with data.test_share = ";
    assert!(out.stderr.lines().last().unwrap().contains(sentence), "{out:?}");
    write_npy(&folder.path("x.npy"), "<f4", "(2, 3)", &[0; 24]);
    wta(&["demo", "--own", &folder.path("x.npy"), "--run", &folder.path("x")]).fails(
        "x.npy: has 2 samples, too few to keep some for testing: with data.test_share = 0.2, 3 are needed",
    );
    assert_eq!(out.stderr.matches("2 pictures (2 .pgm) for training").count(), 1, "{out:?}");
    assert_eq!(out.stderr.matches("passed over 1 file that is no picture").count(), 1, "{out:?}");
}

#[test]
fn samples_that_are_all_alike_are_told_and_leave_no_variance() {
    let folder = Folder::new();
    write_npy(&folder.path("x.npy"), "<f4", "(24, 6)", &1.0f32.to_le_bytes().repeat(24 * 6));
    let recipe = "name = 'alike'\nabout = 'alike'\ndata = { set = 'array', train = 'x.npy', test_share = 0.25 }\n\
        network = { kind = 'fully-connected', units = [4], initial = 'he' }\nsparsity = { lifetime = 0.5 }\n\
        training = { epochs = 1, batch = 6, optimizer = 'adam', rate = 1e-3 }";
    let (recipe, data, run) = (folder.write("r.toml", recipe), folder.path(""), folder.path("run"));
    let out = wta(&["train", &recipe, "--data", &data, "--run", &run]).succeeds();
    assert!(out.stderr.contains("all training samples are alike"), "{out:?}");
    let out = wta(&["eval", "--run", &run, "--data", &data]).succeeds();
    let line = out.stdout.lines().find(|line| line.starts_with("FVU")).unwrap();
    assert!(line.ends_with(" -"), "{line}");
    assert!(fs::read_to_string(folder.path("run/reconstruction.json")).unwrap().contains("\"fvu\": null"));
    wta(&["report", &run, "--data", &data]).succeeds();
}

#[test]
fn threads_and_interruptions_do_not_change_the_weights() {
    let folder = Folder::new();
    let (recipe, data) = (small(&folder), shrunken_mnist(&folder));
    let checksum = |run: &str, more: &[&str]| {
        let run = folder.path(run);
        let arguments = [&["train", &recipe, "--data", &data, "--run", &run][..], more].concat();
        wta(&arguments).succeeds().value_after("weights checksum: ")
    };
    let one = checksum("one", &["--threads", "1"]);
    assert_eq!(one, checksum("two", &["--threads", "2"]));
    assert_ne!(one, checksum("seed", &["--seed", "9"]));

    // Killed at several moments, and resumed each time.
    let run = folder.path("killed");
    for milliseconds in [40, 150, 300, 450] {
        wta(&["train", &recipe, "--data", &data, "--run", &run, "--resume"]).killed_after(milliseconds);
    }
    assert_eq!(one, checksum("killed", &["--resume"]));
    let metrics = fs::read_to_string(folder.path("killed/metrics.csv")).unwrap();
    assert_eq!(metrics.lines().count(), 4, "a header and three epochs: {metrics}");
    // A finished run resumed is finished.
    assert_eq!(one, checksum("killed", &["--resume"]));
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_the_step_and_says_how_to_go_on() {
    let folder = Folder::new();
    let (recipe, data, run) = (small(&folder), shrunken_mnist(&folder), folder.path("run"));
    let arguments = ["train", &recipe, "--data", &data, "--run", &run, "--epochs", "200"];
    let out = wta(&arguments).interrupted_when(|| std::path::Path::new(&run).join("recipe.toml").exists());
    assert_eq!(out.code, Some(130), "{out:?}");
    assert!(out.stderr.contains("continue with --resume"), "{out:?}");
    assert!(folder.exists("run/checkpoint.safetensors"));
}

#[test]
fn encode_writes_what_numpy_expects() {
    let folder = Folder::new();
    let (recipe, data, run) = (small(&folder), shrunken_mnist(&folder), folder.path("run"));
    wta(&["train", &recipe, "--data", &data, "--run", &run, "--epochs", "1"]).succeeds();
    let file = folder.path("features.npy");
    let out = wta(&["encode", "--run", &run, "--data", &data, "--split", "test", "--out", &file]).succeeds();
    assert!(out.stdout.contains("[200, 8, 10, 10]"), "{out:?}");
    let bytes = fs::read(&file).unwrap();
    let header = String::from_utf8_lossy(&bytes[..128]).into_owned();
    assert!(header.contains("'<f4'") && header.contains("(200, 8, 10, 10"), "{header}");
    assert_eq!((bytes.len() - 128) % 16, 0);
    assert!(bytes.len() >= 200 * 800 * 4);
    let out = wta(&["eval", "--run", &run, "--data", &data, "--labels", "200"]).succeeds();
    assert!(out.stdout.contains("test error: "), "{out:?}");
    wta(&["show", "--run", &run]).succeeds();
    assert!(folder.exists("run/feature_maps.png"));
}

/// A run on the bundled digits, trained for an epoch.
fn trained_digits(folder: &Folder) -> String {
    let run = folder.path("digits");
    wta(&["train", "digits-demo", "--run", &run, "--epochs", "1"]).succeeds();
    run
}

fn json(path: &str) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn percent(text: &str) -> f64 {
    text.trim_end_matches('%').parse().unwrap_or_else(|_| panic!("{text:?} is no percentage"))
}

#[test]
fn few_labels_are_drawn_several_times() {
    let folder = Folder::new();
    let run = trained_digits(&folder);
    let eval = |more: &[&str]| wta(&[&["eval", "--run", &run], more].concat()).succeeds();
    let out = eval(&["--labels", "100", "--draws", "3", "--seed", "4", "--pool", "11/6"]);
    let draws: Vec<f64> = (1..=3)
        .map(|draw| {
            let line = out.value_after(&format!("draw {draw}: seed {}, ", draw + 3));
            percent(line.rsplit_once("test error ").unwrap().1)
        })
        .collect();
    let mean = draws.iter().sum::<f64>() / 3.0;
    let sd = (draws.iter().map(|error| (error - mean).powi(2)).sum::<f64>() / 2.0).sqrt();
    let line = out.value_after("test error: ");
    let (printed, rest) = line.split_once(" +- ").unwrap();
    assert!((percent(printed) - mean).abs() < 0.011, "{line}: the mean is {mean}");
    let (printed, rest) = rest.split_once(' ').unwrap();
    assert!((percent(printed) - sd).abs() < 0.011 && rest == "over 3 draws", "{line}: the deviation is {sd}");
    assert!(mean < 20.0 && sd > 0.0, "{out:?}");

    let stored = json(&folder.path("digits/eval.json"));
    assert_eq!(stored["pool"], "11/6");
    // 28 / 6, rounded up: 5 x 5 windows of 16 maps.
    assert_eq!((stored["features"].as_u64(), stored["labels"].as_u64()), (Some(400), Some(100)));
    assert!((stored["mean"].as_f64().unwrap() * 100.0 - mean).abs() < 0.011, "{stored}");
    assert!((stored["sd"].as_f64().unwrap() * 100.0 - sd).abs() < 0.011, "{stored}");
    for (draw, error) in stored["draws"].as_array().unwrap().iter().zip(&draws) {
        assert!((draw["test_error"].as_f64().unwrap() * 100.0 - error).abs() < 0.011, "{stored}");
        assert!(draw["c"].as_f64().unwrap() > 0.0 && draw["held_out_error"].as_f64().unwrap() < 0.5);
    }
    assert_eq!(stored["draws"][0]["test_error"], stored["test_error"]);

    // Each draw is what its seed alone gives, and one draw is told as ever.
    let one = eval(&["--labels", "100", "--seed", "5", "--pool", "11/6"]);
    assert_eq!(percent(&one.value_after("test error: ")), draws[1], "{one:?}");
    let one = eval(&["--c", "2"]);
    percent(&one.value_after("test error: "));
    let stored = json(&folder.path("digits/eval.json"));
    assert_eq!((stored["c"].as_f64(), stored["pool"].as_str()), (Some(2.0), Some("5/3")), "{stored}");
    assert_eq!(stored["draws"].as_array().unwrap().len(), 1);
}

#[test]
fn validation_leaves_the_test_images_and_the_run_alone() {
    let folder = Folder::new();
    let (recipe, data, run) = (small(&folder), shrunken_mnist(&folder), folder.path("run"));
    wta(&["train", &recipe, "--data", &data, "--run", &run, "--epochs", "1"]).succeeds();
    let before = folder.snapshot("run");
    for file in ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"] {
        fs::remove_file(format!("{data}/mnist/{file}")).unwrap();
    }
    let validate = ["eval", "--run", &run, "--data", &data, "--validate"];
    let out = wta(&validate).succeeds();
    let error = percent(&out.value_after("held-out error: "));
    assert!((0.0..20.0).contains(&error) && !out.stdout.contains("test error"), "{out:?}");
    let chosen = out.stdout.lines().find(|line| line.contains("<- chosen")).unwrap();
    assert_eq!(percent(chosen.split_whitespace().nth(1).unwrap()), error, "{out:?}");
    // One value of C leaves nothing to choose, but something to measure.
    let out = wta(&[&validate[..], &["--c", "1", "--pool", "none"]].concat()).succeeds();
    assert!(percent(&out.value_after("held-out error: ")) < 20.0);
    let out = wta(&[&validate[..], &["--labels", "200", "--draws", "2"]].concat()).succeeds();
    assert!(out.value_after("held-out error: ").ends_with("over 2 draws"), "{out:?}");
    assert_eq!(before, folder.snapshot("run"));
    wta(&validate[..5]).fails("t10k-images-idx3-ubyte: is not there");
}

#[test]
fn evaluations_that_make_no_sense_get_one_sentence() {
    let folder = Folder::new();
    let run = trained_digits(&folder);
    for (arguments, sentence) in [
        (&["--pool", "5"][..], "as in 11/6"),
        (&["--pool", "0/3"], "as in 11/6"),
        (&["--pool", "29/1"], "larger than the feature maps"),
        (&["--draws", "3"], "--labels"),
        (&["--labels", "4801"], "only 4800"),
        (&["--labels", "9"], "each of the 10 classes"),
        (&["--c", "3,1"], "must increase"),
        (&["--c", "0"], "C must be"),
        (&["--c", "nan"], "C must be"),
    ] {
        wta(&[&["eval", "--run", &run], arguments].concat()).fails(sentence);
    }
    assert!(!folder.exists("digits/eval.json"));
}

#[test]
fn recipes_are_listed_printed_and_trained_from_a_file() {
    let list = wta(&["recipes"]).succeeds().stdout;
    for name in ["digits-demo", "mnist-fc1000", "mnist-fc2000", "mnist-conv16", "mnist-conv128"] {
        assert!(list.contains(name), "{list}");
        assert!(wta(&["recipes", name]).succeeds().stdout.contains(&format!("name = \"{name}\"")));
    }
}

/// The JSON of a profile of two steps.
fn profiled(arguments: &[&str]) -> serde_json::Value {
    let out = wta(&[&["profile", "--steps", "2", "--json"], arguments].concat()).succeeds();
    serde_json::from_str(&out.stdout).unwrap()
}

#[test]
fn a_profile_says_where_the_time_of_a_step_goes() {
    let json = profiled(&["--case", "fc1000", "--threads", "2"]);
    let number = |key: &str| json[key].as_f64().unwrap_or_else(|| panic!("{key} is no number in {json}"));
    for key in ["step_ms", "step_ms_min", "encode_ms", "encode_ms_min", "peak_gflops", "copy_gb_s"] {
        assert!(number(key) > 0.0, "{key} in {json}");
    }
    assert!(number("step_ms_min") <= number("step_ms"), "{json}");
    for (key, value) in [("threads", 2.0), ("batch", 100.0), ("steps", 2.0)] {
        assert_eq!(number(key), value, "{key}");
    }
    assert_eq!(json["case"], "fc1000");
    let isa = json["isa"].as_str().unwrap();
    assert!(json["peaks"].as_array().unwrap().iter().any(|peak| peak["isa"] == isa && peak["threads"] == 1));
    // Networks of 1000 units do not train in less than their parameters, moments and gradients.
    let memory = json["peak_memory_bytes"].as_f64();
    assert!(memory.unwrap_or(f64::INFINITY) > 3.0 * 4.0 * 1.5e6 || !cfg!(target_os = "linux"), "{json}");
    assert_eq!(memory.is_some(), cfg!(target_os = "linux"));

    // Medians of two are means: the phases' sum is the step without what threads wait, which is less or more
    // with what else the machine does.
    let phases = json["phases"].as_array().unwrap();
    let sum: f64 = phases.iter().map(|phase| phase["ms"].as_f64().unwrap()).sum();
    assert!(sum > 0.0 && sum <= 1.01 * number("step_ms"), "{sum} ms: {json}");
    assert!(
        (sum + number("rest_ms") - number("step_ms")).abs() <= 0.01 * number("step_ms"),
        "{sum} ms: {json}"
    );
    let phase = |name: &str| phases.iter().find(|phase| phase["name"].as_str().unwrap().starts_with(name));
    for name in ["compete", "select", "learn", "update"] {
        let phase = phase(name).unwrap_or_else(|| panic!("no {name} in {json}"));
        for key in ["ms", "gflops", "gb_s", "share_of_peak"] {
            assert!(phase[key].as_f64().unwrap() >= 0.0, "{key} of {name}");
        }
    }
    // 100 images, 1000 units, 784 products and sums each, and the bias.
    let compete = phase("compete").unwrap();
    let operations = compete["gflops"].as_f64().unwrap() * 1e6 * compete["ms"].as_f64().unwrap();
    assert!((operations / (100.0 * 1000.0 * (2.0 * 784.0 + 1.0)) - 1.0).abs() < 1e-6, "{compete}");
    let share = compete["gflops"].as_f64().unwrap() / number("peak_gflops");
    assert!((compete["share_of_peak"].as_f64().unwrap() / share - 1.0).abs() < 1e-6, "{compete}");
}

#[test]
fn any_network_is_profiled_by_its_notation() {
    let convolutional = profiled(&["--case", "2x9x14,6conv1x5-8conv3-8deconv3x1", "--batch", "20"]);
    assert_eq!(convolutional["network"], "2x9x14, 6conv1x5-8conv3-8deconv3x1, lifetime 5%");
    assert_eq!(convolutional["case"], "2x9x14,6conv1x5-8conv3-8deconv3x1");
    let full = profiled(&["--case", "30-12-30"]);
    assert_eq!(full["network"], "30-12-30, lifetime 5%");
}

#[test]
fn a_recipe_is_profiled_on_noise_and_on_its_data() {
    let folder = Folder::new();
    let (recipe, data) = (small(&folder), shrunken_mnist(&folder));
    let noise = profiled(&[&recipe, "--isa", "scalar", "--threads", "1", "--batch", "7"]);
    assert_eq!((noise["recipe"].as_str(), noise["isa"].as_str()), (Some("small"), Some("scalar")));
    assert_eq!((noise["batch"].as_u64(), noise["threads"].as_u64()), (Some(7), Some(1)));
    assert!(noise.get("case").is_none());
    let real = profiled(&[&recipe, "--data", &data]);
    assert_eq!(real["batch"], 50);
    assert_eq!(real["network"], noise["network"]);

    let table = wta(&["profile", &recipe, "--steps", "1", "--threads", "1"]).succeeds().stdout;
    for part in
        ["recipe small: 1x28x28, 8conv5-8deconv7, lifetime 20%, batch 50", "1 thread", "GFLOP/s", "of peak"]
    {
        assert!(table.contains(part), "{part:?} is not in {table}");
    }
    let help = wta(&["profile", "--help"]).succeeds().stdout;
    for part in ["Examples:", "nominal", "fc1000", "cifar64x3", "--steps", "preparing the filters"] {
        assert!(help.contains(part), "{part:?} is not in {help}");
    }
}

#[test]
fn a_profile_that_makes_no_sense_gets_one_sentence() {
    let folder = Folder::new();
    let (recipe, data) = (small(&folder), shrunken_mnist(&folder));
    let profile = |arguments: &[&str]| wta(&[&["profile"], arguments].concat());
    profile(&[]).fails("give a recipe");
    profile(&["mnist-fc1000", "--case", "fc1000"]).fails("not both");
    profile(&["--case", "fc1001"]).fails("fc1000, fc2000, conv16, conv64x3, conv128, cifar64x3");
    profile(&["--case", "3x32x32,64conv3-64conv3"]).fails("its last layer must be a deconvolution");
    profile(&["--case", "3x32x32,64conv99-64deconv3"]).fails("a kernel is larger than the image");
    profile(&["no-such-recipe"]).fails("there is no recipe");
    profile(&["--case", "fc1000", "--steps", "0"]).fails("--steps must be at least 1");
    profile(&["--case", "fc1000", "--batch", "0"]).fails("--batch must be at least 1");
    profile(&[&recipe, "--batch", "0"]).fails("--batch must be at least 1");
    profile(&["--case", "conv128", "--batch", "18446744073709551615"]).fails("GiB");
    profile(&[&recipe, "--batch", "18446744073709551615"]).fails("GiB");
    profile(&[&recipe, "--data", &data, "--batch", "1001"]).fails("only 1000 images");
    profile(&["--case", "fc1000", "--data", &data]).fails("--data goes with a recipe");
    profile(&[&recipe, "--data", &folder.path("nowhere")]).fails("is not a folder");
}

#[test]
fn bad_input_gets_one_sentence_and_leaves_the_run_alone() {
    let folder = Folder::new();
    let (recipe, data, run) = (small(&folder), shrunken_mnist(&folder), folder.path("run"));
    wta(&["train", &recipe, "--data", &data, "--run", &run, "--epochs", "1"]).succeeds();
    let before = folder.snapshot("run");

    let train = |recipe: &str, data: &str, run: &str| {
        let arguments = ["train", recipe, "--data", data, "--run", run];
        wta(&arguments)
    };
    let other = folder.path("other");
    train(&recipe, &folder.path("nowhere"), &other).fails("is not a folder");
    train("no-such-recipe", &data, &other).fails("there is no recipe");
    train(&recipe, &data, &run).fails("holds a run already");
    wta(&["train", &recipe, "--data", &data, "--run", &run, "--resume", "--epochs", "1", "--seed", "9"])
        .fails("other settings");
    wta(&["train", "mnist-conv16", "--data", &data, "--run", &run, "--resume"])
        .fails("was made with recipe small");
    wta(&["train", &recipe, "--data", &data, "--run", &other, "--isa", "mmx"])
        .fails("no such instruction set");
    wta(&["train", &recipe, "--run", &other]).fails("needs --data");
    wta(&["eval", "--run", &folder.path("nowhere"), "--data", &data]).fails("is not a run folder");
    wta(&["eval", "--run", &run, "--data", &data, "--labels", "3"]).fails("--labels 3");
    wta(&["encode", "--run", &run, "--data", &data, "--split", "test", "--out", &folder.path("no/a.npy")])
        .fails("cannot write");
    wta(&["data", &folder.path("nowhere")]).fails("is not a folder");
    let file = folder.write("file", "");
    train(&recipe, &data, &format!("{file}/run")).fails("cannot create the folder");

    let wrong = |from: &str, to: &str| {
        assert!(SMALL.contains(from));
        folder.write("wrong.toml", &SMALL.replace(from, to))
    };
    for (from, to, sentence) in [
        ("epochs = 3", "epochs = 3\nepoch = 4", "epoch"),
        ("lifetime = 0.2", "lifetime = -0.2", "more than 0"),
        ("lifetime = 0.2", "lifetime = nan", "more than 0"),
        ("lifetime = 0.2", "per-sample = 0", "at least 1"),
        ("rate = 2e-3", "rate = -1", "training.rate must be more than 0"),
        ("kernel = 5 }]", "kernel = 29 }]", "kernel is larger"),
        ("decoder_kernel = 7", "decoder_kernel = [7, 99]", "kernel is larger"),
        ("maps = 8", "maps = 0", "network.encoder.0.maps must be at least 1"),
        ("maps = 8", "maps = 9999999999999999", "too large"),
        ("maps = 8", "maps = 90000000", "GiB"),
        ("batch = 50", "batch = 100000", "only"),
        ("batch = 50", "batch = 0", "at least 1"),
        ("set = \"mnist\"", "set = \"imagenet\"", "imagenet"),
        ("name = \"small\"", "name = ", "line"),
    ] {
        train(&wrong(from, to), &data, &other).fails(sentence);
    }
    assert!(!folder.exists("other/model.safetensors"));
    assert_eq!(before, folder.snapshot("run"), "a failed command changed the run");
}

#[test]
fn broken_data_files_get_one_sentence() {
    let folder = Folder::new();
    let recipe = small(&folder);
    let images = "mnist/train-images-idx3-ubyte";
    let labels = "mnist/train-labels-idx1-ubyte";
    let broken = |file: &str, change: &dyn Fn(&mut Vec<u8>), sentence: &str| {
        let data = shrunken_mnist(&folder);
        let path = format!("{data}/{file}");
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
        wta(&["train", &recipe, "--data", &data, "--run", &folder.path("run")]).fails(sentence);
    };
    broken(images, &|b| b.truncate(b.len() / 2), "is cut off");
    broken(images, &|b| b[0] = 1, "is not an IDX file");
    broken(images, &|b| b[2] = 13, "IDX type 0x0d");
    broken(
        images,
        &|b| b[4..8].copy_from_slice(&4_000_000_000u32.to_be_bytes()),
        "promises 4000000000 x 28 x 28",
    );
    broken(images, &|b| b.clear(), "is empty");
    broken(labels, &|b| b[9] = 12, "12");
    broken(
        labels,
        &|b| {
            b.pop();
            b[7] -= 1
        },
        "labels",
    );
    let data = shrunken_mnist(&folder);
    fs::remove_file(format!("{data}/{images}")).unwrap();
    wta(&["train", &recipe, "--data", &data, "--run", &folder.path("run")])
        .fails("train-images-idx3-ubyte: is not there");
    let whole = folder.bundled("train-images-idx3-ubyte.gz");
    fs::write(format!("{data}/{images}.gz"), &whole[..whole.len() / 2]).unwrap();
    wta(&["train", &recipe, "--data", &data, "--run", &folder.path("run")]).fails("is cut off");
    assert!(!folder.exists("run"));
}

#[test]
fn broken_run_files_get_one_sentence() {
    let folder = Folder::new();
    let (recipe, data, run) = (small(&folder), shrunken_mnist(&folder), folder.path("run"));
    wta(&["train", &recipe, "--data", &data, "--run", &run, "--epochs", "1"]).succeeds();
    let model = folder.path("run/model.safetensors");
    let eval = || wta(&["eval", "--run", &run, "--data", &data]);
    let whole = fs::read(&model).unwrap();

    let mut bytes = whole.clone();
    let last = bytes.len() - 4;
    bytes[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&model, &bytes).unwrap();
    eval().fails("is not a finite number");
    fs::write(&model, &whole[..whole.len() / 3]).unwrap();
    eval().fails("not a whole safetensors file");
    fs::write(&model, b"").unwrap();
    eval().fails("not a whole safetensors file");
    fs::write(&model, &whole).unwrap();

    let text = fs::read_to_string(folder.path("run/recipe.toml")).unwrap();
    fs::write(folder.path("run/recipe.toml"), text.replace("maps = 8", "maps = 9")).unwrap();
    eval().fails("tensor encoder.0.weight has shape [8, 1, 5, 5], but the recipe needs [9, 1, 5, 5]");
    fs::write(folder.path("run/recipe.toml"), &text).unwrap();

    let checkpoint = folder.path("run/checkpoint.safetensors");
    let mut bytes = fs::read(&checkpoint).unwrap();
    let last = bytes.len() - 5;
    bytes[last] ^= 4;
    fs::write(&checkpoint, &bytes).unwrap();
    let resume = ["train", &recipe, "--data", &data, "--run", &run, "--resume", "--epochs", "1"];
    wta(&resume).fails("is damaged");
    eval().succeeds();
}

/// Needs root, to mount a tmpfs; says so where it cannot.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_and_the_last_checkpoint_stays() {
    let folder = Folder::new();
    let Some(small_disk) = folder.tmpfs("disk", "300k") else {
        crate::support::skipped("a full disk: mounting a tmpfs needs root");
        return;
    };
    let (recipe, data) = (small(&folder), shrunken_mnist(&folder));
    let wide =
        folder.write("wide.toml", &fs::read_to_string(&recipe).unwrap().replace("maps = 8", "maps = 256"));
    let run = format!("{}/run", small_disk.path());
    let out = wta(&["train", &wide, "--data", &data, "--run", &run]).fails("cannot write");
    assert!(out.stderr.contains("No space left"), "{out:?}");
    let names: Vec<String> =
        fs::read_dir(&run).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().all(|name| !name.ends_with(".tmp")), "{names:?}");
}

#[test]
fn a_search_ranks_combinations_by_the_held_out_error_that_eval_prints() {
    let folder = Folder::new();
    let search = folder.path("search");
    let arguments = ["search", "digits-demo", "--epochs", "1", "--run", &search, "--set"];
    let out =
        wta(&[&arguments[..], &["training.rate=2e-3,1e6", "--set", "svm.c=[10.0]"]].concat()).succeeds();
    assert!(out.stdout.contains("1/2  training.rate = 0.002, svm.c = [10.0]: held-out error "), "{out:?}");
    assert!(out.stdout.contains("2/2  training.rate = 1000000.0, svm.c = [10.0]: step "), "{out:?}");
    assert!(
        out.stdout.contains("-  training.rate = 1000000.0, svm.c = [10.0]\n\n2 trainings, 0.0"),
        "{out:?}"
    );
    let rows = search_results(&folder, "search");
    assert_eq!((rows.len(), &rows[0][0][..], &rows[1][2][..]), (2, "0.002", ""), "{rows:?}");
    assert!(rows[1][6].contains("training diverged"), "{rows:?}");

    // More values: what is finished is not done again. The best is last of the three, and first in the table.
    let before = fs::read_to_string(folder.path("search/search.csv")).unwrap();
    let more = [&arguments[..], &["training.rate=1e-6,2e-3,1e6", "--set", "svm.c=[10.0]"]].concat();
    let out = wta(&more).succeeds();
    let after = fs::read_to_string(folder.path("search/search.csv")).unwrap();
    assert!(after.starts_with(&before) && after.lines().count() == 4, "{before}\n{after}");
    let table = out.stdout.rsplit_once("held-out error\n").unwrap().1.split_once("\n\n").unwrap().0;
    let order: Vec<&str> = table.lines().map(|line| line.split(['=', ',']).nth(1).unwrap().trim()).collect();
    assert_eq!(order, ["0.002", "0.000001", "1000000.0"], "{table}");

    // The same recipe trained and evaluated by hand, with a second C so that eval holds a part out.
    let text = wta(&["recipes", "digits-demo"]).succeeds().stdout;
    let text = text.replace("epochs = 8", "epochs = 1").replace("[1.0, 3.0, 10.0, 30.0]", "[10.0, 1e4]");
    let (recipe, run) = (folder.write("demo.toml", &text), folder.path("run"));
    wta(&["train", &recipe, "--run", &run]).succeeds();
    let eval = wta(&["eval", "--run", &run]).succeeds().stdout;
    let error = eval.lines().find_map(|line| line.trim_start().strip_prefix("10 ")).unwrap();
    let percent = format!("{:.2}%", 100.0 * rows[0][2].parse::<f64>().unwrap());
    assert!(error.contains(&percent), "search says {percent}, eval says {eval}");

    wta(&["search", "digits-demo", "--run", &search, "--set", "svm.c=[1.0]"]).fails("another recipe");
    wta(&[&arguments[..], &["training.decay=0.0"]].concat()).fails("over other keys");
    wta(&[&arguments[..], &["training.speed=1"]].concat())
        .fails("training has no key speed (did you mean seed?)");
    wta(&["search", "digits-demo", "--run", &run, "--set", "svm.c=[1.0]"]).fails("is a run folder");
}

/// Most units of a code as sparse as this never win; those that begin again do.
#[test]
fn dead_units_begin_again_whatever_the_threads_and_interruptions() {
    let folder = Folder::new();
    let data = shrunken_mnist(&folder);
    let network = "kind = \"fully-connected\"\nunits = [60]\ntied = true\ninitial = { normal = 0.05 }\n";
    let text = SMALL.replace(
        "kind = \"convolutional\"\nencoder = [{ maps = 8, kernel = 5 }]\ndecoder_kernel = 7\ninitial = \"he\"\n",
        network,
    );
    let text = text.replace("lifetime = 0.2", "per-sample = 1").replace("epochs = 3", "epochs = 6");
    let text = text.replace("pool = { kernel = 5, stride = 3 }", "root = true");
    let plain = folder.write("plain.toml", &text);
    let revived = folder.write("revived.toml", &text.replace("rate = 2e-3", "rate = 2e-3\nrevive = true"));
    let trained = |recipe: &str, run: &str, more: &[&str]| {
        let path = folder.path(run);
        let words = ["train", recipe, "--data", &data, "--run", &path];
        let sum = wta(&[&words[..], more].concat()).succeeds().value_after("weights checksum: ");
        let metrics = fs::read_to_string(folder.path(&format!("{run}/metrics.csv"))).unwrap();
        let mut lines = metrics.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let column = lines.next().unwrap().iter().position(|name| *name == "dead_share").unwrap();
        (sum, lines.map(|line| line[column].parse::<f64>().unwrap()).collect::<Vec<_>>())
    };
    let (_, dead) = trained(&plain, "plain", &[]);
    let (one, fewer) = trained(&revived, "one", &["--threads", "1"]);
    assert!(dead[5] > 0.2 && fewer[5] < 0.5 * dead[5], "{dead:?}, {fewer:?}");
    assert_eq!(dead[0], fewer[0], "the first epoch is the same");
    assert_eq!(one, trained(&revived, "two", &["--threads", "2"]).0);
    let run = folder.path("killed");
    for milliseconds in [40, 80, 160] {
        wta(&["train", &revived, "--data", &data, "--run", &run, "--resume"]).killed_after(milliseconds);
    }
    assert_eq!((one, fewer), trained(&revived, "killed", &["--resume"]));
}

/// Of four settings, two go on from a third of the epochs; of three, one from a third of the images.
#[test]
fn a_search_by_halves_spends_its_time_on_the_best() {
    let folder = Folder::new();
    let (recipe, data) = (small(&folder), shrunken_mnist(&folder));
    let rates = "training.rate=1e-7,2e-3,1e6,4e-3";
    let search = |name: &str, more: &[&str]| {
        let run = folder.path(name);
        let words = ["search", &recipe, "--data", &data, "--run", &run, "--set", rates, "--rungs", "2"];
        wta(&[&words[..], more].concat()).succeeds().stdout
    };
    let out = search("epochs", &[]);
    let rows = search_results(&folder, "epochs");
    assert_eq!(rows.len(), 4 + 2, "{out}");
    let of = |one_in: &str| {
        let rows = rows.iter().filter(|row| row.last().unwrap() == one_in);
        rows.map(|row| row[0].as_str()).collect::<Vec<_>>()
    };
    assert_eq!(of("3"), ["0.0000001", "0.002", "1000000.0", "0.004"]);
    let last = of("1");
    assert!(last.len() == 2 && !last.contains(&"1000000.0"), "{rows:?}");
    assert!(out.contains("on 1/3 of the work:") && out.contains("on all of the work:"), "{out}");
    assert!(out.contains("\n\n6 trainings, ") && out.contains("1000000.0  (1/3)"), "{out}");
    // Its result on all of the work is that of a search without rungs.
    let alone = folder.path("alone");
    let set = format!("training.rate={}", last[0]);
    wta(&["search", &recipe, "--data", &data, "--run", &alone, "--set", &set]).succeeds();
    let whole = rows.iter().find(|row| row[0] == last[0] && row.last().unwrap() == "1").unwrap();
    assert_eq!(&search_results(&folder, "alone")[0], whole);
    // Nothing is done again.
    assert_eq!(search("epochs", &[]), out);

    // One epoch cannot be divided.
    let out = search("images", &["--epochs", "1", "--tries", "3"]);
    let rows = search_results(&folder, "images");
    assert_eq!(rows.len(), 3 + 1, "{out}");
    let run = folder.path("x");
    wta(&["search", &recipe, "--data", &data, "--run", &run, "--set", rates, "--rungs", "9"])
        .fails("1 to 8 rungs");
}

#[cfg(unix)]
#[test]
fn without_labels_a_search_ranks_by_the_loss_that_training_reports_of_held_out_samples() {
    let folder = Folder::new();
    let numbers: Vec<u8> =
        (0..90 * 12).flat_map(|index| ((index as f32 * 0.37).sin() + 1.5).to_le_bytes()).collect();
    write_npy(&folder.path("train.npy"), "<f4", "(90, 12)", &numbers);
    let text = "name = 'unlabelled'\nabout = 'x'\ndata = { set = 'array', train = 'train.npy' }\n\
        network = { kind = 'fully-connected', units = [8], initial = 'he' }\nsparsity = { lifetime = 0.5 }\n\
        training = { epochs = 2, batch = 10, optimizer = 'adam', rate = 1e-2 }\n";
    let (recipe, data, search) = (folder.write("r.toml", text), folder.path(""), folder.path("search"));
    let arguments =
        ["search", &recipe, "--data", &data, "--run", &search, "--set", "training.rate=1e-6,1e-2"];
    let out = wta(&arguments).succeeds();
    assert!(out.stdout.contains("1/2  training.rate = 0.000001: held-out loss "), "{out:?}");
    let table = out.stdout.rsplit_once("held-out loss\n").unwrap().1.split_once("\n\n").unwrap().0;
    let order: Vec<&str> = table.lines().map(|line| line.split('=').nth(1).unwrap().trim()).collect();
    assert_eq!(order, ["0.01", "0.000001"], "{table}");
    assert_eq!(wta(&arguments).succeeds().stdout, out.stdout, "what is finished is not done again");

    let recipe = folder.write("held.toml", &text.replace("epochs = 2", "held_out = 0.1, epochs = 2"));
    let run = folder.path("run");
    wta(&["train", &recipe, "--data", &data, "--run", &run]).succeeds();
    let metrics = fs::read_to_string(folder.path("run/metrics.csv")).unwrap();
    let mut lines = metrics.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let column = lines.next().unwrap().iter().position(|name| *name == "held_out_loss").unwrap();
    let rows = search_results(&folder, "search");
    let row = rows.iter().find(|row| row[0] == "0.01").unwrap();
    let (loss, one_in) = (&row[row.len() - 2], &row[row.len() - 1]);
    assert_eq!(one_in, "1");
    assert_eq!(lines.next_back().unwrap()[column].parse::<f64>().unwrap(), loss.parse::<f64>().unwrap());
}

#[test]
fn a_search_needs_no_test_images_and_goes_on_after_ctrl_c() {
    let folder = Folder::new();
    let (recipe, data) = (small(&folder), shrunken_mnist(&folder));
    for name in ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"] {
        fs::remove_file(format!("{data}/mnist/{name}")).unwrap();
    }
    let arguments = |run: &str| -> Vec<String> {
        let run = folder.path(run);
        let words = ["search", &recipe, "--data", &data, "--run", &run, "--epochs", "40"];
        let words = words.into_iter().chain(["--set", "sparsity.lifetime=0.2,0.4"]);
        words.map(str::to_owned).collect()
    };
    let program = |run: &str| wta(&arguments(run).iter().map(String::as_str).collect::<Vec<_>>());
    program("whole").succeeds();
    let trial = std::path::PathBuf::from(folder.path("part/trial/checkpoint.safetensors"));
    let out = program("part").interrupted_when(|| trial.exists());
    assert_eq!(out.code, Some(130), "{out:?}");
    assert!(out.stderr.contains("0 of 2 combinations are finished"), "{out:?}");
    assert!(trial.exists());
    program("part").succeeds();
    assert_eq!(search_results(&folder, "part"), search_results(&folder, "whole"));
    assert!(!folder.exists("part/trial"));
}

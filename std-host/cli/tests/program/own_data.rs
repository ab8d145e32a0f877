//! Data of one's own: from a file or a folder to a recipe, a network and its error.

use std::fs;
use std::path::Path;

use crate::support::wta;

/// Prints a recipe for `data` and writes it to `recipe`.
#[track_caller]
fn init(data: &Path, recipe: &Path) -> String {
    let text = wta(&["init", data.to_str().unwrap()]).succeeds().stdout;
    fs::write(recipe, &text).unwrap();
    text
}

/// Trains with a recipe, evaluates, and returns the test error in per cent.
#[track_caller]
fn test_error(recipe: &Path, data: &Path, run: &Path) -> f64 {
    let [recipe, data, run] = [recipe, data, run].map(|path| path.to_str().unwrap());
    wta(&["train", recipe, "--data", data, "--run", run]).succeeds();
    let printed = wta(&["eval", "--run", run, "--data", data]).succeeds().stdout;
    let line = printed.lines().find(|line| line.starts_with("test error: ")).unwrap();
    line.trim_start_matches("test error: ").trim_end_matches('%').parse().unwrap()
}

/// A number between 0 and 1 that is another for each index.
fn noise(index: usize) -> f64 {
    (index as f64 * 12.9898).sin().mul_add(43_758.545, 0.0).fract().abs()
}

#[test]
fn motions_are_told_apart_by_the_recipe_that_init_writes() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/motions");
    let folder = tempfile::tempdir().unwrap();
    let recipe = folder.path().join("motions.toml");
    let text = init(&data, &recipe);
    for part in [
        "per = \"channel\"",
        "class_names = \"classes.txt\"",
        "4 classes: standing, running, walking, badminton",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let error = test_error(&recipe, &data, &folder.path().join("run"));
    assert!(error <= 5.0, "{error}% of 40 windows");
}

#[test]
fn a_table_with_words_in_a_column_is_vectors_with_labels() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = String::from("width,height,weight,kind\n");
    for row in 0..120 {
        let (kind, centre) = [("ant", 1.0), ("bee", 4.0), ("fly", 9.0)][row % 3];
        let number = |column: usize| centre * (column + 1) as f64 + noise(7 * row + column);
        table += &format!("{:.3},{:.3},{:.3},{kind}\n", number(0), number(1), number(2));
    }
    let data = folder.path().join("insects.csv");
    fs::write(&data, table).unwrap();
    let recipe = folder.path().join("r.toml");
    let text = init(&data, &recipe);
    assert!(text.contains("label_column = \"kind\"") && text.contains("3 classes: ant, bee, fly"), "{text}");
    assert!(text.contains("name = \"insects\"") && text.contains("test_share = 0.2"), "{text}");
    assert_eq!(test_error(&recipe, folder.path(), &folder.path().join("run")), 0.0);
}

#[test]
fn recordings_are_cut_into_windows_and_their_ends_are_for_testing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("machine");
    fs::create_dir(&data).unwrap();
    for (name, period) in [("idle", 9.0), ("drill", 23.0)] {
        let step = |step: usize| (step as f64 * std::f64::consts::TAU / period).sin() + 0.3 * noise(step);
        let text: String = (0..4_000).map(|at| format!("{:.4},{:.4}\n", step(at), step(at + 5))).collect();
        fs::write(data.join(format!("{name}.csv")), text).unwrap();
    }
    let recipe = folder.path().join("r.toml");
    let text = init(&data, &recipe);
    for part in ["set = \"signals\"", "classes = \"file\"", "split = \"time\"", "2 classes: drill, idle"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(test_error(&recipe, &data, &folder.path().join("run")), 0.0);
}

#[test]
fn what_cannot_be_learnt_from_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    wta(&["init", &path("nothing.npy")]).fails("cannot read");
    wta(&["init", folder.path().to_str().unwrap()]).fails("holds no pictures, arrays, tables or recordings");
    fs::write(path("empty.npy"), "").unwrap();
    wta(&["init", &path("empty.npy")]).fails("is empty");
    fs::write(path("text.csv"), "a,b\nc,d\n").unwrap();
    wta(&["init", &path("text.csv")]).fails("is `");
}

#[test]
fn new_samples_are_classified_by_name() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/motions");
    let folder = tempfile::tempdir().unwrap();
    let [recipe, run] = ["r.toml", "run"].map(|name| folder.path().join(name));
    init(&data, &recipe);
    let error = test_error(&recipe, &data, &run);
    let (run, test) = (run.to_str().unwrap(), data.join("test.npy"));
    let predict = |format: &str| {
        let arguments = ["predict", "--run", run, test.to_str().unwrap(), "--format", format];
        wta(&arguments).succeeds().stdout
    };
    let csv = predict("csv");
    let mut lines = csv.lines();
    assert_eq!(
        lines.next().unwrap(),
        "sample,class,score standing,score running,score walking,score badminton"
    );
    let names = ["standing", "running", "walking", "badminton"];
    let mut wrong = 0;
    for (index, line) in lines.enumerate() {
        let fields: Vec<&str> = line.split(',').collect();
        assert!(fields[0].ends_with(&format!("test.npy[{index}]")), "{line}");
        let scores: Vec<f64> = fields[2..].iter().map(|score| score.parse().unwrap()).collect();
        let best = (0..4).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap();
        assert_eq!(fields[1], names[best]);
        // Ten windows of each motion, in this order.
        wrong += usize::from(best != index / 10);
    }
    assert!((100.0 * wrong as f64 / 40.0 - error).abs() < 1e-9, "{wrong} wrong, but eval said {error}%");
    let json = predict("json");
    assert_eq!(json.lines().count(), 40);
    assert!(
        json.lines()
            .all(|line| line.starts_with("{\"sample\":\"") && line.contains("\"scores\":{\"standing\":"))
    );
    assert_eq!(predict("table").lines().count(), 41);
    let evaluated = fs::read_to_string(Path::new(run).join("eval.json")).unwrap();
    assert!(evaluated.contains("\"badminton\"") && evaluated.contains("\"confusion\""), "{evaluated}");
    let printed = wta(&["eval", "--run", run, "--data", data.to_str().unwrap(), "--json"]).succeeds().stdout;
    assert!(printed.starts_with('{') && printed.contains("\"surest\"") && printed.lines().count() == 1);

    // What does not fit is the input's fault.
    let csv = folder.path().join("rows.csv");
    fs::write(&csv, "1,2,3\n4,5,6\n").unwrap();
    wta(&["predict", "--run", run, csv.to_str().unwrap()])
        .fails("rows.csv: the samples are 1 x 3 x 1, but those of");
    wta(&["predict", "--run", run, "nothing.npy"]).fails("nothing.npy: is not there");
    fs::remove_file(Path::new(run).join("svm.safetensors")).unwrap();
    wta(&["predict", "--run", run, test.to_str().unwrap()])
        .fails("the run has no classifier yet; run `wta eval`");
}

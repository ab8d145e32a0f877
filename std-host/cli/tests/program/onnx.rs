//! ONNX files, computed by another program (rten), against `wta encode` and `wta predict`.

use std::fs;

use rten::{Model, Value};

use crate::support::{Folder, npy, write_npy, wta};

const SAMPLES: usize = 60;

/// Training and test samples of three classes: `shape` as NumPy writes it behind their number.
fn data(folder: &Folder, shape: &[usize], step: f32) {
    let len: usize = shape.iter().product();
    let number = |index: usize| {
        let (class, place) = (index / len % 3, (index % len) as f32);
        // A large mean, which f32 must not lose digits to.
        let wave = (place * (0.3 + 0.2 * class as f32) + (index / len) as f32).sin();
        100.0 + step * wave + step * 0.2 * (index as f32 * 12.9898).sin()
    };
    let samples: Vec<u8> = (0..SAMPLES * len).flat_map(|index| number(index).to_le_bytes()).collect();
    let labels: Vec<u8> = (0..SAMPLES).map(|sample| (sample % 3) as u8).collect();
    let dimensions: String = shape.iter().map(|len| format!(", {len}")).collect();
    write_npy(&folder.path("samples.npy"), "<f4", &format!("({SAMPLES}{dimensions})"), &samples);
    write_npy(&folder.path("labels.npy"), "|u1", &format!("({SAMPLES},)"), &labels);
}

/// A recipe for these samples; `more` are its lines from `[network]` on.
fn recipe(name: &str, more: &str) -> String {
    format!(
        "name = '{name}'\nabout = 'x'\ndata = {{ set = 'array', train = 'samples.npy', train_labels = \
         'labels.npy', test = 'samples.npy', test_labels = 'labels.npy', divide_by = 128.0 }}\n\
         training = {{ epochs = 2, batch = 20, optimizer = 'adam', rate = 2e-3 }}\n{more}"
    )
}

/// What a graph gives for samples.
struct Found {
    features: Vec<f32>,
    scores: Vec<f32>,
    classes: Vec<i32>,
}

/// Computes a graph for all samples at once; `dimensions` are those of its input behind the first.
fn computed(path: &str, samples: &[f32], dimensions: &[usize]) -> Found {
    let model = Model::load_file(path).unwrap();
    let shape = [&[SAMPLES], dimensions].concat();
    let input = Value::from_shape(&shape, samples.to_vec()).unwrap();
    let outputs = ["features", "scores", "class"].map(|name| model.node_id(name).unwrap());
    let values = model.run_n(vec![(model.node_id("samples").unwrap(), input.into())], outputs, None).unwrap();
    let [features, scores, classes] = values;
    let numbers = |value: Value| value.into_tensor::<f32>().unwrap().into_data();
    let classes = classes.into_tensor::<i32>().unwrap().into_data();
    Found { features: numbers(features), scores: numbers(scores), classes }
}

/// Trains and evaluates a recipe in a folder of its own, and returns the run.
fn evaluated(folder: &Folder, name: &str, text: &str) -> String {
    let (recipe, run, data) = (folder.write("recipe.toml", text), folder.path(name), folder.path(""));
    wta(&["train", &recipe, "--data", &data, "--run", &run]).succeeds();
    wta(&["eval", "--run", &run, "--data", &data]).succeeds();
    run
}

/// The scores and the classes of `wta predict`.
fn predicted(run: &str, samples: &str) -> (Vec<f32>, Vec<i32>) {
    let text = wta(&["predict", "--run", run, samples, "--format", "csv"]).succeeds().stdout;
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let scores = rows.iter().flat_map(|row| row[2..].iter().map(|score| score.parse::<f32>().unwrap()));
    (scores.collect(), rows.iter().map(|row| row[1].parse().unwrap()).collect())
}

#[track_caller]
fn near(name: &str, what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{name}: {what}");
    let largest = expected.iter().fold(0.0f32, |largest, v| largest.max(v.abs()));
    assert!(largest > 0.0, "{name}: {what} are all 0");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-5 * largest, "{name}: {what} {found} {expected} of {largest}");
    }
}

/// The graph gives the features and the scores of the program.
#[track_caller]
fn agrees(folder: &Folder, name: &str, text: &str, dimensions: &[usize]) {
    let run = evaluated(folder, name, text);
    let (samples, out) = (folder.path("samples.npy"), folder.path("features.npy"));
    let file = folder.path("model.onnx");
    wta(&["export", "--run", &run, "--onnx", &file]).succeeds();
    let found = computed(&file, &npy(&samples), dimensions);
    let (scores, classes) = predicted(&run, &samples);
    near(name, "scores", &found.scores, &scores);
    assert_eq!(found.classes, classes, "{name}");
    wta(&["encode", "--run", &run, "--inputs", &samples, "--out", &out]).succeeds();
    // Of all layers' features, the last layer's are the last, and scaled.
    if !text.contains("lower_layers") {
        near(name, "features", &found.features, &npy(&out));
    }
}

const CONV: &str = "[network]\nkind = 'convolutional'\nencoder = [{ maps = 5, kernel = 3 }]\ndecoder_kernel = 3\n\
    initial = 'he'\n[sparsity]\nlifetime = 0.3\n[svm]\nc = [1.0]\n";

#[test]
fn graphs_of_images_give_the_features_and_scores_of_the_program() {
    let folder = Folder::new();
    data(&folder, &[3, 9, 7], 20.0);
    let strided = CONV.replace(
        "{ maps = 5, kernel = 3 }",
        "{ maps = 4, kernel = [4, 3] }, { maps = 6, kernel = 5, stride = [2, 3] }",
    );
    let dense = "[network]\nkind = 'fully-connected'\nunits = [12, 7]\ninitial = 'he'\n[sparsity]\nlifetime = 0.3\n\
        [svm]\nc = [1.0]\n";
    let layer = |table: &str| {
        format!(
            "{table}network = {{ kind = 'convolutional', encoder = [{{ maps = 6, kernel = 3 }}], decoder_kernel = 3, \
             initial = 'he' }}\n{table}sparsity = {{ lifetime = 0.3 }}\n"
        )
    };
    let below = recipe("low", &(layer("") + "features = { pool = { kernel = 2, stride = 2 } }\n"));
    let below: String = below.lines().map(|line| format!("below.{line}\n")).collect();
    let with = |step: &str| format!("[[preprocess]]\n{step}\n{CONV}");
    for (name, more) in [
        ("plain", CONV.to_owned()),
        ("strided", strided),
        ("tied", CONV.replace("decoder_kernel = 3", "decoder_kernel = 3\ntied = true")),
        ("pooled", format!("{CONV}[features]\npool = {{ kernel = [4, 3], stride = [3, 2] }}\n")),
        ("gaps", format!("{CONV}[features]\npool = {{ kernel = 1, stride = 4 }}\n")),
        ("whole", format!("{CONV}[features]\npool = {{ kernel = 3, stride = 2, whole = true }}\n")),
        (
            "mean",
            format!("{CONV}[features]\nroot = true\npool = {{ kernel = 4, stride = 3, average = true }}\n"),
        ),
        ("both", format!("{CONV}[features]\nsigns = 'both'\npool = {{ kernel = 4, stride = 3 }}\n")),
        (
            "triangle",
            format!(
                "{CONV}[features]\nroot = true\nsigns = 'both'\nthreshold = 'triangle'\npool = {{ kernel = 4, \
                 stride = 3, average = true }}\n"
            ),
        ),
        ("dense-both", format!("{dense}[features]\nsigns = 'both'\nthreshold = 'triangle'\n")),
        ("root", format!("{CONV}[features]\nroot = true\npool = {{ kernel = 4, stride = 3 }}\n")),
        ("dense", dense.to_owned()),
        ("contrast", with("step = 'contrast'\nregulariser = 0.0")),
        ("regularised", with("step = 'contrast'\nregulariser = 1e-4")),
        ("local", with("step = 'local-contrast'\nwindow = 5")),
        ("numbers", with("step = 'standardise'")),
        ("channels", with("step = 'standardise'\nper = 'channel'")),
        ("all", with("step = 'standardise'\nper = 'all'")),
        (
            "zca",
            with("step = 'contrast'\nregulariser = 1e-4\n[[preprocess]]\nstep = 'zca'\nregulariser = 0.1"),
        ),
        ("patch-zca", with("step = 'zca'\nregulariser = 0.1\npatch = [3, 4]")),
        ("dense-zca", format!("[[preprocess]]\nstep = 'zca'\nregulariser = 0.1\n{dense}")),
        ("stack", format!("{}svm = {{ c = [1.0] }}\n{below}", layer(""))),
        ("all-layers", format!("{}svm = {{ c = [1.0], lower_layers = 0.5 }}\n{below}", layer(""))),
        (
            "units-on-maps",
            format!(
                "network = {{ kind = 'fully-connected', units = [9], initial = 'he' }}\nsparsity = {{ lifetime = 0.3 }}\n\
                 svm = {{ c = [1.0] }}\n{below}"
            ),
        ),
    ] {
        agrees(&folder, name, &recipe(name, &more), &[3, 9, 7]);
    }
}

/// Pictures larger than the patches that whitening was learnt from: it becomes a convolution with a mirrored
/// border.
#[test]
fn a_graph_of_large_pictures_whitens_as_the_program_does() {
    let (height, width) = (15, 17);
    let folder = Folder::new();
    let mut samples: Vec<f32> = Vec::new();
    for split in ["train", "test"] {
        fs::create_dir_all(folder.path(&format!("pictures/{split}"))).unwrap();
        for picture in 0..5 {
            let pixel = |place: usize| {
                let (x, y) = ((place % width) as f32, (place / width) as f32);
                (127.0 + 100.0 * (0.4 * x * (picture + 1) as f32).sin() * (0.3 * y).cos()) as u8
            };
            let pixels: Vec<u8> = (0..height * width).map(pixel).collect();
            let head = format!("P5\n{width} {height}\n255\n").into_bytes();
            let path = folder.path(&format!("pictures/{split}/{picture}.pgm"));
            fs::write(path, [head, pixels.clone()].concat()).unwrap();
            if split == "test" {
                samples.extend(pixels.into_iter().map(f32::from));
            }
        }
    }
    let layer = |table: &str, name: &str, size: &str| {
        format!(
            "{table}name = '{name}'\n{table}about = 'x'\n{table}data = {{ set = 'images', folder = 'pictures', colour \
             = false, divide_by = 64, {size} }}\n{table}network = {{ kind = 'convolutional', encoder = [{{ maps = 5, \
             kernel = 3 }}], decoder_kernel = 3, initial = 'he' }}\n{table}sparsity = {{ lifetime = 0.2 }}\n\
             {table}training = {{ epochs = 1, batch = 5, optimizer = 'adam', rate = 1e-3 }}\n{table}preprocess = [\
             {{ step = 'zca', regulariser = 0.1 }}, {{ step = 'local-contrast', window = 5 }}]\n"
        )
    };
    // Of an even side, the filter leaves out a row and a column.
    let text = layer("", "upper", "size = [15, 17]")
        + "large = { stride = 2, pool = { kernel = 3, stride = 2, whole = true } }\n"
        + &layer("below.", "lower", "size = 8, patches = 60");
    let (recipe, run, data) = (folder.write("recipe.toml", &text), folder.path("run"), folder.path(""));
    let (file, out) = (folder.path("model.onnx"), folder.path("features.npy"));
    wta(&["train", &recipe, "--data", &data, "--run", &run]).succeeds();
    wta(&["encode", "--run", &run, "--data", &data, "--split", "test", "--out", &out]).succeeds();
    wta(&["export", "--run", &run, "--onnx", &file]).succeeds();
    let input = Value::from_shape(&[5, 1, height, width], samples).unwrap();
    let features = Model::load_file(&file).unwrap().run_one(input.into(), None).unwrap();
    near("large", "features", &features.into_tensor::<f32>().unwrap().into_data(), &npy(&out));
}

#[test]
fn graphs_of_signals_and_vectors_take_them_as_they_are() {
    let folder = Folder::new();
    let signal = CONV.replace("kernel = 3 }]", "kernel = 5, stride = 2 }]");
    let pool = "[features]\npool = { kernel = 4, stride = 3 }\n";
    data(&folder, &[2, 41], 50.0);
    agrees(&folder, "signal", &recipe("signal", &format!("{signal}{pool}")), &[2, 41]);
    data(&folder, &[13], 50.0);
    let dense = "[[preprocess]]\nstep = 'standardise'\n[network]\nkind = 'fully-connected'\nunits = [16]\n\
        initial = 'he'\ntied = true\n[sparsity]\nlifetime = 0.3\n[svm]\nc = [1.0]\n";
    agrees(&folder, "vector", &recipe("vector", dense), &[13]);
    let rbm = "[network]\nkind = 'rbm'\nhidden = 11\ninitial = { normal = 0.1 }\n[sparsity]\nlifetime = 0.3\n[svm]\nc = [1.0]\n";
    data(&folder, &[13], 1.0);
    let text = recipe("rbm", rbm)
        .replace("optimizer = 'adam', rate = 2e-3", "optimizer = { sgd = { momentum = 0.5 } }, rate = 0.1");
    agrees(&folder, "rbm", &text, &[13]);
}

#[test]
fn quantised_graphs_give_the_labels_of_the_quantised_model() {
    let folder = Folder::new();
    data(&folder, &[2, 41], 50.0);
    let data = folder.path("");
    let standardised = format!("[[preprocess]]\nstep = 'standardise'\nper = 'channel'\n{CONV}");
    let pool = "[features]\nroot = true\npool = { kernel = 4, stride = 3 }\n";
    let run = evaluated(&folder, "int8", &recipe("int8", &format!("{standardised}{pool}")));
    let (file, samples) = (folder.path("model.onnx"), folder.path("samples.npy"));
    let (model, features) = (folder.path("model.wta"), folder.path("features.npy"));
    let export = ["export", "--run", &run, "--int8", "--data", &data, "--onnx", &file];
    let said = wta(&[&export[..], &["--out", &model]].concat()).succeeds().stdout;
    assert!(
        said.contains(&format!("written: {file}\n")) && said.contains(&format!("written: {model}\n")),
        "{said}"
    );
    let found = computed(&file, &npy(&samples), &[2, 41]);
    let (_, classes) = predicted(&run, &samples);
    let same = found.classes.iter().zip(&classes).filter(|(a, b)| a == b).count();
    assert!(same >= SAMPLES - 1, "{same}");
    wta(&["encode", "--run", &run, "--inputs", &samples, "--out", &features]).succeeds();
    let expected = npy(&features);
    let largest = expected.iter().fold(0.0f32, |largest, v| largest.max(*v));
    let errors = found.features.iter().zip(&expected).map(|(a, b)| (a - b).abs() / largest);
    let mean = errors.sum::<f32>() / expected.len() as f32;
    assert!(mean > 1e-5 && mean < 0.02, "quantised, and near: {mean}");

    // Without a classifier there are features alone; the same run gives the same bytes.
    let first = fs::read(&file).unwrap();
    wta(&export).succeeds();
    assert_eq!(first, fs::read(&file).unwrap());
    fs::remove_file(folder.path("int8/svm.safetensors")).unwrap();
    wta(&["export", "--run", &run, "--onnx", &file]).succeeds();
    let model = Model::load_file(&file).unwrap();
    assert!(model.find_node("features").is_some() && model.find_node("scores").is_none());
}

#[test]
fn names_of_classes_go_along_and_what_has_no_graph_is_told() {
    let folder = Folder::new();
    data(&folder, &[13], 50.0);
    let dense = "[network]\nkind = 'fully-connected'\nunits = [16]\ninitial = 'he'\n[sparsity]\nlifetime = 0.3\n\
        [svm]\nc = [1.0]\n";
    let text = recipe("names", dense)
        .replace("divide_by", "class_names = ['ruhig', 'l\u{e4}uft', 'st\u{fc}rzt'], divide_by");
    let run = evaluated(&folder, "names", &text);
    let file = folder.path("model.onnx");
    wta(&["export", "--run", &run, "--onnx", &file]).succeeds();
    let named = fs::read(&file).unwrap();
    let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(&named, "class_names_") && holds(&named, "st\u{fc}rzt") && holds(&named, "label"));
    wta(&["export", "--run", &run, "--onnx", &file, "--no-class-names"]).succeeds();
    let without = fs::read(&file).unwrap();
    // The metadata still has them.
    assert!(!holds(&without, "class_names_") && holds(&without, "st\u{fc}rzt"));
    let found = computed(&file, &npy(&folder.path("samples.npy")), &[13]);
    assert_eq!(found.classes.len(), SAMPLES);

    let wrong = wta(&["export", "--run", &run]).finish();
    assert!(wrong.code == Some(2) && wrong.stderr.contains("--out"), "{wrong:?}");
    let wrong = wta(&["export", "--run", &run, "--onnx", &file, "--c", "model.h"]).finish();
    assert!(wrong.code == Some(2) && wrong.stderr.contains("--out"), "{wrong:?}");
    wta(&["export", "--run", &folder.path("nothing"), "--onnx", &file]).fails("nothing");
}

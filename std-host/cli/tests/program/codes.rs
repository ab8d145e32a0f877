//! Codes, sparse codes and reconstructions as files, against the definitions.

use std::fs;
use std::io::Read;

use safetensors::SafeTensors;

use crate::support::{Folder, floats, npy, shrunken_mnist, write_npy, wta};

/// Two layers on colour images, some of them held out.
const RECIPE: &str = r#"
name = "colour"
about = "for the tests"
[data]
set = "array"
train = "images.npy"
train_labels = "labels.npy"
test = "images.npy"
test_labels = "labels.npy"
[network]
kind = "convolutional"
encoder = [{ maps = 7, kernel = 3 }, { maps = 9, kernel = 3 }]
decoder_kernel = 5
initial = "he"
[sparsity]
lifetime = 0.3
[training]
epochs = 3
batch = 20
held_out = 30
optimizer = "adam"
rate = 2e-3
[features]
pool = { kernel = 3, stride = 2 }
[svm]
c = [1.0]
"#;

const SAMPLES: usize = 150;
const SHAPE: [usize; 3] = [3, 8, 6];
const MAPS: usize = 9;
/// After pooling.
const FEATURES: usize = MAPS * 4 * 3;

/// A run on the images of `images.npy`, evaluated.
pub(crate) fn colour_run(folder: &Folder) -> String {
    let len: usize = SHAPE.iter().product();
    let number = |index: usize| {
        let wave = ((index / len % 3 + 1) as f32 * (index % len) as f32 * 0.31).sin();
        wave * 0.5 + (index as f32 * 12.9898).sin() * 0.2 + 0.5
    };
    let images: Vec<u8> = (0..SAMPLES * len).flat_map(|index| number(index).to_le_bytes()).collect();
    let labels: Vec<u8> = (0..SAMPLES).map(|sample| (sample % 3) as u8).collect();
    write_npy(&folder.path("images.npy"), "<f4", "(150, 3, 8, 6)", &images);
    write_npy(&folder.path("labels.npy"), "|u1", "(150,)", &labels);
    let (recipe, data, run) = (folder.write("recipe.toml", RECIPE), folder.path(""), folder.path("run"));
    wta(&["train", &recipe, "--data", &data, "--run", &run]).succeeds();
    wta(&["eval", "--run", &run, "--data", &data]).succeeds();
    run
}

/// The numbers that `wta encode` writes, and the dimensions that it prints.
fn encoded(folder: &Folder, split: &str, more: &[&str]) -> (Vec<f32>, String) {
    let (run, data, out) = (folder.path("run"), folder.path(""), folder.path("encoded.npy"));
    let encode = ["encode", "--run", &run, "--data", &data, "--split", split, "--out", &out];
    let said = wta(&[&encode[..], more].concat()).succeeds();
    (npy(&out), said.value_after(&format!("{out}: ")))
}

/// A column of the last line of `metrics.csv`.
fn last_metric(folder: &Folder, column: &str) -> f64 {
    let text = fs::read_to_string(folder.path("run/metrics.csv")).unwrap();
    let index = text.lines().next().unwrap().split(',').position(|name| name == column).unwrap();
    text.lines().last().unwrap().split(',').nth(index).unwrap().parse().unwrap()
}

#[test]
fn what_training_reports_of_held_out_samples_is_in_the_files() {
    let folder = Folder::new();
    colour_run(&folder);
    let near = |found: f64, column: &str| {
        let expected = last_metric(&folder, column);
        assert!((found - expected).abs() <= 1e-5 * expected.abs().max(1.0), "{column} {found} {expected}");
    };
    let (codes, dimensions) = encoded(&folder, "held-out", &["--code", "trained"]);
    assert_eq!(dimensions, "[30, 9, 8, 6] float32");
    let positions = codes.len() / 30 / MAPS;
    near(codes.iter().filter(|v| **v != 0.0).count() as f64 / 30.0, "held_out_active");
    let lives =
        |map: usize| codes.chunks_exact(positions).skip(map).step_by(MAPS).flatten().any(|v| *v > 0.0);
    near((0..MAPS).filter(|map| !lives(*map)).count() as f64 / MAPS as f64, "held_out_dead_share");
    // Lifetime sparsity over batches of 20: 6 winners of each map, then 3 of the last 10 samples.
    for map in 0..MAPS {
        let winners = |samples: std::ops::Range<usize>| {
            let code = |sample: usize| &codes[(sample * MAPS + map) * positions..][..positions];
            samples.map(|sample| code(sample).iter().filter(|v| **v != 0.0).count()).sum::<usize>()
        };
        assert!(winners(0..20) <= 6 && winners(20..30) <= 3, "map {map}");
    }

    let (made, dimensions) = encoded(&folder, "held-out", &["--reconstruct"]);
    assert_eq!(dimensions, "[30, 3, 8, 6] float32");
    // The samples themselves are among all images.
    let images = npy(&folder.path("images.npy"));
    let (all, _) = encoded(&folder, "train", &["--code", "dense", "--pool", "none"]);
    let (held_out, _) = encoded(&folder, "held-out", &["--code", "dense", "--pool", "none"]);
    let (len, code) = (images.len() / SAMPLES, all.len() / SAMPLES);
    let place = |dense: &[f32]| all.chunks_exact(code).position(|other| other == dense).unwrap();
    let samples: Vec<&[f32]> =
        held_out.chunks_exact(code).map(|dense| &images[place(dense) * len..][..len]).collect();
    let squares = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
    let error: f64 =
        samples.iter().zip(made.chunks_exact(len)).map(|(a, b)| squares(a, b)).sum::<f64>() / 30.0;
    near(0.5 * error, "held_out_loss");
    let mean: Vec<f32> = (0..len)
        .map(|i| (samples.iter().map(|sample| f64::from(sample[i])).sum::<f64>() / 30.0) as f32)
        .collect();
    let variance: f64 = samples.iter().map(|sample| squares(sample, &mean)).sum::<f64>() / 30.0;
    near(error / variance, "held_out_unexplained");
}

#[test]
fn sparse_files_hold_what_is_not_zero_and_weights_have_the_order_of_the_features() {
    let folder = Folder::new();
    let run = colour_run(&folder);
    let (data, out) = (folder.path(""), folder.path("codes.npz"));
    let encode = ["encode", "--run", &run, "--data", &data, "--split", "test", "--sparse", "--out"];
    for (code, dimensions) in [("dense", vec![9, 4, 3]), ("trained", vec![9, 8, 6])] {
        let (dense, told) = encoded(&folder, "test", &["--code", code]);
        assert_eq!(told, format!("{:?} float32", [vec![SAMPLES], dimensions].concat()));
        let said = wta(&[&encode[..], &[&out, "--code", code]].concat()).succeeds().stdout;
        let columns = dense.len() / SAMPLES;
        let count = dense.iter().filter(|v| **v != 0.0).count();
        let expected = format!("[{SAMPLES}, {columns}] float32, {count} values that are not 0, as CSR\n");
        assert!(said.ends_with(&expected), "{said}");

        let mut archive = zip::ZipArchive::new(fs::File::open(&out).unwrap()).unwrap();
        let mut member = |name: &str| {
            let mut bytes = Vec::new();
            archive.by_name(&format!("{name}.npy")).unwrap().read_to_end(&mut bytes).unwrap();
            let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
            bytes.split_off(header)
        };
        assert_eq!(
            (&member("format")[..], &member("feature_order")[..]),
            (&b"csr"[..], &b"map, row, column"[..])
        );
        let whole = |bytes: Vec<u8>| {
            bytes
                .chunks_exact(4)
                .map(|b| i32::from_le_bytes(b.try_into().unwrap()) as usize)
                .collect::<Vec<_>>()
        };
        assert_eq!(whole(member("shape")), [SAMPLES, 0, columns, 0], "two numbers of 64 bits");
        let (starts, indices, values) =
            (whole(member("indptr")), whole(member("indices")), floats(&member("data")));
        let mut found = vec![0.0; dense.len()];
        for (sample, ends) in starts.windows(2).enumerate() {
            for at in ends[0]..ends[1] {
                found[sample * columns + indices[at]] = values[at];
            }
        }
        assert!(found == dense && values.iter().all(|v| *v != 0.0) && values.len() == starts[SAMPLES]);
    }
    // Once more the same bytes; nothing is left of a file that could not be written.
    let first = fs::read(&out).unwrap();
    wta(&[&encode[..], &[&out, "--code", "trained"]].concat()).succeeds();
    assert_eq!(first, fs::read(&out).unwrap());
    if cfg!(target_os = "linux") {
        wta(&[&encode[..], &["/dev/full"]].concat()).fails("cannot write /dev/full: No space left");
    }

    let file = fs::read(folder.path("run/svm.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let (_, described) = SafeTensors::read_metadata(&file).unwrap();
    let metadata = described.metadata().as_ref().unwrap();
    assert_eq!((&metadata["feature_order"][..], &metadata["features"][..]), ("map, row, column", "9x4x3"));
    let tensor = |name| floats(tensors.tensor(name).unwrap().data());
    let (weights, bias) = (tensor("weight"), tensor("bias"));
    let (features, _) = encoded(&folder, "test", &[]);
    let images = folder.path("images.npy");
    let predicted = wta(&["predict", "--run", &run, &images, "--format", "csv"]).succeeds().stdout;
    for (line, features) in predicted.lines().skip(1).zip(features.chunks_exact(FEATURES)) {
        for (class, score) in line.split(',').skip(2).enumerate() {
            let products = features.iter().zip(&weights[FEATURES * class..]).map(|(a, b)| f64::from(a * b));
            let expected = products.sum::<f64>() + f64::from(bias[class]);
            assert!((score.parse::<f64>().unwrap() - expected).abs() < 1e-4, "{line} {expected}");
        }
    }
}

#[test]
fn what_does_not_go_together_is_told() {
    let folder = Folder::new();
    let run = colour_run(&folder);
    let (data, out) = (folder.path(""), folder.path("out.npy"));
    let encode = ["encode", "--run", &run, "--data", &data, "--split", "test", "--out", &out];
    for (more, sentence) in [
        (&["--code", "trained", "--pool", "3/2"][..], "leave --pool and --stride out"),
        (&["--reconstruct", "--stride", "2"], "leave --pool and --stride out"),
        (&["--reconstruct", "--code", "dense"], "leave --code dense out"),
    ] {
        wta(&[&encode[..], more].concat()).fails(sentence);
    }
    let wrong = wta(&[&encode[..], &["--reconstruct", "--sparse"]].concat()).finish();
    assert!(wrong.code == Some(2) && wrong.stderr.contains("cannot be used with"), "{wrong:?}");
    let recipe = folder.write("all.toml", &RECIPE.replace("held_out = 30\n", ""));
    wta(&["train", &recipe, "--data", &data, "--run", &folder.path("all")]).succeeds();
    let run = folder.path("all");
    wta(&["encode", "--run", &run, "--data", &data, "--split", "held-out", "--out", &out])
        .fails("training.held_out is not set");
    assert!(!folder.exists("out.npy"));
}

/// A stack, classified by the features of all its layers.
#[test]
fn the_features_of_all_layers_classify_new_samples_as_the_test_samples() {
    let folder = Folder::new();
    let data = shrunken_mnist(&folder);
    let layer = |table: &str, maps: usize| {
        format!(
            "{table}about = 'x'\n{table}data = {{ set = 'mnist' }}\n\
             {table}network = {{ kind = 'convolutional', encoder = [{{ maps = {maps}, kernel = 3 }}], decoder_kernel = 3, initial = 'he' }}\n\
             {table}sparsity = {{ lifetime = 0.2 }}\n{table}features = {{ pool = {{ kernel = 4, stride = 5 }} }}\n\
             {table}training = {{ epochs = 1, batch = 50, optimizer = 'adam', rate = 2e-3 }}\n"
        )
    };
    let text = format!(
        "name = 'top'\n{}svm = {{ c = [1.0], lower_layers = 0.5 }}\nbelow.name = 'low'\n{}",
        layer("", 5),
        layer("below.", 4)
    );
    let (recipe, run) = (folder.write("stack.toml", &text), folder.path("run"));
    wta(&["train", &recipe, "--data", &data, "--run", &run]).succeeds();
    let json = wta(&["eval", "--run", &run, "--data", &data, "--json"]).succeeds().stdout;
    let file = fs::read(folder.path("run/svm.safetensors")).unwrap();
    let (_, described) = SafeTensors::read_metadata(&file).unwrap();
    assert_eq!(described.metadata().as_ref().unwrap()["features"], "4x6x6 + 5x2x2");
    // The test digits as an array: as many are wrong as in the evaluation.
    let bytes =
        |name: &str, header: usize| fs::read(format!("{data}/mnist/{name}")).unwrap().split_off(header);
    let (images, labels) = (bytes("t10k-images-idx3-ubyte", 16), bytes("t10k-labels-idx1-ubyte", 8));
    let shape = format!("({}, 28, 28)", labels.len());
    write_npy(&folder.path("test.npy"), "|u1", &shape, &images);
    let predicted =
        wta(&["predict", "--run", &run, &folder.path("test.npy"), "--format", "csv"]).succeeds().stdout;
    let classes =
        predicted.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().parse::<u8>().unwrap());
    let wrong = classes.zip(&labels).filter(|(found, label)| found != *label).count();
    let error = wrong as f64 / labels.len() as f64;
    let told: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(told["test_error"].as_f64(), Some(error));
}

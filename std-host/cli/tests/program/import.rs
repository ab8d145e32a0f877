//! `wta import`: a device's model becomes a run that gives the same file again, and can be worked with.

use std::fs;
use std::path::Path;

use crate::support::{Folder, STACK, floats, write_npy, wta};
use wta_core::model::{Description, ModelWriter, TrainingState};
use wta_core::{
    Corruption, Dictionary, Guard, Method, Model, Network, Optimizer, Pool, Schedule, Shape, Sparsity, Svm,
    TrainingConfig,
};

/// Convolutional, pooled, with a classifier; signals of two channels, preprocessed; a stack on digits; a
/// fully-connected network without a classifier's pooling.
const RECIPES: [(&str, &str); 3] = [
    (
        "conv",
        r#"
name = "conv"
about = "for the tests"
data = { set = "digits" }
network = { kind = "convolutional", encoder = [{ maps = 4, kernel = 5 }, { maps = 6, kernel = [3, 5], stride = [1, 2] }], decoder_kernel = 7, initial = "he" }
sparsity = { lifetime = 0.2 }
training = { epochs = 1, batch = 100, optimizer = "adam", rate = 2e-3 }
features = { pool = { kernel = [5, 3], stride = [4, 3] }, root = true }
svm = { c = [1.0] }
preprocess = [{ step = "local-contrast", window = 5 }, { step = "standardise", per = "channel" }]
"#,
    ),
    (
        "units",
        r#"
name = "units"
about = "for the tests"
data = { set = "digits" }
network = { kind = "fully-connected", units = [20], tied = true, initial = "he" }
sparsity = { lifetime = 0.2 }
training = { epochs = 1, batch = 100, optimizer = "adam", rate = 2e-3 }
svm = { c = [1.0] }
"#,
    ),
    ("stack", STACK),
];

#[test]
fn what_was_exported_comes_back_and_is_exported_as_the_same_bytes() {
    let folder = Folder::new();
    for (name, text) in RECIPES {
        let (recipe, run) = (folder.write(&format!("{name}.toml"), text), folder.path(name));
        wta(&["train", &recipe, "--run", &run]).succeeds();
        wta(&["eval", "--run", &run]).succeeds();
        for options in [&[][..], &["--no-decoder"]] {
            let [first, again, back] =
                ["a.wta", "b.wta", "back"].map(|file| folder.path(&format!("{name}{}{file}", options.len())));
            wta(&[&["export", "--run", &run, "--out", &first][..], options].concat()).succeeds();
            let out = wta(&["import", &first, "--run", &back, "--recipe", &recipe]).succeeds();
            assert!(out.stdout.contains("classifier: 10 classes"), "{out:?}");
            wta(&[&["export", "--run", &back, "--out", &again][..], options].concat()).succeeds();
            assert_eq!(fs::read(&first).unwrap(), fs::read(&again).unwrap(), "{name} {options:?}");

            // The same features, and the same classes of the same digits.
            let [here, there] = [&run, &back].map(|run| {
                let path = format!("{run}/test.npy");
                wta(&["encode", "--run", run, "--split", "test", "--out", &path]).succeeds();
                fs::read(path).unwrap()
            });
            assert_eq!(here, there, "{name}");
            wta(&["eval", "--run", &back]).succeeds();
            wta(&["import", &first, "--run", &back]).fails("holds a run already");
        }
        let (back, on) = (folder.path(&format!("{name}0back")), folder.path(&format!("{name}-on")));
        let from = wta(&["train", &recipe, "--run", &on, "--from", &back]).succeeds();
        // Nor does a resume throw the device's weights away.
        let recipe = format!("{back}/recipe.toml");
        let resumed = wta(&["train", &recipe, "--run", &back, "--resume"]).succeeds();
        if name != "stack" {
            let checksum = "weights checksum: ";
            assert_eq!(resumed.value_after(checksum), from.value_after(checksum), "{name}");
        }
    }
}

#[test]
fn signals_with_named_classes_come_back_turned() {
    let folder = Folder::new();
    let samples: Vec<f32> = (0..40 * 48).map(|i| (i as f32 * 0.37).sin() * (1 + i / 48 % 2) as f32).collect();
    let labels: Vec<u8> = (0..40).map(|i| i % 2).collect();
    write_npy(&folder.path("train.npy"), "<f4", "(40, 2, 24)", bytemuck::cast_slice(&samples));
    write_npy(&folder.path("labels.npy"), "|u1", "(40,)", &labels);
    let text = r#"
name = "signal"
about = "for the tests"
data = { set = "array", train = "train.npy", train_labels = "labels.npy", test = "train.npy", test_labels = "labels.npy", class_names = ["still", "moving"] }
network = { kind = "convolutional", encoder = [{ maps = 5, kernel = 7, stride = 2 }], decoder_kernel = 9, initial = "he" }
sparsity = { lifetime = 0.5 }
training = { epochs = 1, batch = 20, optimizer = "adam", rate = 2e-3 }
features = { pool = { kernel = 4, stride = 4 } }
svm = { c = [1.0] }
preprocess = [{ step = "standardise", per = "channel" }]
"#;
    let (recipe, run, data) = (folder.write("signal.toml", text), folder.path("run"), folder.path(""));
    wta(&["train", &recipe, "--data", &data, "--run", &run]).succeeds();
    wta(&["eval", "--run", &run, "--data", &data]).succeeds();
    let [first, again, back] = ["a.wta", "b.wta", "back"].map(|file| folder.path(file));
    wta(&["export", "--run", &run, "--out", &first]).succeeds();
    wta(&["import", &first, "--run", &back, "--recipe", &recipe]).succeeds();
    wta(&["export", "--run", &back, "--out", &again]).succeeds();
    assert_eq!(fs::read(&first).unwrap(), fs::read(&again).unwrap());
    let sample = fs::read_to_string(Path::new(&back).join("sample.json")).unwrap();
    assert!(sample.contains("moving") && sample.contains("signal"), "{sample}");
}

fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i as f32 * 0.7).sin() * 0.3).collect()
}

/// A model as a device writes it while it learns: with the state of its training, and a classifier.
fn of_a_device(steps: u64) -> (Vec<u8>, Vec<f32>) {
    let network = Network::fully_connected(6, &[4]).unwrap();
    let parameters = numbers(network.parameters_len());
    // Adam's second moments are means of squares.
    let moments: Vec<f32> = numbers(2 * parameters.len()).into_iter().map(f32::abs).collect();
    let (weights, biases) = (numbers(8), numbers(2));
    let config = TrainingConfig {
        guard: Guard::within(-2.0, 2.0).with_gradient_norm(50.0),
        sparsity: Sparsity::lifetime(0.25),
        corruption: Corruption { input: 0.1, hidden: 0.0, seed: 9 },
        dictionary: Dictionary::FREE,
        optimizer: Optimizer { method: Method::ADAM, rate: 0.01, schedule: Schedule::Constant, decay: 1e-4 },
        batch: 10,
        steps: 1000,
    };
    let mut writer = ModelWriter::new(Description::new(network).scaled(0.3).pooled(Pool::NONE, false));
    writer.parameters(&parameters).unwrap();
    writer.svm(&Svm::new(4, &weights, &biases).unwrap()).unwrap();
    writer.training(&TrainingState { config, step: steps, moments: &moments }).unwrap();
    let mut bytes = vec![0; writer.len()];
    writer.write_to(&mut bytes).unwrap();
    (bytes, parameters)
}

#[test]
fn the_training_of_a_device_goes_on() {
    let folder = Folder::new();
    let (bytes, parameters) = of_a_device(4);
    let (model, run) = (folder.path("model.wta"), folder.path("run"));
    fs::write(&model, &bytes).unwrap();
    let out = wta(&["import", &model, "--run", &run]).succeeds();
    assert!(out.stdout.contains("training: 4 steps done"), "{out:?}");
    let recipe = fs::read_to_string(Path::new(&run).join("recipe.toml")).unwrap();
    for line in [
        "batch = 10",
        "lifetime = 0.25",
        "seed = 9",
        "rate = 0.01",
        "set = \"array\"",
        "bad_samples = \"skip\"",
    ] {
        assert!(recipe.contains(line), "{line}: {recipe}");
    }
    assert!(recipe.contains("clip_inputs = [") && recipe.contains("clip_gradient = 50.0"), "{recipe}");
    // 40 samples are 4 steps an epoch: one epoch is done, and the second one begins.
    for split in ["train", "test"] {
        let [samples, labels] = ["", "_labels"].map(|what| folder.path(&format!("{split}{what}.npy")));
        write_npy(&samples, "<f4", "(40, 6)", bytemuck::cast_slice(&numbers(240)));
        write_npy(&labels, "|u1", "(40,)", &[0; 40]);
    }
    let data = folder.path("");
    let path = format!("{run}/recipe.toml");
    wta(&["train", &path, "--data", &data, "--run", &run, "--resume", "--epochs", "2"]).succeeds();
    let again = folder.path("again.wta");
    wta(&["export", "--run", &run, "--out", &again]).fails("other weights");
    wta(&["eval", "--run", &run, "--data", &data]).finish();
    let trained = fs::read(Path::new(&run).join("model.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&trained).unwrap();
    let weight = floats(tensors.tensor("encoder.0.weight").unwrap().data());
    assert_ne!(weight, parameters[..24], "the weights have gone on");
}

#[test]
fn what_cannot_be_a_run_is_refused_in_one_sentence() {
    let folder = Folder::new();
    let (bytes, _) = of_a_device(4);
    let (model, run) = (folder.path("model.wta"), folder.path("run"));
    wta(&["import", &model, "--run", &run]).fails("model.wta");
    for (damaged, sentence) in [
        (bytes[..bytes.len() - 1].to_vec(), "cut off"),
        (Vec::new(), "WTAMODEL"),
        (b"not a model, but a text that is long enough for a header".to_vec(), "WTAMODEL"),
        ([&bytes[..200], &[bytes[200] ^ 1], &bytes[201..]].concat(), "checksum"),
    ] {
        fs::write(&model, damaged).unwrap();
        wta(&["import", &model, "--run", &run]).fails(sentence);
        assert!(!Path::new(&run).exists());
    }
    // Whatever else lies in a folder stays.
    fs::create_dir(&run).unwrap();
    let notes = format!("{run}/model.safetensors");
    fs::write(&notes, "notes").unwrap();
    fs::write(&model, &bytes).unwrap();
    wta(&["import", &model, "--run", &run]).fails("is not empty");
    assert_eq!(fs::read_to_string(&notes).unwrap(), "notes");
    fs::remove_dir_all(&run).unwrap();
    let int8 = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/models/mnist-conv16-int8.wta");
    wta(&["import", int8, "--run", &run]).fails("holds no network in f32");
    fs::write(&model, &bytes).unwrap();
    wta(&["import", &model, "--run", &run, "--recipe", "mnist-conv16"]).fails("samples of another shape");
    wta(&["import", &model, "--run", &run, "--shape", "1x2x4"]).fails("samples of another shape");
    // Whose maps are planar, and nobody says of what shape.
    let network = Network::fully_connected(12, &[3]).unwrap();
    let parameters = numbers(network.parameters_len());
    let mut writer = ModelWriter::new(Description::new(network).planar());
    writer.parameters(&parameters).unwrap();
    let mut bytes = vec![0; writer.len()];
    writer.write_to(&mut bytes).unwrap();
    fs::write(&model, &bytes).unwrap();
    wta(&["import", &model, "--run", &run]).fails("shape of a sample");
    wta(&["import", &model, "--run", &run, "--shape", "3x2x2"]).succeeds();
    let again = folder.path("again.wta");
    wta(&["export", "--run", &run, "--out", &again]).succeeds();
    assert_eq!(fs::read(&again).unwrap(), bytes);
    let mut words = vec![0u128; bytes.len() / 16];
    bytemuck::cast_slice_mut(&mut words).copy_from_slice(&bytes);
    let input = Model::parse(bytemuck::cast_slice(&words)).unwrap().network().input();
    assert_eq!(input, Shape::vector(12));
}

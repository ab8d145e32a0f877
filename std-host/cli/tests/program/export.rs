//! `wta export`: what a device makes of `model.wta` is what the program made of the run, bit for bit.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use crate::support::{Folder, floats, npy, shrunken_mnist, write_npy, wta};
use safetensors::SafeTensors;
use wta_core::int8::{Int8Classifier, Int8Extractor, Portable};
use wta_core::{
    Encoder, Int8Pipeline, Method, Model, Pipeline, Scalar, Svm, Threshold, extractor_len, novelty_len,
    stream_training_len,
};
use wta_tests::{Cross, emulator, require};

/// Two layers, a stride, overlapping pooling, square roots.
const CONV: &str = r#"
name = "two layers"
about = "for the tests"
[data]
set = "digits"
[network]
kind = "convolutional"
encoder = [{ maps = 6, kernel = 5 }, { maps = 8, kernel = [3, 5], stride = [1, 2] }]
decoder_kernel = 7
initial = "he"
[sparsity]
lifetime = 0.2
[training]
epochs = 1
batch = 50
optimizer = "adam"
rate = 2e-3
[features]
pool = { kernel = [5, 3], stride = [3, 2] }
root = true
[svm]
c = [1.0]
"#;

/// A trained and evaluated run.
fn trained(folder: &Folder) -> String {
    let (recipe, run) = (folder.write("recipe.toml", CONV), folder.path("run"));
    wta(&["train", &recipe, "--run", &run]).succeeds();
    run
}

/// A file in memory aligned as flash is.
struct Flash(Vec<u128>);

impl Flash {
    fn read(path: impl AsRef<Path>) -> Self {
        let bytes = fs::read(path).unwrap();
        let mut words = vec![0u128; bytes.len().div_ceil(16)];
        assert_eq!(bytes.len(), 16 * words.len(), "a whole number of 16 bytes");
        bytemuck::cast_slice_mut(&mut words).copy_from_slice(&bytes);
        Self(words)
    }

    fn model(&self) -> Model<'_> {
        Model::parse(bytemuck::cast_slice(&self.0)).unwrap()
    }
}

/// A bundled file of the test digits, without its header: pixel by pixel, or the labels.
fn bundled(folder: &Folder, name: &str, header: usize) -> Vec<u8> {
    let (packed, mut bytes) = (folder.bundled(name), Vec::new());
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
    bytes.split_off(header)
}

fn test_digits(folder: &Folder) -> Vec<u8> {
    bundled(folder, "t10k-images-idx3-ubyte.gz", 16)
}

/// Numbers position by position, from numbers map by map.
fn channels_last(maps: usize, numbers: &[f32]) -> Vec<f32> {
    let positions = numbers.len() / maps;
    (0..numbers.len()).map(|i| numbers[i % maps * positions + i / maps]).collect()
}

/// What firmware does with the pixels of an image.
fn features(model: &Model<'_>, pixels: &[u8]) -> Vec<f32> {
    let network = model.network();
    let encoder = Encoder::new(Scalar, model.parameters().unwrap(), &mut []).unwrap();
    let image: Vec<f32> = pixels.iter().map(|pixel| f32::from(*pixel) * model.scale()).collect();
    let (mut inputs, mut code) = (vec![0.0; network.inputs_len()], vec![0.0; network.code_len()]);
    encoder.load(1, 0, &image, &mut inputs).unwrap();
    encoder.hidden(1, &mut inputs, &mut []).unwrap();
    encoder.top(1, &inputs, &mut [], &mut code).unwrap();
    let mut features = vec![0.0; model.features()];
    model.pool().run(Scalar, network.code(), &code, &mut features).unwrap();
    if model.sqrt_features() {
        features.iter_mut().for_each(|feature| *feature = feature.sqrt());
    }
    features
}

#[test]
fn a_device_computes_the_scalar_hosts_features_and_scores() {
    let folder = Folder::new();
    let (run, out, file) = (trained(&folder), folder.path("model.wta"), folder.path("features.npy"));
    wta(&["eval", "--run", &run, "--isa", "scalar"]).succeeds();
    wta(&["encode", "--run", &run, "--split", "test", "--out", &file, "--isa", "scalar"]).succeeds();
    let said = wta(&["export", "--run", &run, "--out", &out]).succeeds();
    assert!(!said.stdout.contains("note"), "{said:?}");
    let flash = Flash::read(&out);
    let model = flash.model();

    // The parameters are those of model.safetensors.
    let saved = fs::read(folder.path("run/model.safetensors")).unwrap();
    let saved = SafeTensors::deserialize(&saved).unwrap();
    let tensor = |name: &str| floats(saved.tensor(name).unwrap().data());
    let parameters = model.parameters().unwrap();
    for (index, layer) in model.network().layers().enumerate() {
        let filters = tensor(&format!("encoder.{index}.weight"));
        let filters = filters.chunks_exact(layer.filter_len());
        let filters: Vec<f32> = filters.flat_map(|f| channels_last(layer.input.channels, f)).collect();
        assert_eq!(parameters.filters(index).weights, filters);
        assert_eq!(parameters.filters(index).bias, tensor(&format!("encoder.{index}.bias")));
    }
    assert_eq!(parameters.atoms(), tensor("decoder.weight"));
    assert_eq!(parameters.decoder_bias(), tensor("decoder.bias"));

    let saved = fs::read(folder.path("run/svm.safetensors")).unwrap();
    let saved = SafeTensors::deserialize(&saved).unwrap();
    let tensor = |name: &str| floats(saved.tensor(name).unwrap().data());
    // Map after map in the file, position by position on the device.
    let (maps, weights) = (model.network().code().channels, tensor("weight"));
    let weights: Vec<f32> =
        weights.chunks_exact(model.features()).flat_map(|class| channels_last(maps, class)).collect();
    let bias = tensor("bias");
    let svm = Svm::new(model.features(), &weights, &bias).unwrap();
    assert_eq!((model.classes(), svm.classes()), (10, 10));

    let labels = bundled(&folder, "t10k-labels-idx1-ubyte.gz", 8);
    let digits = test_digits(&folder);
    let encoded = npy(&file);
    assert_eq!(encoded.len(), digits.len() / 784 * model.features());
    let mut errors = 0;
    for ((pixels, expected), label) in
        digits.chunks_exact(784).zip(encoded.chunks_exact(model.features())).zip(&labels)
    {
        let features = features(&model, pixels);
        assert_eq!(features, channels_last(model.network().code().channels, expected));
        let scores: Vec<f32> = model.svm().unwrap().scores(&features).unwrap().collect();
        assert!(svm.scores(&features).unwrap().eq(scores));
        errors += usize::from(model.svm().unwrap().classify(&features).unwrap() != usize::from(*label));
    }
    // `eval` sums scores in f64.
    let eval = fs::read_to_string(folder.path("run/eval.json")).unwrap();
    let eval: serde_json::Value = serde_json::from_str(&eval).unwrap();
    let expected = eval["test_error"].as_f64().unwrap() * (digits.len() / 784) as f64;
    assert!((errors as f64 - expected).abs() <= 1.0, "{errors} errors, and {expected} by eval");
}

#[test]
fn the_table_adds_up_and_a_decoder_can_be_left_out() {
    let folder = Folder::new();
    let (run, out, small) = (trained(&folder), folder.path("model.wta"), folder.path("small.wta"));
    let bytes = |line: &str| line.rsplit(' ').next().unwrap().replace(',', "").parse::<usize>().unwrap();
    let sizes = |text: &str| {
        let flash = text.lines().skip(1).take_while(|line| line.starts_with("  "));
        flash.map(bytes).collect::<Vec<usize>>()
    };
    let whole = wta(&["export", "--run", &run, "--out", &out]).succeeds();
    assert!(whole.stdout.contains("note: without classifier: train one with `wta eval --run "), "{whole:?}");
    let (total, parts) = sizes(&whole.stdout).split_last().map(|(t, p)| (*t, p.to_vec())).unwrap();
    assert_eq!(parts.iter().sum::<usize>(), total);
    assert_eq!(fs::metadata(&out).unwrap().len(), total as u64);
    let network = Flash::read(&out).model().network();
    assert_eq!(parts[1], 4 * network.parameters_len());
    let ram = 4 * (network.inputs_len() + network.code_len());
    assert_eq!(bytes(whole.value_after("  encoding a whole image ").trim()), ram);
    assert!(whole.stdout.contains("training, 50 images a step"), "{whole:?}");
    let model = Flash::read(&out);
    let streamed = 4 * wta_core::extractor_len(&network, &model.model().pool());
    assert_eq!(bytes(whole.value_after("  features, row by row ").trim()), streamed);
    assert!(whole.stdout.contains("training row by row, 50 a step"), "{whole:?}");

    let alone = wta(&["export", "--run", &run, "--out", &small, "--no-decoder"]).succeeds();
    assert!(!alone.stdout.contains("training") && !alone.stdout.contains("novelty"), "{alone:?}");
    assert_eq!(sizes(&alone.stdout)[1], 4 * network.encoder_len());
    let (whole, alone) = (Flash::read(&out), Flash::read(&small));
    assert!(!alone.model().parameters().unwrap().has_decoder());
    let digit = &test_digits(&folder)[..784];
    assert_eq!(features(&whole.model(), digit), features(&alone.model(), digit));
    // The same run gives the same bytes.
    let again = folder.path("again.wta");
    wta(&["export", "--run", &run, "--out", &again]).succeeds();
    assert_eq!(fs::read(&out).unwrap(), fs::read(&again).unwrap());
}

/// Evaluated with another pooling than the recipe's, which gives as many features.
#[test]
fn a_classifier_brings_its_pooling_along() {
    let folder = Folder::new();
    let (run, out) = (trained(&folder), folder.path("model.wta"));
    wta(&["eval", "--run", &run, "--pool", "4/3"]).succeeds();
    wta(&["export", "--run", &run, "--out", &out]).succeeds();
    assert_eq!(Flash::read(&out).model().pool(), wta_core::Pool::square(4, 3));

    wta(&["eval", "--run", &run, "--pool", "4/3,average"]).succeeds();
    wta(&["export", "--run", &run, "--out", &out]).succeeds();
    assert_eq!(Flash::read(&out).model().pool(), wta_core::Pool::square(4, 3).average());
    wta(&["export", "--run", &run, "--out", &out, "--int8"]).fails("no average pooling");
}

/// Both signs are twice the maps for a device, and the threshold is a flag.
#[test]
fn both_signs_and_a_threshold_go_along() {
    let folder = Folder::new();
    let more = "root = true\nsigns = \"both\"\nthreshold = \"triangle\"";
    let (recipe, run) = (folder.write("recipe.toml", &CONV.replace("root = true", more)), folder.path("run"));
    let (out, file, back) = (folder.path("model.wta"), folder.path("features.npy"), folder.path("back"));
    wta(&["train", &recipe, "--run", &run]).succeeds();
    wta(&["eval", "--run", &run, "--isa", "scalar"]).succeeds();
    wta(&["encode", "--run", &run, "--split", "test", "--out", &file, "--isa", "scalar"]).succeeds();
    let small = folder.path("int8.wta");
    wta(&["export", "--run", &run, "--out", &out]).succeeds();
    wta(&["export", "--run", &run, "--out", &small, "--int8"]).succeeds();
    let (flash, quantised) = (Flash::read(&out), Flash::read(&small));
    let (model, quantised) = (flash.model(), quantised.model());
    assert_eq!((model.network().code().channels, model.pool().threshold), (16, Threshold::Triangle));
    let (mut memory, mut found) = (vec![0.0; Pipeline::memory_len(&model)], vec![0.0; model.features()]);
    let mut words = vec![0; Int8Pipeline::<Portable>::memory_len(&quantised)];
    let mut integers = vec![0; model.features()];
    let expected = npy(&file);
    let pixels = test_digits(&folder);
    let (mut off, mut all, mut halves) = (0.0, 0.0, [0.0f32; 2]);
    for (pixels, expected) in pixels.chunks_exact(784).zip(expected.chunks_exact(model.features())).take(50) {
        let expected = channels_last(16, expected);
        Pipeline::new(model, &mut memory).unwrap().features(pixels, &mut found).unwrap();
        assert_eq!(found, expected);
        Int8Pipeline::new(Portable, quantised, &mut words).unwrap().features(pixels, &mut integers).unwrap();
        let scale = quantised.int8_feature_scale().unwrap();
        for (index, (integer, float)) in integers.iter().zip(&expected).enumerate() {
            off += (f32::from(*integer) * scale - float).powi(2);
            all += float * float;
            halves[index % 16 / 8] += float;
        }
    }
    assert!(off < 0.02 * all, "in 8 bits: {off} of {all}");
    assert!(halves.iter().all(|half| *half > 0.0), "both signs are there: {halves:?}");
    // As a run again, it is a network of 16 maps.
    let again = folder.path("again.wta");
    wta(&["import", &out, "--run", &back]).succeeds();
    wta(&["export", "--run", &back, "--out", &again]).succeeds();
    let again = Flash::read(&again);
    let again = again.model();
    assert_eq!((again.network(), again.pool()), (model.network(), model.pool()));
    let mut memory = vec![0.0; Pipeline::memory_len(&again)];
    Pipeline::new(again, &mut memory).unwrap().features(&pixels[..784], &mut found).unwrap();
    assert_eq!(found, channels_last(16, &expected[..found.len()]));
}

/// Three layers, two of them below the other.
#[test]
fn a_stack_is_one_file_and_a_layer_below_can_be_exported_alone() {
    let folder = Folder::new();
    let below: String =
        CONV.lines().map(|line| line.replace('[', "[below.").replace("= [below.", "= [") + "\n").collect();
    let below = below.replace("{ maps = 8, kernel = [below.3", "{ maps = 8, kernel = [3");
    let below = below.replace("stride = [below.", "stride = [").replace("name", "below.name");
    let text = format!(
        r#"
name = "upper"
about = "for the tests"
data = {{ set = "digits" }}
network = {{ kind = "fully-connected", units = [30], initial = "he" }}
sparsity = {{ lifetime = 0.2 }}
training = {{ epochs = 1, batch = 50, optimizer = "adam", rate = 2e-3 }}
{}"#,
        below.replace("about", "below.about")
    );
    let (recipe, run, out) = (folder.write("stack.toml", &text), folder.path("run"), folder.path("top.wta"));
    wta(&["train", &recipe, "--run", &run]).succeeds();
    let said = wta(&["export", "--run", &run, "--out", &out]).succeeds();
    let lower = folder.path("run/below");
    assert!(said.stdout.contains("layers below") && !said.stdout.contains("top layer"), "{said:?}");
    let low = folder.path("low.wta");
    let said = wta(&["export", "--run", &lower, "--out", &low]).succeeds();
    assert!(!said.stdout.contains("layers below"), "{said:?}");

    let (low, top) = (Flash::read(&low), Flash::read(&out));
    let (low, top) = (low.model(), top.model());
    assert!(top.is_stacked() && top.is_planar() && !low.is_stacked() && !low.is_planar());
    // Its encoder: only the top layer is trained on a device.
    let below = top.below().unwrap();
    let whole = low.section(wta_core::model::PARAMETERS).unwrap();
    assert!(whole.starts_with(below.section(wta_core::model::PARAMETERS).unwrap()));
    assert_eq!((top.layers(), top.below().unwrap().network()), (2, low.network()));
    let mut memory = vec![0.0; Pipeline::memory_len(&top)];
    // One after the other they are the stack, and so is the whole file.
    let file = folder.path("features.npy");
    wta(&["encode", "--run", &run, "--split", "test", "--out", &file, "--isa", "scalar"]).succeeds();
    let network = top.network();
    let encoder = Encoder::new(Scalar, top.parameters().unwrap(), &mut []).unwrap();
    let maps = low.network().code().channels;
    for (pixels, expected) in test_digits(&folder).chunks_exact(784).zip(npy(&file).chunks_exact(30)).take(50)
    {
        let features = features(&low, pixels);
        let positions = features.len() / maps;
        let input: Vec<f32> = (0..features.len())
            .map(|i| features[i % positions * maps + i / positions] * top.scale())
            .collect();
        let (mut inputs, mut code) = (vec![0.0; network.inputs_len()], vec![0.0; network.code_len()]);
        encoder.load(1, 0, &input, &mut inputs).unwrap();
        encoder.top(1, &inputs, &mut [], &mut code).unwrap();
        assert_eq!(code, expected);
        Pipeline::new(top, &mut memory).unwrap().features(pixels, &mut code).unwrap();
        assert_eq!(code, expected);
    }
}

/// A signal of three channels in an array, standardised by channel.
const SIGNAL: &str = r#"
name = "signal"
about = "for the tests"
[data]
set = "array"
train = "train.npy"
test = "test.npy"
train_labels = "labels.npy"
test_labels = "labels.npy"
class_names = ['a "b" \', "two, lines??/", "gr\u00fc7"]
[[preprocess]]
step = "standardise"
per = "channel"
[network]
kind = "convolutional"
encoder = [{ maps = 6, kernel = 5 }]
decoder_kernel = 5
initial = "he"
[sparsity]
lifetime = 0.2
[training]
epochs = 1
batch = 20
optimizer = "adam"
rate = 2e-3
[features]
pool = { kernel = 4, stride = 4 }
[svm]
c = [1.0]
"#;

/// The classes' names in it, each with something that a string literal has to escape.
const NAMES: [&str; 3] = ["a \"b\" \\", "two, lines??/", "gr\u{fc}7"];

/// A run on 60 samples of 3 channels x 40 time steps in 16 bits.
fn signal_run(folder: &Folder) -> (String, Vec<i16>) {
    let mut samples = Vec::new();
    for sample in 0..60 {
        for channel in 0..3 {
            for time in 0..40 {
                let wave = (time as f32 * (0.3 + 0.3 * (sample % 3) as f32) + sample as f32).sin();
                samples.push((wave * 500.0) as i16 - 300 * channel);
            }
        }
    }
    let bytes: Vec<u8> = samples.iter().flat_map(|v| v.to_le_bytes()).collect();
    let labels: Vec<u8> = (0..60).map(|sample| sample % 3).collect();
    write_npy(&folder.path("train.npy"), "<i2", "(60, 3, 40)", &bytes);
    write_npy(&folder.path("test.npy"), "<i2", "(60, 3, 40)", &bytes);
    write_npy(&folder.path("labels.npy"), "|u1", "(60,)", &labels);
    let (recipe, run) = (folder.write("signal.toml", SIGNAL), folder.path("signal"));
    wta(&["train", &recipe, "--data", &folder.path(""), "--run", &run]).succeeds();
    wta(&["eval", "--run", &run, "--data", &folder.path(""), "--isa", "scalar"]).succeeds();
    // Time step by time step, as a sensor gives them.
    let order = (0..60 * 120).map(|i| samples[i / 120 * 120 + i % 3 * 40 + i % 120 / 3]).collect();
    (run, order)
}

#[test]
fn a_signal_with_preprocessing_is_classified_from_16_bits() {
    let folder = Folder::new();
    let (run, samples) = signal_run(&folder);
    let (out, data, file) = (folder.path("model.wta"), folder.path(""), folder.path("features.npy"));
    let encode =
        ["encode", "--run", &run, "--split", "test", "--out", &file, "--isa", "scalar", "--data", &data];
    wta(&encode).succeeds();
    let int8 = ["export", "--run", &run, "--out", &out, "--int8", "--keep-f32", "--data", &data];
    let said = wta(&int8).succeeds();
    assert!(said.stdout.contains("int8 gives") && said.stdout.contains("preprocessing"), "{said:?}");
    let flash = Flash::read(&out);
    let model = flash.model();
    assert_eq!((model.network().input().height, model.preprocessing().len()), (40, 1));
    let mut memory = vec![0.0; Pipeline::memory_len(&model)];
    let mut words = vec![0; Int8Pipeline::<Portable>::memory_len(&model)];
    let mut same = 0;
    for (sample, expected) in samples.chunks_exact(120).zip(npy(&file).chunks_exact(model.features())) {
        let mut pipeline = Pipeline::new(model, &mut memory).unwrap();
        let mut found = vec![0.0; model.features()];
        pipeline.features(sample, &mut found).unwrap();
        // The program writes map after map.
        assert_eq!(found, channels_last(6, expected));
        let class = pipeline.classify(sample).unwrap();
        same += usize::from(
            Int8Pipeline::new(Portable, model, &mut words).unwrap().classify(sample).unwrap() == class,
        );
    }
    assert!(same >= 59, "{same}");

    // A run that does not say the shape of its samples, as earlier versions wrote them.
    let kind = folder.path("signal/sample.json");
    let stored = fs::read(&kind).unwrap();
    fs::remove_file(&kind).unwrap();
    let export = |more: &[&str]| wta(&[&["export", "--run", &run, "--out", &out][..], more].concat());
    export(&[]).fails("does not say the shape of a sample; give it as channels x rows x columns");
    export(&["--shape", "3x1x40"]).succeeds();
    assert_eq!(Flash::read(&out).model().network().input().height, 40);
    let wrong = export(&["--shape", "3x40"]).finish();
    assert!(wrong.code == Some(2) && wrong.stderr.contains("must be channels x rows x columns"), "{wrong:?}");
    fs::write(&kind, stored).unwrap();
    export(&["--shape", "3x1x41"]).fails("learnt from samples of 3x1x40, not of 3x1x41");
}

#[test]
fn scales_are_not_calibrated_on_samples_of_another_shape() {
    let folder = Folder::new();
    let (run, _) = signal_run(&folder);
    let (out, onnx, data) = (folder.path("m.wta"), folder.path("m.onnx"), folder.path(""));
    // As many numbers, and others.
    for shape in [[4, 30], [1, 120], [3, 41], [2, 2]] {
        let bytes = vec![1; 60 * shape[0] * shape[1] * 2];
        let shape = format!("(60, {}, {})", shape[0], shape[1]);
        write_npy(&folder.path("train.npy"), "<i2", &shape, &bytes);
        for to in [["--out", &out], ["--onnx", &onnx]] {
            let export = ["export", "--run", &run, "--int8", "--data", &data, to[0], to[1]];
            wta(&export).fails("but the network takes");
        }
    }
    assert!(!folder.exists("m.wta") && !folder.exists("m.onnx"));
}

#[test]
fn two_models_lie_in_one_program() {
    let folder = Folder::new();
    let (digits, (signal, _)) = (trained(&folder), signal_run(&folder));
    wta(&["eval", "--run", &digits]).succeeds();
    let data = folder.path("");
    for (run, name) in [(&digits, "digits"), (&signal, "motion_2")] {
        let (out, header) = (folder.path(&format!("{name}.wta")), folder.path(&format!("{name}.h")));
        let module = folder.path(&format!("{name}.rs"));
        let export = [
            "export", "--run", run, "--out", &out, "--c", &header, "--rust", &module, "--name", name,
            "--int8",
        ];
        wta(&[&export[..], &["--keep-f32", "--data", &data]].concat()).succeeds();
    }
    // Numbers, so that the expected names need no escapes.
    let bytes = |name: &str| name.bytes().map(|byte| format!("{byte},")).collect::<String>();
    let wrong: String = (NAMES.iter().enumerate())
        .map(|(class, name)| {
            let name = bytes(name) + "0";
            format!(
                "    static const unsigned char name{class}[] = {{{name}}};\n    if (memcmp(\
                 wta_motion_2_class_names[{class}], name{class}, sizeof name{class})) return 1;\n"
            )
        })
        .collect();
    let text = String::from(
        "#include <string.h>\n#include \"digits.h\"\n#include \"motion_2.h\"\nint main(void) {\n",
    ) + &wrong
        + "    if (strcmp(wta_digits_class_names[9], \"9\")) return 1;\n\
        return !(wta_digits[0] == wta_motion_2[0] && WTA_DIGITS_CHANNELS == 1u && WTA_MOTION_2_CHANNELS == 3u\n\
        && WTA_DIGITS_INT8_PORTABLE_BYTES == WTA_DIGITS_INT8_DSP_BYTES && WTA_MOTION_2_ENCODE_BYTES > 0u);\n}\n";
    folder.write("two.c", &text);
    folder.write("two.cpp", &text);
    let strict = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wundef", "-Werror"];
    for (compiler, package, only_c, standards) in [
        ("gcc", "gcc", "-Wc++-compat", &["c99", "c11", "c17"][..]),
        ("clang", "clang", "-Wc++-compat", &["c99", "c11", "c17"]),
        ("g++", "g++", "-Wall", &["c++11", "c++14", "c++17", "c++20"]),
        ("clang++", "clang", "-Wall", &["c++11", "c++14", "c++17", "c++20"]),
    ] {
        let Some(found) = require(emulator::find(compiler, package)) else { continue };
        let run = |arguments: &[&str]| {
            let mut command = Command::new(&found);
            command.current_dir(&data).args(strict).arg(only_c).args(arguments);
            command
        };
        let ending = if compiler.ends_with("++") { "cpp" } else { "c" };
        let [two, none, same] = ["two", "none", "same"].map(|name| format!("{name}.{ending}"));
        // Nothing of them is used.
        folder.write(&none, "#include \"digits.h\"\n#include \"motion_2.h\"\n#include \"digits.h\"\n");
        for (index, standard) in standards.iter().enumerate() {
            let standard = format!("-std={standard}");
            succeeds(run(&[&standard, "-fsyntax-only", &none]));
            if index > 0 {
                succeeds(run(&[&standard, "-fsyntax-only", &two]));
                continue;
            }
            succeeds(run(&[&standard, &two, "-o", "two"]));
            let mut command = Command::new(folder.path("two"));
            command.current_dir(&data);
            succeeds(command);
        }
        // Two models of one name.
        let other = fs::read_to_string(folder.path("motion_2.h")).unwrap();
        folder.write("other.h", &other.replace("motion_2", "digits").replace("MOTION_2", "DIGITS"));
        folder.write(&same, "#include \"digits.h\"\n#include \"other.h\"\n");
        let output = run(&["-fsyntax-only", &same]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("two models are called digits"), "{said}");
    }
    // What the constants say is what the core asks for.
    let flash = Flash::read(folder.path("motion_2.wta"));
    let model = flash.model();
    assert!((0..4).map(|class| model.class_name(class)).eq(NAMES.map(Some).into_iter().chain([None])));
    assert!(Flash::read(folder.path("digits.wta")).model().class_names().is_none());
    let module = fs::read_to_string(folder.path("motion_2.rs")).unwrap();
    for (name, len) in [
        ("PIPELINE_LEN", Pipeline::memory_len(&model)),
        ("INT8_PIPELINE_LEN", Int8Pipeline::<Portable>::memory_len(&model)),
        ("PREPROCESSING_STEPS", 1),
        ("LAYERS", 1),
    ] {
        assert!(module.contains(&format!("pub const {name}: usize = {len};")), "{name} {len}");
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let core = workspace.join("core");
    folder.write(
        "Cargo.toml",
        &format!(
            "[workspace]\n[package]\nname = \"twice\"\nedition = \"2024\"\n[[bin]]\nname = \"twice\"\n\
             path = \"main.rs\"\n[dependencies]\nwta-core = {{ path = {core:?}, default-features = false }}\n\
             [lints.rust]\nwarnings = \"deny\""
        ),
    );
    fs::copy(workspace.join("Cargo.lock"), folder.path("Cargo.lock")).unwrap();
    let names: String = (NAMES.iter().enumerate())
        .map(|(class, name)| {
            let name = bytes(name);
            format!("    assert_eq!(motion_2::CLASS_NAMES[{class}].as_bytes(), [{name}]);\n")
        })
        .collect();
    let main = String::from(
        "include!(\"digits.rs\");\ninclude!(\"motion_2.rs\");\n\
         #[path = \"digits.rs\"]\nmod again;\n\
         static MEMORY: [f32; motion_2::PIPELINE_LEN] = [0.0; motion_2::PIPELINE_LEN];\n\
         fn main() {\n    assert!(digits::MODEL != motion_2::MODEL && again::MODEL == digits::MODEL);\n    \
         assert_eq!((digits::CLASS_NAMES[9], digits::CLASSES), (\"9\", 10));\n    \
         let model = wta_core::Model::parse(motion_2::MODEL).unwrap();\n    \
         assert_eq!(wta_core::Pipeline::memory_len(&model), MEMORY.len());\n",
    ) + &names
        + "}\n";
    folder.write("main.rs", &main);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "run",
        "--quiet",
        "--offline",
        "--manifest-path",
        &folder.path("Cargo.toml"),
        "--target-dir",
    ]);
    cargo.arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("twice"));
    succeeds(cargo);
    for (name, sentence) in
        [("2nd", "begin with a letter"), ("a-b", "letters a to z"), ("status", "choose another")]
    {
        let out = folder.path("other.wta");
        let wrong = wta(&["export", "--run", &digits, "--out", &out, "--name", name]).finish();
        assert!(wrong.code == Some(2) && wrong.stderr.contains(sentence), "{wrong:?}");
    }
}

/// Runs a program that must succeed.
#[track_caller]
fn succeeds(command: Command) {
    let finished = wta_tests::run(command).unwrap();
    assert!(finished.success(), "{}\n{}", finished.ending(), finished.output);
}

/// A package of this module, built and run by cargo.
#[test]
fn the_rust_module_is_the_file_and_needs_no_std() {
    let folder = Folder::new();
    let (run, out, module) = (trained(&folder), folder.path("model.wta"), folder.path("src/model.rs"));
    wta(&["eval", "--run", &run]).succeeds();
    fs::create_dir(folder.path("src")).unwrap();
    wta(&["export", "--run", &run, "--out", &out, "--rust", &module]).succeeds();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let core = workspace.join("core");
    folder.write(
        "Cargo.toml",
        &format!(
            "[workspace]\n[package]\nname = \"exported\"\nedition = \"2024\"\n[dependencies]\n\
             wta-core = {{ path = {core:?}, default-features = false }}\n[lints.rust]\nwarnings = \"deny\""
        ),
    );
    // Versions that are there, without a look at a registry.
    fs::copy(workspace.join("Cargo.lock"), folder.path("Cargo.lock")).unwrap();
    folder.write("src/lib.rs", "//! Firmware.\n#![no_std]\n#![forbid(unsafe_code)]\npub mod model;\n");
    folder.write(
        "src/main.rs",
        r#"
use exported::model::{CLASSES, FEATURES, MODEL, NETWORK, POOL, ROOT, SCALE};

fn main() {
    let model = wta_core::Model::parse(MODEL).unwrap();
    assert_eq!((model.network(), model.pool(), model.sqrt_features()), (NETWORK, POOL, ROOT));
    assert_eq!((model.scale(), model.features(), model.classes()), (SCALE, FEATURES, CLASSES));
    assert_eq!(MODEL.as_ptr().align_offset(16), 0);
    std::fs::write(std::env::args().nth(1).unwrap(), MODEL).unwrap();
}
"#,
    );
    let (target, copy) = (Path::new(env!("CARGO_TARGET_TMPDIR")).join("exported"), folder.path("copy.wta"));
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--offline", "--manifest-path", &folder.path("Cargo.toml")]);
    cargo.arg("--target-dir").arg(&target).args(["--", &copy]);
    succeeds(cargo);
    assert_eq!(fs::read(&out).unwrap(), fs::read(&copy).unwrap());

    let Some(cross) = require(Cross::for_libraries("thumbv7em-none-eabihf")) else { return };
    let mut cargo = cross.cargo_as_for_firmware("build", env!("CARGO_TARGET_TMPDIR"));
    cargo.args(["--lib", "--manifest-path", &folder.path("Cargo.toml")]);
    succeeds(cargo);
}

#[test]
fn the_c_header_is_the_file() {
    let folder = Folder::new();
    let (run, out, header) = (trained(&folder), folder.path("model.wta"), folder.path("model.h"));
    wta(&["export", "--run", &run, "--out", &out, "--c", &header]).succeeds();
    let main = folder.write(
        "main.c",
        r#"
#include "model.h"
#include "model.h"
#include <stdint.h>
#include <stdio.h>

int main(void) {
    FILE *file = fopen("copy.wta", "wb");
    if (!file || (uintptr_t)wta_model % 16 || WTA_MODEL_CHANNELS * WTA_MODEL_HEIGHT * WTA_MODEL_WIDTH != 784)
        return 1;
    if (WTA_MODEL_SCALE != 1.0f / 255 || WTA_MODEL_FEATURES != 560 || WTA_MODEL_CLASSES != 0)
        return 2;
    return fwrite(wta_model, 1, WTA_MODEL_LEN, file) != sizeof wta_model || fclose(file) != 0;
}
"#,
    );
    let (text, mut sizes) = (fs::read_to_string(&header).unwrap(), String::new());
    let flash = Flash::read(&out);
    let (network, pool) = (flash.model().network(), flash.model().pool());
    let training = |method: Method| stream_training_len(&network, &method, 32).bytes();
    for (name, bytes) in [
        ("ENCODE_BYTES", 4 * extractor_len(&network, &pool)),
        ("NOVELTY_BYTES", 4 * (novelty_len(&network) + 8)),
        ("TRAIN_SGD_BYTES(32)", training(Method::Sgd { momentum: 0.9 })),
        ("TRAIN_ADAM_BYTES(32)", training(Method::ADAM)),
    ] {
        // A macro that is not there, or another number, does not compile.
        sizes += &format!("typedef char check_{}[WTA_MODEL_{name} == {bytes} ? 1 : -1];\n", bytes);
    }
    assert!(!text.contains("INT8_BYTES"), "no quantised network is in the model");
    let main = folder.write("main.c", &(fs::read_to_string(main).unwrap() + &sizes));
    let compiler = |name, package| require(emulator::find(name, package));
    let compile = |compiler: &Path, arguments: &[&str]| {
        let mut command = Command::new(compiler);
        command.current_dir(folder.path("")).args(["-Wall", "-Wextra", "-Werror", "-pedantic"]);
        command.args(arguments);
        succeeds(command);
    };
    if let Some(cc) = compiler("cc", "gcc") {
        for standard in ["-std=c99", "-std=c11"] {
            compile(&cc, &[standard, &main, "-o", "main"]);
            let mut command = Command::new(folder.path("main"));
            command.current_dir(folder.path(""));
            succeeds(command);
            assert_eq!(fs::read(&out).unwrap(), fs::read(folder.path("copy.wta")).unwrap());
        }
    }
    if let Some(cc) = compiler("arm-none-eabi-gcc", "gcc-arm-none-eabi") {
        // Without a C library, which that compiler may lack.
        let main = folder.write(
            "firmware.c",
            "#include \"model.h\"\nunsigned char last(void);\n\
             unsigned char last(void) { return wta_model[WTA_MODEL_LEN - 1u]; }\n",
        );
        compile(&cc, &["-std=c99", "-mcpu=cortex-m4", "-c", &main, "-o", "main.o"]);
    }
}

#[test]
fn what_cannot_be_exported_gets_one_sentence() {
    let folder = Folder::new();
    let (run, out) = (trained(&folder), folder.path("model.wta"));
    let export = |more: &[&str]| wta(&[&["export", "--run", &run, "--out", &out][..], more].concat());
    wta(&["export", "--run", &folder.path("nowhere"), "--out", &out]).fails("is not a run folder");
    wta(&["export", "--run", &run, "--out", &run]).fails("is a folder; give the path of a file");
    wta(&["export", "--run", &run, "--out", &folder.path("no/model.wta")]).fails("cannot write");
    export(&["--rust", &run]).fails("is a folder");
    export(&["--c", &folder.path("no/model.h")]).fails("cannot write");
    fs::remove_file(&out).unwrap();

    // Files of another run, or of no run.
    folder.write("run/svm.safetensors", "not a classifier");
    export(&[]).fails("svm.safetensors: is not a whole safetensors file; run `wta eval` again");
    fs::copy(folder.path("run/model.safetensors"), folder.path("run/svm.safetensors")).unwrap();
    export(&[]).fails("has no tensor weight");
    wta(&["eval", "--run", &run]).succeeds();
    fs::remove_file(folder.path("run/svm.safetensors")).unwrap();
    export(&[]).succeeds();
    fs::remove_file(&out).unwrap();
    let model = folder.path("run/model.safetensors");
    let whole = fs::read(&model).unwrap();
    fs::write(&model, &whole[..99]).unwrap();
    export(&[]).fails("not a whole safetensors file");
    fs::remove_file(&model).unwrap();
    export(&[]).fails("has no model.safetensors yet");
    assert!(!folder.exists("model.wta"));
}

#[test]
fn an_rbm_is_refused() {
    let folder = Folder::new();
    let recipe = folder.write(
        "rbm.toml",
        r#"
name = "rbm"
about = "for the tests"
data = { set = "mnist" }
network = { kind = "rbm", hidden = 20, initial = { normal = 0.01 } }
sparsity = {}
training = { epochs = 1, batch = 50, optimizer = { sgd = { momentum = 0.5 } }, rate = 0.1 }
"#,
    );
    let (data, run, out) = (shrunken_mnist(&folder), folder.path("run"), folder.path("model.wta"));
    wta(&["train", &recipe, "--data", &data, "--run", &run]).succeeds();
    wta(&["export", "--run", &run, "--out", &out]).fails("is the run of an RBM");
    assert!(!folder.exists("model.wta"));
}

/// Needs root, to mount a tmpfs; says so where it cannot.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said() {
    let folder = Folder::new();
    let Some(disk) = folder.tmpfs("disk", "4k") else {
        crate::support::skipped("a full disk: mounting a tmpfs needs root");
        return;
    };
    let run = trained(&folder);
    let out = wta(&["export", "--run", &run, "--out", &format!("{}/model.wta", disk.path())]);
    let out = out.fails("cannot write");
    assert!(out.stderr.contains("No space left"), "{out:?}");
    assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 0);
}

#[test]
fn a_quantised_network_classifies_on_a_device_as_the_program_says() {
    let folder = Folder::new();
    let (run, out) = (trained(&folder), folder.path("int8.wta"));
    // Without a classifier, the encoder alone.
    let said = wta(&["export", "--run", &run, "--out", &out, "--int8"]).succeeds();
    assert!(said.stdout.contains("note: without classifier") && !said.stdout.contains("gives"), "{said:?}");
    assert!(Flash::read(&out).model().int8_svm().is_none());
    wta(&["eval", "--run", &run]).succeeds();
    let said = wta(&["export", "--run", &run, "--out", &out, "--int8"]).succeeds();

    let flash = Flash::read(&out);
    let model = flash.model();
    assert!(model.parameters().is_none() && model.svm().is_none());
    let (network, svm) = (model.int8().unwrap(), model.int8_svm().unwrap());
    let len = Int8Extractor::<Portable>::memory_len(network.network(), &model.pool());
    let (mut memory, mut sums) = (vec![0; len], vec![0; svm.classes()]);
    let extractor =
        Int8Extractor::new(Portable, network, model.pool(), model.sqrt_features(), &mut memory).unwrap();
    let mut classifier = Int8Classifier::new(extractor, svm, &mut sums).unwrap();
    let labels = folder.bundled("t10k-labels-idx1-ubyte.gz");
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&labels[..]).read_to_end(&mut unpacked).unwrap();
    let digits = test_digits(&folder);
    let mut errors = 0;
    for (pixels, label) in digits.chunks_exact(784).zip(&unpacked[8..]) {
        errors += usize::from(classifier.classify(pixels).unwrap() != usize::from(*label));
    }
    let images = digits.len() / 784;
    let rate = format!("int8 {:.2}%", 100.0 * errors as f64 / images as f64);
    assert!(said.stdout.contains(&rate), "{rate}: {said:?}");
    let same = said.stdout.split("int8 gives ").nth(1).and_then(|rest| rest.split('%').next()).unwrap();
    assert!(same.parse::<f64>().unwrap() >= 98.0, "{said:?}");

    // With the numbers in f32, too.
    wta(&["export", "--run", &run, "--out", &out, "--int8", "--keep-f32", "--no-decoder"]).succeeds();
    let flash = Flash::read(&out);
    let both = flash.model();
    assert!(both.parameters().is_some() && both.svm().is_some() && both.int8_svm().is_some());
}

/// `--int8` of a host: the numbers that a device computes with the file of `export --int8`.
#[test]
fn hosts_encode_and_classify_in_8_bits_as_devices_do() {
    let folder = Folder::new();
    let (recipe, run) = (folder.write("recipe.toml", CONV), folder.path("run"));
    let (out, file, samples) =
        (folder.path("model.wta"), folder.path("features.npy"), folder.path("test.npy"));
    wta(&["train", &recipe, "--run", &run]).succeeds();
    let pixels = test_digits(&folder);
    let count = 40;
    write_npy(&samples, "|u1", &format!("({count}, 28, 28)"), &pixels[..784 * count]);
    wta(&["predict", "--run", &run, "--int8", &samples]).fails("no classifier yet");
    wta(&["eval", "--run", &run]).succeeds();
    wta(&["export", "--run", &run, "--out", &out, "--int8"]).succeeds();
    let flash = Flash::read(&out);
    let model = flash.model();
    let mut memory = vec![0; Int8Pipeline::<Portable>::memory_len(&model)];
    let mut device = Int8Pipeline::new(Portable, model, &mut memory).unwrap();
    let scale = model.int8_feature_scale().unwrap();
    let (mut features, mut classes) = (Vec::new(), Vec::new());
    let mut row = vec![0; model.features()];
    for pixels in pixels.chunks_exact(784).take(count) {
        device.features(pixels, &mut row).unwrap();
        features.extend(row.iter().map(|feature| f32::from(*feature) * scale));
        classes.push(device.classify(pixels).unwrap().to_string());
    }
    for isa in [&["--isa", "scalar"][..], &[]] {
        let isa = [isa, &["--run", &run, "--int8"]].concat();
        let all = [&["encode", "--split", "test", "--out", &file][..], &isa].concat();
        wta(&all).succeeds();
        let numbers = npy(&file);
        let found = numbers.chunks_exact(model.features()).flat_map(|maps| channels_last(8, maps));
        assert!(found.take(features.len()).eq(features.iter().copied()));
        let predicted =
            wta(&[&["predict", &samples, "--format", "csv"][..], &isa].concat()).succeeds().stdout;
        let found = predicted.lines().skip(1).map(|line| line.split(',').nth(1).unwrap());
        assert!(found.eq(classes.iter().map(String::as_str)), "{predicted}");
    }
    // New samples, with the folder of those that calibrate: digits need none.
    let data = folder.path("nowhere");
    let of_file = ["encode", "--run", &run, "--inputs", &samples, "--out", &file];
    wta(&[&of_file[..], &["--int8"]].concat()).succeeds();
    wta(&[&of_file[..], &["--data", &data]].concat()).fails("--data is the recipe's data set");
    let larger = folder.path("larger.npy");
    write_npy(&larger, "|u1", "(1, 30, 28)", &[7; 840]);
    wta(&["encode", "--run", &run, "--inputs", &larger, "--out", &file, "--int8"])
        .fails("these are 30 x 28 x 1");
    wta(&[&of_file[..], &["--int8", "--code", "trained"]].concat()).fails("--int8 has no winners");
    wta(&[&of_file[..], &["--int8", "--pool", "2/2,average"]].concat()).fails("no average pooling");
}

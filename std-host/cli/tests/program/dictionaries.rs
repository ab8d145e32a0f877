//! Sparse dictionaries of activations: training, resuming, measures, what excites atoms, SAELens's files.

use std::fs;

use safetensors::SafeTensors;

use crate::support::{Folder, floats, npy, write_npy, wta};

const INPUTS: usize = 20;
const UNITS: usize = 48;
const SAMPLES: usize = 900;
const TEST: usize = 150;

/// Sparse sums of 30 directions, far from 0, as float16 in two shards. Returns the test samples.
fn data(folder: &Folder) -> Vec<f32> {
    let noise = |index: usize| ((index as f32 * 12.9898).sin() * 43758.547).fract().abs();
    let number = |sample: usize, input: usize| {
        let active = (0..30).filter(|atom| noise(sample * 31 + atom) < 0.1);
        let sum: f32 = active
            .map(|atom| (1.0 + noise(sample + 7 * atom)) * (noise(1000 + atom * INPUTS + input) - 0.5))
            .sum();
        3.0 + sum
    };
    let bytes = |samples: std::ops::Range<usize>| -> Vec<u8> {
        samples
            .flat_map(|sample| (0..INPUTS).map(move |input| (sample, input)))
            .flat_map(|(sample, input)| half(number(sample, input)).to_le_bytes())
            .collect()
    };
    write_npy(&folder.path("a.npy"), "<f2", &format!("(500, {INPUTS})"), &bytes(0..500));
    write_npy(&folder.path("b.npy"), "<f2", &format!("({}, {INPUTS})", SAMPLES - 500), &bytes(500..SAMPLES));
    write_npy(&folder.path("test.npy"), "<f2", &format!("({TEST}, {INPUTS})"), &bytes(5000..5000 + TEST));
    bytes(5000..5000 + TEST).chunks(2).map(|bytes| whole(u16::from_le_bytes([bytes[0], bytes[1]]))).collect()
}

/// The bits of a float16 between 2^-14 and 2^15, rounded towards 0.
fn half(value: f32) -> u16 {
    let bits = value.to_bits();
    let exponent = (bits >> 23 & 0xFF) as i32 - 112;
    (bits >> 16 & 0x8000) as u16 | (exponent as u16) << 10 | (bits >> 13 & 0x3FF) as u16
}

/// The number of such bits.
fn whole(half: u16) -> f32 {
    let half = u32::from(half);
    f32::from_bits((half & 0x8000) << 16 | ((half >> 10 & 0x1F) + 112) << 23 | (half & 0x3FF) << 13)
}

fn recipe(sparsity: &str, dictionary: &str) -> String {
    format!(
        "name = 'words'\nabout = 'activations'\n\
         data = {{ set = 'array', train = ['a.npy', 'b.npy'], test = 'test.npy' }}\n\
         network = {{ kind = 'fully-connected', units = [{UNITS}], initial = 'transposed' }}\n\
         sparsity = {{ {sparsity} }}\ndictionary = {{ {dictionary} }}\n\
         training = {{ epochs = 6, batch = 50, optimizer = 'adam', rate = 5e-3, held_out = 0.1, \
         schedule = {{ ramps = {{ rise = 0.1, fall = 0.2 }} }} }}\n"
    )
}

const WHOLE: &str =
    "centred = true, unit_atoms = true, thresholds = true, dead_units = { units = 8, after = 200 }";

fn trained(folder: &Folder, name: &str, sparsity: &str, dictionary: &str) -> (String, String) {
    let text = folder.write(&format!("{name}.toml"), &recipe(sparsity, dictionary));
    let (run, data) = (folder.path(name), folder.path(""));
    let said = wta(&["train", &text, "--data", &data, "--run", &run]).succeeds();
    (run, said.value_after("weights checksum: "))
}

/// The parameters of a safetensors file by name.
fn tensor(path: &str, name: &str) -> (Vec<usize>, Vec<f32>) {
    let file = fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let tensor = tensors.tensor(name).unwrap();
    (tensor.shape().to_vec(), floats(tensor.data()))
}

#[test]
fn a_dictionary_is_trained_measured_and_exported() {
    let folder = Folder::new();
    let samples = data(&folder);
    let (run, _) = trained(&folder, "words", "per-batch = 3", WHOLE);
    let data = folder.path("");

    // Measures, for people and for programs.
    let said = wta(&["eval", "--run", &run, "--data", &data]).succeeds().stdout;
    for word in ["150 test samples", "FVU", "cosine", "L0", "L1", "dead", "dense"] {
        assert!(said.contains(word), "{word} in\n{said}");
    }
    let json = wta(&["eval", "--run", &run, "--data", &data, "--json"]).succeeds().stdout;
    let measures: serde_json::Value = serde_json::from_str(&json).unwrap();
    let number = |key: &str| measures[key].as_f64().unwrap();
    assert!(number("fvu") < 0.5, "{json}");
    let written = fs::read_to_string(format!("{run}/reconstruction.json")).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), measures);
    let held_out = wta(&["eval", "--run", &run, "--data", &data, "--validate"]).succeeds().stdout;
    assert!(held_out.starts_with("90 held-out samples"), "{held_out}");
    wta(&["eval", "--run", &run, "--data", &data, "--labels", "10"]).fails("--labels is for a classifier");

    // The code is cut at the thresholds of the file, and does not depend on the batch.
    let codes = folder.path("codes.npy");
    wta(&["encode", "--run", &run, "--data", &data, "--split", "test", "--out", &codes]).succeeds();
    let codes = npy(&codes);
    let model = format!("{run}/model.safetensors");
    let (_, thresholds) = tensor(&model, "thresholds");
    let active = codes.iter().filter(|code| **code > 0.0).count() as f64 / TEST as f64;
    assert!((active - number("active")).abs() < 1e-9, "{active}");
    for row in codes.chunks(UNITS) {
        assert!(row.iter().zip(&thresholds).all(|(code, least)| *code == 0.0 || code > least));
    }

    // And the winners of training, if these are asked for.
    let winners = folder.path("winners.npy");
    let encode = ["encode", "--run", &run, "--data", &data, "--split", "test", "--code", "trained"];
    wta(&[&encode[..], &["--out", &winners]].concat()).succeeds();
    let won = npy(&winners).iter().filter(|code| **code > 0.0).count();
    assert_eq!(won, 3 * TEST, "{won}");

    // Atoms of norm 1.
    let (shape, atoms) = tensor(&model, "decoder.weight");
    assert_eq!(shape, [INPUTS, UNITS]);
    for unit in 0..UNITS {
        let norm: f32 = (0..INPUTS).map(|input| atoms[input * UNITS + unit].powi(2)).sum();
        assert!((norm - 1.0).abs() < 1e-4, "{norm}");
    }

    // What excites the atoms most.
    let said = wta(&["show", "--run", &run, "--data", &data, "--top", "3"]).succeeds().stdout;
    assert!(said.contains("are active in none of 150 samples"), "{said}");
    let table = fs::read_to_string(format!("{run}/atoms.csv")).unwrap();
    assert_eq!(table.lines().count(), UNITS + 1);
    for (unit, line) in table.lines().skip(1).enumerate() {
        let fields: Vec<&str> = line.split(',').collect();
        let column = || codes.chunks(UNITS).map(|row| row[unit]);
        let used = column().filter(|code| *code > 0.0).count();
        assert_eq!(fields[1], used.to_string(), "{line}");
        if used > 0 {
            let largest = column().fold(0.0, f32::max);
            assert_eq!(column().nth(fields[3].parse().unwrap()), Some(largest), "{line}");
        } else {
            assert_eq!(fields[3], "");
        }
    }

    // SAELens's files give the same codes.
    let sae = folder.path("sae");
    let said = wta(&["export", "--run", &run, "--saelens", &sae]).succeeds().stdout;
    assert!(said.contains("architecture: jumprelu"), "{said}");
    let config: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(format!("{sae}/cfg.json")).unwrap()).unwrap();
    assert_eq!((&config["d_in"], &config["d_sae"]), (&INPUTS.into(), &UNITS.into()));
    let weights = format!("{sae}/sae_weights.safetensors");
    let (shape, encoder) = tensor(&weights, "W_enc");
    assert_eq!(shape, [INPUTS, UNITS]);
    let (bias, least) = (tensor(&weights, "b_enc").1, tensor(&weights, "threshold").1);
    for (sample, row) in samples.chunks(INPUTS).zip(codes.chunks(UNITS)) {
        for (unit, code) in row.iter().enumerate() {
            let before: f32 = bias[unit]
                + sample.iter().enumerate().map(|(i, x)| x * encoder[i * UNITS + unit]).sum::<f32>();
            if (before - least[unit]).abs() > 1e-3 {
                let expected = if before > least[unit] { before.max(0.0) } else { 0.0 };
                assert!((expected - code).abs() < 1e-3, "{expected} {code}");
            }
        }
    }
    wta(&["export", "--run", &run, "--out", &folder.path("x.wta")])
        .fails("cuts its code at learnt thresholds");
}

#[test]
fn an_interrupted_training_goes_on_to_the_same_bits() {
    let folder = Folder::new();
    data(&folder);
    for (name, sparsity, dictionary) in [
        ("batch", "per-batch = 3", WHOLE),
        ("sample", "per-sample = 3", "centred = true, thresholds = true"),
        ("lifetime", "lifetime = 0.06", "unit_atoms = true, centred = true, thresholds = true"),
    ] {
        // With the same rate in all steps, more epochs are a training that goes on.
        let text =
            recipe(sparsity, dictionary).replace("{ ramps = { rise = 0.1, fall = 0.2 } }", "'constant'");
        let (text, data) = (folder.write(&format!("{name}.toml"), &text), folder.path(""));
        let (run, halved) = (folder.path(name), folder.path(&format!("{name}-2")));
        let train = |run: &str, more: &[&str]| {
            wta(&[&["train", &text, "--data", &data, "--run", run][..], more].concat()).succeeds()
        };
        let weights = train(&run, &[]).value_after("weights checksum: ");
        train(&halved, &["--epochs", "3"]);
        let said = train(&halved, &["--resume", "--epochs", "6"]);
        assert_eq!(said.value_after("weights checksum: "), weights, "{name}");
        let model = |run: &str| fs::read(format!("{run}/model.safetensors")).unwrap();
        assert_eq!(model(&run), model(&halved), "{name}: thresholds, too");
    }
}

#[test]
fn saelens_gets_the_architecture_that_fits() {
    let folder = Folder::new();
    data(&folder);
    for (name, sparsity, architecture) in
        [("topk", "per-sample = 3", "topk"), ("standard", "lifetime = 0.1", "standard")]
    {
        let (run, _) = trained(&folder, name, sparsity, "unit_atoms = true");
        let sae = folder.path(&format!("sae-{name}"));
        let said = wta(&["export", "--run", &run, "--saelens", &sae]).succeeds().stdout;
        assert_eq!(
            said.contains("note: the code has every positive activation"),
            name == "standard",
            "{said}"
        );
        let config = fs::read_to_string(format!("{sae}/cfg.json")).unwrap();
        let config: serde_json::Value = serde_json::from_str(&config).unwrap();
        assert_eq!(config["architecture"], architecture);
        assert_eq!(config.get("k").and_then(serde_json::Value::as_u64), (name == "topk").then_some(3));
    }
    let text = recipe("per-sample = 3", "")
        .replace("training =", "preprocess = [{ step = 'contrast' }]\ntraining =");
    let text = folder.write("seen.toml", &text.replace("dictionary = {  }\n", ""));
    let (run, data) = (folder.path("seen"), folder.path(""));
    wta(&["train", &text, "--data", &data, "--run", &run, "--epochs", "1"]).succeeds();
    wta(&["export", "--run", &run, "--saelens", &folder.path("no")]).fails("SAELens knows no preprocessing");
    assert!(!fs::exists(folder.path("no")).unwrap());
}

//! Dead units that learn, against PyTorch in float64 (`fixtures/vectors/auxiliary`).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests report by panicking"
)]

use std::path::Path;

use safetensors::SafeTensors;
use serde_json::Value;
use wta::run::model::{Tensor, tensors_of};
use wta::train::{BatchTrainer, DeadUnits};
use wta_core::{
    Dictionary, Kernels, Method, Network, Optimizer, Scalar, Schedule, Selection, Size, Sparsity,
    TrainingConfig,
};

/// The largest deviation, relative to the largest element: as for the core's fixtures.
const TOLERANCE: f64 = 1e-5;

/// The numbers of a tensor, row by row.
fn values(tensors: &SafeTensors<'_>, name: &str) -> (Vec<usize>, Vec<f64>) {
    let tensor = tensors.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    let numbers = tensor.data().chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()));
    (tensor.shape().to_vec(), numbers.collect())
}

/// A parameter in our layout: a decoder's weight unit by unit.
fn parameter(tensors: &SafeTensors<'_>, name: &str) -> Vec<f64> {
    let (shape, numbers) = values(tensors, name);
    if !name.ends_with("decoder.weight") {
        return numbers;
    }
    let (inputs, units) = (shape[0], shape[1]);
    (0..units * inputs).map(|i| numbers[i % inputs * units + i / inputs]).collect()
}

fn check<K: Kernels>(kernels: K, path: &Path) {
    let file = std::fs::read(path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&file).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let config: Value = serde_json::from_str(&header.metadata().as_ref().unwrap()["config"]).unwrap();
    let number = |key: &str| config[key].as_f64().unwrap() as f32;
    let count = |value: &Value| value.as_u64().unwrap() as usize;
    let network =
        Network::fully_connected(count(&config["inputs"]), &[count(&config["encoder_maps"][0])]).unwrap();
    let network = if config["tied"] == true { network.tied().unwrap() } else { network };
    let k = count(&config["k"]);
    let selection = match config["selection"].as_str().unwrap() {
        "batch" => Selection::Batch { count: k },
        _ => Selection::PerSample { count: k },
    };
    let method = match config["optimizer"].as_str().unwrap() {
        "sgd" => Method::Sgd { momentum: number("momentum") },
        _ => Method::ADAM,
    };
    let optimizer = Optimizer {
        method,
        rate: number("learning_rate"),
        schedule: Schedule::Constant,
        decay: number("weight_decay"),
    };
    let dictionary =
        Dictionary { unit_atoms: config["unit_atoms"] == true, centred: config["centred"] == true };
    let training = TrainingConfig::new(
        Sparsity { grid: Size::ONE, selection },
        optimizer,
        count(&config["batch"]),
        config["steps"].as_u64().unwrap(),
    );
    let mut trainer = BatchTrainer::new(kernels, network, TrainingConfig { dictionary, ..training });
    let dead = &config["dead_units"];
    let dead = DeadUnits {
        units: count(&dead["units"]),
        weight: dead["weight"].as_f64().unwrap() as f32,
        after: dead["after"].as_u64().unwrap(),
    };
    trainer.note(false, Some(dead)).unwrap();
    // The names of the regions, in their order.
    let named = tensors_of(&network, &trainer.parameters);
    for (region, Tensor { name, .. }) in network.regions().iter().zip(&named) {
        let initial = parameter(&tensors, name);
        let places = &mut trainer.parameters[region.range.clone()];
        places.iter_mut().zip(initial).for_each(|(to, from)| *to = from as f32);
    }
    for step in 1..=training.steps {
        let noted = trainer.collect().unwrap().unwrap().notes.silent;
        let expected = values(&tensors, &format!("step{step}.dead")).1;
        let tensor = tensors.tensor(&format!("step{step}.dead")).unwrap();
        let expected_dead: Vec<bool> =
            tensor.data().chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) == 1).collect();
        assert_eq!(expected.len(), noted.len());
        let found: Vec<bool> = noted.iter().map(|silent| *silent >= dead.after).collect();
        assert_eq!(found, expected_dead, "{}: step {step}", path.display());
        let batch: Vec<f32> =
            values(&tensors, &format!("batch{step}")).1.into_iter().map(|v| v as f32).collect();
        trainer.step(&batch).unwrap();
        for found in tensors_of(&network, &trainer.parameters) {
            let name = format!("step{step}.{}", found.name);
            let (shape, expected) = values(&tensors, &name);
            assert_eq!(found.shape, shape, "{name}");
            let largest = expected.iter().fold(0.0, |largest: f64, v| largest.max(v.abs()));
            for (a, b) in found.values.iter().zip(&expected) {
                let close = (f64::from(*a) - b).abs() <= TOLERANCE * largest;
                assert!(close, "{}: {name}: {a} and not {b}", path.display());
            }
        }
    }
}

#[test]
fn dead_units_learn_as_in_pytorch() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/vectors/auxiliary");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        check(Scalar, &path);
        wta_simd::Isa::all_available().for_each(|isa| check(isa, &path));
        files += 1;
    }
    assert_eq!(files, 4);
}

#[test]
fn dead_units_need_competition_and_thresholds_one_layer() {
    let one = Network::fully_connected(6, &[9]).unwrap();
    let two = Network::fully_connected(6, &[9, 5]).unwrap();
    let dead = DeadUnits { units: 2, weight: 0.5, after: 10 };
    let trainer = |network, selection| {
        let sparsity = Sparsity { grid: Size::ONE, selection };
        BatchTrainer::new(Scalar, network, TrainingConfig::new(sparsity, Optimizer::adam(1e-3), 4, 10))
    };
    assert!(trainer(one, Selection::Batch { count: 2 }).note(true, Some(dead)).is_ok());
    assert!(trainer(one, Selection::Lifetime { rate: 0.5 }).note(true, None).is_ok());
    for (network, selection, dead) in [
        (one, Selection::Lifetime { rate: 0.5 }, Some(dead)),
        (two, Selection::Batch { count: 2 }, None),
        (two, Selection::Batch { count: 2 }, Some(dead)),
    ] {
        assert!(trainer(network, selection).note(true, dead).is_err());
    }
}

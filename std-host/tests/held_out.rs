//! Samples that are never trained on: what is measured on them, and when training ends because of them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::Mutex;

use wta::preprocess::Samples;
use wta::run::Run;
use wta::train::{Options, train, train_into};
use wta::{Dataset, EpochMetrics, Observer, Recipe, Shape, recipe};

const INPUTS: usize = 6;
const UNITS: usize = 9;

/// Keeps the metrics of all epochs.
#[derive(Default)]
struct Epochs(Mutex<Vec<EpochMetrics>>);

impl Observer for Epochs {
    fn epoch(&self, epoch: &EpochMetrics, _: usize) {
        self.0.lock().unwrap().push(epoch.clone());
    }
}

fn data() -> Dataset {
    let number = |index: usize| ((index * 7919 % 1009) as f32 / 1009.0).powi(2) - 0.2;
    Dataset::from_floats(Shape::vector(INPUTS), (0..83 * INPUTS).map(number).collect::<Vec<f32>>()).unwrap()
}

fn recipe(training: &str, sparsity: &str) -> Recipe {
    let text = format!(
        "name = 'x'\nabout = 'x'\ndata = {{ set = 'memory' }}
        network = {{ kind = 'fully-connected', units = [{UNITS}], initial = 'he' }}
        sparsity = {{ {sparsity} }}
        training = {{ batch = 10, optimizer = 'adam', {training} }}"
    );
    recipe::parse(&text, "test").unwrap()
}

/// The largest `keep` positive numbers of a column; of equal ones the first.
fn keep_largest(codes: &mut [Vec<f64>], unit: usize, keep: usize) {
    let mut order: Vec<usize> = (0..codes.len()).filter(|row| codes[*row][unit] > 0.0).collect();
    order.sort_by(|a, b| codes[*b][unit].total_cmp(&codes[*a][unit]).then(a.cmp(b)));
    for row in order.into_iter().skip(keep) {
        codes[row][unit] = 0.0;
    }
}

/// Loss, unexplained variance, active units and dead share by their definitions, in `f64`.
fn by_definition(parameters: &[f32], samples: &[Vec<f32>], batch: usize, rate: Option<f64>) -> [f64; 4] {
    let at = |index: usize| f64::from(parameters[index]);
    let (bias, atoms) = (UNITS * INPUTS, UNITS * INPUTS + UNITS);
    let (mut losses, mut active, mut used) = (0.0, 0, [false; UNITS]);
    for batch in samples.chunks(batch) {
        let mut codes: Vec<Vec<f64>> = Vec::new();
        for sample in batch {
            let unit = |u: usize| {
                let sum: f64 = (0..INPUTS).map(|i| at(u * INPUTS + i) * f64::from(sample[i])).sum();
                (sum + at(bias + u)).max(0.0)
            };
            codes.push((0..UNITS).map(unit).collect());
        }
        if let Some(rate) = rate {
            let keep = ((rate * batch.len() as f64).round() as usize).max(1);
            (0..UNITS).for_each(|unit| keep_largest(&mut codes, unit, keep));
        }
        for (sample, code) in batch.iter().zip(&codes) {
            for (i, value) in sample.iter().enumerate() {
                let made: f64 = (0..UNITS).map(|u| code[u] * at(atoms + u * INPUTS + i)).sum();
                losses += 0.5 * (made + at(atoms + UNITS * INPUTS + i) - f64::from(*value)).powi(2);
            }
            active += code.iter().filter(|v| **v > 0.0).count();
            (0..UNITS).for_each(|u| used[u] |= code[u] > 0.0);
        }
    }
    let count = samples.len() as f64;
    let variance: f64 = (0..INPUTS)
        .map(|i| {
            let mean = samples.iter().map(|sample| f64::from(sample[i])).sum::<f64>() / count;
            samples.iter().map(|sample| (f64::from(sample[i]) - mean).powi(2)).sum::<f64>() / count
        })
        .sum();
    let dead = used.iter().filter(|used| !**used).count() as f64 / UNITS as f64;
    [losses / count, 2.0 * losses / count / variance, active as f64 / count, dead]
}

#[test]
fn what_is_measured_is_the_definition() {
    let data = data();
    for (sparsity, rate) in [("lifetime = 0.2", Some(0.2)), ("", None)] {
        // So many that the last batch is not full.
        let recipe = recipe("epochs = 3, rate = 1e-2, held_out = 23", sparsity);
        let samples = Samples::new(&recipe, &data).unwrap();
        let epochs = Epochs::default();
        let (trained, outcome) = train(&recipe, &samples, Options::default(), &epochs).unwrap();
        let rows = epochs.0.into_inner().unwrap();
        let last = rows.last().unwrap();
        // Any 23 samples would do; these are the ones that give the measured loss.
        let all: Vec<Vec<f32>> = (0..data.len())
            .map(|index| {
                let mut sample = vec![0.0; INPUTS];
                data.write(index, 1.0, &mut sample).unwrap();
                sample
            })
            .collect();
        let mut order: Vec<usize> = (0..all.len()).collect();
        wta_core::Random::stream(recipe.training.seed, 1 << 62).shuffle(&mut order);
        order.truncate(23);
        order.sort_unstable();
        let held_out: Vec<Vec<f32>> = order.iter().map(|index| all[*index].clone()).collect();
        let expected = by_definition(&trained.parameters, &held_out, 10, rate);
        let found =
            [last.held_out_loss, last.held_out_unexplained, last.held_out_active, last.held_out_dead_share];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found.unwrap() - expected).abs() < 1e-5 * (1.0 + expected), "{found:?} {expected}");
        }
        assert_eq!(outcome.held_out_loss, last.held_out_loss);
        assert!(last.unexplained.unwrap() > 0.0 && last.active.unwrap() > 0.0);
    }
}

#[test]
fn training_ends_early_and_keeps_the_best_weights() {
    let data = data();
    let recipe = recipe("epochs = 400, rate = 0.05, held_out = 0.3, patience = 4", "lifetime = 0.3");
    let samples = Samples::new(&recipe, &data).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let run = Run::new(folder.path().join("run"));
    let epochs = Epochs::default();
    let (trained, outcome) = train_into(&run, false, &recipe, &samples, Options::default(), &epochs).unwrap();
    let rows = epochs.0.into_inner().unwrap();
    assert!(rows.len() < 400, "{} epochs", rows.len());
    let losses: Vec<f64> = rows.iter().map(|row| row.held_out_loss.unwrap()).collect();
    let best = (0..losses.len()).min_by(|a, b| losses[*a].total_cmp(&losses[*b])).unwrap();
    assert_eq!(losses.len(), best + 5, "four epochs without a smaller loss");
    assert_eq!(outcome.held_out_loss, Some(losses[best]));
    // In memory it is the same, and a training of so many epochs has the same weights.
    let (again, other) = train(&recipe, &samples, Options::default(), &()).unwrap();
    assert_eq!((again.parameters, other.checksum), (trained.parameters.clone(), outcome.checksum));
    // The run holds the best weights, and is finished.
    let stored = run.model(&trained.network()).unwrap().parameters;
    assert_eq!(stored, trained.parameters);
    let (resumed, same) = train_into(&run, true, &recipe, &samples, Options::default(), &()).unwrap();
    assert_eq!((resumed.parameters, same.checksum), (stored, outcome.checksum));
    assert_eq!(run.metrics(1_000).unwrap(), rows);
}

#[test]
fn an_interrupted_training_ends_as_one_in_one_go() {
    /// Stops after so many steps.
    struct Stop(Mutex<u64>);
    impl Observer for Stop {
        fn advance(&self, _: u64) {
            *self.0.lock().unwrap() -= 1;
        }
        fn should_stop(&self) -> bool {
            *self.0.lock().unwrap() == 0
        }
    }
    let data = data();
    let recipe = recipe("epochs = 400, rate = 0.05, held_out = 0.3, patience = 4", "lifetime = 0.3");
    let samples = Samples::new(&recipe, &data).unwrap();
    let (whole, _) = train(&recipe, &samples, Options::default(), &()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let run = Run::new(folder.path().join("run"));
    for steps in [8, 6, 13, 20] {
        let stop = Stop(Mutex::new(steps));
        let _ = train_into(&run, true, &recipe, &samples, Options::default(), &stop);
    }
    let (parts, _) = train_into(&run, true, &recipe, &samples, Options::default(), &()).unwrap();
    assert_eq!(parts.parameters, whole.parameters);
}

#[test]
fn what_cannot_be_held_out_is_told() {
    let data = data();
    for (training, expected) in [
        ("epochs = 1, rate = 0.1, held_out = 83", "holds out 83 samples, but there are only 83"),
        ("epochs = 1, rate = 0.1, held_out = 0.95", "training.batch is 10, but the data set has only 4"),
    ] {
        let recipe = recipe(training, "");
        let sentence = recipe.train(&data, &()).unwrap_err().to_string();
        assert!(sentence.contains(expected), "{sentence}");
    }
    for (training, expected) in [
        ("epochs = 1, rate = 0.1, held_out = 1.5", "training.held_out must be a share"),
        ("epochs = 1, rate = 0.1, held_out = 0", "training.held_out must be"),
        ("epochs = 1, rate = 0.1, patience = 3", "needs training.held_out"),
    ] {
        let text = format!(
            "name = 'x'\nabout = 'x'\ndata = {{ set = 'memory' }}
            network = {{ kind = 'fully-connected', units = [3], initial = 'he' }}
            sparsity = {{}}\ntraining = {{ batch = 10, optimizer = 'adam', {training} }}"
        );
        let sentence = recipe::parse(&text, "test").unwrap_err().to_string();
        assert!(sentence.contains(expected), "{sentence}");
    }
}

//! Training as a whole: the loss falls; whatever is wrong is refused, and a refusal changes nothing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

mod owned;

use owned::Memory;
use wta_core::{
    Conv, Corruption, Error, Initial, Method, Network, Optimizer, Random, Scalar, Schedule, Scratch,
    Selection, Shape, Size, Sparsity, Trainer, TrainingConfig,
};

const BATCH: usize = 8;

fn convolutional() -> Network {
    let convs = [Conv::new(6, Size::square(3)), Conv::new(8, Size::square(3))];
    Network::convolutional(Shape::new(1, 8, 9), &convs, Size::square(5)).unwrap()
}

fn fully_connected() -> Network {
    Network::fully_connected(20, &[24]).unwrap()
}

fn training(selection: Selection, method: Method, rate: f32) -> TrainingConfig {
    let optimizer = Optimizer { method, rate, schedule: Schedule::Constant, decay: 0.0 };
    let sparsity = Sparsity { grid: Size::ONE, selection };
    TrainingConfig::new(sparsity, optimizer, BATCH, 50)
}

fn corrupted(input: f32, hidden: f32, training: TrainingConfig) -> TrainingConfig {
    TrainingConfig { corruption: Corruption { input, hidden, seed: 4 }, ..training }
}

fn parameters(network: &Network) -> Vec<f32> {
    let mut parameters = vec![0.0; network.parameters_len()];
    network.initialise(Initial::He, 1, &mut parameters).unwrap();
    parameters
}

fn images(network: &Network, count: usize) -> Vec<f32> {
    let mut random = Random::new(2);
    (0..count * network.input().len()).map(|_| random.uniform()).collect()
}

#[test]
fn the_loss_falls() {
    let lifetime = Selection::Lifetime { rate: 0.25 };
    let momentum = Method::Sgd { momentum: 0.9 };
    for (network, training) in [
        (convolutional(), training(lifetime, momentum, 1e-3)),
        (convolutional(), training(Selection::All, Method::ADAM, 5e-3)),
        (fully_connected(), training(lifetime, momentum, 1e-2)),
        (fully_connected(), training(Selection::PerSample { count: 6 }, Method::ADAM, 1e-2)),
        (fully_connected().tied().unwrap(), training(lifetime, Method::ADAM, 1e-2)),
        (fully_connected(), corrupted(0.2, 0.2, training(Selection::All, Method::ADAM, 1e-2))),
    ] {
        let batch = images(&network, BATCH);
        let mut memory = Memory::new(Scalar, &network, &training, parameters(&network));
        let mut trainer = memory.trainer(Scalar, network, training).unwrap();
        let losses: Vec<f32> = (0..training.steps)
            .map(|_| trainer.step(batch.chunks_exact(network.input().len())).unwrap())
            .collect();
        assert!(losses[49] < 0.5 * losses[0], "{network:?}, {training:?}: {losses:?}");
    }
}

#[test]
fn training_continues_where_it_was_interrupted() {
    let network = convolutional();
    let training = corrupted(0.2, 0.3, training(Selection::Lifetime { rate: 0.25 }, Method::ADAM, 1e-3));
    let batch = images(&network, BATCH);
    let batch = || batch.chunks_exact(network.input().len());
    let mut whole = Memory::new(Scalar, &network, &training, parameters(&network));
    let mut trainer = whole.trainer(Scalar, network, training).unwrap();
    (0..6).for_each(|_| assert!(trainer.step(batch()).is_ok()));

    let mut part = Memory::new(Scalar, &network, &training, parameters(&network));
    let mut trainer = part.trainer(Scalar, network, training).unwrap();
    (0..2).for_each(|_| assert!(trainer.step(batch()).is_ok()));
    // Another device, other scratch; only parameters, moments and the count of steps are carried over.
    let mut rest = Memory::new(Scalar, &network, &training, part.parameters);
    rest.moments = part.moments;
    let Memory { parameters, moments, floats, indices, cuts } = &mut rest;
    let scratch = Scratch { floats, indices, cuts };
    let mut trainer = Trainer::new(Scalar, network, training, 2, parameters, moments, scratch).unwrap();
    (2..6).for_each(|_| assert!(trainer.step(batch()).is_ok()));
    assert_eq!((rest.parameters, rest.moments), (whole.parameters, whole.moments));
}

/// Trains two steps, so that no moment is 0, then fails a step on `images`, and shows that nothing has
/// changed: not even what the next good step does.
fn expect_refusal<'i>(
    network: Network,
    training: TrainingConfig,
    images: impl Iterator<Item = &'i [f32]> + Clone,
) -> Error {
    let good = crate::images(&network, BATCH);
    let good = || good.chunks_exact(network.input().len());
    let mut memory = Memory::new(Scalar, &network, &training, parameters(&network));
    let mut trainer = memory.trainer(Scalar, network, training).unwrap();
    (0..2).for_each(|_| assert!(trainer.step(good()).is_ok()));
    let before = memory.clone();

    let Memory { parameters, moments, floats, indices, cuts } = &mut memory;
    let scratch = Scratch { floats, indices, cuts };
    let mut trainer = Trainer::new(Scalar, network, training, 2, parameters, moments, scratch).unwrap();
    let error = trainer.step(images).unwrap_err();
    assert_eq!(trainer.steps_done(), 2, "{error}");
    assert_eq!(trainer.parameters(), before.parameters, "{error}");
    let after_good_step = trainer.step(good()).unwrap();
    assert!(after_good_step.is_finite());

    let mut undisturbed = before;
    let Memory { parameters, moments, floats, indices, cuts } = &mut undisturbed;
    let scratch = Scratch { floats, indices, cuts };
    let mut trainer = Trainer::new(Scalar, network, training, 2, parameters, moments, scratch).unwrap();
    assert_eq!(trainer.step(good()), Ok(after_good_step), "{error}");
    assert_eq!(undisturbed.parameters, memory.parameters, "{error}");
    assert_eq!(undisturbed.moments, memory.moments, "{error}");
    error
}

fn every_kind() -> [(Network, TrainingConfig); 4] {
    let selection = Selection::Lifetime { rate: 0.25 };
    [
        (convolutional(), training(selection, Method::ADAM, 1e-3)),
        (convolutional(), training(Selection::All, Method::Sgd { momentum: 0.9 }, 1e-3)),
        (fully_connected(), training(selection, Method::Sgd { momentum: 0.9 }, 1e-3)),
        (fully_connected().tied().unwrap(), training(Selection::PerSample { count: 3 }, Method::ADAM, 1e-3)),
    ]
}

#[test]
fn pixels_that_are_not_finite_are_refused_by_index() {
    for (network, training) in every_kind() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for (image, pixel) in [(0, 0), (3, 11), (BATCH - 1, network.input().len() - 1)] {
                let mut batch = images(&network, BATCH);
                batch[image * network.input().len() + pixel] = bad;
                let error = expect_refusal(network, training, batch.chunks_exact(network.input().len()));
                assert_eq!(error, Error::BadImage { image, index: pixel, what: "is not a finite number" });
            }
        }
    }
}

#[test]
fn a_batch_of_another_size_is_refused() {
    for (network, training) in every_kind() {
        for count in [0, 1, BATCH - 1, BATCH + 1, 2 * BATCH] {
            let batch = images(&network, count);
            let error = expect_refusal(network, training, batch.chunks_exact(network.input().len()));
            let Error::Length { what: "batch", expected: BATCH, found } = error else { panic!("{error}") };
            assert!(found == count || found > BATCH && count > BATCH, "{error}");
        }
    }
}

#[test]
fn images_of_another_size_are_refused() {
    for (network, training) in every_kind() {
        let len = network.input().len();
        for wrong in [0, len - 1, len + 1] {
            let good = images(&network, BATCH);
            let odd = vec![0.5; wrong];
            let batch = good.chunks_exact(len).take(BATCH - 1).chain([odd.as_slice()]);
            let error = expect_refusal(network, training, batch);
            assert_eq!(error, Error::Length { what: "image", expected: len, found: wrong });
        }
    }
}

#[test]
fn a_step_that_diverges_is_refused() {
    for (network, training) in every_kind() {
        // Finite, but a gradient of its size would ruin the parameters; the larger one's activations
        // overflow.
        for huge in [1e20f32, 1e38] {
            let mut batch = images(&network, BATCH);
            batch.iter_mut().for_each(|pixel| *pixel *= huge);
            let error = expect_refusal(network, training, batch.chunks_exact(network.input().len()));
            let overflowed = matches!(error, Error::NotFinite { what: "candidates", .. });
            assert!(matches!(error, Error::Diverged { .. }) || (huge > 1e30 && overflowed), "{error}");
        }
    }
}

#[test]
fn memory_of_another_length_is_refused() {
    let (network, training) = every_kind()[0];
    let fresh = || Memory::new(Scalar, &network, &training, parameters(&network));
    let refusal = |mut memory: Memory| memory.trainer(Scalar, network, training).map(drop).unwrap_err();
    for by in [-1isize, 1] {
        let resized = |len: usize| len.checked_add_signed(by).unwrap();
        let mut memory = fresh();
        memory.parameters.resize(resized(memory.parameters.len()), 0.0);
        assert!(matches!(refusal(memory), Error::Length { what: "parameters", .. }));
        let mut memory = fresh();
        memory.moments.resize(resized(memory.moments.len()), 0.0);
        assert!(matches!(refusal(memory), Error::Length { what: "moments", .. }));
        let mut memory = fresh();
        memory.floats.resize(resized(memory.floats.len()), 0.0);
        assert!(matches!(refusal(memory), Error::Length { what: "scratch floats", .. }));
        let mut memory = fresh();
        memory.indices.resize(resized(memory.indices.len()), 0);
        assert!(matches!(refusal(memory), Error::Length { what: "scratch indices", .. }));
        let mut memory = fresh();
        memory.cuts.resize(resized(memory.cuts.len()), memory.cuts[0]);
        assert!(matches!(refusal(memory), Error::Length { what: "scratch cuts", .. }));
    }
}

#[test]
fn senseless_settings_and_parameters_are_refused() {
    let (network, good) = every_kind()[0];
    let refusal = |training: TrainingConfig| {
        let mut memory = Memory::new(Scalar, &network, &good, parameters(&network));
        memory.trainer(Scalar, network, training).map(drop).unwrap_err()
    };
    let optimizer = good.optimizer;
    for senseless in [
        TrainingConfig { batch: 0, ..good },
        TrainingConfig { optimizer: Optimizer { rate: 0.0, ..optimizer }, ..good },
        TrainingConfig { sparsity: Sparsity::lifetime(0.0), ..good },
        TrainingConfig { corruption: Corruption { input: 1.0, ..Corruption::NONE }, ..good },
        TrainingConfig { corruption: Corruption { hidden: -0.1, ..Corruption::NONE }, ..good },
        TrainingConfig { sparsity: Sparsity::lifetime(1.1), ..good },
        TrainingConfig { sparsity: Sparsity { grid: Size::new(9, 1), selection: Selection::All }, ..good },
    ] {
        assert!(matches!(refusal(senseless), Error::Invalid(_)), "{senseless:?}");
    }
    let mut memory = Memory::new(Scalar, &network, &good, parameters(&network));
    memory.parameters[17] = f32::NAN;
    let error = memory.trainer(Scalar, network, good).map(drop).unwrap_err();
    assert_eq!(error, Error::NotFinite { what: "parameters", index: 17 });
}

//! Training RBMs in lent memory: the reconstruction error falls; whatever is wrong is refused, and changes
//! nothing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

#[path = "owned/rbm.rs"]
mod owned;

use owned::Memory;
use wta_core::{
    ContrastiveDivergence, Corruption, Dictionary, Error, Guard, Initial, Method, Network, Optimizer,
    Parameters, Random, Rbm, Scalar, Schedule, Selection, Size, Sparsity, TrainingConfig, sample,
};

const BATCH: usize = 12;
const INPUTS: usize = 20;

fn network() -> Network {
    Network::fully_connected(INPUTS, &[24]).unwrap().tied().unwrap()
}

fn settings(selection: Selection, steps: usize) -> (TrainingConfig, ContrastiveDivergence) {
    let optimizer = Optimizer {
        method: Method::Sgd { momentum: 0.5 },
        rate: 0.2,
        schedule: Schedule::Constant,
        decay: 1e-4,
    };
    let sparsity = Sparsity { grid: Size::ONE, selection };
    let corruption = Corruption::NONE;
    (
        TrainingConfig {
            sparsity,
            corruption,
            guard: Guard::NONE,
            dictionary: Dictionary::FREE,
            optimizer,
            batch: BATCH,
            steps: 300,
        },
        ContrastiveDivergence { steps, persistent: false, seed: 4 },
    )
}

/// The same with chains that go on.
fn persistent(
    (training, divergence): (TrainingConfig, ContrastiveDivergence),
) -> (TrainingConfig, ContrastiveDivergence) {
    (training, ContrastiveDivergence { persistent: true, ..divergence })
}

fn every_kind() -> [(TrainingConfig, ContrastiveDivergence); 5] {
    let wta = settings(Selection::Lifetime { rate: 0.3 }, 1);
    let (one, two) = (settings(Selection::All, 1), settings(Selection::All, 2));
    [one, wta, two, persistent(wta), persistent(two)]
}

/// Three patterns, each several times, so that there is something to learn.
fn images() -> Vec<f32> {
    let on = |image: usize, pixel: usize| u8::from((pixel / 4 + image).is_multiple_of(3));
    (0..BATCH * INPUTS).map(|i| f32::from(on(i / INPUTS % 3, i % INPUTS))).collect()
}

fn memory((_, divergence): (TrainingConfig, ContrastiveDivergence)) -> Memory {
    let mut parameters = vec![0.0; network().parameters_len()];
    network().initialise(Initial::Normal(0.01), 1, &mut parameters).unwrap();
    let mut memory = Memory::new(Scalar, &network(), BATCH, parameters);
    memory.moments.resize(divergence.moments_len(&network(), BATCH), 0.0);
    memory
}

#[test]
fn the_reconstruction_error_falls() {
    for settings in every_kind() {
        let mut memory = memory(settings);
        let mut trainer = memory.trainer(Scalar, network(), settings, 0).unwrap();
        let batch = images();
        let losses: Vec<f32> = (0..300).map(|_| trainer.step(batch.chunks_exact(INPUTS)).unwrap()).collect();
        assert!(losses[299] < 0.25 * losses[0], "{settings:?}: {} to {}", losses[0], losses[299]);
        assert_eq!(trainer.steps_done(), 300);
        // What the trained RBM makes of its own features is the image.
        let parameters = Parameters::new(network(), trainer.parameters()).unwrap();
        let rbm = Rbm::new(Scalar, parameters).unwrap();
        let (mut code, mut scratch, mut image) = ([0.0; 24], [0.0; 24], [0.0; INPUTS]);
        rbm.encode(&[], &batch[..INPUTS], &mut scratch, &mut code).unwrap();
        rbm.decode(&code, &mut image).unwrap();
        let worst = image.iter().zip(&batch).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 0.5, "{settings:?}: {image:?}");
    }
}

#[test]
fn training_continues_where_it_was_interrupted() {
    for settings in every_kind() {
        let batch = images();
        let batch = || batch.chunks_exact(INPUTS);
        let mut whole = memory(settings);
        let mut trainer = whole.trainer(Scalar, network(), settings, 0).unwrap();
        (0..6).for_each(|_| assert!(trainer.step(batch()).is_ok()));
        let mut part = memory(settings);
        let mut trainer = part.trainer(Scalar, network(), settings, 0).unwrap();
        (0..2).for_each(|_| assert!(trainer.step(batch()).is_ok()));
        let mut rest = Memory::new(Scalar, &network(), BATCH, part.parameters);
        rest.moments = part.moments;
        let mut trainer = rest.trainer(Scalar, network(), settings, 2).unwrap();
        (2..6).for_each(|_| assert!(trainer.step(batch()).is_ok()));
        assert_eq!((rest.parameters, rest.moments), (whole.parameters, whole.moments));
    }
}

#[test]
fn a_refused_step_changes_nothing() {
    let last = network().parameters_len() - 1;
    let first_bias = INPUTS * 24;
    for settings in every_kind() {
        let good = images();
        let mut memory = memory(settings);
        let mut trainer = memory.trainer(Scalar, network(), settings, 0).unwrap();
        (0..2).for_each(|_| assert!(trainer.step(good.chunks_exact(INPUTS)).is_ok()));
        let before = memory.clone();
        let refusal = |images: &[&[f32]], change: Option<(usize, f32)>| {
            let mut memory = before.clone();
            if let Some((index, value)) = change {
                memory.parameters[index] = value;
            }
            let (parameters, moments) = (memory.parameters.clone(), memory.moments.clone());
            let mut trainer = memory.trainer(Scalar, network(), settings, 2).unwrap();
            let error = trainer.step(images.iter().copied()).unwrap_err();
            assert_eq!(trainer.steps_done(), 2);
            assert!(memory.parameters == parameters && memory.moments == moments, "{error}");
            error
        };
        let rows: Vec<&[f32]> = good.chunks_exact(INPUTS).collect();
        assert_eq!(
            refusal(&rows[1..], None),
            Error::Length { what: "batch", expected: BATCH, found: BATCH - 1 }
        );
        let more = [&rows[..], &rows[..1]].concat();
        assert!(matches!(refusal(&more, None), Error::Length { what: "batch", .. }));
        for (value, invalid) in [(f32::NAN, false), (f32::INFINITY, false), (1.01, true), (-0.01, true)] {
            let mut odd = good[..INPUTS].to_vec();
            odd[7] = value;
            let batch = [&[&odd[..]], &rows[1..]].concat();
            let error = refusal(&batch, None);
            assert!(matches!(error, Error::BadImage { image: 0, index: 7, .. }), "{error}");
            assert_eq!(error.to_string().contains("between 0 and 1"), invalid, "{error}");
        }
        let short = [&[&good[..INPUTS - 1]], &rows[1..]].concat();
        let expected = Error::Length { what: "image", expected: INPUTS, found: INPUTS - 1 };
        assert_eq!(refusal(&short, None), expected);
        assert_eq!(refusal(&rows, Some((first_bias + 5, 1e20))), Error::Diverged { index: first_bias + 5 });
        assert_eq!(refusal(&rows, Some((last, -1e30))), Error::Diverged { index: last });
    }
}

#[test]
fn memory_and_settings_that_do_not_fit_are_refused() {
    let (training, divergence) = settings(Selection::All, 1);
    let refused = |mut memory: Memory, network: Network, settings| {
        memory.trainer(Scalar, network, settings, 0).map(drop).unwrap_err()
    };
    for (by, divergence) in [-1isize, 1].into_iter().flat_map(|by| {
        [divergence, ContrastiveDivergence { persistent: true, ..divergence }].map(|kind| (by, kind))
    }) {
        let resized = |len: usize| len.checked_add_signed(by).unwrap();
        let mut odd = memory((training, divergence));
        odd.parameters.resize(resized(odd.parameters.len()), 0.0);
        let error = refused(odd, network(), (training, divergence));
        assert!(matches!(error, Error::Length { what: "parameters", .. }));
        let mut odd = memory((training, divergence));
        odd.moments.resize(resized(odd.moments.len()), 0.0);
        let error = refused(odd, network(), (training, divergence));
        assert!(matches!(error, Error::Length { what: "moments", .. }));
        let mut odd = memory((training, divergence));
        odd.floats.resize(resized(odd.floats.len()), 0.0);
        let error = refused(odd, network(), (training, divergence));
        assert!(matches!(error, Error::Length { what: "scratch floats", .. }));
        let mut odd = memory((training, divergence));
        odd.indices.resize(resized(odd.indices.len()), 0);
        let error = refused(odd, network(), (training, divergence));
        assert!(matches!(error, Error::Length { what: "scratch indices", .. }));
    }
    let mut odd = memory((training, divergence));
    odd.parameters[3] = f32::NAN;
    let error = refused(odd, network(), (training, divergence));
    assert_eq!(error, Error::NotFinite { what: "parameters", index: 3 });

    let adam = Optimizer { method: Method::ADAM, ..training.optimizer };
    let per_sample = Sparsity { grid: Size::ONE, selection: Selection::PerSample { count: 3 } };
    for settings in [
        (training, ContrastiveDivergence { steps: 0, ..divergence }),
        (TrainingConfig { optimizer: adam, ..training }, divergence),
        (TrainingConfig { sparsity: per_sample, ..training }, divergence),
        (TrainingConfig { sparsity: Sparsity::lifetime(0.0), ..training }, divergence),
        (TrainingConfig { batch: 0, ..training }, divergence),
        (
            TrainingConfig { corruption: Corruption { input: 0.1, ..Corruption::NONE }, ..training },
            divergence,
        ),
    ] {
        assert!(matches!(refused(memory(settings), network(), settings), Error::Invalid(_)), "{settings:?}");
    }
    for network in [
        Network::fully_connected(INPUTS, &[24]).unwrap(),
        Network::fully_connected(INPUTS, &[24, 3]).unwrap(),
    ] {
        assert!(matches!(
            refused(memory((training, divergence)), network, (training, divergence)),
            Error::Invalid(_)
        ));
    }
}

/// As many samples as the probabilities say, each image and phase with draws of its own.
#[test]
fn samples_follow_the_probabilities() {
    let divergence = ContrastiveDivergence { steps: 1, persistent: false, seed: 7 };
    let probabilities = [0.0, 0.1, 0.5, 0.9, 1.0];
    let mut counts = [0u32; 5];
    let mut active = [0; 5];
    for step in 0..4_000 {
        let on = sample(divergence.draws(step, 0, 0), &probabilities, 1, 0, &mut active);
        active[..on].iter().for_each(|unit| counts[*unit as usize] += 1);
    }
    for (count, probability) in counts.iter().zip(probabilities) {
        let deviation = (4_000.0 * probability * (1.0 - probability)).sqrt();
        assert!((*count as f32 - 4_000.0 * probability).abs() <= 4.0 * deviation, "{counts:?}");
    }
    let first = |mut draws: Random| draws.next_u64();
    let draws = [
        divergence.draws(3, 0, 0),
        divergence.draws(3, 0, 1),
        divergence.draws(3, 1, 0),
        divergence.draws(4, 0, 0),
    ];
    let numbers: std::collections::BTreeSet<u64> = draws.into_iter().map(first).collect();
    assert_eq!(numbers.len(), 4);
}

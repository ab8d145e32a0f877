//! Training unit by unit, without a gradient: the weights, moments, losses and refusals of [`Trainer`], to
//! the bit, in less memory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

mod owned;

use std::cell::Cell;

use owned::Memory;
use proptest::prelude::*;
use wta_core::{
    Conv, Corruption, Error, Initial, Method, Network, Optimizer, Random, Result, Scalar, Schedule, Scratch,
    Selection, Shape, Size, Sparsity, TrainingConfig, TrainingLen, UnitTrainer, training_len,
    unit_training_len,
};

const BATCH: usize = 10;
const INPUTS: usize = 13;

/// More units than are encoded together, and no multiple of it.
fn network(tied: bool) -> Network {
    let network = Network::fully_connected(INPUTS, &[19]).unwrap();
    if tied { network.tied().unwrap() } else { network }
}

fn training(selection: Selection, method: Method) -> TrainingConfig {
    let optimizer = Optimizer { method, rate: 0.02, schedule: Schedule::Linear, decay: 1e-3 };
    let sparsity = Sparsity { grid: Size::ONE, selection };
    TrainingConfig::new(sparsity, optimizer, BATCH, 50)
}

/// Every selection with both methods, untied and tied.
fn every_kind() -> Vec<(Network, TrainingConfig)> {
    let selections = [
        Selection::Lifetime { rate: 0.05 },
        Selection::Lifetime { rate: 0.3 },
        Selection::Lifetime { rate: 1.0 },
        Selection::All,
        Selection::PerSample { count: 4 },
        Selection::Batch { count: 4 },
    ];
    let methods = [Method::Sgd { momentum: 0.9 }, Method::ADAM];
    let kinds =
        selections.into_iter().flat_map(|selection| methods.map(|method| training(selection, method)));
    kinds.flat_map(|training| [false, true].map(|tied| (network(tied), training))).collect()
}

fn images(seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    (0..BATCH * INPUTS).map(|_| random.uniform()).collect()
}

/// A trainer's memory, and one for each kind of trainer in it.
struct Owned {
    network: Network,
    training: TrainingConfig,
    step: u64,
    parameters: Vec<f32>,
    moments: Vec<f32>,
}

impl Owned {
    fn new(network: Network, training: TrainingConfig) -> Self {
        let mut parameters = vec![0.0; network.parameters_len()];
        network.initialise(Initial::He, 5, &mut parameters).unwrap();
        let moments = vec![0.0; parameters.len() * training.optimizer.method.moments()];
        Self { network, training, step: 0, parameters, moments }
    }

    /// One step unit by unit, in scratch memory full of garbage.
    fn unit_step<'i>(&mut self, images: impl Iterator<Item = &'i [f32]> + Clone) -> Result<f32> {
        self.unit_step_of(|trainer| trainer.step(images))
    }

    /// The same with images that are written to a buffer one at a time.
    fn written_step(&mut self, images: &[f32]) -> Result<f32> {
        let mut image = [f32::NAN; INPUTS];
        let write = |index: usize, to: &mut [f32]| to.copy_from_slice(&images[index * INPUTS..][..INPUTS]);
        self.unit_step_of(|trainer| trainer.step_by_number(images.len() / INPUTS, &mut image, write))
    }

    fn unit_step_of(
        &mut self,
        step: impl FnOnce(&mut UnitTrainer<'_, Scalar>) -> Result<f32>,
    ) -> Result<f32> {
        let TrainingConfig { sparsity, optimizer, batch, .. } = self.training;
        let len = unit_training_len(&self.network, &sparsity, &optimizer.method, batch);
        let (mut floats, mut indices) = (vec![f32::NAN; len.floats], vec![u32::MAX; len.indices]);
        let scratch = Scratch { floats: &mut floats, indices: &mut indices, cuts: &mut [] };
        let (parameters, moments) = (&mut self.parameters, &mut self.moments);
        let mut trainer =
            UnitTrainer::new(Scalar, self.network, self.training, self.step, parameters, moments, scratch)?;
        let loss = step(&mut trainer);
        self.step = trainer.steps_done();
        loss
    }

    /// The same by the trainer with a gradient.
    fn step<'i>(&mut self, images: impl Iterator<Item = &'i [f32]> + Clone) -> Result<f32> {
        let mut memory = Memory::new(Scalar, &self.network, &self.training, self.parameters.clone());
        memory.moments.clone_from(&self.moments);
        let Memory { parameters, moments, floats, indices, cuts } = &mut memory;
        let scratch = Scratch { floats, indices, cuts };
        let (network, training) = (self.network, self.training);
        let mut trainer =
            wta_core::Trainer::new(Scalar, network, training, self.step, parameters, moments, scratch)?;
        let loss = trainer.step(images);
        self.step = trainer.steps_done();
        (self.parameters, self.moments) = (memory.parameters, memory.moments);
        loss
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Steps both trainers on these batches, and one that has the images written; all must always do the same.
/// Returns what the last step gave.
fn agree(network: Network, training: TrainingConfig, batches: &[Vec<f32>]) -> Result<f32> {
    let [mut ours, mut theirs, mut written] = [(); 3].map(|()| Owned::new(network, training));
    let mut last = Ok(0.0);
    for batch in batches {
        let before = (bits(&ours.parameters), bits(&ours.moments), ours.step);
        last = ours.unit_step(batch.chunks_exact(INPUTS));
        let expected = theirs.step(batch.chunks_exact(INPUTS));
        assert_eq!(last.map(f32::to_bits), expected.map(f32::to_bits), "{training:?}");
        assert_eq!(bits(&ours.parameters), bits(&theirs.parameters), "{training:?}");
        assert_eq!(bits(&ours.moments), bits(&theirs.moments), "{training:?}");
        assert_eq!(ours.step, theirs.step);
        assert_eq!(written.written_step(batch).map(f32::to_bits), last.map(f32::to_bits), "{training:?}");
        assert_eq!(bits(&written.parameters), bits(&ours.parameters), "{training:?}");
        assert_eq!((bits(&written.moments), written.step), (bits(&ours.moments), ours.step));
        if last.is_err() {
            assert_eq!((bits(&ours.parameters), bits(&ours.moments), ours.step), before, "{last:?}");
        }
    }
    last
}

#[test]
fn the_bits_are_those_of_the_trainer_with_a_gradient() {
    for (network, training) in every_kind() {
        let batches: Vec<_> = (0..6).map(images).collect();
        assert!(agree(network, training, &batches).unwrap() > 0.0);
    }
}

#[test]
fn a_unit_that_is_never_active_and_a_batch_of_one_are_no_exceptions() {
    for (network, training) in every_kind() {
        let mut owned = Owned::new(network, training);
        let dead = owned.parameters.chunks_exact_mut(INPUTS).nth(7).unwrap();
        dead.fill(-1.0);
        let before = owned.parameters.clone();
        owned.unit_step(images(1).chunks_exact(INPUTS)).unwrap();
        let moved = |unit: usize| {
            let decayed = 1.0 - training.optimizer.rate * training.optimizer.decay;
            let old = before[unit * INPUTS..][..INPUTS].iter();
            let new = owned.parameters[unit * INPUTS..][..INPUTS].iter();
            old.zip(new).map(|(old, new)| (old * decayed - new).abs()).fold(0.0, f32::max)
        };
        if training.optimizer.method != Method::ADAM && !network.is_tied() {
            assert!(moved(7) < 1e-7, "only weight decay moves a dead unit: {}", moved(7));
            assert!((0..19).any(|unit| moved(unit) > 1e-5), "{training:?}");
        }
        let one = images(3)[..INPUTS].to_vec();
        agree(network, TrainingConfig { batch: 1, ..training }, &[one.clone(), one]).unwrap();
    }
}

#[test]
fn the_loss_falls() {
    for (network, training) in every_kind() {
        let mut owned = Owned::new(network, TrainingConfig { steps: 100, ..training });
        let batch = images(9);
        let losses: Vec<f32> =
            (0..100).map(|_| owned.unit_step(batch.chunks_exact(INPUTS)).unwrap()).collect();
        assert!(losses[99] < 0.6 * losses[0], "{training:?}: {losses:?}");
    }
}

#[test]
fn steps_at_every_scale_are_taken_or_refused_as_by_the_trainer_with_a_gradient() {
    let (mut taken, mut diverged, mut overflowed) = (0, 0, 0);
    for (network, training) in every_kind() {
        for exponent in 0..39 {
            // One pixel, one image, or all of them are that large.
            for count in [1, INPUTS, BATCH * INPUTS] {
                let mut batch = images(4);
                let scale = 3.0 * 10.0f32.powi(exponent);
                batch.iter_mut().rev().take(count).for_each(|pixel| *pixel *= scale);
                match agree(network, training, &[images(1), batch]) {
                    Ok(_) => taken += 1,
                    Err(Error::Diverged { .. }) => diverged += 1,
                    Err(Error::NotFinite { what: "candidates", .. }) => overflowed += 1,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
    assert!(taken > 300 && diverged > 300 && overflowed > 20, "{taken} {diverged} {overflowed}");
}

#[test]
fn what_is_wrong_with_a_batch_is_said_as_by_the_trainer_with_a_gradient() {
    for (network, training) in every_kind() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for place in [0, 3 * INPUTS + 11, BATCH * INPUTS - 1] {
                let mut batch = images(4);
                batch[place] = bad;
                let error = agree(network, training, &[images(1), batch]).unwrap_err();
                assert_eq!(
                    error,
                    Error::BadImage {
                        image: place / INPUTS,
                        index: place % INPUTS,
                        what: "is not a finite number"
                    }
                );
            }
        }
        for count in [0, 1, BATCH - 1, BATCH + 1, 2 * BATCH] {
            let batch: Vec<f32> = images(4).into_iter().cycle().take(count * INPUTS).collect();
            let error = agree(network, training, &[images(1), batch]).unwrap_err();
            assert!(matches!(error, Error::Length { what: "batch", expected: BATCH, .. }), "{error}");
        }
        for wrong in [0, INPUTS - 1, INPUTS + 1] {
            let (good, odd) = (images(4), vec![0.5; wrong]);
            let batch = good.chunks_exact(INPUTS).take(BATCH - 1).chain([odd.as_slice()]);
            let error = Owned::new(network, training).unit_step(batch).unwrap_err();
            assert_eq!(error, Error::Length { what: "image", expected: INPUTS, found: wrong });
        }
    }
}

#[test]
fn memory_of_another_length_is_refused() {
    let (network, training) = every_kind()[0];
    let len = unit_training_len(&network, &training.sparsity, &training.optimizer.method, BATCH);
    let refusal = |len: TrainingLen| {
        let (mut parameters, mut moments) = (vec![0.0; len.parameters], vec![0.0; len.moments]);
        let (mut floats, mut indices) = (vec![0.0; len.floats], vec![0; len.indices]);
        let mut cuts = vec![wta_core::Cut { threshold: 0.0, ties_below: 0 }; len.cuts];
        let scratch = Scratch { floats: &mut floats, indices: &mut indices, cuts: &mut cuts };
        let made = UnitTrainer::new(Scalar, network, training, 0, &mut parameters, &mut moments, scratch);
        made.map(drop).unwrap_err()
    };
    for (wrong, name) in [
        (TrainingLen { parameters: len.parameters - 1, ..len }, "parameters"),
        (TrainingLen { moments: len.moments + 1, ..len }, "moments"),
        (TrainingLen { floats: len.floats - 1, ..len }, "scratch floats"),
        (TrainingLen { indices: len.indices + 1, ..len }, "scratch indices"),
        (TrainingLen { cuts: 1, ..len }, "scratch cuts"),
    ] {
        let Error::Length { what, .. } = refusal(wrong) else { panic!("{wrong:?}") };
        assert_eq!(what, name);
    }
}

#[test]
fn what_it_cannot_train_is_refused() {
    let (network, good) = every_kind()[0];
    let refusal = |network: Network, training: TrainingConfig| {
        let mut owned = Owned::new(network, training);
        owned.unit_step(images(1).chunks_exact(INPUTS)).unwrap_err()
    };
    for senseless in [
        TrainingConfig { batch: 0, ..good },
        TrainingConfig { optimizer: Optimizer { rate: 0.0, ..good.optimizer }, ..good },
        TrainingConfig { sparsity: Sparsity::lifetime(1.1), ..good },
        TrainingConfig { sparsity: Sparsity { grid: Size::new(2, 1), selection: Selection::All }, ..good },
        TrainingConfig { corruption: Corruption { input: 0.1, ..Corruption::NONE }, ..good },
        TrainingConfig { corruption: Corruption { hidden: 0.1, ..Corruption::NONE }, ..good },
    ] {
        assert!(matches!(refusal(network, senseless), Error::Invalid(_)), "{senseless:?}");
    }
    let deep = Network::fully_connected(INPUTS, &[5, 4]).unwrap();
    let convs = [Conv::new(4, Size::square(3))];
    let convolutional = Network::convolutional(Shape::new(1, 4, 4), &convs, Size::square(3)).unwrap();
    for network in [deep, convolutional] {
        assert!(matches!(refusal(network, good), Error::Invalid(_)), "{network:?}");
    }
    let mut owned = Owned::new(network, good);
    owned.parameters[17] = f32::NAN;
    let error = owned.unit_step(images(1).chunks_exact(INPUTS)).unwrap_err();
    assert_eq!(error, Error::NotFinite { what: "parameters", index: 17 });
}

#[test]
fn the_memory_is_counted_by_hand_and_less_than_with_a_gradient() {
    const NETWORK: Network = match Network::fully_connected(64, &[32]) {
        Ok(network) => network,
        Err(_) => panic!("not a network"),
    };
    const SGD: Method = Method::Sgd { momentum: 0.9 };
    const LEN: TrainingLen = unit_training_len(&NETWORK, &Sparsity::lifetime(0.05), &SGD, 20);
    let parameters = 2 * 64 * 32 + 32 + 64;
    // One survivor of each unit, the residuals, a row of the gradient, the codes of 8 units.
    let floats = 2 * 32 + 20 * 64 + 64 + 8 * 20;
    let expected = TrainingLen { parameters, moments: parameters, floats, indices: 32 + 32, cuts: 0 };
    assert_eq!(LEN, expected);
    assert_eq!(LEN.bytes(), 40_064);
    assert_eq!(training_len(&NETWORK, &Sparsity::lifetime(0.05), &SGD, 20).bytes(), 56_448);
    // Every image may survive: the codes need no memory of their own.
    let all = unit_training_len(&NETWORK, &Sparsity::SPATIAL, &Method::ADAM, 20);
    assert_eq!((all.moments, all.floats), (2 * parameters, 2 * 32 * 20 + 20 * 64 + 64));
    assert_eq!(all.indices, 32 * 20 + 32);
}

#[test]
fn sparsity_may_change_during_training() {
    for (network, good) in every_kind() {
        let training = TrainingConfig { sparsity: Sparsity::lifetime(1.0), ..good };
        let len = unit_training_len(&network, &training.sparsity, &training.optimizer.method, BATCH);
        let mut owned = Owned::new(network, training);
        let mut memory = Memory::new(Scalar, &network, &training, owned.parameters.clone());
        let (mut floats, mut indices) = (vec![f32::NAN; len.floats], vec![u32::MAX; len.indices]);
        let scratch = Scratch { floats: &mut floats, indices: &mut indices, cuts: &mut [] };
        let (parameters, moments) = (&mut owned.parameters, &mut owned.moments);
        let mut found = UnitTrainer::new(Scalar, network, training, 0, parameters, moments, scratch).unwrap();
        let mut expected = memory.trainer(Scalar, network, training).unwrap();
        let batch = images(1);
        for rate in [1.0, 0.5, 0.1, 0.7] {
            found.set_selection(Selection::Lifetime { rate }).unwrap();
            expected.set_selection(Selection::Lifetime { rate }).unwrap();
            let batch = || batch.chunks_exact(INPUTS);
            assert_eq!(found.step(batch()), expected.step(batch()), "{rate}");
            assert_eq!(bits(found.parameters()), bits(expected.parameters()), "{rate}");
        }
        assert!(matches!(found.set_selection(Selection::All), Err(Error::Invalid(_))));

        let sparse = TrainingConfig { sparsity: Sparsity::lifetime(0.1), ..good };
        let len = unit_training_len(&network, &sparse.sparsity, &sparse.optimizer.method, BATCH);
        let mut owned = Owned::new(network, sparse);
        let (mut floats, mut indices) = (vec![0.0; len.floats], vec![0; len.indices]);
        let scratch = Scratch { floats: &mut floats, indices: &mut indices, cuts: &mut [] };
        let (parameters, moments) = (&mut owned.parameters, &mut owned.moments);
        let mut trainer = UnitTrainer::new(Scalar, network, sparse, 0, parameters, moments, scratch).unwrap();
        assert!(matches!(trainer.set_selection(Selection::Lifetime { rate: 0.9 }), Err(Error::Invalid(_))));
    }
}

thread_local! {
    static NOW: Cell<u32> = const { Cell::new(0) };
}

/// Each look at this clock is a tick after the last one.
fn clock() -> u32 {
    NOW.replace(NOW.get() + 1)
}

#[test]
fn both_trainers_time_their_phases() {
    for (network, training) in every_kind() {
        let batch = images(1);
        let mut owned = Owned::new(network, training);
        let len = unit_training_len(&network, &training.sparsity, &training.optimizer.method, BATCH);
        let (mut floats, mut indices) = (vec![0.0; len.floats], vec![0; len.indices]);
        let scratch = Scratch { floats: &mut floats, indices: &mut indices, cuts: &mut [] };
        let (parameters, moments) = (&mut owned.parameters, &mut owned.moments);
        let mut trainer =
            UnitTrainer::new(Scalar, network, training, 0, parameters, moments, scratch).unwrap();
        trainer.step(batch.chunks_exact(INPUTS)).unwrap();
        assert_eq!(trainer.last_timing().total(), 0, "without a clock");
        trainer.set_clock(clock);
        for _ in 0..2 {
            trainer.step(batch.chunks_exact(INPUTS)).unwrap();
            let timing = trainer.last_timing();
            assert!(timing.compete >= 1 && timing.select >= 1, "{timing:?}");
            assert_eq!((timing.learn, timing.update), (1, 1));
        }

        let mut memory = Memory::new(Scalar, &network, &training, owned.parameters.clone());
        let mut trainer = memory.trainer(Scalar, network, training).unwrap();
        trainer.set_clock(clock);
        trainer.step(batch.chunks_exact(INPUTS)).unwrap();
        let timing = trainer.last_timing();
        assert_eq!([timing.compete, timing.select, timing.learn, timing.update], [1; 4]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_bits_agree_for_any_size(
        (inputs, units, batch) in (1usize..20, 1usize..30, 1usize..24),
        (tied, adam) in (any::<bool>(), any::<bool>()),
        selection in prop_oneof![
            (0.01f32..=1.0).prop_map(|rate| Selection::Lifetime { rate }),
            Just(Selection::All),
            (1usize..12).prop_map(|count| Selection::PerSample { count }),
            (1usize..12).prop_map(|count| Selection::Batch { count }),
        ],
        seed in any::<u64>(),
    ) {
        let network = Network::fully_connected(inputs, &[units]).unwrap();
        let network = if tied { network.tied().unwrap() } else { network };
        let method = if adam { Method::ADAM } else { Method::Sgd { momentum: 0.5 } };
        let training = TrainingConfig { batch, ..training(selection, method) };
        let mut random = Random::new(seed);
        let pixels: Vec<f32> = (0..batch * inputs).map(|_| random.normal().round() * 0.5).collect();
        let (mut ours, mut theirs) = (Owned::new(network, training), Owned::new(network, training));
        for _ in 0..3 {
            let loss = ours.unit_step(pixels.chunks_exact(inputs)).unwrap();
            prop_assert_eq!(loss.to_bits(), theirs.step(pixels.chunks_exact(inputs)).unwrap().to_bits());
            prop_assert_eq!(bits(&ours.parameters), bits(&theirs.parameters));
            prop_assert_eq!(bits(&ours.moments), bits(&theirs.moments));
        }
    }
}

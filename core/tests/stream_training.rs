//! Training row by row gives the weights, moments and losses of `Trainer`, to the bit, in less memory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

mod networks;
mod owned;

use networks::{images, networks, parameters};
use owned::Memory;
use proptest::prelude::*;
use wta_core::{
    Conv, Corruption, Dictionary, Error, Guard, Method, Network, Optimizer, Result, Scalar, Schedule,
    Scratch, Selection, Shape, Size, Sparsity, StreamTrainer, TrainingConfig, TrainingLen,
    stream_training_len, training_len,
};

/// The memory of a [`StreamTrainer`], filled with garbage where its content must not matter.
fn memory(network: &Network, training: &TrainingConfig, parameters: Vec<f32>) -> Memory {
    let len = stream_training_len(network, &training.optimizer.method, training.batch);
    let mut memory = Memory::new(Scalar, network, training, parameters);
    memory.floats = vec![f32::NAN; len.floats];
    memory.indices = vec![u32::MAX; len.indices];
    memory.cuts.truncate(len.cuts);
    memory
}

fn stream_trainer(
    memory: &mut Memory,
    network: Network,
    training: TrainingConfig,
    step: u64,
) -> Result<StreamTrainer<'_, Scalar>> {
    let Memory { parameters, moments, floats, indices, cuts } = memory;
    let scratch = Scratch { floats, indices, cuts };
    StreamTrainer::new(Scalar, network, training, step, parameters, moments, scratch)
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn selections() -> impl Strategy<Value = Selection> {
    prop_oneof![
        Just(Selection::All),
        (0.05f32..1.0).prop_map(|rate| Selection::Lifetime { rate }),
        (1usize..6).prop_map(|count| Selection::PerSample { count }),
        (1usize..6).prop_map(|count| Selection::Batch { count }),
    ]
}

fn trainings() -> impl Strategy<Value = TrainingConfig> {
    let methods = prop_oneof![Just(Method::ADAM), Just(Method::Sgd { momentum: 0.9 })];
    let schedules = prop_oneof![Just(Schedule::Constant), Just(Schedule::Linear)];
    (selections(), methods, schedules, prop_oneof![Just(0.0f32), Just(1e-3)], 1usize..7).prop_map(
        |(selection, method, schedule, decay, batch)| TrainingConfig {
            sparsity: Sparsity { grid: Size::ONE, selection },
            corruption: Corruption::NONE,
            guard: Guard::NONE,
            dictionary: Dictionary::FREE,
            optimizer: Optimizer { method, rate: 1e-3, schedule, decay },
            batch,
            steps: 4,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn weights_are_those_of_whole_images(
        network in networks(),
        training in trainings(),
        seed in any::<u64>(),
    ) {
        let parameters = parameters(&network, seed);
        let mut whole = Memory::new(Scalar, &network, &training, parameters.clone());
        let mut rows = memory(&network, &training, parameters);
        let mut expected = whole.trainer(Scalar, network, training).unwrap();
        let mut found = stream_trainer(&mut rows, network, training, 0).unwrap();
        let len = network.input().len();
        for step in 0..training.steps {
            let batch = images(&network, training.batch, seed ^ step);
            let loss = expected.step(batch.chunks_exact(len));
            prop_assert_eq!(found.step(batch.chunks_exact(len)), loss);
            prop_assert_eq!(bits(found.last_gradient()), bits(expected.last_gradient()));
        }
        prop_assert_eq!(bits(&rows.parameters), bits(&whole.parameters));
        prop_assert_eq!(bits(&rows.moments), bits(&whole.moments));
    }
}

const CONV: Conv = Conv::new(8, Size::square(5));
const SGD: Method = Method::Sgd { momentum: 0.9 };

/// Fails to compile for a wrong description.
const fn digits(conv: Conv) -> Network {
    match Network::convolutional(Shape::new(1, 28, 28), &[conv, conv], Size::square(11)) {
        Ok(network) => network,
        Err(_) => panic!("not a network"),
    }
}

/// 8conv5-8conv5-8deconv11, batch 32: with a stack of some kilobytes in 64 KB.
const SMALL: TrainingLen = stream_training_len(&digits(CONV), &SGD, 32);

/// 16 maps, batch 100: in 192 KB.
const LARGE: TrainingLen = stream_training_len(&digits(Conv { maps: 16, ..CONV }), &SGD, 100);

#[test]
fn training_fits_a_microcontroller() {
    let parameters = (8 * 25 + 8) + (8 * 8 * 25 + 8) + 8 * 121 + 1;
    let windows = 5 * 32 + 5 * 32 * 8;
    // The gradient, the batch's winners, one image's deltas, the windows, a row of the code, the residual, a
    // row of deltas below.
    let floats = parameters + 32 * 8 + 8 + windows + 28 * 8 + 38 * 38 + 32 * 8;
    let expected = TrainingLen { parameters, moments: parameters, floats, indices: 32 * 8 + 28, cuts: 8 };
    assert_eq!(SMALL, expected);
    // The same as one number each, so that a change of memory use does not go unnoticed.
    assert_eq!((SMALL.bytes(), LARGE.bytes()), (49_132, 138_828));
    assert!(SMALL.bytes() <= 56 * 1024 && LARGE.bytes() <= 185 * 1024);
    let whole = training_len(&digits(CONV), &Sparsity::SPATIAL, &SGD, 32).bytes();
    assert!(whole > 3 * SMALL.bytes(), "{whole}");
}

#[test]
fn deep_networks_keep_the_rows_that_their_deltas_meet() {
    // Seen from the last layer: the third's kernel reads 3 rows; the second's deltas come a row at a time, so
    // 3 rows; the first's are complete 2 rows later, which adds 2 times its stride.
    let convs = [
        Conv::with_stride(2, Size::square(5), Size::square(2)),
        Conv::new(3, Size::square(3)),
        Conv::new(4, Size::square(3)),
    ];
    let network = Network::convolutional(Shape::new(1, 28, 28), &convs, Size::square(3)).unwrap();
    let windows = (5 + 2 * 2) * 32 + 3 * 16 * 2 + 3 * 16 * 3;
    let (batch, incomplete) = (2, 3 * 16 * 2 + 16 * 3);
    let floats =
        network.parameters_len() + (batch + 1) * 4 + windows + 14 * 4 + network.residual_len() + incomplete;
    assert_eq!(stream_training_len(&network, &SGD, batch).floats, floats);
}

#[test]
fn rows_may_come_from_bytes() {
    let network = digits(CONV);
    let training = example(Selection::Lifetime { rate: 0.25 });
    let bytes: Vec<Vec<u8>> =
        (0..4usize).map(|image| (0..784).map(|index| (index * (7 + image) % 251) as u8).collect()).collect();
    let floats: Vec<Vec<f32>> =
        bytes.iter().map(|image| image.iter().map(|byte| f32::from(*byte) / 255.0).collect()).collect();
    let rows = bytes.iter().map(|image| {
        |y: usize, row: &mut [f32]| {
            let pixels = image.iter().skip(y * row.len());
            row.iter_mut().zip(pixels).for_each(|(to, pixel)| *to = f32::from(*pixel) / 255.0);
        }
    });
    let mut from_bytes = memory(&network, &training, parameters(&network, 1));
    let mut whole = Memory::new(Scalar, &network, &training, parameters(&network, 1));
    let loss = stream_trainer(&mut from_bytes, network, training, 0).unwrap().step(rows);
    let mut trainer = whole.trainer(Scalar, network, training).unwrap();
    assert_eq!(loss, trainer.step(floats.iter().map(Vec::as_slice)));
    assert_eq!(from_bytes.parameters, whole.parameters);
}

fn example(selection: Selection) -> TrainingConfig {
    let optimizer = Optimizer { method: SGD, rate: 1e-3, schedule: Schedule::Constant, decay: 0.0 };
    let sparsity = Sparsity { grid: Size::ONE, selection };
    TrainingConfig::new(sparsity, optimizer, 4, 9)
}

#[test]
fn sparsity_may_change_during_training() {
    let network = small();
    let training = example(Selection::Lifetime { rate: 1.0 });
    let batch = images(&network, 4, 2);
    let batch = || batch.chunks_exact(network.input().len());
    let mut whole = Memory::new(Scalar, &network, &training, parameters(&network, 1));
    let mut rows = memory(&network, &training, parameters(&network, 1));
    let mut expected = whole.trainer(Scalar, network, training).unwrap();
    let mut found = stream_trainer(&mut rows, network, training, 0).unwrap();
    for rate in [1.0, 0.5, 0.25] {
        expected.set_selection(Selection::Lifetime { rate }).unwrap();
        found.set_selection(Selection::Lifetime { rate }).unwrap();
        assert_eq!(found.step(batch()), expected.step(batch()));
        assert_eq!(bits(found.parameters()), bits(expected.parameters()));
    }
    assert!(matches!(found.set_selection(Selection::All), Err(Error::Invalid(_))));
}

#[test]
fn the_phases_are_timed() {
    use std::sync::atomic::{AtomicU32, Ordering};
    /// Each look at this clock is a tick after the last one.
    fn clock() -> u32 {
        static NOW: AtomicU32 = AtomicU32::new(0);
        NOW.fetch_add(1, Ordering::Relaxed)
    }
    let (network, training) = (small(), example(Selection::All));
    let batch = images(&network, 4, 2);
    let mut memory = memory(&network, &training, parameters(&network, 1));
    let mut trainer = stream_trainer(&mut memory, network, training, 0).unwrap();
    trainer.step(batch.chunks_exact(network.input().len())).unwrap();
    assert_eq!(trainer.last_timing().total(), 0, "without a clock");
    trainer.set_clock(clock);
    trainer.step(batch.chunks_exact(network.input().len())).unwrap();
    let timing = trainer.last_timing();
    assert_eq!([timing.compete, timing.select, timing.learn, timing.update], [1; 4]);
}

fn small() -> Network {
    let convs = [Conv::new(6, Size::square(3)), Conv::new(8, Size::square(3))];
    Network::convolutional(Shape::new(1, 8, 9), &convs, Size::square(5)).unwrap()
}

/// Fails a step on `batch` and shows that nothing has changed: not even what the next good step does.
fn refusal<'i>(batch: impl Iterator<Item = &'i [f32]> + Clone) -> Error {
    let (network, training) = (small(), example(Selection::Lifetime { rate: 0.5 }));
    let good = images(&network, 4, 2);
    let good = || good.chunks_exact(network.input().len());
    let mut undisturbed = memory(&network, &training, parameters(&network, 1));
    let mut disturbed = undisturbed.clone();
    let mut trainer = stream_trainer(&mut undisturbed, network, training, 0).unwrap();
    (0..2).for_each(|_| assert!(trainer.step(good()).is_ok()));

    let mut trainer = stream_trainer(&mut disturbed, network, training, 0).unwrap();
    assert!(trainer.step(good()).is_ok());
    let before = trainer.parameters().to_vec();
    let error = trainer.step(batch).unwrap_err();
    assert_eq!((trainer.parameters(), trainer.steps_done()), (&before[..], 1), "{error}");
    assert!(trainer.step(good()).is_ok());
    assert_eq!(bits(&undisturbed.parameters), bits(&disturbed.parameters), "{error}");
    assert_eq!(bits(&undisturbed.moments), bits(&disturbed.moments), "{error}");
    error
}

#[test]
fn a_refusal_changes_nothing() {
    let network = small();
    let len = network.input().len();
    for bad in [f32::NAN, f32::INFINITY] {
        let mut batch = images(&network, 4, 3);
        batch[2 * len + 11] = bad;
        let error = refusal(batch.chunks_exact(len));
        assert_eq!(error, Error::BadImage { image: 2, index: 11, what: "is not a finite number" });
    }
    for count in [0, 3, 5] {
        let batch = images(&network, count, 3);
        let error = refusal(batch.chunks_exact(len));
        assert_eq!(error, Error::Length { what: "batch", expected: 4, found: count });
    }
    let batch = images(&network, 4, 3);
    let error = refusal(batch.chunks_exact(len - 1).take(4));
    assert_eq!(error, Error::Length { what: "image", expected: len, found: len - 1 });
    let huge: Vec<f32> = batch.iter().map(|pixel| pixel * 1e20).collect();
    assert!(matches!(refusal(huge.chunks_exact(len)), Error::Diverged { .. }));
    let overflowing: Vec<f32> = batch.iter().map(|pixel| pixel * 1e38).collect();
    let error = refusal(overflowing.chunks_exact(len));
    assert!(matches!(error, Error::NotFinite { what: "candidates", .. }), "{error}");
}

#[test]
fn what_cannot_be_done_row_by_row_is_refused() {
    let (network, good) = (small(), example(Selection::All));
    let corrupt = |input, hidden| Corruption { input, hidden, seed: 1 };
    for training in [
        TrainingConfig { corruption: corrupt(0.1, 0.0), ..good },
        TrainingConfig { corruption: corrupt(0.0, 0.1), ..good },
        TrainingConfig { sparsity: Sparsity { grid: Size::new(1, 2), selection: Selection::All }, ..good },
        TrainingConfig { sparsity: Sparsity::lifetime(0.0), ..good },
        TrainingConfig { optimizer: Optimizer { rate: 0.0, ..good.optimizer }, ..good },
        TrainingConfig { batch: 0, ..good },
    ] {
        let mut memory = memory(&network, &good, parameters(&network, 1));
        let error = stream_trainer(&mut memory, network, training, 0).map(drop).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{training:?}: {error}");
    }
}

#[test]
fn memory_of_another_length_is_refused() {
    let (network, training) = (small(), example(Selection::All));
    let fresh = || memory(&network, &training, parameters(&network, 1));
    let refused =
        |mut memory: Memory| stream_trainer(&mut memory, network, training, 0).map(drop).unwrap_err();
    for by in [-1isize, 1] {
        let resized = |len: usize| len.checked_add_signed(by).unwrap();
        let mut memory = fresh();
        memory.parameters.resize(resized(memory.parameters.len()), 0.0);
        assert!(matches!(refused(memory), Error::Length { what: "parameters", .. }));
        let mut memory = fresh();
        memory.moments.resize(resized(memory.moments.len()), 0.0);
        assert!(matches!(refused(memory), Error::Length { what: "moments", .. }));
        let mut memory = fresh();
        memory.floats.resize(resized(memory.floats.len()), 0.0);
        assert!(matches!(refused(memory), Error::Length { what: "scratch floats", .. }));
        let mut memory = fresh();
        memory.indices.resize(resized(memory.indices.len()), 0);
        assert!(matches!(refused(memory), Error::Length { what: "scratch indices", .. }));
        let mut memory = fresh();
        memory.cuts.resize(resized(memory.cuts.len()), memory.cuts[0]);
        assert!(matches!(refused(memory), Error::Length { what: "scratch cuts", .. }));
    }
    let mut memory = fresh();
    memory.parameters[17] = f32::NAN;
    assert_eq!(refused(memory), Error::NotFinite { what: "parameters", index: 17 });
}

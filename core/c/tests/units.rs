//! Training of fully-connected networks from C, unit by unit: the bits of training row by row, in less
//! memory.

#![allow(clippy::unwrap_used, reason = "helpers of tests report by panicking")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "calls as C makes them: every buffer is as long as its call says, or the call refuses it first"
)]

use std::ffi::c_void;
use std::ptr::{null, null_mut};

use wta_c::wta_status::*;
use wta_c::*;
use wta_core::{
    Cut, Initial, Method, Network, Optimizer, Scalar, Schedule, Scratch, Selection, Size, Sparsity,
    StreamTrainer, TrainingConfig, stream_training_len, unit_training_len,
};

const INPUTS: usize = 13;
const SCALE: f32 = 0.03125;
const STEPS: usize = 6;

fn network(layers: &[usize], tied: bool) -> (wta_network, Network) {
    let one = wta_size { height: 1, width: 1 };
    let mut c = wta_network {
        input: wta_shape { channels: INPUTS, height: 1, width: 1 },
        depth: layers.len(),
        decoder_kernel: one,
        tied,
        ..wta_network::default()
    };
    for (layer, maps) in c.layers.iter_mut().zip(layers) {
        *layer = wta_layer { maps: *maps, kernel: one, stride: one };
    }
    let rust = Network::fully_connected(INPUTS, layers).unwrap();
    (c, if tied { rust.tied().unwrap() } else { rust })
}

/// Settings in C's and Rust's words.
fn settings(selection: Selection, adam: bool, batch: usize) -> (wta_training, TrainingConfig) {
    let mut c = wta_training::default();
    assert_eq!(unsafe { wta_training_defaults(&mut c) }, WTA_OK);
    (c.batch, c.steps, c.scale, c.rate, c.decay) = (batch, STEPS as u64, SCALE, 0.02, 1e-3);
    (c.method, c.schedule) = (if adam { WTA_ADAM } else { WTA_SGD }, WTA_LINEAR);
    match selection {
        Selection::All => c.keep = WTA_KEEP_ALL,
        Selection::Lifetime { rate } => (c.keep, c.lifetime_rate) = (WTA_KEEP_LIFETIME, rate),
        Selection::PerSample { count } => (c.keep, c.per_sample) = (WTA_KEEP_PER_SAMPLE, count),
        Selection::Batch { count } => (c.keep, c.per_sample) = (WTA_KEEP_BATCH, count),
    }
    let method = if adam { Method::ADAM } else { Method::Sgd { momentum: 0.9 } };
    let optimizer = Optimizer { method, rate: 0.02, schedule: Schedule::Linear, decay: 1e-3 };
    let sparsity = Sparsity { grid: Size::ONE, selection };
    let steps = STEPS as u64;
    (c, TrainingConfig::new(sparsity, optimizer, batch, steps))
}

/// Samples with a sign.
fn samples(batch: usize, step: usize) -> Vec<i16> {
    (0..batch * INPUTS).map(|i| ((i * 53 + step * 17) % 41) as i16 - 15).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Parameters and losses of the Rust trainer that goes row by row.
fn by_rows(network: Network, training: TrainingConfig, seed: u64) -> (Vec<u32>, Vec<u32>) {
    let len = stream_training_len(&network, &training.optimizer.method, training.batch);
    let (mut parameters, mut moments) = (vec![0.0; len.parameters], vec![0.0; len.moments]);
    let (mut floats, mut indices) = (vec![0.0; len.floats], vec![0; len.indices]);
    let mut cuts = vec![Cut { threshold: 0.0, ties_below: 0 }; len.cuts];
    network.initialise(Initial::He, seed, &mut parameters).unwrap();
    let scratch = Scratch { floats: &mut floats, indices: &mut indices, cuts: &mut cuts };
    let mut trainer =
        StreamTrainer::new(Scalar, network, training, 0, &mut parameters, &mut moments, scratch).unwrap();
    let mut losses = Vec::new();
    for step in 0..STEPS {
        let batch = samples(training.batch, step);
        let images = batch.chunks_exact(INPUTS).map(|image| {
            move |_: usize, row: &mut [f32]| {
                row.iter_mut().zip(image).for_each(|(to, v)| *to = f32::from(*v) * SCALE);
            }
        });
        losses.push(trainer.step(images).unwrap());
    }
    (bits(&parameters), bits(&losses))
}

/// The floats of a batch, as a callback gives them.
unsafe extern "C" fn float_rows(context: *mut c_void, image: usize, _: usize, row: *mut f32, len: usize) {
    let batch = unsafe { &*context.cast::<Vec<f32>>() };
    let from = &batch[INPUTS * image..][..len];
    unsafe { std::slice::from_raw_parts_mut(row, len) }.copy_from_slice(from);
}

const NOTHING: wta_images = wta_images {
    pixels: null(),
    len: 0,
    stride: 0,
    row: None,
    context: null_mut(),
    samples: null(),
    kind: 0,
};

/// The same from C, in as much memory as it says, and going on after a reset in the middle.
fn from_c(network: &wta_network, training: &wta_training, seed: u64) -> (Vec<u32>, Vec<u32>) {
    let bytes = unsafe { wta_train_units_bytes(network, training) };
    let parameters = unsafe { wta_parameters_len(network) };
    let moments = if training.method == WTA_ADAM { 2 } else { 1 };
    let mut memory = vec![0xdead_beef_u32; bytes / 4];
    let mut trainer = wta_trainer { words: [0; WTA_TRAINER_WORDS] };
    let mut losses = Vec::new();
    let init = |trainer: &mut wta_trainer, memory: &mut Vec<u32>, bytes: usize| unsafe {
        wta_train_units_init(trainer, network, training, seed, memory.as_mut_ptr().cast(), bytes)
    };
    assert_eq!(init(&mut trainer, &mut memory, bytes - 1), WTA_ERROR_LENGTH);
    assert_eq!(init(&mut trainer, &mut memory, bytes), WTA_OK);
    for step in 0..STEPS {
        let batch = samples(training.batch, step);
        let mut floats: Vec<f32> = batch.iter().map(|v| f32::from(*v) * SCALE).collect();
        let images = if step % 2 == 0 {
            let len = 2 * batch.len();
            wta_images { samples: batch.as_ptr().cast(), len, kind: WTA_INT16, ..NOTHING }
        } else {
            wta_images { row: Some(float_rows), context: (&raw mut floats).cast(), ..NOTHING }
        };
        let mut loss = f32::NAN;
        let status = unsafe { wta_train_step(&mut trainer, &images, training.batch, &mut loss) };
        assert_eq!((status, unsafe { wta_train_steps_done(&trainer) }), (WTA_OK, step as u64 + 1));
        losses.push(loss);
        if step == STEPS / 2 {
            memory[parameters * (1 + moments)..].fill(0xdead_beef);
            let (lent, done) = (memory.as_mut_ptr().cast(), step as u64 + 1);
            let status =
                unsafe { wta_train_units_resume(&mut trainer, network, training, done, lent, bytes) };
            assert_eq!(status, WTA_OK);
        }
    }
    (memory[..parameters].to_vec(), bits(&losses))
}

#[test]
fn fully_connected_networks_are_trained_in_less_memory_with_the_same_bits() {
    let selections = [
        Selection::Lifetime { rate: 0.05 },
        Selection::Lifetime { rate: 0.3 },
        Selection::All,
        Selection::PerSample { count: 4 },
        Selection::Batch { count: 3 },
    ];
    for (selection, adam) in selections.into_iter().flat_map(|s| [false, true].map(|adam| (s, adam))) {
        for (tied, batch) in [(false, 10), (true, 10), (false, 100)] {
            let (described, network) = network(&[19], tied);
            let (training, expected) = settings(selection, adam, batch);
            assert_eq!(from_c(&described, &training, 7), by_rows(network, expected, 7), "{expected:?}");

            let method = &expected.optimizer.method;
            let units = unit_training_len(&network, &expected.sparsity, method, batch).bytes();
            let found = unsafe { wta_train_units_bytes(&described, &training) };
            assert_eq!(found, units + 4 * INPUTS, "and an image: {expected:?}");
            if matches!(selection, Selection::Lifetime { rate: 0.05 }) && batch == 10 {
                assert!(found < unsafe { wta_train_bytes(&described, &training) });
            }
        }
    }
}

/// A device's training of a desktop's model, and a training that goes on the other way.
#[test]
fn a_models_parameters_and_another_trainers_are_trained_on() {
    let (described, network) = network(&[19], false);
    let (training, _) = settings(Selection::Lifetime { rate: 0.1 }, true, 10);
    let len = network.parameters_len();
    let mut parameters = vec![0.0; len];
    network.initialise(Initial::He, 9, &mut parameters).unwrap();
    let mut model = wta_model { words: [0; WTA_MODEL_WORDS] };
    let made =
        unsafe { wta_model_of_parameters(&mut model, &described, null(), SCALE, parameters.as_ptr(), len) };
    assert_eq!(made, WTA_OK);
    let bytes =
        unsafe { wta_train_bytes(&described, &training).max(wta_train_units_bytes(&described, &training)) };
    let batch: Vec<u8> = samples(10, 0).iter().map(|v| v.unsigned_abs() as u8).collect();
    let images = wta_images { pixels: batch.as_ptr(), len: batch.len(), ..NOTHING };
    let mut found = Vec::new();
    for kinds in [[false; 3], [true; 3], [true, false, true], [false, true, false]] {
        let mut memory = vec![0u32; bytes / 4];
        let lent = memory.as_mut_ptr().cast();
        let mut trainer = wta_trainer { words: [0; WTA_TRAINER_WORDS] };
        for (steps, units) in kinds.into_iter().enumerate() {
            let status = match (steps, units) {
                (0, false) => unsafe { wta_train_init_model(&mut trainer, &model, &training, lent, bytes) },
                (0, true) => unsafe {
                    wta_train_units_init_model(&mut trainer, &model, &training, lent, bytes)
                },
                (_, false) => unsafe {
                    wta_train_resume(&mut trainer, &described, &training, steps as u64, lent, bytes)
                },
                (_, true) => unsafe {
                    wta_train_units_resume(&mut trainer, &described, &training, steps as u64, lent, bytes)
                },
            };
            assert_eq!(status, WTA_OK);
            assert_eq!(unsafe { wta_train_step(&mut trainer, &images, 10, null_mut()) }, WTA_OK);
        }
        assert_ne!(memory[..len], bits(&parameters));
        // Parameters and moments.
        found.push(memory[..3 * len].to_vec());
    }
    assert!(found.iter().all(|state| *state == found[0]));
}

#[test]
fn other_networks_are_refused() {
    let (training, _) = settings(Selection::All, false, 10);
    let (good, _) = network(&[19], false);
    let (deep, _) = network(&[19, 5], false);
    let mut convolutional = good;
    convolutional.input = wta_shape { channels: 1, height: 4, width: 4 };
    let mut memory = vec![0u32; 10_000];
    let mut trainer = wta_trainer { words: [0; WTA_TRAINER_WORDS] };
    for network in [deep, convolutional] {
        assert_eq!(unsafe { wta_train_units_bytes(&network, &training) }, 0);
        let lent = memory.as_mut_ptr().cast();
        let init = |trainer| unsafe { wta_train_units_init(trainer, &network, &training, 1, lent, 40_000) };
        assert_eq!(init(&mut trainer), WTA_ERROR_INVALID);
        let parameters = unsafe { wta_train_parameters(&trainer) };
        assert!(parameters.is_null());
    }
}

#[test]
fn a_step_that_is_refused_changes_nothing() {
    let (described, _) = network(&[19], false);
    let (training, _) = settings(Selection::Lifetime { rate: 0.1 }, false, 10);
    let bytes = unsafe { wta_train_units_bytes(&described, &training) };
    let mut memory = vec![0u32; bytes / 4];
    let mut trainer = wta_trainer { words: [0; WTA_TRAINER_WORDS] };
    let lent = memory.as_mut_ptr().cast();
    assert_eq!(unsafe { wta_train_units_init(&mut trainer, &described, &training, 3, lent, bytes) }, WTA_OK);
    let before = memory.clone();
    let kept = 2 * unsafe { wta_parameters_len(&described) };
    for (bad, expected) in [(f32::NAN, WTA_ERROR_NOT_FINITE), (1e30, WTA_ERROR_DIVERGED)] {
        let mut floats: Vec<f32> = samples(10, 0).iter().map(|v| f32::from(*v)).collect();
        floats[100] = bad;
        let images = wta_images { row: Some(float_rows), context: (&raw mut floats).cast(), ..NOTHING };
        let mut loss = 77.0;
        let status = unsafe { wta_train_step(&mut trainer, &images, 10, &mut loss) };
        assert_eq!((status, loss, unsafe { wta_train_steps_done(&trainer) }), (expected, 77.0, 0));
        assert_eq!(memory[..kept], before[..kept]);
    }
    // More images than any memory holds.
    let endless = wta_training { batch: usize::MAX / 4, ..training };
    assert_eq!(unsafe { wta_train_units_bytes(&described, &endless) }, 0);
}

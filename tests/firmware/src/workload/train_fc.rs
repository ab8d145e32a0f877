//! What is trained, shared with the test that computes the same on the host:
//! tests/tests/firmware/train_fc.rs.
//!
//! A small FC-WTA autoencoder learns bars: images of 4 x 4 pixels, each a few full rows and columns.

use wta_core::{
    Corruption, Cut, Dictionary, Guard, Initial, Method, Network, Optimizer, Random, Result, Scalar,
    Schedule, Scratch, Sparsity, Trainer, TrainingConfig, TrainingLen, training_len,
};

const SIDE: usize = 4;
const PIXELS: usize = SIDE * SIDE;
const UNITS: usize = 12;
const BATCH: usize = 20;
const STEPS: u64 = 8;
const SEED: u64 = 1;

/// The network is a constant: one that cannot be does not compile.
const NETWORK: Network = match Network::fully_connected(PIXELS, &[UNITS]) {
    Ok(network) => network,
    Err(_) => panic!("not a network"),
};

const TRAINING: TrainingConfig = TrainingConfig {
    sparsity: Sparsity::lifetime(0.1),
    corruption: Corruption::NONE,
    guard: Guard::NONE,
    dictionary: Dictionary::FREE,
    optimizer: Optimizer {
        method: Method::Sgd { momentum: 0.9 },
        rate: 0.05,
        schedule: Schedule::Linear,
        decay: 1e-4,
    },
    batch: BATCH,
    steps: STEPS,
};

/// What training needs, known before the program runs.
const LEN: TrainingLen = training_len(&NETWORK, &TRAINING.sparsity, &TRAINING.optimizer.method, BATCH);

/// All memory of the training.
pub(crate) struct Memory {
    parameters: [f32; LEN.parameters],
    moments: [f32; LEN.moments],
    floats: [f32; LEN.floats],
    indices: [u32; LEN.indices],
    cuts: [Cut; LEN.cuts],
    images: [[f32; PIXELS]; BATCH],
}

impl Memory {
    /// Before the training.
    pub(crate) const fn new() -> Self {
        Self {
            parameters: [0.0; LEN.parameters],
            moments: [0.0; LEN.moments],
            floats: [0.0; LEN.floats],
            indices: [0; LEN.indices],
            cuts: [Cut { threshold: 0.0, ties_below: 0 }; LEN.cuts],
            images: [[0.0; PIXELS]; BATCH],
        }
    }
}

/// Trains from scratch; returns the weights.
pub(crate) fn train(memory: &mut Memory) -> Result<&[f32]> {
    NETWORK.initialise(Initial::He, SEED, &mut memory.parameters)?;
    memory.moments.fill(0.0);
    let scratch =
        Scratch { floats: &mut memory.floats, indices: &mut memory.indices, cuts: &mut memory.cuts };
    let mut trainer =
        Trainer::new(Scalar, NETWORK, TRAINING, 0, &mut memory.parameters, &mut memory.moments, scratch)?;
    let mut random = Random::new(SEED);
    for _ in 0..STEPS {
        memory.images.iter_mut().for_each(|image| draw_bars(&mut random, image));
        trainer.step(memory.images.iter().map(|image| &image[..]))?;
    }
    Ok(&memory.parameters)
}

/// Each row and each column is lit with a chance of one in four.
fn draw_bars(random: &mut Random, image: &mut [f32; PIXELS]) {
    let bits = random.next_u64();
    let lit = |line: usize| (bits >> (2 * line)) & 3 == 0;
    for (index, pixel) in image.iter_mut().enumerate() {
        *pixel = if lit(index / SIDE) || lit(SIDE + index % SIDE) { 1.0 } else { 0.0 };
    }
}

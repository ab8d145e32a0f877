//! One training step of a 64-32-64 autoencoder on a batch of 20, shared with the test that computes the same
//! on the host: tests/tests/firmware/step_fc.rs.
//!
//! Everything that training needs is in [`Memory`]; the images are constants, and stay in flash.

#![allow(dead_code, reason = "each program uses a part of this")]

use wta_core::{
    Initial, Method, Network, Optimizer, Random, Result, Scalar, Schedule, Scratch, Sparsity, TrainingConfig,
    TrainingLen, UnitTrainer, unit_training_len,
};

const INPUTS: usize = 64;
const UNITS: usize = 32;
const BATCH: usize = 20;

/// Steps that are taken, and averaged over.
pub(crate) const STEPS: u32 = 10;

const NETWORK: Network = match Network::fully_connected(INPUTS, &[UNITS]) {
    Ok(network) => network,
    Err(_) => panic!("not a network"),
};

/// Of each unit, one image of the batch survives.
pub(crate) const SPARSE: TrainingConfig = training(Sparsity::lifetime(0.05), 1e-2);
/// A unit survives wherever it rises above its ReLU.
pub(crate) const DENSE: TrainingConfig = training(Sparsity::lifetime(1.0), 1e-3);
/// The same in steps so small that a unit which is active stays so.
pub(crate) const SLOW: TrainingConfig = training(Sparsity::lifetime(1.0), 1e-6);
/// A bias with which every unit is active in every image.
pub(crate) const ALWAYS: f32 = 10.0;

const fn training(sparsity: Sparsity, rate: f32) -> TrainingConfig {
    let method = Method::Sgd { momentum: 0.9 };
    let optimizer = Optimizer { method, rate, schedule: Schedule::Constant, decay: 0.0 };
    TrainingConfig::new(sparsity, optimizer, BATCH, 100)
}

const fn len(training: &TrainingConfig) -> TrainingLen {
    unit_training_len(&NETWORK, &training.sparsity, &training.optimizer.method, BATCH)
}

/// The memory of each.
pub(crate) type Sparse = Memory<{ len(&SPARSE).floats }, { len(&SPARSE).indices }>;
pub(crate) type Dense = Memory<{ len(&DENSE).floats }, { len(&DENSE).indices }>;

/// All memory of a training: [`TrainingLen`] in arrays.
pub(crate) struct Memory<const FLOATS: usize, const INDICES: usize> {
    parameters: [f32; NETWORK.parameters_len()],
    moments: [f32; NETWORK.parameters_len()],
    floats: [f32; FLOATS],
    indices: [u32; INDICES],
}

impl<const FLOATS: usize, const INDICES: usize> Memory<FLOATS, INDICES> {
    /// Before the training.
    pub(crate) const fn new() -> Self {
        Self {
            parameters: [0.0; NETWORK.parameters_len()],
            moments: [0.0; NETWORK.parameters_len()],
            floats: [0.0; FLOATS],
            indices: [0; INDICES],
        }
    }

    /// A trainer before its first step; `bias` is every unit's.
    pub(crate) fn trainer(&mut self, training: TrainingConfig, bias: f32) -> Result<UnitTrainer<'_, Scalar>> {
        let Self { parameters, moments, floats, indices } = self;
        NETWORK.initialise(Initial::He, 1, parameters)?;
        parameters.iter_mut().skip(INPUTS * UNITS).take(UNITS).for_each(|value| *value = bias);
        moments.fill(0.0);
        let scratch = Scratch { floats, indices, cuts: &mut [] };
        UnitTrainer::new(Scalar, NETWORK, training, 0, parameters, moments, scratch)
    }
}

/// The batch.
pub(crate) fn images() -> impl Iterator<Item = &'static [f32]> + Clone {
    static IMAGES: [[f32; INPUTS]; BATCH] = draw();
    IMAGES.iter().map(|image| &image[..])
}

/// Uniform noise.
const fn draw() -> [[f32; INPUTS]; BATCH] {
    let mut random = Random::new(1);
    let mut images = [[0.0; INPUTS]; BATCH];
    let mut place = 0;
    while place < BATCH * INPUTS {
        images[place / INPUTS][place % INPUTS] = random.uniform();
        place += 1;
    }
    images
}

/// Whether every unit is active in every image.
pub(crate) fn all_active(parameters: &[f32]) -> bool {
    let (weights, bias) = (&parameters[..INPUTS * UNITS], &parameters[INPUTS * UNITS..]);
    weights.chunks(INPUTS).zip(bias).all(|(weights, bias)| {
        let sum =
            |image: &[f32]| weights.iter().zip(image).map(|(weight, pixel)| weight * pixel).sum::<f32>();
        images().all(|image| bias + sum(image) > 0.0)
    })
}

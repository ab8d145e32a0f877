//! What is trained on real digits, row by row: a convolutional winner-take-all autoencoder, of which no map
//! is ever whole.
//!
//! The numbers of maps, of images in a batch and of steps are the program's ([`super`]).

use super::{BATCH, MAPS, STEPS};
use wta_core::{
    Conv, Corruption, Cut, Dictionary, Guard, Initial, Method, Network, Optimizer, Result, Rows, Scalar,
    Schedule, Scratch, Shape, Size, Sparsity, StreamTrainer, TrainingConfig, TrainingLen,
    stream_training_len,
};

const SIDE: usize = 28;
const PIXELS: usize = SIDE * SIDE;
const SEED: u64 = 1;

/// Two layers of 5 x 5 kernels, and a decoder of 11 x 11. One that cannot be does not compile.
pub(crate) const NETWORK: Network = match Network::convolutional(
    Shape::new(1, SIDE, SIDE),
    &[Conv::new(MAPS, Size::square(5)), Conv::new(MAPS, Size::square(5))],
    Size::square(11),
) {
    Ok(network) => network,
    Err(_) => panic!("not a network"),
};

pub(crate) const TRAINING: TrainingConfig = TrainingConfig {
    sparsity: Sparsity::lifetime(0.5),
    corruption: Corruption::NONE,
    guard: Guard::NONE,
    dictionary: Dictionary::FREE,
    optimizer: Optimizer {
        method: Method::Sgd { momentum: 0.9 },
        rate: 1e-3,
        schedule: Schedule::Constant,
        decay: 0.0,
    },
    batch: BATCH,
    steps: STEPS,
};

/// What training needs, known before the program runs.
const LEN: TrainingLen = stream_training_len(&NETWORK, &TRAINING.optimizer.method, BATCH);

/// All memory of the training.
pub(crate) struct Memory {
    parameters: [f32; LEN.parameters],
    moments: [f32; LEN.moments],
    floats: [f32; LEN.floats],
    indices: [u32; LEN.indices],
    cuts: [Cut; LEN.cuts],
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
        }
    }
}

/// The weights before the first step.
pub(crate) fn initialise(parameters: &mut [f32]) -> Result<()> {
    NETWORK.initialise(Initial::He, SEED, parameters)
}

/// Trains from scratch on images of bytes, batch after batch and round and round; hands over the loss of each
/// step. Returns the weights.
pub(crate) fn train<'m>(
    images: &[u8],
    memory: &'m mut Memory,
    mut after_step: impl FnMut(f32),
) -> Result<&'m [f32]> {
    initialise(&mut memory.parameters)?;
    memory.moments.fill(0.0);
    let scratch =
        Scratch { floats: &mut memory.floats, indices: &mut memory.indices, cuts: &mut memory.cuts };
    let (parameters, moments) = (&mut memory.parameters, &mut memory.moments);
    let mut trainer = StreamTrainer::new(Scalar, NETWORK, TRAINING, 0, parameters, moments, scratch)?;
    let batches = images.chunks_exact(BATCH * PIXELS).cycle();
    for batch in batches.take(STEPS as usize) {
        after_step(trainer.step(batch.chunks_exact(PIXELS).map(rows))?);
    }
    Ok(&memory.parameters)
}

/// An image in flash, whose pixels become numbers as they are read.
fn rows(image: &[u8]) -> impl Rows + '_ {
    move |y: usize, row: &mut [f32]| {
        let pixels = image.iter().skip(y * SIDE);
        row.iter_mut().zip(pixels).for_each(|(to, pixel)| *to = f32::from(*pixel) * (1.0 / 255.0));
    }
}

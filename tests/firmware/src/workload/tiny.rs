//! Networks so small that they fit anywhere, shared with the test that computes the same on the host:
//! tests/tests/firmware/tiny.rs.
//!
//! A convolutional one encodes an image and takes a training step, a fully-connected one is trained unit by
//! unit.

use wta_core::{
    Conv, Corruption, Cut, Dictionary, Encoder, Guard, Initial, Inputs, Method, Network, Optimizer,
    Parameters, Random, Result, Scalar, Schedule, Scratch, Shape, Size, Sparsity, Trainer, TrainingConfig,
    TrainingLen, UnitTrainer, training_len, unit_training_len,
};

const SIDE: usize = 6;
const PIXELS: usize = SIDE * SIDE;
const BATCH: usize = 4;

const CONV: Network = match Network::convolutional(
    Shape::new(1, SIDE, SIDE),
    &[Conv::new(3, Size::square(3)), Conv::with_stride(4, Size::square(3), Size::square(2))],
    Size::square(5),
) {
    Ok(network) => network,
    Err(_) => panic!("not a network"),
};

const FC: Network = match Network::fully_connected(PIXELS, &[5]) {
    Ok(network) => network,
    Err(_) => panic!("not a network"),
};

const TRAINING: TrainingConfig = TrainingConfig {
    sparsity: Sparsity::lifetime(0.5),
    corruption: Corruption::NONE,
    guard: Guard::NONE,
    dictionary: Dictionary::FREE,
    optimizer: Optimizer { method: Method::ADAM, rate: 0.01, schedule: Schedule::Constant, decay: 1e-4 },
    batch: BATCH,
    steps: 1,
};

const CONV_LEN: TrainingLen = training_len(&CONV, &TRAINING.sparsity, &TRAINING.optimizer.method, BATCH);
const FC_LEN: TrainingLen = unit_training_len(&FC, &TRAINING.sparsity, &TRAINING.optimizer.method, BATCH);

/// All memory of both: one after the other uses the same.
pub(crate) struct Memory {
    parameters: [f32; longer(CONV_LEN.parameters, FC_LEN.parameters)],
    moments: [f32; longer(CONV_LEN.moments, FC_LEN.moments)],
    floats: [f32; longer(CONV_LEN.floats, FC_LEN.floats)],
    indices: [u32; longer(CONV_LEN.indices, FC_LEN.indices)],
    cuts: [Cut; CONV_LEN.cuts],
    images: [f32; BATCH * PIXELS],
}

const fn longer(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

impl Memory {
    /// Before anything is computed.
    pub(crate) const fn new() -> Self {
        Self {
            parameters: [0.0; longer(CONV_LEN.parameters, FC_LEN.parameters)],
            moments: [0.0; longer(CONV_LEN.moments, FC_LEN.moments)],
            floats: [0.0; longer(CONV_LEN.floats, FC_LEN.floats)],
            indices: [0; longer(CONV_LEN.indices, FC_LEN.indices)],
            cuts: [Cut { threshold: 0.0, ties_below: 0 }; CONV_LEN.cuts],
            images: [0.0; BATCH * PIXELS],
        }
    }
}

/// Does everything, and hands out what was found, by name.
pub(crate) fn compute(memory: &mut Memory, mut report: impl FnMut(&str, &[f32])) -> Result<()> {
    let Memory { parameters, moments, floats, indices, cuts, images } = memory;
    let mut random = Random::new(3);
    images.iter_mut().for_each(|pixel| *pixel = random.uniform());
    let batch = || images.chunks_exact(PIXELS);

    let conv = parameters.get_mut(..CONV_LEN.parameters).unwrap_or_default();
    CONV.initialise(Initial::He, 1, conv)?;
    let encoder = Encoder::new(Scalar, Parameters::new(CONV, conv)?, &mut [])?;
    let (inputs, rest) = floats.split_at_mut_checked(CONV.inputs_len()).unwrap_or_default();
    let code = rest.get_mut(..CONV.code_len()).unwrap_or_default();
    for image in batch() {
        encoder.load(1, 0, image, inputs)?;
        encoder.hidden(1, inputs, &mut [])?;
        encoder.top(1, inputs, &mut [], code)?;
        report("code", code);
    }
    report("hidden", Inputs::new(CONV, 1, inputs)?.of(1, 0));

    let conv_moments = moments.get_mut(..CONV_LEN.moments).unwrap_or_default();
    conv_moments.fill(0.0);
    let scratch = Scratch {
        floats: floats.get_mut(..CONV_LEN.floats).unwrap_or_default(),
        indices: indices.get_mut(..CONV_LEN.indices).unwrap_or_default(),
        cuts,
    };
    let mut trainer = Trainer::new(Scalar, CONV, TRAINING, 0, conv, conv_moments, scratch)?;
    report("loss", &[trainer.step(batch())?]);
    report("weights", trainer.parameters());

    let fc = parameters.get_mut(..FC_LEN.parameters).unwrap_or_default();
    FC.initialise(Initial::He, 1, fc)?;
    let fc_moments = moments.get_mut(..FC_LEN.moments).unwrap_or_default();
    fc_moments.fill(0.0);
    let scratch = Scratch {
        floats: floats.get_mut(..FC_LEN.floats).unwrap_or_default(),
        indices: indices.get_mut(..FC_LEN.indices).unwrap_or_default(),
        cuts: &mut [],
    };
    let mut trainer = UnitTrainer::new(Scalar, FC, TRAINING, 0, fc, fc_moments, scratch)?;
    report("loss", &[trainer.step(batch())?]);
    report("weights", trainer.parameters());
    Ok(())
}

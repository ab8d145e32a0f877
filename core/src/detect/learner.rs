//! The trainers of a detector, as functions, so that its settings name the one that is linked.

use crate::error::Result;
use crate::network::Network;
use crate::runs::runs;
use crate::scalar::Scalar;
use crate::stream::{StreamTrainer, stream_training_len};
use crate::train::{Scratch, TrainingConfig, TrainingLen, UnitTrainer, unit_training_len};

/// What a step works on.
pub(super) struct Lent<'a> {
    pub(super) parameters: &'a mut [f32],
    pub(super) moments: &'a mut [f32],
    pub(super) scratch: Scratch<'a>,
}

/// One step: what is trained, how, the number of the step, memory, a batch of windows. Returns the loss.
pub(super) type LearnFn = fn(&Network, &TrainingConfig, u64, Lent<'_>, &[f32]) -> Result<f32>;

/// The memory of a step.
pub(super) const fn learning_len(network: &Network, training: &TrainingConfig) -> TrainingLen {
    if network.is_fully_connected() {
        unit_training_len(network, &training.sparsity, &training.optimizer.method, training.batch)
    } else {
        stream_training_len(network, &training.optimizer.method, training.batch)
    }
}

/// A fully-connected network's step.
pub(super) fn learn_in_units(
    network: &Network,
    training: &TrainingConfig,
    step: u64,
    Lent { parameters, moments, scratch }: Lent<'_>,
    batch: &[f32],
) -> Result<f32> {
    let mut trainer = UnitTrainer::new(Scalar, *network, *training, step, parameters, moments, scratch)?;
    trainer.step(runs(batch, network.input().len()))
}

/// A convolutional network's step.
pub(super) fn learn_in_rows(
    network: &Network,
    training: &TrainingConfig,
    step: u64,
    Lent { parameters, moments, scratch }: Lent<'_>,
    batch: &[f32],
) -> Result<f32> {
    let mut trainer = StreamTrainer::new(Scalar, *network, *training, step, parameters, moments, scratch)?;
    trainer.step(runs(batch, network.input().len()))
}

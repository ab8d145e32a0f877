//! A trainer's memory on the heap, for tests.

use wta_core::{Cut, Encoder, Kernels, Network, Result, Scratch, Trainer, TrainingConfig, training_len};

/// Everything that a [`Trainer`] borrows.
#[derive(Clone)]
pub(crate) struct Memory {
    pub(crate) parameters: Vec<f32>,
    pub(crate) moments: Vec<f32>,
    pub(crate) floats: Vec<f32>,
    pub(crate) indices: Vec<u32>,
    pub(crate) cuts: Vec<Cut>,
}

impl Memory {
    /// The memory of a training from these parameters on. The scratch is filled with garbage, because its
    /// content must not matter.
    pub(crate) fn new(
        kernels: impl Kernels,
        network: &Network,
        training: &TrainingConfig,
        parameters: Vec<f32>,
    ) -> Self {
        let len = training_len(network, &training.sparsity, &training.optimizer.method, training.batch);
        Self {
            parameters,
            moments: vec![0.0; len.moments],
            floats: vec![
                f32::NAN;
                len.floats
                    + Encoder::prepared_len(kernels, network)
                    + Encoder::scratch_len(kernels, network)
            ],
            indices: vec![u32::MAX; len.indices],
            cuts: vec![Cut { threshold: f32::NAN, ties_below: u32::MAX }; len.cuts],
        }
    }

    /// A trainer in this memory, before its first step.
    pub(crate) fn trainer<K: Kernels>(
        &mut self,
        kernels: K,
        network: Network,
        training: TrainingConfig,
    ) -> Result<Trainer<'_, K>> {
        let Self { parameters, moments, floats, indices, cuts } = self;
        let scratch = Scratch { floats, indices, cuts };
        Trainer::new(kernels, network, training, 0, parameters, moments, scratch)
    }
}

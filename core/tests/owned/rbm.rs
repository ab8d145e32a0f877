//! An RBM trainer's memory on the heap, for tests.

use wta_core::{
    ContrastiveDivergence, Kernels, Network, RbmTrainer, Result, Scratch, TrainingConfig, rbm_training_len,
};

/// Everything that an [`RbmTrainer`] borrows.
#[derive(Clone)]
pub(crate) struct Memory {
    pub(crate) parameters: Vec<f32>,
    pub(crate) moments: Vec<f32>,
    pub(crate) floats: Vec<f32>,
    pub(crate) indices: Vec<u32>,
}

impl Memory {
    /// The memory of a training from these parameters on. The scratch is filled with garbage, because its
    /// content must not matter.
    pub(crate) fn new<K: Kernels>(kernels: K, network: &Network, batch: usize, parameters: Vec<f32>) -> Self {
        let len = rbm_training_len(network, batch);
        let floats = len.floats + RbmTrainer::kernels_len(kernels, network, batch);
        Self {
            parameters,
            moments: vec![0.0; len.moments],
            floats: vec![f32::NAN; floats],
            indices: vec![u32::MAX; len.indices],
        }
    }

    /// A trainer in this memory, after so many steps.
    pub(crate) fn trainer<K: Kernels>(
        &mut self,
        kernels: K,
        network: Network,
        (training, divergence): (TrainingConfig, ContrastiveDivergence),
        step: u64,
    ) -> Result<RbmTrainer<'_, K>> {
        let Self { parameters, moments, floats, indices } = self;
        let scratch = Scratch { floats, indices, cuts: &mut [] };
        RbmTrainer::new(kernels, network, training, divergence, step, parameters, moments, scratch)
    }
}

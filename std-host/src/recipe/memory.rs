//! How much memory a training step takes, and how much is too much.

use wta_core::{Network, TrainingConfig, training_len};

use crate::error::{Error, Result};
use crate::memory::reserve;

/// More than this for one step is surely a mistake in a recipe, and would be the machine's end.
const MEMORY_LIMIT: usize = 64 << 30;

/// About the bytes that a training step needs on the host.
pub(crate) fn step_bytes(network: &Network, training: &TrainingConfig) -> usize {
    let len = training_len(network, &training.sparsity, &training.optimizer.method, 1);
    let winners = 3 * training.sparsity.winners_len(network);
    let per_image = 4 * (network.inputs_len() + network.residual_len() + network.deltas_len().1 + winners);
    len.bytes().saturating_add(per_image.saturating_mul(training.batch))
}

/// About the bytes that a training needs on the host, beside its samples.
pub(crate) fn training_bytes(network: &Network, training: &TrainingConfig) -> u64 {
    // The checkpoint is put together in memory.
    let numbers = network.parameters_len() * (1 + training.optimizer.method.moments());
    step_bytes(network, training).saturating_add(numbers * size_of::<f32>()) as u64
}

/// `Ok` unless a training step needs more memory than can be meant; `who` begins the error's sentence.
pub(crate) fn expect_memory(who: &str, network: &Network, training: &TrainingConfig) -> Result<()> {
    if step_bytes(network, training) <= MEMORY_LIMIT {
        return reserve::expect(training_bytes(network, training), || format!("{who}: the training"));
    }
    Err(Error::Invalid(format!(
        "{who}: one training step would need more than {} GiB; use fewer maps or a smaller batch",
        MEMORY_LIMIT >> 30
    )))
}

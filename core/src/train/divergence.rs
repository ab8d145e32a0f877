//! Contrastive divergence: how an RBM is trained.
//!
//! A random draw is a function of seed, step, Gibbs step and image, so that threads cannot change it.

use crate::error::{Error, Result};
use crate::network::Network;
use crate::random::Random;
use crate::rbm::expect_rbm;
use crate::select::Selection;
use crate::train::config::TrainingConfig;
use crate::train::dictionary::Dictionary;
use crate::train::guard::Guard;
use crate::train::optimizer::Method;

/// Keeps the draws apart from the streams that shuffle the images.
const DRAWS: u64 = 0x5DEE_CE66_D1CE_4E5B;

/// The Markov chain of contrastive divergence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ContrastiveDivergence {
    /// The k of CD-k: reconstructions between the data and the negative phase; at least 1. Of persistent
    /// chains, Gibbs steps for each training step.
    pub steps: usize,
    /// Whether the Markov chains of the negative phase go on from step to step and do not begin at the data
    /// (persistent contrastive divergence; Tieleman 2008). There are as many as images in a batch. In the
    /// first step they begin at the data.
    pub persistent: bool,
    /// Of the random draws.
    pub seed: u64,
}

impl ContrastiveDivergence {
    /// The numbers of a training's moments: a velocity for each parameter and, behind them, the visible units
    /// of each persistent chain.
    pub const fn moments_len(&self, network: &Network, batch: usize) -> usize {
        let chains = if self.persistent { batch.saturating_mul(network.input().len()) } else { 0 };
        network.parameters_len().saturating_add(chains)
    }

    /// `Ok` when an RBM of this network can be trained so.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] that names what cannot be: no Gibbs step, another network than a tied
    /// fully-connected layer, Adam, k-sparse codes, or settings that make no sense for any network.
    pub fn check(&self, network: &Network, config: &TrainingConfig) -> Result<()> {
        expect_rbm(network)?;
        config.check(network)?;
        if self.steps == 0 {
            return Err(Error::Invalid("an RBM needs at least 1 Gibbs step"));
        }
        if !matches!(config.optimizer.method, Method::Sgd { .. }) {
            return Err(Error::Invalid("an RBM is trained by SGD with momentum, not by Adam"));
        }
        if !config.corruption.is_none() {
            return Err(Error::Invalid("an RBM samples its hidden units; it takes no corruption"));
        }
        if matches!(config.sparsity.selection, Selection::PerSample { .. } | Selection::Batch { .. }) {
            return Err(Error::Invalid(
                "an RBM's winners are taken over the batch (lifetime), not per sample",
            ));
        }
        if config.dictionary != Dictionary::FREE {
            return Err(Error::Invalid("an RBM has no dictionary: its weights are free, and not centred"));
        }
        Ok(())
    }

    /// The draws by which an image's hidden units are sampled, one after the other, for the `phase`-th time
    /// (from 0) in a step. `image` is its place in the batch.
    pub const fn draws(&self, step: u64, phase: usize, image: usize) -> Random {
        let mut of_step = Random::stream(self.seed ^ DRAWS, step);
        let mut of_phase = Random::stream(of_step.next_u64(), phase as u64);
        Random::stream(of_phase.next_u64(), image as u64)
    }
}

/// [`Guard::admits`] for an RBM: numbers that are no probabilities, after clamping, make an image bad too.
///
/// # Errors
///
/// [`Error::BadImage`] for a bad image that is not skipped.
pub fn admits_probabilities(guard: &Guard, image: usize, numbers: &[f32]) -> Result<bool> {
    if !guard.admits(image, numbers)? {
        return Ok(false);
    }
    match numbers.iter().position(|number| !(0.0..=1.0).contains(&guard.clamp(*number))) {
        None => Ok(true),
        Some(_) if guard.skips() => Ok(false),
        Some(index) => {
            let what = "is no probability, as an RBM's inputs are: it must lie between 0 and 1";
            Err(Error::BadImage { image, index, what })
        }
    }
}

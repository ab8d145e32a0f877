//! What a trainer is told, and the memory that it is lent.

use crate::cut::Cut;
use crate::error::{Error, Result};
use crate::network::Network;
use crate::select::Sparsity;
use crate::train::corruption::Corruption;
use crate::train::dictionary::Dictionary;
use crate::train::guard::Guard;
use crate::train::optimizer::Optimizer;

/// Everything that says how a network is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TrainingConfig {
    /// How sparse the code is.
    pub sparsity: Sparsity,
    /// What is hidden from the network in training (denoising, dropout).
    pub corruption: Corruption,
    /// What protects training from glitches of a sensor; [`Guard::NONE`] for nothing.
    pub guard: Guard,
    /// What is kept in shape of the dictionary; [`Dictionary::FREE`] for nothing.
    pub dictionary: Dictionary,
    /// How gradients become updates.
    pub optimizer: Optimizer,
    /// Images per step.
    pub batch: usize,
    /// Steps in all, for the learning-rate schedule.
    pub steps: u64,
}

impl TrainingConfig {
    /// Training in so many steps of `batch` images, without corruption or guard.
    pub const fn new(sparsity: Sparsity, optimizer: Optimizer, batch: usize, steps: u64) -> Self {
        Self {
            sparsity,
            corruption: Corruption::NONE,
            guard: Guard::NONE,
            dictionary: Dictionary::FREE,
            optimizer,
            batch,
            steps,
        }
    }

    /// The same training, protected from glitches.
    #[must_use]
    pub const fn with_guard(self, guard: Guard) -> Self {
        Self { guard, ..self }
    }

    /// `Ok` when `network` can be trained so.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] that names what makes no sense.
    pub const fn check(&self, network: &Network) -> Result<()> {
        let parts = [
            self.sparsity.check(network),
            self.corruption.check(),
            self.guard.check(),
            self.dictionary.check(network),
            self.optimizer.check(),
            if self.batch == 0 { Err(Error::Invalid("a batch has at least one image")) } else { Ok(()) },
        ];
        let mut i = 0;
        #[allow(clippy::indexing_slicing, reason = "i < parts.len(); const fn has no iterators")]
        while i < parts.len() {
            if parts[i].is_err() {
                return parts[i];
            }
            i += 1;
        }
        Ok(())
    }

    /// The same settings, when `network` can be trained so.
    ///
    /// # Errors
    ///
    /// As for [`TrainingConfig::check`].
    pub const fn checked(self, network: &Network) -> Result<Self> {
        match self.check(network) {
            Ok(()) => Ok(self),
            Err(error) => Err(error),
        }
    }

    /// The error of a batch that goes on after its last image.
    pub(crate) const fn too_many_images(&self) -> Error {
        Error::Length { what: "batch", expected: self.batch, found: self.batch.saturating_add(1) }
    }
}

/// Lengths of the buffers that training needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TrainingLen {
    /// Numbers in the parameters (also those of a checkpoint, besides the moments and the step count).
    pub parameters: usize,
    /// Numbers in the optimiser's moments.
    pub moments: usize,
    /// `f32` of scratch.
    pub floats: usize,
    /// `u32` of scratch.
    pub indices: usize,
    /// [`Cut`]s of scratch.
    pub cuts: usize,
}

impl TrainingLen {
    /// All of it in bytes.
    pub const fn bytes(&self) -> usize {
        let states = self.parameters.saturating_add(self.moments);
        let numbers = states.saturating_add(self.floats).saturating_add(self.indices);
        numbers.saturating_mul(4).saturating_add(self.cuts.saturating_mul(size_of::<Cut>()))
    }

    /// With more `f32` of scratch, for kernels that need memory of their own.
    #[must_use]
    pub(crate) const fn with_floats(self, more: usize) -> Self {
        Self { floats: self.floats.saturating_add(more), ..self }
    }
}

/// Scratch memory of a trainer; its content does not matter between steps.
#[derive(Debug)]
pub struct Scratch<'m> {
    /// [`TrainingLen::floats`], plus what the kernels need: for [`Trainer`](crate::Trainer)
    /// [`Encoder::prepared_len`](crate::Encoder::prepared_len) and
    /// [`Encoder::scratch_len`](crate::Encoder::scratch_len), for others see there.
    pub floats: &'m mut [f32],
    /// [`TrainingLen::indices`].
    pub indices: &'m mut [u32],
    /// [`TrainingLen::cuts`].
    pub cuts: &'m mut [Cut],
}

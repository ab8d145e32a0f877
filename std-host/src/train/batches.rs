//! The batches of a training: which samples come in which step.

use std::ops::Range;

use wta_core::{Random, TrainingConfig};

use super::set::TrainingSet;
use crate::error::Result;
use crate::memory::reserve;

/// The batches of a training. Each epoch shuffles the samples anew; those that fill no batch are left out.
pub(super) struct Batches<'a> {
    set: &'a dyn TrainingSet,
    batch: usize,
    seed: u64,
    /// The images of a batch that this process trains on.
    own: Range<usize>,
    /// The order of the epoch; empty before the first step.
    order: Vec<usize>,
    inputs: Vec<f32>,
}

impl<'a> Batches<'a> {
    /// The batches of a set, of which this process trains on the images `own`, each of `len` numbers.
    pub(super) fn new(
        set: &'a dyn TrainingSet,
        training: &TrainingConfig,
        seed: u64,
        own: Range<usize>,
        len: usize,
    ) -> Result<Self> {
        let inputs = reserve::zeros(own.len() * len, || "a batch".to_owned())?;
        Ok(Self { set, batch: training.batch, seed, own, order: Vec::new(), inputs })
    }

    /// The steps of an epoch.
    pub(super) fn len(&self) -> u64 {
        (self.set.len() / self.batch) as u64
    }

    /// Whether a step is the last one of its epoch.
    pub(super) fn ends_epoch(&self, step: u64) -> bool {
        (step + 1).is_multiple_of(self.len().max(1))
    }

    /// This process's images in the batch of a step.
    pub(super) fn of(&mut self, step: u64) -> Result<&[f32]> {
        let batches = self.len().max(1);
        let (epoch, place) = (step / batches, (step % batches) as usize);
        if self.order.is_empty() || place == 0 {
            self.order = (0..self.set.len()).collect();
            Random::stream(self.seed, epoch + 1).shuffle(&mut self.order);
        }
        let first = place * self.batch;
        let chosen = self.order.get(first + self.own.start..first + self.own.end).unwrap_or_default();
        self.set.write(chosen, &mut self.inputs)?;
        Ok(&self.inputs)
    }
}

//! The samples that a network learns from.

use crate::error::{Error, Interrupted, Result};
use crate::observer::Observer;

/// The samples that a network learns from.
pub trait TrainingSet {
    /// The number of samples.
    fn len(&self) -> usize;

    /// Whether there are no samples.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes the samples with these indices as the network's inputs, one after the other.
    ///
    /// # Errors
    ///
    /// Any error while a sample is read, preprocessed or encoded.
    fn write(&self, indices: &[usize], to: &mut [f32]) -> Result<()>;
}

/// The samples of a set, until an observer wants to stop: for what passes over all of them.
pub(super) struct Watched<'a> {
    pub(super) set: &'a dyn TrainingSet,
    pub(super) observer: &'a dyn Observer,
    /// What is interrupted then.
    pub(super) interrupted: Interrupted,
}

impl TrainingSet for Watched<'_> {
    fn len(&self) -> usize {
        self.set.len()
    }

    fn write(&self, indices: &[usize], to: &mut [f32]) -> Result<()> {
        if self.observer.should_stop() {
            return Err(Error::Interrupted(self.interrupted.clone()));
        }
        self.set.write(indices, to)
    }
}

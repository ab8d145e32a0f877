//! The samples that a network learns from.

use crate::error::Result;

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

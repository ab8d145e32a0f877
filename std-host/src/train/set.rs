//! What a network learns from.

use crate::error::Result;

/// What a network learns from.
pub trait TrainingSet {
    /// How many samples there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes the samples of these indices as the network's inputs, one after the other.
    ///
    /// # Errors
    ///
    /// What the core refuses while a sample is made.
    fn write(&self, indices: &[usize], to: &mut [f32]) -> Result<()>;
}

//! A recording as it is: what a sensor delivered, sample by sample.

use std::path::{Path, PathBuf};

use super::windows::Recording;
use crate::error::Result;

/// Samples that are read at a time.
const BLOCK: usize = 4096;

/// A recording: samples of some channels, one after the other.
#[derive(Debug)]
pub struct Signal {
    path: PathBuf,
    channels: usize,
    rate: Option<u32>,
    recording: Recording,
}

impl Signal {
    pub(super) fn new(path: PathBuf, channels: usize, rate: Option<u32>, recording: Recording) -> Self {
        Self { path, channels: channels.max(1), rate, recording }
    }

    /// A recording in memory. `numbers` has a sample after the other, its channels side by side.
    pub fn from_floats(name: impl Into<PathBuf>, channels: usize, numbers: Vec<f32>) -> Self {
        Self::new(name.into(), channels, None, Recording::Memory(numbers))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Numbers in a sample.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Samples a second, if the file says so.
    pub fn rate(&self) -> Option<u32> {
        self.rate
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.recording.len() / self.channels
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Hands over samples `range`, one after the other, until `visit` has enough of them (`false`).
    ///
    /// # Errors
    ///
    /// A file that cannot be read any more, and what `visit` says.
    pub fn each(
        &self,
        range: std::ops::Range<usize>,
        mut visit: impl FnMut(&[f32]) -> Result<bool>,
    ) -> Result<()> {
        let (mut block, end) = (Vec::new(), range.end.min(self.len()));
        for start in (range.start..end).step_by(BLOCK) {
            block.resize(BLOCK.min(end - start) * self.channels, 0.0);
            self.recording.read(start * self.channels, &mut block)?;
            for sample in block.chunks_exact(self.channels) {
                if !visit(sample)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_whole_and_in_order() {
        let numbers = (0..3 * (2 * BLOCK + 5)).map(|v| v as f32).collect();
        let signal = Signal::from_floats("s", 3, numbers);
        assert_eq!((signal.len(), signal.channels()), (2 * BLOCK + 5, 3));
        for range in [0..signal.len(), 7..BLOCK + 9, 5..5, BLOCK..usize::MAX] {
            let mut found = Vec::new();
            signal
                .each(range.clone(), |sample| {
                    assert_eq!(sample[1], sample[0] + 1.0);
                    found.push(sample[0] as usize / 3);
                    Ok(true)
                })
                .unwrap();
            assert_eq!(found, (range.start..range.end.min(signal.len())).collect::<Vec<_>>());
        }
        let mut count = 0;
        signal
            .each(0..signal.len(), |_| {
                count += 1;
                Ok(count < 10)
            })
            .unwrap();
        assert_eq!(count, 10);
    }
}

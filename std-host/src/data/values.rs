//! The numbers of a data set: bytes or floats in memory, numbers in files, or windows of recordings.

use std::sync::Arc;

use super::held::Held;
use super::stored::Stored;
use super::windows::Windows;
use crate::error::Result;

/// The numbers of all samples, sample by sample, each `height x width x channels`, channels last.
#[derive(Clone, Debug)]
pub enum Values {
    /// 0 to 255, in memory.
    Bytes(Vec<u8>),
    /// Any finite numbers, in memory.
    Floats(Vec<f32>),
    /// The same, in somebody else's memory.
    Held(Held),
    /// Numbers of any type in files.
    Stored(Stored),
    /// Windows of recordings, which may overlap.
    Windows(Windows),
    /// Some of the samples of others.
    Chosen(Chosen),
}

/// Some samples of a data set.
#[derive(Clone, Debug)]
pub struct Chosen {
    from: Arc<Values>,
    /// Numbers of a sample.
    sample: usize,
    /// The chosen samples.
    indices: Vec<usize>,
}

impl From<Vec<u8>> for Values {
    fn from(values: Vec<u8>) -> Self {
        Self::Bytes(values)
    }
}

impl From<Vec<f32>> for Values {
    fn from(values: Vec<f32>) -> Self {
        Self::Floats(values)
    }
}

impl Values {
    /// How many numbers there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(values) => values.len(),
            Self::Floats(values) => values.len(),
            Self::Held(held) => held.numbers().len(),
            Self::Stored(stored) => stored.len(),
            Self::Windows(windows) => windows.len(),
            Self::Chosen(chosen) => chosen.indices.len() * chosen.sample,
        }
    }

    /// Whether there are no numbers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers, if they are bytes in memory.
    pub fn bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(values) = self { Some(values) } else { None }
    }

    /// Whether every number is whole and lies between 0 and 255, because of its type.
    pub fn is_bytes(&self) -> bool {
        match self {
            Self::Bytes(_) => true,
            Self::Stored(stored) => stored.is_bytes(),
            Self::Floats(_) | Self::Held(_) | Self::Windows(_) => false,
            Self::Chosen(chosen) => chosen.from.is_bytes(),
        }
    }

    /// Whether the numbers are in memory.
    pub fn is_in_memory(&self) -> bool {
        match self {
            Self::Bytes(_) | Self::Floats(_) | Self::Held(_) => true,
            Self::Stored(_) => false,
            Self::Windows(windows) => windows.is_in_memory(),
            Self::Chosen(chosen) => chosen.from.is_in_memory(),
        }
    }

    /// Writes the sample that starts at number `start`, each number multiplied by `scale`; `false` if there
    /// are too few.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) if a file cannot be read, [`Error::File`](crate::Error::File) if it
    /// holds a number that is not finite.
    pub(super) fn write(&self, start: usize, scale: f32, to: &mut [f32]) -> Result<bool> {
        let Some(end) = start.checked_add(to.len()).filter(|end| *end <= self.len()) else {
            return Ok(false);
        };
        match self {
            Self::Bytes(values) => {
                let values = values.get(start..end).unwrap_or_default();
                to.iter_mut().zip(values).for_each(|(to, byte)| *to = f32::from(*byte) * scale);
            }
            Self::Floats(values) => scaled(values, start..end, scale, to),
            Self::Held(held) => scaled(held.numbers(), start..end, scale, to),
            Self::Stored(stored) => {
                stored.write(start, to)?;
                to.iter_mut().for_each(|to| *to *= scale);
            }
            Self::Windows(windows) => {
                windows.write(start, to)?;
                to.iter_mut().for_each(|to| *to *= scale);
            }
            Self::Chosen(chosen) => {
                let index = chosen.indices.get(start / chosen.sample.max(1)).copied().unwrap_or(0);
                return chosen.from.write(index * chosen.sample, scale, to);
            }
        }
        Ok(true)
    }

    /// As [`Vec::split_off`]; `at` is the start of a sample.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let at = at.min(self.len());
        match self {
            Self::Bytes(values) => Self::Bytes(values.split_off(at)),
            Self::Floats(values) => Self::Floats(values.split_off(at)),
            Self::Held(held) => Self::Held(held.split_off(at)),
            Self::Stored(stored) => Self::Stored(stored.split_off(at)),
            Self::Windows(windows) => Self::Windows(windows.split_off(at)),
            Self::Chosen(chosen) => {
                let indices = chosen.indices.split_off(at / chosen.sample.max(1));
                Self::Chosen(Chosen { indices, ..chosen.clone() })
            }
        }
    }

    /// The samples with these indices, each of `sample` numbers.
    pub(super) fn chosen(self, sample: usize, indices: Vec<usize>) -> Self {
        Self::Chosen(Chosen { from: Arc::new(self), sample, indices })
    }
}

/// Some of the values, each multiplied.
fn scaled(values: &[f32], range: std::ops::Range<usize>, scale: f32, to: &mut [f32]) {
    let values = values.get(range).unwrap_or_default();
    to.iter_mut().zip(values).for_each(|(to, value)| *to = value * scale);
}

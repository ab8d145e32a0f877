//! Buffers that start on a cache line: a vector that straddles two cache lines costs twice as much to load.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line, which are also those of the widest vector.
const LINE: usize = 64;

/// A fixed number of `f32`; the first one starts a cache line.
#[derive(Debug, Default)]
pub struct Aligned {
    memory: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// A buffer of `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let memory = vec![0.0; len + LINE / size_of::<f32>() - 1];
        // If the memory cannot be aligned, it is used as it is.
        let start = memory.as_ptr().align_offset(LINE).min(memory.len() - len);
        Self { memory, start, len }
    }
}

impl From<&[f32]> for Aligned {
    fn from(values: &[f32]) -> Self {
        let mut aligned = Self::zeros(values.len());
        aligned.copy_from_slice(values);
        aligned
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        self.memory.get(self.start..self.start + self.len).unwrap_or_default()
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        self.memory.get_mut(self.start..self.start + self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_starts_on_a_line_and_holds_its_numbers() {
        for len in [0, 1, 15, 1000] {
            let values: Vec<f32> = (0..len).map(|v| v as f32).collect();
            let mut aligned = Aligned::from(&values[..]);
            assert_eq!(aligned.as_ptr().align_offset(LINE), 0);
            assert_eq!(aligned[..], values[..]);
            aligned.fill(3.0);
            assert_eq!(aligned.iter().sum::<f32>(), 3.0 * len as f32);
        }
    }
}

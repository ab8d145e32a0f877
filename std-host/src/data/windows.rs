//! Windows of recordings: many short samples in few long ones. They may overlap, and none is copied.

use std::sync::Arc;

use super::stored::Stored;
use crate::error::Result;

/// The numbers of a recording: time step by time step, with the channels side by side.
#[derive(Debug)]
pub(super) enum Recording {
    /// In memory.
    Memory(Vec<f32>),
    /// In its file.
    Stored(Stored),
}

/// Where a window begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// The index of its recording.
    pub(super) recording: usize,
    /// The index of its first number.
    pub(super) number: usize,
}

/// Windows of recordings.
#[derive(Clone, Debug)]
pub struct Windows {
    recordings: Arc<[Recording]>,
    starts: Vec<Start>,
    /// The numbers of a window.
    len: usize,
}

impl Recording {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Memory(values) => values.len(),
            Self::Stored(stored) => stored.len(),
        }
    }

    /// Writes the numbers from `start` on.
    pub(super) fn read(&self, start: usize, to: &mut [f32]) -> Result<()> {
        match self {
            Self::Memory(values) => {
                let values = values.get(start..).unwrap_or_default();
                to.iter_mut().zip(values).for_each(|(to, value)| *to = *value);
                Ok(())
            }
            Self::Stored(stored) => stored.read(start, to),
        }
    }
}

impl Windows {
    /// Windows of `len` numbers each.
    pub(super) fn new(recordings: Vec<Recording>, starts: Vec<Start>, len: usize) -> Self {
        Self { recordings: recordings.into(), starts, len }
    }

    /// The numbers of all windows.
    pub(super) fn len(&self) -> usize {
        self.starts.len().saturating_mul(self.len)
    }

    /// Where the windows begin.
    pub(super) fn starts(&self) -> &[Start] {
        &self.starts
    }

    pub(super) fn is_in_memory(&self) -> bool {
        self.recordings.iter().all(|recording| matches!(recording, Recording::Memory(_)))
    }

    /// Writes the window whose first number is number `start` of all windows. There is such a window.
    pub(super) fn write(&self, start: usize, to: &mut [f32]) -> Result<()> {
        let Some(start) = self.starts.get(start / self.len.max(1)) else { return Ok(()) };
        match self.recordings.get(start.recording) {
            Some(recording) => recording.read(start.number, to),
            None => Ok(()),
        }
    }

    /// As [`Vec::split_off`]; `at` is the first number of a window.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let starts = self.starts.split_off((at / self.len.max(1)).min(self.starts.len()));
        Self { starts, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_overlap_and_are_split() {
        let recordings = vec![
            Recording::Memory((0..8).map(|v| v as f32).collect()),
            Recording::Memory((100..106).map(|v| v as f32).collect()),
        ];
        let starts = [(0, 0), (0, 2), (0, 4), (1, 0), (1, 2)];
        let starts = starts.map(|(recording, number)| Start { recording, number }).to_vec();
        let mut windows = Windows::new(recordings, starts, 4);
        let read = |windows: &Windows, index: usize| {
            let mut to = [f32::NAN; 4];
            windows.write(index * 4, &mut to).unwrap();
            to
        };
        assert_eq!((windows.len(), windows.is_in_memory()), (20, true));
        assert_eq!(read(&windows, 1), [2.0, 3.0, 4.0, 5.0]);
        assert_eq!(read(&windows, 4), [102.0, 103.0, 104.0, 105.0]);
        let rest = windows.split_off(12);
        assert_eq!((windows.len(), rest.len()), (12, 8));
        assert_eq!(read(&rest, 0), [100.0, 101.0, 102.0, 103.0]);
    }
}

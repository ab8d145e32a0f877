//! Samples as the lowest layer takes them: preprocessed, in steps of its input.

use wta_core::int8::quantise;
use wta_core::{Model, Preprocessed, Preprocessing, Rows, Scaled, Shape};

use crate::error::{Error, Result};

/// Makes the inputs of a quantised network.
pub(super) struct Inputs<'a> {
    preprocessing: Preprocessing<'a>,
    shape: Shape,
    /// What samples are multiplied by, and divided by when they are preprocessed.
    scale: f32,
    step: f32,
}

/// The memory that a thread needs for it.
#[derive(Default)]
pub(super) struct Memory {
    held: Vec<f32>,
    row: Vec<f32>,
}

impl<'a> Inputs<'a> {
    /// Of a model's lowest layer.
    pub(super) fn new(lowest: &Model<'a>) -> Self {
        let (scale, step) = match lowest.int8_input_step() {
            Some(step) => (lowest.scale(), step),
            None => (1.0, 1.0),
        };
        let shape = lowest.network().input();
        Self { preprocessing: lowest.preprocessing(), shape, scale, step }
    }

    /// The input of a sample, which is as a sensor gives it.
    pub(super) fn write(&self, sample: &[f32], memory: &mut Memory, to: &mut [i16]) -> Result<()> {
        let Memory { held, row } = memory;
        held.resize(self.preprocessing.memory_len(), 0.0);
        row.resize(self.shape.width * self.shape.channels, 0.0);
        let samples = Scaled { rows: sample, scale: self.scale };
        let mut rows = Preprocessed::new(self.preprocessing, samples, held)?;
        for (y, to) in to.chunks_exact_mut(row.len().max(1)).enumerate() {
            rows.row(y, row);
            to.iter_mut().zip(&*row).for_each(|(to, number)| *to = quantise(*number, self.step));
        }
        match to.contains(&i16::MIN) {
            true => Err(Error::Invalid("a number of a sample is not finite".to_owned())),
            false => Ok(()),
        }
    }
}

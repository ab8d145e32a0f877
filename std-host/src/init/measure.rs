//! What matters of a data set for the choice of a network: its size, its shape and its values.

use wta_core::Shape;

use crate::data::{Dataset, Form};
use crate::error::Result;

/// The most samples whose values are looked at.
const LOOKED_AT: usize = 1_000;

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Measured {
    pub(super) samples: usize,
    pub(super) shape: Shape,
    pub(super) form: Form,
    /// The names of the classes; none if there are no labels.
    pub(super) classes: Vec<String>,
    /// The smallest and the largest value.
    pub(super) range: [f32; 2],
    pub(super) mean: f64,
    pub(super) deviation: f64,
    /// Whether every value is a byte.
    pub(super) bytes: bool,
}

/// Measures the training samples.
pub(super) fn measure(dataset: &Dataset) -> Result<Measured> {
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    let (mut sum, mut squares, mut count) = (0.0, 0.0, 0u64);
    let mut sample = vec![0.0; dataset.image_len()];
    for index in (0..dataset.len()).step_by(dataset.len().div_ceil(LOOKED_AT).max(1)) {
        dataset.write(index, 1.0, &mut sample)?;
        for value in &sample {
            (low, high) = (low.min(*value), high.max(*value));
            sum += f64::from(*value);
            squares += f64::from(*value) * f64::from(*value);
        }
        count += sample.len() as u64;
    }
    let mean = sum / count.max(1) as f64;
    Ok(Measured {
        samples: dataset.len(),
        shape: dataset.shape(),
        form: dataset.form,
        classes: dataset.classes.names().to_vec(),
        range: [low, high],
        mean,
        deviation: (squares / count.max(1) as f64 - mean * mean).max(0.0).sqrt(),
        bytes: dataset.values.is_bytes(),
    })
}

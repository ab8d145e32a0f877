//! Samples as they are in the data set.

use super::image::{self, Picture};
use super::lines;
use crate::data::Form;
use crate::error::Result;
use crate::preprocess::{Preprocessor, Samples};

/// A picture of the samples with these indices, without preprocessing: black is the smallest number of all,
/// white the largest. Signals are curves with a lane for each channel. `None` if there are none.
///
/// # Errors
///
/// Any error while a sample is read.
pub fn samples(samples: &Samples<'_>, indices: &[usize]) -> Result<Option<Picture>> {
    let shape = samples.image_shape();
    if indices.is_empty() {
        return Ok(None);
    }
    let mut images = vec![0.0; indices.len() * shape.len()];
    samples.write_images(&Preprocessor::none(shape), indices, &mut images)?;
    if samples.form() != Form::Image {
        return lines::samples(&images, shape).map(Some);
    }
    image::images(&images, indices.len(), shape.height, shape.width, shape.channels).map(Some)
}

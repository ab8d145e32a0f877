//! A data set as the network sees it: preprocessed `f32` images in the core's layout.

use rayon::prelude::*;
use wta_core::Shape;

use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::junction::planar;
use crate::recipe::Recipe;
use crate::trainer::TrainingSet;

/// A data set with the preprocessing of a recipe, applied image by image as they are asked for.
#[derive(Debug)]
pub struct Samples {
    dataset: Dataset,
    scale: f32,
    shape: Shape,
    planar: bool,
}

impl Samples {
    /// The samples of a recipe; of a stack, what its lowest layer sees.
    ///
    /// # Errors
    ///
    /// One sentence when the data set has no image.
    pub fn new(recipe: &Recipe, dataset: Dataset) -> Result<Self> {
        if dataset.is_empty() {
            return Err(Error::Invalid(format!("recipe {}: the data set has no image", recipe.name)));
        }
        let image = Shape::new(dataset.channels, dataset.height, dataset.width);
        let planar = recipe.layers().first().is_some_and(|lowest| lowest.is_fully_connected());
        let shape = if planar { Shape::vector(image.len()) } else { image };
        Ok(Self { dataset, scale: 1.0 / recipe.data.divide_by, shape, planar })
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.dataset.len()
    }

    /// Whether there is none; never, after [`Samples::new`].
    pub fn is_empty(&self) -> bool {
        self.dataset.is_empty()
    }

    /// The shape that the network sees: a plain vector for fully-connected ones.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The images' own shape.
    pub fn image_shape(&self) -> Shape {
        Shape::new(self.dataset.channels, self.dataset.height, self.dataset.width)
    }

    /// The labels, when the data set has them.
    pub fn labels(&self) -> Option<&[u8]> {
        self.dataset.labels.as_deref()
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.dataset.classes
    }

    /// Writes image `index`, preprocessed, to `to`.
    ///
    /// Vectors for fully-connected networks hold the channels one after the other, as PyTorch flattens them.
    ///
    /// # Errors
    ///
    /// As for [`Dataset::write`].
    pub fn write(&self, index: usize, to: &mut [f32]) -> Result<()> {
        self.dataset.write(index, self.scale, to)?;
        if self.planar && self.dataset.channels > 1 {
            let image = to.to_vec();
            to.iter_mut().zip(planar(self.image_shape(), &image)).for_each(|(to, pixel)| *to = pixel);
        }
        Ok(())
    }

    /// Writes several images one after the other, on all threads.
    ///
    /// # Errors
    ///
    /// As for [`Dataset::write`].
    pub fn write_all(&self, indices: &[usize], to: &mut [f32]) -> Result<()> {
        let images = to.par_chunks_mut(self.shape.len()).zip(indices);
        images.try_for_each(|(to, index)| self.write(*index, to))
    }
}

impl TrainingSet for Samples {
    fn len(&self) -> usize {
        self.len()
    }

    fn write(&self, indices: &[usize], to: &mut [f32]) -> Result<()> {
        self.write_all(indices, to)
    }
}

//! A data set as the network sees it: preprocessed `f32` images in the core's layout.
//!
//! The learnt preprocessing belongs to a trained network, not to a data set, so callers pass a
//! [`Preprocessor`] when they ask for images.

use std::borrow::Cow;

use rayon::prelude::*;
use wta_core::Shape;

use super::apply::Preprocessor;
use super::view::View;
use crate::data::{Classes, Dataset, Form};
use crate::error::{Error, Result};
use crate::layout::planar;
use crate::memory::reserve;
use crate::recipe::Recipe;

/// A data set for a recipe, given out in blocks of images.
#[derive(Debug)]
pub struct Samples<'a> {
    dataset: Cow<'a, Dataset>,
    scale: f32,
    shape: Shape,
    planar: bool,
    view: View,
}

impl<'a> Samples<'a> {
    /// The samples of a recipe; in a stack, those of its lowest layer. The data set is moved in, or borrowed.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the data set has no image, [`Error::Memory`] if one is too large.
    pub fn new(recipe: &Recipe, dataset: impl Into<Cow<'a, Dataset>>) -> Result<Self> {
        let dataset = dataset.into();
        if dataset.is_empty() {
            return Err(Error::Invalid(format!("recipe {}: the data set has no image", recipe.name)));
        }
        let image = dataset.shape();
        // As it is stored, as numbers, preprocessed, and as the network sees it.
        let bytes = (image.len() as u64).saturating_mul(4 * size_of::<f32>() as u64);
        reserve::expect(bytes, || format!("recipe {}: a sample of {} numbers", recipe.name, image.len()))?;
        let planar = recipe.layers().first().is_some_and(|lowest| lowest.is_fully_connected());
        let shape = if planar { Shape::vector(image.len()) } else { image };
        Ok(Self { dataset, scale: 1.0 / recipe.data.divide_by, shape, planar, view: View::default() })
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.dataset.len()
    }

    /// Whether there are no images; never after [`Samples::new`].
    pub fn is_empty(&self) -> bool {
        self.dataset.is_empty()
    }

    /// The samples with these indices, in this order.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if there are none, or one is not there.
    pub fn chosen(self, indices: &[usize]) -> Result<Self> {
        if indices.is_empty() || indices.iter().any(|index| *index >= self.len()) {
            return Err(Error::Invalid("samples are chosen that are not there".to_owned()));
        }
        let dataset = Cow::Owned(self.dataset.into_owned().chosen(indices));
        Ok(Self { dataset, ..self })
    }

    /// A copy of the samples with these indices, in this order.
    ///
    /// # Errors
    ///
    /// As for [`Samples::chosen`].
    pub fn copy_of(&self, indices: &[usize]) -> Result<Samples<'static>> {
        let dataset = Cow::Owned(self.dataset.clone().into_owned());
        Samples { dataset, ..*self }.chosen(indices)
    }

    /// The same samples, seen like this.
    pub(crate) fn seen(&self, view: View) -> Samples<'_> {
        Samples { dataset: Cow::Borrowed(&*self.dataset), view, ..*self }
    }

    /// At most `most` indices, evenly spaced over the set.
    pub fn spaced(&self, most: usize) -> Vec<usize> {
        (0..self.len()).step_by(self.len().div_ceil(most.max(1)).max(1)).collect()
    }

    /// The shape of an input of the network: a plain vector if the network is fully connected.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The images' own shape.
    pub fn image_shape(&self) -> Shape {
        self.dataset.shape()
    }

    /// The labels, when the data set has them.
    pub fn labels(&self) -> Option<&[u16]> {
        self.dataset.labels.as_deref()
    }

    /// The names of the classes; none when the data set has no labels.
    pub fn classes(&self) -> &Classes {
        &self.dataset.classes
    }

    /// Whether the data set is in memory, and not in files.
    pub fn are_in_memory(&self) -> bool {
        self.dataset.values.is_in_memory()
    }

    /// What the samples are.
    pub fn form(&self) -> Form {
        self.dataset.form
    }

    /// Writes the images with these indices as the network sees them, one after the other, on all threads.
    ///
    /// For a fully-connected network, a vector holds one channel after the other, as PyTorch flattens images.
    ///
    /// # Errors
    ///
    /// As for [`Dataset::write`].
    pub fn write_all(&self, preprocessor: &Preprocessor, indices: &[usize], to: &mut [f32]) -> Result<()> {
        self.write_images(preprocessor, indices, to)?;
        self.turn_planar(to);
        Ok(())
    }

    /// Writes the samples with these indices as a sensor gives them: neither scaled nor preprocessed, but in
    /// the order of the network's input.
    ///
    /// # Errors
    ///
    /// As for [`Dataset::write`].
    pub(crate) fn write_raw(&self, indices: &[usize], to: &mut [f32]) -> Result<()> {
        self.write_shown(indices, 1.0, to)?;
        self.turn_planar(to);
        Ok(())
    }

    /// Whether all numbers are bytes by their type, before they are scaled.
    pub(crate) fn are_bytes(&self) -> bool {
        self.dataset.values.is_bytes()
    }

    /// Puts one channel after the other, for a fully-connected network.
    fn turn_planar(&self, to: &mut [f32]) {
        if self.planar && self.dataset.channels > 1 {
            let image = self.image_shape();
            to.par_chunks_exact_mut(image.len().max(1)).for_each_init(Vec::new, |copy, pixels| {
                copy.clear();
                copy.extend(planar(image, pixels));
                pixels.copy_from_slice(copy);
            });
        }
    }

    /// Writes preprocessed images one after the other, with their channels last.
    ///
    /// # Errors
    ///
    /// As for [`Dataset::write`].
    pub fn write_images(&self, preprocessor: &Preprocessor, indices: &[usize], to: &mut [f32]) -> Result<()> {
        self.write_shown(indices, self.scale, to)?;
        preprocessor.apply(to);
        Ok(())
    }

    /// Writes the samples with these indices, times `scale`, as they are seen.
    fn write_shown(&self, indices: &[usize], scale: f32, to: &mut [f32]) -> Result<()> {
        let image = self.image_shape();
        let samples = to.par_chunks_exact_mut(self.shape.len().max(1)).zip(indices);
        samples.try_for_each_init(Vec::new, |copy, (to, index)| {
            self.dataset.write(*index, scale, to)?;
            self.view.show(image, to, copy);
            Ok(())
        })
    }
}

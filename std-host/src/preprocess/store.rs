//! `preprocess.safetensors`: what the steps have learnt.
//!
//! Tensors are named by the step's place in the recipe: `1.zca.mean` and `1.zca.matrix`, `2.standardise.mean`
//! and `2.standardise.factor`. Means and factors have the shape of an image, `[rows, columns, channels]`; a
//! matrix has a row and a column for each number of an image, in that order.

use std::path::Path;
use std::sync::Arc;

use wta_core::Shape;

use super::learnt::{Preprocess, Step};
use super::standardise::Standardise;
use super::zca::Zca;
use crate::error::{Error, Result};
use crate::files::tensors::{Tensor, Tensors, write};
use crate::recipe::{PreprocessRecipe, Recipe};

const FILE: &str = "preprocess.safetensors";

impl Preprocess {
    /// Writes what the steps have learnt into the run folder; nothing when there is nothing to learn.
    ///
    /// # Errors
    ///
    /// One sentence when the file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let Shape { channels, height, width } = self.shape;
        let image = vec![height, width, channels];
        let square = vec![self.shape.len(); 2];
        let mut tensors = Vec::new();
        for (index, step) in self.steps.iter().enumerate() {
            let mut add = |name: &str, shape: &[usize], values: &[f32]| {
                let (name, shape, values) = (format!("{index}.{name}"), shape.to_vec(), values.to_vec());
                tensors.push(Tensor { name, shape, values });
            };
            match step {
                Step::Contrast(_) | Step::LocalContrast(_) => {}
                Step::Standardise(step) => {
                    add("standardise.mean", &image, &step.mean);
                    add("standardise.factor", &image, &step.factor);
                }
                Step::Zca(step) => {
                    add("zca.mean", &image, &step.mean);
                    add("zca.matrix", &square, &step.matrix);
                }
            }
        }
        if tensors.is_empty() { Ok(()) } else { write(&folder.join(FILE), &tensors) }
    }

    /// Reads what the steps of a run's recipe have learnt. A convolutional network may be meant for `image`s
    /// of another size than those they were learnt from; [`Preprocess::shape`] tells.
    ///
    /// # Errors
    ///
    /// One sentence when the file is missing, is not safetensors, is of other steps or of images that do not
    /// fit, or holds a number that is not finite.
    pub fn load(folder: &Path, recipe: &Recipe, image: Shape) -> Result<Self> {
        let path = folder.join(FILE);
        let learnt = recipe.preprocess.iter().any(|step| step.learns_from().is_some());
        let file = if learnt { Some(read(folder, &path)?) } else { None };
        let tensors = file.as_deref().map(|file| Tensors::of(&path, file)).transpose()?;
        let learnt = tensors.as_ref().and_then(|tensors| learnt_from(recipe, tensors));
        let fits = |learnt: &Shape| !recipe.is_fully_connected() && learnt.channels == image.channels;
        let shape = learnt.filter(fits).unwrap_or(image);
        let image = [shape.height, shape.width, shape.channels];
        let mut steps = Vec::new();
        for (index, step) in recipe.preprocess.iter().enumerate() {
            let tensor = |name: &str, shape: &[usize]| match &tensors {
                Some(tensors) => tensors.get(&format!("{index}.{name}"), shape),
                None => Ok(Vec::new()),
            };
            steps.push(match step {
                PreprocessRecipe::Standardise { .. } => Step::Standardise(Standardise {
                    mean: tensor("standardise.mean", &image)?,
                    factor: tensor("standardise.factor", &image)?,
                }),
                PreprocessRecipe::Zca { .. } => Step::Zca(Arc::new(Zca {
                    mean: tensor("zca.mean", &image)?,
                    matrix: tensor("zca.matrix", &[shape.len(), shape.len()])?,
                })),
                PreprocessRecipe::Contrast { .. } | PreprocessRecipe::LocalContrast { .. } => {
                    let Some(step) = Self::unlearnt(step, shape) else { continue };
                    step
                }
            });
        }
        Ok(Self { shape, steps })
    }

    /// Whether the run holds all that the recipe's steps have to learn.
    pub(crate) fn is_saved(folder: &Path) -> bool {
        folder.join(FILE).exists()
    }
}

/// The shape of the images that the first step that learns has learnt from.
fn learnt_from(recipe: &Recipe, tensors: &Tensors<'_>) -> Option<Shape> {
    let (index, step) =
        recipe.preprocess.iter().enumerate().find(|(_, step)| step.learns_from().is_some())?;
    match tensors.shape(&format!("{index}.{}.mean", step.name()))?[..] {
        [height, width, channels] => Some(Shape::new(channels, height, width)),
        _ => None,
    }
}

fn read(folder: &Path, path: &Path) -> Result<Vec<u8>> {
    if !path.exists() {
        return Err(Error::file(
            folder,
            "has no preprocess.safetensors, which its recipe's [[preprocess]] steps need; train again",
        ));
    }
    std::fs::read(path).map_err(|e| Error::io("read", path, e))
}

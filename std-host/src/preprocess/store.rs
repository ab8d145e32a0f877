//! `preprocess.safetensors`: the numbers that the steps have learnt.
//!
//! Tensors are named after the step's index in the recipe, from 0: `1.zca.mean` and `1.zca.matrix`,
//! `2.standardise.mean` and `2.standardise.factor`. Means and factors have the shape of an image, `[rows,
//! columns, channels]`, or of a patch; those per channel `[channels]`, those of all numbers `[1]`. A matrix
//! has a row and a column for each number of an image or a patch, in the same order.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use wta_core::Shape;

use super::learnt::{Preprocess, Step};
use super::standardise::Standardise;
use super::zca::Zca;
use crate::error::{Error, Result};
use crate::files::tensors::Tensor;
use crate::files::tensors::{Tensors, sealed, write};
use crate::files::whole;
use crate::recipe::{PreprocessRecipe, Recipe};

const FILE: &str = "preprocess.safetensors";

impl Preprocess {
    /// Writes the learnt numbers into the run folder, unless no step has learnt any.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let tensors = self.tensors();
        if tensors.is_empty() { Ok(()) } else { write(&folder.join(FILE), &tensors, &[]) }
    }

    /// The bytes of the file that [`Preprocess::save`] writes; 0 if it writes none.
    pub(super) fn file_len(&self) -> Result<u64> {
        let tensors = self.tensors();
        if tensors.is_empty() { Ok(0) } else { Ok(sealed(Path::new(FILE), &tensors, &[])?.len()) }
    }

    /// The learnt numbers as the file has them.
    pub fn tensors(&self) -> Vec<Tensor> {
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
                    let shape = step.per.dimensions(self.shape);
                    add("standardise.mean", &shape, &step.mean);
                    add("standardise.factor", &shape, &step.factor);
                }
                Step::Zca(step) => {
                    add("zca.mean", &image, &step.mean);
                    add("zca.matrix", &square, &step.matrix);
                }
                Step::PatchZca(patch, step) => {
                    add("zca.mean", &[patch.height, patch.width, patch.channels], &step.mean);
                    add("zca.matrix", &[patch.len(); 2], &step.matrix);
                }
            }
        }
        tensors
    }

    /// The steps of a recipe that have learnt the numbers of these [`tensors`](Self::tensors), by their
    /// names, from images of this shape.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if a tensor is missing, or has not as many numbers as the step needs.
    pub fn of_tensors(recipe: &Recipe, shape: Shape, tensors: &BTreeMap<String, Vec<f32>>) -> Result<Self> {
        Self::build(recipe, shape, |index, name, shape| {
            let name = format!("{index}.{name}");
            let fits = |values: &&Vec<f32>| values.len() == shape.iter().product::<usize>();
            let values = tensors.get(&name).filter(fits);
            values
                .cloned()
                .ok_or_else(|| Error::Invalid(format!("the tensor {name} of {shape:?} numbers is not there")))
        })
    }

    /// CRC-32 of the learnt numbers, step by step, in hexadecimal; `None` if no step has learnt any.
    pub(crate) fn checksum(&self) -> Option<String> {
        let mut hasher = crc32fast::Hasher::new();
        let mut learnt = false;
        for step in &self.steps {
            let parts = match step {
                Step::Contrast(_) | Step::LocalContrast(_) => continue,
                Step::Standardise(step) => [&step.mean, &step.factor],
                Step::Zca(step) | Step::PatchZca(_, step) => [&step.mean, &step.matrix],
            };
            learnt = true;
            for part in parts {
                part.iter().for_each(|value| hasher.update(&value.to_le_bytes()));
            }
        }
        learnt.then(|| format!("{:08x}", hasher.finalize()))
    }

    /// Reads the learnt numbers of a run's steps. `image` is the shape of the images to preprocess. For a
    /// convolutional network it may differ from the shape that the steps were learnt from, which is
    /// [`Preprocess::shape`].
    ///
    /// # Errors
    ///
    /// One sentence if the file is missing, is not safetensors, belongs to other steps or to images that do
    /// not fit, holds a number that is not finite, or its checksum is wrong.
    pub fn load(folder: &Path, recipe: &Recipe, image: Shape) -> Result<Self> {
        let path = folder.join(FILE);
        let learnt = recipe.preprocess.iter().any(|step| step.learns_from().is_some());
        let file = if learnt { Some(read(folder, &path)?) } else { None };
        let tensors = file.as_deref().map(|file| Tensors::of(&path, file)).transpose()?;
        let learnt = tensors.as_ref().and_then(|tensors| learnt_from(recipe, tensors));
        let fits = |learnt: &Shape| !recipe.is_fully_connected() && learnt.channels == image.channels;
        let shape = learnt.filter(fits).unwrap_or(image);
        Self::build(recipe, shape, |index, name, shape| match &tensors {
            Some(tensors) => tensors.get(&format!("{index}.{name}"), shape),
            None => Ok(Vec::new()),
        })
    }

    /// What the steps have learnt: the shape of the samples, and the numbers one after the other.
    pub(crate) fn numbers(&self) -> ([u64; 3], Vec<f32>) {
        let Shape { channels, height, width } = self.shape;
        let of_steps = self.steps.iter().flat_map(|step| match step {
            Step::Contrast(_) | Step::LocalContrast(_) => [&[][..], &[]],
            Step::Standardise(step) => [&step.mean[..], &step.factor],
            Step::Zca(step) | Step::PatchZca(_, step) => [&step.mean[..], &step.matrix],
        });
        ([channels, height, width].map(|side| side as u64), of_steps.collect::<Vec<_>>().concat())
    }

    /// The steps that have learnt these [`numbers`](Self::numbers).
    pub(crate) fn of_numbers(recipe: &Recipe, shape: [u64; 3], numbers: &[f32]) -> Result<Self> {
        let [channels, height, width] = shape.map(|side| side as usize);
        let mut rest = numbers;
        Self::build(recipe, Shape::new(channels, height, width), |_, _, shape| {
            let taken = rest.split_off(..shape.iter().product());
            Ok(taken.unwrap_or_default().to_vec())
        })
    }

    /// The steps of a recipe with what they have learnt: `learnt` gives the tensor of a step, a name and a
    /// shape. They are asked for in the order of the file.
    fn build(
        recipe: &Recipe,
        shape: Shape,
        mut learnt: impl FnMut(usize, &str, &[usize]) -> Result<Vec<f32>>,
    ) -> Result<Self> {
        let image = [shape.height, shape.width, shape.channels];
        let mut steps = Vec::new();
        for (index, step) in recipe.preprocess.iter().enumerate() {
            let mut tensor = |name: &str, shape: &[usize]| learnt(index, name, shape);
            steps.push(match step {
                PreprocessRecipe::Standardise { per, .. } => Step::Standardise(Standardise {
                    per: *per,
                    mean: tensor("standardise.mean", &per.dimensions(shape))?,
                    factor: tensor("standardise.factor", &per.dimensions(shape))?,
                }),
                PreprocessRecipe::Zca { patch: Some(patch), .. } => {
                    let size = patch.over(shape);
                    let patch = Shape::new(shape.channels, size.height, size.width);
                    let zca = Zca {
                        mean: tensor("zca.mean", &[patch.height, patch.width, patch.channels])?,
                        matrix: tensor("zca.matrix", &[patch.len(); 2])?,
                    };
                    Step::PatchZca(patch, Arc::new(zca))
                }
                PreprocessRecipe::Zca { patch: None, .. } => Step::Zca(Arc::new(Zca {
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

    /// The shape of the samples that a run's steps were learnt from, where the learnt numbers tell it.
    pub(crate) fn sample_shape(folder: &Path, recipe: &Recipe) -> Result<Option<Shape>> {
        if !Self::is_saved(folder) {
            return Ok(None);
        }
        let path = folder.join(FILE);
        let file = read(folder, &path)?;
        Ok(learnt_from(recipe, &Tensors::of(&path, &file)?))
    }

    /// Whether the run holds the file of learnt numbers.
    pub(crate) fn is_saved(folder: &Path) -> bool {
        folder.join(FILE).exists()
    }
}

/// The shape of the images that the steps were learnt from, according to the first step that learns from
/// whole images.
fn learnt_from(recipe: &Recipe, tensors: &Tensors<'_>) -> Option<Shape> {
    let learns = recipe.preprocess.iter().enumerate().filter(|(_, step)| step.learns_whole_images());
    let mut shapes =
        learns.filter_map(
            |(index, step)| match tensors.shape(&format!("{index}.{}.mean", step.name()))?[..] {
                [height, width, channels] => Some(Shape::new(channels, height, width)),
                _ => None,
            },
        );
    shapes.next()
}

fn read(folder: &Path, path: &Path) -> Result<Vec<u8>> {
    if !path.exists() {
        return Err(Error::file(
            folder,
            "has no preprocess.safetensors, which its recipe's [[preprocess]] steps need; train again",
        ));
    }
    whole::read(path)
}

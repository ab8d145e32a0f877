//! Learning the steps from training images, one after the other: each step sees the images as the steps
//! before it leave them.

use std::time::Instant;

use wta_core::{Random, Shape, Size};
use wta_simd::Isa;

use super::apply::Preprocessor;
use super::learnt::{Preprocess, Step};
use super::samples::Samples;
use super::standardise::Moments;
use super::zca::{self, Covariance, Zca};
use crate::aside::Aside;
use crate::error::{Error, Interrupted, Result};
use crate::memory::reserve;
use crate::observer::Observer;
use crate::recipe::{PreprocessRecipe, Recipe};

/// The most numbers in a block of images that are summed up together.
const BLOCK: usize = 1 << 22;

/// The most images in such a block.
const MOST_IMAGES: usize = 1_024;

/// The patches from which whitening by convolution is learnt, if there are fewer images.
const PATCHES: usize = 200_000;

/// The patches of each image, at least.
const LEAST_PATCHES: usize = 4;

/// The stream of the seed that draws their places. Preprocessing draws its images by those from the end.
const PATCH_STREAM: u64 = (1 << 63) - 1;

/// Learns the steps of a recipe from its training images.
///
/// # Errors
///
/// One sentence if the images cannot be whitened, are too few, or need too much memory;
/// [`Error::Interrupted`] if the observer stops it.
pub fn fit(isa: Isa, recipe: &Recipe, samples: &Samples<'_>, observer: &dyn Observer) -> Result<Preprocess> {
    let all: Vec<usize> = (0..samples.len()).collect();
    fit_on(isa, recipe, samples, &all, observer)
}

/// [`fit`], from those of the images whose indices are `among`.
///
/// # Errors
///
/// As for [`fit`].
pub fn fit_on(
    isa: Isa,
    recipe: &Recipe,
    samples: &Samples<'_>,
    among: &[usize],
    observer: &dyn Observer,
) -> Result<Preprocess> {
    let shape = samples.image_shape();
    recipe.check_images(shape)?;
    let mut learnt = Preprocess::none(shape);
    for (index, step) in recipe.preprocess.iter().enumerate() {
        if let Some(step) = Preprocess::unlearnt(step, shape) {
            learnt.steps.push(step);
            continue;
        }
        let chosen = choose(recipe, step, index, among)?;
        let step = learn(isa, recipe.training.seed, (index, step), &learnt, samples, &chosen, observer)?;
        learnt.steps.push(step);
    }
    Ok(learnt)
}

/// Learns the step with this index in the recipe from the images `chosen`, as the steps before it leave them.
pub(super) fn learn(
    isa: Isa,
    seed: u64,
    (index, step): (usize, &PreprocessRecipe),
    learnt: &Preprocess,
    samples: &Samples<'_>,
    chosen: &[usize],
    observer: &dyn Observer,
) -> Result<Step> {
    let (start, shape) = (Instant::now(), samples.image_shape());
    observer.begin(&format!("learn {}", step.name()), chosen.len() as u64);
    let before = Preprocessor::new(isa, learnt);
    let ask = || match observer.should_stop() {
        true => Err(Error::Interrupted(Interrupted::Preprocessing)),
        false => Ok(()),
    };
    let each = |add: &mut dyn FnMut(&[f32]) -> Result<()>| -> Result<()> {
        let block = block(shape, chosen.len());
        let mut images = reserve::zeros(block * shape.len(), || "some samples".to_owned())?;
        for chosen in chosen.chunks(block.max(1)) {
            ask()?;
            let images = images.get_mut(..chosen.len() * shape.len()).unwrap_or_default();
            samples.write_images(&before, chosen, images)?;
            add(images)?;
            observer.advance(chosen.len() as u64);
        }
        Ok(())
    };
    // Of what `cut` makes of the images, by `features` numbers.
    let whiten = |features: usize, regulariser: f64, cut: &mut dyn FnMut(&[f32]) -> Vec<f32>| {
        let (aside, mut covariance) = (Aside::new()?, Covariance::new(features)?);
        each(&mut |images| {
            let (mut summed, images) = (std::mem::take(&mut covariance), cut(images));
            let add = move || {
                summed.add(&images);
                summed
            };
            covariance = aside.run(&ask, add)?;
            Ok(())
        })?;
        if features == shape.len() {
            observer.end();
            observer.note(&format!("zca: eigenvectors of {features} x {features} numbers"));
        }
        aside.run(&ask, move || covariance.learn(regulariser))?
    };
    let found = match *step {
        PreprocessRecipe::Zca { regulariser, patch: Some(patch), .. } => {
            let size = patch.over(shape);
            let patch = Shape::new(shape.channels, size.height, size.width);
            let mut cutter = Cutter::new(shape, patch, chosen.len(), seed, index);
            let zca: Zca = whiten(patch.len(), regulariser, &mut |images| cutter.cut(images))?;
            Step::PatchZca(patch, zca.into())
        }
        PreprocessRecipe::Zca { regulariser, patch: None, .. } => {
            Step::Zca(whiten(shape.len(), regulariser, &mut |images| images.to_vec())?.into())
        }
        PreprocessRecipe::Standardise { regulariser, per, .. } => {
            let mut moments = Moments::new(shape.len());
            each(&mut |images| {
                moments.add(images);
                Ok(())
            })?;
            Step::Standardise(moments.learn(regulariser, per, shape)?)
        }
        PreprocessRecipe::Contrast { .. } | PreprocessRecipe::LocalContrast { .. } => {
            return Err(Error::Invalid(format!("preprocess step {} has nothing to learn", step.name())));
        }
    };
    observer.end();
    observer.note(&format!(
        "{}: learnt from {} images in {:.1} s",
        step.name(),
        chosen.len(),
        start.elapsed().as_secs_f64()
    ));
    Ok(found)
}

/// The images in a block.
fn block(shape: Shape, images: usize) -> usize {
    (BLOCK / shape.len().max(1)).clamp(1, MOST_IMAGES).min(images)
}

/// The bytes that a step needs to learn from so many images of this shape.
pub(super) fn memory(step: &PreprocessRecipe, shape: Shape, images: usize) -> u64 {
    let block = block(shape, images) as u64;
    let images_bytes = block * (shape.len() * size_of::<f32>()) as u64;
    match *step {
        PreprocessRecipe::Zca { patch, .. } => {
            let (rows, features) = whitened(patch.map(|patch| patch.over(shape)), shape, images);
            // A copy of what is whitened, and the same in double precision.
            let numbers = block * rows as u64 * features as u64;
            let bytes = numbers * (size_of::<f32>() + size_of::<f64>()) as u64;
            (images_bytes + bytes + zca::products_bytes(features)).max(zca::memory(features))
        }
        PreprocessRecipe::Standardise { .. } => images_bytes,
        PreprocessRecipe::Contrast { .. } | PreprocessRecipe::LocalContrast { .. } => 0,
    }
}

/// What whitening learns from each of so many images: the number of rows (the image itself, or patches of
/// it), and the numbers in a row.
pub(super) fn whitened(patch: Option<Size>, image: Shape, images: usize) -> (usize, usize) {
    match patch {
        None => (1, image.len()),
        Some(size) => (patches_of_each(images), size.area() * image.channels),
    }
}

/// The patches that are cut from each of so many images.
fn patches_of_each(images: usize) -> usize {
    PATCHES.div_ceil(images.max(1)).clamp(LEAST_PATCHES, PATCHES)
}

/// Patches of images, cut at random places.
struct Cutter {
    image: Shape,
    patch: Shape,
    /// Of each image.
    count: usize,
    random: Random,
}

impl Cutter {
    /// Of so many images, for the step `index`.
    fn new(image: Shape, patch: Shape, images: usize, seed: u64, index: usize) -> Self {
        let count = patches_of_each(images);
        let random = Random::stream(seed, PATCH_STREAM.wrapping_sub(index as u64));
        Self { image, patch, count, random }
    }

    /// The patches of some images, one after the other.
    fn cut(&mut self, images: &[f32]) -> Vec<f32> {
        let Self { image, patch, count, random } = self;
        let (row_len, line_len) = (image.width * image.channels, patch.width * patch.channels);
        let mut patches = Vec::with_capacity(images.len() / image.len().max(1) * *count * patch.len());
        for pixels in images.chunks_exact(image.len().max(1)) {
            for _ in 0..*count {
                let mut place =
                    |len: usize, patch: usize| random.below(len.saturating_sub(patch) as u32 + 1) as usize;
                let top = place(image.height, patch.height);
                let left = place(image.width, patch.width) * image.channels;
                for row in pixels.chunks_exact(row_len.max(1)).skip(top).take(patch.height) {
                    patches.extend_from_slice(row.get(left..left + line_len).unwrap_or_default());
                }
            }
        }
        patches
    }
}

/// The indices of the images that a step learns from, ascending: all, or a sample without repetition.
fn choose(recipe: &Recipe, step: &PreprocessRecipe, index: usize, among: &[usize]) -> Result<Vec<usize>> {
    let (mut all, images) = (among.to_vec(), among.len());
    let Some(Some(count)) = step.learns_from() else { return Ok(all) };
    if count > images {
        return Err(Error::Invalid(format!(
            "recipe {}, preprocess step {}: samples is {count}, but the data set has only {images} images",
            recipe.name,
            step.name()
        )));
    }
    // Epochs use the streams from 1 on, so the steps use those from the end.
    Random::stream(recipe.training.seed, u64::MAX - index as u64).shuffle(&mut all);
    all.truncate(count);
    all.sort_unstable();
    Ok(all)
}

//! The steps, prepared for blocks of images.

use std::sync::Arc;

use rayon::prelude::*;
use wta_core::Shape;
use wta_simd::Isa;

use super::contrast::Contrast;
use super::learnt::{Preprocess, Step};
use super::local_contrast::LocalContrast;
use super::standardise::Standardise;
use super::zca::Whitener;
use super::zca_filter::ZcaFilter;
use crate::error::{Error, Result};
use crate::recipe::Per;

/// The steps, prepared for the kernels of an instruction set.
pub struct Preprocessor {
    shape: Shape,
    steps: Vec<Ready>,
}

enum Ready {
    Contrast(Contrast),
    LocalContrast(LocalContrast),
    Standardise(Standardise),
    Zca(Whitener),
    ZcaFilter(ZcaFilter),
}

impl Preprocessor {
    /// Prepares to preprocess images of the shape that the steps were learnt from.
    pub fn new(isa: Isa, preprocess: &Preprocess) -> Self {
        let steps = preprocess.steps.iter().map(|step| Ready::new(isa, step, preprocess.shape));
        Self { shape: preprocess.shape, steps: steps.collect() }
    }

    /// Prepares to preprocess images of the shape `image`, which may differ from the one that the steps were
    /// learnt from.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the images have other channels, or a step has learnt a number for each place in
    /// an image of another size.
    pub fn for_images(isa: Isa, preprocess: &Preprocess, image: Shape) -> Result<Self> {
        let learnt = preprocess.shape;
        if image == learnt {
            return Ok(Self::new(isa, preprocess));
        }
        if image.channels != learnt.channels && !preprocess.is_none() {
            return Err(Error::Invalid(format!(
                "the preprocessing was learnt from images of {} channels and is asked for ones of {}",
                learnt.channels, image.channels
            )));
        }
        let steps: Result<Vec<Ready>> =
            preprocess.steps.iter().map(|step| Ready::resized(isa, step, learnt, image)).collect();
        Ok(Self { shape: image, steps: steps? })
    }

    /// A preprocessor without steps, for images of this shape.
    pub fn none(shape: Shape) -> Self {
        Self { shape, steps: Vec::new() }
    }

    /// Whether images stay as they are.
    pub fn is_none(&self) -> bool {
        self.steps.is_empty()
    }

    /// Preprocesses images in place, on all threads. They lie one after the other, with their channels last.
    pub fn apply(&self, images: &mut [f32]) {
        let len = self.shape.len().max(1);
        for step in &self.steps {
            let all = images.par_chunks_exact_mut(len);
            match step {
                Ready::Contrast(step) => all.for_each(|image| step.apply(image)),
                Ready::LocalContrast(step) => {
                    all.for_each_init(|| step.scratch(), |scratch, image| step.apply(image, scratch));
                }
                Ready::Standardise(step) => all.for_each(|image| step.apply(image)),
                Ready::Zca(step) => step.apply(images),
                Ready::ZcaFilter(step) => {
                    all.for_each_init(|| step.scratch(), |scratch, image| step.apply(image, scratch));
                }
            }
        }
    }
}

impl Ready {
    fn new(isa: Isa, step: &Step, image: Shape) -> Self {
        match step {
            Step::Contrast(step) => Self::Contrast(*step),
            Step::LocalContrast(step) => Self::LocalContrast(step.clone()),
            Step::Standardise(step) => Self::Standardise(step.clone()),
            Step::Zca(step) => Self::Zca(Whitener::new(isa, Arc::clone(step))),
            Step::PatchZca(patch, step) => Self::ZcaFilter(ZcaFilter::new(isa, step, *patch, image)),
        }
    }

    /// A step that was learnt from images of the shape `learnt`, for images of the shape `image`.
    fn resized(isa: Isa, step: &Step, learnt: Shape, image: Shape) -> Result<Self> {
        Ok(match step {
            Step::Contrast(step) => Self::Contrast(*step),
            Step::LocalContrast(step) => Self::LocalContrast(step.resized(image)),
            Step::Zca(step) => Self::ZcaFilter(ZcaFilter::new(isa, step, learnt, image)),
            Step::PatchZca(patch, step) => Self::ZcaFilter(ZcaFilter::new(isa, step, *patch, image)),
            Step::Standardise(step) if step.per != Per::Number => Self::Standardise(step.clone()),
            Step::Standardise(_) => {
                return Err(Error::Invalid(format!(
                    "preprocess step standardise: has learnt a mean for each number of images of {} x {}, and cannot \
                     be applied to images of {} x {}",
                    learnt.height, learnt.width, image.height, image.width
                )));
            }
        })
    }
}

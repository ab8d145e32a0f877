//! The steps of a recipe with the numbers that they have learnt.

use std::sync::Arc;

use wta_core::Shape;

use super::contrast::Contrast;
use super::local_contrast::LocalContrast;
use super::standardise::Standardise;
use super::zca::Zca;
use crate::recipe::PreprocessRecipe;

/// The steps of a recipe with the numbers that they have learnt from images of one shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocess {
    pub(super) shape: Shape,
    pub(super) steps: Vec<Step>,
}

/// A step with the numbers that it has learnt.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Contrast(Contrast),
    LocalContrast(LocalContrast),
    Standardise(Standardise),
    Zca(Arc<Zca>),
    /// Learnt from patches of this shape.
    PatchZca(Shape, Arc<Zca>),
}

impl Preprocess {
    /// No steps, for images of this shape.
    pub fn none(shape: Shape) -> Self {
        Self { shape, steps: Vec::new() }
    }

    /// Whether images stay as they are.
    pub fn is_none(&self) -> bool {
        self.steps.is_empty()
    }

    /// The shape of the images that the steps were learnt from.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// A step that has nothing to learn.
    pub(super) fn unlearnt(step: &PreprocessRecipe, shape: Shape) -> Option<Step> {
        match *step {
            PreprocessRecipe::Contrast { regulariser } => Some(Step::Contrast(Contrast { regulariser })),
            PreprocessRecipe::LocalContrast { window, deviation } => {
                Some(Step::LocalContrast(LocalContrast::new(shape, window, deviation)))
            }
            PreprocessRecipe::Zca { .. } | PreprocessRecipe::Standardise { .. } => None,
        }
    }
}

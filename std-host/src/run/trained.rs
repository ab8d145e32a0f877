//! A trained network: a recipe for images of one shape, and the parameters that training found.

use std::sync::Arc;

use wta_core::{Network, Shape, Size};
use wta_simd::Isa;

use super::folder::Run;
use super::model::{self, SavedModel};
use crate::error::{Error, Result};
use crate::preprocess::{Preprocess, Preprocessor};
use crate::recipe::{Recipe, Resolved};

/// A trained network; of a stack, its last layer with the trained layers below.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The recipe for these images, and what follows from it.
    pub resolved: Arc<Resolved>,
    /// The flat parameter vector.
    pub parameters: Vec<f32>,
    /// What is done to images before the network, or a stack's lowest one, sees them.
    pub preprocess: Arc<Preprocess>,
    /// The layer below, in a stack.
    pub below: Option<Box<Below>>,
}

/// The layer below a trained one.
#[derive(Clone, Debug)]
pub struct Below {
    /// The layer.
    pub trained: Trained,
    /// What its features are multiplied by.
    pub scale: f32,
}

impl Trained {
    /// Loads a run's network for images of this shape.
    ///
    /// # Errors
    ///
    /// As for [`Run::recipe`], [`Recipe::resolve`] and [`Trained::load`].
    pub fn open(run: &Run, image: Shape) -> Result<Self> {
        Self::load(run, run.recipe()?.resolve(image)?.into())
    }

    /// Loads a run's network as it is applied here: by its own recipe, or by what [`Recipe::applied`] made of
    /// it.
    ///
    /// # Errors
    ///
    /// As for [`Run::model`] and [`Preprocess::load`].
    pub fn load(run: &Run, resolved: Arc<Resolved>) -> Result<Self> {
        let SavedModel { parameters, input_scale } = run.model(&resolved.network())?;
        let below = match (&resolved.recipe().below, resolved.below()) {
            (Some(recipe), Some(below)) => {
                run.below().expect_recipe(recipe)?;
                let scale = input_scale.ok_or_else(|| {
                    Error::file(run.file("model.safetensors"), "has no tensor input.scale; train again")
                })?;
                let trained = Self::load(&run.below(), Arc::clone(below))?;
                Some(Box::new(Below { trained, scale }))
            }
            _ => None,
        };
        let preprocess = match &below {
            None => Arc::new(Preprocess::load(run.folder(), resolved.recipe(), resolved.image())?),
            Some(below) => Arc::clone(&below.trained.preprocess),
        };
        Ok(Self { resolved, parameters, preprocess, below })
    }

    /// The same parameters, applied to images of another size.
    pub(crate) fn applied(self, resolved: &Arc<Resolved>) -> Self {
        let below = match (self.below, resolved.below()) {
            (Some(below), Some(resolved)) => {
                let Below { trained, scale } = *below;
                Some(Box::new(Below { trained: trained.applied(resolved), scale }))
            }
            (below, _) => below,
        };
        Self { resolved: Arc::clone(resolved), below, ..self }
    }

    /// The recipe.
    pub fn recipe(&self) -> &Recipe {
        self.resolved.recipe()
    }

    /// The network; of a stack, the last layer's.
    pub fn network(&self) -> Network {
        self.resolved.network()
    }

    /// The shape of an image's features.
    pub fn features(&self) -> Shape {
        self.resolved.features()
    }

    /// Ready to do to images what is to be done before the network sees them.
    ///
    /// # Errors
    ///
    /// As for [`Preprocessor::for_images`].
    pub fn preprocessor(&self, isa: Isa) -> Result<Preprocessor> {
        let lowest = self.layers().first().map_or(self.network(), |lowest| lowest.network());
        if lowest.is_fully_connected() {
            return Ok(Preprocessor::new(isa, &self.preprocess));
        }
        Preprocessor::for_images(isa, &self.preprocess, lowest.input())
    }

    /// From one position of the code to the next, in the input's rows and columns.
    pub fn step(&self) -> Size {
        self.network().decoder().conv.stride
    }

    /// CRC-32 of the parameters, of a stack's layers one after the other from the lowest up; of what is not
    /// stacked it is the checksum of the training's [`Outcome`](crate::train::Outcome).
    pub fn checksum(&self) -> u32 {
        let layers = self.layers().into_iter();
        let parameters: Vec<f32> = layers.flat_map(|layer| &layer.parameters).copied().collect();
        model::checksum(&parameters)
    }

    /// The layers of a stack from the lowest up; of what is not stacked, itself.
    pub fn layers(&self) -> Vec<&Self> {
        let mut layers = self.below.as_ref().map_or(Vec::new(), |below| below.trained.layers());
        layers.push(self);
        layers
    }
}

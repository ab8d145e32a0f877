//! A trained network: a recipe resolved for images of one shape, and the parameters that training found.

use std::sync::Arc;

use wta_core::{Network, Shape, Size};
use wta_simd::Isa;

use super::folder::Run;
use super::model::{self, SavedModel};
use crate::error::{Error, Result};
use crate::preprocess::{Preprocess, Preprocessor};
use crate::recipe::{Recipe, Resolved};

/// A trained network. In a stack, it is the last layer, with the trained layers below it.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The recipe, resolved for these images.
    pub resolved: Arc<Resolved>,
    /// The flat parameter vector.
    pub parameters: Vec<f32>,
    /// The preprocessing of images before the network sees them; in a stack, before the lowest network does.
    pub preprocess: Arc<Preprocess>,
    /// The layer below, in a stack.
    pub below: Option<Box<Below>>,
    /// The activation that each unit has to exceed in the features, of a dictionary that was trained with
    /// thresholds.
    pub thresholds: Option<Vec<f32>>,
}

/// The layer below a trained layer.
#[derive(Clone, Debug)]
pub struct Below {
    /// The layer.
    pub trained: Trained,
    /// The factor of its features.
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

    /// Loads a run's network for a resolved recipe: the run's own, or the one that [`Recipe::applied`] made
    /// from it.
    ///
    /// # Errors
    ///
    /// As for [`Run::model`] and [`Preprocess::load`].
    pub fn load(run: &Run, resolved: Arc<Resolved>) -> Result<Self> {
        Self::load_layers(run, resolved, true)
    }

    /// Loads a run's network for images of this shape, for pictures of its atoms alone: without the learnt
    /// preprocessing, which may be larger than the network.
    pub(crate) fn without_preprocess(run: &Run, image: Shape) -> Result<Self> {
        Self::load_layers(run, run.recipe()?.resolve(image)?.into(), false)
    }

    fn load_layers(run: &Run, resolved: Arc<Resolved>, preprocesses: bool) -> Result<Self> {
        let path = run.file("model.safetensors");
        let (SavedModel { parameters, input_scale, thresholds }, links) =
            run.linked_model(&resolved.network())?;
        let below = match (&resolved.recipe().below, resolved.below()) {
            (Some(recipe), Some(below)) => {
                run.below().expect_recipe(recipe)?;
                let scale = input_scale
                    .ok_or_else(|| Error::file(&path, "has no tensor input.scale; train again"))?;
                let trained = Self::load_layers(&run.below(), Arc::clone(below), preprocesses)?;
                links.expect_below(&path, trained.checksum())?;
                Some(Box::new(Below { trained, scale }))
            }
            _ => None,
        };
        let preprocess = match &below {
            None if preprocesses => {
                Arc::new(Preprocess::load(run.folder(), resolved.recipe(), resolved.image())?)
            }
            None => Arc::new(Preprocess::none(resolved.image())),
            Some(below) => Arc::clone(&below.trained.preprocess),
        };
        if preprocesses {
            links.expect_preprocess(&path, preprocess.checksum().as_deref())?;
        }
        let wants = resolved.recipe().dictionary.thresholds;
        if wants && thresholds.is_none() {
            let sentence = "has no thresholds, which its recipe asks for: train again";
            return Err(Error::file(&path, sentence));
        }
        let thresholds = thresholds.filter(|_| wants);
        Ok(Self { resolved, parameters, preprocess, below, thresholds })
    }

    /// The same parameters for images of another size.
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

    /// The network; in a stack, that of the last layer.
    pub fn network(&self) -> Network {
        self.resolved.network()
    }

    /// The network that computes the features, and its parameters: see [`Resolved::encoding`].
    pub fn encoding(&self) -> (Network, Vec<f32>) {
        let signs = self.recipe().features.signs;
        (self.resolved.encoding(), signs.parameters(&self.network(), &self.parameters))
    }

    /// The shape of an image's features.
    pub fn features(&self) -> Shape {
        self.resolved.features()
    }

    /// The preprocessor of the images that the network sees.
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

    /// The distance between two neighbouring positions of the code, in the input's rows and columns.
    pub fn step(&self) -> Size {
        self.network().decoder().conv.stride
    }

    /// CRC-32 of the parameters; in a stack, of all layers' parameters one after the other, from the lowest
    /// up. Without a stack it equals the checksum of the training's [`Outcome`](crate::train::Outcome).
    pub fn checksum(&self) -> u32 {
        let layers = self.layers().into_iter();
        let parameters: Vec<f32> = layers.flat_map(|layer| &layer.parameters).copied().collect();
        model::checksum(&parameters)
    }

    /// The layers of a stack, from the lowest up; without a stack, this network alone.
    pub fn layers(&self) -> Vec<&Self> {
        let mut layers = self.below.as_ref().map_or(Vec::new(), |below| below.trained.layers());
        layers.push(self);
        layers
    }
}

//! A whole recipe: all its tables.

use serde::{Deserialize, Serialize};
use wta_core::{ContrastiveDivergence, Pool};

use super::apply_to::ApplyTo;
use super::below;
use super::data::Data;
use super::features::{Features, PoolRecipe};
use super::network::{Architecture, InitialRecipe};
use super::preprocess::PreprocessRecipe;
use super::sparsity::SparsityRecipe;
use super::svm::SvmRecipe;
use super::training::{CorruptionRecipe, TrainingRecipe};
use crate::error::{Error, Result};

/// Everything about an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// A short name.
    pub name: String,
    /// One line for a person.
    pub about: String,
    /// What it learns from.
    pub data: Data,
    /// What is done to the images before the network sees them, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preprocess: Vec<PreprocessRecipe>,
    /// The autoencoder.
    pub network: Architecture,
    /// How sparse the code is in training.
    pub sparsity: SparsityRecipe,
    /// What training hides from the network.
    #[serde(default, skip_serializing_if = "CorruptionRecipe::is_none")]
    pub corruption: CorruptionRecipe,
    /// How it is trained.
    pub training: TrainingRecipe,
    /// The representation for the classifier.
    #[serde(default)]
    pub features: Features,
    /// The classifier.
    #[serde(default)]
    pub svm: SvmRecipe,
    /// The layer below in a stacked autoencoder: in TOML, a recipe's name or a whole recipe.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "below::deserialize")]
    pub below: Option<Box<Recipe>>,
    /// How the layers below, which learnt from patches, are applied to this recipe's larger images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub large: Option<ApplyTo>,
}

impl Recipe {
    /// How an RBM's Markov chain is run; none for autoencoders.
    pub fn gibbs(&self) -> Option<ContrastiveDivergence> {
        match self.network {
            Architecture::Rbm { gibbs_steps, .. } => {
                Some(ContrastiveDivergence { steps: gibbs_steps, seed: self.training.seed })
            }
            Architecture::FullyConnected { .. } | Architecture::Convolutional { .. } => None,
        }
    }

    /// The recipes of a stack from the lowest layer up; of one that is not stacked, itself.
    pub fn layers(&self) -> Vec<&Self> {
        let mut layers = self.below.as_ref().map_or(Vec::new(), |below| below.layers());
        layers.push(self);
        layers
    }

    /// Whether both recipes train the same network: they differ at most in name, description, features and classifier.
    pub(crate) fn trains_like(&self, other: &Self) -> bool {
        let (features, svm) = (other.features, other.svm.clone());
        Self { name: other.name.clone(), about: other.about.clone(), features, svm, ..self.clone() } == *other
    }

    /// Whether preprocessing learns the same for both.
    pub(crate) fn preprocesses_like(&self, other: &Self) -> bool {
        // The seed draws the images to learn from.
        self.data == other.data
            && self.preprocess == other.preprocess
            && self.training.seed == other.training.seed
    }

    /// Whether the network takes plain vectors, and not maps.
    pub fn is_fully_connected(&self) -> bool {
        matches!(self.network, Architecture::FullyConnected { .. } | Architecture::Rbm { .. })
    }

    /// Sets the seed, of all layers of a stack.
    pub fn set_seed(&mut self, seed: u64) {
        self.training.seed = seed;
        if let Some(below) = &mut self.below {
            below.set_seed(seed);
        }
    }

    /// Sets the epochs, of all layers of a stack.
    pub fn set_epochs(&mut self, epochs: usize) {
        self.training.epochs = epochs;
        if let Some(below) = &mut self.below {
            below.set_epochs(epochs);
        }
    }

    /// Whether the initial filters are patches of the training samples.
    pub fn starts_from_patches(&self) -> bool {
        self.network.initial() == InitialRecipe::Patches
    }

    /// The pooling of the dense code.
    pub fn pool(&self) -> Pool {
        self.features.pool.map_or(Pool::NONE, PoolRecipe::pool)
    }

    /// The recipe as TOML.
    ///
    /// # Errors
    ///
    /// None for a recipe that was parsed.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::Recipe {
            origin: format!("recipe {}", self.name),
            line: None,
            problem: error.to_string(),
        })
    }
}

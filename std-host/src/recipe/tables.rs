//! A whole recipe: all its tables.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wta_core::ContrastiveDivergence;

use super::apply_to::ApplyTo;
use super::below;
use super::data::Data;
use super::dictionary::DictionaryRecipe;
use super::features::Features;
use super::network::{Architecture, InitialRecipe};
use super::preprocess::PreprocessRecipe;
use super::sparsity::SparsityRecipe;
use super::svm::SvmRecipe;
use super::training::{CorruptionRecipe, TrainingRecipe};
use crate::error::{Error, Result};

/// Everything about an experiment: what a network learns from, the network, and how it is trained and judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// A short name. Errors, tables and run folders call the recipe by it.
    #[schemars(example = &"my-digits")]
    pub name: String,
    /// One line for a person: what the experiment is about.
    #[schemars(example = &"CONV-WTA with 16 maps on the bundled digits")]
    pub about: String,
    /// What it learns from.
    #[schemars(extend("examples" = [{"set": "digits"}]))]
    pub data: Data,
    /// What is done to the images before the network sees them: any number of steps, in this order.
    #[schemars(extend("examples" = [[{"step": "contrast"}, {"step": "zca", "regulariser": 0.1}]]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preprocess: Vec<PreprocessRecipe>,
    /// The autoencoder or RBM.
    #[schemars(extend("examples" = [{"kind": "fully-connected", "units": [1000], "initial": "he"}]))]
    pub network: Architecture,
    /// How sparse the code is in training.
    #[schemars(extend("examples" = [{"lifetime": 0.05}]))]
    pub sparsity: SparsityRecipe,
    /// What training hides from the network: of a denoising autoencoder a part of the image, of one with
    /// dropout a part of the code.
    #[schemars(extend("examples" = [{"input": 0.2}]))]
    #[serde(default, skip_serializing_if = "CorruptionRecipe::is_none")]
    pub corruption: CorruptionRecipe,
    /// What is asked of a sparse dictionary beyond the paper.
    #[schemars(extend("examples" = [{"centred": true, "unit_atoms": true, "thresholds": true}]))]
    #[serde(default, skip_serializing_if = "DictionaryRecipe::is_none")]
    pub dictionary: DictionaryRecipe,
    /// How it is trained.
    #[schemars(extend("examples" = [{"epochs": 10, "batch": 100, "optimizer": "adam", "rate": 1e-3}]))]
    pub training: TrainingRecipe,
    /// The representation for the classifier and for a layer above.
    #[schemars(extend("examples" = [{"pool": {"kernel": 5, "stride": 3}}]))]
    #[serde(default)]
    pub features: Features,
    /// The classifier.
    #[schemars(extend("examples" = [{"c": [0.1, 1.0, 10.0]}]))]
    #[serde(default)]
    pub svm: SvmRecipe,
    /// The layer below in a stacked autoencoder: the name of a built-in recipe, or a whole recipe as a table.
    /// It is trained first and on its own; its features are what this recipe learns from. A stack has at most
    /// 16 layers.
    #[schemars(schema_with = "below::schema::<Recipe>", example = &"cifar10-conv64")]
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "below::deserialize")]
    pub below: Option<Box<Recipe>>,
    /// How the layers below, which learnt from patches, are applied to this recipe's larger images.
    #[schemars(extend("examples" = [{"stride": 4}]))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub large: Option<ApplyTo>,
}

impl Recipe {
    /// How an RBM's Markov chain is run; none for autoencoders.
    pub fn gibbs(&self) -> Option<ContrastiveDivergence> {
        match self.network {
            Architecture::Rbm { gibbs_steps, persistent, .. } => {
                Some(ContrastiveDivergence { steps: gibbs_steps, persistent, seed: self.training.seed })
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

    /// Whether both recipes train the same network: they differ at most in name, description, features and
    /// classifier.
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

    /// Divides the epochs of all layers of a stack, rounded; at least one is left where there are any.
    pub(crate) fn divide_epochs(&mut self, by: usize) {
        let by = by.max(1);
        let epochs = self.training.epochs;
        self.training.epochs = (epochs.saturating_add(by / 2) / by).max(epochs.min(1));
        if let Some(below) = &mut self.below {
            below.divide_epochs(by);
        }
    }

    /// This recipe with as many epochs as another one, in the layers where those are more.
    #[must_use]
    pub(crate) fn with_more_epochs(&self, other: &Self) -> Self {
        let mut more = self.clone();
        more.training.epochs = more.training.epochs.max(other.training.epochs);
        more.below = match (&self.below, &other.below) {
            (Some(below), Some(other)) => Some(Box::new(below.with_more_epochs(other))),
            (below, _) => below.clone(),
        };
        more
    }

    /// Whether the initial filters are patches of the training samples.
    pub fn starts_from_patches(&self) -> bool {
        self.network.initial() == InitialRecipe::Patches
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

//! The tables `[training]` and `[corruption]`: how the network is trained, and what training hides from it.

use serde::{Deserialize, Serialize};

/// What training hides from the network: of a denoising autoencoder a part of the image, of one with dropout a part of
/// the code. It is drawn by the seed of `[training]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorruptionRecipe {
    /// The share of the image's numbers that is set to 0 before encoding.
    pub input: f32,
    /// The share of the selected units of the code that is dropped.
    pub hidden: f32,
}

impl CorruptionRecipe {
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// How it is trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRecipe {
    /// Times that every image is seen.
    pub epochs: usize,
    /// Images per step.
    pub batch: usize,
    /// The method.
    pub optimizer: OptimizerRecipe,
    /// Learning rate.
    pub rate: f32,
    /// How the rate changes.
    #[serde(default = "TrainingRecipe::default_schedule")]
    pub schedule: ScheduleRecipe,
    /// Weight decay.
    #[serde(default)]
    pub decay: f32,
    /// For the initial weights and the order of the images.
    #[serde(default = "TrainingRecipe::default_seed")]
    pub seed: u64,
}

impl TrainingRecipe {
    pub(super) fn default_schedule() -> ScheduleRecipe {
        ScheduleRecipe::Constant
    }

    pub(super) fn default_seed() -> u64 {
        1
    }
}

/// `"adam"` or `{ sgd = { momentum = 0.9 } }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum OptimizerRecipe {
    /// Adam with its usual constants.
    Adam,
    /// SGD with momentum.
    Sgd {
        /// Momentum.
        momentum: f32,
    },
}

/// `"constant"`, `"linear"` or `{ step = { at = 0.7, factor = 0.1 } }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum ScheduleRecipe {
    /// No change.
    Constant,
    /// Linearly to 0.
    Linear,
    /// One step down.
    Step {
        /// At which share of all steps.
        at: f32,
        /// Times what.
        factor: f32,
    },
}

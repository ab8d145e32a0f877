//! The tables `[training]` and `[corruption]`: how the network is trained, and what training hides from it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wta_core::{BadImages, Guard, Method};

/// What training hides from the network: of a denoising autoencoder a part of the image, of one with dropout
/// a part of the code. It is drawn by the seed of `[training]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CorruptionRecipe {
    /// The share of the image's numbers that is set to 0 before encoding.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1), example = 0.2)]
    pub input: f32,
    /// The share of the selected units of the code that is dropped.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1), example = 0.5)]
    pub hidden: f32,
}

impl CorruptionRecipe {
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// How it is trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingRecipe {
    /// Times that every image is seen; with 0, the initial weights are the result.
    #[schemars(range(min = 0, max = 1_000_000_000), example = 10)]
    pub epochs: usize,
    /// Images per step. Lifetime sparsity compares the winners of so many images.
    #[schemars(range(min = 1), example = 100)]
    pub batch: usize,
    /// The method: Adam with its usual constants, or SGD with momentum.
    #[schemars(extend("examples" = [{"sgd": {"momentum": 0.9}}]))]
    pub optimizer: OptimizerRecipe,
    /// The learning rate.
    #[schemars(range(max = 1_000_000), extend("exclusiveMinimum" = 0), example = 1e-3)]
    pub rate: f32,
    /// How the rate changes: it stays, falls linearly to 0, or falls once, at a share of all steps, to a part
    /// of it; or it rises linearly in the first share of all steps, and falls linearly in the last.
    #[serde(default = "TrainingRecipe::default_schedule")]
    #[schemars(example = &"linear")]
    pub schedule: ScheduleRecipe,
    /// Weight decay: so much of each weight is added to its gradient. Times the rate it is at most 1.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000), example = 1e-4)]
    pub decay: f32,
    /// The largest norm of the gradient of all parameters: a larger one is made smaller as a whole, before
    /// the weight decay [default: any].
    #[schemars(extend("exclusiveMinimum" = 0), example = 1.0)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_gradient: Option<f32>,
    /// The smallest and the largest number that training sees of a sample, after the preprocessing: others
    /// become these [default: any].
    #[schemars(extend("examples" = [[-1.0, 1.0]]))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_inputs: Option<[f32; 2]>,
    /// A sample with a number beyond this absolute value, before it is clipped, is bad [default: no limit].
    #[schemars(extend("exclusiveMinimum" = 0), example = 100.0)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_inputs: Option<f32>,
    /// What becomes of a bad sample: it ends the training, or is skipped, as if the network were silent
    /// [default: `"refuse"`].
    #[schemars(example = &"skip")]
    #[serde(default, skip_serializing_if = "BadSamplesRecipe::is_refuse")]
    pub bad_samples: BadSamplesRecipe,
    /// For the initial weights, the order of the images and all that training draws. The same seed gives the
    /// same bits.
    #[serde(default = "TrainingRecipe::default_seed")]
    #[schemars(example = 7)]
    pub seed: u64,
    /// After each epoch but the last, begin maps again that had no winner in it: as random patches of the
    /// samples, with the average norm of the others. A map without winners never learns.
    #[schemars(extend("default" = false), example = true)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub revive: bool,
    /// Samples that are never trained on: a share below 1, or a number of them. After each epoch, the loss
    /// and the other measures are those of these samples, too [default: none].
    #[schemars(extend("exclusiveMinimum" = 0), example = 0.1)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<f64>,
    /// End the training when the held-out loss has not fallen for so many epochs, and keep the weights of the
    /// best epoch [default: train to the end, and keep the last ones]. Needs `held_out`.
    #[schemars(range(min = 1), example = 5)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
}

impl TrainingRecipe {
    pub(super) fn default_schedule() -> ScheduleRecipe {
        ScheduleRecipe::Constant
    }

    pub(super) fn default_seed() -> u64 {
        1
    }

    /// What protects the training from bad samples.
    pub(super) fn guard(&self) -> Guard {
        Guard {
            inputs: self.clip_inputs.map(|[low, high]| (low, high)),
            limit: self.limit_inputs,
            bad_images: match self.bad_samples {
                BadSamplesRecipe::Refuse => BadImages::Refuse,
                BadSamplesRecipe::Skip => BadImages::Skip,
            },
            gradient_norm: self.clip_gradient,
        }
    }
}

/// `"refuse"` or `"skip"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum BadSamplesRecipe {
    /// The training ends with an error that names the sample.
    #[default]
    Refuse,
    /// The sample has no winners and no part in the step.
    Skip,
}

impl BadSamplesRecipe {
    fn is_refuse(&self) -> bool {
        *self == Self::Refuse
    }
}

/// `"adam"` or `{ sgd = { momentum = 0.9 } }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum OptimizerRecipe {
    /// Adam with its usual constants.
    Adam,
    /// SGD with momentum.
    Sgd {
        /// The share of the last step that is taken again.
        #[schemars(range(min = 0), extend("exclusiveMaximum" = 1), example = 0.9)]
        momentum: f32,
    },
}

impl OptimizerRecipe {
    /// The core's method.
    pub(crate) fn method(self) -> Method {
        match self {
            Self::Adam => Method::ADAM,
            Self::Sgd { momentum } => Method::Sgd { momentum },
        }
    }
}

/// `"constant"`, `"linear"`, `{ step = { at = 0.7, factor = 0.1 } }` or
/// `{ ramps = { rise = 0.05, fall = 0.2 } }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum ScheduleRecipe {
    /// No change.
    Constant,
    /// Linearly to 0.
    Linear,
    /// One fall.
    Step {
        /// After which share of all steps the rate falls.
        #[schemars(range(min = 0, max = 1), example = 0.7)]
        at: f32,
        /// What the rate is multiplied by.
        #[schemars(range(max = 1), extend("exclusiveMinimum" = 0), example = 0.1)]
        factor: f32,
    },
    /// A rise at the beginning and a fall at the end.
    Ramps {
        /// The share of all steps in which the rate rises.
        #[schemars(range(min = 0, max = 1), example = 0.05)]
        rise: f32,
        /// The share of all steps in which it falls towards 0.
        #[schemars(range(min = 0, max = 1), example = 0.2)]
        fall: f32,
    },
}

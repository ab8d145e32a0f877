//! The table `[svm]`: the classifier.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::features::PoolRecipe;

/// The linear SVM. Features are scaled to a norm of 1 on the average.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SvmRecipe {
    /// Values of C to choose from on held-out training data, ascending.
    #[schemars(
        length(min = 1),
        extend("items" = {"type": "number", "exclusiveMinimum": 0}, "examples" = [[0.1, 1.0, 10.0]])
    )]
    pub c: Vec<f64>,
    /// Of a stack: classify by the features of the layers below, too, side by side with the last one's, and
    /// give each layer's this norm, as a multiple of that of the layer above; 0 leaves them out.
    #[schemars(range(min = 0, max = 100), extend("default" = 0.0), example = 0.5)]
    #[serde(skip_serializing_if = "is_zero")]
    pub lower_layers: f32,
    /// With `lower_layers`: pool the features of the layers below once more for the classifier [default: they
    /// are as the layer above sees them]. A layer above needs them fine, a classifier few of them.
    #[schemars(extend("examples" = [{"kernel": 4, "stride": 4, "average": true}]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lower_pool: Option<PoolRecipe>,
    /// What has a scale of its own: `all` features together, so that they keep their proportions, or each
    /// `feature`, so that all deviate equally. Nothing is shifted, so features that are 0 stay 0. With
    /// `feature`, `lower_layers` says only whether the layers below count.
    #[schemars(extend("default" = "all"), example = &"feature")]
    #[serde(skip_serializing_if = "SvmScale::is_all")]
    pub scale: SvmScale,
    /// Learn from the mirror image of each training sample, too: left and right change places. New samples
    /// are classified as they are, so it costs a device nothing.
    #[schemars(extend("default" = false), example = true)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub mirror: bool,
    /// Learn from each training sample moved up, down, left and right by this many pixels, too; of a signal,
    /// by this many time steps. 0 moves nothing. What comes in from outside repeats the border.
    #[schemars(extend("default" = 0), example = 1)]
    #[serde(skip_serializing_if = "is_zero")]
    pub shift: u32,
    /// The share of the training data held out to choose C [default: a sixth].
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1), example = 0.2)]
    pub held_out: f64,
    /// The final fit stops when its objective is proven to be within this share of the minimum (the duality
    /// gap).
    #[schemars(extend("exclusiveMinimum" = 0), example = 1e-4)]
    pub gap: f64,
}

/// `"all"` or `"feature"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SvmScale {
    /// One factor for all features.
    #[default]
    All,
    /// One factor for each feature.
    Feature,
}

impl SvmScale {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "as Serde calls it")]
    fn is_all(&self) -> bool {
        *self == Self::All
    }
}

fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

impl Default for SvmRecipe {
    fn default() -> Self {
        Self {
            c: vec![0.1, 0.3, 1.0, 3.0, 10.0, 30.0],
            lower_layers: 0.0,
            lower_pool: None,
            scale: SvmScale::All,
            mirror: false,
            shift: 0,
            held_out: 1.0 / 6.0,
            gap: 1e-3,
        }
    }
}

//! The table `[dictionary]`: what sparse dictionaries of activations ask for beyond the paper.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wta_core::Dictionary;

/// What is asked of a sparse dictionary; without this table, nothing beyond the paper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DictionaryRecipe {
    /// The decoder's bias, which begins as the mean of the samples, is taken off each sample before it is
    /// encoded. Of a fully-connected layer.
    #[schemars(extend("default" = false), example = true)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub centred: bool,
    /// Atoms have a norm of 1: they begin so, and are scaled after each step.
    #[schemars(extend("default" = false), example = true)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unit_atoms: bool,
    /// Training notes the activation with which each unit survives, on average over the steps. In the
    /// features, an activation that is not above it becomes 0: a code that is sparse, and does not depend on
    /// the samples beside it. Of a fully-connected layer.
    #[schemars(extend("default" = false), example = true)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub thresholds: bool,
    /// What units learn that have not survived for a while, and would never learn again (AuxK) [default:
    /// nothing]. Of a fully-connected layer, with `sparsity.per-sample` or `sparsity.per-batch`.
    #[schemars(extend("examples" = [{"units": 256, "after": 100_000}]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_units: Option<DeadUnitsRecipe>,
}

/// `{ units = 256, after = 100000, weight = 0.03125 }`: the largest activations of dead units reconstruct
/// what the survivors leave of each sample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadUnitsRecipe {
    /// How many dead units learn from each sample.
    #[schemars(range(min = 1), example = 256)]
    pub units: usize,
    /// A unit is dead that has survived in none of so many samples.
    #[schemars(range(min = 1), example = 100_000)]
    pub after: u64,
    /// The weight of their loss beside that of the survivors.
    #[schemars(range(max = 1_000_000), extend("exclusiveMinimum" = 0), example = 0.0625)]
    #[serde(default = "DeadUnitsRecipe::default_weight")]
    pub weight: f32,
}

impl DeadUnitsRecipe {
    const fn default_weight() -> f32 {
        0.03125
    }
}

impl DictionaryRecipe {
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// What the core is told of it.
    pub(super) fn in_training(&self) -> Dictionary {
        Dictionary { unit_atoms: self.unit_atoms, centred: self.centred }
    }
}

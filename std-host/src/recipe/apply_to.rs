//! A network that learnt from patches, applied to larger images (section 3.4 of the paper): a recipe's table
//! `[large]`.
//!
//! A convolution has no size: its filters look everywhere, at every position or at every fourth. What is
//! changed is the recipe: the last layer's stride and the pooling. Everything else follows from these.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::features::PoolRecipe;
use crate::extent::Extent;

/// How a network is applied to images larger than those it learnt from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApplyTo {
    /// The last convolution's stride [default: as it was trained]. A stride of 4 computes exactly every
    /// fourth row and column of what a stride of 1 gives.
    #[schemars(example = 4)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stride: Option<Extent>,
    /// The pooling of the features below [default: as it was trained].
    #[schemars(extend("examples" = [{"kernel": 3, "stride": 2, "whole": true}]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolRecipe>,
}

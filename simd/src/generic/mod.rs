//! The kernels, written once over [`Vector`](crate::vector::Vector).
//!
//! Every function here is `#[inline(always)]` so that it becomes part of an ISA module's `#[target_feature]`
//! function. Each number is summed in an order that depends only on the layer, never on the tile it falls
//! into.

pub(crate) mod convolve;
pub(crate) mod field;
pub(crate) mod gradient;
pub(crate) mod int8;
pub(crate) mod optimizer;
pub(crate) mod select;
pub(crate) mod units;
pub(crate) mod winograd;

//! A whole `model.wta` at work: from samples as a sensor gives them to features, scores and a class.
//!
//! ```text
//! samples x scale -> preprocessing -> lowest layer -> features -> next layer ... -> classifier
//! ```
//!
//! Each layer streams row by row; between two layers of a stack lie the features of one sample.

mod float;
mod integer;
mod layers;
mod stack;

pub use float::Pipeline;
pub use integer::Int8Pipeline;

//! The C interface; what is called is in `core/c/tests`, where `unsafe` is.

#[path = "../../../core/c/tests/fuzz/mod.rs"]
mod calls;

use super::model;

pub use calls::run;

/// Decisions, and the models of the target `model`.
pub fn seeds() -> Vec<Vec<u8>> {
    calls::seeds(&model::seeds())
}

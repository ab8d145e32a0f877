//! `wta_learn._engine`: what the Python package wta-learn computes with. It is a thin layer over the library
//! [`wta`]; estimators, checks of arguments and documentation for people are in Python, in
//! `python/wta_learn/`.
//!
//! Arrays come in as `float32`, sample by sample, each `height x width x channels`, and are not copied. Work
//! runs on threads of its own, without the interpreter's lock ([`work`]).

mod arrays;
mod digits;
mod error;
mod export;
mod network;
mod predict;
mod recipe;
mod steps;
mod svm;
mod trainer;
mod work;

use pyo3::prelude::*;

/// The engine of wta_learn.
#[pymodule]
mod _engine {
    #[pymodule_export]
    use super::network::Network;
    #[pymodule_export]
    use super::recipe::Recipe;
    #[pymodule_export]
    use super::steps::Steps;
    #[pymodule_export]
    use super::svm::{SvmRows, svc_fit};
    #[pymodule_export]
    use super::trainer::Trainer;
    #[pymodule_export]
    use super::{digits::digits, export::export_run, instruction_set, predict::predict};
}

/// The instruction set that is used: the weights of a recipe depend on it in their last bits.
#[pyfunction]
fn instruction_set() -> &'static str {
    wta::Isa::detect().name()
}

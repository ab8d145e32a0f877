//! What fuzzing calls: one function a target, from bytes to `Ok` or to what is wrong. Programs of cargo-fuzz
//! (`fuzz_targets/`) and a test on stable Rust (`tests/tests/fuzz.rs`) share them.
//!
//! A function fails by panicking. Each holds more than that nothing panics: see [`rules`] and its own file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a target fails by panicking"
)]

pub mod c_calls;
pub mod choices;
pub mod data;
pub mod detector;
pub mod kernels;
pub mod model;
pub mod mutate;
pub mod recipes;
pub mod rules;
pub mod run_files;

/// A target: its name, its function and valid inputs to start from.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As `cargo fuzz run` calls it.
    pub name: &'static str,
    /// Tries one input; whether it was accepted, of valid and damaged ones.
    pub run: fn(&[u8]) -> bool,
    /// Makes valid inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "data", run: data::run, seeds: data::seeds },
    Target { name: "model", run: model::run, seeds: model::seeds },
    Target { name: "detector", run: detector::run, seeds: detector::seeds },
    Target { name: "recipes", run: recipes::run, seeds: recipes::seeds },
    Target { name: "run_files", run: run_files::run, seeds: run_files::seeds },
    Target { name: "c_calls", run: c_calls::run, seeds: c_calls::seeds },
    Target { name: "kernels", run: kernels::run, seeds: kernels::seeds },
];

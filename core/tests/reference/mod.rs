//! What the core computes, against what PyTorch's autograd computes in float64: every file of
//! `fixtures/vectors`, for any [`Kernels`].
//!
//! The fixtures keep torch's layouts. Inputs are converted to the core's layout, and what the core computes
//! is converted back before it is compared, so that a failure's index is that of the file.

mod fixture;
mod layers;
mod rbms;
mod selections;
mod steps;

#[path = "../owned/rbm.rs"]
mod owned_rbm;

#[path = "../owned/mod.rs"]
mod owned;

use std::path::PathBuf;

use wta_core::{Kernels, PoolKind};

use fixture::Fixture;

/// How far a number may be from PyTorch's, relative to the largest element of its tensor. PyTorch itself in
/// float32 is within 6e-7; see the fixtures' README.
const TOLERANCE: f64 = 1e-5;

/// Checks all layers: forward and backward passes, pooling.
pub(crate) fn check_layers(kernels: impl Kernels) {
    check_folder("layers", 28, |fixture| match fixture.text("layer") {
        "conv" => layers::check_convolution(kernels, fixture),
        "deconv" => layers::check_deconvolution(kernels, fixture),
        "dense" => layers::check_dense(kernels, fixture),
        "max_pool" => layers::check_pooling(kernels, fixture, PoolKind::Max),
        "average_pool" => layers::check_pooling(kernels, fixture, PoolKind::Average),
        other => panic!("{fixture}: no test for layers of kind {other}"),
    });
}

/// Checks all selections, which are exact.
pub(crate) fn check_selections(kernels: impl Kernels) {
    check_folder("select", 10, |fixture| match fixture.text("selection") {
        "spatial" => selections::check_spatial(kernels, fixture),
        "lifetime" => selections::check_lifetime(kernels, fixture),
        "k_sparse" => selections::check_k_sparse(kernels, fixture),
        other => panic!("{fixture}: no test for the selection {other}"),
    });
}

/// Checks all training runs: codes, reconstructions, losses, gradients and parameters of every step.
pub(crate) fn check_steps(kernels: impl Kernels) {
    check_folder("steps", 36, |fixture| steps::check(kernels, fixture));
}

/// Checks all RBMs: probabilities, samples, reconstructions, losses and parameters of every step.
pub(crate) fn check_rbms(kernels: impl Kernels) {
    check_folder("rbm", 5, |fixture| rbms::check(kernels, fixture));
}

/// Runs `check` on every file of a folder; a file more or less than `count`, or a tensor that `check` did not
/// look at, is a failure.
fn check_folder(folder: &str, count: usize, check: impl Fn(&Fixture)) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/vectors").join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for file in &files {
        let fixture = Fixture::read(file);
        check(&fixture);
        fixture.expect_all_used();
    }
    assert_eq!(files.len(), count, "files in {}: adapt the count when fixtures come or go", path.display());
}

//! The scalar kernels, and all that the core builds on them, against PyTorch in float64.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

mod reference;

use wta_core::Scalar;

#[test]
fn layers() {
    reference::check_layers(Scalar);
}

#[test]
fn selections() {
    reference::check_selections(Scalar);
}

#[test]
fn steps() {
    reference::check_steps(Scalar);
}

#[test]
fn rbms() {
    reference::check_rbms(Scalar);
}

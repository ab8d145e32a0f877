//! Every instruction set of this processor, and all that the core builds on it, against PyTorch in float64.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

#[path = "../../core/tests/reference/mod.rs"]
mod reference;

use wta_simd::Isa;

#[test]
fn layers() {
    Isa::all_available().for_each(reference::check_layers);
}

#[test]
fn selections() {
    Isa::all_available().for_each(reference::check_selections);
}

#[test]
fn steps() {
    Isa::all_available().for_each(reference::check_steps);
}

#[test]
fn rbms() {
    Isa::all_available().for_each(reference::check_rbms);
}

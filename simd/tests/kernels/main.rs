//! Every kernel of every instruction set of this processor against the scalar kernels, on sizes that are
//! multiples of nothing, on buffers off alignment, and inside fences that catch a write beyond a slice.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

mod absurd;
mod bounds;
mod exact;
mod inputs;
mod int8;
mod sparse;
mod sums;
mod tiles;
mod units;
mod winograd;

use proptest::test_runner::Config;
use wta_simd::Isa;

/// So many cases each, on every instruction set.
fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

/// The instruction sets to compare with the scalar kernels. Those are in it too: on a processor without any
/// other, the tests still run, and show that the oracle itself keeps inside its slices.
fn isas() -> impl Iterator<Item = Isa> {
    Isa::all_available()
}

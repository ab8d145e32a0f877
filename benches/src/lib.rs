//! The networks and numbers that the benchmarks share.
//!
//! `cargo bench -p wta-benches` measures; results are named `operation/shape/isa`. As part of `cargo test`
//! each benchmark runs once, so that none of them rots. Records of what was measured are in
//! `benches/records/`. The networks are those of `wta profile --case`.

pub mod cluster;

use wta_core::Random;

pub use wta::profile::cases::{BATCH, Case, INITIAL, SEED, cases, noise};

/// So many reproducible numbers between 0 and 1.
pub fn numbers(count: usize) -> Vec<f32> {
    let mut random = Random::new(SEED);
    (0..count).map(|_| random.uniform()).collect()
}

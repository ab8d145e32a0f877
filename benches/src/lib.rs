//! The networks and numbers that the benchmarks share.
//!
//! `cargo bench -p wta-benches` measures; results are named `operation/shape/isa`. As part of `cargo test` each
//! benchmark runs once, so that none of them rots. Records of what was measured are in `benches/records/`.

use wta_core::{Conv, Network, Random, Result, Shape, Size, Sparsity};

/// A network to measure, with the sparsity that the paper trains it with.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its name in results.
    pub name: &'static str,
    /// The network.
    pub network: Network,
    /// The sparsity.
    pub sparsity: Sparsity,
}

/// Networks of the paper, on images of MNIST's shape.
///
/// # Errors
///
/// None: they are all networks.
pub fn cases() -> Result<Vec<Case>> {
    let conv = |maps, layers| {
        let layers = vec![Conv::same(maps, Size::square(5)); layers];
        Network::convolutional(Shape::new(1, 28, 28), &layers, Size::square(11))
    };
    let lifetime = Sparsity::lifetime(0.05);
    Ok(vec![
        Case { name: "fc1000", network: Network::fully_connected(784, &[1000])?, sparsity: lifetime },
        Case { name: "fc2000", network: Network::fully_connected(784, &[2000])?, sparsity: lifetime },
        Case { name: "conv16", network: conv(16, 2)?, sparsity: Sparsity::SPATIAL },
        Case { name: "conv64x3", network: conv(64, 3)?, sparsity: lifetime },
        Case { name: "conv128", network: conv(128, 2)?, sparsity: lifetime },
    ])
}

/// So many reproducible numbers between 0 and 1.
pub fn numbers(count: usize) -> Vec<f32> {
    let mut random = Random::new(1);
    (0..count).map(|_| random.uniform()).collect()
}

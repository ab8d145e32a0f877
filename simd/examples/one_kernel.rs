//! One kernel on every instruction set of this processor, against the scalar definition:
//! `cargo run --release -p wta-simd --example one_kernel`.

use std::time::Instant;

use wta_core::{Kernels, Random, Scalar};
use wta_simd::Isa;

/// Rows of the matrix, and numbers in a row.
const ROWS: usize = 64;
const LEN: usize = 1_000;

fn main() {
    let mut random = Random::new(1);
    let matrix: Vec<f32> = (0..ROWS * LEN).map(|_| random.normal()).collect();
    let scales: Vec<f32> = (0..ROWS).map(|_| random.normal()).collect();
    let rows: Vec<u32> = (0..ROWS as u32).collect();

    // The sum of all rows, each times its scale: how a unit's gradient is made of the images it won.
    let sum = |isa: Isa| {
        let mut sum = vec![0.0; LEN];
        let start = Instant::now();
        isa.weighted_row_sum(&scales, &rows, &matrix, LEN, &mut sum);
        (sum, start.elapsed())
    };
    let mut expected = vec![0.0; LEN];
    Scalar.weighted_row_sum(&scales, &rows, &matrix, LEN, &mut expected);

    println!("fastest here: {}", Isa::detect());
    for isa in Isa::all_available() {
        let (found, time) = sum(isa);
        let differences = found.iter().zip(&expected).map(|(found, expected)| (found - expected).abs());
        let largest = differences.fold(0.0, f32::max);
        println!("{isa}: {time:?}, off by at most {largest:e}");
        // Vector instructions round a product and its sum once, the scalar kernels twice.
        assert!(largest < 1e-4, "{isa} does not compute what the definition says");
    }
}

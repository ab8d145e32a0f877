//! How long it takes to learn the whitening of colour images and to apply it, on the threads of the pool.
//!
//! `cargo run --release -p wta --example whitening -- 48 10000`: side of the images and how many to learn
//! from. The images are noise, whose covariance takes as long as any.

use std::error::Error;
use std::time::Instant;

use wta::preprocess::{Preprocessor, Samples, fit};
use wta::recipe;
use wta::{Dataset, Shape};
use wta_core::Random;
use wta_simd::Isa;

const USAGE: &str = "usage: whitening SIDE IMAGES";

/// Of batches so large the application is timed: one step's, and many.
const BATCHES: [usize; 2] = [100, 1_000];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<usize> = std::env::args().skip(1).map(|a| a.parse()).collect::<Result<_, _>>()?;
    let [side, images] = arguments[..] else { return Err(USAGE.into()) };
    let isa = Isa::detect();
    let recipe = recipe::load("cifar10-conv64")?;
    let mut random = Random::new(1);
    let pixels: Vec<u8> = (0..images * side * side * 3).map(|_| random.next_u64() as u8).collect();
    let dataset = Dataset::from_bytes(Shape::new(3, side, side), pixels)?;
    let samples = Samples::new(&recipe, dataset)?;
    let start = Instant::now();
    let learnt = fit(isa, &recipe, &samples, &())?;
    println!("learnt from {images} images of {side} x {side} x 3: {:.1} s", start.elapsed().as_secs_f64());
    let preprocessor = Preprocessor::new(isa, &learnt);
    for batch in BATCHES.map(|batch| batch.min(images)) {
        let chosen: Vec<usize> = (0..batch).collect();
        let mut to = vec![0.0; batch * samples.shape().len()];
        let mut best = f64::INFINITY;
        for _ in 0..10 {
            let start = Instant::now();
            samples.write_all(&preprocessor, &chosen, &mut to)?;
            best = best.min(start.elapsed().as_secs_f64());
        }
        let products = batch as f64 * (samples.shape().len() as f64).powi(2);
        println!(
            "{batch} images: {:.1} ms, {:.1} G multiply-adds a second",
            1e3 * best,
            products / best / 1e9
        );
    }
    Ok(())
}

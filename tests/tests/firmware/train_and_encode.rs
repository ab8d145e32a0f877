//! The README's program: a network learns and encodes on the board as it does here, and the README shows what
//! is run.

use std::fs;
use std::path::Path;
use std::time::Duration;

use wta_core::prelude::*;

use crate::board::{assert_same_bits, board};

const SOURCE: &str = include_str!("../../firmware/src/bin/train_and_encode.rs");

wta_core::job! {
    struct Bars {
        network: Network::fully_connected(16, &[12]),
        training: TrainingConfig::new(Sparsity::lifetime(0.1), Optimizer::sgd(0.05), 20, 400),
        trainer: UnitTrainer,
    }
}

#[test]
fn a_job_in_one_static_learns_and_encodes_as_it_does_here() {
    let Some(board) = board() else { return };
    let report = board.run("train_and_encode", Duration::from_secs(120));

    let (mut bars, mut batch) = (Bars::new(), [[0.0; 16]; 20]);
    let (mut random, mut code) = (Random::new(1), [0.0; 12]);
    bars.initialise(1).unwrap();
    let mut trainer = bars.trainer(0).unwrap();
    let mut losses = Vec::new();
    for _ in 0..400 {
        for image in &mut batch {
            let lit = random.next_u64() & random.next_u64();
            let bar = |place: usize| (lit >> (place / 4) | lit >> (4 + place % 4)) & 1;
            image.iter_mut().enumerate().for_each(|(place, pixel)| *pixel = bar(place) as f32);
        }
        losses.push(trainer.step(batch.iter().map(|image| &image[..])).unwrap());
    }
    bars.extractor().unwrap().features(&batch[0][..], &mut code).unwrap();
    assert_same_bits("loss", &report.floats("loss"), &losses);
    assert_same_bits("code", &report.floats("code"), &code);
    let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
    assert!(mean(&losses[350..]) < 0.5 * mean(&losses[..10]), "{losses:?}");
}

#[test]
fn the_readme_shows_the_program() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, code) = SOURCE.split_once('\n').unwrap();
    assert!(code.lines().count() <= 40, "{} lines", code.lines().count());
    assert!(readme.contains(&format!("```rust\n{code}```")), "README.md shows another program");
}

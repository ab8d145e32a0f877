//! Training on the board, row by row, against training with whole maps in memory.

use std::time::Duration;

use wta_core::{Cut, Network, Scalar, Scratch, Trainer, TrainingConfig, training_len};

use crate::board::{assert_same_bits, board};
use crate::digits;

/// Digits that the programs have in flash.
const DIGITS: usize = 400;

/// Asserts that a program finds the losses and weights of [`Trainer`] on the first training digits, and takes
/// at most `limit` bytes of RAM, stack included.
pub(crate) fn assert_trains(
    program: &str,
    limit: u64,
    network: Network,
    training: TrainingConfig,
    initialise: impl Fn(&mut [f32]),
) {
    let Some(board) = board() else { return };
    let report = board.run(program, Duration::from_secs(1200));

    let pixels = digits::images("train", DIGITS);
    let pixels: Vec<f32> = pixels.iter().map(|pixel| f32::from(*pixel) * (1.0 / 255.0)).collect();
    let len = training_len(&network, &training.sparsity, &training.optimizer.method, training.batch);
    let (mut parameters, mut moments) = (vec![0.0; len.parameters], vec![0.0; len.moments]);
    let (mut floats, mut indices) = (vec![0.0; len.floats], vec![0; len.indices]);
    let mut cuts = vec![Cut { threshold: 0.0, ties_below: 0 }; len.cuts];
    initialise(&mut parameters);
    let scratch = Scratch { floats: &mut floats, indices: &mut indices, cuts: &mut cuts };
    let mut trainer =
        Trainer::new(Scalar, network, training, 0, &mut parameters, &mut moments, scratch).unwrap();
    let batches = pixels.chunks_exact(training.batch * digits::PIXELS).cycle();
    let losses: Vec<f32> = batches
        .take(training.steps as usize)
        .map(|batch| trainer.step(batch.chunks_exact(digits::PIXELS)).unwrap())
        .collect();
    println!("{losses:?}");

    assert_same_bits("losses", &report.floats("loss"), &losses);
    assert_same_bits("weights", &report.floats("weights"), trainer.parameters());
    let (first, last) = (losses[0], losses[losses.len() - 1]);
    assert!(last < 0.8 * first, "the loss has not fallen: {losses:?}");
    assert!(report.ram() <= limit, "{program} takes {} bytes of RAM, not {limit}", report.ram());
}

//! What tells the motions of a wrist apart: the model of `wta export --int8 --rust`, and samples of six
//! axes, one time step after the other.

use wta_core::int8::Int8Kernels;
use wta_core::{Int8Pipeline, Model, Result};

/// Axes of the sensor: three of acceleration, three of rotation.
pub(crate) const AXES: usize = 6;

/// Time steps of a window, ten a second.
pub(crate) const STEPS: usize = 100;

/// Classes of the classifier.
pub(crate) const CLASSES: usize = 4;

/// Bytes of a window of `f32`s, axis after axis.
const WINDOW: usize = 4 * AXES * STEPS;

/// Classifies windows, and hands over each one's class, its name and the scores. `memory` is for the
/// pipeline, as long as these kernels want it.
pub(crate) fn classify<K: Int8Kernels>(
    kernels: K,
    model: &[u8],
    windows: &[u8],
    memory: &mut [u32],
    mut found: impl FnMut(usize, &str, [f32; CLASSES]),
) -> Result<()> {
    let model = Model::parse(model)?;
    let mut pipeline = Int8Pipeline::new(kernels, model, memory)?;
    for window in windows.chunks_exact(WINDOW) {
        // Each row of the network is a time step. A driver would wait here for the sensor's next sample.
        let samples = |step: usize, row: &mut [f32]| {
            row.iter_mut().enumerate().for_each(|(axis, to)| *to = sample(window, axis, step));
        };
        let mut scores = [0.0; CLASSES];
        scores.iter_mut().zip(pipeline.scores(samples)?).for_each(|(to, from)| *to = from);
        let class = largest(&scores);
        found(class, model.class_name(class).unwrap_or("?"), scores);
    }
    Ok(())
}

/// A sample of a window.
fn sample(window: &[u8], axis: usize, step: usize) -> f32 {
    let bytes = window.get(4 * (axis * STEPS + step)..).and_then(|rest| rest.first_chunk());
    f32::from_le_bytes(bytes.copied().unwrap_or_default())
}

/// The class with the largest score; of several, the first.
fn largest(scores: &[f32]) -> usize {
    let better = |best: (usize, f32), next: (usize, f32)| if next.1 > best.1 { next } else { best };
    scores.iter().copied().enumerate().fold((0, f32::NEG_INFINITY), better).0
}

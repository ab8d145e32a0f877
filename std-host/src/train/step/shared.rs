//! What the three methods of a training step share.

use rayon::prelude::*;
use wta_core::{Network, Norm, TrainingConfig};

use super::portion::Portion;
use crate::error::Result;
use crate::train::stopwatch::Stopwatch;

/// The number of parameters that one task updates.
pub(super) const UPDATE_CHUNK: usize = 1 << 14;

/// The inputs of all methods.
#[derive(Clone, Copy)]
pub(super) struct Common<K> {
    pub(super) kernels: K,
    pub(super) network: Network,
    pub(super) training: TrainingConfig,
}

/// The state that a step changes.
pub(super) struct State<'a, K> {
    pub(super) common: Common<K>,
    pub(super) step: u64,
    pub(super) parameters: &'a mut [f32],
    pub(super) moments: &'a mut [f32],
    /// Which images of the batch are bad; empty if none is.
    pub(super) bad: &'a [bool],
    /// What of the work is this process's.
    pub(super) portion: &'a Portion,
    pub(super) stopwatch: &'a Stopwatch,
}

/// The chunks of a slice; for an empty slice, endless empty chunks.
pub(super) fn chunks_or_empty(values: &mut [f32], len: usize) -> impl Iterator<Item = &mut [f32]> {
    let none = values.is_empty();
    values
        .chunks_mut(len.max(1))
        .map(Some)
        .chain(std::iter::repeat_with(move || none.then_some(&mut [][..])))
        .map_while(|c| c)
}

/// The norm of rows, added in their order; each row's is found in parallel.
pub(super) fn norm_of_rows(rows: &[f32], len: usize) -> Norm {
    let norms: Vec<Norm> = rows.par_chunks(len).map(Norm::of).collect();
    sum_of_norms(norms)
}

/// Norms added one after the other.
pub(super) fn sum_of_norms(norms: impl IntoIterator<Item = Norm>) -> Norm {
    norms.into_iter().fold(Norm::ZERO, |mut sum, norm| {
        sum.add(norm);
        sum
    })
}

/// The norms of the parts of a gradient by units: of each part, those of all processes' units, added in the
/// units' order. `own` are the norms of this process's units.
pub(super) fn norms_of_parts<const N: usize>(portion: &Portion, own: &[[Norm; N]]) -> Result<[Norm; N]> {
    let numbers: Vec<[[f32; 2]; N]> = own.iter().map(|norms| norms.map(Norm::numbers)).collect();
    let mut sums = [Norm::ZERO; N];
    for norms in portion.gather_units(numbers.as_flattened())?.chunks_exact(N) {
        sums.iter_mut().zip(norms).for_each(|(sum, norm)| sum.add(Norm::from_numbers(*norm)));
    }
    Ok(sums)
}

/// Multiplies a run of a gradient that is clipped.
pub(super) fn clip(factor: Option<f32>, gradient: &mut [f32]) {
    if let Some(factor) = factor {
        gradient.iter_mut().for_each(|number| *number *= factor);
    }
}

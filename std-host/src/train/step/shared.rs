//! What the three methods of a training step share.

use wta_core::{Network, TrainingConfig};

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

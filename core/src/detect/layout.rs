//! How a detector's memory is divided.

use crate::cut::Cut;
use crate::detect::learner::learning_len;
use crate::detect::settings::Settings;
use crate::memory::parts;
use crate::novelty::novelty_len;

parts! {
    /// The numbers of a detector. What training and scores need is behind them: they are never made at the
    /// same time.
    #[derive(Debug)]
    pub(super) struct Floats of f32, for (settings: &Settings) {
        parameters: settings.network.parameters_len(),
        moments: settings.network.parameters_len().saturating_mul(settings.training.optimizer.method.moments()),
        /// Of each channel; see [`Conditioner`](super::condition::Conditioner).
        means: settings.channels,
        spreads: settings.channels,
        /// The window that is being filled, conditioned.
        window: settings.network.input().len(),
        /// Windows as the network sees them, until there are enough for a step.
        batch: settings.training.batch.saturating_mul(settings.network.input().len()),
        /// The largest scores of calibration.
        tail: settings.tail_len(),
    }
}

/// Lengths of the buffers that a detector needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DetectorLen {
    /// `f32`s.
    pub floats: usize,
    /// `u32`s.
    pub indices: usize,
    /// [`Cut`]s.
    pub cuts: usize,
}

impl DetectorLen {
    /// All of it in bytes.
    pub const fn bytes(&self) -> usize {
        let numbers = self.floats.saturating_add(self.indices).saturating_mul(4);
        numbers.saturating_add(self.cuts.saturating_mul(size_of::<Cut>()))
    }
}

/// The memory that a detector needs, whatever its phase.
pub const fn detector_len(settings: &Settings) -> DetectorLen {
    let learning = learning_len(&settings.network, &settings.training);
    let maps = settings.network.code().channels;
    DetectorLen {
        floats: Floats::len(settings).saturating_add(max(learning.floats, novelty_len(&settings.network))),
        indices: max(learning.indices, maps),
        cuts: learning.cuts,
    }
}

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// Memory lent to a detector, as long as [`detector_len`] says; what it holds does not matter. The macro
/// [`detector!`](crate::detector) makes it as one thing.
#[derive(Debug)]
pub struct Memory<'m> {
    /// [`DetectorLen::floats`].
    pub floats: &'m mut [f32],
    /// [`DetectorLen::indices`].
    pub indices: &'m mut [u32],
    /// [`DetectorLen::cuts`].
    pub cuts: &'m mut [Cut],
}

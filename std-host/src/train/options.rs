//! The options of a training, and its outcome.

use std::sync::Arc;

use wta_simd::Isa;

use crate::preprocess::Samples;
use crate::ranks::Ranks;
use crate::run::Run;

/// The machine's resources that a training uses, and further inputs.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The instruction set; the fastest one by default.
    pub isa: Isa,
    /// The most bytes for which preprocessed images, and the features below a stacked layer, are kept in
    /// memory; 6 GiB by default. If they take more, they are computed anew for every batch, to the same bits.
    pub memory: usize,
    /// The patches that the layers below learn from, if the recipe has `[large]`.
    pub patches: Option<&'a Samples<'a>>,
    /// A run whose weights a new training begins with, instead of random ones; in a stack, each layer with
    /// those of the same layer. If its preprocessing steps are the recipe's, what they have learnt is kept,
    /// too.
    pub from: Option<&'a Run>,
    /// The processes that train together; this one alone by default. All of them call with the same recipe,
    /// samples and options, and get the same network, whose bits are those of one process. The first one has
    /// the run folder; to the others it means nothing.
    pub ranks: Option<&'a Arc<dyn Ranks>>,
}

impl Options<'_> {
    /// The default of [`Options::memory`].
    pub const MEMORY: usize = 6 << 30;
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { isa: Isa::detect(), memory: Self::MEMORY, patches: None, from: None, ranks: None }
    }
}

/// The results of a training.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// CRC-32 of the parameters.
    pub checksum: u32,
    /// The loss in the last epoch; in the best one, if its weights were kept.
    pub loss: f64,
    /// The loss on the held-out samples after that epoch, if there are any.
    pub held_out_loss: Option<f64>,
    /// The share of maps that never survived in the last epoch.
    pub dead_share: f64,
    /// The time of this call, without the time before a resume.
    pub seconds: f64,
}

//! How a training uses the machine, and what it ends with.

use wta_simd::Isa;

use crate::preprocess::Samples;

/// How a training uses the machine, and what else it needs.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The instruction set; the fastest there is, by default.
    pub isa: Isa,
    /// Preprocessed images and, in a stack, the features of a layer are kept if they take at most so many
    /// bytes; 6 GiB, by default. Otherwise they are computed anew for every batch, to the same bits.
    pub memory: usize,
    /// Of a recipe with `[large]`: the patches that the layers below learn from.
    pub patches: Option<&'a Samples<'a>>,
}

impl Options<'_> {
    /// [`Options::memory`] unless told.
    pub const MEMORY: usize = 6 << 30;
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { isa: Isa::detect(), memory: Self::MEMORY, patches: None }
    }
}

/// What a training ended with.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// CRC-32 of the parameters.
    pub checksum: u32,
    /// Of the last epoch.
    pub loss: f64,
    /// The share of maps that never survived in the last epoch.
    pub dead_share: f64,
    /// Time spent now (not before a resume).
    pub seconds: f64,
}

//! The table `[network]`: the autoencoder or RBM, its layers and their initial weights.

use serde::{Deserialize, Serialize};

use crate::extent::Extent;

/// The autoencoder or RBM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "kind")]
pub enum Architecture {
    /// FC-WTA.
    FullyConnected {
        /// Units of each encoder layer.
        units: Vec<usize>,
        /// Whether the decoder is the encoder transposed.
        #[serde(default)]
        tied: bool,
        /// Initial weights.
        initial: InitialRecipe,
    },
    /// CONV-WTA.
    Convolutional {
        /// The encoder's layers.
        encoder: Vec<LayerRecipe>,
        /// The deconvolution's kernel.
        decoder_kernel: Extent,
        /// Whether the decoder's atoms are the encoder's filters (one layer only).
        #[serde(default)]
        tied: bool,
        /// Initial weights.
        initial: InitialRecipe,
    },
    /// A restricted Boltzmann machine; with `sparsity.lifetime` it is the winner-take-all RBM.
    Rbm {
        /// Hidden units.
        hidden: usize,
        /// The k of CD-k.
        #[serde(default = "Architecture::default_gibbs_steps")]
        gibbs_steps: usize,
        /// Initial weights.
        initial: InitialRecipe,
    },
}

impl Architecture {
    fn default_gibbs_steps() -> usize {
        1
    }

    pub(super) fn initial(&self) -> InitialRecipe {
        match self {
            Self::FullyConnected { initial, .. }
            | Self::Convolutional { initial, .. }
            | Self::Rbm { initial, .. } => *initial,
        }
    }

    /// Sets what all kinds have in common; an RBM is tied in any case.
    pub(super) fn set(&mut self, to: InitialRecipe, is_tied: bool) {
        match self {
            Self::FullyConnected { tied, initial, .. } | Self::Convolutional { tied, initial, .. } => {
                (*tied, *initial) = (is_tied, to);
            }
            Self::Rbm { initial, .. } => *initial = to,
        }
    }

    /// Whether filters and atoms face the same image, and may differ.
    pub(super) fn has_one_free_layer(&self) -> bool {
        match self {
            Self::FullyConnected { units, tied, .. } => units.len() == 1 && !tied,
            Self::Convolutional { encoder, tied, .. } => encoder.len() == 1 && !tied,
            Self::Rbm { .. } => false,
        }
    }
}

/// One convolution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerRecipe {
    /// Feature maps.
    pub maps: usize,
    /// Kernel.
    pub kernel: Extent,
    /// Stride.
    #[serde(default = "LayerRecipe::default_stride")]
    pub stride: Extent,
}

/// So many maps with this kernel, and a stride of 1.
impl<K: Into<Extent>> From<(usize, K)> for LayerRecipe {
    fn from((maps, kernel): (usize, K)) -> Self {
        Self { maps, kernel: kernel.into(), stride: Self::default_stride() }
    }
}

impl LayerRecipe {
    fn default_stride() -> Extent {
        Extent::Square(1)
    }
}

/// Initial weights: `"he"`, `"patches"` or `{ normal = 0.01 }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InitialRecipe {
    /// See [`Initial::He`].
    He,
    /// Patches of the training samples; see [`initial`](crate::initial).
    Patches,
    /// A standard deviation.
    Normal(f32),
}

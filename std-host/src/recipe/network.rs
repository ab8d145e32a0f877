//! The table `[network]`: the autoencoder or RBM, its layers and their initial weights.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::extent::Extent;

/// The autoencoder or RBM; `kind` says which.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "kind")]
pub enum Architecture {
    /// FC-WTA, the fully-connected autoencoder of section 2 of the paper. Its images are plain vectors.
    FullyConnected {
        /// Units of each encoder layer, from the image up.
        #[schemars(length(min = 1), inner(range(min = 1)), extend("examples" = [[1000]]))]
        units: Vec<usize>,
        /// Whether the decoder is the encoder transposed.
        #[serde(default)]
        #[schemars(example = true)]
        tied: bool,
        /// Initial weights: He's random ones, patches of the training images in the first layer, random atoms
        /// of norm 1 with filters that are the same, or normal ones with this standard deviation.
        #[schemars(example = &"he")]
        initial: InitialRecipe,
    },
    /// CONV-WTA, the convolutional autoencoder of section 3 of the paper.
    Convolutional {
        /// The encoder's convolutions, from the image up.
        #[schemars(length(min = 1), extend("examples" = [[{"maps": 16, "kernel": 5}, {"maps": 16, "kernel": 5}]]))]
        encoder: Vec<LayerRecipe>,
        /// Rows and columns of the deconvolution's kernel: the size of the atoms.
        #[schemars(example = 11)]
        decoder_kernel: Extent,
        /// Whether the decoder's atoms are the encoder's filters (one layer only).
        #[serde(default)]
        #[schemars(example = true)]
        tied: bool,
        /// Initial weights: He's random ones, patches of the training images in the first layer,
        /// or normal ones with this standard deviation.
        #[schemars(example = &"patches")]
        initial: InitialRecipe,
    },
    /// A restricted Boltzmann machine; with `sparsity.lifetime` it is the winner-take-all RBM. It learns from
    /// numbers between 0 and 1, by SGD.
    Rbm {
        /// Hidden units.
        #[schemars(range(min = 1), example = 500)]
        hidden: usize,
        /// The k of CD-k: steps of the Markov chain for each training step.
        #[serde(default = "Architecture::default_gibbs_steps")]
        #[schemars(range(min = 1), example = 5)]
        gibbs_steps: usize,
        /// Whether the Markov chains go on from one training step to the next, and do not begin at the data
        /// (persistent contrastive divergence).
        #[schemars(extend("default" = false), example = true)]
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        persistent: bool,
        /// Whether the visible biases begin at the mean of the samples: `log(p / (1 - p))`, with `p` between
        /// 0.001 and 0.999.
        #[schemars(extend("default" = false), example = true)]
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        mean_bias: bool,
        /// Initial weights: He's random ones, or normal ones with this standard deviation.
        #[schemars(extend("examples" = [{"normal": 0.01}]))]
        initial: InitialRecipe,
    },
}

impl Architecture {
    fn default_gibbs_steps() -> usize {
        1
    }

    /// Whether filters begin as their atoms.
    pub(super) fn begins_transposed(&self) -> bool {
        self.initial() == InitialRecipe::Transposed
    }

    pub(crate) fn initial(&self) -> InitialRecipe {
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
}

/// One convolution of the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerRecipe {
    /// Feature maps.
    #[schemars(range(min = 1), example = 64)]
    pub maps: usize,
    /// Rows and columns of the kernel.
    #[schemars(example = 5)]
    pub kernel: Extent,
    /// From one position of the kernel to the next.
    #[serde(default = "LayerRecipe::default_stride")]
    #[schemars(example = 2)]
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

/// Initial weights: `"he"`, `"patches"`, `"transposed"` or `{ normal = 0.01 }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InitialRecipe {
    /// Random, with the deviation that He and others worked out for rectified units.
    He,
    /// Patches of the training samples, in the first layer.
    Patches,
    /// Of a fully-connected layer: atoms of norm 1 in random directions, and filters that are the same.
    Transposed,
    /// Normal ones with this standard deviation.
    Normal(#[schemars(extend("exclusiveMinimum" = 0, "examples" = [0.01]))] f32),
}

//! The table `[[preprocess]]` of a recipe: what is done to images before the network sees them, step by step.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wta_core::preprocess::MAX_FILTER;
use wta_core::{Shape, Size};

use crate::extent::Extent;
use crate::problem::Problem;

/// Eigenvectors of more dimensions than this take hours, and their matrices more memory than most machines
/// have.
const MOST_DIMENSIONS: usize = 16_384;

/// One step, by its name `step`. What a step learns from the training images is kept in the run folder.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "step")]
pub enum PreprocessRecipe {
    /// Each image to zero mean and unit deviation, over all its pixels and channels.
    Contrast {
        /// Added to the variance, so that the noise of a nearly uniform image is not blown up.
        #[schemars(range(min = 0), example = 0.1)]
        #[serde(default)]
        regulariser: f32,
    },
    /// `(x - m) / sqrt(1 + m2)` in each channel, `m` and `m2` the means of `x` and `x^2` in a Gaussian
    /// window.
    LocalContrast {
        /// Rows and columns of the window, odd.
        #[schemars(range(min = 1, max = 1001), example = 9)]
        #[serde(default = "PreprocessRecipe::default_window")]
        window: usize,
        /// The Gaussian's standard deviation in pixels [default: a sixth of the window].
        #[schemars(range(min = 0.1), example = 2.0)]
        #[serde(skip_serializing_if = "Option::is_none")]
        deviation: Option<f32>,
    },
    /// Whitening: `U diag(1 / sqrt(s + regulariser)) U^T (x - mean)`, where `U` and `s` are the eigenvectors
    /// and eigenvalues of the covariance of whole images, or with `patch` of patches.
    Zca {
        /// Added to the eigenvalues: the larger, the less the faintest directions are amplified.
        #[schemars(extend("exclusiveMinimum" = 0), example = 0.1)]
        regulariser: f64,
        /// Learn from so many images, drawn by the seed of `[training]` [default: all].
        #[schemars(range(min = 2), example = 10_000)]
        #[serde(skip_serializing_if = "Option::is_none")]
        samples: Option<usize>,
        /// Learn from patches of these rows and columns, and whiten each pixel with its surroundings by
        /// convolution. Takes no matrix of whole images, and images of any size [default: whole images].
        #[schemars(example = 7)]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        patch: Option<Extent>,
    },
    /// Each number of an image to zero mean and unit deviation over the images.
    Standardise {
        /// What has a mean and a deviation of its own: each `number` of an image, each `channel` (each axis
        /// of a sensor), or `all` numbers together. Images of another size can be preprocessed by the last
        /// two.
        #[schemars(example = &"channel")]
        #[serde(default, skip_serializing_if = "Per::is_number")]
        per: Per,
        /// Added to the variances.
        #[schemars(range(min = 0), example = 0.01)]
        #[serde(default)]
        regulariser: f64,
        /// Learn from so many images, drawn by the seed of `[training]` [default: all].
        #[schemars(range(min = 2), example = 10_000)]
        #[serde(skip_serializing_if = "Option::is_none")]
        samples: Option<usize>,
    },
}

/// What `standardise` learns a mean and a deviation for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Per {
    /// Each number of an image.
    #[default]
    Number,
    /// Each channel.
    Channel,
    /// All numbers.
    All,
}

impl Per {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    fn is_number(&self) -> bool {
        *self == Self::Number
    }

    /// The dimensions of the means of images of this shape.
    pub(crate) fn dimensions(self, image: Shape) -> Vec<usize> {
        match self {
            Self::Number => vec![image.height, image.width, image.channels],
            Self::Channel => vec![image.channels],
            Self::All => vec![1],
        }
    }
}

/// Whether patches of this size can be whitened.
fn is_patch(size: Size) -> bool {
    (1..=MAX_FILTER).contains(&size.height) && (1..=MAX_FILTER).contains(&size.width)
}

impl PreprocessRecipe {
    fn default_window() -> usize {
        21
    }

    /// The step's name in recipes.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Contrast { .. } => "contrast",
            Self::LocalContrast { .. } => "local-contrast",
            Self::Zca { .. } => "zca",
            Self::Standardise { .. } => "standardise",
        }
    }

    /// How many images the step learns from, if it does; `Some(None)` is all.
    pub fn learns_from(&self) -> Option<Option<usize>> {
        match *self {
            Self::Contrast { .. } | Self::LocalContrast { .. } => None,
            Self::Zca { samples, .. } | Self::Standardise { samples, .. } => Some(samples),
        }
    }

    /// Whether the step learns numbers for each place in an image.
    pub(crate) fn learns_whole_images(&self) -> bool {
        matches!(self, Self::Zca { patch: None, .. } | Self::Standardise { .. })
    }

    /// `Ok` when the settings make sense. It is the step `index`, from 0.
    pub(super) fn check(&self, index: usize) -> Result<(), Problem> {
        let invalid = |what: &str| {
            // The key comes first in the sentence.
            let key = what.split(' ').next().unwrap_or_default();
            let sentence = format!("preprocess step {}: {what}", self.name());
            Err(Problem::of(format!("preprocess.{index}.{key}"), sentence))
        };
        if let Some(Some(0 | 1)) = self.learns_from() {
            return invalid("samples must be at least 2");
        }
        match *self {
            Self::Contrast { regulariser } if !(regulariser.is_finite() && regulariser >= 0.0) => {
                invalid("regulariser must be at least 0")
            }
            Self::Standardise { regulariser, .. } if !(regulariser.is_finite() && regulariser >= 0.0) => {
                invalid("regulariser must be at least 0")
            }
            // Some eigenvalues of images are 0.
            Self::Zca { regulariser, .. } if !(regulariser.is_finite() && regulariser > 0.0) => {
                invalid("regulariser must be more than 0")
            }
            Self::Zca { patch: Some(patch), .. } if !is_patch(patch.into()) => {
                invalid(&format!("patch must have 1 to {MAX_FILTER} rows and columns"))
            }
            Self::LocalContrast { window, .. } if window % 2 == 0 || window > 1_001 => {
                invalid("window must be odd and at most 1001")
            }
            Self::LocalContrast { deviation: Some(deviation), .. }
                if !(deviation.is_finite() && deviation >= 0.1) =>
            {
                invalid("deviation must be at least 0.1")
            }
            _ => Ok(()),
        }
    }

    /// `Ok` when the step can be learnt from images of this shape.
    pub(super) fn check_image(&self, index: usize, image: Shape) -> Result<(), Problem> {
        if let Self::Zca { patch: Some(patch), .. } = self {
            let size = patch.over(image);
            let patch = Shape::new(image.channels, size.height, size.width);
            let problem = if size.height > image.height || size.width > image.width {
                format!("its patch is larger than the images of {} x {}", image.height, image.width)
            } else if patch.len() > MOST_DIMENSIONS {
                format!("patches of {} numbers cannot be whitened, at most {MOST_DIMENSIONS}", patch.len())
            } else {
                return Ok(());
            };
            return Err(Problem::of(
                format!("preprocess.{index}.patch"),
                format!("preprocess step zca: {problem}"),
            ));
        }
        if matches!(self, Self::Zca { .. }) && image.len() > MOST_DIMENSIONS {
            let sentence = format!(
                "preprocess step zca: images of {} numbers cannot be whitened, at most {MOST_DIMENSIONS}; use smaller ones, or a patch",
                image.len()
            );
            return Err(Problem::of(format!("preprocess.{index}.step"), sentence));
        }
        Ok(())
    }
}

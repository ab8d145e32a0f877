//! The table `[features]`: the representation for the classifier and for a layer above, and how pooling is
//! written.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wta_core::{Pool, PoolKind, Shape, Threshold};

use super::signs::Signs;
use crate::error::{Error, Setting};
use crate::extent::Extent;

/// The representation, for the classifier and for a layer above: the dense code, pooled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Features {
    /// Pool the square roots of the activations: this compresses strong responses and lifts weak ones, which
    /// suits a linear classifier.
    #[schemars(extend("default" = false), example = true)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub root: bool,
    /// Which signs of a response become features: `max(0, w x + b)` alone, as in training, or with `both`
    /// also `max(0, -w x + b)`, as as many maps more behind the others.
    #[schemars(extend("default" = "positive"), example = &"both")]
    #[serde(default, skip_serializing_if = "Signs::is_positive")]
    pub signs: Signs,
    /// What is taken off the activations first: nothing, or with `triangle` the mean over all maps at their
    /// position, so that only what is above the mean is left, whatever the contrast there.
    #[schemars(extend("default" = "none"), example = &"triangle")]
    #[serde(default, skip_serializing_if = "ThresholdRecipe::is_none")]
    pub threshold: ThresholdRecipe,
    /// The pooling of each map [default: none]. A fully-connected code has none.
    #[schemars(extend("examples" = [{"kernel": 5, "stride": 3}]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolRecipe>,
}

/// `"none"` or `"triangle"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ThresholdRecipe {
    /// Activations as they are.
    #[default]
    None,
    /// Activations less the mean of their position, where they are above it.
    Triangle,
}

impl ThresholdRecipe {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

impl From<ThresholdRecipe> for Threshold {
    fn from(threshold: ThresholdRecipe) -> Self {
        match threshold {
            ThresholdRecipe::None => Self::None,
            ThresholdRecipe::Triangle => Self::Triangle,
        }
    }
}

impl From<Threshold> for ThresholdRecipe {
    fn from(threshold: Threshold) -> Self {
        match threshold {
            Threshold::None => Self::None,
            Threshold::Triangle => Self::Triangle,
        }
    }
}

/// Pooling, of the largest in a window or of the mean.
///
/// On a command line and in [`FromStr`] it is `11/6` (windows of 11 x 11, every 6 positions), `11x7/6x3`
/// (rows x columns), with `,average` for means and `,whole` to leave out the windows that the border cuts;
/// `none` is no pooling.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolRecipe {
    /// The windows' rows and columns.
    #[schemars(example = 5)]
    pub kernel: Extent,
    /// From one window to the next.
    #[schemars(example = 3)]
    pub stride: Extent,
    /// Leave out the windows that the border cuts: 56 x 56 with 3/2 gives 27 x 27, and not 28 x 28.
    #[schemars(extend("default" = false), example = true)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
    /// The mean of a window, and not the largest as in the paper.
    #[schemars(extend("default" = false), example = true)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub average: bool,
}

impl PoolRecipe {
    /// No pooling.
    pub const NONE: Self =
        Self { kernel: Extent::Square(1), stride: Extent::Square(1), whole: false, average: false };

    /// Square windows of the largest activations: `square(5, 3)` is `5/3`.
    pub const fn square(kernel: usize, stride: usize) -> Self {
        Self { kernel: Extent::Square(kernel), stride: Extent::Square(stride), ..Self::NONE }
    }

    /// The pooling, without a threshold; of its windows, those that the border cuts may have to be left out.
    pub fn pool(self) -> Pool {
        let kind = if self.average { PoolKind::Average } else { PoolKind::Max };
        Pool { kernel: self.kernel.into(), stride: self.stride.into(), kind, threshold: Threshold::None }
    }

    /// The pooling of a code of this shape; on a signal, one number counts along the time.
    pub fn over(self, code: Shape) -> Pool {
        Pool { kernel: self.kernel.over(code), stride: self.stride.over(code), ..self.pool() }
    }

    /// The shape after pooling.
    pub(crate) fn output(self, code: Shape) -> Shape {
        let pool = self.over(code);
        let all = pool.output(code);
        if !self.whole {
            return all;
        }
        let windows =
            |len: usize, kernel: usize, stride: usize| (len.saturating_sub(kernel) / stride.max(1)) + 1;
        Shape::new(
            all.channels,
            windows(code.height, pool.kernel.height, pool.stride.height).min(all.height),
            windows(code.width, pool.kernel.width, pool.stride.width).min(all.width),
        )
    }
}

/// All windows, those that the border cuts included.
impl From<Pool> for PoolRecipe {
    fn from(pool: Pool) -> Self {
        let average = pool.kind == PoolKind::Average;
        Self { kernel: pool.kernel.into(), stride: pool.stride.into(), whole: false, average }
    }
}

const NONE: &str = "none";
const AVERAGE: &str = "average";
const WHOLE: &str = "whole";

impl fmt::Display for PoolRecipe {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NONE {
            return to.write_str(NONE);
        }
        write!(to, "{}/{}", self.kernel, self.stride)?;
        let options = [(self.average, AVERAGE), (self.whole, WHOLE)];
        options.iter().filter(|(set, _)| *set).try_for_each(|(_, option)| write!(to, ",{option}"))
    }
}

impl FromStr for PoolRecipe {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == NONE {
            return Ok(Self::NONE);
        }
        parsed(text).ok_or_else(|| {
            Error::setting_is(
                Setting::Pool,
                text,
                "give the side of the windows and the stride, as in 11/6, or 11/6,average, or 11/6,whole, or none",
            )
        })
    }
}

fn parsed(text: &str) -> Option<PoolRecipe> {
    let mut parts = text.split(',');
    let (kernel, stride) = parts.next()?.split_once('/')?;
    let mut pool =
        PoolRecipe { kernel: kernel.parse().ok()?, stride: stride.parse().ok()?, ..PoolRecipe::NONE };
    for option in parts {
        let set = match option {
            AVERAGE => &mut pool.average,
            WHOLE => &mut pool.whole,
            _ => return None,
        };
        if std::mem::replace(set, true) {
            return None;
        }
    }
    Some(pool)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooling_is_written_as_windows_and_stride() {
        let pool = |text: &str| text.parse::<PoolRecipe>().unwrap();
        assert_eq!(pool("none"), PoolRecipe::NONE);
        assert_eq!(
            (pool("11/6").pool(), pool("11/6,whole").pool()),
            (Pool::square(11, 6), Pool::square(11, 6))
        );
        assert_eq!(pool("11/6,average").pool(), Pool::square(11, 6).average());
        let both = pool("11/6,average,whole");
        assert!(both == pool("11/6,whole,average") && both.whole && both.average);
        let uneven = pool("11x7/6x3").pool();
        assert_eq!((uneven.kernel.height, uneven.kernel.width, uneven.stride.width), (11, 7, 3));
        let output = |text: &str, side: usize| pool(text).output(Shape::new(2, side, side + 1));
        assert_eq!(output("3/2", 56), Shape::new(2, 28, 29));
        assert_eq!(output("3/2,whole", 56), Shape::new(2, 27, 28));
        assert_eq!(output("2/2,whole", 56), Shape::new(2, 28, 28));
        assert_eq!(output("1/3,whole", 3), Shape::new(2, 1, 2), "no more than there are");
        for wrong in [
            "",
            "11",
            "11/6,",
            "whole",
            "11/",
            "0/1",
            "1/0",
            "a/b",
            "11/6/2",
            "-1/2",
            "11/6,mean",
            "11x/6",
            "11x0/6",
            "11/6,whole,whole",
        ] {
            let sentence = wrong.parse::<PoolRecipe>().unwrap_err().to_string();
            assert!(sentence.contains("as in 11/6"), "{wrong}: {sentence}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for text in ["none", "11/6", "11x7/6", "11x7/6x3,average", "5/3,average,whole", "3/2,whole"] {
            assert_eq!(text.parse::<PoolRecipe>().unwrap().to_string(), text);
        }
        for pool in [Pool::NONE, Pool::square(11, 6), Pool::square(5, 3).average()] {
            assert_eq!(PoolRecipe::from(pool).pool(), pool);
        }
    }
}

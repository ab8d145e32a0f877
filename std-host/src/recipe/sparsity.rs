//! The table `[sparsity]`: how sparse the code is made in training, and by which way it gets there.
//!
//! A code that is sparse from the first step leaves units behind that never win, and so never learn: of the
//! winner-take-all RBM two thirds, of the k-sparse autoencoder as many. With `start` they begin with a denser
//! code, and the share (or the number) of the winners that live falls linearly from there to its end.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wta_core::{Selection, Shape, Size, Sparsity};

use crate::extent::Extent;
use crate::problem::Problem;

/// How sparse the code is in training; without `lifetime`, `per-sample` and `per-batch`, spatial sparsity
/// alone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SparsityRecipe {
    /// Rows and columns of windows that each feature map is cut into, with one winner each.
    #[serde(default = "default_grid")]
    #[schemars(example = 2)]
    pub grid: Extent,
    /// The share of each map's (or unit's) winners over the batch that lives. One of the three alone.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0), example = 0.05)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<f32>,
    /// How many winners of each sample live (k-sparse, TopK).
    #[schemars(range(min = 1), example = 25)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_sample: Option<usize>,
    /// How many winners of each sample live on average: the largest of the whole batch (BatchTopK).
    #[schemars(range(min = 1), example = 32)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_batch: Option<usize>,
    /// What `lifetime`, `per-sample` or `per-batch` is at the first step, from where it falls to its end
    /// [default: it does not fall]. Units that never win never learn; a denser beginning leaves fewer of them
    /// behind.
    #[schemars(range(max = 1_000_000), extend("exclusiveMinimum" = 0), example = 1.0)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<f32>,
    /// The share of all steps after which it has fallen to its end.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0, "default" = default_falling()), example = 1.0)]
    #[serde(default = "default_falling", skip_serializing_if = "is_default_falling")]
    pub falling: f32,
}

fn default_grid() -> Extent {
    Extent::Square(1)
}

const fn default_falling() -> f32 {
    0.5
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_default_falling(falling: &f32) -> bool {
    *falling == default_falling()
}

/// Spatial sparsity alone: one winner for each map and sample.
impl Default for SparsityRecipe {
    fn default() -> Self {
        Self {
            grid: default_grid(),
            lifetime: None,
            per_sample: None,
            per_batch: None,
            start: None,
            falling: default_falling(),
        }
    }
}

impl SparsityRecipe {
    pub(super) fn check(&self) -> Result<(), Problem> {
        let refuse = |key: &str, sentence: &str| Err(Problem::of(key, sentence));
        let chosen = [self.lifetime.is_some(), self.per_sample.is_some(), self.per_batch.is_some()];
        if chosen.iter().filter(|is_chosen| **is_chosen).count() > 1 {
            return refuse("sparsity", "sparsity takes one of lifetime, per-sample and per-batch");
        }
        if self.lifetime.is_some_and(|rate| !(rate > 0.0 && rate <= 1.0)) {
            return refuse("sparsity.lifetime", "sparsity.lifetime must be more than 0 and at most 1");
        }
        if self.per_sample == Some(0) {
            return refuse("sparsity.per-sample", "sparsity.per-sample must be at least 1");
        }
        if self.per_batch == Some(0) {
            return refuse("sparsity.per-batch", "sparsity.per-batch must be at least 1");
        }
        let Size { height, width } = self.grid.into();
        if height.min(width) == 0 {
            return refuse("sparsity.grid", "sparsity.grid must be at least 1");
        }
        if !(self.falling > 0.0 && self.falling <= 1.0) {
            return refuse("sparsity.falling", "sparsity.falling must be more than 0 and at most 1");
        }
        let start = |sentence: &str| refuse("sparsity.start", sentence);
        let (count, key) = match self.per_batch {
            Some(count) => (Some(count), "per-batch"),
            None => (self.per_sample, "per-sample"),
        };
        match (self.start, self.lifetime, count) {
            (Some(_), None, None) => {
                start("sparsity.start needs lifetime, per-sample or per-batch to fall to")
            }
            (Some(from), Some(end), _) if !(from >= end && from <= 1.0) => {
                start("sparsity.start must be at least sparsity.lifetime and at most 1")
            }
            (Some(from), _, Some(end)) if !(from >= end as f32 && from <= 1e6) => {
                start(&format!("sparsity.start must be at least sparsity.{key} and at most a million"))
            }
            _ => Ok(()),
        }
    }

    /// The sparsity that training ends with, for a code of this shape.
    pub fn at_end(&self, code: Shape) -> Sparsity {
        Sparsity { grid: self.grid.over(code), selection: self.last_selection() }
    }

    fn last_selection(&self) -> Selection {
        match (self.lifetime, self.per_sample, self.per_batch) {
            (Some(rate), ..) => Selection::Lifetime { rate },
            (None, Some(count), _) => Selection::PerSample { count },
            (None, None, Some(count)) => Selection::Batch { count },
            (None, None, None) => Selection::All,
        }
    }

    /// Whether every spatial winner lives: of a fully-connected code, every unit.
    pub(super) fn is_dense(&self) -> bool {
        self.last_selection() == Selection::All
    }

    /// Whether units compete with one another, within a sample or over the batch.
    pub(super) fn competes(&self) -> bool {
        self.per_sample.is_some() || self.per_batch.is_some()
    }

    /// Which winners live in step `step` (from 0) of `steps`.
    pub fn keep_at(&self, step: u64, steps: u64) -> Selection {
        let end = self.last_selection();
        let Some(start) = self.start else { return end };
        let share = step as f32 / (self.falling * steps as f32).max(1.0);
        let left = (1.0 - share).max(0.0);
        match end {
            Selection::Lifetime { rate } => Selection::Lifetime { rate: rate + left * (start - rate) },
            Selection::PerSample { count } => Selection::PerSample { count: falling(count, start, left) },
            Selection::Batch { count } => Selection::Batch { count: falling(count, start, left) },
            Selection::All => end,
        }
    }
}

/// The number that lives where this share of the way from `start` to `end` is left.
fn falling(end: usize, start: f32, left: f32) -> usize {
    end + (left * (start - end as f32)).round().max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> SparsityRecipe {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_sparsity_falls_linearly_and_stays() {
        let lifetime = table("lifetime = 0.2\nstart = 1.0");
        let rates = [0, 25, 50, 99].map(|step| match lifetime.keep_at(step, 100) {
            Selection::Lifetime { rate } => rate,
            other => panic!("{other:?}"),
        });
        for (found, expected) in rates.iter().zip([1.0, 0.6, 0.2, 0.2]) {
            assert!((found - expected).abs() < 1e-6, "{rates:?}");
        }
        let sample = table("per-sample = 25\nstart = 225\nfalling = 1.0");
        assert_eq!(
            [0, 50, 99, 100].map(|step| sample.keep_at(step, 100)),
            [225, 125, 27, 25].map(|count| Selection::PerSample { count })
        );
        let batch = table("per-batch = 25\nstart = 225\nfalling = 1.0");
        assert_eq!(batch.keep_at(50, 100), Selection::Batch { count: 125 });
        assert_eq!(table("lifetime = 0.2").keep_at(0, 10), Selection::Lifetime { rate: 0.2 });
        assert_eq!(table("").keep_at(0, 10), Selection::All);
    }

    #[test]
    fn a_start_that_makes_no_sense_is_refused() {
        for (text, about) in [
            ("start = 1.0", "needs lifetime, per-sample or per-batch"),
            ("per-batch = 20\nstart = 3", "at least sparsity.per-batch"),
            ("per-batch = 0", "sparsity.per-batch must be at least 1"),
            ("per-batch = 2\nper-sample = 2", "takes one of"),
            ("lifetime = 0.2\nstart = 0.1", "at least sparsity.lifetime"),
            ("lifetime = 0.2\nstart = 1.5", "at most 1"),
            ("per-sample = 20\nstart = 3", "at least sparsity.per-sample"),
            ("per-sample = 20\nstart = nan", "at least sparsity.per-sample"),
            ("lifetime = 0.2\nstart = 1.0\nfalling = 0.0", "sparsity.falling"),
            ("lifetime = 0.2\nper-sample = 2", "takes one of"),
        ] {
            let error = table(text).check().unwrap_err().to_string();
            assert!(error.contains(about), "{text}: {error}");
        }
        assert!(table("per-sample = 20\nstart = 300").check().is_ok());
    }
}

//! What makes no sense in a recipe, whatever the data: values out of range, and tables that contradict each other.

use wta_core::{Shape, Size};

use super::network::InitialRecipe;
use super::preprocess::PreprocessRecipe;
use super::tables::Recipe;
use super::training::OptimizerRecipe;
use crate::error::{Error, Result};
use crate::problem::Problem;

type Checked = std::result::Result<(), Problem>;

/// Refuses the value of a key.
fn refuse(key: &str, sentence: impl Into<String>) -> Checked {
    Err(Problem::of(key, sentence))
}

/// Refuses the value of a key that has to obey a rule: `training.epochs must be at least 1`.
fn must(key: &str, rule: &str) -> Checked {
    refuse(key, format!("{key} must {rule}"))
}

impl Recipe {
    /// `Ok` when all values make sense, alone and together. A recipe from a file or a builder has been checked.
    ///
    /// # Errors
    ///
    /// [`Error::Recipe`] that names the key.
    pub fn check(&self) -> Result<()> {
        self.problem().map_err(|problem| self.wrong(problem.sentence))
    }

    /// [`Error::Recipe`] about this recipe.
    pub(super) fn wrong(&self, problem: String) -> Error {
        Error::Recipe { origin: format!("recipe {}", self.name), line: None, problem }
    }

    /// The first value that makes no sense.
    pub(super) fn problem(&self) -> Checked {
        self.check_stack()?;
        if !(self.data.divide_by.is_finite() && self.data.divide_by > 0.0) {
            return must("data.divide_by", "be more than 0");
        }
        self.data.set.check()?;
        self.preprocess.iter().try_for_each(PreprocessRecipe::check)?;
        self.check_training()?;
        self.sparsity.check()?;
        if let InitialRecipe::Normal(deviation) = self.network.initial()
            && !(deviation.is_finite() && deviation > 0.0)
        {
            return refuse("network.initial", "network.initial's normal must be more than 0");
        }
        if self.starts_from_patches() && !self.network.has_one_free_layer() {
            return refuse(
                "network.initial",
                "network.initial = \"patches\" is for one encoder layer and a decoder that is not tied",
            );
        }
        if self.gibbs().is_some() {
            self.check_rbm()?;
        }
        self.check_svm()
    }

    fn check_stack(&self) -> Checked {
        if self.large.is_some() {
            self.check_large()?;
        }
        let Some(below) = &self.below else { return Ok(()) };
        below.problem().map_err(Problem::below)?;
        if below.data != self.data && self.large.is_none() {
            return refuse(
                "below.data",
                "below has another [data] than this recipe; a stack learns from one data set, unless [large] says how \
                 the layers below are applied to larger images",
            );
        }
        if below.preprocess != self.preprocess {
            return refuse(
                "below.preprocess",
                "below has another [[preprocess]] than this recipe; a stack sees its images once, below",
            );
        }
        Ok(())
    }

    /// The layers below must be such that they can be applied to larger images.
    fn check_large(&self) -> Checked {
        let refuse = |sentence: &str| refuse("large", sentence);
        let Some(below) = &self.below else {
            return refuse("large says how the layers below are applied, but there is no below");
        };
        if below.layers().iter().any(|layer| layer.is_fully_connected()) {
            return refuse("large: only convolutional layers can be applied to larger images");
        }
        if below.layers().iter().any(|layer| layer.large.is_some()) {
            return refuse("large: below has a table [large] of its own; a stack has one");
        }
        if below.data.divide_by != self.data.divide_by {
            return refuse("large: below has another data.divide_by than this recipe");
        }
        Ok(())
    }

    fn check_training(&self) -> Checked {
        if self.training.epochs == 0 {
            return must("training.epochs", "be at least 1");
        }
        if self.training.batch == 0 {
            return must("training.batch", "be at least 1");
        }
        let shares =
            [("corruption.input", self.corruption.input), ("corruption.hidden", self.corruption.hidden)];
        match shares.iter().find(|(_, share)| !(0.0..1.0).contains(share)) {
            Some((key, _)) => must(key, "be at least 0 and less than 1"),
            None => Ok(()),
        }
    }

    fn check_svm(&self) -> Checked {
        if self.svm.c.is_empty() || self.svm.c.iter().any(|c| !(c.is_finite() && *c > 0.0)) {
            return must("svm.c", "list at least one value, each more than 0");
        }
        if !self.svm.c.is_sorted() {
            return must("svm.c", "be in ascending order");
        }
        if !(0.0..=100.0).contains(&self.svm.lower_layers) {
            return must("svm.lower_layers", "lie between 0 and 100");
        }
        if self.svm.lower_layers > 0.0 && self.below.is_none() {
            return refuse("svm.lower_layers", "svm.lower_layers is for stacks, but there is no below");
        }
        if !(self.svm.held_out > 0.0 && self.svm.held_out < 1.0) {
            return must("svm.held_out", "lie between 0 and 1");
        }
        if !(self.svm.gap.is_finite() && self.svm.gap > 0.0) {
            return must("svm.gap", "be more than 0");
        }
        Ok(())
    }

    /// What makes no sense for an RBM; what the core refuses is left to [`Resolved::training`](super::Resolved::training).
    fn check_rbm(&self) -> Checked {
        if Size::from(self.sparsity.grid) != Size::ONE {
            return refuse(
                "sparsity.grid",
                "an RBM has no feature maps to cut into windows: leave sparsity.grid out",
            );
        }
        if !self.preprocess.is_empty() {
            return refuse("preprocess", "an RBM's inputs lie between 0 and 1: leave [[preprocess]] out");
        }
        if self.sparsity.per_sample.is_some() {
            return refuse(
                "sparsity.per-sample",
                "an RBM's winners are taken over the batch: use sparsity.lifetime, not per-sample",
            );
        }
        if self.training.optimizer == OptimizerRecipe::Adam {
            return refuse(
                "training.optimizer",
                "an RBM is trained with training.optimizer = { sgd = { momentum = 0.9 } }, not by Adam",
            );
        }
        if self.data.divide_by < 255.0 {
            return refuse(
                "data.divide_by",
                "an RBM's inputs lie between 0 and 1: data.divide_by must be at least 255",
            );
        }
        if self.below.as_ref().is_some_and(|below| below.gibbs().is_none()) {
            return refuse("below", "an RBM learns from probabilities: below must be an RBM, too");
        }
        if self.features.pool.is_some() {
            return refuse("features.pool", "an RBM has no feature maps to pool: leave features.pool out");
        }
        Ok(())
    }

    /// `Ok` when the preprocessing can be learnt from images of this shape.
    ///
    /// # Errors
    ///
    /// [`Error::Recipe`] that names the step.
    pub fn check_images(&self, image: Shape) -> Result<()> {
        let steps = self.preprocess.iter();
        steps
            .map(|step| step.check_image(image))
            .collect::<Checked>()
            .map_err(|problem| self.wrong(problem.sentence))
    }
}

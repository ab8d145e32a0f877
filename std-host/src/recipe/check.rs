//! What makes no sense in a recipe, whatever the data: values out of range, and tables that contradict each
//! other.

use wta_core::{Shape, Size};

use super::check_dictionary;
use super::features::ThresholdRecipe;
use super::network::{Architecture, InitialRecipe};
use super::signs::Signs;
use super::tables::Recipe;
use super::training::{OptimizerRecipe, ScheduleRecipe};
use crate::error::{Error, Result};
use crate::extent::Extent;
use crate::problem::Problem;

/// A stack of more layers is surely a mistake, and recipes inside recipes must end somewhere.
pub(super) const MOST_LAYERS: usize = 16;

/// More epochs cannot be meant, and their steps could not be counted.
const MOST_EPOCHS: usize = 1_000_000_000;

/// Names are in tables, folders and comments.
const LONGEST_NAME: usize = 200;

type Checked = std::result::Result<(), Problem>;

/// Refuses the value of a key.
fn refuse(key: &str, sentence: impl Into<String>) -> Checked {
    Err(Problem::of(key, sentence))
}

/// Refuses the value of a key that has to obey a rule: `training.epochs must be at least 1`.
fn must(key: &str, rule: &str) -> Checked {
    refuse(key, format!("{key} must {rule}"))
}

/// Refuses a number that is not at least 1.
fn at_least_1(key: &str, number: usize) -> Checked {
    if number == 0 { must(key, "be at least 1") } else { Ok(()) }
}

fn sides_at_least_1(key: &str, extent: Extent) -> Checked {
    let Size { height, width } = extent.into();
    at_least_1(key, height.min(width))
}

impl Recipe {
    /// `Ok` when all values make sense, alone and together. A recipe from a file or a builder has been
    /// checked.
    ///
    /// # Errors
    ///
    /// [`Error::Recipe`] that names the key.
    pub fn check(&self) -> Result<()> {
        self.problem().map_err(|problem| self.wrong(problem.sentence))
    }

    /// [`Error::Recipe`] about this recipe.
    pub(crate) fn wrong(&self, problem: String) -> Error {
        Error::Recipe { origin: format!("recipe {}", self.name), line: None, problem }
    }

    /// The first value that makes no sense.
    pub(super) fn problem(&self) -> Checked {
        if self.depth() > MOST_LAYERS {
            return refuse(
                "below",
                format!("below is nested too deeply: a stack has at most {MOST_LAYERS} layers"),
            );
        }
        if self.name.chars().any(char::is_control) || self.name.len() > LONGEST_NAME {
            return must("name", &format!("be one line of at most {LONGEST_NAME} bytes"));
        }
        if !(self.data.divide_by.is_finite() && self.data.divide_by > 0.0) {
            return must("data.divide_by", "be more than 0");
        }
        self.data.set.check()?;
        let mut steps = self.preprocess.iter().enumerate();
        steps.try_for_each(|(index, step)| step.check(index))?;
        self.check_network()?;
        self.check_training()?;
        self.sparsity.check()?;
        self.check_winners()?;
        check_dictionary::check(self)?;
        if let InitialRecipe::Normal(deviation) = self.network.initial()
            && !(deviation.is_finite() && deviation > 0.0)
        {
            return must("network.initial.normal", "be more than 0");
        }
        if self.starts_from_patches() && self.gibbs().is_some() {
            return refuse(
                "network.initial",
                "network.initial = \"patches\" is for autoencoders: an RBM begins with small random weights",
            );
        }
        self.check_stack()?;
        if self.gibbs().is_some() {
            self.check_rbm()?;
        }
        self.check_pool()?;
        self.check_svm()
    }

    fn check_network(&self) -> Checked {
        match &self.network {
            Architecture::FullyConnected { units, .. } if units.is_empty() => {
                must("network.units", "list at least one value")
            }
            Architecture::Convolutional { encoder, .. } if encoder.is_empty() => {
                must("network.encoder", "list at least one layer")
            }
            Architecture::FullyConnected { units, .. } => {
                let mut units = units.iter().enumerate();
                units.try_for_each(|(index, units)| at_least_1(&format!("network.units.{index}"), *units))
            }
            Architecture::Convolutional { encoder, decoder_kernel, .. } => {
                encoder.iter().enumerate().try_for_each(|(index, layer)| {
                    let key = |key: &str| format!("network.encoder.{index}.{key}");
                    at_least_1(&key("maps"), layer.maps)?;
                    sides_at_least_1(&key("kernel"), layer.kernel)?;
                    sides_at_least_1(&key("stride"), layer.stride)
                })?;
                sides_at_least_1("network.decoder_kernel", *decoder_kernel)
            }
            Architecture::Rbm { hidden, gibbs_steps, .. } => {
                at_least_1("network.hidden", *hidden)?;
                at_least_1("network.gibbs_steps", *gibbs_steps)
            }
        }
    }

    /// The pooling's windows; whether they fit the code is seen when the images are known.
    /// `Ok` unless more units are to win than a fully-connected code has.
    fn check_winners(&self) -> Checked {
        let Architecture::FullyConnected { units, .. } = &self.network else { return Ok(()) };
        let units = units.last().copied().unwrap_or(0);
        let counts = [("per-sample", self.sparsity.per_sample), ("per-batch", self.sparsity.per_batch)];
        let too_many =
            |(key, count): (&'static str, Option<usize>)| Some((key, count.filter(|n| *n > units)?));
        match counts.into_iter().find_map(too_many) {
            Some((key, count)) => {
                let key = format!("sparsity.{key}");
                refuse(&key, format!("{key} is {count}, but a code has {units} units"))
            }
            None => Ok(()),
        }
    }

    fn check_pool(&self) -> Checked {
        let large = self.large.unwrap_or_default();
        let pools = [
            ("features.pool", self.features.pool),
            ("large.pool", large.pool),
            ("svm.lower_pool", self.svm.lower_pool),
        ];
        for (key, pool) in pools {
            if let Some(pool) = pool {
                sides_at_least_1(&format!("{key}.kernel"), pool.kernel)?;
                sides_at_least_1(&format!("{key}.stride"), pool.stride)?;
            }
        }
        large.stride.map_or(Ok(()), |stride| sides_at_least_1("large.stride", stride))
    }

    /// How many layers there are, counted without recursion.
    fn depth(&self) -> usize {
        std::iter::successors(Some(self), |recipe| recipe.below.as_deref()).take(MOST_LAYERS + 1).count()
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
        let held_out = self.training.held_out;
        if held_out.is_some_and(|held_out| !(held_out > 0.0 && (held_out < 1.0 || held_out.fract() == 0.0))) {
            return must("training.held_out", "be a share between 0 and 1, or a whole number of samples");
        }
        if self.training.patience == Some(0) {
            return must("training.patience", "be at least 1");
        }
        if self.training.patience.is_some() && held_out.is_none() {
            return refuse(
                "training.patience",
                "training.patience needs training.held_out: samples to judge by",
            );
        }
        if self.training.revive && self.gibbs().is_some() {
            return refuse(
                "training.revive",
                "training.revive is for autoencoders: leave it out of an RBM's recipe",
            );
        }
        if self.training.epochs > MOST_EPOCHS {
            return must("training.epochs", &format!("be at most {MOST_EPOCHS}"));
        }
        if self.training.batch == 0 {
            return must("training.batch", "be at least 1");
        }
        self.check_clipping()?;
        let shares =
            [("corruption.input", self.corruption.input), ("corruption.hidden", self.corruption.hidden)];
        if let Some((key, _)) = shares.iter().find(|(_, share)| !(0.0..1.0).contains(share)) {
            return must(key, "be at least 0 and less than 1");
        }
        self.check_optimizer()
    }

    fn check_clipping(&self) -> Checked {
        let training = &self.training;
        if training.clip_gradient.is_some_and(|norm| !(norm > 0.0 && norm <= 1e17)) {
            return must("training.clip_gradient", "be more than 0 and at most 1e17");
        }
        if training
            .clip_inputs
            .is_some_and(|[low, high]| !(low < high && low.is_finite() && high.is_finite()))
        {
            return must("training.clip_inputs", "be two finite numbers, the first less than the second");
        }
        if training.limit_inputs.is_some_and(|limit| !(limit > 0.0 && limit.is_finite())) {
            return must("training.limit_inputs", "be more than 0 and finite");
        }
        Ok(())
    }

    fn check_optimizer(&self) -> Checked {
        let training = &self.training;
        if !(training.rate > 0.0 && training.rate <= 1e6) {
            return must("training.rate", "be more than 0 and at most 1000000");
        }
        if !(0.0..=1e6).contains(&training.decay) {
            return must("training.decay", "lie between 0 and 1000000");
        }
        if training.decay * training.rate > 1.0 {
            return must("training.decay", "be at most 1 after it is multiplied by training.rate");
        }
        match training.optimizer {
            OptimizerRecipe::Sgd { momentum } if !(0.0..1.0).contains(&momentum) => {
                return must("training.optimizer.sgd.momentum", "be at least 0 and less than 1");
            }
            OptimizerRecipe::Sgd { .. } | OptimizerRecipe::Adam => {}
        }
        match training.schedule {
            ScheduleRecipe::Step { at, .. } if !(0.0..=1.0).contains(&at) => {
                must("training.schedule.step.at", "lie between 0 and 1")
            }
            ScheduleRecipe::Step { factor, .. } if !(factor > 0.0 && factor <= 1.0) => {
                must("training.schedule.step.factor", "be more than 0 and at most 1")
            }
            ScheduleRecipe::Ramps { rise, fall } if !(rise >= 0.0 && fall >= 0.0 && rise + fall <= 1.0) => {
                must("training.schedule.ramps", "be shares of all steps, together at most 1")
            }
            ScheduleRecipe::Step { .. }
            | ScheduleRecipe::Ramps { .. }
            | ScheduleRecipe::Linear
            | ScheduleRecipe::Constant => Ok(()),
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
        if self.svm.lower_pool.is_some() && self.svm.lower_layers == 0.0 {
            return refuse(
                "svm.lower_pool",
                "svm.lower_pool is for the features of the layers below: set svm.lower_layers, too",
            );
        }
        if !(self.svm.held_out > 0.0 && self.svm.held_out < 1.0) {
            return must("svm.held_out", "be more than 0 and less than 1");
        }
        if !(self.svm.gap.is_finite() && self.svm.gap > 0.0) {
            return must("svm.gap", "be more than 0");
        }
        Ok(())
    }

    /// What makes no sense for an RBM; what the core refuses is left to
    /// [`Resolved::training`](super::Resolved::training).
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
        if self.sparsity.competes() {
            let key = if self.sparsity.per_sample.is_some() { "per-sample" } else { "per-batch" };
            let sentence = format!("an RBM's winners are each unit's own: use sparsity.lifetime, not {key}");
            return refuse(&format!("sparsity.{key}"), sentence);
        }
        if self.training.optimizer == OptimizerRecipe::Adam {
            return refuse(
                "training.optimizer",
                "an RBM is trained with training.optimizer = { sgd = { momentum = 0.9 } }, not by Adam",
            );
        }
        if self.data.set.holds_bytes() && self.data.divide_by < 255.0 {
            return refuse(
                "data.divide_by",
                "an RBM's inputs lie between 0 and 1: data.divide_by must be at least 255",
            );
        }
        if self.below.as_ref().is_some_and(|below| below.gibbs().is_none()) {
            return refuse("below", "an RBM learns from probabilities: below must be an RBM, too");
        }
        for (key, is_set) in [
            ("features.signs", self.features.signs != Signs::Positive),
            ("features.threshold", self.features.threshold != ThresholdRecipe::None),
        ] {
            if is_set {
                return refuse(key, format!("an RBM's features are probabilities: leave {key} out"));
            }
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
        let mut steps = self.preprocess.iter().enumerate();
        steps
            .try_for_each(|(index, step)| step.check_image(index, image))
            .map_err(|problem| self.wrong(problem.sentence))
    }
}

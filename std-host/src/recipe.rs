//! Recipes: a TOML file that says everything about an experiment.
//!
//! The paper's experiments are compiled into the program ([`all`]); a file of one's own is loaded by its path.
//!
//! A stacked autoencoder is a recipe with another one `below`: that one is trained first and on its own, and its features
//! (the dense code, pooled as its `[features]` say) are what this one learns from. Any depth, of either kind.

mod below;
mod large;
mod preprocess;
mod sparsity;

use std::path::Path;

use serde::{Deserialize, Serialize};
use wta_core::{
    Conv, Corruption, Gibbs, Initial, Method, Network, Optimizer, Pool, PoolKind, Schedule, Shape, Size,
    Training, training_len,
};

pub use large::Large;
pub use preprocess::PreprocessRecipe;
pub use sparsity::SparsityRecipe;

use crate::data::Kind;
use crate::error::{Error, Result};

/// The recipes compiled into the program: name and TOML.
const BUILT_IN: &[(&str, &str)] = &[
    ("digits-demo", include_str!("../recipes/digits-demo.toml")),
    ("mnist-fc1000", include_str!("../recipes/mnist-fc1000.toml")),
    ("mnist-fc2000", include_str!("../recipes/mnist-fc2000.toml")),
    ("mnist-fc-stacked", include_str!("../recipes/mnist-fc-stacked.toml")),
    ("mnist-dropout-ae", include_str!("../recipes/mnist-dropout-ae.toml")),
    ("mnist-ksparse", include_str!("../recipes/mnist-ksparse.toml")),
    ("mnist-rbm", include_str!("../recipes/mnist-rbm.toml")),
    ("mnist-wta-rbm", include_str!("../recipes/mnist-wta-rbm.toml")),
    ("mnist-conv16", include_str!("../recipes/mnist-conv16.toml")),
    ("mnist-conv-dropout", include_str!("../recipes/mnist-conv-dropout.toml")),
    ("mnist-conv64x3", include_str!("../recipes/mnist-conv64x3.toml")),
    ("mnist-conv128", include_str!("../recipes/mnist-conv128.toml")),
    ("mnist-conv-stacked", include_str!("../recipes/mnist-conv-stacked.toml")),
    ("mnist-conv16-stacked", include_str!("../recipes/mnist-conv16-stacked.toml")),
    ("cifar10-conv64", include_str!("../recipes/cifar10-conv64.toml")),
    ("cifar10-conv256", include_str!("../recipes/cifar10-conv256.toml")),
    ("cifar10-stacked", include_str!("../recipes/cifar10-stacked.toml")),
    ("cifar10-deep", include_str!("../recipes/cifar10-deep.toml")),
    ("svhn-conv256", include_str!("../recipes/svhn-conv256.toml")),
    ("svhn-stacked", include_str!("../recipes/svhn-stacked.toml")),
    ("faces-conv64", include_str!("../recipes/faces-conv64.toml")),
    ("faces-fc256", include_str!("../recipes/faces-fc256.toml")),
    ("natural-conv64", include_str!("../recipes/natural-conv64.toml")),
    ("natural-stacked", include_str!("../recipes/natural-stacked.toml")),
];

/// More than this for one step is surely a mistake in a recipe, and would be the machine's end.
const MEMORY_LIMIT: usize = 64 << 30;

/// Everything about an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// A short name.
    pub name: String,
    /// One line for a person.
    pub about: String,
    /// What it learns from.
    pub data: Data,
    /// What is done to the images before the network sees them, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preprocess: Vec<PreprocessRecipe>,
    /// The autoencoder.
    pub network: Architecture,
    /// How sparse the code is in training.
    pub sparsity: SparsityRecipe,
    /// What training hides from the network.
    #[serde(default, skip_serializing_if = "CorruptionRecipe::is_none")]
    pub corruption: CorruptionRecipe,
    /// How it is trained.
    pub training: TrainingRecipe,
    /// The representation for the classifier.
    #[serde(default)]
    pub features: Features,
    /// The classifier.
    #[serde(default)]
    pub svm: SvmRecipe,
    /// The layer below in a stacked autoencoder: in TOML, a recipe's name or a whole recipe.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "below::deserialize")]
    pub below: Option<Box<Recipe>>,
    /// How the layers below, which learnt from patches, are applied to this recipe's larger images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub large: Option<Large>,
}

/// The data set and its preprocessing: one table, in TOML.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "toml::Table")]
pub struct Data {
    /// Pixels are divided by this; unless told, 255, and arrays by 1.
    pub divide_by: f32,
    /// Which set, and what it needs to be told.
    #[serde(flatten)]
    pub set: Kind,
}

impl TryFrom<toml::Table> for Data {
    type Error = String;

    fn try_from(mut table: toml::Table) -> std::result::Result<Self, String> {
        let said = |error: toml::de::Error| error.message().replace('\n', " ");
        let divide_by = table.remove("divide_by").map(toml::Value::try_into).transpose().map_err(said)?;
        let keys: Vec<String> = table.keys().filter(|key| *key != "set").cloned().collect();
        let set: Kind = table.try_into().map_err(said)?;
        // Serde lets any key pass beside the name of a variant that has none.
        match keys.first() {
            Some(key) if !set.has_keys() => {
                Err(format!("data has a key {key}, which this set does not know"))
            }
            _ => {
                set.check()?;
                Ok(Self { divide_by: divide_by.unwrap_or(set.divisor()), set })
            }
        }
    }
}

/// One number for both directions, or `[rows, columns]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Extent {
    /// Square.
    Square(usize),
    /// Rows and columns.
    Rectangle([usize; 2]),
}

impl From<Extent> for Size {
    fn from(extent: Extent) -> Self {
        match extent {
            Extent::Square(side) => Self::square(side),
            Extent::Rectangle([height, width]) => Self::new(height, width),
        }
    }
}

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

    fn initial(&self) -> InitialRecipe {
        match self {
            Self::FullyConnected { initial, .. }
            | Self::Convolutional { initial, .. }
            | Self::Rbm { initial, .. } => *initial,
        }
    }

    /// Whether filters and atoms face the same image, and may differ.
    fn has_one_free_layer(&self) -> bool {
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

/// What training hides from the network: of a denoising autoencoder a part of the image, of one with dropout a part of
/// the code. It is drawn by the seed of `[training]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorruptionRecipe {
    /// The share of the image's numbers that is set to 0 before encoding.
    pub input: f32,
    /// The share of the selected units of the code that is dropped.
    pub hidden: f32,
}

impl CorruptionRecipe {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// How it is trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRecipe {
    /// Times that every image is seen.
    pub epochs: usize,
    /// Images per step.
    pub batch: usize,
    /// The method.
    pub optimizer: OptimizerRecipe,
    /// Learning rate.
    pub rate: f32,
    /// How the rate changes.
    #[serde(default = "TrainingRecipe::default_schedule")]
    pub schedule: ScheduleRecipe,
    /// Weight decay.
    #[serde(default)]
    pub decay: f32,
    /// For the initial weights and the order of the images.
    #[serde(default = "TrainingRecipe::default_seed")]
    pub seed: u64,
}

impl TrainingRecipe {
    fn default_schedule() -> ScheduleRecipe {
        ScheduleRecipe::Constant
    }

    fn default_seed() -> u64 {
        1
    }
}

/// `"adam"` or `{ sgd = { momentum = 0.9 } }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum OptimizerRecipe {
    /// Adam with its usual constants.
    Adam,
    /// SGD with momentum.
    Sgd {
        /// Momentum.
        momentum: f32,
    },
}

/// `"constant"`, `"linear"` or `{ step = { at = 0.7, factor = 0.1 } }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum ScheduleRecipe {
    /// No change.
    Constant,
    /// Linearly to 0.
    Linear,
    /// One step down.
    Step {
        /// At which share of all steps.
        at: f32,
        /// Times what.
        factor: f32,
    },
}

/// The representation, for the classifier and for a layer above: the dense code, pooled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Features {
    /// Pool the square roots of the activations: what a map sees strongly then counts less, and what it sees weakly more,
    /// which suits a linear classifier.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub root: bool,
    /// Pooling; none for fully-connected codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolRecipe>,
}

/// Pooling, of the largest in a window or of the mean.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolRecipe {
    /// Windows.
    pub kernel: Extent,
    /// From one to the next.
    pub stride: Extent,
    /// Leave out the windows that the border cuts: 56 x 56 with 3/2 gives 27 x 27, and not 28 x 28.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
    /// The mean of a window, and not the largest as in the paper.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub average: bool,
}

impl PoolRecipe {
    /// No pooling.
    pub const NONE: Self =
        Self { kernel: Extent::Square(1), stride: Extent::Square(1), whole: false, average: false };

    /// The pooling; of its windows, those that the border cuts may have to be left out.
    pub fn pool(self) -> Pool {
        let kind = if self.average { PoolKind::Average } else { PoolKind::Max };
        Pool { kernel: self.kernel.into(), stride: self.stride.into(), kind }
    }

    /// The shape after pooling.
    fn output(self, code: Shape) -> Shape {
        let (pool, all) = (self.pool(), self.pool().output(code));
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

/// `--pool 11/6`: the windows' side and the way from one to the next; `11/6,average` takes the mean of each, `11/6,whole`
/// leaves out those that the border cuts, `none` is no pooling.
///
/// # Errors
///
/// One sentence when it is neither.
pub fn parse_pool(text: &str) -> Result<Option<PoolRecipe>> {
    if text == "none" {
        return Ok(None);
    }
    let mut parts = text.split(',');
    let sides = parts.next().unwrap_or_default();
    let (mut whole, mut average) = (false, false);
    let known = parts.all(|option| match option {
        "whole" => !std::mem::replace(&mut whole, true),
        "average" => !std::mem::replace(&mut average, true),
        _ => false,
    });
    let sides = sides
        .split_once('/')
        .and_then(|(kernel, stride)| Some((kernel.parse::<usize>().ok()?, stride.parse::<usize>().ok()?)));
    match sides {
        Some((kernel, stride)) if known && kernel > 0 && stride > 0 => {
            let (kernel, stride) = (Extent::Square(kernel), Extent::Square(stride));
            Ok(Some(PoolRecipe { kernel, stride, whole, average }))
        }
        _ => Err(Error::Invalid(format!(
            "--pool {text}: give the side of the windows and the stride, as in 11/6, or 11/6,average, or 11/6,whole, or none"
        ))),
    }
}

/// The linear SVM. Features are scaled by one constant, to a norm of 1 on the average.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SvmRecipe {
    /// Values of C to choose from on held-out training data, ascending.
    pub c: Vec<f64>,
    /// Of a stack: classify by the features of the layers below, too, side by side with the last one's, and give each
    /// layer's this norm, as a multiple of that of the layer above; 0 leaves them out.
    #[serde(skip_serializing_if = "is_zero")]
    pub lower_layers: f32,
    /// The share of the training data held out to choose C.
    pub held_out: f64,
    /// The final fit stops when its objective is proven to be within this share of the minimum (the duality gap).
    pub gap: f64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as Serde calls it")]
fn is_zero(number: &f32) -> bool {
    *number == 0.0
}

impl Default for SvmRecipe {
    fn default() -> Self {
        Self { c: vec![0.1, 0.3, 1.0, 3.0, 10.0, 30.0], lower_layers: 0.0, held_out: 1.0 / 6.0, gap: 1e-3 }
    }
}

/// The compiled-in recipes.
///
/// # Errors
///
/// None in a tested build: each is parsed in the tests.
pub fn all() -> Result<Vec<Recipe>> {
    BUILT_IN.iter().map(|(name, text)| parse(text, &format!("recipe {name}"))).collect()
}

/// The TOML of a compiled-in recipe, with its comments.
pub fn text(name: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// A compiled-in recipe by its name, or a file by its path.
///
/// # Errors
///
/// One sentence when there is no such recipe or file, or what is wrong in it.
pub fn load(name_or_path: &str) -> Result<Recipe> {
    if let Some(text) = text(name_or_path) {
        return parse(text, &format!("recipe {name_or_path}"));
    }
    let path = Path::new(name_or_path);
    if !path.exists() {
        let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        return Err(Error::Invalid(format!(
            "there is no recipe and no file {name_or_path}; the recipes are {}",
            names.join(", ")
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    parse(&text, &path.display().to_string())
}

/// Parses a recipe; `origin` names it in errors.
///
/// # Errors
///
/// One sentence that names the key.
pub fn parse(text: &str, origin: &str) -> Result<Recipe> {
    let recipe: Recipe = toml::from_str(text).map_err(|error| {
        let line =
            error.span().map_or(0, |span| text.get(..span.start).map_or(0, |t| t.lines().count().max(1)));
        let message = error.message().replace('\n', " ");
        Error::Invalid(if line > 0 {
            format!("{origin}, line {line}: {message}")
        } else {
            format!("{origin}: {message}")
        })
    })?;
    recipe.check().map_err(|error| Error::Invalid(format!("{origin}: {error}")))?;
    Ok(recipe)
}

/// About the bytes that a training step needs on the host.
pub(crate) fn step_bytes(network: &Network, training: &Training) -> usize {
    let len = training_len(network, &training.sparsity, &training.optimizer.method, 1);
    let winners = 3 * training.sparsity.winners_len(network);
    let per_image = 4 * (network.inputs_len() + network.residual_len() + network.deltas_len().1 + winners);
    len.bytes().saturating_add(per_image.saturating_mul(training.batch))
}

/// `Ok` unless a training step needs more memory than can be meant; `who` begins the error's sentence.
pub(crate) fn expect_memory(who: &str, network: &Network, training: &Training) -> Result<()> {
    if step_bytes(network, training) <= MEMORY_LIMIT {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "{who}: one training step would need more than {} GiB; use fewer maps or a smaller batch",
        MEMORY_LIMIT >> 30
    )))
}

impl Recipe {
    fn check(&self) -> Result<()> {
        let invalid = |what: &str| Err(Error::Invalid(what.to_owned()));
        if let Some(large) = &self.large {
            large.check(self)?;
        }
        if let Some(below) = &self.below {
            below.check().map_err(|error| Error::Invalid(format!("below: {error}")))?;
            if below.data != self.data && self.large.is_none() {
                return invalid(
                    "below has another [data] than this recipe; a stack learns from one data set, unless [large] says how \
                     the layers below are applied to larger images",
                );
            }
            if below.preprocess != self.preprocess {
                return invalid(
                    "below has another [[preprocess]] than this recipe; a stack sees its images once, below",
                );
            }
        }
        if !(self.data.divide_by.is_finite() && self.data.divide_by > 0.0) {
            return invalid("data.divide_by must be more than 0");
        }
        self.preprocess.iter().try_for_each(PreprocessRecipe::check)?;
        if self.training.epochs == 0 {
            return invalid("training.epochs must be at least 1");
        }
        if self.training.batch == 0 {
            return invalid("training.batch must be at least 1");
        }
        self.sparsity.check()?;
        let shares = [("input", self.corruption.input), ("hidden", self.corruption.hidden)];
        if let Some((name, _)) = shares.iter().find(|(_, share)| !(0.0..1.0).contains(share)) {
            return invalid(&format!("corruption.{name} must be at least 0 and less than 1"));
        }
        if let InitialRecipe::Normal(deviation) = self.network.initial()
            && !(deviation.is_finite() && deviation > 0.0)
        {
            return invalid("network.initial's normal must be more than 0");
        }
        if self.starts_from_patches() && !self.network.has_one_free_layer() {
            return invalid(
                "network.initial = \"patches\" is for one encoder layer and a decoder that is not tied",
            );
        }
        if self.gibbs().is_some() {
            self.check_rbm()?;
        }
        if self.svm.c.is_empty() || self.svm.c.iter().any(|c| !(c.is_finite() && *c > 0.0)) {
            return invalid("svm.c must list at least one value, each more than 0");
        }
        if !self.svm.c.is_sorted() {
            return invalid("svm.c must be in ascending order");
        }
        if !(0.0..=100.0).contains(&self.svm.lower_layers) {
            return invalid("svm.lower_layers must lie between 0 and 100");
        }
        if self.svm.lower_layers > 0.0 && self.below.is_none() {
            return invalid("svm.lower_layers is for stacks, but there is no below");
        }
        if !(self.svm.held_out > 0.0 && self.svm.held_out < 1.0) {
            return invalid("svm.held_out must lie between 0 and 1");
        }
        if !(self.svm.gap.is_finite() && self.svm.gap > 0.0) {
            return invalid("svm.gap must be more than 0");
        }
        Ok(())
    }

    /// What makes no sense for an RBM; what the core refuses is left to [`Recipe::training`].
    fn check_rbm(&self) -> Result<()> {
        let invalid = |what: &str| Err(Error::Invalid(what.to_owned()));
        if Size::from(self.sparsity.grid) != Size::ONE {
            return invalid("an RBM has no feature maps to cut into windows: leave sparsity.grid out");
        }
        if !self.preprocess.is_empty() {
            return invalid("an RBM's inputs lie between 0 and 1: leave [[preprocess]] out");
        }
        if self.sparsity.per_sample.is_some() {
            return invalid(
                "an RBM's winners are taken over the batch: use sparsity.lifetime, not per-sample",
            );
        }
        if self.training.optimizer == OptimizerRecipe::Adam {
            return invalid(
                "an RBM is trained with training.optimizer = { sgd = { momentum = 0.9 } }, not by Adam",
            );
        }
        if self.data.divide_by < 255.0 {
            return invalid("an RBM's inputs lie between 0 and 1: data.divide_by must be at least 255");
        }
        if self.below.as_ref().is_some_and(|below| below.gibbs().is_none()) {
            return invalid("an RBM learns from probabilities: below must be an RBM, too");
        }
        if self.features.pool.is_some() {
            return invalid("an RBM has no feature maps to pool: leave features.pool out");
        }
        Ok(())
    }

    /// How an RBM's Markov chain is run; none for autoencoders.
    pub fn gibbs(&self) -> Option<Gibbs> {
        match self.network {
            Architecture::Rbm { gibbs_steps, .. } => {
                Some(Gibbs { steps: gibbs_steps, seed: self.training.seed })
            }
            Architecture::FullyConnected { .. } | Architecture::Convolutional { .. } => None,
        }
    }

    /// The recipes of a stack from the lowest layer up; of one that is not stacked, itself.
    pub fn layers(&self) -> Vec<&Self> {
        let mut layers = self.below.as_ref().map_or(Vec::new(), |below| below.layers());
        layers.push(self);
        layers
    }

    /// Whether training makes the same of both: only features and classifier may differ, which are for what is trained
    /// already.
    pub(crate) fn trains_like(&self, other: &Self) -> bool {
        let (features, svm) = (other.features, other.svm.clone());
        Self { name: other.name.clone(), about: other.about.clone(), features, svm, ..self.clone() } == *other
    }

    /// Whether preprocessing learns the same for both.
    pub(crate) fn preprocesses_like(&self, other: &Self) -> bool {
        // The seed draws the images to learn from.
        self.data == other.data
            && self.preprocess == other.preprocess
            && self.training.seed == other.training.seed
    }

    /// Whether the network takes plain vectors, and not maps.
    pub fn is_fully_connected(&self) -> bool {
        matches!(self.network, Architecture::FullyConnected { .. } | Architecture::Rbm { .. })
    }

    /// Sets the seed, of all layers of a stack.
    pub fn set_seed(&mut self, seed: u64) {
        self.training.seed = seed;
        if let Some(below) = &mut self.below {
            below.set_seed(seed);
        }
    }

    /// Sets the epochs, of all layers of a stack.
    pub fn set_epochs(&mut self, epochs: usize) {
        self.training.epochs = epochs;
        if let Some(below) = &mut self.below {
            below.set_epochs(epochs);
        }
    }

    /// The shape of the features of images of this shape.
    ///
    /// # Errors
    ///
    /// As for [`Recipe::network`].
    pub fn features_shape(&self, image: Shape) -> Result<Shape> {
        Ok(self.pooled(self.network(image)?.code()))
    }

    /// The shape of a code of this shape after pooling.
    pub fn pooled(&self, code: Shape) -> Shape {
        self.features.pool.map_or(code, |pool| pool.output(code))
    }

    /// `Ok` when the preprocessing can be learnt from images of this shape.
    ///
    /// # Errors
    ///
    /// One sentence that names the step.
    pub fn check_images(&self, image: Shape) -> Result<()> {
        self.preprocess.iter().try_for_each(|step| {
            step.check_image(image).map_err(|error| Error::Invalid(format!("recipe {}, {error}", self.name)))
        })
    }

    /// The network for images of this shape; of a stack, the last layer's, whose input are the features below.
    ///
    /// # Errors
    ///
    /// What the core refuses, with the recipe's part named.
    pub fn network(&self, image: Shape) -> Result<Network> {
        let named =
            |error: wta_core::Error| Error::Invalid(format!("recipe {}, network: {error}", self.name));
        let image = match self.below_applied() {
            Some(below) => below.features_shape(image)?,
            None => image,
        };
        let (network, tied) = match &self.network {
            Architecture::FullyConnected { units, tied, .. } => {
                (Network::fully_connected(image.len(), units).map_err(named)?, *tied)
            }
            Architecture::Rbm { hidden, .. } => {
                (Network::fully_connected(image.len(), &[*hidden]).map_err(named)?, true)
            }
            Architecture::Convolutional { encoder, decoder_kernel, tied, .. } => {
                let layers: Vec<Conv> =
                    encoder.iter().map(|l| Conv::strided(l.maps, l.kernel.into(), l.stride.into())).collect();
                (Network::convolutional(image, &layers, (*decoder_kernel).into()).map_err(named)?, *tied)
            }
        };
        let network = if tied { network.tied().map_err(named)? } else { network };
        self.pool()
            .check(network.code())
            .map_err(|error| Error::Invalid(format!("recipe {}, features: {error}", self.name)))?;
        Ok(network)
    }

    /// Whether the initial filters are patches of the training samples.
    pub fn starts_from_patches(&self) -> bool {
        self.network.initial() == InitialRecipe::Patches
    }

    /// The distribution of the random initial weights; of those that patches do not replace, He's.
    pub fn initial(&self) -> Initial {
        match self.network.initial() {
            InitialRecipe::He | InitialRecipe::Patches => Initial::He,
            InitialRecipe::Normal(deviation) => Initial::Normal(deviation),
        }
    }

    /// The training settings for a data set of `images` images.
    ///
    /// # Errors
    ///
    /// One sentence that names the field, or when the batch is larger than the data set.
    pub fn training(&self, network: &Network, images: usize) -> Result<Training> {
        let t = &self.training;
        if t.batch > images {
            return Err(Error::Invalid(format!(
                "recipe {}: training.batch is {}, but the data set has only {images} images",
                self.name, t.batch
            )));
        }
        let sparsity = self.sparsity.at_end();
        let optimizer = Optimizer {
            method: match t.optimizer {
                OptimizerRecipe::Adam => Method::ADAM,
                OptimizerRecipe::Sgd { momentum } => Method::Sgd { momentum },
            },
            rate: t.rate,
            schedule: match t.schedule {
                ScheduleRecipe::Constant => Schedule::Constant,
                ScheduleRecipe::Linear => Schedule::Linear,
                ScheduleRecipe::Step { at, factor } => Schedule::Step { at, factor },
            },
            decay: t.decay,
        };
        let named = |part: &str, error| Error::Invalid(format!("recipe {}, {part}: {error}", self.name));
        sparsity.check(network).map_err(|error| named("sparsity", error))?;
        optimizer.check().map_err(|error| named("training", error))?;
        let CorruptionRecipe { input, hidden } = self.corruption;
        let corruption = Corruption { input, hidden, seed: t.seed };
        let training = Training { sparsity, corruption, optimizer, batch: t.batch, steps: 0 };
        if let Some(gibbs) = self.gibbs() {
            gibbs.check(network, &training).map_err(|error| named("network", error))?;
        }
        expect_memory(&format!("recipe {}", self.name), network, &training)?;
        let steps = (images / t.batch) as u64 * t.epochs as u64;
        Ok(Training { steps, ..training })
    }

    /// The pooling of the dense code.
    pub fn pool(&self) -> Pool {
        self.features.pool.map_or(Pool::NONE, PoolRecipe::pool)
    }

    /// The recipe as TOML.
    ///
    /// # Errors
    ///
    /// None for a recipe that was parsed.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::Invalid(format!("recipe {}: {error}", self.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo_with(from: &str, to: &str) -> String {
        let text = text("digits-demo").unwrap();
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    }

    #[test]
    fn every_built_in_recipe_is_sound_and_survives_a_round_trip() {
        for ((name, _), recipe) in BUILT_IN.iter().zip(all().unwrap()) {
            assert_eq!(recipe.name, *name);
            let network = recipe.network(recipe.data.set.image_shape().unwrap()).unwrap();
            recipe.training(&network, 1_000).unwrap();
            assert_eq!(parse(&recipe.to_toml().unwrap(), "again").unwrap(), recipe);
        }
    }

    #[test]
    fn pooling_is_written_as_windows_and_stride() {
        assert_eq!(parse_pool("none").unwrap(), None);
        let pool = |text: &str| parse_pool(text).unwrap().unwrap();
        assert_eq!(
            (pool("11/6").pool(), pool("11/6,whole").pool()),
            (Pool::square(11, 6), Pool::square(11, 6))
        );
        assert_eq!(pool("11/6,average").pool(), Pool::square(11, 6).average());
        let both = pool("11/6,average,whole");
        assert!(both == pool("11/6,whole,average") && both.whole && both.average);
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
            "11/6,whole,whole",
        ] {
            assert!(parse_pool(wrong).unwrap_err().to_string().contains("as in 11/6"), "{wrong}");
        }
    }

    #[test]
    fn unknown_keys_and_senseless_values_are_named() {
        let error = parse(&demo_with("epochs", "epoch"), "r").unwrap_err().to_string();
        assert!(error.contains("epoch") && error.contains("line"), "{error}");
        let network =
            |text: &str| parse(text, "r").and_then(|r| r.network(Shape::new(1, 28, 28)).map(|n| (r, n)));
        let error =
            network(&demo_with("decoder_kernel = 11", "decoder_kernel = 29")).unwrap_err().to_string();
        assert!(error.contains("kernel is larger"), "{error}");
        let (recipe, made) = network(&demo_with("rate = ", "rate = -")).unwrap();
        let error = recipe.training(&made, 1_000).unwrap_err().to_string();
        assert!(error.contains("learning rate"), "{error}");
        let (recipe, made) = network(&demo_with("[sparsity]", "[sparsity]\nper-sample = 0")).unwrap();
        assert!(recipe.training(&made, 1_000).unwrap_err().to_string().contains("at least 1"));
        for wrong in ["input = 1", "hidden = -0.5", "hidden = nan", "input = 0.2\nnoise = 1"] {
            let table = format!("[corruption]\n{wrong}\n[sparsity]");
            let error = parse(&demo_with("[sparsity]", &table), "r").unwrap_err().to_string();
            let name = wrong.split([' ', '\n']).find(|word| error.contains(*word) && word.len() > 4);
            assert!(name.is_some(), "{wrong}: {error}");
        }
        for (wrong, sentence) in
            [("-0.1", "between 0 and 100"), ("nan", "between 0 and 100"), ("0.5", "is for stacks")]
        {
            let table = format!("[svm]\nlower_layers = {wrong}");
            let error = parse(&demo_with("[svm]", &table), "r").unwrap_err().to_string();
            assert!(error.contains("svm.lower_layers") && error.contains(sentence), "{wrong}: {error}");
        }
        let patches = text("cifar10-stacked").unwrap();
        assert!(network(patches).unwrap().0.starts_from_patches());
        let sentence = "initial = \"patches\" is for one encoder layer";
        for (from, to) in
            [("[network]\n", "[network]\ntied = true\n"), ("}]", "}, { maps = 4, kernel = 3 }]")]
        {
            assert!(patches.contains(from), "{from}");
            let error = parse(&patches.replacen(from, to, 1), "r").unwrap_err().to_string();
            assert!(error.contains(sentence), "{from}: {error}");
        }
        let rbm = text("mnist-rbm").unwrap().replace("initial = { normal = 0.01 }", "initial = \"patches\"");
        assert!(parse(&rbm, "r").unwrap_err().to_string().contains(sentence));
        let (recipe, made) = network(text("digits-demo").unwrap()).unwrap();
        assert!(recipe.training(&made, 3).unwrap_err().to_string().contains("only 3 images"));
    }

    #[test]
    fn data_sets_have_their_own_keys_and_no_others() {
        let data = |text: &str| {
            parse(&demo_with("[data]\nset = \"digits\"", &format!("[data]\n{text}")), "r")
                .map(|recipe| recipe.data)
        };
        let set = |text: &str| data(text).unwrap().set;
        assert_eq!(set("set = 'cifar10'"), Kind::Cifar10);
        assert_eq!(set("set = 'svhn'"), Kind::Svhn { extra: false });
        assert_eq!(set("set = 'svhn'\nextra = true"), Kind::Svhn { extra: true });
        assert_eq!(data("set = 'cifar10'\ndivide_by = 1").unwrap().divide_by, 1.0);
        assert_eq!(data("set = 'array'\ntrain = 'x.npy'").unwrap().divide_by, 1.0);
        let images = data("set = 'images'\nfolder = 'faces'\nsize = [48, 32]\ncolour = false").unwrap();
        assert_eq!((images.set.image_shape(), images.divide_by), (Some(Shape::new(1, 48, 32)), 255.0));
        for (wrong, expected) in [
            ("set = 'cifar10'\nextra = true", "extra"),
            ("set = 'svhn'\nfolder = 'x'", "folder"),
            ("set = 'images'\nfolder = 'x'\nsize = 8\ntrain = 'y'", "train"),
            ("set = 'images'\nfolder = 'x'\nsize = 0", "data.size"),
            ("set = 'images'\nfolder = 'x'", "size"),
            ("set = 'array'\ntrain = 'x.npy'\nextra = true", "extra"),
            ("set = 'cifar'", "cifar"),
            ("divide_by = 2", "set"),
        ] {
            let sentence = data(wrong).unwrap_err().to_string();
            assert!(sentence.contains(expected) && !sentence.contains('\n'), "{wrong}: {sentence}");
        }
    }
}

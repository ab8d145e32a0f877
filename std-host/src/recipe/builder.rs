//! A recipe made in code, with the names and the defaults of the TOML file.

use super::apply_to::ApplyTo;
use super::data::Data;
use super::dictionary::DictionaryRecipe;
use super::features::{Features, PoolRecipe, ThresholdRecipe};
use super::network::{Architecture, InitialRecipe, LayerRecipe};
use super::preprocess::PreprocessRecipe;
use super::signs::Signs;
use super::sparsity::SparsityRecipe;
use super::svm::SvmRecipe;
use super::tables::Recipe;
use super::training::{BadSamplesRecipe, CorruptionRecipe, OptimizerRecipe, ScheduleRecipe, TrainingRecipe};
use crate::data::DataSource;
use crate::error::{Error, Result};
use crate::extent::Extent;

/// Makes a [`Recipe`]; see [`Recipe::builder`].
#[derive(Clone, Debug)]
pub struct RecipeBuilder {
    name: String,
    about: String,
    source: DataSource,
    divide_by: Option<f32>,
    preprocess: Vec<PreprocessRecipe>,
    network: Option<Architecture>,
    initial: InitialRecipe,
    tied: bool,
    sparsity: SparsityRecipe,
    corruption: CorruptionRecipe,
    dictionary: DictionaryRecipe,
    training: TrainingRecipe,
    features: Features,
    svm: SvmRecipe,
    below: Option<Recipe>,
    large: Option<ApplyTo>,
}

impl Recipe {
    /// Begins a recipe in code. Unless told, it learns from images that the program hands over
    /// ([`DataSource::Memory`]), for 10 epochs in batches of 100 by Adam at a rate of 1e-3 that stays, with
    /// one winner for each map and image, from He's weights and the seed 1.
    ///
    /// ```
    /// use wta::Recipe;
    ///
    /// let recipe = Recipe::builder("strokes")
    ///     .convolutional([(16, 5), (16, 5)], 11)
    ///     .lifetime(0.05)
    ///     .pool("5/3".parse()?)
    ///     .epochs(3)
    ///     .build()?;
    /// assert_eq!(recipe.training.batch, 100);
    /// println!("{}", recipe.to_toml()?); // the same as a file
    /// # Ok::<(), wta::Error>(())
    /// ```
    pub fn builder(name: impl Into<String>) -> RecipeBuilder {
        let name = name.into();
        RecipeBuilder {
            about: name.clone(),
            name,
            source: DataSource::Memory,
            divide_by: None,
            preprocess: Vec::new(),
            network: None,
            initial: InitialRecipe::He,
            tied: false,
            sparsity: SparsityRecipe::default(),
            corruption: CorruptionRecipe::default(),
            dictionary: DictionaryRecipe::default(),
            training: TrainingRecipe {
                epochs: 10,
                batch: 100,
                optimizer: OptimizerRecipe::Adam,
                rate: 1e-3,
                schedule: TrainingRecipe::default_schedule(),
                decay: 0.0,
                seed: TrainingRecipe::default_seed(),
                clip_gradient: None,
                clip_inputs: None,
                limit_inputs: None,
                bad_samples: BadSamplesRecipe::Refuse,
                held_out: None,
                revive: false,
                patience: None,
            },
            features: Features::default(),
            svm: SvmRecipe::default(),
            below: None,
            large: None,
        }
    }
}

impl RecipeBuilder {
    /// One line for a person [default: the name].
    pub fn about(mut self, about: impl Into<String>) -> Self {
        self.about = about.into();
        self
    }

    /// Where the images come from, for programs that load them by the recipe.
    pub fn data(mut self, source: DataSource) -> Self {
        self.source = source;
        self
    }

    /// What pixels are divided by [default: 255 for bytes of published sets and pictures, 1 for arrays and
    /// memory].
    pub fn divide_by(mut self, divisor: f32) -> Self {
        self.divide_by = Some(divisor);
        self
    }

    /// One more step that images go through before the network sees them.
    pub fn preprocess(mut self, step: PreprocessRecipe) -> Self {
        self.preprocess.push(step);
        self
    }

    /// FC-WTA (section 2 of the paper) with these units in its encoder layers.
    pub fn fully_connected(mut self, units: impl IntoIterator<Item = usize>) -> Self {
        let (units, initial) = (units.into_iter().collect(), self.initial);
        self.network = Some(Architecture::FullyConnected { units, tied: false, initial });
        self
    }

    /// CONV-WTA (section 3 of the paper): encoder layers as (maps, kernel) with a stride of 1, or as
    /// [`LayerRecipe`]s, and the deconvolution's kernel.
    pub fn convolutional<L: Into<LayerRecipe>>(
        mut self,
        layers: impl IntoIterator<Item = L>,
        decoder_kernel: impl Into<Extent>,
    ) -> Self {
        let (encoder, initial) = (layers.into_iter().map(Into::into).collect(), self.initial);
        let decoder_kernel = decoder_kernel.into();
        self.network = Some(Architecture::Convolutional { encoder, decoder_kernel, tied: false, initial });
        self
    }

    /// A restricted Boltzmann machine trained by CD-k. It learns from numbers between 0 and 1, by SGD.
    pub fn rbm(mut self, hidden: usize, gibbs_steps: usize) -> Self {
        self.network = Some(Architecture::Rbm {
            hidden,
            gibbs_steps,
            persistent: false,
            mean_bias: false,
            initial: self.initial,
        });
        self
    }

    /// The decoder is the encoder transposed.
    pub fn tied(mut self) -> Self {
        self.tied = true;
        self
    }

    /// Initial weights [default: He's].
    pub fn initial(mut self, initial: InitialRecipe) -> Self {
        self.initial = initial;
        self
    }

    /// The share of each map's winners over the batch that survives.
    pub fn lifetime(mut self, share: f32) -> Self {
        self.sparsity.lifetime = Some(share);
        self
    }

    /// How many winners of each sample survive (k-sparse), instead of [`lifetime`](Self::lifetime).
    pub fn per_sample(mut self, winners: usize) -> Self {
        self.sparsity.per_sample = Some(winners);
        self
    }

    /// How many winners of each sample survive on average: the largest of the batch (BatchTopK), instead of
    /// [`lifetime`](Self::lifetime).
    pub fn per_batch(mut self, winners: usize) -> Self {
        self.sparsity.per_batch = Some(winners);
        self
    }

    /// What is asked of a sparse dictionary: unit atoms, a bias taken off the samples, thresholds, dead units
    /// that learn.
    pub fn dictionary(mut self, dictionary: DictionaryRecipe) -> Self {
        self.dictionary = dictionary;
        self
    }

    /// Windows per map with one winner each [default: 1].
    pub fn grid(mut self, windows: impl Into<Extent>) -> Self {
        self.sparsity.grid = windows.into();
        self
    }

    /// Training hides these shares of the input and of the code.
    pub fn corruption(mut self, input: f32, hidden: f32) -> Self {
        self.corruption = CorruptionRecipe { input, hidden };
        self
    }

    /// Times that every image is seen.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.training.epochs = epochs;
        self
    }

    /// Images per step.
    pub fn batch(mut self, images: usize) -> Self {
        self.training.batch = images;
        self
    }

    /// Adam or SGD.
    pub fn optimizer(mut self, optimizer: OptimizerRecipe) -> Self {
        self.training.optimizer = optimizer;
        self
    }

    /// The learning rate.
    pub fn rate(mut self, rate: f32) -> Self {
        self.training.rate = rate;
        self
    }

    /// How the rate changes.
    pub fn schedule(mut self, schedule: ScheduleRecipe) -> Self {
        self.training.schedule = schedule;
        self
    }

    /// Weight decay.
    pub fn decay(mut self, decay: f32) -> Self {
        self.training.decay = decay;
        self
    }

    /// The largest norm of the gradient.
    pub fn clip_gradient(mut self, largest: f32) -> Self {
        self.training.clip_gradient = Some(largest);
        self
    }

    /// The smallest and the largest number that training sees of a sample.
    pub fn clip_inputs(mut self, low: f32, high: f32) -> Self {
        self.training.clip_inputs = Some([low, high]);
        self
    }

    /// A sample with a number beyond this absolute value is bad.
    pub fn limit_inputs(mut self, limit: f32) -> Self {
        self.training.limit_inputs = Some(limit);
        self
    }

    /// Whether a bad sample is skipped or ends the training.
    pub fn bad_samples(mut self, bad_samples: BadSamplesRecipe) -> Self {
        self.training.bad_samples = bad_samples;
        self
    }

    /// The seed of weights, order and draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.training.seed = seed;
        self
    }

    /// The pooling of the features.
    pub fn pool(mut self, pool: PoolRecipe) -> Self {
        self.features.pool = Some(pool);
        self
    }

    /// Features are the square roots of the activations.
    pub fn root(mut self) -> Self {
        self.features.root = true;
        self
    }

    /// Both signs of each response are features.
    pub fn both_signs(mut self) -> Self {
        self.features.signs = Signs::Both;
        self
    }

    /// What is taken off the activations before they become features.
    pub fn threshold(mut self, threshold: ThresholdRecipe) -> Self {
        self.features.threshold = threshold;
        self
    }

    /// Maps that never win in an epoch begin again.
    pub fn revive(mut self) -> Self {
        self.training.revive = true;
        self
    }

    /// The classifier's settings.
    pub fn svm(mut self, svm: SvmRecipe) -> Self {
        self.svm = svm;
        self
    }

    /// The layer below, in a stack.
    pub fn below(mut self, recipe: Recipe) -> Self {
        self.below = Some(recipe);
        self
    }

    /// The layers below learnt from patches, and are applied so to this recipe's larger images.
    pub fn large(mut self, apply_to: ApplyTo) -> Self {
        self.large = Some(apply_to);
        self
    }

    /// The recipe, checked as one from a file is.
    ///
    /// # Errors
    ///
    /// [`Error::Recipe`] that names the key.
    pub fn build(self) -> Result<Recipe> {
        let Some(mut network) = self.network else {
            return Err(Error::Recipe {
                origin: format!("recipe {}", self.name),
                line: None,
                problem: "there is no network; say fully_connected, convolutional or rbm".to_owned(),
            });
        };
        network.set(self.initial, self.tied);
        let divide_by = self.divide_by.unwrap_or(self.source.divisor());
        let recipe = Recipe {
            name: self.name,
            about: self.about,
            data: Data { divide_by, set: self.source },
            preprocess: self.preprocess,
            network,
            sparsity: self.sparsity,
            corruption: self.corruption,
            dictionary: self.dictionary,
            training: self.training,
            features: self.features,
            svm: self.svm,
            below: self.below.map(Box::new),
            large: self.large,
        };
        recipe.check()?;
        Ok(recipe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::parse;

    #[test]
    fn what_is_built_is_what_the_file_says() {
        let built = Recipe::builder("own")
            .about("own")
            .data(DataSource::Mnist)
            .preprocess(PreprocessRecipe::Contrast { regulariser: 0.1 })
            .tied()
            .convolutional([LayerRecipe { maps: 8, kernel: [3, 5].into(), stride: 2.into() }], [3, 5])
            .initial(InitialRecipe::Normal(0.01))
            .lifetime(0.1)
            .grid(2)
            .corruption(0.2, 0.0)
            .epochs(2)
            .batch(50)
            .optimizer(OptimizerRecipe::Sgd { momentum: 0.9 })
            .rate(1e-2)
            .schedule(ScheduleRecipe::Linear)
            .decay(1e-4)
            .seed(7)
            .pool(PoolRecipe::square(5, 3))
            .root()
            .both_signs()
            .threshold(ThresholdRecipe::Triangle)
            .revive()
            .build()
            .unwrap();
        let text = r#"
            name = "own"
            about = "own"
            data = { set = "mnist" }
            preprocess = [{ step = "contrast", regulariser = 0.1 }]
            sparsity = { lifetime = 0.1, grid = 2 }
            corruption = { input = 0.2 }
            features = { pool = { kernel = 5, stride = 3 }, root = true, signs = "both", threshold = "triangle" }
            [network]
            kind = "convolutional"
            encoder = [{ maps = 8, kernel = [3, 5], stride = 2 }]
            decoder_kernel = [3, 5]
            tied = true
            initial = { normal = 0.01 }
            [training]
            epochs = 2
            batch = 50
            optimizer = { sgd = { momentum = 0.9 } }
            rate = 1e-2
            schedule = "linear"
            decay = 1e-4
            seed = 7
            revive = true
        "#;
        assert_eq!(built, parse(text, "test").unwrap());
        assert_eq!(parse(&built.to_toml().unwrap(), "again").unwrap(), built);
    }

    #[test]
    fn stacks_and_rbms_are_built_too() {
        let lower = Recipe::builder("lower").divide_by(255.0).rbm(20, 2);
        let sgd = OptimizerRecipe::Sgd { momentum: 0.5 };
        let lower = lower.optimizer(sgd).build().unwrap();
        assert_eq!(lower.gibbs().map(|gibbs| gibbs.steps), Some(2));
        let upper = Recipe::builder("upper").divide_by(255.0).rbm(10, 1).optimizer(sgd).below(lower.clone());
        assert_eq!(upper.build().unwrap().below.as_deref(), Some(&lower));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let error = |builder: RecipeBuilder| builder.build().unwrap_err().to_string();
        assert!(error(Recipe::builder("x")).contains("recipe x: there is no network"));
        let network = Recipe::builder("x").fully_connected([10]);
        assert!(error(network.clone().batch(0)).contains("training.batch must be at least 1"));
        assert!(error(network.clone().lifetime(0.1).per_sample(3)).contains("takes one of"));
        let rbm = Recipe::builder("x").divide_by(255.0).initial(InitialRecipe::Patches).rbm(10, 1);
        assert!(error(rbm.optimizer(OptimizerRecipe::Sgd { momentum: 0.5 })).contains("patches"));
    }
}

//! A recipe that has met the shape of its images: what follows from both, worked out once and handed on.

use std::sync::Arc;

use wta_core::{Conv, Corruption, Initial, Network, Optimizer, Pool, Schedule, Shape, TrainingConfig};

use super::apply_to::ApplyTo;
use super::memory::expect_memory;
use super::network::{Architecture, InitialRecipe, LayerRecipe};
use super::tables::Recipe;
use super::training::{CorruptionRecipe, ScheduleRecipe};
use crate::error::{Error, Result};
use crate::numbers::rows_columns_channels;

/// A recipe for images of one shape: its network, its features, and the same of the layer below.
///
/// Made once by [`Recipe::resolve`]. Clones share everything.
#[derive(Clone, Debug)]
pub struct Resolved {
    recipe: Arc<Recipe>,
    image: Shape,
    network: Network,
    encoding: Network,
    pool: Pool,
    features: Shape,
    below: Option<Arc<Resolved>>,
}

impl Recipe {
    /// What follows from the recipe for images of this shape; of a stack, of all its layers.
    ///
    /// # Errors
    ///
    /// [`Error::Recipe`] with what the core refuses, and the table that it is about.
    pub fn resolve(&self, image: Shape) -> Result<Resolved> {
        Resolved::new(self.clone(), image)
    }

    /// This recipe with another stride of its last convolution, or another pooling. Parameters fit both.
    ///
    /// # Errors
    ///
    /// [`Error::Recipe`] when the network is not convolutional.
    pub fn applied(mut self, apply_to: &ApplyTo) -> Result<Self> {
        if let Some(stride) = apply_to.stride {
            let Architecture::Convolutional { encoder, .. } = &mut self.network else {
                return Err(self.wrong("only a convolutional network has a stride".to_owned()));
            };
            if let Some(last) = encoder.last_mut() {
                last.stride = stride;
            }
        }
        if apply_to.pool.is_some() {
            self.features.pool = apply_to.pool;
        }
        Ok(self)
    }
}

impl Resolved {
    fn new(recipe: Recipe, image: Shape) -> Result<Self> {
        let below = match &recipe.below {
            None => None,
            Some(below) => {
                let below = below.as_ref().clone().applied(&recipe.large.unwrap_or_default())?;
                Some(Arc::new(Self::new(below, image)?))
            }
        };
        let network = network(&recipe, below.as_ref().map_or(image, |below| below.features))?;
        let named = |error| recipe.wrong(format!("features: {error}"));
        let encoding = recipe.features.signs.network(network).map_err(named)?;
        let code = encoding.code();
        let pool = recipe.features.pool.map_or(Pool::NONE, |pool| pool.over(code));
        let pool = Pool { threshold: recipe.features.threshold.into(), ..pool };
        pool.check(code).map_err(named)?;
        let features = recipe.features.pool.map_or(code, |pool| pool.output(code));
        Ok(Self { recipe: Arc::new(recipe), image, network, encoding, pool, features, below })
    }

    /// The recipe. Of a layer below that is applied to larger images, its stride and pooling are those
    /// applied.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The shape of the data set's images.
    pub fn image(&self) -> Shape {
        self.image
    }

    /// `Ok` when images of this shape are those that the recipe was resolved for.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] that tells both shapes.
    pub fn expect_image(&self, image: Shape) -> Result<()> {
        if image == self.image {
            return Ok(());
        }
        let (found, expected) = (rows_columns_channels(image), rows_columns_channels(self.image));
        Err(Error::Invalid(format!("the images are {found}, but the network takes {expected}")))
    }

    /// The network; of a stack, the last layer's, whose input are the features below.
    pub fn network(&self) -> Network {
        self.network
    }

    /// The network that computes the features: the trained one, or of both signs the one of twice as many
    /// maps.
    pub fn encoding(&self) -> Network {
        self.encoding
    }

    /// The threshold and the pooling of the dense code. Windows that the border cuts may be left out: see
    /// [`Resolved::features`].
    pub fn pool(&self) -> Pool {
        self.pool
    }

    /// Another pooling of the code, with the threshold of this recipe.
    pub fn pooled(&self, pool: Pool) -> Pool {
        Pool { threshold: self.pool.threshold, ..pool }
    }

    /// The shape of an image's features: the code after pooling.
    pub fn features(&self) -> Shape {
        self.features
    }

    /// The layer below, in a stack.
    pub fn below(&self) -> Option<&Arc<Resolved>> {
        self.below.as_ref()
    }

    /// The layers of a stack from the lowest up; of what is not stacked, itself.
    pub fn layers(&self) -> Vec<&Self> {
        let mut layers = self.below.as_ref().map_or(Vec::new(), |below| below.layers());
        layers.push(self);
        layers
    }

    /// The distribution of the random initial weights; of those that patches do not replace, He's.
    pub fn initial(&self) -> Initial {
        match self.recipe.network.initial() {
            InitialRecipe::He | InitialRecipe::Patches | InitialRecipe::Transposed => Initial::He,
            InitialRecipe::Normal(deviation) => Initial::Normal(deviation),
        }
    }

    /// The training settings for a data set of `images` images.
    ///
    /// # Errors
    ///
    /// [`Error::Recipe`] that names the key, also when the batch is larger than the data set or a step would
    /// take more memory than can be meant.
    pub fn training(&self, images: usize) -> Result<TrainingConfig> {
        let (recipe, network) = (&self.recipe, &self.network);
        let t = &recipe.training;
        if t.batch > images {
            return Err(recipe
                .wrong(format!("training.batch is {}, but the data set has only {images} images", t.batch)));
        }
        let sparsity = recipe.sparsity.at_end(network.code());
        let optimizer = Optimizer {
            method: t.optimizer.method(),
            rate: t.rate,
            schedule: match t.schedule {
                ScheduleRecipe::Constant => Schedule::Constant,
                ScheduleRecipe::Linear => Schedule::Linear,
                ScheduleRecipe::Step { at, factor } => Schedule::Step { at, factor },
                ScheduleRecipe::Ramps { rise, fall } => Schedule::Ramps { rise, fall },
            },
            decay: t.decay,
        };
        let named = |part: &str, error| recipe.wrong(format!("{part}: {error}"));
        sparsity.check(network).map_err(|error| named("sparsity", error))?;
        optimizer.check().map_err(|error| named("training", error))?;
        let CorruptionRecipe { input, hidden } = recipe.corruption;
        let corruption = Corruption { input, hidden, seed: t.seed };
        let steps = ((images / t.batch) as u64).saturating_mul(t.epochs as u64);
        let guard = t.guard();
        guard.check().map_err(|error| named("training", error))?;
        let (dictionary, batch) = (recipe.dictionary.in_training(), t.batch);
        let training = TrainingConfig { sparsity, corruption, guard, dictionary, optimizer, batch, steps };
        if let Some(gibbs) = recipe.gibbs() {
            gibbs.check(network, &training).map_err(|error| named("network", error))?;
        }
        expect_memory(&format!("recipe {}", recipe.name), network, &training)?;
        Ok(training)
    }
}

/// The network for inputs of this shape.
fn network(recipe: &Recipe, input: Shape) -> Result<Network> {
    let named = |error: wta_core::Error| recipe.wrong(format!("network: {error}"));
    let (network, tied) = match &recipe.network {
        Architecture::FullyConnected { units, tied, .. } => {
            (Network::fully_connected(input.len(), units).map_err(named)?, *tied)
        }
        Architecture::Rbm { hidden, .. } => {
            (Network::fully_connected(input.len(), &[*hidden]).map_err(named)?, true)
        }
        Architecture::Convolutional { encoder, decoder_kernel, tied, .. } => {
            let layer =
                |l: &LayerRecipe| Conv::with_stride(l.maps, l.kernel.over(input), l.stride.over(input));
            let layers: Vec<Conv> = encoder.iter().map(layer).collect();
            (Network::convolutional(input, &layers, decoder_kernel.over(input)).map_err(named)?, *tied)
        }
    };
    if tied { network.tied().map_err(named) } else { Ok(network) }
}

#[cfg(test)]
mod tests {
    use wta_core::Shape;

    use crate::recipe::parse;

    const RECIPE: &str = "
        name = 'upper'
        about = 'large'
        below = 'cifar10-conv64'
        data = { set = 'images', folder = 'x', size = 224 }
        preprocess = [{ step = 'contrast' }, { step = 'zca', regulariser = 0.1 }]
        network = { kind = 'convolutional', encoder = [{ maps = 8, kernel = 3 }], decoder_kernel = 3, initial = 'he' }
        sparsity = { lifetime = 0.1 }
        training = { epochs = 1, batch = 10, optimizer = 'adam', rate = 1e-3 }
        [large]
        stride = 4
        pool = { kernel = 3, stride = 2, whole = true }
    ";

    #[test]
    fn stride_and_pooling_are_all_that_changes() {
        let recipe = parse(RECIPE, "r").unwrap();
        let resolved = recipe.resolve(Shape::new(3, 224, 224)).unwrap();
        let below = resolved.below().unwrap();
        assert_eq!(below.network().code(), Shape::new(64, 56, 56));
        assert_eq!(below.features(), Shape::new(64, 27, 27));
        assert_eq!(resolved.network().input(), Shape::new(64, 27, 27));
        let patches = recipe.below.as_ref().unwrap().resolve(Shape::new(3, 32, 32)).unwrap();
        assert_eq!(patches.network().parameters_len(), below.network().parameters_len());
        assert_eq!(parse(&recipe.to_toml().unwrap(), "again").unwrap(), recipe);
    }

    /// A program may say any number of samples.
    #[test]
    fn steps_beyond_all_counting_are_the_most() {
        let text = crate::recipe::text("digits-demo").unwrap();
        let mut recipe = parse(text, "r").unwrap();
        (recipe.training.batch, recipe.training.epochs) = (1, 1000);
        let resolved = recipe.resolve(Shape::new(1, 28, 28)).unwrap();
        assert_eq!(resolved.training(usize::MAX).unwrap().steps, u64::MAX);
    }

    #[test]
    fn what_cannot_be_applied_is_told() {
        for (from, to, expected) in [
            ("below = 'cifar10-conv64'", "", "there is no below"),
            ("below = 'cifar10-conv64'", "below = 'mnist-fc1000'", "only convolutional"),
            ("size = 224", "size = 224, divide_by = 2", "divide_by"),
            ("stride = 4", "strides = 4", "strides"),
            ("[large]", "[larger]", "larger"),
        ] {
            assert!(RECIPE.contains(from));
            let sentence = parse(&RECIPE.replacen(from, to, 1), "r").unwrap_err().to_string();
            assert!(sentence.contains(expected) && !sentence.contains('\n'), "{sentence}");
        }
        let whole = RECIPE.split("[large]").next().unwrap();
        let sentence = parse(whole, "r").unwrap_err().to_string();
        assert!(sentence.contains("another [data]") && sentence.contains("[large]"), "{sentence}");
    }
}

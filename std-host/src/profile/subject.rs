//! What is measured.

use wta_core::{Initial, Network, Random, TrainingConfig};

use super::cases::{self, Case};
use super::memory;
use crate::error::{Error, Result, Setting};
use crate::preprocess::{Preprocessor, Samples};
use crate::recipe::Recipe;
use crate::recipe::memory::{expect_memory, step_bytes};

/// The subject of a measurement.
#[derive(Debug)]
pub struct Subject {
    pub(super) case: Option<String>,
    pub(super) recipe: Option<String>,
    pub(super) network: Network,
    pub(super) training: TrainingConfig,
    pub(super) initial: Initial,
    pub(super) seed: u64,
    images: Images,
}

/// The images that the network sees.
#[derive(Debug)]
enum Images {
    /// The same noise in every step.
    Noise(Vec<f32>),
    /// A data set, in the order of the first epoch. It is not preprocessed, because that is not part of a
    /// step.
    Samples { samples: Samples<'static>, order: Vec<usize> },
}

impl Subject {
    /// A case; `batch` replaces its own.
    ///
    /// # Errors
    ///
    /// One sentence if the batch is 0 or does not fit into memory.
    pub fn case(case: &Case, batch: Option<usize>) -> Result<Self> {
        let batch = expect_batch(batch)?.unwrap_or(cases::BATCH);
        let training = case.training(batch);
        expect_memory(&format!("case {}", case.name), &case.network, &training)?;
        expect_available(&case.network, &training)?;
        Ok(Self {
            case: Some(case.name.to_owned()),
            recipe: None,
            network: case.network,
            training,
            initial: cases::INITIAL,
            seed: cases::SEED,
            images: Images::Noise(cases::noise(case.network.input(), batch)),
        })
    }

    /// A recipe; `batch` replaces its own. Without samples it is measured on noise of its images' shape.
    ///
    /// # Errors
    ///
    /// One sentence if the batch is 0, larger than the data set or too large for memory, or anything else is
    /// wrong with the recipe.
    pub fn recipe(recipe: &Recipe, batch: Option<usize>, samples: Option<Samples<'static>>) -> Result<Self> {
        if recipe.gibbs().is_some() {
            return Err(Error::Invalid(format!(
                "recipe {} is an RBM, whose phases are not those of an autoencoder: only autoencoders can be profiled",
                recipe.name
            )));
        }
        let mut recipe = recipe.clone();
        recipe.training.batch = expect_batch(batch)?.unwrap_or(recipe.training.batch);
        let batch = recipe.training.batch;
        if recipe.below.is_some() && samples.is_some() {
            return Err(Error::setting(
                Setting::Data,
                format!(
                    "must be left out: recipe {} is a stack, whose last layer is measured on noise",
                    recipe.name
                ),
            ));
        }
        let known = samples.as_ref().map(Samples::image_shape).or(recipe.data.set.image_shape());
        let Some(image) = known else {
            return Err(Error::setting(
                Setting::Data,
                format!(
                    "is needed: the size of recipe {}'s images is known from the data set alone",
                    recipe.name
                ),
            ));
        };
        let resolved = recipe.resolve(image)?;
        let network = resolved.network();
        let training = resolved.training(samples.as_ref().map_or(batch, Samples::len))?;
        expect_available(&network, &training)?;
        let images = match samples {
            None => Images::Noise(cases::noise(network.input(), batch)),
            Some(samples) => {
                let mut order: Vec<usize> = (0..samples.len()).collect();
                Random::stream(recipe.training.seed, 1).shuffle(&mut order);
                Images::Samples { samples, order }
            }
        };
        Ok(Self {
            case: None,
            recipe: Some(recipe.name.clone()),
            network,
            // The schedule stays where it is at the start of a training.
            training: TrainingConfig { steps: u64::MAX, ..training },
            initial: resolved.initial(),
            seed: recipe.training.seed,
            images,
        })
    }

    /// Writes the images of a step to `batch`.
    pub(super) fn fill(&self, step: usize, batch: &mut [f32]) -> Result<()> {
        match &self.images {
            Images::Noise(noise) => batch.copy_from_slice(noise),
            Images::Samples { samples, order } => {
                let start = step % (order.len() / self.training.batch).max(1) * self.training.batch;
                let chosen = order.get(start..start + self.training.batch).unwrap_or(order);
                samples.write_all(&Preprocessor::none(samples.image_shape()), chosen, batch)?;
            }
        }
        Ok(())
    }
}

pub(super) fn expect_batch(batch: Option<usize>) -> Result<Option<usize>> {
    match batch {
        Some(0) => Err(Error::setting(Setting::Batch, "must be at least 1")),
        batch => Ok(batch),
    }
}

/// `Ok` if the steps and the dense codes fit into the available memory, or the system does not say how much
/// there is.
pub(super) fn expect_available(network: &Network, training: &TrainingConfig) -> Result<()> {
    let per_image = 4 * (network.code_len() + 2 * network.input().len());
    let needed = step_bytes(network, training).saturating_add(per_image.saturating_mul(training.batch));
    match memory::available() {
        Some(available) if needed as u64 > available => Err(Error::setting_is(
            Setting::Batch,
            training.batch,
            format!(
                "this needs about {} MB, but only {} MB of memory are free; give a smaller batch",
                needed / 1_000_000,
                available / 1_000_000
            ),
        )),
        _ => Ok(()),
    }
}

//! Training a recipe: layers, epochs, checkpoints, metrics.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use wta_core::{Network, Random, Training};
use wta_simd::Isa;

use crate::batch::BatchTrainer;
use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::initial;
use crate::layer_input::LayerInput;
use crate::model;
use crate::preprocess::{self, Preprocess, PreprocessedSet};
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::run::{EpochMetrics, Run, Trained};
use crate::samples::Samples;

/// What a training ended with.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// CRC-32 of the parameters.
    pub checksum: u32,
    /// Of the last epoch.
    pub loss: f64,
    /// The share of maps that never survived in the last epoch.
    pub dead_share: f64,
    /// Time spent now (not before a resume).
    pub seconds: f64,
}

/// How to run a training.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// The instruction set.
    pub isa: Isa,
    /// Continue from the run's checkpoint.
    pub resume: bool,
    /// Preprocessed images and, in a stack, the features of a layer are kept if they take at most so many bytes.
    pub memory: usize,
    /// Of a recipe with `[large]`: the patches that the layers below learn from.
    pub patches: Option<&'a Samples>,
    /// Set from outside (Ctrl-C): stop after the current step, with a checkpoint.
    pub stop: &'a AtomicBool,
}

/// What [`Settings::memory`] is unless told: 6 GiB.
pub const MEMORY: usize = 6 << 30;

/// What a network learns from.
pub trait TrainingSet {
    /// How many samples there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes the samples of these indices as the network's inputs, one after the other.
    ///
    /// # Errors
    ///
    /// What the core refuses while a sample is made.
    fn write(&self, indices: &[usize], to: &mut [f32]) -> Result<()>;
}

/// Trains a recipe into a run folder: after each epoch it writes the metrics, the model and the checkpoint. The layers
/// of a stack are trained one after the other, each to its end, in `below` folders of their own.
///
/// # Errors
///
/// One sentence for settings that make no sense, files that cannot be written, a training that diverged, and
/// [`Error::Interrupted`] after `stop`. What was written before stays whole.
pub fn train(
    recipe: &Recipe,
    samples: &Samples,
    run: &Run,
    settings: Settings<'_>,
    progress: &Progress,
) -> Result<Outcome> {
    let start = Instant::now();
    // What cannot work in an upper layer is told before hours are spent on a lower one.
    check(recipe, samples, &settings)?;
    let outcome = train_layer(recipe, samples, run, settings, progress)?;
    Ok(Outcome { seconds: start.elapsed().as_secs_f64(), ..outcome })
}

/// `Ok` when every layer's settings make sense.
pub(crate) fn check(recipe: &Recipe, samples: &Samples, settings: &Settings<'_>) -> Result<()> {
    if let Some(below) = &recipe.below {
        check(below, samples_below(recipe, samples, settings)?, settings)?;
    } else {
        recipe.check_images(samples.image_shape())?;
    }
    recipe.training(&recipe.network(samples.image_shape())?, samples.len()).map(|_| ())
}

/// What the layers below a recipe learn from: the same images, or patches.
fn samples_below<'a>(recipe: &Recipe, samples: &'a Samples, settings: &Settings<'a>) -> Result<&'a Samples> {
    if recipe.large.is_none() {
        return Ok(samples);
    }
    settings.patches.ok_or_else(|| {
        Error::Invalid(format!("recipe {}: the patches of the layers below are not given", recipe.name))
    })
}

fn train_layer(
    recipe: &Recipe,
    samples: &Samples,
    run: &Run,
    settings: Settings<'_>,
    progress: &Progress,
) -> Result<Outcome> {
    let network = recipe.network(samples.image_shape())?;
    let training = recipe.training(&network, samples.len())?;
    let resumed = settings.resume && run.exists();
    if resumed {
        run.expect_recipe(recipe)?;
    } else {
        run.begin(recipe)?;
    }
    let go_on = || {
        if settings.stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let (isa, memory) = (settings.isa, settings.memory);
    let Some(below) = &recipe.below else {
        let session = Session::start(recipe, network, training, run, &settings)?;
        if session.is_done() {
            return session.outcome(recipe, run, samples.len());
        }
        let preprocess = if resumed && Preprocess::is_saved(run) {
            Preprocess::load(run, recipe, samples.image_shape())?
        } else {
            let learnt = preprocess::fit(isa, recipe, samples, progress, go_on)?;
            learnt.save(run)?;
            learnt
        };
        let set = PreprocessedSet::new(isa, &preprocess, samples, memory, progress)?;
        return session.run_on(recipe, &set, run, &settings, progress);
    };
    train_layer(below, samples_below(recipe, samples, &settings)?, &run.below(), settings, progress)?;
    let mut session = Session::start(recipe, network, training, run, &settings)?;
    if session.is_done() {
        return session.outcome(recipe, run, samples.len());
    }
    let applied = recipe.below_applied().unwrap_or_else(|| (**below).clone());
    let trained = Trained::load_as(&run.below(), applied, samples.image_shape())?;
    let input = LayerInput::new(isa, &trained, recipe, samples, memory, progress, go_on)?;
    session.input_scale = Some(input.scale());
    session.run_on(recipe, &input, run, &settings, progress)
}

/// The state of a training.
struct Session {
    trainer: BatchTrainer<Isa>,
    network: Network,
    training: Training,
    /// Of a stacked layer.
    input_scale: Option<f32>,
    epoch_loss: f64,
    survived: Vec<u64>,
}

impl Session {
    /// At the run's checkpoint, or at the beginning, without weights yet.
    fn start(
        recipe: &Recipe,
        network: Network,
        training: Training,
        run: &Run,
        settings: &Settings<'_>,
    ) -> Result<Self> {
        let maps = network.code().channels;
        let mut trainer = match recipe.gibbs() {
            Some(gibbs) => BatchTrainer::rbm(settings.isa, network, training, gibbs)?,
            None => BatchTrainer::new(settings.isa, network, training),
        };
        let mut epoch_loss = 0.0;
        let mut survived = vec![0; maps];
        if settings.resume && run.checkpoint().exists() {
            let checkpoint =
                Checkpoint::load(&run.checkpoint(), trainer.parameters.len(), trainer.moments.len(), maps)?;
            trainer.parameters.copy_from_slice(&checkpoint.parameters);
            trainer.moments.copy_from_slice(&checkpoint.moments);
            trainer.step = checkpoint.step;
            (epoch_loss, survived) = (checkpoint.epoch_loss, checkpoint.survived);
        }
        Ok(Self { trainer, network, training, input_scale: None, epoch_loss, survived })
    }

    fn is_done(&self) -> bool {
        self.trainer.step >= self.training.steps
    }

    /// Goes on to the last step.
    fn run_on(
        mut self,
        recipe: &Recipe,
        set: &dyn TrainingSet,
        run: &Run,
        settings: &Settings<'_>,
        progress: &Progress,
    ) -> Result<Outcome> {
        let training = self.training;
        if self.trainer.step == 0 {
            initial::initialise(recipe, &self.network, set, &mut self.trainer.parameters)?;
        }
        let batches = set.len() / training.batch;
        progress.phase(&format!("train {}", recipe.name), batches as u64 * recipe.training.epochs as u64);
        progress.inc(self.trainer.step);
        let mut order: Vec<usize> = Vec::new();
        let mut inputs = vec![0.0; training.batch * self.network.input().len()];
        let mut rows = run.metrics(self.trainer.step / batches as u64)?;
        let mut epoch_start = Instant::now();
        while !self.is_done() {
            let epoch = self.trainer.step / batches as u64;
            let place = (self.trainer.step % batches as u64) as usize;
            if order.is_empty() || place == 0 {
                order = (0..set.len()).collect();
                Random::stream(recipe.training.seed, epoch + 1).shuffle(&mut order);
            }
            let chosen = order.get(place * training.batch..(place + 1) * training.batch).unwrap_or_default();
            set.write(chosen, &mut inputs)?;
            self.trainer.set_keep(recipe.sparsity.keep_at(self.trainer.step, training.steps))?;
            self.step(&inputs).map_err(|error| self.explain(error, run))?;
            progress.inc(1);

            if place + 1 == batches {
                let row = self.end_epoch(epoch + 1, batches, epoch_start);
                epoch_start = Instant::now();
                progress
                    .message(&format!("epoch {}/{} loss {:.4}", row.epoch, recipe.training.epochs, row.loss));
                progress.line(&format!(
                    "epoch {}/{}: loss {:.4}, pixel error {:.5}, dead atoms {:.1}%, {:.1} s",
                    row.epoch,
                    recipe.training.epochs,
                    row.loss,
                    row.pixel_mse,
                    100.0 * row.dead_share,
                    row.seconds
                ));
                rows.push(row);
                run.save_metrics(&rows)?;
                let path = run.file("model.safetensors");
                model::save(&path, &self.network, &self.trainer.parameters, self.input_scale)?;
                self.checkpoint().save(&run.checkpoint())?;
            }
            if settings.stop.load(Ordering::Relaxed) && !self.is_done() {
                self.checkpoint().save(&run.checkpoint())?;
                progress.finish();
                return Err(Error::Interrupted(format!(
                    "step {} of {} is saved in {}; continue with --resume",
                    self.trainer.step,
                    training.steps,
                    run.folder().display()
                )));
            }
        }
        progress.finish();
        self.outcome(recipe, run, set.len())
    }

    /// What a finished training has to tell.
    fn outcome(&self, recipe: &Recipe, run: &Run, images: usize) -> Result<Outcome> {
        let epochs = self.trainer.step / (images / recipe.training.batch).max(1) as u64;
        let rows = run.metrics(epochs)?;
        let last = rows.last();
        Ok(Outcome {
            checksum: model::checksum(&self.trainer.parameters),
            loss: last.map_or(f64::NAN, |row| row.loss),
            dead_share: last.map_or(0.0, |row| row.dead_share),
            seconds: 0.0,
        })
    }

    fn step(&mut self, pixels: &[f32]) -> Result<()> {
        self.epoch_loss += f64::from(self.trainer.step(pixels)?);
        self.trainer.count_survivors(&mut self.survived);
        Ok(())
    }

    fn end_epoch(&mut self, epoch: u64, batches: usize, start: Instant) -> EpochMetrics {
        let loss = self.epoch_loss / batches as f64;
        let dead = self.survived.iter().filter(|count| **count == 0).count();
        let row = EpochMetrics {
            epoch,
            loss,
            pixel_mse: 2.0 * loss / self.network.input().len() as f64,
            dead_share: dead as f64 / self.survived.len() as f64,
            rate: f64::from(self.training.optimizer.rate_at(self.trainer.step - 1, self.training.steps)),
            seconds: start.elapsed().as_secs_f64(),
        };
        self.epoch_loss = 0.0;
        self.survived.fill(0);
        row
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            parameters: self.trainer.parameters.to_vec(),
            moments: self.trainer.moments.to_vec(),
            step: self.trainer.step,
            epoch_loss: self.epoch_loss,
            survived: self.survived.clone(),
        }
    }

    /// A diverged step, told with what is still good.
    fn explain(&self, error: Error, run: &Run) -> Error {
        Error::Invalid(format!(
            "step {}: {error}; the last good weights are in {}",
            self.trainer.step + 1,
            run.folder().display()
        ))
    }
}

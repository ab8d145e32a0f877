//! Training a recipe: epochs, checkpoints, metrics.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rayon::prelude::*;
use wta_core::{Network, Random, Training};
use wta_simd::Isa;

use crate::batch::BatchTrainer;
use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::model;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::run::{EpochMetrics, Run};
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
    /// Set from outside (Ctrl-C): stop after the current step, with a checkpoint.
    pub stop: &'a AtomicBool,
}

/// Trains a recipe into a run folder: after each epoch it writes the metrics, the model and the checkpoint.
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
    let network = recipe.network(samples.shape())?;
    let training = recipe.training(&network, samples.len())?;
    let mut session = Session::start(recipe, network, training, run, &settings)?;
    let start = Instant::now();
    let batches = samples.len() / training.batch;
    progress.phase(&format!("train {}", recipe.name), batches as u64 * recipe.training.epochs as u64);
    progress.inc(session.trainer.step);

    let mut order: Vec<usize> = Vec::new();
    let mut pixels = vec![0.0; training.batch * network.input().len()];
    let mut rows = run.metrics(session.trainer.step / batches as u64)?;
    let mut epoch_start = Instant::now();
    while session.trainer.step < training.steps {
        let epoch = session.trainer.step / batches as u64;
        let place = (session.trainer.step % batches as u64) as usize;
        if order.is_empty() || place == 0 {
            order = (0..samples.len()).collect();
            Random::stream(recipe.training.seed, epoch + 1).shuffle(&mut order);
        }
        let chosen = order.iter().skip(place * training.batch);
        let chosen: Vec<usize> = chosen.take(training.batch).copied().collect();
        let image_len = network.input().len();
        let images = pixels.par_chunks_mut(image_len).zip(chosen);
        images.for_each(|(to, index)| samples.write(index, to));
        session.step(&pixels).map_err(|error| session.explain(error, run))?;
        progress.inc(1);

        if place + 1 == batches {
            let row = session.end_epoch(epoch + 1, batches, network, training, epoch_start);
            epoch_start = Instant::now();
            progress.message(&format!("epoch {}/{} loss {:.4}", row.epoch, recipe.training.epochs, row.loss));
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
            model::save(&run.file("model.safetensors"), &network, &session.trainer.parameters)?;
            session.checkpoint().save(&run.checkpoint())?;
        }
        if settings.stop.load(Ordering::Relaxed) && session.trainer.step < training.steps {
            session.checkpoint().save(&run.checkpoint())?;
            progress.finish();
            return Err(Error::Interrupted(format!(
                "step {} of {} is saved in {}; continue with --resume",
                session.trainer.step,
                training.steps,
                run.folder().display()
            )));
        }
    }
    progress.finish();
    let last = rows.last();
    Ok(Outcome {
        checksum: model::checksum(&session.trainer.parameters),
        loss: last.map_or(f64::NAN, |row| row.loss),
        dead_share: last.map_or(0.0, |row| row.dead_share),
        seconds: start.elapsed().as_secs_f64(),
    })
}

/// The state of a training.
struct Session {
    trainer: BatchTrainer<Isa>,
    epoch_loss: f64,
    survived: Vec<u64>,
}

impl Session {
    fn start(
        recipe: &Recipe,
        network: Network,
        training: Training,
        run: &Run,
        settings: &Settings<'_>,
    ) -> Result<Self> {
        let maps = network.code().channels;
        let mut trainer = BatchTrainer::new(settings.isa, network, training);
        let mut session_loss = 0.0;
        let mut survived = vec![0; maps];
        let resumed = settings.resume && run.exists();
        if resumed {
            run.expect_recipe(recipe)?;
        } else {
            run.begin(recipe)?;
        }
        if resumed && run.checkpoint().exists() {
            let checkpoint =
                Checkpoint::load(&run.checkpoint(), trainer.parameters.len(), trainer.moments.len(), maps)?;
            trainer.parameters.copy_from_slice(&checkpoint.parameters);
            trainer.moments.copy_from_slice(&checkpoint.moments);
            trainer.step = checkpoint.step;
            (session_loss, survived) = (checkpoint.epoch_loss, checkpoint.survived);
        } else {
            network.initialise(recipe.initial(), recipe.training.seed, &mut trainer.parameters)?;
        }
        Ok(Self { trainer, epoch_loss: session_loss, survived })
    }

    fn step(&mut self, pixels: &[f32]) -> Result<()> {
        self.epoch_loss += f64::from(self.trainer.step(pixels)?);
        self.trainer.count_survivors(&mut self.survived);
        Ok(())
    }

    fn end_epoch(
        &mut self,
        epoch: u64,
        batches: usize,
        network: Network,
        training: Training,
        start: Instant,
    ) -> EpochMetrics {
        let loss = self.epoch_loss / batches as f64;
        let dead = self.survived.iter().filter(|count| **count == 0).count();
        let row = EpochMetrics {
            epoch,
            loss,
            pixel_mse: 2.0 * loss / network.input().len() as f64,
            dead_share: dead as f64 / self.survived.len() as f64,
            rate: f64::from(training.optimizer.rate_at(self.trainer.step - 1, training.steps)),
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

//! The training of one layer: steps and epochs, from the beginning or from a checkpoint to the end.

use std::path::Path;
use std::time::Instant;

use wta_core::{Network, Random, TrainingConfig};
use wta_simd::Isa;

use super::checkpoint::Checkpoint;
use super::initial::initialise;
use super::options::Outcome;
use super::set::TrainingSet;
use super::step::BatchTrainer;
use crate::error::{Error, Interrupted, Result};
use crate::observer::{EpochMetrics, Observer};
use crate::recipe::{Recipe, Resolved};
use crate::run::{Run, model};

/// Where a training saves its results.
pub(super) enum Place {
    /// In memory: they are returned at the end.
    Memory,
    /// In a run folder.
    Folder {
        /// The folder.
        run: Run,
        /// Whether to continue from its checkpoint.
        resume: bool,
    },
}

impl Place {
    /// Begins a run, or opens the one to resume; `true` if it resumes.
    pub(super) fn open(&self, recipe: &Recipe) -> Result<bool> {
        match self {
            Self::Memory => Ok(false),
            Self::Folder { run, resume } if *resume && run.exists() => {
                run.expect_recipe(recipe).map(|()| true)
            }
            Self::Folder { run, .. } => run.begin(recipe).map(|()| false),
        }
    }

    /// The place of the layer below.
    pub(super) fn below(&self) -> Self {
        match self {
            Self::Memory => Self::Memory,
            Self::Folder { run, resume } => Self::Folder { run: run.below(), resume: *resume },
        }
    }

    /// The folder, if there is one.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.run().map(Run::folder)
    }

    fn run(&self) -> Option<&Run> {
        match self {
            Self::Memory => None,
            Self::Folder { run, .. } => Some(run),
        }
    }

    /// The run with the checkpoint to continue from, if there is one.
    fn checkpointed(&self) -> Option<&Run> {
        match self {
            Self::Folder { run, resume: true } if run.checkpoint().exists() => Some(run),
            _ => None,
        }
    }
}

/// The state of a layer's training.
pub(super) struct Session<'a> {
    trainer: BatchTrainer<Isa>,
    resolved: &'a Resolved,
    training: TrainingConfig,
    place: &'a Place,
    /// The factor of the input of a stacked layer.
    pub(super) input_scale: Option<f32>,
    epoch_loss: f64,
    survived: Vec<u64>,
    /// The finished epochs of a training in memory.
    epochs: Vec<EpochMetrics>,
}

impl<'a> Session<'a> {
    /// Starts at the run's checkpoint if there is one; otherwise at step 0, before the weights are
    /// initialised.
    pub(super) fn start(
        resolved: &'a Resolved,
        training: TrainingConfig,
        place: &'a Place,
        isa: Isa,
    ) -> Result<Self> {
        let network = resolved.network();
        let maps = network.code().channels;
        let mut trainer = match resolved.recipe().gibbs() {
            Some(gibbs) => BatchTrainer::rbm(isa, network, training, gibbs)?,
            None => BatchTrainer::new(isa, network, training),
        };
        let mut epoch_loss = 0.0;
        let mut survived = vec![0; maps];
        if let Some(run) = place.checkpointed() {
            let checkpoint =
                Checkpoint::load(&run.checkpoint(), trainer.parameters.len(), trainer.moments.len(), maps)?;
            trainer.parameters.copy_from_slice(&checkpoint.parameters);
            trainer.moments.copy_from_slice(&checkpoint.moments);
            trainer.step = checkpoint.step;
            (epoch_loss, survived) = (checkpoint.epoch_loss, checkpoint.survived);
        }
        let (input_scale, epochs) = (None, Vec::new());
        Ok(Self { trainer, resolved, training, place, input_scale, epoch_loss, survived, epochs })
    }

    /// The run, if its training is finished already.
    pub(super) fn finished_run(&self) -> Option<&'a Run> {
        if self.is_done() { self.place.run() } else { None }
    }

    fn is_done(&self) -> bool {
        self.trainer.step >= self.training.steps
    }

    /// Trains to the last step, and returns the parameters.
    pub(super) fn run(
        mut self,
        set: &dyn TrainingSet,
        observer: &dyn Observer,
    ) -> Result<(Vec<f32>, Outcome)> {
        let (training, recipe, network) = (self.training, self.resolved.recipe(), self.resolved.network());
        if self.trainer.step == 0 {
            initialise(self.resolved, set, &mut self.trainer.parameters)?;
        }
        let batches = set.len() / training.batch;
        let epochs = recipe.training.epochs;
        observer.begin(&format!("train {}", recipe.name), batches as u64 * epochs as u64);
        observer.advance(self.trainer.step);
        let mut order: Vec<usize> = Vec::new();
        let mut inputs = vec![0.0; training.batch * network.input().len()];
        self.epochs = self.metrics(self.trainer.step / batches as u64)?;
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
            self.trainer.set_selection(recipe.sparsity.keep_at(self.trainer.step, training.steps))?;
            self.step(&inputs)?;
            observer.advance(1);

            if place + 1 == batches {
                let row = self.end_epoch(epoch + 1, batches, epoch_start);
                epoch_start = Instant::now();
                observer.epoch(&row, epochs);
                self.epochs.push(row);
                self.save(&network)?;
            }
            if observer.should_stop() && !self.is_done() {
                self.save_checkpoint()?;
                observer.end();
                let (step, steps) = (self.trainer.step, training.steps);
                let folder = self.place.folder().map(Path::to_path_buf);
                return Err(Error::Interrupted(Interrupted::Training { step, steps, folder }));
            }
        }
        observer.end();
        let outcome = self.outcome(set.len())?;
        Ok((self.trainer.parameters.to_vec(), outcome))
    }

    /// The outcome of a finished training.
    pub(super) fn outcome(&self, images: usize) -> Result<Outcome> {
        let epochs = self.trainer.step / (images / self.training.batch).max(1) as u64;
        let rows = if self.epochs.is_empty() { self.metrics(epochs)? } else { self.epochs.clone() };
        let last = rows.last();
        Ok(Outcome {
            checksum: model::checksum(&self.trainer.parameters),
            loss: last.map_or(f64::NAN, |row| row.loss),
            dead_share: last.map_or(0.0, |row| row.dead_share),
            seconds: 0.0,
        })
    }

    /// The metrics of the run's first epochs; none if the training is in memory.
    fn metrics(&self, epochs: u64) -> Result<Vec<EpochMetrics>> {
        self.place.run().map_or(Ok(Vec::new()), |run| run.metrics(epochs))
    }

    fn step(&mut self, pixels: &[f32]) -> Result<()> {
        let loss = self.trainer.step(pixels).map_err(|error| self.diverged(error))?;
        self.epoch_loss += f64::from(loss);
        self.trainer.count_survivors(&mut self.survived);
        Ok(())
    }

    /// The error of a step that the core refused, with the folder of the last good weights.
    fn diverged(&self, error: Error) -> Error {
        match error {
            Error::Core(source) => Error::Diverged {
                step: self.trainer.step + 1,
                folder: self.place.folder().map(Path::to_path_buf),
                source,
            },
            error => error,
        }
    }

    fn end_epoch(&mut self, epoch: u64, batches: usize, start: Instant) -> EpochMetrics {
        let loss = self.epoch_loss / batches as f64;
        let dead = self.survived.iter().filter(|count| **count == 0).count();
        let row = EpochMetrics {
            epoch,
            loss,
            pixel_mse: 2.0 * loss / self.resolved.network().input().len() as f64,
            dead_share: dead as f64 / self.survived.len() as f64,
            rate: f64::from(self.training.optimizer.rate_at(self.trainer.step - 1, self.training.steps)),
            seconds: start.elapsed().as_secs_f64(),
        };
        self.epoch_loss = 0.0;
        self.survived.fill(0);
        row
    }

    /// Writes the run's files after an epoch.
    fn save(&self, network: &Network) -> Result<()> {
        let Some(run) = self.place.run() else { return Ok(()) };
        run.save_metrics(&self.epochs)?;
        let path = run.file("model.safetensors");
        let sample = self.resolved.image();
        model::save(&path, network, &self.trainer.parameters, self.input_scale, sample)?;
        self.save_checkpoint()
    }

    fn save_checkpoint(&self) -> Result<()> {
        let Some(run) = self.place.run() else { return Ok(()) };
        let checkpoint = Checkpoint {
            parameters: self.trainer.parameters.to_vec(),
            moments: self.trainer.moments.to_vec(),
            step: self.trainer.step,
            epoch_loss: self.epoch_loss,
            survived: self.survived.clone(),
        };
        checkpoint.save(&run.checkpoint())
    }
}

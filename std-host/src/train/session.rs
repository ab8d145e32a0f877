//! The training of one layer: steps and epochs, from the beginning or from a checkpoint to the end.

use std::borrow::Cow;
use std::path::Path;
use std::time::Instant;

use wta_core::{Network, Random, TrainingConfig};
use wta_simd::Isa;

use super::checkpoint::Checkpoint;
use super::held_out::{Partition, Subset, measure, variance};
use super::initial::initialise;
use super::options::Outcome;
use super::revive::revive;
use super::set::TrainingSet;
use super::step::BatchTrainer;
use crate::error::{Error, Interrupted, Result};
use crate::memory::reserve;
use crate::observer::{EpochMetrics, Observer};
use crate::recipe::{Recipe, Resolved};
use crate::run::{Links, Run, RunLock, model};

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
        /// Whether it is the folder of a layer below.
        is_below: bool,
    },
}

impl Place {
    /// Begins a run, or opens the one to resume; `true` if it resumes.
    pub(super) fn open(&self, recipe: &Recipe) -> Result<bool> {
        match self {
            Self::Memory => Ok(false),
            Self::Folder { run, resume, .. } if *resume && run.exists() => run.go_on(recipe).map(|()| true),
            Self::Folder { run, .. } => run.begin(recipe).map(|()| false),
        }
    }

    /// The place of the layer below.
    pub(super) fn below(&self) -> Self {
        match self {
            Self::Memory => Self::Memory,
            Self::Folder { run, resume, .. } => {
                Self::Folder { run: run.below(), resume: *resume, is_below: true }
            }
        }
    }

    /// Locks the folders of so many layers below, which nobody else may train while those on top learn from
    /// them. For a layer that is below itself, that is done.
    pub(super) fn lock_below(&self, layers: usize) -> Result<Vec<RunLock>> {
        match self {
            Self::Folder { run, is_below: false, .. } => {
                let folders = std::iter::successors(Some(run.below()), |run| Some(run.below()));
                folders.take(layers).map(|run| run.lock()).collect()
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The folder, if there is one.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.run().map(Run::folder)
    }

    /// The run, if there is one.
    pub(super) fn run(&self) -> Option<&Run> {
        match self {
            Self::Memory => None,
            Self::Folder { run, .. } => Some(run),
        }
    }

    /// The run with the checkpoint to continue from, if there is one.
    fn checkpointed(&self) -> Option<&Run> {
        match self {
            Self::Folder { run, resume: true, .. } if run.checkpoint().exists() => Some(run),
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
    /// What the weights belong to, as far as it is known by now.
    links: Links,
    /// What the weights of the checkpoint that the training goes on from belong to.
    began: Option<Links>,
    /// The factor of the input of a stacked layer.
    pub(super) input_scale: Option<f32>,
    /// Whether the weights are those of another run, and not to be initialised.
    has_weights: bool,
    /// The variance of the training samples, and of the held-out ones.
    variances: [f64; 2],
    /// The parameters of the best epoch, if training may end early.
    best: Option<Vec<f32>>,
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
        let mut has_weights = false;
        let mut began = None;
        if let Some(run) = place.checkpointed() {
            let path = run.checkpoint();
            let (checkpoint, found) =
                Checkpoint::load(&path, trainer.parameters.len(), trainer.moments.len(), maps)?;
            found.expect_recipe(&path, resolved.recipe())?;
            began = Some(found);
            trainer.parameters.copy_from_slice(&checkpoint.parameters);
            trainer.moments.copy_from_slice(&checkpoint.moments);
            trainer.step = checkpoint.step;
            (epoch_loss, survived) = (checkpoint.epoch_loss, checkpoint.survived);
            // They count at the first step, too: of another run, or of a device.
            has_weights = true;
        }
        let (input_scale, epochs) = (None, Vec::new());
        let links = Links { recipe: Some(resolved.recipe().identity()), ..Links::default() };
        let (variances, best) = ([0.0; 2], None);
        let mut session = Self {
            trainer,
            resolved,
            training,
            place,
            links,
            began,
            input_scale,
            has_weights,
            variances,
            best,
            epoch_loss,
            survived,
            epochs,
        };
        session.epochs = session.metrics(session.trainer.step / session.batches())?;
        Ok(session)
    }

    /// The steps of an epoch.
    fn batches(&self) -> u64 {
        (self.training.steps / (self.resolved.recipe().training.epochs as u64).max(1)).max(1)
    }

    /// Begins with the weights of another run, unless a step has been done already.
    pub(super) fn begin_with(&mut self, from: Option<&Run>) -> Result<()> {
        let Some(from) = from.filter(|_| self.trainer.step == 0) else { return Ok(()) };
        let model = from.model(&self.resolved.network())?;
        self.trainer.parameters.copy_from_slice(&model.parameters);
        self.has_weights = true;
        // A resume must not begin with other weights.
        self.save_checkpoint()
    }

    /// Takes note of the preprocessing's checksum, which has to be that of the checkpoint.
    pub(super) fn link_preprocess(&mut self, checksum: Option<String>) -> Result<()> {
        if let (Some(began), Some(run)) = (&self.began, self.place.run()) {
            began.expect_preprocess(&run.checkpoint(), checksum.as_deref())?;
        }
        self.links.preprocess = checksum;
        Ok(())
    }

    /// Takes note of the checksum of the layers below. They may have been trained on since the checkpoint.
    pub(super) fn link_below(&mut self, checksum: u32) {
        self.links.below = Some(format!("{checksum:08x}"));
    }

    /// The run, if its training is finished already.
    pub(super) fn finished_run(&self) -> Option<&'a Run> {
        if self.is_done() { self.place.run().filter(|run| run.is_trained()) } else { None }
    }

    fn is_done(&self) -> bool {
        self.trainer.step >= self.training.steps || self.has_lost_patience()
    }

    /// Whether the held-out loss has not fallen for as many epochs as the recipe waits.
    fn has_lost_patience(&self) -> bool {
        let (Some(patience), Some(best)) = (self.resolved.recipe().training.patience, self.best_epoch())
        else {
            return false;
        };
        let at_end = self.trainer.step.is_multiple_of(self.batches());
        at_end && self.epochs.len() - 1 - best >= patience
    }

    /// The index of the epoch with the smallest held-out loss, the first of several.
    fn best_epoch(&self) -> Option<usize> {
        let losses = self.epochs.iter().map(|row| row.held_out_loss).enumerate();
        let losses = losses.filter_map(|(index, loss)| Some((index, loss?)));
        losses.reduce(|best, next| if next.1 < best.1 { next } else { best }).map(|(index, _)| index)
    }

    /// Whether the weights of the best epoch are kept, and not the last ones.
    fn keeps_best(&self) -> bool {
        self.resolved.recipe().training.patience.is_some()
    }

    /// Trains to the last step, and returns the parameters.
    pub(super) fn run(
        mut self,
        set: &dyn TrainingSet,
        partition: &Partition,
        observer: &dyn Observer,
    ) -> Result<(Vec<f32>, Outcome)> {
        let held_out = Subset { set, indices: &partition.held_out };
        let set = &Subset { set, indices: &partition.training };
        let (training, recipe, network) = (self.training, self.resolved.recipe(), self.resolved.network());
        if self.trainer.step == 0 && !self.has_weights {
            initialise(self.resolved, set, &mut self.trainer.parameters)?;
        }
        if self.is_done() {
            // No epoch is wanted: the initial weights are the result.
            self.save(&network)?;
        }
        let batches = set.len() / training.batch;
        let len = network.input().len();
        self.variances = [variance(set, len)?, variance(&held_out, len)?];
        if self.keeps_best() && self.best_epoch().is_some() {
            // The model that a resumed training has kept so far.
            self.best =
                self.place.run().map(|run| run.model(&network)).transpose()?.map(|model| model.parameters);
        }
        let epochs = recipe.training.epochs;
        observer.begin(&format!("train {}", recipe.name), batches as u64 * epochs as u64);
        observer.advance(self.trainer.step);
        let mut order: Vec<usize> = Vec::new();
        let mut inputs = reserve::zeros(training.batch * network.input().len(), || "a batch".to_owned())?;
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
                let dead = self.dead();
                let row = self.end_epoch(epoch + 1, batches, epoch_start, &held_out)?;
                if recipe.training.revive && !dead.is_empty() && !self.is_done() {
                    let BatchTrainer { parameters, moments, .. } = &mut self.trainer;
                    revive(self.resolved, set, epoch + 1, &dead, parameters, moments)?;
                }
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
        if self.has_lost_patience()
            && let Some(best) = self.best_epoch()
        {
            observer.note(&format!(
                "the held-out loss has not fallen since epoch {}: training ends, and its weights are kept",
                best + 1
            ));
        }
        let outcome = self.outcome()?;
        Ok((self.best.unwrap_or_else(|| self.trainer.parameters.to_vec()), outcome))
    }

    /// The outcome of a finished training.
    pub(super) fn outcome(&self) -> Result<Outcome> {
        let kept = if self.keeps_best() { self.best_epoch() } else { None };
        let last = kept.map_or(self.epochs.last(), |best| self.epochs.get(best));
        let parameters = match (&self.best, kept, self.place.run()) {
            (Some(best), _, _) => model::checksum(best),
            (None, Some(_), Some(run)) => model::checksum(&run.model(&self.resolved.network())?.parameters),
            _ => model::checksum(&self.trainer.parameters),
        };
        Ok(Outcome {
            checksum: parameters,
            loss: last.map_or(f64::NAN, |row| row.loss),
            held_out_loss: last.and_then(|row| row.held_out_loss),
            dead_share: last.map_or(0.0, |row| row.dead_share),
            seconds: 0.0,
        })
    }

    /// The metrics of the run's first epochs; none if the training is in memory.
    fn metrics(&self, epochs: u64) -> Result<Vec<EpochMetrics>> {
        self.place.run().map_or(Ok(Vec::new()), |run| run.metrics(epochs))
    }

    fn step(&mut self, pixels: &[f32]) -> Result<()> {
        let loss = match self.trainer.step(pixels) {
            Ok(loss) => loss,
            // Of a batch without a good sample, the step changes nothing, and the training goes on.
            Err(_) if self.trainer.last_skipped() == self.training.batch => {
                self.trainer.step += 1;
                return Ok(());
            }
            Err(error) => return Err(self.diverged(error, pixels)),
        };
        self.epoch_loss += f64::from(loss);
        self.trainer.count_survivors(&mut self.survived);
        Ok(())
    }

    /// The error of a step that the core refused, with the folder of the last good weights.
    fn diverged(&self, error: Error, pixels: &[f32]) -> Error {
        match error {
            Error::Core(source) => Error::Diverged {
                step: self.trainer.step + 1,
                folder: self.place.run().filter(|run| run.is_trained()).map(|run| run.folder().to_path_buf()),
                largest: pixels.iter().fold(0.0, |largest, v| v.abs().max(largest)),
                source,
            },
            error => error,
        }
    }

    /// The maps without a survivor in the epoch so far.
    fn dead(&self) -> Vec<usize> {
        let counts = self.survived.iter().enumerate();
        counts.filter(|(_, count)| **count == 0).map(|(map, _)| map).collect()
    }

    fn end_epoch(
        &mut self,
        epoch: u64,
        batches: usize,
        start: Instant,
        held_out: &dyn TrainingSet,
    ) -> Result<EpochMetrics> {
        let loss = self.epoch_loss / batches as f64;
        let dead = self.dead().len();
        let samples = (batches * self.training.batch) as f64;
        let survived: u64 = self.survived.iter().sum();
        let measures = if held_out.is_empty() {
            None
        } else {
            let (isa, batch) = (self.trainer.kernels(), self.training.batch);
            Some(measure(isa, self.resolved, &self.trainer.parameters, held_out, batch)?)
        };
        let [variance, held_out_variance] = self.variances;
        let share = |loss: f64, variance: f64| if variance > 0.0 { 2.0 * loss / variance } else { 0.0 };
        let row = EpochMetrics {
            epoch,
            loss,
            pixel_mse: 2.0 * loss / self.resolved.network().input().len() as f64,
            dead_share: dead as f64 / self.survived.len() as f64,
            unexplained: Some(share(loss, variance)),
            active: Some(survived as f64 / samples),
            held_out_loss: measures.map(|measures| measures.loss),
            held_out_unexplained: measures.map(|measures| share(measures.loss, held_out_variance)),
            held_out_active: measures.map(|measures| measures.active),
            held_out_dead_share: measures.map(|measures| measures.dead_share),
            rate: f64::from(self.training.optimizer.rate_at(self.trainer.step - 1, self.training.steps)),
            seconds: start.elapsed().as_secs_f64(),
        };
        self.epoch_loss = 0.0;
        self.survived.fill(0);
        Ok(row)
    }

    /// Writes the run's files after an epoch.
    fn save(&mut self, network: &Network) -> Result<()> {
        let is_best = self.best_epoch().is_none_or(|best| best + 1 == self.epochs.len());
        if self.keeps_best() && is_best {
            self.best = Some(self.trainer.parameters.to_vec());
        }
        let Some(run) = self.place.run() else { return Ok(()) };
        if is_best || !self.keeps_best() {
            let path = run.file("model.safetensors");
            model::save_linked(&path, network, &self.trainer.parameters, self.input_scale, &self.links)?;
        }
        run.save_metrics(&self.epochs)?;
        self.save_checkpoint()
    }

    fn save_checkpoint(&self) -> Result<()> {
        let Some(run) = self.place.run() else { return Ok(()) };
        let checkpoint = Checkpoint {
            parameters: Cow::Borrowed(&self.trainer.parameters),
            moments: Cow::Borrowed(&self.trainer.moments),
            step: self.trainer.step,
            epoch_loss: self.epoch_loss,
            survived: self.survived.clone(),
        };
        checkpoint.save(&run.checkpoint(), &self.links)
    }
}

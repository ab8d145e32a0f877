//! The books of a layer's training: its epochs, its best weights and the files of its run. Of several
//! processes, the first keeps them.

use std::borrow::Cow;
use std::path::Path;
use std::time::Instant;

use wta_core::TrainingConfig;
use wta_simd::Isa;

use super::checkpoint::Checkpoint;
use super::held_out::{measured, variance};
use super::learnt::Learnt;
use super::options::Outcome;
use super::place::Place;
use super::set::TrainingSet;
use super::step::Whole;
use crate::error::Result;
use crate::files::seal::Sealed;
use crate::observer::EpochMetrics;
use crate::recipe::Resolved;
use crate::run::model::{self, SavedModel};
use crate::run::{Links, Run};

/// How far a training is within an epoch.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    /// Steps done.
    pub(super) step: u64,
    /// The sum of the losses of the epoch's steps so far.
    pub(super) epoch_loss: f64,
    /// How often each map survived in the epoch so far.
    pub(super) survived: Vec<u64>,
}

impl Progress {
    /// The maps without a survivor in the epoch so far.
    pub(super) fn dead(&self) -> Vec<usize> {
        let counts = self.survived.iter().enumerate();
        counts.filter(|(_, count)| **count == 0).map(|(map, _)| map).collect()
    }
}

/// The bytes of the files of a layer's training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// `model.safetensors`.
    pub model: u64,
    /// `checkpoint.safetensors`.
    pub checkpoint: u64,
}

/// The books of a layer's training.
pub(super) struct Books<'a> {
    resolved: &'a Resolved,
    training: TrainingConfig,
    place: &'a Place,
    /// What the weights belong to, as far as it is known by now.
    links: Links,
    /// What the weights of the checkpoint that the training goes on from belong to.
    began: Option<Links>,
    /// The factor of the input of a stacked layer.
    pub(super) input_scale: Option<f32>,
    /// The variance of the training samples, and of the held-out ones.
    variances: [f64; 2],
    /// What had been learnt by the best epoch, if training may end early.
    best: Option<Learnt<'static>>,
    /// The finished epochs.
    epochs: Vec<EpochMetrics>,
}

impl<'a> Books<'a> {
    /// The books of a training at its beginning, or one that goes on from a checkpoint that belongs to
    /// `began`.
    pub(super) fn open(
        resolved: &'a Resolved,
        training: TrainingConfig,
        place: &'a Place,
        began: Option<Links>,
        step: u64,
    ) -> Result<Self> {
        let links = Links { recipe: Some(resolved.recipe().identity()), ..Links::default() };
        let (variances, best, epochs) = ([0.0; 2], None, Vec::new());
        let mut books =
            Self { resolved, training, place, links, began, input_scale: None, variances, best, epochs };
        books.epochs = match place.run() {
            Some(run) => run.metrics(step / books.batches())?,
            None => Vec::new(),
        };
        Ok(books)
    }

    /// The steps of an epoch.
    fn batches(&self) -> u64 {
        (self.training.steps / (self.resolved.recipe().training.epochs as u64).max(1)).max(1)
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

    /// Whether the training ends after so many steps.
    pub(super) fn is_done(&self, step: u64) -> bool {
        step >= self.training.steps || self.has_lost_patience(step)
    }

    /// Whether the held-out loss has not fallen for as many epochs as the recipe waits.
    fn has_lost_patience(&self, step: u64) -> bool {
        let lost = |patience| EpochMetrics::have_lost_patience(&self.epochs, patience);
        step.is_multiple_of(self.batches()) && self.resolved.recipe().training.patience.is_some_and(lost)
    }

    /// If the training ends because of that, a line that says so.
    pub(super) fn impatience(&self, step: u64) -> Option<String> {
        let best = self.best_epoch().filter(|_| self.has_lost_patience(step))? + 1;
        Some(format!(
            "the held-out loss has not fallen since epoch {best}: training ends, and its weights are kept"
        ))
    }

    /// The index of the epoch with the smallest held-out loss, the first of several.
    fn best_epoch(&self) -> Option<usize> {
        EpochMetrics::best(&self.epochs)
    }

    /// Whether the weights of the best epoch are kept, and not the last ones.
    fn keeps_best(&self) -> bool {
        self.resolved.recipe().training.patience.is_some()
    }

    /// Takes note of the samples, before the first step.
    pub(super) fn take_note_of(
        &mut self,
        training: &dyn TrainingSet,
        held_out: &dyn TrainingSet,
    ) -> Result<()> {
        let network = self.resolved.network();
        let len = network.input().len();
        self.variances = [variance(training, len)?, variance(held_out, len)?];
        if let (true, Some(run)) = (self.keeps_best() && self.best_epoch().is_some(), self.place.run()) {
            // The model that a resumed training has kept so far.
            let SavedModel { parameters, thresholds, .. } = run.model(&network)?;
            self.best =
                Some(Learnt { parameters: parameters.into(), thresholds: thresholds.map(Cow::Owned) });
        }
        Ok(())
    }

    /// Whether the training samples differ from each other.
    pub(super) fn samples_vary(&self) -> bool {
        self.variances[0] > 0.0
    }

    /// The figures of an epoch that is at its end, with the parameters at that time.
    pub(super) fn end_epoch(
        &self,
        isa: Isa,
        progress: &Progress,
        whole: &Whole<'_>,
        start: Instant,
        held_out: &dyn TrainingSet,
    ) -> Result<EpochMetrics> {
        let batches = self.batches();
        let (batch, steps) = (self.training.batch, self.training.steps);
        let loss = progress.epoch_loss / batches as f64;
        let samples = (batches * batch as u64) as f64;
        let measures = if held_out.is_empty() {
            None
        } else {
            Some(measured(isa, self.resolved, &self.learnt(whole)?, held_out, batch)?)
        };
        let [variance, held_out_variance] = self.variances;
        let share = |loss: f64, variance: f64| (variance > 0.0).then(|| 2.0 * loss / variance);
        Ok(EpochMetrics {
            epoch: progress.step / batches,
            loss,
            pixel_mse: 2.0 * loss / self.resolved.network().input().len() as f64,
            dead_share: progress.dead().len() as f64 / progress.survived.len() as f64,
            unexplained: share(loss, variance),
            active: Some(progress.survived.iter().sum::<u64>() as f64 / samples),
            held_out_loss: measures.map(|measures| measures.loss),
            held_out_unexplained: measures.and_then(|measures| share(measures.loss, held_out_variance)),
            held_out_active: measures.map(|measures| measures.active),
            held_out_dead_share: measures.map(|measures| measures.dead_share),
            held_out_dense_share: measures.map(|measures| measures.dense_share),
            held_out_l1: measures.map(|measures| measures.l1),
            held_out_cosine: measures.map(|measures| measures.cosine),
            rate: f64::from(self.training.optimizer.rate_at(progress.step - 1, steps)),
            seconds: start.elapsed().as_secs_f64(),
        })
    }

    /// Takes note of an epoch.
    pub(super) fn push(&mut self, row: EpochMetrics) {
        self.epochs.push(row);
    }

    /// Writes the run's files after an epoch.
    pub(super) fn save(&mut self, whole: &Whole<'_>, progress: Progress) -> Result<()> {
        let is_best = self.best_epoch().is_none_or(|best| best + 1 == self.epochs.len());
        if self.keeps_best() && is_best {
            self.best = Some(self.learnt(whole)?.into_owned());
        }
        let Some(run) = self.place.run() else { return Ok(()) };
        if is_best || !self.keeps_best() {
            let path = run.file("model.safetensors");
            self.sealed_model(whole, &path)?.write(&path)?;
        }
        run.save_metrics(&self.epochs)?;
        self.save_checkpoint(whole, progress)
    }

    /// The file of what has been learnt by now, ready to be written.
    fn sealed_model(&self, whole: &Whole<'_>, path: &Path) -> Result<Sealed> {
        let Learnt { parameters, thresholds } = self.learnt(whole)?;
        let more = (self.input_scale, thresholds.as_deref());
        model::sealed_linked(path, &self.resolved.network(), &parameters, more, &self.links)
    }

    /// Writes the checkpoint.
    pub(super) fn save_checkpoint(&self, whole: &Whole<'_>, progress: Progress) -> Result<()> {
        let Some(run) = self.place.run() else { return Ok(()) };
        checkpoint_of(whole, progress).save(&run.checkpoint(), &self.links)
    }

    /// The bytes of the files that [`Books::save`] would write, without writing them.
    pub(super) fn files(&mut self, whole: &Whole<'_>, progress: Progress) -> Result<Files> {
        let path = Path::new("");
        if self.keeps_best() {
            self.best = Some(self.learnt(whole)?.into_owned());
        }
        // One after the other, as they are written.
        let model = self.sealed_model(whole, path)?.len();
        let checkpoint = checkpoint_of(whole, progress).sealed(path, &self.links)?.len();
        Ok(Files { model, checkpoint })
    }

    /// The run, if its training is finished already.
    pub(super) fn finished_run(&self, step: u64) -> Option<&'a Run> {
        if self.is_done(step) { self.place.run().filter(|run| run.is_trained()) } else { None }
    }

    /// The run, if it has weights of a finished epoch.
    pub(super) fn trained_run(&self) -> Option<&'a Run> {
        self.place.run().filter(|run| run.is_trained())
    }

    /// What has been learnt by now.
    fn learnt<'w>(&self, whole: &'w Whole<'_>) -> Result<Learnt<'w>> {
        Learnt::of(&self.resolved.network(), &self.training, whole)
    }

    /// What a finished training keeps, and its outcome; `last` is the state after its last step.
    pub(super) fn result(mut self, last: &Whole<'_>) -> Result<(Learnt<'static>, Outcome)> {
        let last = self.learnt(last)?;
        let outcome = self.outcome_of(&last)?;
        Ok((self.best.take().unwrap_or_else(|| last.into_owned()), outcome))
    }

    /// The outcome of a finished training.
    pub(super) fn outcome(&self, last: &Whole<'_>) -> Result<Outcome> {
        self.outcome_of(&self.learnt(last)?)
    }

    fn outcome_of(&self, last: &Learnt<'_>) -> Result<Outcome> {
        let kept = if self.keeps_best() { self.best_epoch() } else { None };
        let epoch = kept.map_or(self.epochs.last(), |best| self.epochs.get(best));
        let checksum = match (&self.best, kept, self.place.run()) {
            (Some(best), _, _) => model::checksum(&best.parameters),
            (None, Some(_), Some(run)) => model::checksum(&run.model(&self.resolved.network())?.parameters),
            _ => model::checksum(&last.parameters),
        };
        Ok(Outcome {
            checksum,
            loss: epoch.map_or(f64::NAN, |row| row.loss),
            held_out_loss: epoch.and_then(|row| row.held_out_loss),
            dead_share: epoch.map_or(0.0, |row| row.dead_share),
            seconds: 0.0,
        })
    }
}

fn checkpoint_of<'w>(
    whole: &'w Whole<'_>,
    Progress { step, epoch_loss, survived }: Progress,
) -> Checkpoint<'w> {
    let (parameters, moments) = (Cow::Borrowed(&*whole.parameters), Cow::Borrowed(&*whole.moments));
    Checkpoint { parameters, moments, notes: whole.notes.clone(), step, epoch_loss, survived }
}

//! The training of one layer: steps and epochs, from the beginning or from a checkpoint to the end.

use std::path::Path;
use std::time::Instant;

use wta_core::{Random, TrainingConfig};
use wta_simd::Isa;

use super::books::{Books, Progress};
use super::checkpoint::Checkpoint;
use super::held_out::{Partition, Subset};
use super::initial::initialise;
use super::learnt::Learnt;
use super::options::Outcome;
use super::place::Place;
use super::revive::revive;
use super::set::{TrainingSet, Watched};
use super::step::{BatchTrainer, Whole};
use crate::error::{Error, Interrupted, Result};
use crate::memory::reserve;
use crate::observer::Observer;
use crate::ranks::Team;
use crate::recipe::Resolved;
use crate::run::Run;

/// The state of a layer's training.
pub(super) struct Session<'a> {
    trainer: BatchTrainer<Isa>,
    team: Team,
    resolved: &'a Resolved,
    training: TrainingConfig,
    place: &'a Place,
    /// What is kept and saved; of several processes, by the first.
    pub(super) books: Books<'a>,
    /// Whether the weights are those of another run, and not to be initialised.
    has_weights: bool,
    epoch_loss: f64,
    /// How often each map survived in the epoch so far. Of several processes, each has its own count, and the
    /// first also what was counted before a resume.
    survived: Vec<u64>,
    /// Whether the training is at its end; the first process decides.
    is_done: bool,
}

impl<'a> Session<'a> {
    /// Starts at the run's checkpoint if there is one; otherwise at step 0, before the weights are
    /// initialised.
    pub(super) fn start(
        team: &Team,
        resolved: &'a Resolved,
        training: TrainingConfig,
        place: &'a Place,
        isa: Isa,
    ) -> Result<Self> {
        let (network, gibbs) = (resolved.network(), resolved.recipe().gibbs());
        let maps = network.code().channels;
        let mut trainer = BatchTrainer::among(team.ranks(), isa, network, training, gibbs)?;
        trainer.note_as(&resolved.recipe().dictionary)?;
        let (mut epoch_loss, mut survived) = (0.0, vec![0; maps]);
        let (mut began, mut whole) = (None, None);
        if let Some(run) = place.checkpointed() {
            let (path, moments) = (run.checkpoint(), trainer.whole_moments_len());
            let (checkpoint, found) = Checkpoint::load(&path, network.parameters_len(), moments, maps)?;
            found.expect_recipe(&path, resolved.recipe())?;
            began = Some(found);
            trainer.step = checkpoint.step;
            (epoch_loss, survived) = (checkpoint.epoch_loss, checkpoint.survived);
            let Checkpoint { parameters, moments, notes, .. } = checkpoint;
            whole = Some(Whole { parameters, moments, notes });
        }
        // They count at the first step, too: of another run, or of a device.
        let has_weights = team.first_says(whole.is_some())?;
        if has_weights {
            trainer.distribute(whole)?;
            trainer.step = team.firsts(trainer.step)?;
            epoch_loss = team.firsts(epoch_loss)?;
        }
        let books = Books::open(resolved, training, place, began, trainer.step)?;
        let is_done = team.first_says(books.is_done(trainer.step))?;
        let team = team.clone();
        Ok(Self {
            trainer,
            team,
            resolved,
            training,
            place,
            books,
            has_weights,
            epoch_loss,
            survived,
            is_done,
        })
    }

    /// Begins with the weights of another run, unless a step has been done already.
    pub(super) fn begin_with(&mut self, from: Option<&Run>) -> Result<()> {
        let from = from.filter(|_| self.trainer.step == 0);
        let network = self.resolved.network();
        let model = match from.filter(|_| self.team.is_first()) {
            Some(from) => {
                let parameters = from.model(&network)?.parameters;
                let learnt = Learnt { parameters: parameters.into(), thresholds: None };
                Some(learnt.in_training(&network, &self.training)?)
            }
            None => None,
        };
        if !self.team.first_says(model.is_some())? {
            return Ok(());
        }
        self.trainer.begin_with(model)?;
        self.has_weights = true;
        // A resume must not begin with other weights.
        self.save_checkpoint()
    }

    /// The run, if its training is finished already. The first process knows.
    pub(super) fn finished_run(&self) -> Option<&'a Run> {
        self.books.finished_run(self.trainer.step)
    }

    /// The outcome of a training that is finished already.
    pub(super) fn finished_outcome(&self) -> Result<Outcome> {
        let outcome = self.trainer.collect()?.map(|whole| self.books.outcome(&whole));
        self.team.firsts_outcome(outcome.transpose()?)
    }

    /// Trains to the last step, and returns the parameters.
    pub(super) fn run(
        mut self,
        set: &dyn TrainingSet,
        partition: &Partition,
        observer: &dyn Observer,
    ) -> Result<(Learnt<'static>, Outcome)> {
        let held_out = Subset { set, indices: &partition.held_out };
        let set = &Subset { set, indices: &partition.training };
        let (training, recipe, network) = (self.training, self.resolved.recipe(), self.resolved.network());
        if self.trainer.step == 0 && !self.has_weights {
            let interrupted = Interrupted::Training { step: 0, steps: training.steps, folder: None };
            self.initialise(&Watched { set, observer, interrupted })?;
        }
        if self.is_done {
            // No epoch is wanted: the initial weights are the result.
            self.save()?;
        }
        if self.team.is_first() {
            self.books.take_note_of(set, &held_out)?;
        }
        let batches = set.len() / training.batch;
        let epochs = recipe.training.epochs;
        observer.begin(&format!("train {}", recipe.name), batches as u64 * epochs as u64);
        observer.advance(self.trainer.step);
        let mut order: Vec<usize> = Vec::new();
        let own = self.trainer.images();
        let mut inputs = reserve::zeros(own.len() * network.input().len(), || "a batch".to_owned())?;
        let mut epoch_start = Instant::now();
        while !self.is_done {
            let epoch = self.trainer.step / batches as u64;
            let place = (self.trainer.step % batches as u64) as usize;
            if order.is_empty() || place == 0 {
                order = (0..set.len()).collect();
                Random::stream(recipe.training.seed, epoch + 1).shuffle(&mut order);
            }
            let first = place * training.batch;
            let chosen = order.get(first + own.start..first + own.end).unwrap_or_default();
            set.write(chosen, &mut inputs)?;
            self.trainer.set_selection(recipe.sparsity.keep_at(self.trainer.step, training.steps))?;
            self.step(&inputs)?;
            observer.advance(1);

            if place + 1 == batches {
                self.end_epoch(set, &held_out, epoch_start, observer)?;
                epoch_start = Instant::now();
            }
            if self.team.any_says(observer.should_stop())? && !self.is_done {
                self.save_checkpoint()?;
                self.place.tell_saved(self.trainer.step, training.steps, observer);
                observer.end();
                let (step, steps) = (self.trainer.step, training.steps);
                let folder = self.place.folder().map(Path::to_path_buf);
                return Err(Error::Interrupted(Interrupted::Training { step, steps, folder }));
            }
        }
        observer.end();
        if let Some(line) = self.books.impatience(self.trainer.step) {
            observer.note(&line);
        }
        let result = match self.trainer.collect()? {
            Some(whole) => Some(self.books.result(&whole)?),
            None => None,
        };
        let (learnt, outcome) = result.map_or((Learnt::default(), None), |(l, outcome)| (l, Some(outcome)));
        let parameters = self.team.firsts_numbers(learnt.parameters.into_owned())?.into();
        let thresholds = self.team.firsts_numbers(learnt.thresholds.unwrap_or_default().into_owned())?;
        let thresholds = (!thresholds.is_empty()).then_some(thresholds.into());
        Ok((Learnt { parameters, thresholds }, self.team.firsts_outcome(outcome)?))
    }

    /// Gives the network its initial weights.
    fn initialise(&mut self, set: &dyn TrainingSet) -> Result<()> {
        if self.team.is_alone() {
            return initialise(self.resolved, set, &mut self.trainer.parameters);
        }
        let mut initial = None;
        if self.team.is_first() {
            let mut parameters = vec![0.0; self.resolved.network().parameters_len()];
            initialise(self.resolved, set, &mut parameters)?;
            initial = Some(parameters);
        }
        self.trainer.begin_with(initial)
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
            Error::Core(source) => {
                let largest = pixels.iter().fold(0.0, |largest: f32, v| v.abs().max(largest));
                Error::Diverged {
                    step: self.trainer.step + 1,
                    folder: self.books.trained_run().map(|run| run.folder().to_path_buf()),
                    // A process that has lost the others still knows its own.
                    largest: self.trainer.largest_of_all(largest).unwrap_or(largest),
                    source,
                }
            }
            error => error,
        }
    }

    /// Ends an epoch: its figures, new weights for dead maps, the run's files.
    fn end_epoch(
        &mut self,
        set: &dyn TrainingSet,
        held_out: &dyn TrainingSet,
        start: Instant,
        observer: &dyn Observer,
    ) -> Result<()> {
        let progress = self.progress()?;
        let (recipe, step) = (self.resolved.recipe(), self.trainer.step);
        let Self { trainer, books, .. } = self;
        let mut revived = None;
        if let Some(mut whole) = trainer.collect()? {
            let row = books.end_epoch(trainer.kernels(), &progress, &whole, start, held_out)?;
            let dead = progress.dead();
            let revives = recipe.training.revive && !dead.is_empty() && !books.is_done(step);
            if revives {
                let (parameters, moments) = (whole.parameters.to_mut(), whole.moments.to_mut());
                revive(self.resolved, set, row.epoch, &dead, parameters, moments)?;
            }
            observer.epoch(&row, recipe.training.epochs);
            books.push(row);
            let survived = vec![0; progress.survived.len()];
            books.save(&whole, Progress { step, epoch_loss: 0.0, survived })?;
            self.place.tell_saved(step, self.training.steps, observer);
            revived = revives.then(|| whole.into_owned());
        }
        self.epoch_loss = 0.0;
        self.survived.fill(0);
        if self.team.first_says(revived.is_some())? {
            self.trainer.distribute(revived)?;
        }
        self.is_done = self.team.first_says(self.books.is_done(step))?;
        Ok(())
    }

    /// How far the training is.
    fn progress(&self) -> Result<Progress> {
        let survived = self.team.sums(&self.survived)?;
        Ok(Progress { step: self.trainer.step, epoch_loss: self.epoch_loss, survived })
    }

    /// Writes the run's files between two epochs.
    fn save(&mut self) -> Result<()> {
        let progress = self.progress()?;
        let Self { trainer, books, .. } = self;
        trainer.collect()?.map_or(Ok(()), |whole| books.save(&whole, progress))
    }

    /// Writes the checkpoint.
    fn save_checkpoint(&self) -> Result<()> {
        let progress = self.progress()?;
        self.trainer.collect()?.map_or(Ok(()), |whole| self.books.save_checkpoint(&whole, progress))
    }
}

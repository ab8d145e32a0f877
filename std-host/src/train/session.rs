//! The training of one layer: steps and epochs, from the beginning or from a checkpoint to the end.

use std::path::Path;
use std::time::Instant;

use wta_core::TrainingConfig;
use wta_simd::Isa;

use super::batches::Batches;
use super::books::{Books, Files, Progress};
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
use crate::observer::Observer;
use crate::ranks::Team;
use crate::recipe::Resolved;
use crate::run::Run;

/// The fewest steps of a rehearsal, if one of them is quick.
const FEWEST_STEPS: u64 = 6;

/// How long a rehearsal goes on. The second half of it is measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// About how many seconds. One step is done however long it takes.
    pub(super) seconds: f64,
    /// The most steps.
    pub(super) steps: u64,
}

/// What a few steps took ([`Session::rehearse`]).
#[derive(Clone, Debug)]
pub(super) struct Steps {
    /// The time of each step that counts, with the loading of its batch.
    pub(super) seconds: Vec<f64>,
    /// The time to begin.
    pub(super) initial_seconds: f64,
    /// The time to load a sample.
    pub(super) load_seconds: f64,
    /// The time to measure the network on the held-out samples.
    pub(super) held_out_seconds: f64,
    /// The rest of what comes at the end of an epoch.
    pub(super) end_seconds: f64,
    pub(super) files: Files,
}

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
        let (training, recipe) = (self.training, self.resolved.recipe());
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
            if !self.books.samples_vary() {
                observer.note("note: all training samples are alike, so that there is nothing to learn");
            }
        }
        let epochs = recipe.training.epochs;
        let mut batches = self.batches(set)?;
        observer.begin(&format!("train {}", recipe.name), batches.len() * epochs as u64);
        observer.advance(self.trainer.step);
        let mut epoch_start = Instant::now();
        while !self.is_done {
            let ends_epoch = batches.ends_epoch(self.trainer.step);
            self.step_of(&mut batches)?;
            observer.advance(1);

            if ends_epoch {
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

    /// The batches of a set, for this process.
    fn batches<'s>(&self, set: &'s dyn TrainingSet) -> Result<Batches<'s>> {
        let (seed, len) = (self.resolved.recipe().training.seed, self.resolved.network().input().len());
        Batches::new(set, &self.training, seed, self.trainer.images(), len)
    }

    /// Does the next step.
    fn step_of(&mut self, batches: &mut Batches<'_>) -> Result<()> {
        let step = self.trainer.step;
        let inputs = batches.of(step)?;
        let keep = self.resolved.recipe().sparsity.keep_at(step, self.training.steps);
        self.trainer.set_selection(keep)?;
        self.step(inputs)
    }

    /// Does a few steps as [`Session::run`] does, the last ones spread over the whole training, and what
    /// comes at the end of an epoch but for the writing. With `may_read`, the weights begin as in a training;
    /// otherwise at random, so that no samples are read for them.
    pub(super) fn rehearse(
        mut self,
        set: &dyn TrainingSet,
        partition: &Partition,
        patience: Patience,
        may_read: bool,
        observer: &dyn Observer,
    ) -> Result<(Learnt<'static>, Steps)> {
        let held_out = Subset { set, indices: &partition.held_out };
        let set = &Subset { set, indices: &partition.training };
        let (recipe, network, training) = (self.resolved.recipe(), self.resolved.network(), self.training);
        let start = Instant::now();
        if may_read && !self.has_weights {
            self.initialise(set)?;
        } else if !self.has_weights {
            let seed = recipe.training.seed;
            network.initialise(self.resolved.initial(), seed, &mut self.trainer.parameters)?;
        }
        let initial_seconds = start.elapsed().as_secs_f64();
        let mut batches = self.batches(set)?;
        let all = training.steps.max(1);
        let (mut done, mut learning, mut measured) = (0, 0, 1);
        let mut seconds = Vec::new();
        observer.begin(&format!("measure {}", recipe.name), 0);
        while done < learning + measured {
            if observer.should_stop() {
                return Err(Error::Interrupted(Interrupted::Profile));
            }
            let start = Instant::now();
            self.step_of(&mut batches)?;
            let elapsed = start.elapsed().as_secs_f64();
            observer.advance(1);
            if done == 0 && elapsed < patience.seconds {
                // It is slower than those to come, as its memory is new. Others at the beginning are quicker:
                // screening leaves fewer candidates for as long as weights are random.
                let steps = ((patience.seconds / elapsed) as u64).clamp(FEWEST_STEPS, patience.steps);
                learning = steps / 2;
                measured = steps - learning;
            } else if done >= learning {
                seconds.push(elapsed);
            }
            done += 1;
            let begun = done.min(learning).min(all - 1);
            let share =
                u128::from(done - done.min(learning)) * u128::from(all - begun) / u128::from(measured);
            self.trainer.step = begun + share as u64;
        }
        self.trainer.step = all;
        let start = Instant::now();
        batches.of(0)?;
        let load_seconds = start.elapsed().as_secs_f64() / training.batch as f64;
        let progress = self.progress()?;
        let Self { trainer, books, .. } = &mut self;
        let start = Instant::now();
        let (mut held_out_seconds, mut files, mut learnt) = (0.0, Files::default(), Learnt::default());
        if let Some(mut whole) = trainer.collect()? {
            books.end_epoch(trainer.kernels(), &progress, &whole, start, &held_out)?;
            held_out_seconds = start.elapsed().as_secs_f64();
            if recipe.training.revive {
                // New weights for dead maps are put into a copy.
                whole = whole.into_owned();
            }
            files = books.files(&whole, progress)?;
            learnt = Learnt::of(&network, &training, &whole)?.into_owned();
        }
        let end_seconds = start.elapsed().as_secs_f64() - held_out_seconds;
        observer.end();
        let steps = Steps { seconds, initial_seconds, load_seconds, held_out_seconds, end_seconds, files };
        Ok((learnt, steps))
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

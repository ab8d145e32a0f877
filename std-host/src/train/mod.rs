//! Training a recipe: layers from the lowest up, epochs, checkpoints, metrics.
//!
//! [`train`] trains in memory. [`train_into`] trains into a run folder; after each epoch it writes the
//! metrics, the model and a checkpoint, from which it can resume. Both give the same weights.

mod batches;
mod books;
mod checkpoint;
mod held_out;
mod images;
mod initial;
mod journal;
mod learnt;
mod options;
mod place;
mod probabilities;
mod rehearsal;
mod revive;
mod save;
mod session;
mod set;
mod stacked;
mod step;
pub mod stopwatch;
mod team;

use std::sync::Arc;
use std::time::Instant;

use wta_core::TrainingConfig;

pub use books::Files;
pub(crate) use checkpoint::save_checkpoint;
pub use images::ImageSet;
pub use initial::initialise;
pub use learnt::Learnt;
pub use options::{Options, Outcome};
pub use rehearsal::{Few, LayerMemory, LayerRehearsal, TrainingRehearsal, Wanted, rehearse};
pub use set::TrainingSet;
pub use stacked::StackedSet;
pub use step::{BatchTrainer, DeadUnits, Notes, Whole};

use crate::data::Dataset;
use crate::error::{Error, Interrupted, Result};
use crate::observer::Observer;
use crate::preprocess::{self, Preprocess, Samples};
use crate::ranks::{Team, agree};
use crate::recipe::{Recipe, Resolved};
use crate::run::common::{facts_of_samples, facts_of_work};
use crate::run::{Below, Run, RunLock, SampleKind, Trained};
use held_out::Partition;
use journal::Journal;
use place::Place;
use probabilities::expect_probabilities;
use session::Session;
use stacked::no_patches;

/// The indices of the samples that a recipe holds out of so many, ascending: the same in each training.
///
/// # Errors
///
/// [`Error::Recipe`] if the recipe holds out none, or all.
pub fn held_out_of(recipe: &Recipe, samples: usize) -> Result<Vec<usize>> {
    let held_out = Partition::new(recipe, samples)?.held_out;
    if held_out.is_empty() {
        Err(recipe.wrong("training.held_out is not set".to_owned()))
    } else {
        Ok(held_out)
    }
}

/// Trains a recipe in memory, without writing files. The layers of a stack are trained one after the other,
/// each to its end.
///
/// # Errors
///
/// [`Error::Recipe`] if the data do not allow the settings, [`Error::Diverged`] if a step gives numbers that
/// are not finite, and [`Error::Interrupted`] if the observer stops it.
pub fn train(
    recipe: &Recipe,
    samples: &Samples<'_>,
    options: Options<'_>,
    observer: &dyn Observer,
) -> Result<(Trained, Outcome)> {
    expect_common(recipe, samples, &options)?;
    run(recipe, samples, Place::Memory, options, observer)
}

/// Trains a recipe into a run folder. After each epoch it writes the metrics, the model and the checkpoint.
/// The lower layers of a stack get a run folder `below` each. With `resume`, training continues from the
/// checkpoint, if there is one.
///
/// # Errors
///
/// As for [`train`]; [`Error::Run`] if the folder holds another run, [`Error::Io`] if a file cannot be
/// written. Files written before an error stay whole.
pub fn train_into(
    folder: &Run,
    resume: bool,
    recipe: &Recipe,
    samples: &Samples<'_>,
    options: Options<'_>,
    observer: &dyn Observer,
) -> Result<(Trained, Outcome)> {
    // Before there is a folder.
    expect_common(recipe, samples, &options)?;
    if !Team::of(options.ranks).is_first() {
        return run(recipe, samples, Place::Memory, options, observer);
    }
    let lock = locked(folder, observer)?;
    run(recipe, samples, Place::of(&lock, resume), options, observer)
}

/// [`train_into`] a run folder that the caller has locked, and may keep locked for longer.
///
/// # Errors
///
/// As for [`train_into`].
pub fn train_locked(
    lock: &RunLock,
    resume: bool,
    recipe: &Recipe,
    samples: &Samples<'_>,
    options: Options<'_>,
    observer: &dyn Observer,
) -> Result<(Trained, Outcome)> {
    expect_common(recipe, samples, &options)?;
    let place = if Team::of(options.ranks).is_first() { Place::of(lock, resume) } else { Place::Memory };
    run(recipe, samples, place, options, observer)
}

/// Locks a run folder; a note says if that is not possible.
///
/// # Errors
///
/// As for [`Run::lock`].
pub fn locked(folder: &Run, observer: &dyn Observer) -> Result<RunLock> {
    let lock = folder.lock()?;
    if !lock.is_held() {
        let folder = folder.folder().display();
        observer
            .note(&format!("note: {folder}: this file system has no locks; let no other program work there"));
    }
    Ok(lock)
}

fn run(
    recipe: &Recipe,
    samples: &Samples<'_>,
    place: Place,
    options: Options<'_>,
    observer: &dyn Observer,
) -> Result<(Trained, Outcome)> {
    let (start, team) = (Instant::now(), Team::of(options.ranks));
    let layer = Layer::plan(recipe.resolve(samples.image_shape())?.into(), samples, options.patches)?;
    let journal = place.run().map(|run| Journal::new(observer, run));
    let observer = journal.as_ref().map_or(observer, |journal| journal as &dyn Observer);
    let result = layer.train(&team, &place, options, observer);
    if let (Err(error), Some(run)) = (&result, place.run()) {
        forget(error, run);
    }
    if let Some(journal) = &journal {
        journal.close(&result);
    }
    let (trained, outcome) = result.map_err(|error| match (error, place.run()) {
        (Error::Interrupted(Interrupted::Preprocessing | Interrupted::LayersBelow), None) => {
            Error::Interrupted(Interrupted::InMemory)
        }
        (error, _) => error,
    })?;
    Ok((trained, Outcome { seconds: start.elapsed().as_secs_f64(), ..outcome }))
}

/// `Ok` if all processes have the same version, instruction set, recipe and samples.
fn expect_common(recipe: &Recipe, samples: &Samples<'_>, options: &Options<'_>) -> Result<()> {
    let team = Team::of(options.ranks);
    if team.is_alone() {
        return Ok(());
    }
    let mut facts = facts_of_work(options.isa, recipe);
    facts.extend(facts_of_samples("samples", samples)?);
    if let Some(patches) = options.patches {
        facts.extend(facts_of_samples("samples of the layers below", patches)?);
    }
    Ok(agree(&*team.ranks(), &facts)?)
}

/// Removes the files of a training that failed before it had anything to keep, so that the folder can be used
/// again.
fn forget(error: &Error, run: &Run) {
    let began = !run.is_trained() && !run.checkpoint().exists() && !run.below().exists();
    let is_to_be_kept = match error {
        Error::Interrupted(_) => true,
        // Of the folder itself, and not of another run to begin with.
        Error::Run { folder, .. } => folder.starts_with(run.folder()),
        _ => false,
    };
    if began && !is_to_be_kept {
        // What cannot be removed is reported by the next training.
        let _ = run.remove();
    }
}

impl Recipe {
    /// Trains a network of this recipe in memory, with the fastest instruction set. [`train`] and
    /// [`train_into`] allow other instruction sets, memory bounds, run folders and resuming.
    ///
    /// # Errors
    ///
    /// As for [`train`].
    pub fn train(&self, data: &Dataset, observer: &dyn Observer) -> Result<Trained> {
        let samples = Samples::new(self, data)?;
        train(self, &samples, Options::default(), observer).map(|(trained, _)| trained)
    }
}

/// `Ok` if every layer's settings make sense for these samples.
///
/// # Errors
///
/// As for [`train`], but before anything is trained.
pub fn check(recipe: &Recipe, samples: &Samples<'_>, patches: Option<&Samples<'_>>) -> Result<()> {
    Layer::plan(recipe.resolve(samples.image_shape())?.into(), samples, patches).map(|_| ())
}

/// A layer to be trained, with the layers below it. [`Layer::plan`] finds impossible settings of an upper
/// layer before hours are spent on training a lower one.
struct Layer<'a> {
    /// The recipe, resolved for the images that this layer learns from.
    resolved: Arc<Resolved>,
    training: TrainingConfig,
    samples: &'a Samples<'a>,
    /// Which samples are trained on.
    partition: Partition,
    below: Option<Box<Layer<'a>>>,
}

impl<'a> Layer<'a> {
    fn plan(
        resolved: Arc<Resolved>,
        samples: &'a Samples<'a>,
        patches: Option<&'a Samples<'a>>,
    ) -> Result<Self> {
        let recipe = resolved.recipe();
        let below = match (&recipe.below, resolved.below(), recipe.large) {
            (Some(below), _, Some(_)) => {
                // The layers below learn from patches; later they are applied to larger images.
                let patches = patches.ok_or_else(|| no_patches(recipe))?;
                Some(Self::plan(below.resolve(patches.image_shape())?.into(), patches, None)?)
            }
            (_, Some(below), None) => Some(Self::plan(Arc::clone(below), samples, patches)?),
            _ => {
                recipe.check_images(samples.image_shape())?;
                None
            }
        };
        let partition = Partition::new(resolved.recipe(), samples.len())?;
        let training = resolved.training(partition.training.len())?;
        Ok(Self { training, samples, partition, below: below.map(Box::new), resolved })
    }

    fn train(
        &self,
        team: &Team,
        place: &Place,
        options: Options<'_>,
        observer: &dyn Observer,
    ) -> Result<(Trained, Outcome)> {
        let resumed = place.open(self.resolved.recipe())?;
        if let Some(run) = place.run() {
            let kind = SampleKind::of(self.samples)?;
            if resumed {
                run.expect_sample(&kind)?;
            }
            run.save_sample(&kind)?;
        }
        match &self.below {
            None => self.train_lowest(team, place, resumed, options, observer),
            Some(below) => self.train_on(below, team, place, options, observer),
        }
    }

    /// How many layers there are, with those below.
    fn layers(&self) -> usize {
        1 + self.below.as_ref().map_or(0, |below| below.layers())
    }

    /// A training that its run folder has already.
    fn finished(&self, team: &Team, session: &Session<'_>) -> Result<Option<(Trained, Outcome)>> {
        let run = session.finished_run();
        if !team.first_says(run.is_some())? {
            return Ok(None);
        }
        let outcome = session.finished_outcome()?;
        let trained = match run {
            Some(run) => Some(Trained::load(run, Arc::clone(&self.resolved))?),
            None => None,
        };
        Ok(Some((team.firsts_trained(trained, &self.resolved)?, outcome)))
    }

    /// Trains on the images themselves.
    fn train_lowest(
        &self,
        team: &Team,
        place: &Place,
        resumed: bool,
        options: Options<'_>,
        observer: &dyn Observer,
    ) -> Result<(Trained, Outcome)> {
        let mut session = Session::start(team, &self.resolved, self.training, place, options.isa)?;
        if let Some(finished) = self.finished(team, &session)? {
            return Ok(finished);
        }
        session.begin_with(options.from)?;
        let (recipe, image) = (self.resolved.recipe(), self.samples.image_shape());
        let learn = || match place.folder() {
            Some(folder) if resumed && Preprocess::is_saved(folder) => {
                Preprocess::load(folder, recipe, image)
            }
            folder => {
                let learnt = match options.from {
                    // The weights are for samples that are preprocessed like this.
                    Some(from) if from.recipe()?.preprocess == recipe.preprocess => {
                        Preprocess::load(from.folder(), recipe, image)?
                    }
                    _ => {
                        let among = &self.partition.training;
                        preprocess::fit_on(options.isa, recipe, self.samples, among, observer)?
                    }
                };
                folder.map_or(Ok(()), |folder| learnt.save(folder))?;
                Ok(learnt)
            }
        };
        let learnt = if team.is_first() { Some(learn()?) } else { None };
        let preprocess = team.firsts_preprocess(learnt, recipe)?;
        session.books.link_preprocess(preprocess.checksum())?;
        if recipe.gibbs().is_some() && team.is_first() {
            expect_probabilities(&preprocess, self.samples, options.isa, observer)?;
        }
        let set = ImageSet::new(options.isa, &preprocess, self.samples, options.memory, observer)?;
        let (learnt, outcome) = session.run(&set, &self.partition, observer)?;
        let (resolved, preprocess) = (Arc::clone(&self.resolved), Arc::new(preprocess));
        let (parameters, thresholds) = learnt.into_vectors();
        Ok((Trained { resolved, parameters, preprocess, below: None, thresholds }, outcome))
    }

    /// Trains the layers below, then this one on their features.
    fn train_on(
        &self,
        below: &Layer<'_>,
        team: &Team,
        place: &Place,
        options: Options<'_>,
        observer: &dyn Observer,
    ) -> Result<(Trained, Outcome)> {
        let _below = place.lock_below(below.layers())?;
        let from = options.from.map(Run::below);
        let (trained, _) =
            below.train(team, &place.below(), Options { from: from.as_ref(), ..options }, observer)?;
        let mut session = Session::start(team, &self.resolved, self.training, place, options.isa)?;
        if let Some(finished) = self.finished(team, &session)? {
            return Ok(finished);
        }
        session.begin_with(options.from)?;
        session.books.link_below(trained.checksum());
        let trained = match self.resolved.below() {
            Some(applied) => trained.applied(applied),
            None => trained,
        };
        let input = StackedSet::new(&trained, &self.resolved, self.samples, options, observer)?;
        let scale = input.scale();
        session.books.input_scale = Some(scale);
        let (learnt, outcome) = session.run(&input, &self.partition, observer)?;
        drop(input);
        let preprocess = Arc::clone(&trained.preprocess);
        let (resolved, below) = (Arc::clone(&self.resolved), Some(Box::new(Below { trained, scale })));
        let (parameters, thresholds) = learnt.into_vectors();
        Ok((Trained { resolved, parameters, preprocess, below, thresholds }, outcome))
    }
}

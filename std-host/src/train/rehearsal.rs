//! What a training takes, before it is done: each layer does a few steps on a few samples, with the code and
//! the memory of a whole training. What grows with the number of samples is multiplied.

use std::sync::Arc;
use std::time::Instant;

use wta_core::TrainingConfig;

use super::books::Files;
use super::held_out::{Partition, VARIANCE_SAMPLES};
use super::images::ImageSet;
use super::initial::samples_read;
use super::options::Options;
use super::place::Place;
use super::session::{Patience, Session, Steps};
use super::set::TrainingSet;
use super::stacked::{SCALE_SAMPLES, StackedSet, no_patches};
use crate::error::{Error, Result};
use crate::memory::resident;
use crate::observer::Observer;
use crate::preprocess::{Preprocess, Rehearsal, Samples};
use crate::ranks::Team;
use crate::recipe::memory::training_bytes;
use crate::recipe::{Recipe, Resolved};
use crate::run::{Below, Run, Trained};

/// Batches of samples that a rehearsal wants, as far as there are as many.
const BATCHES: usize = 2;

/// The most steps of a layer.
const MOST_STEPS: u64 = 250;

/// A layer above keeps features that are not 0, and how many these are shows when the layer below has learnt
/// for a while, and from more samples. conv16 has 3,709 MiB of features after 100 steps on 2 batches, 2,162
/// after 450 on 10, 2,212 after an epoch. So layers below take so many times the patience and the steps.
const BATCHES_BELOW: usize = 10;
const BELOW: u32 = 2;

/// A few samples in place of all.
#[derive(Clone, Copy, Debug)]
pub struct Few<'a> {
    /// Some of the training samples, or others of their shape.
    pub samples: &'a Samples<'a>,
    /// How many training samples there are in all.
    pub all: usize,
    /// The bytes of those that are not in memory now, and are in a training.
    pub absent: u64,
    /// Whether a training has all samples in memory, and not in files.
    pub in_memory: bool,
}

impl Few<'_> {
    /// How many samples a rehearsal of a recipe wants.
    pub fn wanted(recipe: &Recipe) -> usize {
        let batches = if recipe.below.is_some() { BATCHES_BELOW } else { BATCHES };
        let of_layer = |layer: &&Recipe| {
            let batch = layer.training.batch;
            batch.saturating_mul(batches + usize::from(layer.training.held_out.is_some()))
        };
        recipe.layers().iter().map(of_layer).max().unwrap_or(1)
    }

    /// What so much for these samples is for all.
    fn of_all(&self, amount: f64) -> f64 {
        amount * self.all as f64 / self.samples.len().max(1) as f64
    }

    /// The bytes for these samples that are in the same proportion as `bytes` for all.
    fn of_these(&self, bytes: usize) -> usize {
        let share = bytes as u128 * self.samples.len() as u128 / self.all.max(1) as u128;
        usize::try_from(share).unwrap_or(usize::MAX)
    }
}

/// How to rehearse.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The options of the training.
    pub options: Options<'a>,
    /// The run to continue, if its training is.
    pub resume: Option<&'a Run>,
    /// About how many seconds the steps of the highest layer may take; those of each layer below, twice as
    /// long. One step is done however long it takes.
    pub patience: f64,
    /// The most bytes that the process may have in use; `None` if nobody says.
    pub most: Option<u64>,
}

/// What the training of a layer takes.
#[derive(Clone, Debug)]
pub struct LayerRehearsal {
    /// The layer.
    pub resolved: Arc<Resolved>,
    /// Its settings.
    pub training: TrainingConfig,
    /// The training samples, without those held out.
    pub samples: usize,
    /// The samples held out.
    pub held_out: usize,
    /// The epochs that the run to continue has done already.
    pub done: usize,
    /// The bytes of preprocessed samples, or of features of the layer below, that are kept; 0 if they are
    /// computed for each batch.
    pub kept: u64,
    /// The steps that were measured; 0 if no epoch is left to be done.
    pub measured: usize,
    /// Seconds of a step, with the loading of its batch.
    pub step_seconds: f64,
    /// Seconds of an epoch, with what comes at its end, but without the disk.
    pub epoch_seconds: f64,
    /// Seconds before the first step: learning the preprocessing, computing what is kept, the first weights.
    pub before_seconds: f64,
    /// Bytes of the layer's files.
    pub files: Files,
    /// Bytes of `preprocess.safetensors`; 0 if there is none.
    pub preprocess_file: u64,
    /// The memory; `None` if the system does not say what is in use.
    pub memory: Option<LayerMemory>,
}

/// The most bytes that the process has in use while a layer is trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerMemory {
    /// While the preprocessing is learnt.
    pub learn: u64,
    /// While the samples are preprocessed, or encoded by the layer below.
    pub prepare: u64,
    /// While steps are done and files are put together.
    pub steps: u64,
    /// What of the latter is for the steps and the files alone: weights, moments, buffers of all threads.
    pub step: u64,
}

impl LayerMemory {
    /// The most at any time.
    pub fn peak(&self) -> u64 {
        self.learn.max(self.prepare).max(self.steps)
    }
}

/// What the trainings of all layers take.
#[derive(Debug)]
pub struct TrainingRehearsal {
    /// The layers from the lowest up; fewer if one was refused.
    pub layers: Vec<LayerRehearsal>,
    /// The network after these few steps; `None` if a layer was refused.
    pub trained: Option<Trained>,
    /// Why a layer is refused: it needs more memory than there is.
    pub refused: Option<Error>,
}

/// Rehearses the training of a recipe, layer by layer. `patches` are for the layers below, if the recipe has
/// `[large]`. Nothing is written.
///
/// # Errors
///
/// As for [`train`](super::train), but for too little memory, which ends the rehearsal early.
pub fn rehearse(
    recipe: &Recipe,
    few: Few<'_>,
    patches: Option<Few<'_>>,
    wanted: Wanted<'_>,
    observer: &dyn Observer,
) -> Result<TrainingRehearsal> {
    let resolved = Arc::new(recipe.resolve(few.samples.image_shape())?);
    let mut rehearsal = TrainingRehearsal { layers: Vec::new(), trained: None, refused: None };
    match layer(&resolved, few, patches, wanted, false, observer, &mut rehearsal.layers) {
        Ok(trained) => rehearsal.trained = Some(trained),
        Err(error @ Error::Memory { .. }) => rehearsal.refused = Some(error),
        Err(error) => return Err(error),
    }
    Ok(rehearsal)
}

/// Rehearses a layer, after those below; takes note of what they take.
fn layer(
    resolved: &Arc<Resolved>,
    few: Few<'_>,
    patches: Option<Few<'_>>,
    wanted: Wanted<'_>,
    is_below: bool,
    observer: &dyn Observer,
    layers: &mut Vec<LayerRehearsal>,
) -> Result<Trained> {
    let recipe = resolved.recipe();
    let below_run = wanted.resume.map(Run::below);
    let from_below = wanted.options.from.map(Run::below);
    let options = Options { from: from_below.as_ref(), ..wanted.options };
    let lower = Wanted { resume: below_run.as_ref(), options, ..wanted };
    let below = match (&recipe.below, resolved.below(), recipe.large) {
        (Some(below), Some(applied), Some(_)) => {
            let patches = patches.ok_or_else(|| no_patches(recipe))?;
            let below = Arc::new(below.resolve(patches.samples.image_shape())?);
            Some(layer(&below, patches, None, lower, true, observer, layers)?.applied(applied))
        }
        (_, Some(below), _) => Some(layer(below, few, None, lower, true, observer, layers)?),
        _ => {
            recipe.check_images(few.samples.image_shape())?;
            None
        }
    };
    let all = Partition::new(recipe, few.all)?;
    let training = resolved.training(all.training.len())?;
    let done = match wanted.resume.filter(|run| run.exists()) {
        Some(run) => run.metrics(u64::MAX)?.len().min(recipe.training.epochs),
        None => 0,
    };
    if let Some(run) = wanted.resume.filter(|run| done == recipe.training.epochs && run.is_trained()) {
        layers.push(LayerRehearsal::finished(resolved, training, &all, done));
        return Trained::load(run, Arc::clone(resolved));
    }
    expect_room(recipe, training_bytes(&resolved.network(), &training), wanted.most)?;
    let rehearsed = Rehearsed { resolved, few, training, all, done, wanted, is_below, observer };
    let (trained, rehearsal) = match below {
        None => rehearsed.lowest()?,
        Some(below) => rehearsed.upper(below)?,
    };
    layers.push(rehearsal);
    Ok(trained)
}

/// `Ok` if the process may have so many bytes more in use.
fn expect_room(recipe: &Recipe, bytes: u64, most: Option<u64>) -> Result<()> {
    let (Some(most), Some(now)) = (most, resident::now()) else { return Ok(()) };
    let left = most.saturating_sub(now);
    if bytes <= left {
        return Ok(());
    }
    let what = format!("recipe {}: the training", recipe.name);
    Err(Error::Memory { what, needs: bytes, left: Some(left) })
}

impl LayerRehearsal {
    /// Of a layer whose training is finished.
    fn finished(resolved: &Arc<Resolved>, training: TrainingConfig, all: &Partition, done: usize) -> Self {
        Self {
            resolved: Arc::clone(resolved),
            training,
            samples: all.training.len(),
            held_out: all.held_out.len(),
            done,
            kept: 0,
            measured: 0,
            step_seconds: 0.0,
            epoch_seconds: 0.0,
            before_seconds: 0.0,
            files: Files::default(),
            preprocess_file: 0,
            memory: None,
        }
    }
}

/// A layer that is rehearsed.
struct Rehearsed<'a> {
    resolved: &'a Arc<Resolved>,
    few: Few<'a>,
    training: TrainingConfig,
    /// Of all samples.
    all: Partition,
    done: usize,
    wanted: Wanted<'a>,
    is_below: bool,
    observer: &'a dyn Observer,
}

/// What has been found before the first step.
struct Before {
    /// The memory in use before any of it.
    start: Option<u64>,
    learn_seconds: f64,
    learn_bytes: u64,
    set_seconds: f64,
    preprocess_file: u64,
    /// What is kept of these samples, and of all.
    kept: [u64; 2],
    /// The most in use while the samples were prepared, and what that is more of all samples, but for what is
    /// kept.
    set_peak: Option<u64>,
    set_more: u64,
}

impl Rehearsed<'_> {
    /// The same share of the few samples as is trained on of all, or at least a batch; the others are held
    /// out, if any are.
    fn partition(&self) -> Partition {
        let few = self.few.samples.len();
        let batch = self.training.batch;
        let held_out = self.all.held_out.len().min(batch).min(few.saturating_sub(batch));
        let trained_on = few - held_out;
        Partition { training: (0..trained_on).collect(), held_out: (trained_on..few).collect() }
    }

    fn patience(&self) -> Patience {
        let times = if self.is_below { BELOW } else { 1 };
        Patience { seconds: self.wanted.patience * f64::from(times), steps: MOST_STEPS * u64::from(times) }
    }

    /// A layer that learns from the samples themselves.
    fn lowest(self) -> Result<(Trained, LayerRehearsal)> {
        let Self { resolved, few, wanted, observer, .. } = &self;
        let (recipe, isa, samples) = (resolved.recipe(), wanted.options.isa, few.samples);
        resident::forget_peak();
        let (start, partition) = (resident::now(), self.partition());
        let run = wanted.resume.or(wanted.options.from).filter(|run| Preprocess::is_saved(run.folder()));
        let rehearsal = match run {
            Some(run) if run.recipe()?.preprocess == recipe.preprocess => {
                let preprocess = Preprocess::load(run.folder(), recipe, samples.image_shape())?;
                Rehearsal { preprocess, seconds: 0.0, bytes: 0, file: 0 }
            }
            _ => {
                let (among, count) = (&partition.training, self.all.training.len());
                Rehearsal::of(isa, recipe, samples, among, count, *observer)?
            }
        };
        let Rehearsal { preprocess, seconds: learn_seconds, bytes: learn_bytes, file } = rehearsal;
        resident::forget_peak();
        let (began, memory) = (Instant::now(), wanted.options.memory);
        let memory = if few.in_memory { few.of_these(memory) } else { 0 };
        let set = ImageSet::new(isa, &preprocess, samples, memory, *observer)?;
        let kept = set.kept_bytes();
        let before = Before {
            start,
            learn_seconds,
            learn_bytes,
            set_seconds: if kept > 0 { few.of_all(began.elapsed().as_secs_f64()) } else { 0.0 },
            preprocess_file: file,
            kept: [kept, few.of_all(kept as f64) as u64],
            set_peak: resident::peak(),
            set_more: 0,
        };
        let (parameters, thresholds, rehearsal) = self.steps(&set, &partition, None, before)?;
        let (resolved, preprocess) = (Arc::clone(self.resolved), Arc::new(preprocess));
        Ok((Trained { resolved, parameters, preprocess, below: None, thresholds }, rehearsal))
    }

    /// A layer that learns from the features of those below.
    fn upper(self, below: Trained) -> Result<(Trained, LayerRehearsal)> {
        let Self { resolved, few, wanted, observer, .. } = &self;
        resident::forget_peak();
        let (start, began, partition) = (resident::now(), Instant::now(), self.partition());
        let options = Options { memory: few.of_these(wanted.options.memory), ..wanted.options };
        let set = StackedSet::new(&below, resolved, few.samples, options, *observer)?;
        let (seconds, scale, kept) = (began.elapsed().as_secs_f64(), set.scale(), set.kept_bytes());
        // The scale is computed from some of the samples, and all of them are encoded if they are kept.
        let some = [few.samples.len(), few.all].map(|samples| samples.min(SCALE_SAMPLES));
        let encoded = some[0] + if kept > 0 { few.samples.len() } else { 0 };
        let in_all = some[1] + if kept > 0 { few.all } else { 0 };
        let dense = (below.features().len() * size_of::<f32>()) as u64;
        let before = Before {
            start,
            learn_seconds: 0.0,
            learn_bytes: 0,
            set_seconds: seconds * in_all as f64 / encoded.max(1) as f64,
            preprocess_file: 0,
            kept: [kept, few.of_all(kept as f64) as u64],
            set_peak: resident::peak(),
            set_more: (some[1] - some[0]) as u64 * dense,
        };
        let (parameters, thresholds, rehearsal) = self.steps(&set, &partition, Some(scale), before)?;
        drop(set);
        let preprocess = Arc::clone(&below.preprocess);
        let (resolved, below) = (Arc::clone(self.resolved), Some(Box::new(Below { trained: below, scale })));
        Ok((Trained { resolved, parameters, preprocess, below, thresholds }, rehearsal))
    }

    /// Does the steps.
    #[allow(clippy::type_complexity, reason = "parameters, thresholds, and what they took")]
    fn steps(
        &self,
        set: &dyn TrainingSet,
        partition: &Partition,
        input_scale: Option<f32>,
        before: Before,
    ) -> Result<(Vec<f32>, Option<Vec<f32>>, LayerRehearsal)> {
        let Self { resolved, few, training, all, done, wanted, observer, .. } = self;
        resident::forget_peak();
        let in_use = resident::now();
        let (team, place) = (Team::of(None), Place::Memory);
        let mut session = Session::start(&team, resolved, *training, &place, wanted.options.isa)?;
        session.begin_with(wanted.options.from)?;
        session.books.input_scale = input_scale;
        // Samples that are encoded anew each time would take too long to be read for the first weights.
        let may_read = input_scale.is_none() || before.kept[0] > 0;
        let (learnt, steps) = session.rehearse(set, partition, self.patience(), may_read, *observer)?;
        let steps_peak = resident::peak();
        let Steps { seconds, initial_seconds, load_seconds, held_out_seconds, end_seconds, files } = steps;
        let step_seconds = mean_of_medians(&seconds);
        let batches = (all.training.len() / training.batch.max(1)) as f64;
        let held_out_share = all.held_out.len() as f64 / partition.held_out.len().max(1) as f64;
        let epoch_seconds = step_seconds * batches + held_out_seconds * held_out_share + end_seconds;
        let read = samples_read(resolved, all.training.len());
        let few_read = if may_read { samples_read(resolved, partition.training.len()) } else { 0 };
        let varied = [&all.training, &all.held_out].map(|part| part.len().min(VARIANCE_SAMPLES));
        let loaded = read.saturating_sub(few_read) + varied.iter().sum::<usize>();
        let first = initial_seconds + loaded as f64 * load_seconds;
        let [kept, kept_of_all] = before.kept;
        // The numbers of samples are shuffled, and noted by part.
        let indices = (3 * size_of::<usize>() * few.all.saturating_sub(few.samples.len())) as u64;
        let grown = |peak: u64| (peak + few.absent + indices + kept_of_all).saturating_sub(kept);
        let memory = match (before.start, before.set_peak, in_use.zip(steps_peak)) {
            (Some(start), Some(set_peak), Some((in_use, steps_peak))) => Some(LayerMemory {
                learn: if before.learn_bytes > 0 { start + few.absent + before.learn_bytes } else { 0 },
                prepare: grown(set_peak) + before.set_more,
                steps: grown(steps_peak),
                step: steps_peak.saturating_sub(in_use),
            }),
            _ => None,
        };
        let rehearsal = LayerRehearsal {
            resolved: Arc::clone(resolved),
            training: *training,
            samples: all.training.len(),
            held_out: all.held_out.len(),
            done: *done,
            kept: kept_of_all,
            measured: seconds.len(),
            step_seconds,
            epoch_seconds,
            before_seconds: before.learn_seconds + before.set_seconds + first,
            files,
            preprocess_file: before.preprocess_file,
            memory,
        };
        let (parameters, thresholds) = learnt.into_vectors();
        Ok((parameters, thresholds, rehearsal))
    }
}

/// How many steps that follow each other are taken to be alike.
const ALIKE: usize = 5;

/// The mean of the steps of a training, which may change while it goes on. Of some that are alike, the median
/// counts: other programs interrupt a few.
fn mean_of_medians(seconds: &[f64]) -> f64 {
    let groups = seconds.chunks(ALIKE).map(|group| {
        let mut group = group.to_vec();
        group.sort_by(f64::total_cmp);
        (group.get(group.len() / 2).copied().unwrap_or(0.0) * group.len() as f64, group.len())
    });
    let (sum, count) = groups.fold((0.0, 0), |(sum, count), (of, len)| (sum + of, count + len));
    sum / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interruptions_do_not_count_and_changes_do() {
        assert_eq!(mean_of_medians(&[1.0, 1.0, 90.0, 1.0, 1.0]), 1.0);
        assert_eq!(mean_of_medians(&[3.0, 3.0, 3.0, 3.0, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0]), 2.0);
        assert_eq!((mean_of_medians(&[4.0]), mean_of_medians(&[])), (4.0, 0.0));
    }
}

//! The state of a run, as its files say it. They are read alone, one after the other, while a training may
//! replace each of them as a whole.

use std::path::Path;
use std::time::{Duration, SystemTime};

use wta::recipe::Recipe;
use wta::run::{Activity, Run, TrainingProgress};
use wta::{EpochMetrics, train};

use crate::error::Result;

/// Without a sign of life for so long, a training is not called running any more.
const LEAST_PATIENCE: Duration = Duration::from_secs(60);

/// How many of the last epochs say how long the next ones will take.
const RECENT: usize = 5;

/// What is known of a run.
pub(crate) struct State {
    /// The run.
    pub(super) run: Run,
    /// The layers of a stack from the lowest up; without a stack, the network alone.
    pub(super) layers: Vec<Layer>,
    /// How far the training is, if it says so.
    progress: Option<TrainingProgress>,
    /// When a file was written last, by the clock of the machine that has the files.
    pub(super) written: Option<SystemTime>,
}

/// A layer, or the network alone.
pub(crate) struct Layer {
    /// The run of this layer.
    pub(super) run: Run,
    /// Its recipe, without the layers below.
    recipe: Recipe,
    /// The finished epochs.
    pub(super) epochs: Vec<EpochMetrics>,
    /// The samples of an epoch, if they are known.
    samples: Option<usize>,
    has_model: bool,
}

/// What a training is doing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Life {
    /// It goes on.
    Training,
    /// All epochs are done.
    Finished,
    /// It was interrupted.
    Interrupted,
    /// It ended with an error.
    Failed(String),
    /// Nothing was written for so long.
    Silent(Duration),
    /// There is a model, and no record of its training.
    Unrecorded,
}

/// How far the present phase is.
pub(super) struct Phase<'a> {
    pub(super) name: &'a str,
    pub(super) done: u64,
    pub(super) total: u64,
}

impl State {
    /// Reads the run in a folder.
    ///
    /// # Errors
    ///
    /// One sentence if there is no run, or one of its files is damaged.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let top = Run::new(folder);
        let mut layers = Vec::new();
        let mut next = Some((top.clone(), top.recipe()?));
        while let Some((run, mut recipe)) = next {
            let below = recipe.below.take().map(|below| (run.below(), *below));
            layers.insert(0, Layer::read(run, recipe)?);
            next = below;
        }
        // What a training that is no more has left half said stops nobody from looking at the rest.
        let progress = top.progress().unwrap_or_default();
        let written = layers.iter().filter_map(Layer::written).max();
        Ok(Self { run: top, layers, progress, written })
    }

    /// The layer that is trained, or that was trained last.
    pub(super) fn current(&self) -> usize {
        let unfinished = self.layers.iter().position(|layer| !layer.is_finished());
        unfinished.unwrap_or(self.layers.len().saturating_sub(1))
    }

    /// What the training is doing, if nothing was written for the time `quiet`.
    pub(crate) fn life(&self, quiet: Duration) -> Life {
        if self.layers.iter().all(Layer::is_finished) {
            return Life::Finished;
        }
        match &self.progress {
            Some(TrainingProgress { activity: Activity::Interrupted, .. }) => return Life::Interrupted,
            Some(TrainingProgress { activity: Activity::Failed, problem, .. }) => {
                return Life::Failed(problem.clone().unwrap_or_else(|| "for no known reason".to_owned()));
            }
            None if self.layers.iter().all(|layer| layer.has_model && layer.epochs.is_empty()) => {
                return Life::Unrecorded;
            }
            _ => {}
        }
        // Without a record of steps, a file is written at the end of an epoch.
        let epoch = self.layers.get(self.current()).and_then(Layer::seconds_of_an_epoch);
        let epoch = if self.progress.is_some() { None } else { epoch };
        let patience = epoch.and_then(|epoch| Duration::try_from_secs_f64(3.0 * epoch).ok());
        if quiet > patience.unwrap_or_default().max(LEAST_PATIENCE) {
            Life::Silent(quiet)
        } else {
            Life::Training
        }
    }

    /// How far the present phase is, if the training says so.
    pub(super) fn phase(&self) -> Option<Phase<'_>> {
        let TrainingProgress { phase, done, total, .. } = self.progress.as_ref()?;
        Some(Phase { name: phase, done: *done, total: *total })
    }

    /// The progress, if it is that of this layer's steps.
    fn progress_of(&self, layer: &Layer) -> Option<&TrainingProgress> {
        let steps = format!("train {}", layer.recipe.name);
        self.progress.as_ref().filter(|progress| progress.phase == steps && progress.total > 0)
    }

    /// Samples that the training of a layer takes a second, if that is known.
    pub(super) fn samples_per_second(&self, layer: &Layer) -> Option<f64> {
        let of_epochs = || Some(layer.samples? as f64 / layer.seconds_of_an_epoch()?);
        let of_steps = || {
            let steps = self.progress_of(layer)?.steps_per_second?;
            Some(steps * layer.recipe.training.batch as f64)
        };
        of_epochs().or_else(of_steps).filter(|speed| speed.is_finite() && *speed > 0.0)
    }

    /// The time until the layer in training has had all its epochs, if that can be said.
    pub(super) fn left(&self) -> Option<Duration> {
        let layer = self.layers.get(self.current())?;
        let progress = self.progress_of(layer);
        let seconds = match (layer.seconds_of_an_epoch(), progress) {
            (Some(epoch), progress) => {
                let finished = layer.epochs.len() as f64;
                let share = progress.map(|progress| progress.done as f64 / progress.total as f64);
                let done = share
                    .map_or(finished, |share| (share * layer.recipe.training.epochs as f64).max(finished));
                (layer.recipe.training.epochs as f64 - done) * epoch
            }
            (None, Some(progress)) => {
                progress.total.saturating_sub(progress.done) as f64 / progress.steps_per_second?
            }
            (None, None) => return None,
        };
        Duration::try_from_secs_f64(seconds.max(0.0)).ok()
    }
}

impl Layer {
    fn read(run: Run, recipe: Recipe) -> Result<Self> {
        if !run.exists() {
            // Of a stack, the layers below are trained first, and the folders are made when they are needed.
            return Ok(Self { run, recipe, epochs: Vec::new(), samples: None, has_model: false });
        }
        let epochs = run.metrics(u64::MAX)?;
        let count = run.sample().ok().flatten().and_then(|sample| sample.count);
        let samples = count.map(|count| {
            let held_out = train::held_out_of(&recipe, count).map_or(0, |held_out| held_out.len());
            let (trained, batch) = (count - held_out.min(count), recipe.training.batch.max(1));
            trained / batch * batch
        });
        let has_model = run.is_trained();
        Ok(Self { run, recipe, epochs, samples, has_model })
    }

    /// The recipe's name.
    pub(super) fn name(&self) -> &str {
        &self.recipe.name
    }

    /// The epochs that the layer is to have.
    pub(super) fn epochs_in_all(&self) -> usize {
        self.recipe.training.epochs
    }

    /// Whether no epoch is to come.
    fn is_finished(&self) -> bool {
        let has_lost_patience = |patience| EpochMetrics::have_lost_patience(&self.epochs, patience);
        let done = self.epochs.last().map_or(0, |row| row.epoch);
        self.has_model
            && (done >= self.recipe.training.epochs as u64
                || self.recipe.training.patience.is_some_and(has_lost_patience))
    }

    /// How long an epoch takes, as the last ones say.
    pub(super) fn seconds_of_an_epoch(&self) -> Option<f64> {
        let times: Vec<f64> = self.epochs.iter().rev().take(RECENT).map(|row| row.seconds).collect();
        let mean = times.iter().sum::<f64>() / times.len() as f64;
        (mean.is_finite() && mean > 0.0).then_some(mean)
    }

    /// When one of its files was written last.
    fn written(&self) -> Option<SystemTime> {
        let files = ["recipe.toml", "metrics.csv", "checkpoint.safetensors", "progress.json"];
        files.iter().filter_map(|name| self.run.file(name).metadata().ok()?.modified().ok()).max()
    }
}

//! Training and evaluating recipes in the folders of one reproduction, each only once.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use wta_simd::Isa;

use crate::data::{self, Kind, Split};
use crate::error::{Error, Result};
use crate::gallery;
use crate::model;
use crate::progress::Progress;
use crate::recipe::{self, Recipe};
use crate::run::{Run, Trained};
use crate::samples::Samples;
use crate::trainer::{self, MEMORY};

/// How to go about the reproduction.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// The folder of the reproduction.
    pub folder: &'a Path,
    /// The folder that holds `mnist/`; none: a rehearsal on the bundled digits, one epoch each.
    pub data: Option<&'a Path>,
    /// For the networks and the SVMs.
    pub seed: u64,
    /// The instruction set.
    pub isa: Isa,
    /// Set from outside (Ctrl-C) to stop.
    pub stop: &'a AtomicBool,
}

/// The place where recipes are trained and evaluated.
pub(super) struct Lab<'a> {
    pub(super) settings: Settings<'a>,
    pub(super) progress: &'a Progress,
}

/// A network that is trained to its end.
pub(super) struct Finished {
    pub(super) trained: Trained,
    pub(super) run: Run,
    /// The time that it took, the layers below included; of what was broken off and resumed, without the epoch
    /// that was lost.
    pub(super) seconds: f64,
    /// Whether it was broken off and resumed.
    pub(super) resumed: bool,
    /// Of the last epoch.
    pub(super) dead_share: f64,
    /// CRC-32 of the parameters.
    pub(super) checksum: u32,
}

impl Lab<'_> {
    /// Whether it is all a rehearsal.
    pub(super) fn is_rehearsal(&self) -> bool {
        self.settings.data.is_none()
    }

    /// A built-in recipe as it is used here.
    pub(super) fn recipe(&self, name: &str, seed: u64) -> Result<Recipe> {
        let mut recipe = recipe::load(name)?;
        recipe.set_seed(seed);
        if self.is_rehearsal() {
            recipe.set_epochs(1);
            rehearse(&mut recipe);
        }
        Ok(recipe)
    }

    /// The run folder of this name.
    pub(super) fn run(&self, name: &str) -> Run {
        Run::new(self.settings.folder.join(name))
    }

    /// A file of the reproduction.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.settings.folder.join(name)
    }

    /// A split of a recipe's data set.
    pub(super) fn samples(&self, recipe: &Recipe, split: Split) -> Result<Samples> {
        let folder = self.settings.data.unwrap_or(Path::new(""));
        Samples::new(recipe, data::load(&recipe.data.set, folder, split)?)
    }

    /// Trains a recipe to its end in the folder of this name, from where it was broken off.
    pub(super) fn train(&self, recipe: &Recipe, name: &str) -> Result<Finished> {
        let run = self.run(name);
        let resumed = run.checkpoint().exists();
        if let Some(below) = &recipe.below {
            self.reuse(below, &run.below())?;
        }
        let before = seconds_so_far(recipe, &run)?;
        let samples = self.samples(recipe, Split::Train)?;
        let settings = trainer::Settings {
            isa: self.settings.isa,
            resume: true,
            memory: MEMORY,
            patches: None,
            stop: self.settings.stop,
        };
        let outcome = trainer::train(recipe, &samples, &run, settings, self.progress)?;
        let trained = Trained::load(&run, samples.image_shape())?;
        gallery::dictionary(&trained, samples.image_shape())?.save(&run.file("dictionary.png"))?;
        Ok(Finished {
            checksum: model::checksum(&trained.parameters),
            trained,
            run,
            seconds: before + outcome.seconds,
            resumed,
            dead_share: outcome.dead_share,
        })
    }

    /// Copies a run that was made of this very recipe to where a stack wants its lower layer: it would become the same
    /// bits again.
    fn reuse(&self, recipe: &Recipe, to: &Run) -> Result<()> {
        let run = self.run(&recipe.name);
        if to.exists() || !run.exists() || run.recipe()? != *recipe {
            return Ok(());
        }
        self.progress.line(&format!("the layer below is {}: copied, not trained again", recipe.name));
        run.copy_training(to)
    }
}

/// The time of all finished epochs of a run, the layers below included.
fn seconds_so_far(recipe: &Recipe, run: &Run) -> Result<f64> {
    let below = recipe.below.as_ref().map_or(Ok(0.0), |below| seconds_so_far(below, &run.below()))?;
    Ok(below + run.metrics(u64::MAX)?.iter().map(|row| row.seconds).sum::<f64>())
}

fn rehearse(recipe: &mut Recipe) {
    recipe.data.set = Kind::Digits;
    if let Some(below) = &mut recipe.below {
        rehearse(below);
    }
}

/// What Ctrl-C says here: there is no --resume to give.
pub(super) fn explain(error: Error) -> Error {
    match error {
        Error::Interrupted(_) => {
            Error::Interrupted("what is finished is saved; the same command goes on from there".to_owned())
        }
        other => other,
    }
}

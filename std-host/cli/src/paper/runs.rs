//! Trains and evaluates recipes in the folders of one reproduction, each only once.

use std::path::{Path, PathBuf};

use wta::Isa;

use super::rows::PaperSet;
use crate::error::{Error, Result};
use wta::data::{self, Split};
use wta::picture;
use wta::preprocess::Samples;
use wta::recipe::{self, Architecture, PreprocessRecipe, Recipe};
use wta::run::{Run, Trained};
use wta::{Extent, Observer};

use wta::train::{Options, train_into};

/// The settings of the reproduction.
#[derive(Clone, Copy)]
pub(crate) struct Settings<'a> {
    /// The data set whose results are reproduced.
    pub set: &'static PaperSet,
    /// The folder of the reproduction.
    pub folder: &'a Path,
    /// The folder that holds the data set's; without one, this is a rehearsal on a few of the bundled digits,
    /// with one epoch and two values of C each.
    pub data: Option<&'a Path>,
    /// The seed of the networks and the SVMs.
    pub seed: u64,
    /// The number of seeds that every row is trained with; without one, the set's `seeded` recipes are
    /// trained with [`super::rows::SEEDS`].
    pub seeds: Option<u64>,
    /// The instruction set.
    pub isa: Isa,
}

impl Settings<'_> {
    /// The recipes that are trained with several seeds.
    pub(super) fn seeded(&self) -> Vec<&'static str> {
        match self.seeds {
            Some(_) => self.set.rows.iter().map(|row| row.recipe).collect(),
            None => self.set.seeded.to_vec(),
        }
    }
}

/// The name of the run folder of a recipe with another seed than the first.
pub(super) fn of_seed(recipe: &str, seed: u64) -> String {
    format!("{recipe}-seed{seed}")
}

/// Trains recipes in the run folders of the reproduction.
pub(super) struct PaperRuns<'a> {
    pub(super) settings: Settings<'a>,
    /// The folder that holds the data set's, also of a rehearsal.
    pub(super) data: PathBuf,
    pub(super) observer: &'a dyn Observer,
}

/// The most feature maps of a layer in a rehearsal.
pub(super) const REHEARSED_MAPS: usize = 64;

/// A network whose training is finished.
pub(super) struct Finished {
    pub(super) trained: Trained,
    pub(super) run: Run,
    /// The time to train in seconds, including the layers below. If the training was interrupted and resumed,
    /// the lost part of an epoch is not included.
    pub(super) seconds: f64,
    /// Whether the training was interrupted and resumed.
    pub(super) resumed: bool,
    /// The share of maps that never survived in the last epoch.
    pub(super) dead_share: f64,
    /// CRC-32 of the parameters.
    pub(super) checksum: u32,
}

impl PaperRuns<'_> {
    /// Whether this is a rehearsal.
    pub(super) fn is_rehearsal(&self) -> bool {
        self.settings.data.is_none()
    }

    /// A built-in recipe with the settings of this reproduction.
    pub(super) fn recipe(&self, name: &str, seed: u64) -> Result<Recipe> {
        let mut recipe = recipe::load(name)?;
        recipe.set_seed(seed);
        if self.is_rehearsal() {
            recipe.set_epochs(1);
            let mut layer = Some(&mut recipe);
            while let Some(recipe) = layer {
                recipe.svm.c = self.tried(&recipe.svm.c);
                for step in &mut recipe.preprocess {
                    // Eigenvectors of whole colour images take longer than everything else.
                    if let PreprocessRecipe::Zca { patch, .. } = step {
                        *patch = Some(Extent::Square(5));
                    }
                }
                if let Architecture::Convolutional { encoder, .. } = &mut recipe.network {
                    encoder.iter_mut().for_each(|layer| layer.maps = layer.maps.min(REHEARSED_MAPS));
                }
                layer = recipe.below.as_deref_mut();
            }
        }
        Ok(recipe)
    }

    /// Those of the values of C that are tried: all, or, in a rehearsal, the two in the middle.
    pub(super) fn tried(&self, all: &[f64]) -> Vec<f64> {
        let aside = if self.is_rehearsal() { all.len().saturating_sub(1) / 2 } else { 0 };
        all.get(aside..all.len() - aside).unwrap_or(all).to_vec()
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
    pub(super) fn samples(&self, recipe: &Recipe, split: Split) -> Result<Samples<'static>> {
        Ok(Samples::new(recipe, data::load(&recipe.data.set, &self.data, split, self.observer)?)?)
    }

    /// Trains a recipe to its end in the folder of this name; an interrupted training continues.
    pub(super) fn train(&self, recipe: &Recipe, name: &str) -> Result<Finished> {
        let run = self.run(name);
        let resumed = run.checkpoint().exists();
        if let Some(below) = &recipe.below {
            self.reuse(below, &run.below())?;
        }
        let before = seconds_so_far(recipe, &run)?;
        let samples = self.samples(recipe, Split::Train)?;
        let options = Options { isa: self.settings.isa, ..Options::default() };
        let (trained, outcome) = train_into(&run, true, recipe, &samples, options, self.observer)?;
        picture::dictionary(&trained, samples.image_shape())?.save(&run.file("dictionary.png"))?;
        Ok(Finished {
            checksum: outcome.checksum,
            trained,
            run,
            seconds: before + outcome.seconds,
            resumed,
            dead_share: outcome.dead_share,
        })
    }

    /// If a run of this very recipe exists, copies it to where a stack expects its lower layer, because
    /// training would give the same bits again; otherwise looks for the layer below that one.
    fn reuse(&self, recipe: &Recipe, to: &Run) -> Result<()> {
        if to.exists() {
            return Ok(());
        }
        for name in [recipe.name.clone(), of_seed(&recipe.name, recipe.training.seed)] {
            let run = self.run(&name);
            if run.exists() && run.recipe()? == *recipe {
                self.observer.note(&format!("the layer below is {name}: copied, not trained again"));
                return Ok(run.copy_training(to)?);
            }
        }
        recipe.below.as_ref().map_or(Ok(()), |below| self.reuse(below, &to.below()))
    }
}

/// The time of all finished epochs of a run, including the layers below.
fn seconds_so_far(recipe: &Recipe, run: &Run) -> Result<f64> {
    let below = recipe.below.as_ref().map_or(Ok(0.0), |below| seconds_so_far(below, &run.below()))?;
    Ok(below + run.metrics(u64::MAX)?.iter().map(|row| row.seconds).sum::<f64>())
}

/// The error for Ctrl-C in this command, which continues by itself when it is run again.
pub(super) fn explain(error: Error) -> Error {
    if error.is_interruption() {
        Error::Paused("what is finished is saved; the same command goes on from there".to_owned())
    } else {
        error
    }
}

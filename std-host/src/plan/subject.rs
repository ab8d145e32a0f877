//! The samples that a plan is about: a few of them, and how many there are.

use std::path::Path;
use std::time::Instant;

use wta_core::Shape;

use crate::data::{self, Classes, Dataset, Split, StandIn};
use crate::error::{Error, Result, Setting};
use crate::memory::resident;
use crate::observer::Observer;
use crate::preprocess::Samples;
use crate::recipe::Recipe;
use crate::train::Few;

/// The samples that a plan is about.
#[derive(Debug)]
pub struct Subject {
    train: Part,
    /// The patches that the layers below learn from, if the recipe has `[large]`.
    patches: Option<Part>,
}

/// Some samples of a data set.
#[derive(Debug)]
struct Part {
    few: Samples<'static>,
    all: usize,
    absent: u64,
    in_memory: bool,
    test: Option<usize>,
    classes: Classes,
    /// Seconds to load all; `None` if that was not done.
    loaded: Option<f64>,
    /// The most bytes in use when all are loaded.
    load_peak: Option<u64>,
}

impl Subject {
    /// The samples of a recipe, from the folder that holds its data set. Without a folder, others stand in
    /// for those of the published sets, whose shape and number is known.
    ///
    /// # Errors
    ///
    /// As for [`data::load`]; [`Error::Setting`] if the folder is needed.
    pub fn load(recipe: &Recipe, folder: Option<&Path>, observer: &dyn Observer) -> Result<Self> {
        let wanted = Few::wanted(recipe);
        let part = |recipe: &Recipe| Part::load(recipe, folder, wanted, observer);
        Ok(Self { train: part(recipe)?, patches: below_large(recipe).map(part).transpose()? })
    }

    /// Training samples in memory, of which the plan looks at a few; with the patches that the layers below
    /// learn from, if the recipe has `[large]`.
    ///
    /// # Errors
    ///
    /// As for [`Samples::new`].
    pub fn new(recipe: &Recipe, dataset: Dataset, patches: Option<Dataset>) -> Result<Self> {
        let wanted = Few::wanted(recipe);
        let part = |recipe: &Recipe, dataset: Dataset| Part::new(recipe, dataset, wanted, None);
        let patches = match (below_large(recipe), patches) {
            (Some(below), Some(patches)) => Some(part(below, patches)?),
            _ => None,
        };
        Ok(Self { train: part(recipe, dataset)?, patches })
    }

    pub(super) fn few(&self) -> Few<'_> {
        self.train.few()
    }

    pub(super) fn few_patches(&self) -> Option<Few<'_>> {
        self.patches.as_ref().map(Part::few)
    }

    pub(super) fn samples(&self) -> &Samples<'static> {
        &self.train.few
    }

    /// The shape of a sample.
    pub(super) fn image(&self) -> Shape {
        self.train.few.image_shape()
    }

    pub(super) fn train(&self) -> usize {
        self.train.all
    }

    pub(super) fn test(&self) -> Option<usize> {
        self.train.test
    }

    pub(super) fn classes(&self) -> usize {
        self.train.classes.len()
    }

    pub(super) fn class_names(&self) -> &Classes {
        &self.train.classes
    }

    /// Whether the samples are those of the data set itself.
    pub(super) fn is_loaded(&self) -> bool {
        self.train.absent == 0
    }

    /// Seconds to load the samples, if they were.
    pub(super) fn load_seconds(&self) -> Option<f64> {
        let patches = self.patches.as_ref().map_or(Some(0.0), |patches| patches.loaded);
        Some(self.train.loaded? + patches?)
    }

    /// The most memory in use until then.
    pub(super) fn load_peak(&self) -> Option<u64> {
        self.train.load_peak.max(self.patches.as_ref().and_then(|patches| patches.load_peak))
    }
}

/// The recipe of the layers below that learn from patches, if there are such.
fn below_large(recipe: &Recipe) -> Option<&Recipe> {
    recipe.layers().iter().find_map(|layer| layer.large.and(layer.below.as_deref()))
}

impl Part {
    fn load(recipe: &Recipe, folder: Option<&Path>, wanted: usize, observer: &dyn Observer) -> Result<Self> {
        let source = &recipe.data.set;
        if let (None, true) = (folder, source.needs_folder()) {
            return Self::stand_in(recipe, wanted);
        }
        let start = Instant::now();
        let dataset = data::load(source, folder.unwrap_or(Path::new("")), Split::Train, observer)?;
        Self::new(recipe, dataset, wanted, Some(start.elapsed().as_secs_f64()))
    }

    fn new(recipe: &Recipe, dataset: Dataset, wanted: usize, loaded: Option<f64>) -> Result<Self> {
        let (all, classes, load_peak) = (dataset.len(), dataset.classes.clone(), resident::peak());
        let samples = Samples::new(recipe, dataset)?;
        let some = samples.spaced(wanted);
        let few = samples.chosen(&some)?;
        let (in_memory, test) = (few.are_in_memory(), recipe.data.set.published_len(Split::Test));
        Ok(Self { few, all, absent: 0, in_memory, test, classes, loaded, load_peak })
    }

    fn stand_in(recipe: &Recipe, wanted: usize) -> Result<Self> {
        let stand_in = StandIn::of(&recipe.data.set, wanted)?;
        let Some(StandIn { dataset, train, test, in_memory, load_bytes }) = stand_in else {
            return Err(Error::setting(
                Setting::Data,
                format!(
                    "is needed: the shape and the number of recipe {}'s samples are known from the data set alone",
                    recipe.name
                ),
            ));
        };
        let (few, classes) = (dataset.len(), dataset.classes.clone());
        let sample = dataset.image_len() + size_of::<u16>();
        let missing = train.saturating_sub(few);
        let absent = missing * if in_memory { sample } else { size_of::<u16>() };
        let few = Samples::new(recipe, dataset)?;
        Ok(Self {
            few,
            all: train,
            absent: absent as u64,
            in_memory,
            test: Some(test),
            classes,
            loaded: None,
            load_peak: resident::now().map(|now| now + load_bytes),
        })
    }

    fn few(&self) -> Few<'_> {
        Few { samples: &self.few, all: self.all, absent: self.absent, in_memory: self.in_memory }
    }
}

//! The data set of a recipe, from the folder that the user names.

use std::path::Path;

use wta::data::{Dataset, Split, load};
use wta::preprocess::Samples;
use wta::report::Shown;
use wta::run::Run;
use wta::train::held_out_of;
use wta::{Observer, Recipe};

use crate::bar::Bar;
use crate::context::Context;
use crate::error::{Error, Result};

/// A run that is to be used, with notes about what its files do not prove. Of several processes, the first
/// one has it.
pub(crate) fn run_of(folder: &Path, context: &Context, bar: &Bar) -> Run {
    let run = Run::new(folder);
    bar.detail(&format!("reading the run {}", folder.display()));
    if !context.is_first() {
        return run;
    }
    run.unproven().iter().for_each(|note| bar.note(&format!("note: {note}")));
    run
}

/// A split of a recipe's data set.
pub(crate) fn samples(
    recipe: &Recipe,
    data: Option<&Path>,
    split: Split,
    bar: &Bar,
) -> Result<Samples<'static>> {
    Ok(Samples::new(recipe, dataset(recipe, data, split, bar)?)?)
}

/// The samples that tell most about a network: those that it was not trained on, if there are any. They are
/// the test samples, or else what training held out, or else the training samples.
pub(crate) fn shown(recipe: &Recipe, data: Option<&Path>, bar: &Bar) -> Result<Shown<'static>> {
    let are_test = recipe.data.set.has_test();
    let samples = samples(recipe, data, if are_test { Split::Test } else { Split::Train }, bar)?;
    let (what, indices) = match (are_test, recipe.training.held_out) {
        (false, Some(_)) => ("held-out samples", held_out_of(recipe, samples.len())?),
        (true, _) => ("test samples", (0..samples.len()).collect()),
        (false, None) => ("training samples", (0..samples.len()).collect()),
    };
    Ok(Shown { what, samples, indices, are_test })
}

/// The patches that the layers below learn from, if the recipe has `[large]`.
pub(crate) fn patches(recipe: &Recipe, data: Option<&Path>, bar: &Bar) -> Result<Option<Samples<'static>>> {
    let layers = recipe.layers();
    let Some(below) = layers.iter().find_map(|layer| layer.large.and(layer.below.as_deref())) else {
        return Ok(None);
    };
    samples(below, data, Split::Train, bar).map(Some)
}

fn dataset(recipe: &Recipe, data: Option<&Path>, split: Split, bar: &Bar) -> Result<Dataset> {
    let folder = match data {
        Some(folder) => folder,
        None if !recipe.data.set.needs_folder() => Path::new(""),
        None => {
            let name = &recipe.name;
            return Err(Error::Usage(format!("recipe {name} needs --data with the folder of its data set")));
        }
    };
    if !folder.as_os_str().is_empty() {
        let split = match split {
            Split::Train => "training",
            Split::Test => "test",
        };
        bar.detail(&format!("reading {split} samples of {} from {}", recipe.name, folder.display()));
    }
    Ok(load(&recipe.data.set, folder, split, bar)?)
}

//! The program's commands, one file each.

pub(crate) mod data;
pub(crate) mod demo;
pub(crate) mod encode;
pub(crate) mod eval;
pub(crate) mod export;
pub(crate) mod paper;
pub(crate) mod profile;
pub(crate) mod recipes;
pub(crate) mod search;
pub(crate) mod show;
pub(crate) mod train;

use std::io::{self, Write};
use std::path::Path;

use wta::data::{Dataset, Split, load_telling};
use wta::error::{Error, Result};
use wta::recipe::Recipe;
use wta::samples::Samples;

/// Loads the data set of a recipe.
fn samples(recipe: &Recipe, data: Option<&Path>, split: Split) -> Result<Samples> {
    Samples::new(recipe, dataset(recipe, data, split)?)
}

/// The patches that the layers below a recipe with `[large]` learn from.
fn patches(recipe: &Recipe, data: Option<&Path>) -> Result<Option<Samples>> {
    let layers = recipe.layers();
    let Some(below) = layers.iter().find_map(|layer| layer.large.and(layer.below.as_deref())) else {
        return Ok(None);
    };
    samples(below, data, Split::Train).map(Some)
}

fn dataset(recipe: &Recipe, data: Option<&Path>, split: Split) -> Result<Dataset> {
    let folder = match data {
        Some(folder) => folder,
        None if !recipe.data.set.needs_folder() => Path::new(""),
        None => {
            return Err(Error::Invalid(format!(
                "recipe {} needs --data with the folder of its data set",
                recipe.name
            )));
        }
    };
    load_telling(&recipe.data.set, folder, split, &mut |line| eprintln!("{line}"))
}

/// Prints a result; a closed pipe (as of `| head`) is not an error.
fn print(text: &str) -> Result<()> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::io("write to", "standard output", error))
        }
        _ => Ok(()),
    }
}

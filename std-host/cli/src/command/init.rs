//! `wta init`.

use std::path::PathBuf;

use clap::Args;
use wta::data::look;
use wta::init::recipe_for;

use crate::context::Context;
use crate::error::Result;
use crate::print::print;

/// Arguments of `wta init`.
#[derive(Args)]
#[command(
    after_help = "Looks at a file or a folder and prints a recipe that trains on it, with a comment to each choice: arrays (.npy, .npz,
.safetensors) and tables (.csv) with their labels, folders of pictures, recordings (.wav, long arrays). What it cannot know
is in the recipe to be changed.

Examples:
  wta init ~/data/motions > motions.toml
  wta init signals.npy > mine.toml && wta train mine.toml --data . --run runs/mine
  wta init ~/photos > photos.toml"
)]
pub(crate) struct Arguments {
    /// The file or the folder.
    data: PathBuf,
    /// The name of the recipe [default: the file's or the folder's].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let found = look(&arguments.data)?;
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => {
            // `.` has no name of its own.
            let whole = arguments.data.canonicalize().unwrap_or_else(|_| arguments.data.clone());
            let stem = if whole.is_dir() { whole.file_name() } else { whole.file_stem() };
            stem.map_or("mine".to_owned(), |stem| stem.to_string_lossy().into_owned())
        }
    };
    let recipe = recipe_for(&found, &name, &context.bar())?;
    let folder = found.folder.display();
    let next = if recipe.labelled {
        format!("wta eval --run runs/{name} --data {folder}")
    } else {
        format!("wta encode --run runs/{name} --data {folder} --split test --out test.npy")
    };
    print(&format!(
        "# A first recipe for {folder}, to be changed at will.
#   wta train RECIPE --data {folder} --run runs/{name}
#   {next}
#   wta export --run runs/{name} --out model.wta
# `wta recipes --reference` explains all keys.

{}",
        recipe.text
    ))
}

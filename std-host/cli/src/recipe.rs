//! A recipe with the command line's changes.

use std::path::Path;

use wta::Recipe;
use wta::recipe;

use crate::error::Result;

/// A recipe by its name or path, or from standard input for `-`, with other epochs and another seed if the
/// flags give them.
pub(crate) fn resolve(name: &str, epochs: Option<usize>, seed: Option<u64>) -> Result<Recipe> {
    let mut recipe = match name {
        "-" => recipe::read(std::io::stdin().lock(), Path::new("standard input"))?,
        name => recipe::load(name)?,
    };
    if let Some(epochs) = epochs {
        recipe.set_epochs(epochs);
    }
    if let Some(seed) = seed {
        recipe.set_seed(seed);
    }
    // Checked again, because the flags may have changed it.
    recipe.check()?;
    Ok(recipe)
}

//! A recipe as an argument, with the command line's changes.

use std::ffi::OsStr;
use std::path::Path;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command};
use wta::Recipe;
use wta::recipe;

use crate::error::Result;

/// The name of a recipe or the path of a file. Shells complete the names; any text is taken.
#[derive(Clone)]
pub(crate) struct NameOrPath;

impl TypedValueParser for NameOrPath {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> std::result::Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(recipe::names().into_iter().map(PossibleValue::new)))
    }
}

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

//! `wta recipes`.

use clap::Args;
use wta::error::{Error, Result};
use wta::recipe;

use super::print;

/// Arguments of `wta recipes`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Print this recipe's TOML.
    name: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let recipes = recipe::all()?;
    let Some(name) = &arguments.name else {
        let width = recipes.iter().map(|recipe| recipe.name.len()).max().unwrap_or(0);
        return recipes
            .iter()
            .try_for_each(|recipe| print(&format!("{:width$}  {}\n", recipe.name, recipe.about)));
    };
    match recipe::text(name) {
        Some(text) => print(text),
        None => Err(Error::Invalid(format!("there is no recipe {name}; `wta recipes` lists them"))),
    }
}

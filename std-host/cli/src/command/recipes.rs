//! `wta recipes`.

use crate::error::{Error, Result};
use clap::Args;
use wta::recipe;

use crate::print::print;
use crate::recipe::NameOrPath;

/// The beginning of the page that `--reference` prints, before the tables of keys.
const INTRODUCTION: &str = include_str!("recipes.md");

/// Arguments of `wta recipes`.
#[derive(Args)]
#[command(after_help = "Examples:
  wta recipes                                      the built-in recipes
  wta recipes mnist-conv16 > my.toml               start a recipe of your own
  wta recipes --reference | less                   every key: type, default, meaning, an example
  wta recipes --schema > recipe.schema.json        for editors; begin my.toml with
                                                   #:schema ./recipe.schema.json

The table [data] of a recipe, with the keys that its set knows (files are below --data DIR):
  set = \"digits\" | \"mnist\" | \"cifar10\"
  set = \"svhn\"      extra = true (train on the extra set, too)
  set = \"images\"    folder, size = 48 or [rows, columns], colour = false, labelled = true (folders are classes),
                    shorter_side = 256 (resize first), patches = 100000 (random ones, instead of the centre),
                    test_share = 0.1 (without folders train and test), seed = 1, on_error = \"skip\"
  set = \"array\"     train, train_labels, test, test_labels (.npy or .safetensors), tensor, label_tensor
Pixels are divided by divide_by = 255, arrays by 1 unless told.")]
pub(crate) struct Arguments {
    /// Print this recipe's TOML.
    #[arg(value_parser = NameOrPath, hide_possible_values = true)]
    name: Option<String>,
    /// Print the reference of all keys, as Markdown.
    #[arg(long, conflicts_with_all = ["name", "schema"])]
    reference: bool,
    /// Print the JSON schema of recipes, from which editors complete and check keys.
    #[arg(long, conflicts_with = "name")]
    schema: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.reference {
        return print(&format!("{INTRODUCTION}\n{}", recipe::reference()));
    }
    if arguments.schema {
        return print(&format!("{:#}\n", recipe::schema()));
    }
    let recipes = recipe::all()?;
    let Some(name) = &arguments.name else {
        let width = recipes.iter().map(|recipe| recipe.name.len()).max().unwrap_or(0);
        return recipes
            .iter()
            .try_for_each(|recipe| print(&format!("{:width$}  {}\n", recipe.name, recipe.about)));
    };
    match recipe::text(name) {
        Some(text) => print(text),
        None => Err(Error::Usage(format!("there is no recipe {name}; `wta recipes` lists them"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipe_in_the_introduction_is_one_of_its_own() {
        let (_, rest) = INTRODUCTION.split_once("```toml\n").unwrap();
        let recipe = recipe::parse(rest.split_once("```").unwrap().0, "introduction").unwrap();
        assert!(!recipe::names().contains(&recipe.name.as_str()));
    }
}

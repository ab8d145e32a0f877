//! A recipe for somebody's own data: what is there, and a network and a training that fit it.
//!
//! [`look`](crate::data::look) says what a file or a folder is. [`recipe_for`] loads it, measures it and
//! writes a recipe that trains, with a comment to each choice.

mod choice;
mod measure;
mod write;

use crate::data::{self, Look, Split};
use crate::error::Result;
use crate::observer::Observer;
use crate::recipe;

/// A first recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstRecipe {
    /// As TOML, with comments.
    pub text: String,
    /// Whether the samples have labels, so that a classifier can be made.
    pub labelled: bool,
}

/// A recipe for the data that [`look`](crate::data::look) has found.
///
/// # Errors
///
/// One sentence if the data cannot be loaded.
pub fn recipe_for(look: &Look, name: &str, observer: &dyn Observer) -> Result<FirstRecipe> {
    let dataset = data::load(&look.source, &look.folder, Split::Train, observer)?;
    let measured = measure::measure(&dataset)?;
    let choice = choice::Choice::new(&measured);
    let text = write::write(look, name, &measured, &choice)?;
    // What is handed out can be trained.
    recipe::parse(&text, name)?.resolve(dataset.shape())?;
    Ok(FirstRecipe { text, labelled: !measured.classes.is_empty() })
}

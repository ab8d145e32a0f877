//! What a run's files say of each other, so that weights are not taken for those of another recipe, of other
//! preprocessing or of other layers below.

use std::path::Path;

use crate::error::{Error, Result};
use crate::recipe::Recipe;

/// The metadata of `model.safetensors` and `checkpoint.safetensors` that name what they belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Links {
    /// [`Recipe::identity`].
    pub(crate) recipe: Option<String>,
    /// [`Preprocess::checksum`](crate::preprocess::Preprocess::checksum), of the lowest layer.
    pub(crate) preprocess: Option<String>,
    /// [`Trained::checksum`](super::Trained::checksum) of the layers below, in hexadecimal.
    pub(crate) below: Option<String>,
}

const RECIPE: &str = "recipe";
const PREPROCESS: &str = "preprocess";
const BELOW: &str = "weights_below";

impl Links {
    /// The links of a file, by what it says of itself.
    pub(crate) fn said<'a>(said: impl Fn(&str) -> Option<&'a str>) -> Self {
        let [recipe, preprocess, below] = [RECIPE, PREPROCESS, BELOW].map(|key| said(key).map(str::to_owned));
        Self { recipe, preprocess, below }
    }

    /// As metadata.
    pub(crate) fn described(&self) -> Vec<(&'static str, String)> {
        let all = [(RECIPE, &self.recipe), (PREPROCESS, &self.preprocess), (BELOW, &self.below)];
        all.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))).collect()
    }

    /// `Ok` if the file at `path` belongs to this recipe, as far as it says.
    pub(crate) fn expect_recipe(&self, path: &Path, recipe: &Recipe) -> Result<()> {
        match &self.recipe {
            Some(identity) if !recipe.is_of(identity) => Err(Error::file(
                path,
                "was trained with other settings than recipe.toml has; put the right recipe back, or train again",
            )),
            _ => Ok(()),
        }
    }

    /// `Ok` if the file at `path` belongs to preprocessing with this checksum, as far as it says.
    pub(crate) fn expect_preprocess(&self, path: &Path, found: Option<&str>) -> Result<()> {
        match &self.preprocess {
            Some(expected) if found != Some(expected) => Err(Error::file(
                path,
                "was trained with other preprocessing than preprocess.safetensors has; put the right file back, or \
                 train again",
            )),
            _ => Ok(()),
        }
    }

    /// `Ok` if the file at `path` belongs to layers below with this checksum, as far as it says.
    pub(crate) fn expect_below(&self, path: &Path, found: u32) -> Result<()> {
        match &self.below {
            Some(expected) if *expected != format!("{found:08x}") => Err(Error::file(
                path,
                "was trained on other layers below than the folder `below` has; resume the training, or train again",
            )),
            _ => Ok(()),
        }
    }
}

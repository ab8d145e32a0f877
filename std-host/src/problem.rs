//! What is wrong with a key of a recipe, before the file and the line of the key are known.

use std::fmt;

/// A key whose value makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The key with its tables in front, as in `training.epochs`; empty if the problem concerns the whole
    /// recipe.
    pub(crate) key: String,
    /// The sentence, which names the key.
    pub(crate) sentence: String,
}

impl Problem {
    /// A problem with `key`.
    pub(crate) fn of(key: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { key: key.into(), sentence: sentence.into() }
    }

    /// The same problem, when the recipe is the table `below` of another.
    pub(crate) fn below(self) -> Self {
        Self { key: format!("below.{}", self.key), sentence: format!("below: {}", self.sentence) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.sentence)
    }
}

//! What is wrong with a key of a recipe, before it is known which file and which line the key is in.

use std::fmt;

/// A key whose value makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The key, with its tables before it: `training.epochs`; empty where it is the whole recipe.
    pub(crate) key: String,
    /// The sentence, which names the key.
    pub(crate) sentence: String,
}

impl Problem {
    /// The sentence is about `key`.
    pub(crate) fn of(key: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { key: key.into(), sentence: sentence.into() }
    }

    /// The same problem of the recipe in the table `below`.
    pub(crate) fn below(self) -> Self {
        Self { key: format!("below.{}", self.key), sentence: format!("below: {}", self.sentence) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.sentence)
    }
}

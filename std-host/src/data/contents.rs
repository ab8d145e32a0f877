//! What a file of data holds, for people who ask what it is.

use super::range::Range;
use crate::error::Error;

/// Numbers of a file: their type and shape, and their range unless they are no numbers.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    pub(crate) name: String,
    /// Their type, for people.
    pub(crate) dtype: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) range: Option<Range>,
}

/// What a file holds, as far as it can be read.
#[derive(Debug)]
pub(crate) struct Contents {
    /// What it is.
    pub(crate) kind: &'static str,
    /// Who reads it.
    pub(crate) readers: &'static str,
    /// Names and values.
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) arrays: Vec<Numbers>,
    /// What is wrong with it.
    pub(crate) problems: Vec<Error>,
}

impl Contents {
    /// Nothing yet, of a file of this kind.
    pub(crate) fn new(kind: &'static str, readers: &'static str) -> Self {
        Self { kind, readers, facts: Vec::new(), arrays: Vec::new(), problems: Vec::new() }
    }

    /// The same with one fact more.
    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.facts.push((name, value.to_string()));
        self
    }

    /// The same with numbers.
    pub(crate) fn array(mut self, name: &str, dtype: &str, shape: &[usize], range: Option<Range>) -> Self {
        let (name, dtype, shape) = (name.to_owned(), dtype.to_owned(), shape.to_vec());
        self.arrays.push(Numbers { name, dtype, shape, range });
        self
    }

    /// The same with one thing more that is wrong.
    pub(crate) fn wrong(mut self, problem: Error) -> Self {
        self.problems.push(problem);
        self
    }
}

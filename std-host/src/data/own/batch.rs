//! Some examples of a file on their way: what is not 0 of each, and its label.

use wta_simd::sparse::Entry;

use super::label::Label;
use crate::error::Result;
use crate::memory::reserve;

/// Examples that follow one another in a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    entries: Vec<Entry>,
    /// Where each example ends among the entries.
    ends: Vec<usize>,
    /// One per example.
    labels: Vec<Option<Label>>,
}

impl Batch {
    /// The number of examples.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no example.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// What is not 0 of each example, in increasing order of feature, and its label, if it has one. Every
    /// value is finite.
    pub fn examples(&self) -> impl Iterator<Item = (&[Entry], Option<&Label>)> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let rows =
            starts.zip(&self.ends).map(|(start, end)| self.entries.get(start..*end).unwrap_or_default());
        rows.zip(self.labels.iter().map(Option::as_ref))
    }

    /// The label of each example, if it has one.
    pub fn labels(&self) -> impl Iterator<Item = Option<&Label>> {
        self.labels.iter().map(Option::as_ref)
    }

    /// What is not 0 of all examples together.
    pub fn nonzeros(&self) -> usize {
        self.entries.len()
    }

    /// Adds a value to the example that [`Batch::end`] ends.
    #[inline]
    pub(super) fn push(&mut self, index: u32, value: f32) {
        if value != 0.0 {
            self.entries.push(Entry { index, value });
        }
    }

    /// Makes room for so many values.
    pub(super) fn reserve(&mut self, values: usize) -> Result<()> {
        reserve::grow(&mut self.entries, values, || "the features of an example".to_owned())
    }

    /// Ends an example.
    pub(super) fn end(&mut self, label: Option<Label>) {
        self.ends.push(self.entries.len());
        self.labels.push(label);
    }

    /// Gives all examples labels.
    pub(super) fn try_label(&mut self, mut next: impl FnMut() -> Result<Label>) -> Result<()> {
        self.labels.iter_mut().try_for_each(|label| {
            *label = Some(next()?);
            Ok(())
        })
    }

    /// Adds an example given with its zeros, of fewer than 2^32 features.
    pub(super) fn push_dense(&mut self, row: &[f32], label: Option<Label>) {
        (0u32..).zip(row).for_each(|(index, value)| self.push(index, *value));
        self.end(label);
    }
}

//! Different labels, counted.

use std::borrow::Borrow;
use std::collections::BTreeSet;

/// Labels that are counted; more are no classes.
const MOST: usize = 1 << 16;

/// The different labels so far.
pub(super) struct Labels<T>(BTreeSet<T>);

impl<T: Ord> Labels<T> {
    /// None yet.
    pub(super) fn new() -> Self {
        Self(BTreeSet::new())
    }

    /// One label more, which may be known.
    pub(super) fn note<L: Ord + ToOwned<Owned = T> + ?Sized>(&mut self, label: &L)
    where
        T: Borrow<L>,
    {
        if self.0.len() < MOST && !self.0.contains(label) {
            self.0.insert(label.to_owned());
        }
    }

    /// How many are known.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}

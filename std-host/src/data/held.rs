//! Numbers that somebody else holds, such as an array of another language.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// The owner of some numbers, who lets them be read.
pub type Holder = Arc<dyn AsRef<[f32]> + Send + Sync>;

/// A part of the numbers of a [`Holder`].
#[derive(Clone)]
pub struct Held {
    holder: Holder,
    range: Range<usize>,
}

impl fmt::Debug for Held {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_tuple("Held").field(&self.range).finish()
    }
}

impl Held {
    pub(super) fn new(holder: Holder) -> Self {
        let range = 0..(*holder).as_ref().len();
        Self { holder, range }
    }

    pub(super) fn numbers(&self) -> &[f32] {
        (*self.holder).as_ref().get(self.range.clone()).unwrap_or_default()
    }

    /// As [`Vec::split_off`].
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let at = self.range.start + at;
        let end = std::mem::replace(&mut self.range.end, at);
        Self { holder: Arc::clone(&self.holder), range: at..end }
    }
}

//! What both kinds of numbers share: how features become the next layer's input.

use crate::error::Result;
use crate::memory::part;
use crate::runs::column;
use crate::shape::Shape;

/// The features of a layer as the input of the next.
#[derive(Debug)]
pub(super) struct Features<'f, T> {
    pub(super) features: &'f [T],
    pub(super) shape: Shape,
    /// Whether the next layer takes map after map.
    pub(super) planar: bool,
}

impl<T: Copy> Features<'_, T> {
    /// Row `y` of the next layer's input.
    pub(super) fn row<U>(&self, y: usize, to: &mut [U], convert: impl Fn(T) -> U) {
        if !self.planar {
            let from = part(self.features, y.saturating_mul(to.len()), to.len());
            to.iter_mut().zip(from).for_each(|(to, from)| *to = convert(*from));
            return;
        }
        // A planar input is a single row.
        let mut places = to.iter_mut();
        for map in 0..self.shape.channels {
            // Not zipped: a place is taken only when there is a feature for it.
            for from in column(self.features, map, self.shape.channels) {
                if let Some(to) = places.next() {
                    *to = convert(*from);
                }
            }
        }
    }
}

/// Where each row of the features goes.
pub(super) fn keep<T: Copy>(features: &mut [T]) -> impl FnMut(usize, &[T]) -> Result<()> {
    |y, row| {
        let places = features.iter_mut().skip(y.saturating_mul(row.len()));
        places.zip(row).for_each(|(to, from)| *to = *from);
        Ok(())
    }
}

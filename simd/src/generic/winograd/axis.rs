//! How one direction of a kernel is cut up: into tiles of outputs, and a long kernel into pieces of a few
//! taps.
//!
//! The fewer taps a piece has, the more outputs a tile has for the same points, and the more often an input
//! is transformed. Pieces of one kernel are like more channels: at each point, the products of all are added
//! up.

use crate::generic::winograd::points::Points;

/// One direction of an algorithm. A tile has as many points as outputs and taps together, less one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    pub(super) points: Points,
    /// Outputs of a tile.
    pub(super) side: usize,
    /// Taps of a piece; the last piece's are filled up with zeros.
    pub(super) taps: usize,
    /// Pieces of the kernel.
    pub(super) pieces: usize,
}

impl Axis {
    /// A kernel of one tap.
    const ONE: Self = Self { points: Points::One, side: 1, taps: 1, pieces: 1 };

    /// The algorithm of 5 x 5 kernels: weights of recipes depend on it to the last bit.
    pub(super) const FOUR_BY_FIVE: Self = Self { points: Points::Eight, side: 4, taps: 5, pieces: 1 };

    /// The ways for kernels of so many taps: for each set of points the one with the fewest products.
    pub(super) fn choices(kernel: usize) -> impl Iterator<Item = Self> {
        let one = (kernel == 1).then_some(Self::ONE);
        let sets = Points::SETS.into_iter().filter(move |_| kernel > 1);
        one.into_iter().chain(sets.filter_map(move |points| Self::best(points, kernel)))
    }

    fn best(points: Points, kernel: usize) -> Option<Self> {
        let fewer = |a: &Self, b: &Self| a.pieces.saturating_mul(b.side) < b.pieces.saturating_mul(a.side);
        let mut best = None;
        // Fewer pieces first: of equals they have fewer inputs to transform.
        for taps in (2..points.count()).rev() {
            let pieces = kernel.div_ceil(taps);
            let taps = kernel.div_ceil(pieces);
            let side = points.count() + 1 - taps;
            let axis = Self { points, side, taps, pieces };
            if best.as_ref().is_none_or(|best| fewer(&axis, best)) {
                best = Some(axis);
            }
        }
        best
    }

    /// Taps of the kernel before piece number `piece`.
    pub(super) fn before(&self, piece: usize) -> usize {
        piece * self.taps
    }

    /// Whether there is anything to transform.
    pub(super) fn is_transformed(&self) -> bool {
        self.points != Points::One
    }

    /// Vector operations of a transform of inputs.
    pub(super) fn input_work(&self) -> usize {
        match self.points {
            Points::One => 0,
            Points::Six => 12,
            Points::Eight => 28,
            Points::Ten => 48,
        }
    }

    /// Vector operations of a transform of sums.
    pub(super) fn output_work(&self) -> usize {
        (self.side + 2) * self.points.pairs().len()
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn choices_cover_their_kernels() {
        for kernel in (1..300).chain([65_535]) {
            let mut count = 0;
            for Axis { points, side, taps, pieces } in Axis::choices(kernel) {
                assert_eq!(points.count() + 1, side + taps, "{kernel} taps");
                assert!(
                    side >= 1 && taps * pieces >= kernel && taps * (pieces - 1) < kernel,
                    "{kernel} taps"
                );
                count += 1;
            }
            assert_eq!(count, if kernel == 1 { 1 } else { Points::SETS.len() }, "{kernel} taps");
        }
    }

    #[test]
    fn known_ones() {
        let of = |kernel: usize| -> Vec<_> {
            Axis::choices(kernel).map(|a| (a.points.count(), a.side, a.taps, a.pieces)).collect()
        };
        assert_eq!(of(1), [(1, 1, 1, 1)]);
        assert_eq!(of(3), [(6, 4, 3, 1), (8, 6, 3, 1), (10, 8, 3, 1)]);
        assert_eq!(of(5), [(6, 2, 5, 1), (8, 4, 5, 1), (10, 6, 5, 1)]);
        assert_eq!(of(7), [(6, 3, 4, 2), (8, 5, 4, 2), (10, 4, 7, 1)]);
        assert_eq!(of(9), [(6, 4, 3, 3), (8, 4, 5, 2), (10, 6, 5, 2)]);
        assert!(Axis::choices(5).any(|axis| axis == Axis::FOUR_BY_FIVE));
    }
}

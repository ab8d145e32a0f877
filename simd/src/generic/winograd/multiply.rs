//! The matrix products in the middle: for each point, tiles x channels times channels x maps.
//!
//! A register tile is `M` tiles by `N` panels of maps. Every sum starts at 0 and adds the channels in their
//! order, fused, so that it does not depend on the tile it is computed in. After so many channels it starts
//! anew, and is added to the sum before.

use crate::vector::Vector;

/// One point's product.
pub(super) struct Product {
    /// Transformed inputs: a row of `v_stride` numbers per tile, of which the first `channels` are
    /// multiplied.
    pub(super) v: *const f32,
    pub(super) v_stride: usize,
    pub(super) channels: usize,
    /// The channels of a sum, at least 1.
    pub(super) in_a_row: usize,
    pub(super) tiles: usize,
    /// Transformed filters: per panel `channels` vectors; panels are `u_stride` numbers apart.
    pub(super) u: *const f32,
    pub(super) u_stride: usize,
    /// Sums: a row of `m_stride` numbers per tile.
    pub(super) m: *mut f32,
    pub(super) m_stride: usize,
}

/// The height of register tiles, at most `max`, that leaves the least to compute twice: the last tile of a
/// column moves back over rows that are done already.
pub(super) fn tile_height(tiles: usize, max: usize) -> usize {
    if tiles <= max {
        return tiles.max(1);
    }
    // One step more per tile stands for loading the filters and storing the sums.
    (max.div_ceil(2)..=max).rev().min_by_key(|m| tiles.div_ceil(*m) * (m + 1)).unwrap_or(max)
}

impl Product {
    /// Computes `N` panels in tiles of `height`, at most `MAX`.
    ///
    /// # Safety
    ///
    /// The pointers cover what the fields say, `1 <= height <= MAX <= 14`, `height <= tiles`, and `V`'s
    /// instruction set is enabled.
    #[inline(always)]
    pub(super) unsafe fn run<V: Vector, const MAX: usize, const N: usize>(&self, height: usize) {
        macro_rules! heights {
            ($($m:literal)*) => {
                match height {
                    $($m if $m <= MAX => {
                        // Dead, and not compiled, where it is higher than the registers allow.
                        let mut first = 0;
                        loop {
                            // SAFETY: `first + height <= tiles`.
                            unsafe { self.tile::<V, $m, N>(first) };
                            if first + $m >= self.tiles {
                                break;
                            }
                            first = (first + $m).min(self.tiles - $m);
                        }
                    })*
                    _ => {}
                }
            };
        }
        heights!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    }

    /// # Safety
    ///
    /// As for [`Product::run`]; rows `first..first + M` exist.
    #[inline(always)]
    unsafe fn tile<V: Vector, const M: usize, const N: usize>(&self, first: usize) {
        // SAFETY: the caller's promise about the pointers.
        unsafe {
            let mut rows = [self.v; M];
            for (m, row) in rows.iter_mut().enumerate() {
                *row = self.v.add((first + m) * self.v_stride);
            }
            let mut start = 0usize;
            loop {
                let end = self.channels.min(start.saturating_add(self.in_a_row));
                let mut sums = [[V::splat(0.0); N]; M];
                let weights = self.u.add(start * V::LANES);
                V::add_products(&mut sums, &rows, start..end, weights, self.u_stride);
                for (m, sums) in sums.iter().enumerate() {
                    let to = self.m.add((first + m) * self.m_stride);
                    for (n, sum) in sums.iter().enumerate() {
                        let to = to.add(n * V::LANES);
                        let sum = if start == 0 { *sum } else { V::load(to).add(*sum) };
                        sum.store(to);
                    }
                }
                if end == self.channels {
                    break;
                }
                start = end;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn tiles_are_as_high_as_pays() {
        for max in [6, 8, 14] {
            for tiles in 1..200 {
                let height = super::tile_height(tiles, max);
                assert!((1..=max).contains(&height) && height <= tiles);
                let computed = tiles.div_ceil(height) * height;
                assert!(computed * 100 <= tiles.div_ceil(max) * max * 100, "{tiles} by {height}");
            }
        }
        assert_eq!(super::tile_height(49, 14), 10);
        assert_eq!(super::tile_height(32, 14), 11);
    }
}

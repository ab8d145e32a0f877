//! The convolution of bytes: tiles of positions and blocks of filters, whose sums stay in registers.
//!
//! As in the convolution of `f32`, no field is copied. A tile walks the rows of its positions' fields in the
//! map, a unit of numbers at a time; a row's last unit may reach beyond it, where weights are 0.

use wta_core::{OutputLayout, ReceptiveFields};

use crate::generic::convolve::outputs_fit;
use crate::generic::int8::output::Output;
use crate::generic::int8::pack::{BEFORE, Packing};
use crate::generic::int8::sums::Sums;

/// The most filters of a block.
pub(crate) const MAX_LANES: usize = 16;

/// What a convolution reads, and where its outputs go.
pub(crate) struct Operands<'a> {
    pub(crate) fields: &'a ReceptiveFields,
    pub(crate) filters: usize,
    pub(crate) prepared: &'a [i32],
    pub(crate) map: &'a [u8],
    pub(crate) layout: OutputLayout,
}

/// Whether all that [`convolve`] reads and writes, `out` outputs at most, lies inside its slices.
pub(crate) fn fits(operands: &Operands<'_>, packing: Packing, out: usize) -> bool {
    let Operands { fields, filters, prepared, map, layout } = *operands;
    if fields.positions() == 0 || !fields.is_apart() {
        return false;
    }
    // All of this saturates: a description beyond all memory ends beyond every slice.
    let last_row = fields.rows.saturating_sub(1).saturating_mul(fields.row_stride);
    let units = packing.row_units(fields).saturating_mul(packing.taps);
    let last = fields.offset(fields.height - 1, fields.width - 1);
    last.saturating_add(last_row).saturating_add(units) <= map.len()
        && packing.prepared_len(fields, filters) <= prepared.len()
        && outputs_fit(fields, filters, layout, out)
}

/// The token of an instruction set: a value proves that the processor has it.
pub(crate) trait OnSums: Copy {
    /// Its register.
    type Sums: Sums;

    /// [`convolve`], compiled for the instruction set.
    ///
    /// # Safety
    ///
    /// [`fits`] must hold.
    unsafe fn run<O: Output>(self, operands: &Operands<'_>, out: &mut [O]);
}

/// The outputs of all positions and filters: `N` blocks and at most `M` positions at a time, and the rest of
/// the blocks one by one with at most `W` positions.
///
/// # Safety
///
/// [`fits`] must hold, and `S`'s instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn convolve<S: Sums, O: Output, const M: usize, const N: usize, const W: usize>(
    operands: &Operands<'_>,
    out: &mut [O],
) {
    let blocks = operands.filters.div_ceil(S::PACKING.lanes);
    let mut block = 0;
    // SAFETY: the blocks exist, as `fits` says.
    unsafe {
        while block + N <= blocks {
            of_blocks::<S, O, M, N>(operands, block, out);
            block += N;
        }
        while block < blocks {
            of_blocks::<S, O, W, 1>(operands, block, out);
            block += 1;
        }
    }
}

/// The outputs of `N` blocks at all positions, `M` or fewer at a time.
///
/// # Safety
///
/// As for [`convolve`]; the blocks exist.
#[inline(always)]
unsafe fn of_blocks<S: Sums, O: Output, const M: usize, const N: usize>(
    operands: &Operands<'_>,
    block: usize,
    out: &mut [O],
) {
    let positions = operands.fields.positions();
    let mut position = 0;
    while position < positions {
        let left = positions - position;
        // The last tile moves back over positions that are done already: the same numbers once more are
        // cheaper than a narrow tile.
        let start = if left >= M || positions < M { position } else { positions - M };
        // SAFETY: the tile's positions lie below `positions`.
        position = start
            + unsafe {
                if positions - start >= M {
                    tile::<S, O, M, N>(operands, block, start, out)
                } else if left >= 4 {
                    tile::<S, O, 4, N>(operands, block, start, out)
                } else if left >= 2 {
                    tile::<S, O, 2, N>(operands, block, start, out)
                } else {
                    tile::<S, O, 1, N>(operands, block, start, out)
                }
            };
    }
}

/// Computes `M` positions of `N` blocks, and returns `M`.
///
/// # Safety
///
/// As for [`convolve`]; positions `position..position + M` and the blocks exist.
#[inline(always)]
unsafe fn tile<S: Sums, O: Output, const M: usize, const N: usize>(
    operands: &Operands<'_>,
    block: usize,
    position: usize,
    out: &mut [O],
) -> usize {
    let Operands { fields, filters, prepared, map, layout } = *operands;
    let (lanes, block_len) = (S::PACKING.lanes, S::PACKING.block_len(fields));
    let (mut y, mut x) = (position / fields.width, position % fields.width);
    let (mut at, mut places) = ([map.as_ptr(); M], [0; M]);
    for (at, place) in at.iter_mut().zip(&mut places) {
        // SAFETY: the position exists, and its field lies in the map.
        *at = unsafe { at.add(fields.offset(y, x)) };
        *place = layout.at(y, x);
        x += 1;
        if x == fields.width {
            (y, x) = (y + 1, 0);
        }
    }
    // SAFETY: the blocks exist, and the fields lie in the map.
    unsafe {
        let start = prepared.as_ptr().add(block * block_len);
        let mut sums = [[S::load(start); N]; M];
        add_fields::<S, M, N>(fields, &at, start, block_len, &mut sums);
        for (m, place) in places.into_iter().enumerate() {
            for (n, sum) in sums[m / S::POSITIONS].iter().enumerate() {
                let first = (block + n) * lanes;
                let multipliers = start.add(n * block_len + lanes);
                let to = out.as_mut_ptr().add(place + first);
                if filters - first >= lanes {
                    O::store(*sum, m % S::POSITIONS, multipliers, to);
                } else {
                    let mut some = [O::ZERO; MAX_LANES];
                    O::store(*sum, m % S::POSITIONS, multipliers, some.as_mut_ptr());
                    core::ptr::copy_nonoverlapping(some.as_ptr(), to, filters - first);
                }
            }
        }
    }
    M
}

/// The sums of `N` blocks over the fields at `at`: the first of them where a register has two positions. They
/// are of its own until they are complete, so that they stay in registers; `tile` looks at them one by one,
/// which is done in memory.
///
/// # Safety
///
/// `N` blocks of `block_len` words begin at `start`, and the fields, with the last units of their rows, are
/// readable.
#[inline(always)]
unsafe fn add_fields<S: Sums, const M: usize, const N: usize>(
    fields: &ReceptiveFields,
    at: &[*const u8; M],
    start: *const i32,
    block_len: usize,
    complete: &mut [[S; N]; M],
) {
    let Packing { lanes, taps, .. } = S::PACKING;
    // SAFETY: a unit of each filter follows for each unit of a field's rows.
    unsafe {
        let mut sums = [[S::load(start); N]; M];
        for n in 1..N {
            let biases = S::load(start.add(n * block_len));
            for row in sums.iter_mut() {
                row[n] = biases;
            }
        }
        let mut units = start.add(BEFORE * lanes);
        for row in 0..fields.rows {
            let from = row * fields.row_stride;
            for unit in 0..S::PACKING.row_units(fields) {
                let weights: [S::Weights; N] = core::array::from_fn(|n| S::weights(units.add(n * block_len)));
                let from = from + unit * taps;
                for (group, sums) in sums.iter_mut().take(M.div_ceil(S::POSITIONS)).enumerate() {
                    let (first, last) = (group * S::POSITIONS, group * S::POSITIONS + S::POSITIONS - 1);
                    let second = at[if last < M { last } else { first }];
                    let inputs = S::inputs(at[first].add(from), second.add(from));
                    for (sum, weights) in sums.iter_mut().zip(weights) {
                        *sum = sum.add_products(weights, inputs);
                    }
                }
                units = units.add(lanes * taps / 4);
            }
        }
        *complete = sums;
    }
}

//! Fully-connected units, a vector of images at a time, and sums and products of rows.

use wta_core::ReceptiveFields;

use super::field::dots;
use crate::vector::Vector;

/// How the operands of [`products`] lie.
#[derive(Clone, Copy)]
struct Sizes {
    inputs: usize,
    panels: usize,
}

impl Sizes {
    /// The sizes, if they fit the slices' lengths.
    fn new(weights: usize, units: usize, prepared: usize, out: usize, lanes: usize) -> Option<Self> {
        let inputs = weights.checked_div(units)?;
        let panels = prepared.checked_div(inputs.checked_mul(lanes)?)?;
        let fits = inputs * units == weights
            && panels.checked_mul(inputs * lanes)? == prepared
            && units.checked_mul(panels * lanes)? == out;
        fits.then_some(Self { inputs, panels })
    }
}

/// Whether the lengths of [`products`]' slices go together.
pub(crate) fn products_fit(weights: usize, units: usize, prepared: usize, out: usize, lanes: usize) -> bool {
    Sizes::new(weights, units, prepared, out, lanes).is_some()
}

/// See [`Kernels::unit_activations`](wta_core::Kernels::unit_activations) and, without `RELU`,
/// [`Kernels::linear`](wta_core::Kernels::linear): a product of matrices in register tiles of `M` units by
/// `N` panels of images, at most 4. A sum starts from the bias and adds the inputs in their order, fused.
///
/// # Safety
///
/// `V`'s instruction set is enabled. Where the lengths do not fit, nothing is done.
#[inline(always)]
pub(crate) unsafe fn products<V: Vector, const M: usize, const N: usize, const RELU: bool>(
    weights: &[f32],
    bias: &[f32],
    prepared: &[f32],
    out: &mut [f32],
) {
    let Some(sizes) = Sizes::new(weights.len(), bias.len(), prepared.len(), out.len(), V::LANES) else {
        return;
    };
    let Sizes { inputs, panels } = sizes;
    let mut block = |unit: usize, panel: usize| Block {
        sizes,
        weights: weights.as_ptr().wrapping_add(unit * inputs),
        bias: bias.as_ptr().wrapping_add(unit),
        images: prepared.as_ptr().wrapping_add(panel * inputs * V::LANES),
        out: out.as_mut_ptr().wrapping_add((unit * panels + panel) * V::LANES),
    };
    let whole = bias.len() / M * M;
    let mut panel = 0;
    while panel < panels {
        let count = N.min(panels - panel);
        // SAFETY: the units and the panels of each block exist.
        unsafe {
            for unit in (0..whole).step_by(M) {
                match count {
                    4 if N >= 4 => block(unit, panel).tile::<V, M, 4, RELU>(),
                    3 if N >= 3 => block(unit, panel).tile::<V, M, 3, RELU>(),
                    2 if N >= 2 => block(unit, panel).tile::<V, M, 2, RELU>(),
                    _ => block(unit, panel).tile::<V, M, 1, RELU>(),
                }
            }
            for unit in whole..bias.len() {
                for panel in panel..panel + count {
                    block(unit, panel).tile::<V, 1, 1, RELU>();
                }
            }
        }
        panel += count;
    }
}

/// The operands of a register tile.
struct Block {
    sizes: Sizes,
    weights: *const f32,
    bias: *const f32,
    images: *const f32,
    out: *mut f32,
}

impl Block {
    /// # Safety
    ///
    /// `M` units and `N` panels exist; `V`'s instruction set is enabled.
    #[inline(always)]
    unsafe fn tile<V: Vector, const M: usize, const N: usize, const RELU: bool>(&self) {
        let Sizes { inputs, panels } = self.sizes;
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [[V::splat(0.0); N]; M];
            let mut rows = [self.weights; M];
            for m in 0..M {
                sums[m] = [V::splat(*self.bias.add(m)); N];
                rows[m] = self.weights.add(m * inputs);
            }
            V::add_products(&mut sums, &rows, 0..inputs, self.images, inputs * V::LANES);
            // A copy, so that the stores do not keep the sums above in memory.
            let mut activations = [[V::splat(0.0); N]; M];
            for m in 0..M {
                for n in 0..N {
                    activations[m][n] = if RELU { sums[m][n].max(V::splat(0.0)) } else { sums[m][n] };
                }
            }
            for (m, activations) in activations.iter().enumerate() {
                for (n, activation) in activations.iter().enumerate() {
                    activation.store(self.out.add((m * panels + n) * V::LANES));
                }
            }
        }
    }
}

/// See [`Kernels::weighted_row_sum`](wta_core::Kernels::weighted_row_sum): a strip of the sum is held in
/// registers while all rows are added to it.
///
/// # Safety
///
/// Each of `rows` has `out.len()` numbers in the matrix, there is a scale for each, and `V`'s instruction set
/// is enabled.
#[inline(always)]
pub(crate) unsafe fn weighted_row_sum<V: Vector>(
    scales: &[f32],
    rows: &[u32],
    matrix: &[f32],
    stride: usize,
    out: &mut [f32],
) {
    let mut i = 0;
    // SAFETY: `i + N * LANES` numbers exist in `out`, and so in each row.
    unsafe {
        while i + 8 * V::LANES <= out.len() {
            strip::<V, 8>(scales, rows, matrix.as_ptr().add(i), stride, out.as_mut_ptr().add(i));
            i += 8 * V::LANES;
        }
        while i + V::LANES <= out.len() {
            strip::<V, 1>(scales, rows, matrix.as_ptr().add(i), stride, out.as_mut_ptr().add(i));
            i += V::LANES;
        }
        while i < out.len() {
            let mut sum = *out.get_unchecked(i);
            for (scale, row) in scales.iter().zip(rows) {
                sum = V::fused(*scale, *matrix.get_unchecked(*row as usize * stride + i), sum);
            }
            *out.get_unchecked_mut(i) = sum;
            i += 1;
        }
    }
}

/// # Safety
///
/// `N` vectors exist at `out` and at each row of `matrix`; `V`'s instruction set is enabled.
#[inline(always)]
unsafe fn strip<V: Vector, const N: usize>(
    scales: &[f32],
    rows: &[u32],
    matrix: *const f32,
    stride: usize,
    out: *mut f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [V::splat(0.0); N];
        for (n, sum) in sums.iter_mut().enumerate() {
            *sum = V::load(out.add(n * V::LANES));
        }
        for (scale, row) in scales.iter().zip(rows) {
            let (scale, from) = (V::splat(*scale), matrix.add(*row as usize * stride));
            for (n, sum) in sums.iter_mut().enumerate() {
                *sum = scale.mul_add(V::load(from.add(n * V::LANES)), *sum);
            }
        }
        for (n, sum) in sums.iter().enumerate() {
            sum.store(out.add(n * V::LANES));
        }
    }
}

/// See [`Kernels::row_dots`](wta_core::Kernels::row_dots): a few rows at a time, so that none waits for its
/// own last sum, and the vector is read once for them.
///
/// # Safety
///
/// Each of `rows` has `vector.len()` numbers in the matrix, there is a number of `out` for each, and `V`'s
/// instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn row_dots<V: Vector>(
    vector: &[f32],
    rows: &[u32],
    matrix: &[f32],
    stride: usize,
    out: &mut [f32],
) {
    let row = |index: u32| matrix.as_ptr().wrapping_add(index as usize * stride);
    let field = ReceptiveFields::row(vector.len());
    for (rows, out) in rows.chunks(4).zip(out.chunks_mut(4)) {
        // SAFETY: the caller's promise.
        unsafe {
            match *rows {
                [a, b, c, d] => out.copy_from_slice(&dots::<V, 4>(&field, [a, b, c, d].map(row), vector)),
                [a, b, c] => out.copy_from_slice(&dots::<V, 3>(&field, [a, b, c].map(row), vector)),
                [a, b] => out.copy_from_slice(&dots::<V, 2>(&field, [a, b].map(row), vector)),
                [a] => out.copy_from_slice(&dots::<V, 1>(&field, [row(a)], vector)),
                _ => {}
            }
        }
    }
}

/// Whether there are so many rows, and every one lies inside a matrix of `matrix` numbers.
pub(crate) fn rows_fit(count: usize, rows: &[u32], matrix: usize, stride: usize, len: usize) -> bool {
    count == rows.len()
        && rows.iter().all(|row| (*row as usize).saturating_mul(stride).saturating_add(len) <= matrix)
}

//! Fully-connected units, a vector of images at a time, and sums of scaled rows.

use crate::vector::Vector;

/// Whether the operands of [`activations`] have the lengths that it wants: returns inputs and images.
pub(crate) fn fits(
    weights: usize,
    units: usize,
    columns: usize,
    out: usize,
    lanes: usize,
) -> Option<(usize, usize)> {
    let inputs = weights.checked_div(units)?;
    let width = columns.checked_div(inputs)?;
    let exact = inputs * units == weights && inputs.checked_mul(width)? == columns;
    (exact && width % lanes == 0 && units.checked_mul(width)? <= out).then_some((inputs, width))
}

/// The operands of a block of units.
struct Block {
    inputs: usize,
    width: usize,
    weights: *const f32,
    bias: *const f32,
    columns: *const f32,
    out: *mut f32,
}

/// See [`Kernels::unit_activations`](wta_core::Kernels::unit_activations): a product of matrices in register tiles of
/// `M` units by `N` vectors of images. A sum starts from the bias and adds the inputs in their order, fused.
///
/// # Safety
///
/// [`fits`] gave `inputs` and `width`, and `V`'s instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn activations<V: Vector, const M: usize, const N: usize>(
    (inputs, width): (usize, usize),
    weights: &[f32],
    bias: &[f32],
    columns: &[f32],
    out: &mut [f32],
) {
    let vectors = width / V::LANES;
    let mut unit = 0;
    while unit < bias.len() {
        let units = M.min(bias.len() - unit);
        let mut vector = 0;
        while vector < vectors {
            let count = N.min(vectors - vector);
            // SAFETY: `units` units from `unit` on and `count` vectors from `vector` on exist.
            unsafe {
                let block = Block {
                    inputs,
                    width,
                    weights: weights.as_ptr().add(unit * inputs),
                    bias: bias.as_ptr().add(unit),
                    columns: columns.as_ptr().add(vector * V::LANES),
                    out: out.as_mut_ptr().add(unit * width + vector * V::LANES),
                };
                match (units == M, count) {
                    (true, n) if n == N => block.tile::<V, M, N>(),
                    (true, 4) if N > 4 => block.tile::<V, M, 4>(),
                    (true, 3) if N > 3 => block.tile::<V, M, 3>(),
                    (true, 2) if N > 2 => block.tile::<V, M, 2>(),
                    (true, _) => block.columns::<V, M>(count),
                    (false, _) => (0..units).for_each(|unit| block.unit(unit).columns::<V, 1>(count)),
                }
            }
            vector += count;
        }
        unit += units;
    }
}

impl Block {
    /// The same block from a later unit on.
    ///
    /// # Safety
    ///
    /// The unit exists.
    #[inline(always)]
    unsafe fn unit(&self, unit: usize) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            Self {
                weights: self.weights.add(unit * self.inputs),
                bias: self.bias.add(unit),
                out: self.out.add(unit * self.width),
                ..*self
            }
        }
    }

    /// `count` vectors, one after the other.
    ///
    /// # Safety
    ///
    /// `M` units and `count` vectors exist; `V`'s instruction set is enabled.
    #[inline(always)]
    unsafe fn columns<V: Vector, const M: usize>(&self, count: usize) {
        for vector in 0..count {
            // SAFETY: the vector exists.
            unsafe {
                let (columns, out) = (self.columns.add(vector * V::LANES), self.out.add(vector * V::LANES));
                Self { columns, out, ..*self }.tile::<V, M, 1>();
            }
        }
    }

    /// # Safety
    ///
    /// `M` units and `N` vectors exist; `V`'s instruction set is enabled.
    #[inline(always)]
    unsafe fn tile<V: Vector, const M: usize, const N: usize>(&self) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [[V::splat(0.0); N]; M];
            let mut weights = [self.weights; M];
            for (m, (sums, weights)) in sums.iter_mut().zip(weights.iter_mut()).enumerate() {
                *sums = [V::splat(*self.bias.add(m)); N];
                *weights = self.weights.add(m * self.inputs);
            }
            let mut columns = self.columns;
            for input in 0..self.inputs {
                let mut x = [V::splat(0.0); N];
                for (n, x) in x.iter_mut().enumerate() {
                    *x = V::load(columns.add(n * V::LANES));
                }
                columns = columns.add(self.width);
                for (sums, weights) in sums.iter_mut().zip(weights) {
                    let weight = V::splat(*weights.add(input));
                    for (sum, x) in sums.iter_mut().zip(x) {
                        *sum = weight.mul_add(x, *sum);
                    }
                }
            }
            for (m, sums) in sums.iter().enumerate() {
                for (n, sum) in sums.iter().enumerate() {
                    sum.max(V::splat(0.0)).store(self.out.add(m * self.width + n * V::LANES));
                }
            }
        }
    }
}

/// See [`Kernels::combine`](wta_core::Kernels::combine): a strip of the sum is held in registers while all rows are
/// added to it.
///
/// # Safety
///
/// Each of `rows` has `out.len()` numbers in the matrix, there is a scale for each, and `V`'s instruction set is
/// enabled.
#[inline(always)]
pub(crate) unsafe fn combine<V: Vector>(
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

/// Whether every row lies inside a matrix of `matrix` numbers.
pub(crate) fn rows_fit(scales: &[f32], rows: &[u32], matrix: usize, stride: usize, len: usize) -> bool {
    scales.len() == rows.len()
        && rows.iter().all(|row| (*row as usize).saturating_mul(stride).saturating_add(len) <= matrix)
}

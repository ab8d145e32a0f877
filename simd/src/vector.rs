//! What the generic kernels need of a vector register.

use core::ops::Range;

/// The most lanes a vector has: those of AVX-512.
pub(crate) const MAX_LANES: usize = 16;

/// A register of `LANES` f32.
///
/// # Safety
///
/// An implementation's methods may only be called where its instruction set is enabled. The ISA modules see
/// to that: they call the generic kernels, into which all of this is inlined, from functions with the right
/// `#[target_feature]`.
pub(crate) unsafe trait Vector: Copy {
    /// f32 in a register.
    const LANES: usize;

    /// All lanes `value`.
    unsafe fn splat(value: f32) -> Self;
    /// `LANES` numbers from `from`, which need not be aligned.
    unsafe fn load(from: *const f32) -> Self;
    /// `LANES` numbers to `to`, which need not be aligned.
    unsafe fn store(self, to: *mut f32);
    /// `self * b + c`, rounded once.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    /// `a * b + c` of single numbers, rounded once.
    unsafe fn fused(a: f32, b: f32, c: f32) -> f32;
    /// Adds products to the sums. For each `i` of `inputs`, in order, sum `[m][n]` gets number `i` behind
    /// pointer `m`, times the next vector of row `n` of `weights`, rounded once. The rows are `stride`
    /// numbers apart.
    #[inline(always)]
    unsafe fn add_products<const M: usize, const N: usize>(
        sums: &mut [[Self; N]; M],
        at: &[*const f32; M],
        inputs: Range<usize>,
        weights: *const f32,
        stride: usize,
    ) {
        let mut weights = weights;
        for i in inputs {
            // SAFETY: the caller gives the numbers and the weights.
            unsafe {
                let mut w = [Self::splat(0.0); N];
                for (n, w) in w.iter_mut().enumerate() {
                    *w = Self::load(weights.add(n * stride));
                }
                weights = weights.add(Self::LANES);
                for m in 0..M {
                    let x = Self::splat(*at[m].add(i));
                    for n in 0..N {
                        sums[m][n] = x.mul_add(w[n], sums[m][n]);
                    }
                }
            }
        }
    }
    /// Lane-wise sum.
    unsafe fn add(self, b: Self) -> Self;
    /// Lane-wise difference.
    unsafe fn sub(self, b: Self) -> Self;
    /// Lane-wise product.
    unsafe fn mul(self, b: Self) -> Self;
    /// Lane-wise quotient.
    unsafe fn div(self, b: Self) -> Self;
    /// Lane-wise square root, correctly rounded.
    unsafe fn sqrt(self) -> Self;
    /// Lane-wise `if self > b { self } else { b }`; `b` where either is not a number.
    unsafe fn max(self, b: Self) -> Self;
    /// The sum of the lanes, in a fixed order: halves added until one is left.
    unsafe fn sum(self) -> f32;
    /// Where `self > values`: replaces the value in `values` and puts `position` into `positions`.
    unsafe fn compete(self, position: u32, values: *mut f32, positions: *mut u32);
    /// The largest number below `bound` in so many vectors that lie one behind the other; 0 if none of these
    /// is positive.
    unsafe fn largest_below(from: *const f32, vectors: usize, bound: f32) -> f32;
    /// A bit for each of the `LANES` numbers behind `from`, the first of them lowest: whether it is at least
    /// `least`.
    unsafe fn at_least(from: *const f32, least: f32) -> u32;
    /// Counts rows per lane: those in which the number is positive and its bits, as an integer, are at least
    /// those in `bits` (themselves at least 1). There are `rows` rows, `stride` numbers apart.
    unsafe fn count_at_least(
        from: *const f32,
        rows: usize,
        stride: usize,
        bits: &[u32; MAX_LANES],
    ) -> [u32; MAX_LANES];
}

/// `LANES` numbers of `values` from `start`; 0 for those beyond its end.
///
/// # Safety
///
/// `V`'s instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn load_part<V: Vector>(values: &[f32], start: usize) -> V {
    let mut lanes = [0.0; MAX_LANES];
    for (lane, value) in lanes.iter_mut().take(V::LANES).zip(values.iter().skip(start)) {
        *lane = *value;
    }
    // SAFETY: no vector has more lanes.
    unsafe { V::load(lanes.as_ptr()) }
}

/// Stores the first lanes.
///
/// # Safety
///
/// `to` has at most `LANES` numbers; `V`'s instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn store_part<V: Vector>(vector: V, to: &mut [f32]) {
    // SAFETY: whole vectors have `LANES` numbers to go to, and no vector has more lanes than the array.
    unsafe {
        if to.len() == V::LANES {
            vector.store(to.as_mut_ptr());
        } else {
            let mut lanes = [0.0; MAX_LANES];
            vector.store(lanes.as_mut_ptr());
            to.copy_from_slice(&lanes[..to.len()]);
        }
    }
}

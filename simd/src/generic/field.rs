//! One receptive field against one filter or atom: what the learn phase does for each survivor. And
//! element-wise maxima.

use wta_core::ReceptiveFields;

use crate::vector::Vector;

/// Whether the field at offset `at` lies inside a map of `map` numbers, and its filter has `filter` numbers.
pub(crate) fn fits(fields: &ReceptiveFields, at: usize, map: usize, filter: usize) -> bool {
    fields.is_apart() && at.saturating_add(fields.extent()) <= map && fields.len() <= filter
}

/// `<filter, field>`: vectors of a row are summed lane by lane, tails in scalar, each in the order of the
/// field.
///
/// # Safety
///
/// [`fits`] must hold, and `V`'s instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn dot<V: Vector>(fields: &ReceptiveFields, at: usize, map: &[f32], filter: &[f32]) -> f32 {
    // SAFETY: the caller's promise.
    let [dot] = unsafe { dots::<V, 1>(fields, [map.as_ptr().wrapping_add(at)], filter) };
    dot
}

/// [`dot`] of one filter with the fields behind several pointers.
///
/// # Safety
///
/// The fields exist, the filter has their length, and `V`'s instruction set is enabled.
#[inline(always)]
pub(super) unsafe fn dots<V: Vector, const N: usize>(
    fields: &ReceptiveFields,
    at: [*const f32; N],
    filter: &[f32],
) -> [f32; N] {
    // SAFETY: `row * row_stride + i < ` the field's extent and `row * row_len + i < ` the filter's length.
    unsafe {
        let mut sums = [V::splat(0.0); N];
        let mut tails = [0.0; N];
        for row in 0..fields.rows {
            let offset = row * fields.row_stride;
            let w = filter.as_ptr().add(row * fields.row_len);
            let whole = fields.row_len / V::LANES * V::LANES;
            for i in (0..fields.row_len / V::LANES).map(|vector| vector * V::LANES) {
                let weights = V::load(w.add(i));
                for (sum, at) in sums.iter_mut().zip(at) {
                    *sum = V::load(at.add(offset + i)).mul_add(weights, *sum);
                }
            }
            for i in whole..fields.row_len {
                for (tail, at) in tails.iter_mut().zip(at) {
                    *tail += *at.add(offset + i) * *w.add(i);
                }
            }
        }
        let mut dots = [0.0; N];
        for (dot, (sum, tail)) in dots.iter_mut().zip(sums.iter().zip(tails)) {
            *dot = sum.sum() + tail;
        }
        dots
    }
}

/// Positions whose sums [`activations`] holds at once: enough that none waits for the one before.
const POSITIONS: usize = 8;

/// See [`Kernels::activations`](wta_core::Kernels::activations).
///
/// # Safety
///
/// The fields of all positions lie inside the map, the filter has their length, there is an output for each
/// position, and `V`'s instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn activations<V: Vector>(
    fields: &ReceptiveFields,
    positions: &[u32],
    map: &[f32],
    filter: &[f32],
    bias: f32,
    out: &mut [f32],
) {
    for (positions, out) in positions.chunks(POSITIONS).zip(out.chunks_mut(POSITIONS)) {
        // Missing positions repeat the first.
        let mut at = [map.as_ptr(); POSITIONS];
        for (index, at) in at.iter_mut().enumerate() {
            let position = positions.get(index).unwrap_or(&positions[0]);
            *at = map.as_ptr().wrapping_add(fields.at(*position as usize));
        }
        // SAFETY: the caller's promise.
        let dots = unsafe { dots::<V, POSITIONS>(fields, at, filter) };
        for (out, dot) in out.iter_mut().zip(dots) {
            let sum = bias + dot;
            *out = if sum > 0.0 { sum } else { 0.0 };
        }
    }
}

/// `to += scale * from` over `len` numbers.
///
/// # Safety
///
/// Both pointers have `len` numbers, which do not overlap; `V`'s instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn axpy<V: Vector>(scale: f32, from: *const f32, to: *mut f32, len: usize) {
    // SAFETY: `i + LANES <= len` for vectors, `i < len` for the rest.
    unsafe {
        let scales = V::splat(scale);
        for i in (0..len / V::LANES).map(|vector| vector * V::LANES) {
            scales.mul_add(V::load(from.add(i)), V::load(to.add(i))).store(to.add(i));
        }
        for i in len / V::LANES * V::LANES..len {
            // Fused like the vectors, so that a number does not depend on where its row was cut.
            *to.add(i) = V::fused(scale, *from.add(i), *to.add(i));
        }
    }
}

/// `field += scale * filter`.
///
/// # Safety
///
/// [`fits`] must hold, and `V`'s instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn add_to_field<V: Vector>(
    fields: &ReceptiveFields,
    at: usize,
    scale: f32,
    filter: &[f32],
    map: &mut [f32],
) {
    for row in 0..fields.rows {
        // SAFETY: `fits` covers the rows of the field and of the filter.
        unsafe {
            let from = filter.as_ptr().add(row * fields.row_len);
            axpy::<V>(scale, from, map.as_mut_ptr().add(at + row * fields.row_stride), fields.row_len);
        }
    }
}

/// `filter += scale * field`.
///
/// # Safety
///
/// [`fits`] must hold, and `V`'s instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn add_to_filter<V: Vector>(
    fields: &ReceptiveFields,
    at: usize,
    scale: f32,
    map: &[f32],
    filter: &mut [f32],
) {
    for row in 0..fields.rows {
        // SAFETY: `fits` covers the rows of the field and of the filter.
        unsafe {
            let from = map.as_ptr().add(at + row * fields.row_stride);
            axpy::<V>(scale, from, filter.as_mut_ptr().add(row * fields.row_len), fields.row_len);
        }
    }
}

/// `to = max(to, from)` over the shorter of both.
///
/// # Safety
///
/// `V`'s instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn max<V: Vector>(from: &[f32], to: &mut [f32]) {
    let len = from.len().min(to.len());
    let mut i = 0;
    while i + V::LANES <= len {
        // SAFETY: `i + LANES` is within both slices.
        unsafe {
            V::load(from.as_ptr().add(i)).max(V::load(to.as_ptr().add(i))).store(to.as_mut_ptr().add(i))
        };
        i += V::LANES;
    }
    for (to, from) in to.iter_mut().zip(from).skip(i) {
        if *from > *to {
            *to = *from;
        }
    }
}

//! One receptive field against one filter or atom: what the learn phase does for each survivor. And element-wise
//! maxima.

use wta_core::Fields;

use crate::vector::Vector;

/// Whether the field at offset `at` lies inside a map of `map` numbers, and its filter has `filter` numbers.
pub(crate) fn fits(fields: &Fields, at: usize, map: usize, filter: usize) -> bool {
    fields.rows > 0 && at.saturating_add(fields.extent()) <= map && fields.len() <= filter
}

/// `<filter, field>`: vectors of a row are summed lane by lane, tails in scalar, each in the order of the field.
///
/// # Safety
///
/// [`fits`] must hold, and `V`'s instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn dot<V: Vector>(fields: &Fields, at: usize, map: &[f32], filter: &[f32]) -> f32 {
    // SAFETY: `row * row_stride + i < ` the field's extent and `row * row_len + i < ` the filter's length.
    unsafe {
        let mut sum = V::splat(0.0);
        let mut tail = 0.0;
        for row in 0..fields.rows {
            let x = map.as_ptr().add(at + row * fields.row_stride);
            let w = filter.as_ptr().add(row * fields.row_len);
            let mut i = 0;
            while i + V::LANES <= fields.row_len {
                sum = V::load(x.add(i)).mul_add(V::load(w.add(i)), sum);
                i += V::LANES;
            }
            while i < fields.row_len {
                tail += *x.add(i) * *w.add(i);
                i += 1;
            }
        }
        sum.sum() + tail
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
        let mut i = 0;
        while i + V::LANES <= len {
            scales.mul_add(V::load(from.add(i)), V::load(to.add(i))).store(to.add(i));
            i += V::LANES;
        }
        while i < len {
            // Fused like the vectors, so that a number does not depend on where its row was cut.
            let lane = load_one::<V>(*from.add(i));
            let mut lanes = [0.0; 16];
            scales.mul_add(lane, load_one::<V>(*to.add(i))).store(lanes.as_mut_ptr());
            *to.add(i) = lanes[0];
            i += 1;
        }
    }
}

#[inline(always)]
unsafe fn load_one<V: Vector>(value: f32) -> V {
    // SAFETY: the caller has the instruction set.
    unsafe { V::splat(value) }
}

/// `field += scale * filter`.
///
/// # Safety
///
/// [`fits`] must hold, and `V`'s instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn add_to_field<V: Vector>(
    fields: &Fields,
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
    fields: &Fields,
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

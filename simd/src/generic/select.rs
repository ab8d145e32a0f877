//! Competition and lifetime selection, a vector of maps at a time.

use wta_core::{Cut, Result, cut};

use crate::vector::{MAX_LANES, Vector};

/// See [`Kernels::compete`](wta_core::Kernels::compete).
///
/// # Safety
///
/// `V`'s instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn compete<V: Vector>(
    activations: &[f32],
    first: u32,
    values: &mut [f32],
    positions: &mut [u32],
) {
    let maps = values.len().min(positions.len());
    if maps == 0 {
        return;
    }
    let mut position = first;
    for row in activations.chunks_exact(maps) {
        let mut i = 0;
        while i + V::LANES <= maps {
            // SAFETY: `i + LANES` is within the row, the values and the positions.
            unsafe {
                let activation = V::load(row.as_ptr().add(i));
                activation.compete(position, values.as_mut_ptr().add(i), positions.as_mut_ptr().add(i));
            }
            i += V::LANES;
        }
        for ((value, winner), activation) in values.iter_mut().zip(positions.iter_mut()).zip(row).skip(i) {
            if *activation > *value {
                *value = *activation;
                *winner = position;
            }
        }
        position = position.wrapping_add(1);
    }
}

/// See [`Kernels::lifetime_cuts`](wta_core::Kernels::lifetime_cuts): the bit search of [`wta_core::cut`] for
/// a vector of columns at once. Counting is exact, so that the cuts are the scalar ones.
///
/// # Errors
///
/// [`Error::NotFinite`](wta_core::Error::NotFinite) with the index of the first number that is not finite, in
/// the first column that has one.
///
/// # Safety
///
/// `V`'s instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn lifetime_cuts<V: Vector>(
    values: &[f32],
    width: usize,
    first: usize,
    keep: usize,
    cuts: &mut [Cut],
) -> Result<()> {
    let rows = values.len().checked_div(width).unwrap_or(0);
    // The bit search is for a cut that keeps something.
    let fits = keep > 0 && first.checked_add(cuts.len()).is_some_and(|end| end <= width);
    let whole = if fits { cuts.len() / V::LANES * V::LANES } else { 0 };
    let (vectors, rest) = cuts.split_at_mut(whole);
    for (index, cuts) in vectors.chunks_exact_mut(V::LANES).enumerate() {
        let column = first + index * V::LANES;
        // SAFETY: columns `column..column + LANES` exist in each of the rows.
        unsafe { cut_vector::<V>(values, width, rows, column, keep, cuts)? };
    }
    for (index, to) in rest.iter_mut().enumerate() {
        *to = cut_column(values, width, first.saturating_add(whole + index), keep)?;
    }
    Ok(())
}

/// Of so many, the least survivor is found from the largest down; of more, by the bit search.
const FEW: usize = 12;

/// See [`Kernels::row_cut`](wta_core::Kernels::row_cut): the search of [`Least`].
///
/// # Errors
///
/// [`Error::NotFinite`](wta_core::Error::NotFinite) with the index of the first number that is not finite.
///
/// # Safety
///
/// `V`'s instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn row_cut<V: Vector>(values: &[f32], keep: usize) -> Result<Cut> {
    if keep == 0 || !are_finite(values) {
        return cut(values.iter().copied(), keep);
    }
    let (vectors, rest) = values.split_at(values.len() / V::LANES * V::LANES);
    // SAFETY: the caller has the instruction set; so below.
    if unsafe { row_count::<V>(vectors, rest, 1) } <= keep {
        return Ok(Cut { threshold: 0.0, ties_below: 0 });
    }
    // SAFETY: as above.
    let Least { value: threshold, mut equal } = unsafe { Least::of::<V>(vectors, rest, keep) };
    let mut ties_below = 0;
    for (index, value) in (0u32..).zip(values) {
        if equal == 0 {
            break;
        }
        if *value == threshold {
            equal -= 1;
            ties_below = index + 1;
        }
    }
    Ok(Cut { threshold, ties_below })
}

/// See [`Kernels::row_survivors`](wta_core::Kernels::row_survivors): those at least as large as the
/// [`Least`], a vector at a time. Of most vectors there is none.
///
/// # Errors
///
/// As of [`row_cut`].
///
/// # Safety
///
/// `V`'s instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn row_survivors<V: Vector>(
    row: &[f32],
    values: &mut [f32],
    places: &mut [u32],
) -> Result<u32> {
    let keep = values.len().min(places.len());
    if keep == 0 || !are_finite(row) {
        return cut(row.iter().copied(), keep).map(|_| 0);
    }
    let (vectors, rest) = row.split_at(row.len() / V::LANES * V::LANES);
    // SAFETY: the caller has the instruction set; so below.
    let Least { value: least, mut equal } = unsafe { Least::of::<V>(vectors, rest, keep) };
    let mut count = 0;
    let mut room = values.iter_mut().zip(places);
    let mut note = |index: usize, value: f32| {
        if value == least {
            if equal == 0 {
                return;
            }
            equal -= 1;
        }
        if let Some((to, place)) = room.next() {
            (*to, *place) = (value, index as u32);
            count += 1;
        }
    };
    for (index, vector) in vectors.chunks_exact(V::LANES).enumerate() {
        // SAFETY: as above; a vector has as many numbers.
        let mut lanes = unsafe { V::at_least(vector.as_ptr(), least) };
        while lanes != 0 {
            let lane = lanes.trailing_zeros() as usize;
            note(index * V::LANES + lane, vector[lane]);
            lanes &= lanes - 1;
        }
    }
    for (index, value) in (vectors.len()..).zip(rest).filter(|(_, value)| **value >= least) {
        note(index, *value);
    }
    Ok(count)
}

/// Whether no number is infinite, and none is not a number. Without a branch for each.
#[inline(always)]
fn are_finite(values: &[f32]) -> bool {
    values.iter().fold(0, |largest: u32, v| largest.max(v.to_bits() & 0x7FFF_FFFF)) < f32::INFINITY.to_bits()
}

/// The least survivor of a row.
struct Least {
    /// Its value, above 0. What is larger survives.
    value: f32,
    /// How many of this value may survive: the first ones.
    equal: usize,
}

impl Least {
    /// Finds it, in whole vectors and a rest of finite numbers, of which `keep` (at least 1) may survive. A
    /// few survivors are found one by one, if no two are equal; else it goes by the bit search of
    /// [`wta_core::cut`], with all lanes on the same row.
    ///
    /// # Safety
    ///
    /// `V`'s instruction set is enabled.
    #[inline(always)]
    unsafe fn of<V: Vector>(vectors: &[f32], rest: &[f32], keep: usize) -> Self {
        // SAFETY: the caller's promise. No closures, which could be compiled without the instruction set.
        unsafe {
            if keep <= FEW {
                let mut least = f32::INFINITY;
                for _ in 0..keep {
                    least = row_below::<V>(vectors, rest, least);
                }
                if least > 0.0 && row_count::<V>(vectors, rest, least.to_bits()) == keep {
                    return Self { value: least, equal: keep };
                }
            }
            if row_count::<V>(vectors, rest, 1) <= keep {
                return Self { value: f32::from_bits(1), equal: keep };
            }
            let mut threshold = 0;
            for bit in (0..31).rev() {
                let candidate = threshold | 1 << bit;
                if row_count::<V>(vectors, rest, candidate) >= keep {
                    threshold = candidate;
                }
            }
            let above = row_count::<V>(vectors, rest, threshold + 1);
            Self { value: f32::from_bits(threshold), equal: keep.saturating_sub(above) }
        }
    }
}

/// How many numbers of whole vectors and a rest are positive with at least these bits (at least 1).
///
/// # Safety
///
/// `V`'s instruction set is enabled.
#[inline(always)]
unsafe fn row_count<V: Vector>(vectors: &[f32], rest: &[f32], bits: u32) -> usize {
    // SAFETY: `vectors` holds as many whole vectors.
    let lanes = unsafe {
        V::count_at_least(vectors.as_ptr(), vectors.len() / V::LANES, V::LANES, &[bits; MAX_LANES])
    };
    let more = rest.iter().filter(|v| **v > 0.0 && v.to_bits() >= bits).count();
    lanes.iter().take(V::LANES).sum::<u32>() as usize + more
}

/// The largest number below `bound` of whole vectors and a rest; 0 if none of these is positive.
///
/// # Safety
///
/// `V`'s instruction set is enabled.
#[inline(always)]
unsafe fn row_below<V: Vector>(vectors: &[f32], rest: &[f32], bound: f32) -> f32 {
    // SAFETY: `vectors` holds as many whole vectors.
    let largest = unsafe { V::largest_below(vectors.as_ptr(), vectors.len() / V::LANES, bound) };
    rest.iter().filter(|v| **v < bound).fold(largest, |largest, v| if *v > largest { *v } else { largest })
}

fn cut_column(values: &[f32], width: usize, column: usize, keep: usize) -> Result<Cut> {
    let column_values = values.chunks_exact(width.max(1)).map(|row| row.get(column).copied().unwrap_or(0.0));
    cut(column_values, keep).map_err(|error| error.map_index(|row| row * width + column))
}

/// # Safety
///
/// `values` has `rows` rows of `width`, `column + LANES <= width`, and `V`'s instruction set is enabled.
#[inline(always)]
unsafe fn cut_vector<V: Vector>(
    values: &[f32],
    width: usize,
    rows: usize,
    column: usize,
    keep: usize,
    cuts: &mut [Cut],
) -> Result<()> {
    const INFINITY_BITS: u32 = f32::INFINITY.to_bits();
    for row in values.chunks_exact(width) {
        // Negative numbers have the sign bit, and so exceed infinity's bits only without it.
        if row[column..column + V::LANES].iter().any(|v| v.to_bits() & 0x7fff_ffff >= INFINITY_BITS) {
            for lane in 0..V::LANES {
                cut_column(values, width, column + lane, keep)?;
            }
        }
    }
    let from = values.as_ptr().wrapping_add(column);
    // SAFETY: the columns exist in every row, for all counts below.
    let positive = unsafe { V::count_at_least(from, rows, width, &[1; MAX_LANES]) };
    let mut thresholds = [0u32; MAX_LANES];
    for bit in (0..31).rev() {
        let candidates = thresholds.map(|t| t | 1 << bit);
        // SAFETY: as above.
        let counts = unsafe { V::count_at_least(from, rows, width, &candidates) };
        for ((threshold, candidate), count) in thresholds.iter_mut().zip(candidates).zip(counts) {
            if count as usize >= keep {
                *threshold = candidate;
            }
        }
    }
    // SAFETY: as above.
    let above = unsafe { V::count_at_least(from, rows, width, &thresholds.map(|t| t + 1)) };
    for (lane, cut) in cuts.iter_mut().enumerate() {
        if positive[lane] as usize <= keep {
            *cut = Cut { threshold: 0.0, ties_below: 0 };
            continue;
        }
        let threshold = f32::from_bits(thresholds[lane]);
        let mut ties = keep.saturating_sub(above[lane] as usize);
        let mut ties_below = 0;
        for row in 0..rows {
            if ties == 0 {
                break;
            }
            if values.get(row * width + column + lane) == Some(&threshold) {
                ties -= 1;
                ties_below = row as u32 + 1;
            }
        }
        *cut = Cut { threshold, ties_below };
    }
    Ok(())
}

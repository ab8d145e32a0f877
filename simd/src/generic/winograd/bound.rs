//! How far the maxima of tiles may be from those of evaluating every position.
//!
//! `u` is half a unit in the last place (2^-24), `|.|` the Euclidean norm over the channels of all pieces.
//! `V` and `U` are the transformed input and filter at one of the points, `x` is the norm of the largest
//! pixel that a tile sees, `w` the norm of the whole filter, `P` the number of pieces, `K` the number of
//! roundings in a sum of the products at a point. `a`, `b` and `g` are the gains of the three transforms at
//! the point, products of both directions': the largest magnitude in a column of `A^T`, the sums of the
//! magnitudes in rows of `B^T` and `G`. To first order in `u`, with constants rounded up to make up for the
//! rest:
//!
//! - A transformed input passes at most `i` roundings, those of both directions: each piece is off by no more
//!   than `i u b x` in norm, all together by `sqrt(P)` times as much.
//! - A transformed filter is rounded once: it is off by no more than `u |U|`. In the algorithm of 5 x 5
//!   kernels it passes at most `f` roundings, and is off by no more than `f u g w`.
//! - The sum of the products is off by `K u |U| |V|`; the transform of the sums and the bias, `o`
//!   roundings, by `o u a |U| |V|` summed over the points.
//! - An evaluation ([`field::activations`](crate::generic::field::activations)) of `R` rows of `N` numbers
//!   sums the products in lanes, the tails of the rows apart. With `L` lanes no number passes more than
//!   `R N / L + 2 R L + 2 R` roundings. A field of `A` pixels is off by as many times
//!   `u (sqrt(A) w x + bias)`.
//!
//! So outputs differ by no more than the sum of these, where `V` is the largest of the tiles. All of it is
//! positive, so computing the bound in f32 and comparing with it lose less than the 5% that are added. Norms
//! whose squares could underflow count as [`FLOOR`]. A bound that is not finite says that nothing is known.

use crate::generic::winograd::plan::{Algorithm, Plan, TiledLayer};
use crate::generic::winograd::points::{Gains, MAX_POINTS};
use crate::generic::winograd::transform::FILTER_ROUNDINGS;
use crate::vector::{Vector, load_part, store_part};

const U: f32 = 1.0 / (1u32 << 24) as f32;

/// The least square of a norm: above it, what was lost to underflow does not matter.
pub(super) const FLOOR: f32 = 1e-30;

/// Adds a block's tiles to the squares of the norms: for each point the largest sum of squares over the
/// channels.
///
/// # Safety
///
/// `inputs` are the transformed inputs of at least `count` tiles, and `V`'s instruction set is enabled.
#[inline(always)]
pub(super) unsafe fn add_norms<V: Vector>(plan: &Plan, inputs: &[f32], count: usize, norms: &mut [f32]) {
    for (p, norm) in norms.iter_mut().enumerate() {
        for tile in 0..count {
            // SAFETY: the caller's promise.
            let square = unsafe {
                let row = inputs.as_ptr().add(p * plan.inputs_stride() + tile * plan.row_len());
                let mut sum = V::splat(0.0);
                let mut channel = 0;
                while channel < plan.row_len() {
                    let v = V::load(row.add(channel));
                    sum = v.mul_add(v, sum);
                    channel += V::LANES;
                }
                sum.sum()
            };
            *norm = larger(*norm, square);
        }
    }
}

/// The larger number, or the one that is not a number.
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// The square of the norm of the largest pixel of the map that the layer reads.
///
/// # Safety
///
/// The layer fits, and `V`'s instruction set is enabled.
#[inline(always)]
unsafe fn largest_pixel<V: Vector>(layer: &TiledLayer<'_>) -> f32 {
    let (fields, channels) = (layer.fields, layer.plan.channels);
    let (rows, columns) = (fields.height + fields.rows - 1, fields.width + fields.row_len / channels - 1);
    let mut largest = 0.0;
    for y in 0..rows {
        for x in 0..columns {
            let at = y * fields.row_stride + x * channels;
            // SAFETY: `fits` covers all pixels.
            let square = unsafe {
                let pixel = layer.map.get_unchecked(at..at + channels);
                let mut sum = V::splat(0.0);
                let mut channel = 0;
                while channel + V::LANES <= channels {
                    let v = V::load(pixel.as_ptr().add(channel));
                    sum = v.mul_add(v, sum);
                    channel += V::LANES;
                }
                sum.sum() + pixel[channel..].iter().map(|v| v * v).sum::<f32>()
            };
            largest = larger(largest, square);
        }
    }
    largest
}

/// Each map's bound. `norms` are those of [`add_norms`] over all tiles.
///
/// # Safety
///
/// The layer fits, `norms` has a number per point, and `V`'s instruction set is enabled.
#[inline(always)]
pub(super) unsafe fn slack<V: Vector>(layer: &TiledLayer<'_>, norms: &[f32], slack: &mut [f32]) {
    let plan = layer.plan;
    let Algorithm { down, right } = plan.algorithm;
    let area = plan.algorithm.area();
    let (of_rows, of_columns) = (Gains::of(down.points, down.taps), Gains::of(right.points, right.taps));
    let (rows, row_len) = (layer.fields.rows as f32, layer.fields.row_len as f32);
    let pixels = rows * row_len / plan.channels as f32;
    let in_a_row = plan.algorithm.products_in_a_row();
    let products = plan.row_used().min(in_a_row) + plan.row_used().div_ceil(in_a_row);
    // One more of each where the other two are off, too.
    let input_roundings = (down.points.input_roundings() + right.points.input_roundings() + 1) as f32;
    let filter_roundings = if plan.algorithm.is_promised() { 2 * FILTER_ROUNDINGS + 1 } else { 0 } as f32;
    // Two more for the bias and for a filter that is rounded once.
    let output_roundings = (down.points.output_roundings() + right.points.output_roundings() + 3) as f32;
    // SAFETY: vectors of `norms` and of the panels' norms, as their lengths say.
    unsafe {
        let root = |value: f32| V::splat(value).max(V::splat(FLOOR)).sqrt();
        let pixel = root(largest_pixel::<V>(layer));
        let transformed = root(plan.algorithm.pieces() as f32).mul(pixel);
        let lanes = V::LANES as f32;
        let direct = (rows * row_len / lanes + 2.0 * rows * (lanes + 1.0)) * U;
        let mut factors = [V::splat(0.0); MAX_POINTS * MAX_POINTS];
        let mut filter_factor = V::splat(1.000_01 * direct).mul(root(pixels)).mul(pixel);
        for (p, factor) in factors.iter_mut().enumerate().take(area) {
            let (y, x) = (p / right.points.count(), p % right.points.count());
            let norm = root(*norms.get_unchecked(p));
            let a = of_rows.output[y] * of_columns.output[x];
            let b = of_rows.input[y] * of_columns.input[x];
            let g = of_rows.filter[y] * of_columns.filter[x];
            let transformed = V::splat(input_roundings * U * b).mul(transformed);
            let summed = V::splat((products as f32 + output_roundings) * U);
            *factor = summed.mul_add(norm, transformed).mul(V::splat(a));
            filter_factor = V::splat(filter_roundings * U * a * g).mul_add(norm, filter_factor);
        }
        for (panel, to) in slack.chunks_mut(V::LANES).enumerate() {
            let norms = layer.prepared.as_ptr().add(panel * plan.panel_len() + area * plan.filters_stride());
            let mut sum = filter_factor.mul(V::load(norms.add(area * V::LANES)));
            for (p, factor) in factors.iter().enumerate().take(area) {
                sum = factor.mul_add(V::load(norms.add(p * V::LANES)), sum);
            }
            let bias = load_part::<V>(layer.bias, panel * V::LANES);
            let bias = bias.max(V::splat(0.0).sub(bias));
            sum = V::splat(direct + 2.0 * U).mul_add(bias, sum).mul(V::splat(1.05));
            store_part(sum, to);
        }
    }
}

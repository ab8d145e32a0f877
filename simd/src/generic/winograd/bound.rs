//! How far the maxima of Winograd's algorithm may be from those of evaluating every position.
//!
//! `u` is half a unit in the last place (2^-24), `|.|` the Euclidean norm over the channels. `V` and `U` are
//! the transformed input and filter at one of the 64 points, `x` is the norm of the largest pixel that a tile
//! sees, `w` the norm of the whole filter. `a`, `b` and `g` are the gains of the three transforms at the
//! point: the products of [`OUTPUT_GAIN`], [`INPUT_GAIN`] and [`FILTER_GAIN`] in both directions. To first
//! order in `u`, with constants rounded up to make up for the rest:
//!
//! - A transformed input passes at most 6 roundings, 3 in each direction: it is off by no more than `6 u b x`
//!   in norm.
//! - A transformed filter passes at most 10 roundings, 5 in each direction: it is off by no more than
//!   `10 u g w`.
//! - The sum over `C` channels is off by `C u |U| |V|`; the transform of the sums and the bias, 9 roundings,
//!   by `9 u a |U| |V|` summed over the points.
//! - An evaluation ([`field::activations`](crate::generic::field::activations)) sums `25 C` products in
//!   lanes, the tails of the five rows apart: with `L` lanes no number passes more than
//!   `25 C / L + 10 L + 10` roundings. As a field is 25 pixels, it is off by as many times
//!   `u (5 w x + bias)`.
//!
//! So outputs differ by no more than the sum of these, where `V` is the largest of the tiles. All of it is
//! positive, so computing the bound in f32 and comparing with it lose less than the 5% that are added. Norms
//! whose squares could underflow count as [`FLOOR`]. A bound that is not finite says that nothing is known.

use crate::generic::winograd::plan::{AREA, Plan, TiledLayer};
use crate::generic::winograd::transform::{FILTER_GAIN, INPUT_GAIN, OUTPUT_GAIN, POINTS};
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
                let row = inputs.as_ptr().add(p * plan.inputs_stride() + tile * plan.padded);
                let mut sum = V::splat(0.0);
                let mut channel = 0;
                while channel < plan.padded {
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
    let (rows, columns) = (fields.height + fields.rows - 1, fields.width + fields.rows - 1);
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
    let channels = plan.channels as f32;
    // SAFETY: vectors of `norms` and of the panels' norms, as their lengths say.
    unsafe {
        let pixel = V::splat(largest_pixel::<V>(layer)).max(V::splat(FLOOR)).sqrt();
        let lanes = V::LANES as f32;
        let direct = (25.0 * channels / lanes + 10.0 * lanes + 10.0) * U;
        let mut factors = [V::splat(0.0); AREA];
        let mut filter_factor = V::splat(5.0 * direct).mul(pixel);
        for (p, factor) in factors.iter_mut().enumerate() {
            let (y, x) = (p / POINTS, p % POINTS);
            let norm = V::splat(*norms.get_unchecked(p)).max(V::splat(FLOOR)).sqrt();
            let a = OUTPUT_GAIN[y] * OUTPUT_GAIN[x];
            let b = INPUT_GAIN[y] * INPUT_GAIN[x];
            let g = FILTER_GAIN[y] * FILTER_GAIN[x];
            let transformed = V::splat(7.0 * U * b).mul(pixel);
            *factor = V::splat((channels + 10.0) * U).mul_add(norm, transformed).mul(V::splat(a));
            filter_factor = V::splat(11.0 * U * a * g).mul_add(norm, filter_factor);
        }
        for (panel, to) in slack.chunks_mut(V::LANES).enumerate() {
            let norms = layer.prepared.as_ptr().add(panel * plan.panel_len() + AREA * plan.filters_stride());
            let mut sum = filter_factor.mul(V::load(norms.add(AREA * V::LANES)));
            for (p, factor) in factors.iter().enumerate() {
                sum = factor.mul_add(V::load(norms.add(p * V::LANES)), sum);
            }
            let bias = load_part::<V>(layer.bias, panel * V::LANES);
            let bias = bias.max(V::splat(0.0).sub(bias));
            sum = V::splat(direct + 2.0 * U).mul_add(bias, sum).mul(V::splat(1.05));
            store_part(sum, to);
        }
    }
}

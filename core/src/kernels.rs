//! The hot loops, as a trait: [`Scalar`](crate::Scalar) is the definition and the oracle, wta-simd has the rest.
//!
//! Kernels are told where things lie by [`Fields`] and [`Placement`]; they never allocate and never panic. Given
//! slices that are too short for the description, they do nothing for what does not fit.

use crate::error::Result;
use crate::field::{Fields, Placement};
use crate::parameters::Filters;
use crate::select::Cut;

/// The hot loops of training and inference.
///
/// Every implementation computes each number in a fixed order, whatever the sizes around it, so that splitting
/// the work (images over threads, maps over threads) never changes a bit.
pub trait Kernels: Copy + Send + Sync {
    /// Length of the buffer in which [`prepare`](Self::prepare) lays out `filters` filters of `field_len` numbers.
    fn prepared_len(self, filters: usize, field_len: usize) -> usize {
        let _ = (filters, field_len);
        0
    }

    /// Lays filters out as [`convolve`](Self::convolve) wants them; done once per step, not per image.
    fn prepare(self, weights: &[f32], field_len: usize, prepared: &mut [f32]) {
        let _ = (weights, field_len, prepared);
    }

    /// An encoder layer: for every position and filter, `max(0, bias + <filter, receptive field>)`.
    ///
    /// `map` is the bordered input; the outputs of a position are contiguous, one per filter, and go where
    /// `placement` says.
    fn convolve(
        self,
        fields: &Fields,
        filters: Filters<'_>,
        map: &[f32],
        placement: Placement,
        out: &mut [f32],
    );

    /// `<filter, field at offset at>`.
    fn field_dot(self, fields: &Fields, at: usize, map: &[f32], filter: &[f32]) -> f32;

    /// `field at offset at += scale * filter`: puts an atom into a reconstruction, a filter into a delta.
    fn add_to_field(self, fields: &Fields, at: usize, scale: f32, filter: &[f32], map: &mut [f32]);

    /// `filter += scale * field at offset at`: one survivor's part of a filter's gradient.
    fn add_to_filter(self, fields: &Fields, at: usize, scale: f32, map: &[f32], filter: &mut [f32]);

    /// The gradient of a range of filters from sparse deltas: for each of `positions` (p) and each filter (f) of
    /// the range, `gradient[f] += deltas[p][first + f] * field of p`.
    ///
    /// `deltas` has a row of `maps` numbers per position; `gradient` holds the range's filters.
    #[allow(clippy::too_many_arguments, reason = "a kernel's operands")]
    fn filter_gradients(
        self,
        fields: &Fields,
        positions: &[u32],
        deltas: &[f32],
        maps: usize,
        first: usize,
        map: &[f32],
        gradient: &mut [f32],
    ) {
        for (position, deltas) in positions.iter().zip(deltas.chunks_exact(maps.max(1))) {
            let at = fields.at(*position as usize);
            let filters = gradient.chunks_exact_mut(fields.len().max(1));
            for (filter, delta) in filters.zip(deltas.iter().skip(first)) {
                if *delta != 0.0 {
                    self.add_to_filter(fields, at, *delta, map, filter);
                }
            }
        }
    }

    /// Sparse deltas through a layer's filters to its input: for each of `positions` (p) and filters (f),
    /// `field of p in below += deltas[p][f] * filter f`.
    fn backpropagate(
        self,
        fields: &Fields,
        positions: &[u32],
        deltas: &[f32],
        weights: &[f32],
        below: &mut [f32],
    ) {
        let maps = weights.len().checked_div(fields.len()).unwrap_or(0).max(1);
        for (position, deltas) in positions.iter().zip(deltas.chunks_exact(maps)) {
            let at = fields.at(*position as usize);
            for (filter, delta) in weights.chunks_exact(fields.len().max(1)).zip(deltas) {
                if *delta != 0.0 {
                    self.add_to_field(fields, at, *delta, filter, below);
                }
            }
        }
    }

    /// Spatial competition over a run of positions: per map, where an activation exceeds `values`, it replaces it
    /// and its position goes to `positions`. An equal one does not: ties go to the lowest position.
    ///
    /// `activations` has a row of `values.len()` numbers per position, the first of which is `first`.
    fn compete(self, activations: &[f32], first: u32, values: &mut [f32], positions: &mut [u32]);

    /// Lifetime selection: the [`Cut`] that keeps the `keep` largest of each of the columns
    /// `first..first + cuts.len()` of `values`, a matrix of rows of `width`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`](crate::Error::NotFinite) with the index of such an element.
    fn lifetime_cuts(
        self,
        values: &[f32],
        width: usize,
        first: usize,
        keep: usize,
        cuts: &mut [Cut],
    ) -> Result<()>;

    /// `to = max(to, from)`, element by element: pooling.
    fn max(self, from: &[f32], to: &mut [f32]);

    /// SGD with momentum: `velocity = momentum * velocity + gradient + decay * weight;
    /// weight -= rate * velocity`.
    fn sgd(self, update: &SgdUpdate, gradient: &[f32], velocity: &mut [f32], weights: &mut [f32]);

    /// Adam (Kingma and Ba 2015).
    fn adam(
        self,
        update: &AdamUpdate,
        gradient: &[f32],
        first_moment: &mut [f32],
        second_moment: &mut [f32],
        weights: &mut [f32],
    );
}

/// The numbers of one SGD update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdUpdate {
    /// Learning rate.
    pub rate: f32,
    /// Momentum.
    pub momentum: f32,
    /// Weight decay, added to the gradient.
    pub decay: f32,
}

/// The numbers of one Adam update: `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g^2`,
/// `w -= rate * m / (sqrt(v) * root + epsilon)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamUpdate {
    /// Learning rate over the first moment's bias correction.
    pub rate: f32,
    /// 1 over the square root of the second moment's bias correction.
    pub root: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Keeps the division finite.
    pub epsilon: f32,
    /// Weight decay, added to the gradient.
    pub decay: f32,
}

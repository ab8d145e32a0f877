//! The hot loops, as a trait: [`Scalar`](crate::Scalar) is the definition and the oracle, wta-simd has the
//! rest.
//!
//! Kernels are told where things lie by [`ReceptiveFields`] and [`OutputLayout`]; they never allocate and
//! never panic. Given slices that are too short for the description, they do nothing for what does not fit.
//!
//! That holds for any description, true or not, and takes no longer than the slices are long:
//!
//! - A field whose rows overlap, or that has no number ([`ReceptiveFields::is_apart`]), counts as empty: it
//!   adds nothing, and nothing is added to it.
//! - A row of a field that does not lie in the map counts as empty.
//! - A convolution stops at the first position whose outputs do not lie in `out`. Where outputs have no place
//!   of their own ([`OutputLayout::is_apart`]), it writes nothing.
//! - What is computed from a description (an offset, a length) saturates.

use crate::cut::{Cut, cut};
use crate::error::Result;
use crate::field::{OutputLayout, ReceptiveFields};
use crate::memory::quotient;
use crate::parameters::Filters;
use crate::runs::{runs, runs_mut};

/// How kernels cut a layer's maps into tiles that they compute with fewer multiplications than
/// [`Kernels::convolve`] takes, and what they need for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Tiling {
    /// Rows of outputs in a tile; tiles at the lower edge may be cut.
    pub rows: usize,
    /// Columns of outputs in a tile; tiles at the right edge may be cut.
    pub columns: usize,
    /// Rows of tiles.
    pub down: usize,
    /// Tiles in a row.
    pub across: usize,
    /// Maps in a panel of prepared filters; a last panel may have fewer.
    pub panel_maps: usize,
    /// Numbers in a prepared panel.
    pub panel_len: usize,
    /// Numbers in all prepared panels.
    pub prepared_len: usize,
    /// Numbers of scratch memory.
    pub scratch_len: usize,
}

impl Tiling {
    /// The number of tiles.
    pub const fn tiles(&self) -> usize {
        self.down.saturating_mul(self.across)
    }
}

/// What a screening finds out about an image: see [`Kernels::screen`].
#[derive(Debug)]
pub struct Screened<'a> {
    /// For each tile (row by row) and map, about the largest activation, before the ReLU.
    pub maxima: &'a mut [f32],
    /// For each map, the largest of those.
    pub best: &'a mut [f32],
    /// For each map, how far the two may be from the truth; where it is not finite, they say nothing.
    pub slack: &'a mut [f32],
}

/// The hot loops of training and inference.
///
/// Every implementation computes each number in a fixed order, whatever the sizes around it. So splitting the
/// work (images over threads, maps over threads) never changes a bit.
pub trait Kernels: Copy + Send + Sync {
    /// Length of the buffer in which [`prepare`](Self::prepare) lays out `filters` filters of `field_len`
    /// numbers.
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
    /// `map` is the padded input; the outputs of a position are contiguous, one per filter, and go where
    /// `output_layout` says.
    fn convolve(
        self,
        fields: &ReceptiveFields,
        filters: Filters<'_>,
        map: &[f32],
        output_layout: OutputLayout,
        out: &mut [f32],
    );

    /// [`convolve`](Self::convolve) of each filter and of its negative: behind a position's outputs come as
    /// many more, `max(0, bias - <filter, receptive field>)`, from the same products.
    ///
    /// The first half has the bits of `convolve`. So has the second of negated filters, where the bias is 0;
    /// elsewhere kernels may take it from the sum with the bias, and round once more.
    fn convolve_both_signs(
        self,
        fields: &ReceptiveFields,
        filters: Filters<'_>,
        map: &[f32],
        output_layout: OutputLayout,
        out: &mut [f32],
    );

    /// The maps in a panel of prepared filters: any whole number of panels can be prepared by itself.
    fn panel_maps(self) -> usize {
        1
    }

    /// How these kernels compute a layer of so many filters by tiles, where they do: [`prepare_tiles`],
    /// [`convolve_tiles`] and [`screen`] are then to be used instead of [`prepare`] and [`convolve`].
    ///
    /// [`prepare`]: Self::prepare
    /// [`convolve`]: Self::convolve
    /// [`prepare_tiles`]: Self::prepare_tiles
    /// [`convolve_tiles`]: Self::convolve_tiles
    /// [`screen`]: Self::screen
    fn tiling(self, fields: &ReceptiveFields, filters: usize) -> Option<Tiling> {
        let _ = (fields, filters);
        None
    }

    /// [`prepare`](Self::prepare) for tiles, where the layer has `maps` filters: `weights` are those of whole
    /// panels (but for the layer's last one).
    fn prepare_tiles(self, fields: &ReceptiveFields, maps: usize, weights: &[f32], prepared: &mut [f32]) {
        let _ = (fields, maps, weights, prepared);
    }

    /// [`convolve`](Self::convolve) by tiles: the same up to rounding, which the kernels bound.
    fn convolve_tiles(
        self,
        fields: &ReceptiveFields,
        filters: Filters<'_>,
        map: &[f32],
        output_layout: OutputLayout,
        scratch: &mut [f32],
        out: &mut [f32],
    ) {
        let _ = scratch;
        self.convolve(fields, filters, map, output_layout, out);
    }

    /// [`convolve_both_signs`](Self::convolve_both_signs) by tiles. The first half has the bits of
    /// [`convolve_tiles`](Self::convolve_tiles).
    fn convolve_tiles_both_signs(
        self,
        fields: &ReceptiveFields,
        filters: Filters<'_>,
        map: &[f32],
        output_layout: OutputLayout,
        scratch: &mut [f32],
        out: &mut [f32],
    ) {
        let _ = scratch;
        self.convolve_both_signs(fields, filters, map, output_layout, out);
    }

    /// The maxima of a layer's maps before the ReLU, tile by tile, without the maps: each within the map's
    /// slack of what [`field_dot`](Self::field_dot) and the bias give for the best position of the tile.
    fn screen(
        self,
        fields: &ReceptiveFields,
        filters: Filters<'_>,
        map: &[f32],
        scratch: &mut [f32],
        screened: Screened<'_>,
    ) {
        let _ = (fields, filters, map, scratch);
        screened.slack.fill(f32::INFINITY);
    }

    /// One filter at some positions: `max(0, bias + <filter, receptive field>)`, computed as
    /// [`field_dot`](Self::field_dot) is.
    fn activations(
        self,
        fields: &ReceptiveFields,
        positions: &[u32],
        map: &[f32],
        filter: &[f32],
        bias: f32,
        out: &mut [f32],
    );

    /// `<filter, field at offset at>`.
    fn field_dot(self, fields: &ReceptiveFields, at: usize, map: &[f32], filter: &[f32]) -> f32;

    /// `field at offset at += scale * filter`: puts an atom into a reconstruction, a filter into a delta.
    fn add_to_field(self, fields: &ReceptiveFields, at: usize, scale: f32, filter: &[f32], map: &mut [f32]);

    /// `filter += scale * field at offset at`: one survivor's part of a filter's gradient.
    fn add_to_filter(self, fields: &ReceptiveFields, at: usize, scale: f32, map: &[f32], filter: &mut [f32]);

    /// The gradient of a range of filters from sparse deltas: for each of `positions` (p) and each filter (f)
    /// of the range, `gradient[f] += deltas[p][first + f] * field of p`.
    ///
    /// `deltas` has a row of `maps` numbers per position; `gradient` holds the range's filters.
    #[allow(clippy::too_many_arguments, reason = "a kernel's operands")]
    fn filter_gradients(
        self,
        fields: &ReceptiveFields,
        positions: &[u32],
        deltas: &[f32],
        maps: usize,
        first: usize,
        map: &[f32],
        gradient: &mut [f32],
    ) {
        for (position, deltas) in positions.iter().zip(runs(deltas, maps)) {
            let at = fields.at(*position as usize);
            let filters = runs_mut(gradient, fields.len());
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
        fields: &ReceptiveFields,
        positions: &[u32],
        deltas: &[f32],
        weights: &[f32],
        below: &mut [f32],
    ) {
        let maps = quotient(weights.len(), fields.len());
        for (position, deltas) in positions.iter().zip(runs(deltas, maps)) {
            let at = fields.at(*position as usize);
            for (filter, delta) in runs(weights, fields.len()).zip(deltas) {
                if *delta != 0.0 {
                    self.add_to_field(fields, at, *delta, filter, below);
                }
            }
        }
    }

    /// Spatial competition over a run of positions: per map, where an activation exceeds `values`, it
    /// replaces it and its position goes to `positions`. An equal one does not: ties go to the lowest
    /// position.
    ///
    /// `activations` has a row of `values.len()` numbers per position, the first of which is `first`; after
    /// `u32::MAX` comes 0.
    fn compete(self, activations: &[f32], first: u32, values: &mut [f32], positions: &mut [u32]);

    /// Lifetime selection: the [`Cut`] that keeps the `keep` largest of each of the columns
    /// `first..first + cuts.len()` of `values`, a matrix of rows of `width`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`](crate::Error::NotFinite) with the index of a candidate that is not finite.
    fn lifetime_cuts(
        self,
        values: &[f32],
        width: usize,
        first: usize,
        keep: usize,
        cuts: &mut [Cut],
    ) -> Result<()>;

    /// [`lifetime_cuts`](Self::lifetime_cuts) of one row of candidates.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`](crate::Error::NotFinite) with the index of the first candidate that is not
    /// finite.
    fn row_cut(self, values: &[f32], keep: usize) -> Result<Cut> {
        cut(values.iter().copied(), keep)
    }

    /// The survivors of one row of candidates: of those above 0 the largest, as many as there is room for in
    /// both `values` and `places`. Puts them into `values` in the order of the row, and their indices into
    /// `places`. Returns how many they are. Of equal ones, those with the lowest indices survive.
    ///
    /// # Errors
    ///
    /// As of [`row_cut`](Self::row_cut); nothing has been written then.
    fn row_survivors(self, row: &[f32], values: &mut [f32], places: &mut [u32]) -> Result<u32> {
        let cut = self.row_cut(row, values.len().min(places.len()))?;
        Ok(cut.note(row, values, places))
    }

    /// Fully connected units on a batch of images: `max(0, bias + <weights, image>)` for each unit and each
    /// image. `out` has a row per unit, padded to whole [panels](Self::panel_maps).
    ///
    /// `weights` has so many numbers for each of the units, of which `bias` has one each; `images` is the
    /// batch, and `prepared` what [`prepare`](Self::prepare) made of it.
    fn unit_activations(
        self,
        weights: &[f32],
        bias: &[f32],
        images: &[f32],
        prepared: &[f32],
        out: &mut [f32],
    );

    /// [`unit_activations`](Self::unit_activations) without the ReLU: `bias + <weights, image>`. A sum gets
    /// its terms in the order of the inputs, so that, from a bias of 0, it is what
    /// [`weighted_row_sum`](Self::weighted_row_sum) gives from zeros.
    fn linear(self, weights: &[f32], bias: &[f32], images: &[f32], prepared: &[f32], out: &mut [f32]);

    /// `out += sum of scale * row`, over `rows` of a matrix, in their order. The matrix's rows are `stride`
    /// numbers apart; of each, as many numbers are taken as `out` has.
    fn weighted_row_sum(self, scales: &[f32], rows: &[u32], matrix: &[f32], stride: usize, out: &mut [f32]);

    /// The products of a vector with rows of a matrix: `out[i] = <vector, row rows[i]>`, each computed as
    /// [`field_dot`](Self::field_dot) is. The matrix's rows are `stride` numbers apart; of each, as many
    /// numbers are taken as the vector has.
    fn row_dots(self, vector: &[f32], rows: &[u32], matrix: &[f32], stride: usize, out: &mut [f32]) {
        let fields = ReceptiveFields::row(vector.len());
        for (out, row) in out.iter_mut().zip(rows) {
            *out = self.field_dot(&fields, (*row as usize).saturating_mul(stride), matrix, vector);
        }
    }

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

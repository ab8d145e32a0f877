//! Phase 3 of training, *learn*: the gradient, from the survivors alone.
//!
//! A survivor is `(map, position, value)` of one image. Its atom, scaled by its value, is added to the
//! reconstruction. Its part of the decoder's gradient is then `value * residual patch`, and it sends one
//! number down the encoder, the delta `<atom, residual patch>`. Through the last layer that delta reaches the
//! survivor's receptive field only. Below, the deltas of one image are a list of positions, each with a dense
//! vector over the maps ([`SparseDeltas`]), in which overlapping fields merge. Nothing is computed where
//! nothing survived: there is no dense backward pass.
//!
//! The pieces are public because hosts run them in parallel, over images or over ranges of maps. Every number
//! of a gradient gets its terms image after image in any case, so that neither changes a bit.
//!
//! Where every position is a window of its own and many units survive, survivors are not looked for one by
//! one. The winners' values are rows over the maps already, and go through the kernels of hidden layers.
//! Which way an image goes depends on its survivors alone.
//!
//! The loss is half the squared error, summed over an image and averaged over the batch (equation 1 of the
//! paper, up to its constant).

use core::ops::Range;

use crate::error::{Result, expect_len};
use crate::kernels::Kernels;
use crate::memory::{paired_rows, part, part_mut, quotient};
use crate::network::Layer;
use crate::parameters::{Gradients, LayerGradient, Parameters};
use crate::runs::{pieces, pieces_mut, runs, runs_mut};
use crate::shape::{Shape, div_ceil};

/// A code of which at least one unit in so many survives is gone through as a whole.
const DENSE: usize = 12;

/// Positions that are gone through at once in a dense code.
const ROWS: usize = 48;

/// The winners of one image after selection: windows x maps, 0 for those that did not survive.
#[derive(Clone, Copy, Debug)]
pub struct Winners<'a> {
    /// Activations.
    pub values: &'a [f32],
    /// Positions in the code's maps.
    pub positions: &'a [u32],
}

/// One active unit of an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Survivor {
    pub(crate) map: usize,
    pub(crate) position: usize,
    pub(crate) value: f32,
}

impl<'a> Winners<'a> {
    /// Whether these are better gone through as a whole: see the head of this file.
    fn are_dense(self, code: Shape) -> bool {
        let survivors = || self.values.iter().filter(|value| **value > 0.0).count();
        code.positions() > 1 && self.values.len() == code.len() && survivors() * DENSE >= code.len()
    }

    /// So many winners at a time: those of each window, or of each image of a batch.
    pub(crate) fn rows(self, len: usize) -> impl Iterator<Item = Self> + use<'a> {
        paired_rows(len, self.values, self.positions).map(|(values, positions)| Self { values, positions })
    }

    /// The survivors among a range of maps, window by window, with what `extra` holds for each winner.
    pub(crate) fn survivors<'b>(
        self,
        maps: usize,
        range: Range<usize>,
        extra: &'b [f32],
    ) -> impl Iterator<Item = (Survivor, f32)> + use<'a, 'b> {
        self.rows(maps).zip(runs(extra, maps)).flat_map(move |(winners, extra)| {
            let row = winners.values.iter().zip(winners.positions).zip(extra).enumerate();
            row.skip(range.start).take(range.len()).filter(|(_, ((value, _), _))| **value > 0.0).map(
                |(map, ((value, position), extra))| {
                    (Survivor { map, position: *position as usize, value: *value }, *extra)
                },
            )
        })
    }
}

/// The deltas of one hidden layer of one image: positions x dense maps.
#[derive(Debug)]
pub struct SparseDeltas<'a> {
    /// Positions in the layer's maps, ascending; the first `len` are in use.
    pub positions: &'a mut [u32],
    /// A row over the maps for each position.
    pub values: &'a mut [f32],
    /// Positions in use.
    pub len: usize,
}

/// The positions in use of [`SparseDeltas`], to read.
#[derive(Clone, Copy, Debug)]
pub struct Deltas<'a> {
    /// Positions in the layer's maps, ascending.
    pub positions: &'a [u32],
    /// A row over the maps for each position.
    pub values: &'a [f32],
}

impl SparseDeltas<'_> {
    /// What is in use, for a layer of `maps` maps.
    pub fn used(&self, maps: usize) -> Deltas<'_> {
        Deltas { positions: part(self.positions, 0, self.len), values: part(self.values, 0, self.len * maps) }
    }
}

/// The gradients of a range of the code's maps: their filters, biases and atoms.
#[derive(Debug)]
pub struct TopGradient<'a> {
    /// The first map of the range.
    pub first: usize,
    /// The gradient of the last encoder layer, for the range.
    pub layer: LayerGradient<'a>,
    /// The gradient of the atoms, for the range; empty when tied.
    pub atoms: &'a mut [f32],
}

impl TopGradient<'_> {
    /// Sets all of it to 0.
    pub fn clear(&mut self) {
        self.layer.clear();
        self.atoms.fill(0.0);
    }
}

/// The learn phase's operations on one image, with everything they read.
#[derive(Clone, Copy, Debug)]
pub struct Learner<'a, K> {
    kernels: K,
    parameters: Parameters<'a>,
}

impl<'a, K: Kernels> Learner<'a, K> {
    /// Operations with these kernels and parameters.
    pub fn new(kernels: K, parameters: Parameters<'a>) -> Self {
        Self { kernels, parameters }
    }

    /// Reconstructs an image from its survivors: `residual` gets the reconstruction minus the image, with the
    /// border of zeros of the decoder's kernel ([`Network::residual_len`](crate::Network::residual_len)
    /// numbers).
    ///
    /// `image` is the padded input of the first layer. Returns half the squared error.
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) for buffers of other lengths,
    /// [`Error::Invalid`](crate::Error::Invalid) for parameters without decoder.
    pub fn residual(&self, image: &[f32], winners: Winners<'_>, residual: &mut [f32]) -> Result<f32> {
        let network = self.parameters.network();
        let padded = network.decoder().padded();
        let input = network.layer(0).map_or(padded, |layer| layer.padded());
        expect_len("padded image", input.len(), image.len())?;
        self.padded_reconstruction(winners, residual)?;
        let rows = padded.rows_mut(residual).zip(input.rows(image));
        Ok(0.5 * rows.fold(0.0, |loss, (residual, image)| loss + subtract_row(residual, image)))
    }

    /// What [`Learner::residual`] subtracts the image from.
    pub(crate) fn padded_reconstruction(&self, winners: Winners<'_>, padded: &mut [f32]) -> Result<()> {
        self.parameters.expect_decoder()?;
        let layout = self.parameters.network_ref().decoder().padded();
        expect_len("residual", layout.len(), padded.len())?;
        let bias = self.parameters.decoder_bias();
        for row in layout.rows_mut(padded) {
            for pixel in runs_mut(row, bias.len()) {
                pixel.iter_mut().zip(bias).for_each(|(to, from)| *to = *from);
            }
        }
        self.add_atoms(winners, padded);
        layout.clear_border(padded);
        Ok(())
    }

    /// Adds the survivors' atoms to a padded image; what sticks out lands on the border.
    fn add_atoms(&self, winners: Winners<'_>, padded: &mut [f32]) {
        let decoder = self.parameters.network().decoder();
        let (fields, maps) = (decoder.receptive_fields(), decoder.conv.maps);
        let atoms = self.parameters.atoms();
        if winners.are_dense(self.parameters.network().code()) {
            for_each_rows(winners.values, maps, |rows| {
                self.kernels.backpropagate(&fields, rows.positions, rows.values, atoms, padded);
            });
            return;
        }
        for (survivor, _) in winners.survivors(maps, 0..maps, winners.values) {
            let atom = part(atoms, survivor.map * fields.len(), fields.len());
            self.kernels.add_to_field(&fields, fields.at(survivor.position), survivor.value, atom, padded);
        }
    }

    /// The reconstruction of an image from its survivors, `height x width x channels`; `scratch` is
    /// [`Network::residual_len`](crate::Network::residual_len) long.
    ///
    /// # Errors
    ///
    /// As for [`Learner::residual`].
    pub fn reconstruct(&self, winners: Winners<'_>, scratch: &mut [f32], image: &mut [f32]) -> Result<()> {
        self.parameters.expect_decoder()?;
        let network = self.parameters.network();
        let padded = network.decoder().padded();
        expect_len("scratch", padded.len(), scratch.len())?;
        expect_len("image", network.input().len(), image.len())?;
        scratch.fill(0.0);
        self.add_atoms(winners, scratch);
        let bias = self.parameters.decoder_bias();
        let row_len = (network.input().width * network.input().channels).max(1);
        for (to, from) in runs_mut(image, row_len).zip(padded.rows(scratch)) {
            for ((to, from), bias) in to.iter_mut().zip(from).zip(bias.iter().cycle()) {
                *to = from + bias;
            }
        }
        Ok(())
    }

    /// The survivors' deltas: `deltas` (windows x maps) gets `scale * <atom, residual patch>` for each
    /// survivor, and 0 elsewhere. `scale` is one over the batch; `residual` is scaled by it once and for all.
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) when there is not one delta per winner, and as for
    /// [`Learner::residual`].
    pub fn deltas(
        &self,
        scale: f32,
        winners: Winners<'_>,
        residual: &mut [f32],
        deltas: &mut [f32],
    ) -> Result<()> {
        self.parameters.expect_decoder()?;
        expect_len("deltas", winners.values.len(), deltas.len())?;
        residual.iter_mut().for_each(|v| *v *= scale);
        let decoder = self.parameters.network().decoder();
        let (fields, maps) = (decoder.receptive_fields(), decoder.conv.maps.max(1));
        for (winners, deltas) in winners.rows(maps).zip(runs_mut(deltas, maps)) {
            let atoms = runs(self.parameters.atoms(), fields.len());
            let row = winners.values.iter().zip(winners.positions);
            for (((value, position), delta), atom) in row.zip(deltas).zip(atoms) {
                *delta = if *value > 0.0 {
                    self.kernels.field_dot(&fields, fields.at(*position as usize), residual, atom)
                } else {
                    0.0
                };
            }
        }
        Ok(())
    }

    /// Adds one image's part of the gradient of a range of the code's maps.
    ///
    /// `input` is the padded input of the last encoder layer; `residual` and `deltas` are scaled already.
    pub fn top_gradient(
        &self,
        winners: Winners<'_>,
        deltas: &[f32],
        residual: &[f32],
        input: &[f32],
        gradient: &mut TopGradient<'_>,
    ) {
        let network = self.parameters.network();
        let (decoder, top) = (network.decoder(), network.top());
        let (atom_fields, fields) = (decoder.receptive_fields(), top.receptive_fields());
        let range = gradient.first..gradient.first + gradient.layer.bias.len();
        if winners.are_dense(network.code()) {
            let maps = top.conv.maps;
            let LayerGradient { filters, bias } = &mut gradient.layer;
            let atoms = if network.is_tied() { &mut **filters } else { &mut *gradient.atoms };
            for_each_rows(winners.values, maps, |Deltas { positions, values }| {
                self.kernels.filter_gradients(
                    &atom_fields,
                    positions,
                    values,
                    maps,
                    range.start,
                    residual,
                    atoms,
                );
            });
            for_each_rows(deltas, maps, |Deltas { positions, values }| {
                self.kernels.filter_gradients(&fields, positions, values, maps, range.start, input, filters);
            });
            add_rows(deltas, maps, range.start, bias);
            return;
        }
        for (survivor, delta) in winners.survivors(top.conv.maps, range, deltas) {
            let place = survivor.map - gradient.first;
            let filter = part_mut(gradient.layer.filters, place * fields.len(), fields.len());
            let residual_at = atom_fields.at(survivor.position);
            if network.is_tied() {
                self.kernels.add_to_filter(&atom_fields, residual_at, survivor.value, residual, filter);
            } else {
                let atom = part_mut(gradient.atoms, place * atom_fields.len(), atom_fields.len());
                self.kernels.add_to_filter(&atom_fields, residual_at, survivor.value, residual, atom);
            }
            self.kernels.add_to_filter(&fields, fields.at(survivor.position), delta, input, filter);
            if let Some(bias) = gradient.layer.bias.get_mut(place) {
                *bias += delta;
            }
        }
    }

    /// The part of [`Learner::top_gradient`] that does not need the last layer's input: the gradients of the
    /// atoms and of the last layer's biases, of all maps.
    pub(crate) fn atoms_gradient(
        &self,
        winners: Winners<'_>,
        deltas: &[f32],
        residual: &[f32],
        gradients: &mut Gradients<'_>,
    ) {
        let network = self.parameters.network_ref();
        let decoder = network.decoder();
        let (fields, maps) = (decoder.receptive_fields(), decoder.conv.maps);
        let Some(top) = gradients.layers.last_mut() else { return };
        let atoms = if network.is_tied() { &mut *top.filters } else { &mut *gradients.atoms };
        for (survivor, delta) in winners.survivors(maps, 0..maps, deltas) {
            let atom = part_mut(atoms, survivor.map * fields.len(), fields.len());
            self.kernels.add_to_filter(&fields, fields.at(survivor.position), survivor.value, residual, atom);
            if let Some(bias) = top.bias.get_mut(survivor.map) {
                *bias += delta;
            }
        }
    }

    /// Adds one image's part of the decoder bias's gradient: the residual summed per channel.
    pub fn decoder_bias_gradient(&self, residual: &[f32], gradient: &mut [f32]) {
        for row in self.parameters.network().decoder().padded().rows(residual) {
            for pixel in runs(row, gradient.len()) {
                gradient.iter_mut().zip(pixel).for_each(|(to, from)| *to += from);
            }
        }
    }

    /// The deltas of the layer below the last one, from the survivors' deltas.
    ///
    /// `input` is the padded input of the last layer, which says where that layer's units are active; `below`
    /// is scratch of [`Network::delta_scratch_len`](crate::Network::delta_scratch_len).
    pub fn top_backward(
        &self,
        winners: Winners<'_>,
        deltas: &[f32],
        input: &[f32],
        below: &mut [f32],
        out: &mut SparseDeltas<'_>,
    ) {
        let network = self.parameters.network();
        let top = network.top();
        let fields = top.receptive_fields();
        let below = part_mut(below, 0, top.padded().len());
        let survivors = || winners.survivors(top.conv.maps, 0..top.conv.maps, deltas);
        // To look for what few survivors touch is less work than to go through a wide layer.
        let few = survivors().nth(top.input.channels / 4).is_none();
        let touched = |row| {
            if few {
                touched(&top, row, survivors().map(|(survivor, _)| survivor.position))
            } else {
                0..usize::MAX
            }
        };
        clear(&top, touched, below);
        let weights = self.parameters.filters(network.depth() - 1).weights;
        if winners.are_dense(network.code()) {
            for_each_rows(deltas, top.conv.maps, |Deltas { positions, values }| {
                self.kernels.backpropagate(&fields, positions, values, weights, below);
            });
            gather(&top, input, touched, below, out);
            return;
        }
        for (survivor, delta) in survivors() {
            let filter = part(weights, survivor.map * fields.len(), fields.len());
            self.kernels.add_to_field(&fields, fields.at(survivor.position), delta, filter, below);
        }
        gather(&top, input, touched, below, out);
    }

    /// The deltas of the layer below layer `index` (at least 1), from that layer's.
    ///
    /// `input` is the padded input of layer `index`; `below` as for [`Learner::top_backward`].
    pub fn hidden_backward(
        &self,
        index: usize,
        deltas: Deltas<'_>,
        input: &[f32],
        below: &mut [f32],
        out: &mut SparseDeltas<'_>,
    ) {
        let Some(layer) = self.parameters.network().layer(index) else { return };
        let below = part_mut(below, 0, layer.padded().len());
        let (positions, width) = (deltas.positions, layer.output().width);
        let touched = |row: usize| {
            // Positions ascend: those whose fields reach the row are neighbours in the list.
            let first = (row + 1).saturating_sub(layer.conv.kernel.height);
            let first = div_ceil(first, layer.conv.stride.height);
            let end = quotient(row, layer.conv.stride.height) + 1;
            let before = |y: usize| positions.partition_point(|position| (*position as usize) < y * width);
            let reaching = positions.get(before(first)..before(end)).unwrap_or(&[]);
            touched(&layer, row, reaching.iter().map(|position| *position as usize))
        };
        clear(&layer, touched, below);
        let weights = self.parameters.filters(index).weights;
        self.kernels.backpropagate(
            &layer.receptive_fields(),
            deltas.positions,
            deltas.values,
            weights,
            below,
        );
        gather(&layer, input, touched, below, out);
    }

    /// Adds one image's part of the gradient of the maps `first..first + gradient.bias.len()` of hidden layer
    /// `index`, from that layer's deltas. `input` is its padded input.
    pub fn hidden_gradient(
        &self,
        index: usize,
        first: usize,
        deltas: Deltas<'_>,
        input: &[f32],
        gradient: &mut LayerGradient<'_>,
    ) {
        let Some(layer) = self.parameters.network().layer(index) else { return };
        let maps = layer.conv.maps;
        let fields = layer.receptive_fields();
        self.kernels.filter_gradients(
            &fields,
            deltas.positions,
            deltas.values,
            maps,
            first,
            input,
            gradient.filters,
        );
        add_rows(deltas.values, maps, first, gradient.bias);
    }
}

/// Subtracts a row of an image from one of its reconstruction; returns the sum of the squares.
pub(crate) fn subtract_row(residual: &mut [f32], image: &[f32]) -> f32 {
    let mut sum = 0.0;
    for (residual, pixel) in residual.iter_mut().zip(image) {
        *residual -= pixel;
        sum += *residual * *residual;
    }
    sum
}

/// Rows over the maps of all positions, a few at a time.
fn for_each_rows(values: &[f32], maps: usize, mut visit: impl FnMut(Deltas<'_>)) {
    let maps = maps.max(1);
    let mut positions = [0; ROWS];
    for (chunk, values) in pieces(values, ROWS * maps).enumerate() {
        positions.iter_mut().zip((chunk * ROWS) as u32..).for_each(|(to, position)| *to = position);
        visit(Deltas { positions: part(&positions, 0, quotient(values.len(), maps)), values });
    }
}

/// Adds up rows over the maps from map `first` on.
pub(crate) fn add_rows(values: &[f32], maps: usize, first: usize, sums: &mut [f32]) {
    for row in runs(values, maps) {
        sums.iter_mut().zip(row.iter().skip(first)).for_each(|(to, from)| *to += from);
    }
}

/// The columns of a padded map's row that the fields of some positions reach.
fn touched(layer: &Layer, row: usize, positions: impl Iterator<Item = usize>) -> Range<usize> {
    let (kernel, stride, width) = (layer.conv.kernel, layer.conv.stride, layer.output().width);
    let mut columns = Range { start: usize::MAX, end: 0 };
    for position in positions {
        let y = quotient(position, width);
        let (top, left) = (y * stride.height, (position - y * width) * stride.width);
        if (top..top + kernel.height).contains(&row) {
            columns = columns.start.min(left)..columns.end.max(left + kernel.width);
        }
    }
    columns
}

/// Sets what is touched of a padded map to 0; the rest is not read.
fn clear(layer: &Layer, touched: impl Fn(usize) -> Range<usize>, below: &mut [f32]) {
    let (padded, channels) = (layer.padded(), layer.input.channels);
    for (row, values) in pieces_mut(below, padded.row_stride()).enumerate() {
        let columns = touched(row);
        let end = columns.end.saturating_mul(channels).min(values.len());
        if let Some(touched) = values.get_mut(columns.start.saturating_mul(channels)..end) {
            touched.fill(0.0);
        }
    }
}

/// Collects the positions of a layer's input at which a delta arrived at an active unit. The units are those
/// of the layer below, whose ReLU lets nothing through where `input` is 0.
fn gather(
    layer: &Layer,
    input: &[f32],
    touched: impl Fn(usize) -> Range<usize>,
    below: &[f32],
    out: &mut SparseDeltas<'_>,
) {
    let (shape, padded) = (layer.input, layer.padded());
    let (top, left) = ((layer.conv.kernel.height - 1) / 2, (layer.conv.kernel.width - 1) / 2);
    let channels = shape.channels;
    out.len = 0;
    let mut free = runs_mut(out.values, channels).zip(out.positions.iter_mut());
    for y in 0..shape.height {
        let columns = touched(y + top);
        for x in columns.start.max(left)..columns.end.min(left + shape.width) {
            let at = (y + top) * padded.row_stride() + x * channels;
            let (deltas, activations) = (part(below, at, channels), part(input, at, channels));
            // All bits but the signs, without a branch for each, so that the compiler can use vector
            // instructions.
            if deltas.iter().fold(0, |bits, delta| bits | delta.to_bits() << 1) == 0 {
                continue;
            }
            let Some((row, place)) = free.next() else { return };
            *place = (y * shape.width + x - left) as u32;
            for ((to, delta), activation) in row.iter_mut().zip(deltas).zip(activations) {
                *to = if *activation > 0.0 { *delta } else { 0.0 };
            }
            out.len += 1;
        }
    }
}

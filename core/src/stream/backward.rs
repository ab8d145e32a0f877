//! Deltas through the hidden layers, row by row.
//!
//! The deltas of a hidden row meet the windows that the row was made from. There they become gradient at
//! once, and go on to as many rows below as the kernel has. A row below is complete when no later row reaches
//! it, and then goes the same way. Sums get their terms in the order of [`Trainer`](crate::Trainer), row by
//! row from the top.

use heapless::Vec;

use crate::kernels::Kernels;
use crate::memory::{move_to_front, paired_rows, part, split_off};
use crate::network::{Layer, MAX_LAYERS, Network};
use crate::parameters::{Gradients, Parameters};
use crate::runs::runs_mut;
use crate::stream::window::{Window, receptive_fields};
use crate::train::learn::add_rows;

/// Rows of the input of layer `index` that training keeps: those that the kernel reads, and those that deltas
/// from above still have to meet.
pub(crate) const fn training_rows(network: &Network, index: usize) -> usize {
    let mut i = network.depth().saturating_sub(1);
    let mut rows = match network.layer(i) {
        Some(layer) => layer.conv.kernel.height,
        None => 0,
    };
    // How many rows of a layer's output are made before the deltas of the first of them are complete.
    let mut lag = 0usize;
    while i > index {
        i -= 1;
        if let Some(layer) = network.layer(i) {
            let (kernel, stride) = (layer.conv.kernel.height, layer.conv.stride.height);
            rows = kernel.saturating_add(lag.saturating_mul(stride));
            lag = rows.saturating_sub(1);
            let all = layer.input.height + kernel - 1;
            if rows > all {
                rows = all;
            }
        }
    }
    rows
}

/// Numbers in the incomplete rows of deltas of all hidden layers.
pub(crate) const fn incomplete_len(network: &Network) -> usize {
    let mut len = 0;
    let mut i = 1;
    while let Some(layer) = network.layer(i) {
        len += incomplete_rows(network, i) * layer.padded().row_stride();
        i += 1;
    }
    len
}

/// The last layer's deltas are gathered row by row from the survivors; those of others are scattered over a
/// field's rows.
const fn incomplete_rows(network: &Network, index: usize) -> usize {
    match network.layer(index) {
        Some(layer) if index + 1 < network.depth() => layer.conv.kernel.height,
        _ => 1,
    }
}

/// The most positions, and the most numbers, in a row of a hidden layer's output.
pub(crate) const fn delta_row_len(network: &Network) -> (usize, usize) {
    let (mut positions, mut numbers) = (0, 0);
    let mut i = 1;
    while let Some(layer) = network.layer(i) {
        let (width, len) = (layer.input.width, layer.input.width * layer.input.channels);
        if width > positions {
            positions = width;
        }
        if len > numbers {
            numbers = len;
        }
        i += 1;
    }
    (positions, numbers)
}

/// The deltas of some rows of a layer's padded input. Rows are counted from the first one of the border.
#[derive(Debug)]
struct Incomplete<'a> {
    rows: &'a mut [f32],
    /// The number of the first row in `rows`.
    first: usize,
    /// The next row of the map to go on.
    next: usize,
    /// Rows before this one are complete.
    complete: usize,
}

impl Incomplete<'_> {
    fn restart(&mut self, layer: &Layer) {
        self.rows.fill(0.0);
        self.first = 0;
        self.next = top(layer);
        self.complete = self.next;
    }

    /// Lets `first` be the first row; those before it are complete and gone.
    fn move_to(&mut self, layer: &Layer, first: usize) {
        let len = self.rows.len();
        let shift = first.saturating_sub(self.first).saturating_mul(layer.padded().row_stride()).min(len);
        move_to_front(self.rows, shift);
        self.rows.iter_mut().skip(len - shift).for_each(|delta| *delta = 0.0);
        self.first = first;
    }

    /// Counts the rows as complete that no row of the layer's output after row `y` reaches.
    fn complete_after(&mut self, layer: &Layer, y: usize) {
        let end = top(layer) + layer.input.height;
        let is_last = y + 1 >= layer.output().height;
        self.complete = if is_last { end } else { ((y + 1) * layer.conv.stride.height).min(end) };
    }
}

/// Rows of a layer's upper border.
const fn top(layer: &Layer) -> usize {
    layer.conv.kernel.height.saturating_sub(1) / 2
}

/// The way of the deltas of one image down through the hidden layers.
#[derive(Debug)]
pub(crate) struct Backward<'a, K> {
    kernels: K,
    /// Of the inputs of the layers from the second on.
    layers: Vec<Incomplete<'a>, MAX_LAYERS>,
    positions: &'a mut [u32],
    values: &'a mut [f32],
}

impl<'a, K: Kernels> Backward<'a, K> {
    /// In memory of [`incomplete_len`] and [`delta_row_len`].
    pub(crate) fn new(
        kernels: K,
        network: &Network,
        incomplete: &'a mut [f32],
        positions: &'a mut [u32],
        values: &'a mut [f32],
    ) -> Self {
        let mut rest = incomplete;
        let mut layers = Vec::new();
        for (index, layer) in network.each_layer().enumerate().skip(1) {
            let len = incomplete_rows(network, index) * layer.padded().row_stride();
            let rows = split_off(&mut rest, len);
            // There are fewer than the capacity.
            let _ = layers.push(Incomplete { rows, first: 0, next: 0, complete: 0 });
        }
        Self { kernels, layers, positions, values }
    }

    /// Starts with a new image.
    pub(crate) fn restart(&mut self, network: &Network) {
        let layers = self.layers.iter_mut().zip(network.each_layer().skip(1));
        layers.for_each(|(incomplete, layer)| incomplete.restart(&layer));
    }

    /// The place for the deltas of row `y` of the last layer's input, a padded row of zeros.
    pub(crate) fn top_row(&mut self, layer: &Layer, y: usize) -> &mut [f32] {
        let Some(incomplete) = self.layers.last_mut() else { return &mut [] };
        incomplete.first = y + top(layer);
        incomplete.complete = incomplete.first + 1;
        incomplete.rows.fill(0.0);
        incomplete.rows
    }

    /// Sends all complete rows down; `windows` are those that the last row was made from.
    pub(crate) fn descend(
        &mut self,
        parameters: &Parameters<'_>,
        windows: &[Window<'_>],
        gradients: &mut Gradients<'_>,
    ) {
        let network = parameters.network_ref();
        // The lowest first, so that there is room below for what comes from above.
        while let Some(lowest) = self.layers.iter().position(|layer| layer.next < layer.complete) {
            let (lower, upper) = self.layers.split_at_mut_checked(lowest).unwrap_or_default();
            let (Some(from), [below, window, ..], Some(gradient)) =
                (upper.first_mut(), windows.get(lowest..).unwrap_or(&[]), gradients.layers.get_mut(lowest))
            else {
                return;
            };
            let (Some(layer_below), Some(layer)) = (network.layer(lowest), network.layer(lowest + 1)) else {
                return;
            };
            let y = from.next.saturating_sub(top(&layer));
            let used = gather(from, &layer, window.map_row(&layer, y), self.positions, self.values);
            from.next += 1;
            let maps = layer.input.channels;
            let (positions, values) = (part(self.positions, 0, used), part(self.values, 0, used * maps));
            let fields = receptive_fields(&layer_below);
            let input = below.fields_of(&layer_below, y);
            self.kernels.filter_gradients(&fields, positions, values, maps, 0, input, gradient.filters);
            add_rows(values, maps, 0, gradient.bias);
            if let Some(to) = lower.last_mut() {
                to.move_to(&layer_below, y * layer_below.conv.stride.height);
                let weights = parameters.filters(lowest).weights;
                self.kernels.backpropagate(&fields, positions, values, weights, to.rows);
                to.complete_after(&layer_below, y);
            }
        }
    }
}

/// Collects the columns of the next complete row at which a delta arrived at an active unit; returns how
/// many. `active` is the row of the map, whose ReLU let nothing through where it is 0.
fn gather(
    from: &Incomplete<'_>,
    layer: &Layer,
    active: &[f32],
    positions: &mut [u32],
    values: &mut [f32],
) -> usize {
    let channels = layer.input.channels.max(1);
    let padded = layer.padded();
    let left = layer.conv.kernel.width.saturating_sub(1) / 2 * channels;
    let start = from.next.saturating_sub(from.first).saturating_mul(padded.row_stride()) + left;
    // Rows that no field reaches are not among those in memory: there are no deltas in them.
    let row = part(from.rows, start, active.len());
    let mut free = runs_mut(values, channels).zip(positions.iter_mut());
    let mut used = 0;
    for (x, (deltas, active)) in paired_rows(channels, row, active).enumerate() {
        if deltas.iter().all(|delta| *delta == 0.0) {
            continue;
        }
        let Some((to, position)) = free.next() else { break };
        *position = x as u32;
        for ((to, delta), active) in to.iter_mut().zip(deltas).zip(active) {
            *to = if *active > 0.0 { *delta } else { 0.0 };
        }
        used += 1;
    }
    used
}

//! The encoder's forward pass, row by row: no map is ever whole in memory.
//!
//! Each layer has a window of its input. Whoever wants a row asks the layer below for it. A layer that lacks
//! the rows to compute it from asks the next one below; the lowest layer asks the image. Every number is what
//! [`Encoder`](crate::Encoder) computes for a whole image without tiles, to the bit.

use heapless::Vec;

use crate::error::{Error, Result, expect_len};
use crate::field::OutputLayout;
use crate::kernels::Kernels;
use crate::memory::{part, split_off};
use crate::network::{Layer, MAX_LAYERS, Network};
use crate::parameters::{Filters, Parameters};
use crate::stream::rows::Rows;
use crate::stream::window::{Window, output_layout};

/// An encoder in a few rows of memory.
#[derive(Debug)]
pub struct Forward<'a, K> {
    kernels: K,
    parameters: Parameters<'a>,
    prepared: &'a [f32],
    windows: Vec<Window<'a>, MAX_LAYERS>,
}

/// Numbers that [`Forward`] needs with kernels that prepare nothing (the scalar ones): as many rows of each
/// layer's input as its kernel has. In bytes: four times as many.
pub const fn forward_len(network: &Network) -> usize {
    let mut len = 0usize;
    let mut i = 0;
    while let Some(layer) = network.layer(i) {
        len = layer.conv.kernel.height.saturating_mul(layer.padded().row_stride()).saturating_add(len);
        i += 1;
    }
    len
}

impl<'a, K: Kernels> Forward<'a, K> {
    /// Numbers that the kernels need for prepared filters; 0 for the scalar ones.
    pub fn prepared_len(kernels: K, network: &Network) -> usize {
        network.each_layer().map(|layer| kernels.prepared_len(layer.conv.maps, layer.filter_len())).sum()
    }

    /// Prepares the filters and the windows. To be done again whenever the parameters have changed.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] unless `memory` has [`forward_len`] and [`Forward::prepared_len`] numbers.
    pub fn new(kernels: K, parameters: Parameters<'a>, memory: &'a mut [f32]) -> Result<Self> {
        let mut forward = Ok(Self::blank(kernels, parameters));
        if let Ok(place) = &mut forward
            && let Err(error) = place.prepare(memory)
        {
            forward = Err(error);
        }
        forward
    }

    /// Without windows: [`Forward::prepare`] makes them in their place. What is returned lies on the stack
    /// twice.
    #[inline(always)]
    pub(crate) const fn blank(kernels: K, parameters: Parameters<'a>) -> Self {
        Self { kernels, parameters, prepared: &[], windows: Vec::new() }
    }

    /// The rest of [`Forward::new`].
    #[inline(never)]
    pub(crate) fn prepare(&mut self, memory: &'a mut [f32]) -> Result<()> {
        let network = self.network();
        let len = forward_len(network) + Self::prepared_len(self.kernels, network);
        expect_len("memory of the encoder", len, memory.len())?;
        self.prepare_rows(memory, |network, index| {
            network.layer(index).map_or(0, |layer| layer.conv.kernel.height)
        });
        Ok(())
    }

    /// The same with so many rows in the window of each layer, in memory that is long enough.
    pub(crate) fn prepare_rows(&mut self, memory: &'a mut [f32], rows: fn(&Network, usize) -> usize) {
        let Self { kernels, parameters, prepared, windows } = self;
        let network = parameters.network_ref();
        let mut rest = memory;
        let all = split_off(&mut rest, Self::prepared_len(*kernels, network));
        let mut places = &mut *all;
        windows.clear();
        for (index, layer) in network.each_layer().enumerate() {
            let len = kernels.prepared_len(layer.conv.maps, layer.filter_len());
            let weights = parameters.filters(index).weights;
            kernels.prepare(weights, layer.filter_len(), split_off(&mut places, len));
            let window = split_off(&mut rest, rows(network, index) * layer.padded().row_stride());
            // There are no more layers than the capacity.
            let _ = windows.push(Window::new(&layer, window));
        }
        *prepared = all;
    }

    /// The network.
    pub fn network(&self) -> &Network {
        self.parameters.network_ref()
    }

    pub(crate) fn kernels(&self) -> K {
        self.kernels
    }

    pub(crate) fn parameters(&self) -> Parameters<'a> {
        self.parameters
    }

    /// The parameters, in place.
    pub(crate) const fn parameters_ref(&self) -> &Parameters<'a> {
        &self.parameters
    }

    pub(crate) fn windows(&self) -> &[Window<'a>] {
        &self.windows
    }

    /// Starts with a new image; to be called before the first row of each.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for an image of another size.
    pub fn restart(&mut self, image: &impl Rows) -> Result<()> {
        let layers = self.parameters.network_ref().each_layer();
        self.windows.iter_mut().zip(layers).for_each(|(window, layer)| window.restart(&layer));
        image.expect_shape(self.network().input())
    }

    /// Computes the next row of the dense code, from the first to the last of [`Network::code`]:
    /// `width x maps` numbers, position by position with the maps side by side.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] when `code` is not a row long; [`Error::NotFinite`] if a pixel is not finite, with
    /// its index in the image.
    pub fn next_row(&mut self, image: &mut impl Rows, code: &mut [f32]) -> Result<()> {
        let top = self.network().top();
        let shape = top.output();
        expect_len("row of the code", shape.width * shape.channels, code.len())?;
        let last = self.windows.len().saturating_sub(1);
        while self.windows.get(last).is_some_and(|window| !window.is_ready(&top)) {
            self.feed(last, image, true)?;
        }
        let output_layout = OutputLayout { start: 0, row_stride: code.len(), step: shape.channels };
        let filters = self.filters(last);
        if let Some(window) = self.windows.get_mut(last) {
            window.produce(&top, self.kernels, filters, output_layout, code);
        }
        Ok(())
    }

    /// Gives the window of layer `to` its next row; when it is not `wanted`, its content does not matter.
    pub(crate) fn feed(&mut self, to: usize, image: &mut impl Rows, wanted: bool) -> Result<()> {
        let mut level = to;
        loop {
            let network = self.parameters.network_ref();
            let Some(layer) = network.layer(level) else { return Ok(()) };
            let layer_below = network.layer(level.saturating_sub(1)).unwrap_or(layer);
            let (lower, upper) = self.windows.split_at_mut_checked(level).unwrap_or_default();
            let Some(window) = upper.first_mut() else { return Ok(()) };
            match lower.last_mut() {
                _ if window.is_past_map(&layer) => window.push_border(&layer),
                None => window.read(&layer, image)?,
                Some(below) if !below.is_ready(&layer_below) => {
                    level -= 1;
                    continue;
                }
                Some(below) if level == to && !wanted => {
                    below.skip();
                    window.shift(&layer);
                }
                Some(below) => {
                    let out = window.shift(&layer);
                    let filters = filters(self.kernels, &self.parameters, self.prepared, level - 1);
                    below.produce(&layer_below, self.kernels, filters, output_layout(&layer), out);
                }
            }
            if level == to {
                return Ok(());
            }
            level += 1;
        }
    }

    /// Row `y` of an image, read again after its last row: what the windows hold is lost.
    pub(crate) fn image_row(&mut self, y: usize, image: &mut impl Rows) -> Result<&[f32]> {
        match (self.windows.first_mut(), self.parameters.network_ref().layer(0)) {
            (Some(window), Some(layer)) => window.read_over(&layer, y, image),
            _ => Err(Error::Invalid("an encoder needs at least one layer")),
        }
    }

    /// The filters of a layer, prepared.
    pub(crate) fn filters(&self, index: usize) -> Filters<'a> {
        filters(self.kernels, &self.parameters, self.prepared, index)
    }
}

/// The filters of a layer with their part of what is `prepared` for all layers.
fn filters<'a>(
    kernels: impl Kernels,
    parameters: &Parameters<'a>,
    prepared: &'a [f32],
    index: usize,
) -> Filters<'a> {
    let network = parameters.network_ref();
    let len = |layer: Layer| kernels.prepared_len(layer.conv.maps, layer.filter_len());
    let start = network.each_layer().take(index).map(len).sum();
    let prepared = part(prepared, start, network.layer(index).map_or(0, len));
    Filters { prepared, ..parameters.filters(index) }
}

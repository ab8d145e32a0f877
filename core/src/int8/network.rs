//! A quantised encoder in borrowed memory.

use crate::error::{Result, expect_len};
use crate::int8::filters::Int8Filters;
use crate::int8::kernels::Int8Kernels;
use crate::memory::copy;
use crate::network::{Layer, MAX_LAYERS, Network};
use crate::pool::Pool;
use crate::shape::{Shape, div_ceil};

/// Memory whose first element has the address of a word, as kernels of microcontrollers want it; they do
/// without, but slowly.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(4))]
pub struct Aligned<T>(pub T);

/// A quantised encoder: the network's layers, each with its filters in 8 bits.
#[derive(Clone, Copy, Debug)]
pub struct Int8Network<'a> {
    network: Network,
    /// As many as the network has layers, and then empty ones.
    layers: [Int8Filters<'a>; MAX_LAYERS],
}

impl<'a> Int8Network<'a> {
    /// A network's encoder with the filters of each layer. The decoder has no part in it.
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) for another number of layers, maps or weights than the
    /// network's.
    pub fn new(network: Network, layers: &[Int8Filters<'a>]) -> Result<Self> {
        expect_len("quantised layers", network.depth(), layers.len())?;
        for (layer, filters) in network.each_layer().zip(layers) {
            expect_len("quantised layer's maps", layer.conv.maps, filters.weights.filters())?;
            expect_len("quantised filter", layer.filter_len(), filters.weights.filter_len())?;
        }
        let mut all = [Int8Filters::EMPTY; MAX_LAYERS];
        copy(layers, &mut all);
        Ok(Self { network, layers: all })
    }

    /// The same of filters that were made for the network's layers.
    pub(crate) const fn known(network: Network, layers: [Int8Filters<'a>; MAX_LAYERS]) -> Self {
        Self { network, layers }
    }

    /// The network, and the filters to be filled in.
    pub(crate) const fn parts_mut(&mut self) -> (&Network, &mut [Int8Filters<'a>; MAX_LAYERS]) {
        (&self.network, &mut self.layers)
    }

    /// The network.
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// The network's layers with their filters, from the image up.
    pub fn layers(&self) -> impl Iterator<Item = (Layer, &Int8Filters<'a>)> {
        self.network.each_layer().zip(&self.layers)
    }
}

/// `len` filled up to whole words, so that what follows is aligned, too.
const fn words(len: usize) -> usize {
    len.saturating_add(len % 2)
}

/// Numbers in the window of a layer's input.
pub(crate) const fn window_len(layer: &Layer) -> usize {
    words(layer.padded().row_stride().saturating_mul(layer.conv.kernel.height))
}

/// Numbers in the windows of all layers.
pub(crate) const fn windows_len(network: &Network) -> usize {
    let mut len = 0usize;
    let mut index = 0;
    while let Some(layer) = network.layer(index) {
        len = len.saturating_add(window_len(&layer));
        index += 1;
    }
    len
}

/// Numbers in the kernels' scratch memory.
pub(crate) const fn scratch_len<K: Int8Kernels>(network: &Network) -> usize {
    let mut longest = 0;
    let mut index = 0;
    while let Some(layer) = network.layer(index) {
        let len = div_ceil(layer.filter_len(), 4).saturating_mul(4);
        if len > longest {
            longest = len;
        }
        index += 1;
    }
    longest.saturating_mul(K::SCRATCH_FILTERS)
}

/// Numbers in a row of maps of this shape.
pub(crate) const fn row_len(maps: Shape) -> usize {
    words(maps.width.saturating_mul(maps.channels))
}

/// Rows that pooling holds: those that are open at the same time, and one that is pooled across alone. None
/// where there is nothing to pool.
pub(crate) const fn pooled_rows(pool: &Pool) -> usize {
    if pool.kernel.area() == 1 && pool.stride.area() == 1 {
        return 0;
    }
    div_ceil(pool.kernel.height, pool.stride.height).saturating_add(1)
}

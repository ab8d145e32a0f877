//! A quantised encoder in borrowed memory.

use crate::error::{Result, expect_len};
use crate::int8::filters::{Int8Filters, packed_len};
use crate::int8::kernels::Int8Kernels;
use crate::network::{Layer, Network};
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
    /// The numbers of all layers, one after the other. Filters of each layer, which are made when they are
    /// asked for, would be a quarter of a kilobyte more, and that several times on the stack.
    weights: &'a [i8],
    biases: &'a [i32],
    multipliers: &'a [i32],
}

impl<'a> Int8Network<'a> {
    /// A network's encoder with the numbers of all layers, layer after layer as `model.wta` has them: the
    /// [packed](crate::int8::Int8Weights) weights, and a bias and a multiplier for each map. The decoder has
    /// no part in it.
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) for more or fewer numbers than the network's, and as for
    /// [`Int8Filters::new`].
    pub fn new(
        network: Network,
        weights: &'a [i8],
        biases: &'a [i32],
        multipliers: &'a [i32],
    ) -> Result<Self> {
        let int8 = Self::known(network, weights, biases, multipliers);
        int8.check()?;
        Ok(int8)
    }

    /// [`Int8Network::new`] of numbers that have been looked at before.
    pub(crate) const fn known(
        network: Network,
        weights: &'a [i8],
        biases: &'a [i32],
        multipliers: &'a [i32],
    ) -> Self {
        Self { network, weights, biases, multipliers }
    }

    #[inline(never)]
    fn check(&self) -> Result<()> {
        check_filters(&self.network, self.weights, self.biases, self.multipliers)
    }

    /// The network.
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// A layer with its filters.
    pub(crate) fn layer(&self, index: usize) -> Option<(Layer, Int8Filters<'a>)> {
        self.layers().nth(index)
    }

    /// The network's layers with their filters, from the image up.
    pub fn layers(&self) -> impl Iterator<Item = (Layer, Int8Filters<'a>)> {
        each(&self.network, self.weights, self.biases, self.multipliers)
    }
}

/// The layers of a network with their filters. Beyond what the lengths allow, filters are empty.
fn each<'n, 'a: 'n>(
    network: &'n Network,
    mut weights: &'a [i8],
    mut biases: &'a [i32],
    mut multipliers: &'a [i32],
) -> impl Iterator<Item = (Layer, Int8Filters<'a>)> + use<'n, 'a> {
    network.each_layer().map(move |layer| {
        let maps = layer.conv.maps;
        let weights = first(&mut weights, packed_len(maps, layer.filter_len()));
        let filters = Int8Filters::known(
            layer.filter_len(),
            weights,
            first(&mut biases, maps),
            first(&mut multipliers, maps),
        );
        (layer, filters.unwrap_or(Int8Filters::EMPTY))
    })
}

/// Takes the first numbers away.
fn first<'a, T>(rest: &mut &'a [T], len: usize) -> &'a [T] {
    let (first, others) = rest.split_at_checked(len).unwrap_or_default();
    *rest = others;
    first
}

/// `Ok` when these are the numbers of all layers of a network, and no sum can leave `i32`.
pub(crate) fn check_filters(
    network: &Network,
    weights: &[i8],
    biases: &[i32],
    multipliers: &[i32],
) -> Result<()> {
    let (mut len, mut maps) = (0usize, 0usize);
    for layer in network.each_layer() {
        len = len.saturating_add(packed_len(layer.conv.maps, layer.filter_len()));
        maps = maps.saturating_add(layer.conv.maps);
    }
    expect_len("quantised network's weights", len, weights.len())?;
    expect_len("quantised network's biases", maps, biases.len())?;
    expect_len("quantised network's multipliers", maps, multipliers.len())?;
    each(network, weights, biases, multipliers).try_for_each(|(_, filters)| filters.check())
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

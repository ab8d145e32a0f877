//! Bands: which rows of a network's input some rows of its code depend on, so that a large image can be
//! encoded part by part to the same bits.
//!
//! A band is an image of fewer rows for the same layers. Beyond its edges the layers see zeros in place of
//! the rest of the image, so some rows next to an edge are wrong, more of them in each layer. A band has so
//! many rows above and below that the wanted ones are right.
//!
//! Where kernels compute a layer by tiles ([`Encoder::tiling`]), a number depends on its place in a tile.
//! Bands begin where tiles begin in every layer, and a tile that sees an edge counts as wrong as a whole.
//! Whether a layer is computed by tiles, and by which, depends on its size; a band is made larger until all
//! its layers are computed as those of the whole image are.

use std::ops::Range;

use wta_core::{Conv, Encoder, Layer, MAX_LAYERS, Network, Shape, Size};
use wta_simd::Isa;

use crate::error::Result;
use crate::recipe::Signs;

/// How many more rows below are tried before a band grows by more.
const TRIES: usize = 8;

/// Some rows of a network's input, as an image of its own.
pub(super) struct Band {
    /// The encoder's layers over those rows; the decoder is none of the whole network's.
    pub(super) network: Network,
    /// The rows.
    pub(super) rows: Range<usize>,
    /// The row of the whole code that the band's first one is.
    pub(super) first: usize,
}

/// The layers of a network, to be cut into bands.
pub(super) struct Layers {
    isa: Isa,
    whole: Network,
    signs: Signs,
    /// The rows of each layer's tiles, 1 where it is not computed by tiles.
    sides: Vec<usize>,
    /// The rows of the input of which a band's first one is a multiple: strides and tiles begin there.
    align: usize,
    /// The rows of the input for a row of the code.
    stride: usize,
}

impl Layers {
    /// The layers of a network for images of this shape, for features of these signs.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) if the layers do not fit such images.
    pub(super) fn new(isa: Isa, network: &Network, signs: Signs) -> Result<Self> {
        let whole = with_rows(network, network.input().height)?;
        let (mut sides, mut align, mut stride) = (Vec::new(), 1usize, 1usize);
        for layer in whole.layers() {
            let side = Encoder::tiling(isa, &layer).map_or(1, |tiling| tiling.rows);
            stride = stride.saturating_mul(layer.conv.stride.height);
            align = common_multiple(align, stride.saturating_mul(side));
            sides.push(side.max(1));
        }
        Ok(Self { isa, whole, signs, sides, align, stride })
    }

    /// The whole code's shape.
    pub(super) fn code(&self) -> Shape {
        self.signs.code(self.whole.code())
    }

    /// The network over the whole input, with the decoder of a band's.
    pub(super) fn whole(&self) -> &Network {
        &self.whole
    }

    /// The rows that the code's tiles have.
    pub(super) fn side(&self) -> usize {
        self.sides.last().copied().unwrap_or(1)
    }

    /// How many rows of the code may be computed at a time within `most` numbers of memory; at least one.
    pub(super) fn rows_within(&self, most: usize) -> Result<usize> {
        let height = self.code().height;
        let mut rows = height;
        while rows > 1 {
            // In the middle, where a band needs rows above and below.
            let start = (height - rows) / 2;
            let band = self.band(start..start + rows)?;
            if self.numbers(&band) <= most {
                break;
            }
            rows = rows.div_ceil(2);
        }
        let whole_tiles = rows - rows % self.side();
        Ok(if rows == height || whole_tiles == 0 { rows } else { whole_tiles })
    }

    /// The numbers that encoding a band needs, its input included.
    fn numbers(&self, band: &Band) -> usize {
        let network = &band.network;
        let own = network.input().len() + network.inputs_len() + self.signs.code(network.code()).len();
        own.saturating_add(Encoder::scratch_len(self.isa, network))
    }

    /// The band from which the rows `wanted` of the code come out as from the whole image.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) if the core refuses even the whole image.
    pub(super) fn band(&self, wanted: Range<usize>) -> Result<Band> {
        let height = self.whole.input().height;
        let needed = self.needed(&wanted);
        let mut more = 0usize;
        loop {
            let start = needed.start.saturating_sub(more);
            let start = start - start % self.align.max(1);
            for below in 0..TRIES {
                let end = needed.end.saturating_add(more).saturating_add(below).min(height);
                if let Some(band) = self.fitting(start..end, &wanted) {
                    return Ok(band);
                }
            }
            if start == 0 && needed.end.saturating_add(more) >= height {
                return Ok(Band { network: with_rows(&self.whole, height)?, rows: 0..height, first: 0 });
            }
            more = more.saturating_mul(2).max(self.align);
        }
    }

    /// The band of these rows, if the rows `wanted` come out of it as from the whole image.
    fn fitting(&self, rows: Range<usize>, wanted: &Range<usize>) -> Option<Band> {
        let network = with_rows(&self.whole, rows.end - rows.start).ok()?;
        // Prepared filters of the same length for the same tiles: the same algorithm.
        let algorithm = |layer: &Layer| {
            let tiling = Encoder::tiling(self.isa, layer);
            tiling.map(|tiling| (tiling.rows, tiling.columns, tiling.panel_len))
        };
        let same = self.whole.layers().zip(network.layers()).all(|(a, b)| algorithm(&a) == algorithm(&b));
        let right = self.right(&rows);
        let fits = same && right.start <= wanted.start && wanted.end <= right.end;
        fits.then(|| Band { network, first: rows.start / self.stride.max(1), rows })
    }

    /// The rows of the input that the rows `wanted` of the code are computed from.
    fn needed(&self, wanted: &Range<usize>) -> Range<usize> {
        let layers: Vec<Layer> = self.whole.layers().collect();
        layers.iter().zip(&self.sides).rev().fold(wanted.clone(), |rows, (layer, side)| {
            let (kernel, stride) = (layer.conv.kernel.height, layer.conv.stride.height);
            let above = (kernel - 1) / 2;
            let (first, last) = (rows.start - rows.start % side, rows.end.next_multiple_of(*side) - 1);
            let start = (first * stride).saturating_sub(above);
            let end = (last * stride + kernel).saturating_sub(above);
            start..end.min(layer.input.height)
        })
    }

    /// The rows of the code that come out of a band of these rows as from the whole image.
    fn right(&self, rows: &Range<usize>) -> Range<usize> {
        self.whole.layers().zip(&self.sides).fold(rows.clone(), |rows, (layer, side)| {
            let (kernel, stride) = (layer.conv.kernel.height, layer.conv.stride.height);
            let above = (kernel - 1) / 2;
            let start = if rows.start == 0 {
                0
            } else {
                (rows.start + above).div_ceil(stride).next_multiple_of(*side)
            };
            let end = if rows.end >= layer.input.height {
                layer.output().height
            } else {
                let after = (rows.end + above).checked_sub(kernel).map_or(0, |last| last / stride + 1);
                after - after % side
            };
            start..end
        })
    }
}

/// The layers of a network over images of so many rows, with a decoder of one pixel: a band may be smaller
/// than the network's own decoder.
fn with_rows(network: &Network, rows: usize) -> Result<Network> {
    let mut convs = [Conv::new(0, Size::ONE); MAX_LAYERS];
    convs.iter_mut().zip(network.layers()).for_each(|(to, layer)| *to = layer.conv);
    let convs = convs.get(..network.depth()).unwrap_or_default();
    let input = Shape { height: rows, ..network.input() };
    Ok(Network::convolutional(input, convs, Size::ONE)?)
}

/// The least common multiple.
fn common_multiple(a: usize, b: usize) -> usize {
    let (mut divisor, mut rest) = (a.max(1), b.max(1));
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    (a.max(1) / divisor).saturating_mul(b.max(1))
}

//! The encoder's forward pass: `image -> hidden maps -> dense code`.
//!
//! Training and inference run the same code. What a block of images needs lies layer by layer: the padded
//! images, then the padded maps of the first layer, and so on ([`Inputs`]); a microcontroller uses blocks of
//! one image.

use crate::error::{Error, Result, expect_finite, expect_len};
use crate::field::{OutputLayout, ReceptiveFields};
use crate::kernels::{Kernels, Tiling};
use crate::limits::flush;
use crate::memory::{part, part_mut, quotient};
use crate::network::{Layer, Network};
use crate::parameters::{Filters, Parameters};
use crate::runs::{pieces, runs, runs_mut};
use crate::shape::{Size, div_ceil};

/// Where the input of each layer lies in the buffer of a block of images.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    network: Network,
    images: usize,
    values: &'a [f32],
}

impl<'a> Inputs<'a> {
    /// A view of the buffer of a block of `images` images.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] unless it has `images` times [`Network::inputs_len`] numbers.
    pub fn new(network: Network, images: usize, values: &'a [f32]) -> Result<Self> {
        expect_len("layer inputs", images.saturating_mul(network.inputs_len()), values.len())?;
        Ok(Self { network, images, values })
    }

    /// The padded input of layer `layer` for image `image` of the block.
    pub fn of(&self, layer: usize, image: usize) -> &'a [f32] {
        let len = self.network.layer(layer).map_or(0, |layer| layer.padded().len());
        // Wherever the image is said to be, it is found in the buffer or nowhere.
        let start = self.images.saturating_mul(self.network.input_start(layer));
        part(self.values, start.saturating_add(image.saturating_mul(len)), len)
    }
}

/// Filters of one panel to be laid out as the kernels want them; see [`Encoder::preparations`].
#[derive(Debug)]
pub struct Preparation<'a> {
    fields: ReceptiveFields,
    /// The layer's maps, where it is computed by tiles.
    tiled: Option<usize>,
    weights: &'a [f32],
    prepared: &'a mut [f32],
}

impl Preparation<'_> {
    /// Does it.
    pub fn run<K: Kernels>(self, kernels: K) {
        match self.tiled {
            Some(maps) => kernels.prepare_tiles(&self.fields, maps, self.weights, self.prepared),
            None => kernels.prepare(self.weights, self.fields.len(), self.prepared),
        }
    }
}

/// See [`Encoder::tiling`]. A kernel with a stride may look like one of more channels without a stride, and
/// not any more when rows and columns change places ([`Network::turned`]), which must not change a bit.
pub(crate) fn tiling<K: Kernels>(kernels: K, layer: &Layer) -> Option<Tiling> {
    let tiling = kernels.tiling(&layer.receptive_fields(), layer.conv.maps);
    tiling.filter(|_| layer.conv.stride == Size::ONE)
}

fn layer_prepared_len<K: Kernels>(kernels: K, layer: &Layer) -> usize {
    match tiling(kernels, layer) {
        Some(tiling) => tiling.prepared_len,
        None => kernels.prepared_len(layer.conv.maps, layer.filter_len()),
    }
}

/// An encoder ready to run: kernels, parameters, and the filters as the kernels want them.
#[derive(Clone, Copy, Debug)]
pub struct Encoder<'a, K> {
    kernels: K,
    parameters: Parameters<'a>,
    prepared: &'a [f32],
}

impl<'a, K: Kernels> Encoder<'a, K> {
    /// Length of the buffer that [`Encoder::new`] fills; 0 for the scalar kernels.
    pub fn prepared_len(kernels: K, network: &Network) -> usize {
        network.each_layer().map(|layer| layer_prepared_len(kernels, &layer)).sum()
    }

    /// How an encoder computes a layer by tiles, where it does: layers without strides, if the kernels have
    /// tiles for them ([`Kernels::tiling`]).
    pub fn tiling(kernels: K, layer: &Layer) -> Option<Tiling> {
        tiling(kernels, layer)
    }

    /// Length of the scratch memory that encoding needs; 0 for the scalar kernels.
    pub fn scratch_len(kernels: K, network: &Network) -> usize {
        network
            .each_layer()
            .filter_map(|layer| tiling(kernels, &layer))
            .map(|t| t.scratch_len)
            .max()
            .unwrap_or(0)
    }

    /// Prepares the filters. To be done again whenever the parameters have changed.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] unless `prepared` is [`Encoder::prepared_len`] long.
    pub fn new(kernels: K, parameters: Parameters<'a>, prepared: &'a mut [f32]) -> Result<Self> {
        Self::preparations(kernels, parameters, prepared)?.for_each(|preparation| preparation.run(kernels));
        Self::prepared(kernels, parameters, prepared)
    }

    /// The preparation of the filters in parts that may be done in any order, or at the same time.
    ///
    /// # Errors
    ///
    /// As for [`Encoder::new`].
    pub fn preparations<'p>(
        kernels: K,
        parameters: Parameters<'p>,
        prepared: &'p mut [f32],
    ) -> Result<impl Iterator<Item = Preparation<'p>>> {
        let network = parameters.network();
        expect_len("prepared filters", Self::prepared_len(kernels, &network), prepared.len())?;
        let mut rest = prepared;
        Ok(network.layers().enumerate().flat_map(move |(index, layer)| {
            let fields = layer.receptive_fields();
            let tiling = tiling(kernels, &layer);
            let maps = tiling.map_or(kernels.panel_maps(), |tiling| tiling.panel_maps).max(1);
            let (place, more) = core::mem::take(&mut rest)
                .split_at_mut_checked(layer_prepared_len(kernels, &layer))
                .unwrap_or_default();
            rest = more;
            let panel_len = quotient(place.len(), div_ceil(layer.conv.maps, maps));
            let weights = pieces(parameters.filters(index).weights, maps * layer.filter_len());
            weights.zip(runs_mut(place, panel_len)).map(move |(weights, prepared)| Preparation {
                fields,
                tiled: tiling.map(|_| layer.conv.maps),
                weights,
                prepared,
            })
        }))
    }

    /// An encoder whose [`Encoder::preparations`] have all been done.
    ///
    /// # Errors
    ///
    /// As for [`Encoder::new`].
    pub fn prepared(kernels: K, parameters: Parameters<'a>, prepared: &'a [f32]) -> Result<Self> {
        expect_len("prepared filters", Self::prepared_len(kernels, &parameters.network()), prepared.len())?;
        Ok(Self { kernels, parameters, prepared })
    }

    /// The kernels.
    pub fn kernels(&self) -> K {
        self.kernels
    }

    /// The network.
    pub fn network(&self) -> Network {
        self.parameters.network()
    }

    /// The network, in place.
    pub(crate) const fn network_ref(&self) -> &Network {
        self.parameters.network_ref()
    }

    /// The filters of a layer, prepared.
    pub(crate) fn filters(&self, index: usize) -> Filters<'a> {
        let network = self.parameters.network_ref();
        let len_of = |i| network.layer(i).map_or(0, |layer| layer_prepared_len(self.kernels, &layer));
        let start = (0..index).map(len_of).sum();
        Filters { prepared: part(self.prepared, start, len_of(index)), ..self.parameters.filters(index) }
    }

    /// Lays image `image` of a block of `images` out in the block's buffer. Subnormal numbers become 0.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for an image of another size, or an image that is not in the block;
    /// [`Error::NotFinite`] with the index of the first number that is not finite.
    pub fn load(&self, images: usize, image: usize, pixels: &[f32], inputs: &mut [f32]) -> Result<()> {
        let network = self.parameters.network_ref();
        expect_len("image", network.input().len(), pixels.len())?;
        expect_finite("image", pixels)?;
        expect_len("layer inputs", images.saturating_mul(network.inputs_len()), inputs.len())?;
        if image >= images {
            return Err(Error::Invalid("an image lies outside its block"));
        }
        if let Some(layer) = network.layer(0) {
            let padded = layer.padded();
            let inputs = part_mut(inputs, image.saturating_mul(padded.len()), padded.len());
            padded.fill(pixels, inputs);
            padded.rows_mut(inputs).for_each(flush);
        }
        Ok(())
    }

    /// Runs all layers but the last over a loaded block: fills the hidden layers' maps.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] unless `inputs` is `images` times [`Network::inputs_len`] long and `scratch` is
    /// [`Encoder::scratch_len`] long.
    pub fn hidden(&self, images: usize, inputs: &mut [f32], scratch: &mut [f32]) -> Result<()> {
        (1..self.network_ref().depth())
            .try_for_each(|index| self.hidden_layer(index, images, inputs, scratch))
    }

    /// Runs layer `index - 1` over a block: fills the padded input of layer `index`, which is not the first.
    ///
    /// # Errors
    ///
    /// As for [`Encoder::hidden`].
    pub fn hidden_layer(
        &self,
        index: usize,
        images: usize,
        inputs: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<()> {
        let network = self.parameters.network_ref();
        expect_len("layer inputs", images.saturating_mul(network.inputs_len()), inputs.len())?;
        expect_len("scratch", Self::scratch_len(self.kernels, network), scratch.len())?;
        let (Some(layer), Some(below)) = (network.layer(index), index.checked_sub(1)) else {
            return Err(Error::Invalid("this network has no such hidden layer"));
        };
        let (lower, upper) =
            inputs.split_at_mut_checked(images * network.input_start(index)).unwrap_or_default();
        let from = lower.get(images * network.input_start(below)..).unwrap_or(&[]);
        let padded = layer.padded();
        let to = part_mut(upper, 0, images * padded.len());
        runs_mut(to, padded.len()).for_each(|map| padded.clear_border(map));
        self.run::<false>(below, images, from, scratch, to);
        Ok(())
    }

    /// Runs the last layer over a block whose hidden maps are filled. `codes` gets the dense codes, image by
    /// image, position by position with the maps side by side.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] unless `codes` is `images` times [`Network::code_len`] long, and `inputs` and
    /// `scratch` as for [`Encoder::hidden`].
    pub fn top(&self, images: usize, inputs: &[f32], scratch: &mut [f32], codes: &mut [f32]) -> Result<()> {
        self.top_of::<false>(images, inputs, scratch, codes)
    }

    /// [`Encoder::top`] of each filter and of its negative: the codes of a network whose last layer has the
    /// negated filters, with the same biases, behind its own. At each position, `max(0, w x + b)` of all
    /// filters `w` comes first, with the bits of [`Encoder::top`], then `max(0, -w x + b)` of all, from the
    /// same products ([`Kernels::convolve_both_signs`]).
    ///
    /// # Errors
    ///
    /// As for [`Encoder::top`], but that `codes` is twice as long.
    pub fn top_both_signs(
        &self,
        images: usize,
        inputs: &[f32],
        scratch: &mut [f32],
        codes: &mut [f32],
    ) -> Result<()> {
        self.top_of::<true>(images, inputs, scratch, codes)
    }

    // A constant, here and below, so that a program without both signs does not hold their code.
    fn top_of<const BOTH: bool>(
        &self,
        images: usize,
        inputs: &[f32],
        scratch: &mut [f32],
        codes: &mut [f32],
    ) -> Result<()> {
        let network = self.parameters.network_ref();
        expect_len("layer inputs", images.saturating_mul(network.inputs_len()), inputs.len())?;
        expect_len("scratch", Self::scratch_len(self.kernels, network), scratch.len())?;
        let code_len = network.code_len().saturating_mul(signs(BOTH));
        expect_len("codes", images.saturating_mul(code_len), codes.len())?;
        let last = network.depth() - 1;
        let start = images * network.input_start(last);
        self.run::<BOTH>(last, images, part(inputs, start, inputs.len() - start), scratch, codes);
        Ok(())
    }

    /// Layer `index` over a block: `from` holds its padded inputs, `to` takes the next layer's, or of the
    /// last layer the code, which may be of both signs.
    fn run<const BOTH: bool>(
        &self,
        index: usize,
        images: usize,
        from: &[f32],
        scratch: &mut [f32],
        to: &mut [f32],
    ) {
        let network = self.parameters.network_ref();
        let Some(layer) = network.layer(index) else { return };
        let (fields, filters) = (layer.receptive_fields(), self.filters(index));
        let OutputLayout { start, row_stride, step } = network.output_layout(index);
        let output_layout =
            OutputLayout { start, row_stride: row_stride * signs(BOTH), step: step * signs(BOTH) };
        if fields.positions() == 1 && layer.input.positions() == 1 {
            // Fully connected: the images of the block are the positions of one wide convolution.
            let fields = ReceptiveFields { width: images, step_right: layer.padded().len(), ..fields };
            let output_layout = OutputLayout { step: layer.conv.maps * signs(BOTH), ..output_layout };
            if BOTH {
                self.kernels.convolve_both_signs(&fields, filters, from, output_layout, to);
            } else {
                self.kernels.convolve(&fields, filters, from, output_layout, to);
            }
            return;
        }
        let to_len = match network.layer(index + 1) {
            Some(next) => next.padded().len(),
            None => network.code_len() * signs(BOTH),
        };
        let tiled = tiling(self.kernels, &layer).is_some();
        for (from, to) in runs(from, layer.padded().len()).zip(runs_mut(to, to_len)) {
            match (tiled, BOTH) {
                (true, false) => {
                    self.kernels.convolve_tiles(&fields, filters, from, output_layout, scratch, to);
                }
                (false, false) => self.kernels.convolve(&fields, filters, from, output_layout, to),
                (true, true) => {
                    self.kernels.convolve_tiles_both_signs(
                        &fields,
                        filters,
                        from,
                        output_layout,
                        scratch,
                        to,
                    );
                }
                (false, true) => {
                    self.kernels.convolve_both_signs(&fields, filters, from, output_layout, to);
                }
            }
        }
    }
}

/// How many maps of a code a filter has.
const fn signs(both: bool) -> usize {
    if both { 2 } else { 1 }
}

//! The encoder's forward pass: `image -> hidden maps -> dense code`.
//!
//! Training and inference run the same code. What a block of images needs lies layer by layer: the bordered
//! images, then the bordered maps of the first layer, and so on ([`Inputs`]); a microcontroller uses blocks of
//! one image.

use crate::error::{Error, Result, expect_finite, expect_len};
use crate::field::Placement;
use crate::kernels::Kernels;
use crate::math::inference;
use crate::network::Network;
use crate::parameters::{Filters, Parameters, part, part_mut};

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
        expect_len("layer inputs", images * network.inputs_len(), values.len())?;
        Ok(Self { network, images, values })
    }

    /// The bordered input of layer `layer` for image `image` of the block.
    pub fn of(&self, layer: usize, image: usize) -> &'a [f32] {
        let len = self.network.layer(layer).map_or(0, |layer| layer.bordered().len());
        part(self.values, self.images * self.network.input_start(layer) + image * len, len)
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
        network.layers().map(|layer| kernels.prepared_len(layer.conv.maps, layer.filter_len())).sum()
    }

    /// Prepares the filters. To be done again whenever the parameters have changed.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] unless `prepared` is [`Encoder::prepared_len`] long.
    pub fn new(kernels: K, parameters: Parameters<'a>, prepared: &'a mut [f32]) -> Result<Self> {
        let network = parameters.network();
        expect_len("prepared filters", Self::prepared_len(kernels, &network), prepared.len())?;
        let mut rest = &mut *prepared;
        for (index, layer) in network.layers().enumerate() {
            let len = kernels.prepared_len(layer.conv.maps, layer.filter_len());
            let Some((place, more)) = rest.split_at_mut_checked(len) else { break };
            kernels.prepare(parameters.filters(index).weights, layer.filter_len(), place);
            rest = more;
        }
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

    fn filters(&self, index: usize) -> Filters<'a> {
        let network = self.network();
        let len_of = |i| {
            let layer = network.layer(i);
            layer.map_or(0, |layer| self.kernels.prepared_len(layer.conv.maps, layer.filter_len()))
        };
        let start = (0..index).map(len_of).sum();
        Filters { prepared: part(self.prepared, start, len_of(index)), ..self.parameters.filters(index) }
    }

    /// Lays image `image` of a block of `images` out in the block's buffer.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] for an image of another size, or an image that is not in the block;
    /// [`Error::NotFinite`] with the index of the first such element.
    pub fn load(&self, images: usize, image: usize, pixels: &[f32], inputs: &mut [f32]) -> Result<()> {
        let network = self.network();
        expect_len("image", network.input().len(), pixels.len())?;
        expect_finite("image", pixels)?;
        expect_len("layer inputs", images * network.inputs_len(), inputs.len())?;
        if image >= images {
            return Err(Error::Invalid("an image lies outside its block"));
        }
        if let Some(layer) = network.layer(0) {
            let bordered = layer.bordered();
            bordered.fill(pixels, part_mut(inputs, image * bordered.len(), bordered.len()));
        }
        Ok(())
    }

    /// Runs all layers but the last over a loaded block: fills the hidden layers' maps.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] unless `inputs` is `images` times [`Network::inputs_len`] long.
    pub fn hidden(&self, images: usize, inputs: &mut [f32]) -> Result<()> {
        let network = self.network();
        expect_len("layer inputs", images * network.inputs_len(), inputs.len())?;
        for index in 1..network.depth() {
            let (below, above) =
                inputs.split_at_mut_checked(images * network.input_start(index)).unwrap_or_default();
            let from = part(
                below,
                images * network.input_start(index - 1),
                below.len() - images * network.input_start(index - 1),
            );
            let len = images * network.layer(index).map_or(0, |layer| layer.bordered().len());
            let to = part_mut(above, 0, len);
            to.fill(0.0);
            self.run(index - 1, images, from, to);
        }
        Ok(())
    }

    /// Runs the last layer over a block whose hidden maps are filled: `codes` gets, image by image, the dense
    /// code, position by position with the maps side by side.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] unless `codes` is `images` times [`Network::code_len`] long, and `inputs` as for
    /// [`Encoder::hidden`].
    pub fn top(&self, images: usize, inputs: &[f32], codes: &mut [f32]) -> Result<()> {
        let network = self.network();
        expect_len("layer inputs", images * network.inputs_len(), inputs.len())?;
        expect_len("codes", images * network.code_len(), codes.len())?;
        let last = network.depth() - 1;
        let start = images * network.input_start(last);
        self.run(last, images, part(inputs, start, inputs.len() - start), codes);
        Ok(())
    }

    /// Layer `index` over a block: `from` holds its bordered inputs, `to` takes the next layer's.
    fn run(&self, index: usize, images: usize, from: &[f32], to: &mut [f32]) {
        let network = self.network();
        let Some(layer) = network.layer(index) else { return };
        let (fields, filters, placement) = (layer.fields(), self.filters(index), network.placement(index));
        if fields.positions() == 1 && layer.input.positions() == 1 {
            // Fully connected: the images of the block are the positions of one wide convolution.
            let fields = crate::Fields { width: images, step_right: layer.bordered().len(), ..fields };
            let placement = Placement { step: layer.conv.maps, ..placement };
            self.kernels.convolve(&fields, filters, from, placement, to);
            return;
        }
        let to_len = match network.layer(index + 1) {
            Some(next) => next.bordered().len(),
            None => network.code_len(),
        };
        for (from, to) in
            from.chunks_exact(layer.bordered().len().max(1)).zip(to.chunks_exact_mut(to_len.max(1)))
        {
            self.kernels.convolve(&fields, filters, from, placement, to);
        }
    }
}

/// Scales a feature vector to norm 1, or leaves it when it is 0 throughout; uses the inference square root, so
/// that the `micromath` feature makes it approximate.
pub fn unit_norm(features: &mut [f32]) {
    let square: f32 = features.iter().map(|v| v * v).sum();
    if square > 0.0 {
        let scale = 1.0 / inference::sqrt(square);
        features.iter_mut().for_each(|v| *v *= scale);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn unit_norm_is_within_the_stated_error() {
        let bound = if cfg!(feature = "micromath") { 0.07 } else { 1e-6 };
        let mut features = [3.0, 0.0, 4.0, 12.0];
        super::unit_norm(&mut features);
        let norm: f32 = features.iter().map(|v| v * v).sum();
        assert!((norm.sqrt() - 1.0).abs() <= bound && (features[3] / features[0] - 4.0).abs() < 1e-5);
        let mut nothing = [0.0; 3];
        super::unit_norm(&mut nothing);
        assert_eq!(nothing, [0.0; 3]);
    }
}

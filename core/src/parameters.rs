//! The flat parameter vector: views, regions, initial values.
//!
//! First come the encoder's layers: of each its filters (kernel height x kernel width x input channels each)
//! and its biases, one per map. Then come the atoms of the dictionary (kernel height x kernel width x image
//! channels each), one per map of the code; none when tied. The decoder's bias is last, one number per image
//! channel. A survivor reads and updates one map's filter and atom; each of them is contiguous.

use core::ops::Range;

use heapless::Vec;

use crate::error::{Error, Result, expect_finite, expect_len};
use crate::math;
use crate::memory::part;
use crate::network::{MAX_LAYERS, Network};
use crate::random::Random;

/// What the numbers of a [`Region`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Role {
    /// The filters of an encoder layer.
    Filters {
        /// Which layer, from 0.
        layer: usize,
    },
    /// The biases of an encoder layer.
    Bias {
        /// Which layer, from 0.
        layer: usize,
    },
    /// The dictionary's atoms.
    Atoms,
    /// The decoder's bias.
    DecoderBias,
}

impl Role {
    /// Whether weight decay applies: to filters and atoms, not to biases.
    pub const fn decays(&self) -> bool {
        matches!(self, Self::Filters { .. } | Self::Atoms)
    }
}

/// A run of the flat parameter vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// What lies there.
    pub role: Role,
    /// Where.
    pub range: Range<usize>,
}

/// The regions of a network, in the order of the flat vector.
pub type Regions = Vec<Region, { 2 * MAX_LAYERS + 2 }>;

impl Network {
    /// What lies where in the flat parameter vector.
    pub fn regions(&self) -> Regions {
        let mut regions = Regions::new();
        for region in self.each_region() {
            // The capacity is the most that MAX_LAYERS layers and a decoder have. `collect` would link a
            // panic.
            let _ = regions.push(region);
        }
        regions
    }

    /// [`Network::regions`] one by one, without a list of them on a small stack.
    pub(crate) fn each_region(&self) -> impl Iterator<Item = Region> {
        let layers = self.each_layer().enumerate().flat_map(|(layer, place)| {
            [(Role::Filters { layer }, place.filters_len()), (Role::Bias { layer }, place.conv.maps)]
        });
        let atoms = (Role::Atoms, self.decoder().filters_len());
        let decoder = [atoms, (Role::DecoderBias, self.input().channels)];
        let mut start = 0;
        layers.chain(decoder.into_iter().skip(usize::from(self.is_tied()))).map(move |(role, len)| {
            let range = start..start + len;
            start = range.end;
            Region { role, range }
        })
    }

    /// Fills the flat parameter vector: filters and atoms at random, biases 0.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] when `parameters` is not [`Network::parameters_len`] long.
    pub fn initialise(&self, initial: Initial, seed: u64, parameters: &mut [f32]) -> Result<()> {
        expect_len("parameters", self.parameters_len(), parameters.len())?;
        let mut random = Random::new(seed);
        for region in self.each_region() {
            let deviation = match region.role {
                Role::Filters { layer } => {
                    let fan_in = self.layer(layer).map_or(1, |layer| layer.filter_len());
                    initial.filter_deviation(fan_in)
                }
                Role::Atoms => initial.atom_deviation(self.decoder().filter_len()),
                Role::Bias { .. } | Role::DecoderBias => 0.0,
            };
            for value in parameters.iter_mut().skip(region.range.start).take(region.range.len()) {
                *value = if deviation > 0.0 { deviation * random.normal() } else { 0.0 };
            }
        }
        Ok(())
    }
}

/// The distribution of the initial filters and atoms; always normal with mean 0.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Initial {
    /// One standard deviation for all of them.
    Normal(f32),
    /// Filters by He et al. (2015): `sqrt(2 / inputs of the filter)`, with which several ReLU layers keep the
    /// scale of the signal. Atoms: `0.01 / sqrt(numbers in the atom)`, a norm of about 0.01.
    ///
    /// An atom that happens to point away from the images pushes its unit down until it has turned round.
    /// Small atoms turn within a step or two. Larger ones do not: at a norm of 1, a quarter of the demo's
    /// units were pushed below their ReLU for good; at 0.1, two of 128 maps on MNIST.
    He,
}

impl Initial {
    fn filter_deviation(self, fan_in: usize) -> f32 {
        match self {
            Self::Normal(deviation) => deviation,
            Self::He => math::sqrt(2.0 / fan_in.max(1) as f32),
        }
    }

    fn atom_deviation(self, atom_len: usize) -> f32 {
        match self {
            Self::Normal(deviation) => deviation,
            Self::He => 0.01 * math::sqrt(1.0 / atom_len.max(1) as f32),
        }
    }
}

/// The filters and biases of one encoder layer.
#[derive(Clone, Copy, Debug)]
pub struct Filters<'a> {
    /// Filter after filter, each kernel height x kernel width x input channels.
    pub weights: &'a [f32],
    /// One per filter.
    pub bias: &'a [f32],
    /// What [`Kernels::prepare`](crate::Kernels::prepare) made of the weights; empty for kernels that need
    /// none.
    pub prepared: &'a [f32],
}

/// A checked view of a flat parameter vector.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a> {
    network: Network,
    values: &'a [f32],
}

impl<'a> Parameters<'a> {
    /// The parameters of `network`.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] when there are not [`Network::parameters_len`] of them.
    pub fn new(network: Network, values: &'a [f32]) -> Result<Self> {
        expect_len("parameters", network.parameters_len(), values.len())?;
        Ok(Self { network, values })
    }

    /// The same, for parameters from outside, each of which must be finite.
    ///
    /// # Errors
    ///
    /// [`Error::Length`], or [`Error::NotFinite`] with the index of the first offending parameter.
    pub fn from_outside(network: Network, values: &'a [f32]) -> Result<Self> {
        expect_finite("parameters", values)?;
        Self::new(network, values)
    }

    /// The parameters of an encoder alone: enough for [`Encoder`](crate::Encoder); whatever needs the decoder
    /// returns an error.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] when there are not [`Network::encoder_len`] of them.
    pub fn without_decoder(network: Network, values: &'a [f32]) -> Result<Self> {
        expect_len("encoder's parameters", network.encoder_len(), values.len())?;
        Ok(Self { network, values })
    }

    /// Those of a checked model, with or without decoder.
    pub(crate) const fn known(network: Network, values: &'a [f32]) -> Self {
        Self { network, values }
    }

    /// Whether the decoder's parameters are there.
    pub fn has_decoder(&self) -> bool {
        self.values.len() == self.network.parameters_len()
    }

    /// `Ok` when the decoder's parameters are there.
    pub(crate) fn expect_decoder(&self) -> Result<()> {
        if self.has_decoder() {
            Ok(())
        } else {
            Err(Error::Invalid("these parameters are an encoder's alone, which cannot reconstruct or learn"))
        }
    }

    /// The network they belong to.
    pub fn network(&self) -> Network {
        self.network
    }

    /// [`Parameters::network`] in place.
    pub(crate) const fn network_ref(&self) -> &Network {
        &self.network
    }

    /// The filters of encoder layer `index`, without anything prepared.
    pub fn filters(&self, index: usize) -> Filters<'a> {
        let start = self.network.layer_start(index);
        let (len, maps) =
            self.network.layer(index).map_or((0, 0), |layer| (layer.filters_len(), layer.conv.maps));
        Filters {
            weights: part(self.values, start, len),
            bias: part(self.values, start + len, maps),
            prepared: &[],
        }
    }

    /// The dictionary's atoms; the encoder's filters when tied. None without decoder.
    pub fn atoms(&self) -> &'a [f32] {
        if !self.has_decoder() {
            return &[];
        }
        if self.network.is_tied() {
            return self.filters(0).weights;
        }
        let end = self.network.decoder_bias_start();
        let len = self.network.decoder().filters_len();
        part(self.values, end - len, len)
    }

    /// The decoder's bias, one per image channel. None without decoder.
    pub fn decoder_bias(&self) -> &'a [f32] {
        part(self.values, self.network.decoder_bias_start(), self.network.input().channels)
    }
}

/// The gradient of a network's loss, as disjoint slices that can be filled independently: by several threads,
/// each with a range of maps.
#[derive(Debug)]
pub struct LayerGradient<'a> {
    /// The filters' gradient.
    pub filters: &'a mut [f32],
    /// The biases' gradient.
    pub bias: &'a mut [f32],
}

impl LayerGradient<'_> {
    /// Sets all of it to 0.
    pub fn clear(&mut self) {
        self.filters.fill(0.0);
        self.bias.fill(0.0);
    }
}

/// See [`LayerGradient`].
#[derive(Debug)]
pub struct Gradients<'a> {
    /// Layer by layer.
    pub layers: Vec<LayerGradient<'a>, MAX_LAYERS>,
    /// The atoms' gradient; empty when tied (it is part of the filters' then).
    pub atoms: &'a mut [f32],
    /// The decoder bias's gradient.
    pub decoder_bias: &'a mut [f32],
}

impl<'a> Gradients<'a> {
    /// Splits a flat gradient vector.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] when it is not [`Network::parameters_len`] long.
    // Not inlined: the caller's frame is that of a whole training.
    #[inline(never)]
    pub fn new(network: &Network, flat: &'a mut [f32]) -> Result<Self> {
        expect_len("gradients", network.parameters_len(), flat.len())?;
        let short = Error::Invalid("the gradient vector does not fit the network");
        let mut layers = Vec::new();
        let mut rest = flat;
        for layer in network.each_layer() {
            let (filters, more) = rest.split_at_mut_checked(layer.filters_len()).ok_or(short)?;
            let (bias, more) = more.split_at_mut_checked(layer.conv.maps).ok_or(short)?;
            layers.push(LayerGradient { filters, bias }).map_err(|_| short)?;
            rest = more;
        }
        let atoms_len = if network.is_tied() { 0 } else { network.decoder().filters_len() };
        let (atoms, decoder_bias) = rest.split_at_mut_checked(atoms_len).ok_or(short)?;
        Ok(Self { layers, atoms, decoder_bias })
    }
}

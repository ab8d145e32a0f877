//! Quantised convolutions, shared with the test that computes the same on the host:
//! tests/tests/firmware/conv_int8.rs.
//!
//! Two layers whose instructions are counted, and many small ones of all shapes.

use wta_core::int8::{Aligned, Int8Extractor, Int8Kernels, Int8Network, Int8Weights, packed_len};
use wta_core::{Conv, Error, Network, Pool, Random, Result, Shape, Size};

/// Rows and columns of the images, as in MNIST.
const SIDE: usize = 28;

/// A layer with this kernel, as a network.
const fn layer(channels: usize, maps: usize) -> Network {
    let input = Shape::new(channels, SIDE, SIDE);
    match Network::convolutional(input, &[Conv::new(maps, Size::square(5))], Size::ONE) {
        Ok(network) => network,
        Err(_) => panic!("not a network"),
    }
}

/// The layers that are measured: the first and the second of 16conv5-16conv5.
pub(crate) const MEASURED: [Network; 2] = [layer(1, 16), layer(16, 16)];

/// Memory for any of the layers, small ones included.
#[derive(Debug)]
pub(crate) struct Memory {
    image: [u8; 16 * SIDE * SIDE],
    plain: [i8; 6400],
    weights: Aligned<[i8; 6400]>,
    bias: [i32; 16],
    multipliers: [i32; 16],
    working: Aligned<[i16; 5000]>,
}

impl Memory {
    /// Nothing yet.
    pub(crate) const fn new() -> Self {
        Self {
            image: [0; _],
            plain: [0; _],
            weights: Aligned([0; _]),
            bias: [0; _],
            multipliers: [0; _],
            working: Aligned([0; _]),
        }
    }

    /// Random weights and a random image for a layer.
    fn fill(&mut self, network: &Network, seed: u64) -> Result<()> {
        let mut random = Random::new(seed);
        self.image.iter_mut().for_each(|pixel| *pixel = random.next_u64() as u8);
        self.plain.iter_mut().for_each(|weight| *weight = random.next_u64() as i8);
        let filter_len = network.top().filter_len();
        // Sums are about 2^13 times the root of their terms, so that the outputs are spread over 0 to 255.
        let mut shift = 19;
        while filter_len >> (2 * (20 - shift)) > 0 {
            shift -= 1;
        }
        for (bias, multiplier) in self.bias.iter_mut().zip(&mut self.multipliers) {
            *bias = (random.next_u64() % 65_536) as i32 - 32_768;
            *multiplier = ((1 << shift) + random.next_u64() % (1 << shift)) as i32;
        }
        let plain = self.plain.get(..network.top().filters_len()).unwrap_or_default();
        let packed = self.weights.0.get_mut(..packed_len(network.top().conv.maps, filter_len));
        Int8Weights::pack(plain, filter_len, packed.unwrap_or_default())
    }

    /// The filled layer with these kernels: calls `measured` around the whole, and returns a checksum of its
    /// outputs.
    pub(crate) fn checksum<K: Int8Kernels>(
        &mut self,
        kernels: K,
        network: &Network,
        seed: u64,
        measured: impl FnOnce(&mut dyn FnMut() -> Result<()>) -> Result<()>,
    ) -> Result<u32> {
        self.fill(network, seed)?;
        let layer = network.top();
        let packed = self.weights.0.get(..packed_len(layer.conv.maps, layer.filter_len()));
        let len = Int8Extractor::<K>::memory_len(network, &Pool::NONE);
        let memory = self.working.0.get_mut(..len).unwrap_or_default();
        let network = Int8Network::new(
            *network,
            packed.unwrap_or_default(),
            self.bias.get(..layer.conv.maps).unwrap_or_default(),
            self.multipliers.get(..layer.conv.maps).unwrap_or_default(),
        )?;
        let mut extractor = Int8Extractor::new(kernels, network, Pool::NONE, false, memory)?;
        let image = self.image.get(..layer.input.len()).unwrap_or_default();
        let mut checksum = 0x811c_9dc5_u32;
        measured(&mut || extractor.for_each_row(image, |_, _| {}))?;
        extractor.for_each_row(image, |_, row| {
            for activation in row {
                checksum = (checksum ^ u32::from(activation.unsigned_abs())).wrapping_mul(0x0100_0193);
            }
        })?;
        Ok(checksum)
    }
}

/// A small layer of any shape that [`Memory`] is large enough for.
pub(crate) fn small(seed: u64) -> Result<Network> {
    let mut random = Random::new(seed);
    let mut between = |low: u64, high: u64| (low + random.next_u64() % (high - low + 1)) as usize;
    // Of every two, one whose rows are whole words.
    let channels = if seed.is_multiple_of(2) { 2 * between(1, 4) } else { between(1, 7) };
    let (height, width) = (between(1, 9), between(1, 11));
    let kernel = Size::new(between(1, 5).min(height), between(1, 5).min(width));
    let stride = Size::new(between(1, 3), between(1, 3));
    let conv = Conv::with_stride(between(1, 5), kernel, stride);
    Network::convolutional(Shape::new(channels, height, width), &[conv], Size::ONE)
}

/// Numbers of [`products`].
const LONGEST: u64 = 40;

/// The other kernels on random numbers, of random lengths and from any address: their outputs' checksum.
pub(crate) fn products<K: Int8Kernels>(kernels: K, seed: u64) -> Result<u32> {
    let mut random = Random::new(seed);
    let (len, filters) = ((random.next_u64() % LONGEST) as usize + 1, (random.next_u64() % 7) as usize + 1);
    let mut weights = Aligned([0i8; 8 * (LONGEST as usize + 4)]);
    weights.0.iter_mut().for_each(|weight| *weight = random.next_u64() as i8);
    let (mut from, mut to) = (Aligned([0i16; LONGEST as usize + 1]), Aligned([0i16; LONGEST as usize + 1]));
    let mut sums = [0i32; 8];
    from.0.iter_mut().chain(&mut to.0).for_each(|v| *v = (random.next_u64() % 511) as i16 - 255);
    sums.iter_mut().for_each(|sum| *sum = (random.next_u64() >> 40) as i32);
    let start = (random.next_u64() % 2) as usize;
    let (Some(from), Some(to)) = (from.0.get(start..start + len), to.0.get_mut(1 - start..1 - start + len))
    else {
        return Err(Error::Invalid("the numbers do not reach"));
    };
    let packed = weights.0.get(..packed_len(filters, len)).unwrap_or_default();
    kernels.accumulate(
        &Int8Weights::new(packed, filters, len)?,
        from,
        sums.get_mut(..filters).unwrap_or_default(),
    );
    kernels.max(from, to);
    let numbers = sums.iter().map(|sum| *sum as u32).chain(to.iter().map(|v| u32::from(v.unsigned_abs())));
    Ok(numbers.fold(0x811c_9dc5, |hash, v| (hash ^ v).wrapping_mul(0x0100_0193)))
}

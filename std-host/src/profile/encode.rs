//! The dense codes of a batch of images, on all threads: the cost of encoding without pooling.

use rayon::prelude::*;
use wta_core::{Encoder, Kernels, Network};

use crate::error::Result;
use crate::memory::aligned::Aligned;
use crate::memory::block::block_len;
use crate::memory::per_thread::PerThread;

/// Memory for the dense codes of a batch, allocated once so that only encoding is measured.
pub struct Codes {
    network: Network,
    /// The number of images that are encoded together.
    block: usize,
    /// One per thread.
    scratch: PerThread<Scratch>,
    values: Aligned,
}

/// The layer inputs of a block, and the encoder's scratch memory.
struct Scratch {
    inputs: Aligned,
    encoding: Aligned,
}

impl Codes {
    /// Allocates the memory for `images` images and for the threads of the current pool.
    pub fn new<K: Kernels>(kernels: K, network: Network, images: usize) -> Self {
        // In a fully-connected network, each thread gets the same share of a small batch.
        let share = images.div_ceil(rayon::current_num_threads()).min(2 * block_len(&network));
        let block = if network.is_fully_connected() { share.max(1) } else { 1 };
        let scratch = || {
            let inputs = Aligned::zeros(block * network.inputs_len());
            Scratch { inputs, encoding: Aligned::zeros(Encoder::scratch_len(kernels, &network)) }
        };
        Self {
            network,
            block,
            scratch: PerThread::new(scratch),
            values: Aligned::zeros(images * network.code_len()),
        }
    }

    /// Encodes `images`, one after the other, and returns their codes: image by image, with the maps side by
    /// side at each position.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) if the encoder is of another network, an image is not finite, or
    /// there are too many images.
    pub fn encode<K: Kernels>(&mut self, encoder: &Encoder<'_, K>, images: &[f32]) -> Result<&[f32]> {
        let (network, scratch) = (self.network, &self.scratch);
        let (image_len, code_len) = (network.input().len(), network.code_len());
        let expected = self.values.len() / code_len * image_len;
        if images.len() != expected {
            return Err(wta_core::Error::Length { what: "images", expected, found: images.len() }.into());
        }
        let codes = self.values.par_chunks_mut(self.block * code_len);
        codes.zip(images.par_chunks(self.block * image_len)).try_for_each(|(codes, pixels)| {
            scratch.with(|Scratch { inputs, encoding }| {
                let count = pixels.len() / image_len;
                let inputs = inputs.get_mut(..count * network.inputs_len()).unwrap_or_default();
                for (image, pixels) in pixels.chunks_exact(image_len).enumerate() {
                    encoder.load(count, image, pixels, inputs)?;
                }
                encoder.hidden(count, inputs, encoding)?;
                encoder.top(count, inputs, encoding, codes)
            })
        })?;
        Ok(&self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::cases::noise;
    use wta_core::{Conv, Initial, Parameters, Scalar, Shape, Size};

    /// Compares with the scalar kernels, which encode all images at once on one thread.
    #[test]
    fn blocks_and_threads_give_every_image_its_code() {
        let layers = [Conv::new(5, Size::square(3)), Conv::with_stride(7, Size::new(3, 2), Size::new(2, 1))];
        let conv = Network::convolutional(Shape::new(2, 6, 7), &layers, Size::square(3)).unwrap();
        for network in [conv, Network::fully_connected(11, &[9, 13]).unwrap()] {
            let count = 61;
            let images = noise(network.input(), count);
            let mut parameters = vec![0.0; network.parameters_len()];
            network.initialise(Initial::He, 3, &mut parameters).unwrap();
            let parameters = Parameters::new(network, &parameters).unwrap();
            let encoder = Encoder::new(Scalar, parameters, &mut []).unwrap();
            let mut inputs = vec![0.0; count * network.inputs_len()];
            for (image, pixels) in images.chunks_exact(network.input().len()).enumerate() {
                encoder.load(count, image, pixels, &mut inputs).unwrap();
            }
            let mut expected = vec![0.0; count * network.code_len()];
            encoder.hidden(count, &mut inputs, &mut []).unwrap();
            encoder.top(count, &inputs, &mut [], &mut expected).unwrap();
            assert!(expected.iter().any(|value| *value > 0.0));

            let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
            pool.install(|| {
                let mut codes = Codes::new(Scalar, network, count);
                assert!(codes.encode(&encoder, &images).unwrap() == expected);
                assert!(codes.encode(&encoder, &images).unwrap() == expected, "a second time");
                assert!(codes.encode(&encoder, &images[1..]).is_err());
            });
        }
    }
}

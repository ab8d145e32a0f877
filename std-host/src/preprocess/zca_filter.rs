//! Whitening as a convolution: learnt from patches, or from images of another size.
//!
//! In the middle of a patch, far from its edges, every row of the whitening matrix is the same filter,
//! shifted: the whitened pixel depends on its surroundings and not on its place. The filter of a colour is
//! the middle row of the matrix, cropped to odd sides so that it has a middle pixel. The mean is taken over
//! all places, colour by colour. Beyond its border an image is mirrored, because zeros would look like an
//! edge, which whitening amplifies.

use wta_core::preprocess::mirrored;
use wta_core::{Kernels, PaddedLayout, ReceptiveFields, Shape, Size};
use wta_simd::Isa;

use super::zca::Zca;

/// Whitening by convolution, for images of one shape.
pub(super) struct ZcaFilter {
    isa: Isa,
    image: Shape,
    fields: ReceptiveFields,
    padded: PaddedLayout,
    kernel: Size,
    /// One mean for each colour.
    mean: Vec<f32>,
    /// For each output colour, `kernel rows x columns x colours`.
    filters: Vec<f32>,
}

impl ZcaFilter {
    /// The convolution of a whitening that was learnt from patches of the shape `patch`, for images of the
    /// shape `image` with as many channels.
    pub(super) fn new(isa: Isa, zca: &Zca, patch: Shape, image: Shape) -> Self {
        let odd = |side: usize| side - usize::from(side.is_multiple_of(2));
        let kernel = Size::new(odd(patch.height), odd(patch.width));
        // If a side is even, its middle is the first place of the second half, and the kernel leaves out the
        // first row or column.
        let (top, left) = (patch.height - kernel.height, patch.width - kernel.width);
        let channels = patch.channels.max(1);
        let middle = (patch.height / 2 * patch.width + patch.width / 2) * channels;
        let mut filters = Vec::with_capacity(channels * kernel.height * kernel.width * channels);
        for row in zca.matrix.chunks_exact(patch.len().max(1)).skip(middle).take(channels) {
            for line in row.chunks_exact(patch.width * channels).skip(top) {
                filters.extend_from_slice(line.get(left * channels..).unwrap_or_default());
            }
        }
        let mean = (0..channels).map(|channel| {
            let places = zca.mean.iter().skip(channel).step_by(channels);
            (places.map(|m| f64::from(*m)).sum::<f64>() / patch.positions().max(1) as f64) as f32
        });
        let padded = PaddedLayout::new(image, kernel);
        let fields = ReceptiveFields::new(&padded, Size::ONE);
        Self { isa, image, fields, padded, kernel, mean: mean.collect(), filters }
    }

    /// The rows and the columns of the image that the image with its border shows.
    pub(super) fn border(&self) -> (Vec<usize>, Vec<usize>) {
        let along = |kernel: usize, len: usize| {
            (0..len + kernel - 1).map(|place| mirrored(place, (kernel - 1) / 2, len)).collect()
        };
        (along(self.kernel.height, self.image.height), along(self.kernel.width, self.image.width))
    }

    /// The kernel, a mean for each channel and the filters: output channel, row, column, channel.
    pub(super) fn into_parts(self) -> (Size, Vec<f32>, Vec<f32>) {
        (self.kernel, self.mean, self.filters)
    }

    /// Scratch memory for an image with its border.
    pub(super) fn scratch(&self) -> Vec<f32> {
        vec![0.0; self.padded.len()]
    }

    /// Whitens an image.
    pub(super) fn apply(&self, image: &mut [f32], scratch: &mut [f32]) {
        let Shape { channels, height, width } = self.image;
        let row_len = (width * channels).max(1);
        let (above, before) = ((self.kernel.height - 1) / 2, (self.kernel.width - 1) / 2);
        for (y, row) in scratch.chunks_exact_mut(self.padded.row_stride().max(1)).enumerate() {
            let from = mirrored(y, above, height) * row_len;
            let from = image.get(from..from + row_len).unwrap_or_default();
            for (x, to) in row.chunks_exact_mut(channels.max(1)).enumerate() {
                let pixel = from.iter().skip(mirrored(x, before, width) * channels);
                to.iter_mut().zip(pixel).zip(&self.mean).for_each(|((to, v), mean)| *to = v - mean);
            }
        }
        for (position, to) in image.chunks_exact_mut(channels.max(1)).enumerate() {
            let at = self.fields.at(position);
            for (to, filter) in to.iter_mut().zip(self.filters.chunks_exact(self.fields.len().max(1))) {
                *to = self.isa.field_dot(&self.fields, at, scratch, filter);
            }
        }
    }
}

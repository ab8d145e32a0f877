//! What classifies digits in 8 bits: a quantised network and classifier in flash, and a few rows in RAM.

use wta_core::int8::{Int8Classifier, Int8Extractor, Int8Kernels};
use wta_core::{Conv, Error, Model, Network, Pool, Result, Shape, Size};

const SIDE: usize = 28;
const PIXELS: usize = SIDE * SIDE;

/// Classes of the classifier.
pub(crate) const CLASSES: usize = 10;

/// The network that the model holds, so that its memory is known when the program is linked:
/// `wta recipes mnist-conv16`.
pub(crate) const NETWORK: Network = match Network::convolutional(
    Shape::new(1, SIDE, SIDE),
    &[Conv::new(16, Size::square(5)), Conv::new(16, Size::square(5))],
    Size::square(11),
) {
    Ok(network) => network,
    Err(_) => panic!("not a network"),
};

/// Its pooling.
pub(crate) const POOL: Pool = Pool::square(6, 2);

/// Bytes at a multiple of 16, as a `model.wta` should lie: `include_bytes!` alone may put them anywhere.
#[repr(C, align(16))]
struct Flash<T: ?Sized>(T);

/// The model, in flash.
static MODEL: &Flash<[u8]> = &Flash(*include_bytes!("../../../../fixtures/models/mnist-conv16-int8.wta"));

/// Classifies images of bytes, one after the other, and hands over each one's scores. `rows` is for the
/// extractor, as long as these kernels want it.
pub(crate) fn classify<K: Int8Kernels>(
    kernels: K,
    images: &[u8],
    rows: &mut [i16],
    mut found: impl FnMut([f32; CLASSES]),
) -> Result<()> {
    let model = Model::parse(&MODEL.0)?;
    let (Some(network), Some(svm)) = (model.int8(), model.int8_svm()) else {
        return Err(Error::Invalid("the model needs a network and a classifier, both in 8 bits"));
    };
    let mut sums = [0; CLASSES];
    let extractor = Int8Extractor::new(kernels, network, model.pool(), model.sqrt_features(), rows)?;
    let mut classifier = Int8Classifier::new(extractor, svm, &mut sums)?;
    for image in images.chunks_exact(PIXELS) {
        let mut scores = [0.0; CLASSES];
        scores.iter_mut().zip(classifier.scores(image)?).for_each(|(to, from)| *to = from);
        found(scores);
    }
    Ok(())
}

/// The class with the largest score; of several, the first.
pub(crate) fn largest(scores: &[f32]) -> usize {
    let better = |best: (usize, f32), next: (usize, f32)| if next.1 > best.1 { next } else { best };
    scores.iter().copied().enumerate().fold((0, f32::NEG_INFINITY), better).0
}
